//! The capture holds frames twice.
//!
//! ## What it means
//! The same frame was captured at two places. iotcap counts it once; other tools may take the copies for retransmissions.
//!
//! ## On the wire
//! The same frame twice within microseconds.
//!
//! ## Likely causes
//! 1. Linux's `any` device on a machine that forwards or bridges the traffic.
//! 2. A mirror port that copies both the incoming and the outgoing side.
//!
//! ## What to do
//! * Capture on one interface, or remove the copies: `editcap -d in.pcapng out.pcapng`.
//!
//! ## References
//! * editcap(1), -d

use crate::diagnosis::reading::count;
use crate::diagnosis::{Case, Finding, Rule, Severity};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Note,
    ..Rule::new("duplicate-frames", "CAP007", include_str!("duplicate_frames.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let copies = case.record.tcp.duplicate_frames;
    if copies == 0 {
        return None;
    }
    let message = format!("the capture holds {} of this connection twice", count(copies, "frame"));
    Some(Finding::proven(case.record.first, message).because("the copies came within half a millisecond"))
}
