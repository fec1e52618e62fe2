//! Only one direction was captured.
//!
//! ## What it means
//! The capture holds what one side sent, and that side acknowledges an answer that is not there. Nothing can be said about
//! who answered what.
//!
//! ## On the wire
//! Frames of one side only, with acknowledgments of bytes that the other side must have sent.
//!
//! ## Likely causes
//! 1. A mirror port that copies one direction.
//! 2. A filter that names one address as source or destination.
//! 3. The way back does not pass the capturing machine (asymmetric routing).
//! 4. An interface that shows only what it receives.
//!
//! ## What to do
//! * Mirror both directions, or capture on the client or the server itself.
//! * Use `host` in place of `src host` or `dst host` in the filter.
//!
//! ## References
//! * RFC 9293, 3.4

use crate::diagnosis::reading::count;
use crate::diagnosis::{Case, Finding, Rule, Severity};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Warning,
    forbids_verdict: true,
    supersedes: &["capture-gap", "midstream-start", "capture-ended-first"],
    ..Rule::new("one-direction", "CAP003", include_str!("one_direction.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let side = record.tcp.one_sided?;
    let facts = case.side(side);
    let message = format!("only what the {side} sent was captured");
    Some(
        Finding::proven(record.first, message)
            .with_frame(facts.last_ack)
            .because(format!("{} of the {side}, none of the {}", count(facts.frames, "frame"), side.peer()))
            .because(format!("the {side} acknowledges what the {} sent", side.peer()))
            .because("forbids every conclusion about who answered what"),
    )
}
