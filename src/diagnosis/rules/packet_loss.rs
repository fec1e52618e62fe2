//! Many segments had to be sent again.
//!
//! ## What it means
//! The path loses packets. TCP repairs that, at the cost of time: each loss costs a round trip or a timeout, and timers of
//! the programs above may run out meanwhile.
//!
//! ## On the wire
//! Retransmissions and duplicate acknowledgments, above a share of all segments with data. Retransmissions of what was
//! acknowledged already are not counted: nothing was lost there.
//!
//! ## Likely causes
//! 1. A weak or crowded radio link.
//! 2. A congested link or a queue that is too short.
//! 3. A damaged cable or a duplex mismatch.
//!
//! ## What to do
//! * Compare with a capture at the other end: which direction, and where.
//! * Look at signal strength and error counters of the interfaces.
//! * Use longer timers for connecting and keep-alive on such links.
//!
//! ## References
//! * RFC 6298 (the retransmission timer); RFC 5681, 3.2 (fast retransmit)
//! * Wireshark User's Guide, 7.5 "TCP Analysis"

use crate::diagnosis::reading::count;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::tcp;
use crate::timeline::{CloseHow, Rung};

/// See the head of this file.
pub(super) const RULE: Rule =
    Rule { severity: Severity::Warning, ..Rule::new("packet-loss", "TCP008", include_str!("packet_loss.rs"), check) };

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let tcp = &record.tcp;
    let [client, server] = Side::BOTH.map(|side| resent(tcp.side(side)));
    let again = client + server;
    let segments = tcp.client.data_segments + tcp.server.data_segments;
    // Finding out how large packets may be costs some, as it should.
    let discovery = record.unreachable.as_ref().is_some_and(|error| error.message.is_too_big());
    let enough = again >= u64::from(case.thresholds.loss_segments);
    if !enough || discovery || again * 100 <= segments * u64::from(case.thresholds.loss_percent) {
        return None;
    }
    let percent = again * 100 / segments.max(1);
    let message = format!("{again} of {} with data were sent again ({percent} %)", count(segments, "segment"));
    let finding = Finding::proven(record.last, message)
        .because(format!("sent again: {client} of the client's, {server} of the server's"))
        .because_of(duplicate_acks(tcp));
    let finding = Side::BOTH.into_iter().fold(finding, |finding, side| finding.with_frame(tcp.side(side).last_data));
    if case.session_was_seen() || !gave_up(case) {
        return Some(finding);
    }
    let reading = "somebody gave up for another reason, and the loss has nothing to do with it";
    Some(finding.at_most(Confidence::Possible).as_severe_as(Severity::Error).or_else(reading).stopped_in(case.phase()))
}

/// Segments that were lost: not those that nobody needed, nor those that never got through.
fn resent(facts: &tcp::SideFacts) -> u64 {
    let resends = facts.retransmissions;
    let in_vain = facts.in_flight.map_or(0, |in_flight| u64::from(in_flight.resent));
    (resends.data + resends.fast).saturating_sub(in_vain)
}

fn duplicate_acks(tcp: &tcp::Facts) -> Option<String> {
    let duplicates = tcp.client.duplicate_acks + tcp.server.duplicate_acks;
    (duplicates > 0).then(|| count(duplicates, "duplicate acknowledgment"))
}

/// Whether somebody closed before the work was done, and said nothing about why.
fn gave_up(case: &Case<'_>) -> bool {
    let record = case.record;
    let silent_close = record.timeline.closed.is_some_and(|closed| closed.how != Some(CloseHow::Alert));
    let no_alert = record.tls.as_ref().is_none_or(|tls| tls.alerts.is_empty());
    silent_close && no_alert && record.timeline.reached < Some(Rung::TlsEstablished)
}
