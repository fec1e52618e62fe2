//! Full-size packets vanish on the path.
//!
//! ## What it means
//! Small packets get through and large ones do not, and no router says so. The handshake of TCP and the ClientHello pass;
//! the first large flight, mostly the server's certificates, never arrives.
//!
//! ## On the wire
//! Beside the sender: full-size segments are sent again and again and never acknowledged, while the other side still talks
//! and smaller segments were acknowledged. Beside the receiver: a hole, which duplicate or selective acknowledgments
//! report and nothing fills, though smaller segments behind it came. No ICMP "packet too big".
//!
//! ## Likely causes
//! 1. A tunnel, a VPN or PPPoE makes the packets of the path smaller than 1,500 bytes, and ICMP is filtered.
//! 2. An overlay network with a wrong MTU (VXLAN, WireGuard, Docker).
//!
//! ## What to do
//! * Clamp the MSS at the tunnel: `iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu`.
//! * Let ICMP type 3 code 4 (IPv6: type 2) through; for a test, lower the MTU: `ip link set dev eth0 mtu 1280`.
//! * Measure the path: `tracepath SERVER`, or `ping -M do -s 1472 SERVER`.
//!
//! ## References
//! * RFC 1191 and RFC 8201 (path MTU discovery), RFC 2923 (its black holes), RFC 4821

use crate::diagnosis::reading::{count, span};
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::stream::Moment;
use crate::tcp;
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    supersedes: &[
        "packet-loss",
        "path-died",
        "client-hello-lost",
        "client-hello-unanswered",
        "large-client-hello-dropped",
        "server-flight-incomplete",
        "server-silent-in-handshake",
        "client-gave-up",
        "capture-ended-first",
    ],
    ..Rule::new("path-mtu-black-hole", "TCP009", include_str!("path_mtu_black_hole.rs"), check)
};

/// What a segment holds where its SYN does not say (RFC 9293, 3.7.1: 536 for IPv4, 1,220 for IPv6); Ethernet's is usual.
const USUAL_MSS: u16 = 1460;

fn check(case: &Case<'_>) -> Option<Finding> {
    let told = case.record.unreachable.as_ref().is_some_and(|error| error.message.is_too_big());
    if told || case.record.tcp.one_sided.is_some() || case.record.tcp.established.is_none() {
        return None;
    }
    Side::BOTH.into_iter().find_map(|side| beside_sender(case, side).or_else(|| beside_receiver(case, side)))
}

/// What counts as a large segment: a path never takes less than three quarters of what the hosts agreed on.
fn large(tcp: &tcp::Facts) -> u32 {
    let offered = |side: Side| tcp.side(side).syn.and_then(|syn| syn.mss).unwrap_or(USUAL_MSS);
    u32::from(offered(Side::Client).min(offered(Side::Server))) * 3 / 4
}

fn beside_sender(case: &Case<'_>, side: Side) -> Option<Finding> {
    let (facts, peer) = (case.side(side), case.side(side.peer()));
    let in_flight = facts.in_flight.filter(|in_flight| in_flight.resent >= 2)?;
    let size = facts.largest_unacked_resent;
    // A duplicate acknowledgment says that something smaller behind it arrived.
    let heard = |at: Option<Moment>, after: Duration| at.is_some_and(|at| at.at.since(in_flight.first_sent.at) > after);
    let asked_again = peer.duplicate_acks > 0 && heard(peer.last_ack, case.round_trip() * 9 / 10);
    let peer_is_there = asked_again || heard(peer.last_frame, case.round_trip() * 2);
    let small_ones_pass = facts.largest_acked > 0 || asked_again;
    let full = large(&case.record.tcp);
    if size.min(in_flight.first_len) < full || facts.largest_acked >= size || !peer_is_there || !small_ones_pass {
        return None;
    }
    let message = format!(
        "segments of {} from the {side} never arrive (sent {} times in {}), though smaller ones do",
        count(size.into(), "byte"),
        in_flight.resent + 1,
        span(in_flight.last_sent.at.since(in_flight.first_sent.at)),
    );
    let passed = count(facts.largest_acked.into(), "byte");
    let finding = Finding::likely(in_flight.first_sent, message)
        .with_frame(in_flight.last_sent)
        .with_frame(peer.last_frame)
        .because(format!("the largest segment of the {side} that was acknowledged holds {passed}"));
    // What was never acknowledged has not happened for the other side.
    Some(told(finding, case).stopped_in(case.phase_at(in_flight.first_sent)))
}

fn beside_receiver(case: &Case<'_>, side: Side) -> Option<Finding> {
    let facts = case.side(side);
    let hole = facts.hole.filter(|hole| hole.reported)?;
    let watched = case.watched_since(hole.since);
    let enough = hole.len >= u64::from(large(&case.record.tcp));
    if !enough || facts.largest_acked >= large(&case.record.tcp) || watched < case.thresholds.unfilled_hole {
        return None;
    }
    let message = format!(
        "large segments of the {side} never arrive: {} are missing for {}, though smaller segments behind them came (frame {})",
        count(hole.len, "byte"),
        span(watched),
        hole.since.frame,
    );
    let acked = facts.highest_acked;
    let asks = format!("the {} asks for byte {acked} again and again, and nothing fills the hole", side.peer());
    let finding = Finding::likely(hole.since, message).with_frame(case.side(side.peer()).last_ack).because(asks);
    Some(told(finding, case))
}

fn told(finding: Finding, case: &Case<'_>) -> Finding {
    finding
        .at_most(Confidence::Likely)
        .rests_on_absence()
        .stopped_in(case.phase())
        .because("no ICMP message says that a packet was too big")
        .or_else("heavy loss that hit these segments by chance")
}
