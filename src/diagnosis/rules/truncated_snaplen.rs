//! The capture holds only the beginning of each frame.
//!
//! ## What it means
//! Frames were cut at a snapshot length. Addresses, times and the order of segments are complete; certificates, names and
//! much of the handshake cannot be read.
//!
//! ## On the wire
//! Frames whose captured length is below their original one.
//!
//! ## Likely causes
//! 1. The capture was made with a small snapshot length (`tcpdump -s 96`, or an old default of 68 bytes).
//!
//! ## What to do
//! * Capture again with full frames: `tcpdump -s 0`, `dumpcap -s 0`.
//!
//! ## References
//! * pcapng, 4.3 (captured and original packet length); tcpdump(1), snaplen

use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::evidence::Confidence;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Warning,
    forbids_verdict: true,
    ..Rule::new("truncated-snaplen", "CAP004", include_str!("truncated_snaplen.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    if !record.tcp.truncated {
        return None;
    }
    let finding = Finding::proven(record.first, "frames were cut when they were captured, and payload is missing")
        .because("forbids conclusions from certificates, names and alerts that could not be read");
    if case.session_was_seen() {
        return Some(finding.as_severe_as(Severity::Note).allows_verdict());
    }
    // What TCP alone tells is whole: a refused connection, a reset of the path.
    let before_tls = record.tcp.client.stream_bytes() == 0;
    Some(finding.yields_to(if before_tls { Confidence::Possible } else { Confidence::Proven }))
}
