//! The capture ended before the connection did.
//!
//! ## What it means
//! Nobody had closed the connection when the capture ended. Where it worked until then, nothing is wrong; where it was
//! still being set up, nobody can tell how that went on.
//!
//! ## On the wire
//! No FIN and no RST until the last frame of the capture.
//!
//! ## Likely causes
//! 1. The capture was stopped while the client was connected.
//! 2. A limit of the capture (size, time, number of frames) was reached.
//!
//! ## What to do
//! * Let the capture run until the connection is closed.
//!
//! ## References
//! * RFC 9293, 3.6 (closing)

use crate::connection::Ending;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::evidence::Confidence;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Note,
    forbids_verdict: true,
    ..Rule::new("capture-ended-first", "CAP005", include_str!("capture_ended_first.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    if record.ending != Ending::CaptureEnded || record.timeline.closed.is_some() {
        return None;
    }
    // Where there is nothing to close, others tell why.
    let never_opened = record.tcp.established.is_none() && !record.tcp.midstream && record.tcp.client.syns.count > 1;
    if never_opened {
        return None;
    }
    let reached = record.timeline.reached.map(|rung| format!(" (reached: {})", rung.name())).unwrap_or_default();
    let message = format!("the capture ended before anybody closed{reached}");
    let finding = Finding::proven(record.last, message);
    Some(if case.session_was_seen() {
        finding.allows_verdict()
    } else {
        finding.because("forbids conclusions from what had not come by then").yields_to(Confidence::Likely)
    })
}
