//! The capture begins in the middle of the connection.
//!
//! ## What it means
//! The handshake was not captured, so it cannot be told how long it took, who presented which certificate, or whether the
//! client waited for its CONNACK. What goes wrong in the part that was captured is told all the same.
//!
//! ## On the wire
//! The first frame of the connection has no SYN.
//!
//! ## Likely causes
//! 1. The capture was started after the connection.
//! 2. The connection was idle for so long that it was counted as over, and went on.
//!
//! ## What to do
//! * Start the capture first, then the client; or make the client connect again.
//!
//! ## References
//! * RFC 9293, 3.5 (the handshake)

use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::evidence::Confidence;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Warning,
    forbids_verdict: true,
    ..Rule::new("midstream-start", "CAP001", include_str!("midstream_start.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    if !record.tcp.midstream || record.tcp.one_sided.is_some() {
        return None;
    }
    let message = format!("the capture began in the middle of the connection (frame {})", record.first.frame);
    let finding = Finding::proven(record.first, message)
        .because("the first frame is no SYN")
        .because("forbids conclusions about the handshake, the certificates and the CONNECT");
    Some(if case.session_was_seen() { finding.yields_to(Confidence::Likely) } else { finding })
}
