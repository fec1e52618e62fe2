//! The capture lacks bytes that the other side received.
//!
//! ## What it means
//! A side acknowledged bytes that were never captured: they were sent, and the capture missed them. What seems not to
//! have been said may have been said there.
//!
//! ## On the wire
//! An acknowledgment beyond all that was seen.
//!
//! ## Likely causes
//! 1. The capturing machine was too slow, or its buffer too small.
//! 2. A mirror port that was given more traffic than it can pass on.
//! 3. Part of the traffic takes another way (several links, asymmetric routing).
//!
//! ## What to do
//! * Capture with a larger buffer and a filter, on a machine that does nothing else.
//! * Capture on the client or the server itself rather than on a mirror port.
//!
//! ## References
//! * Wireshark User's Guide, 7.5 "TCP ACKed unseen segment"; Zeek, missed_bytes

use crate::diagnosis::reading::count;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::evidence::Confidence;
use crate::net::Side;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Warning,
    forbids_verdict: true,
    ..Rule::new("capture-gap", "CAP002", include_str!("capture_gap.rs"), check)
};

/// A session of which less than one part in so many is missing was seen well enough.
const TOLERATED: u64 = 10;

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    if record.tcp.one_sided.is_some() {
        return None;
    }
    let [client, server] = Side::BOTH.map(|side| case.side(side).missed_bytes);
    let at = Side::BOTH.into_iter().filter_map(|side| case.side(side).first_gap).min();
    if client + server == 0 {
        return None;
    }
    let message = format!("the capture lacks {} of this connection", count(client + server, "byte"));
    let finding = Finding::proven(at.unwrap_or(record.last), message)
        .because(format!("acknowledged and never seen: {client} of the client's bytes, {server} of the server's"))
        .because("forbids conclusions from what seems not to have been sent");
    if !case.session_was_seen() {
        return Some(finding);
    }
    let all: u64 = Side::BOTH.into_iter().map(|side| case.side(side).stream_bytes()).sum();
    let much = (client + server).saturating_mul(TOLERATED) > all;
    Some(if much {
        finding.yields_to(Confidence::Likely)
    } else {
        finding.as_severe_as(Severity::Note).allows_verdict()
    })
}
