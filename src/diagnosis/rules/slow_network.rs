//! The way to the server is long.
//!
//! ## What it means
//! A round trip takes longer than a threshold. Each step of connecting costs at least one: the handshake of TCP one, TLS 1.3
//! one, TLS 1.2 two, CONNECT one.
//!
//! ## On the wire
//! The time from SYN to SYN-ACK and on to the acknowledgment; where later segments were acknowledged sooner, the first one
//! had waited for a radio to wake up, and this finding is not made.
//!
//! ## Likely causes
//! 1. A satellite link.
//! 2. A crowded or weak cell; narrow-band radio (NB-IoT, LTE-M).
//! 3. Full queues on the way.
//! 4. A server on another continent.
//!
//! ## What to do
//! * Use longer timers for connecting, acknowledgments and keep-alive.
//! * Save round trips: TLS 1.3, session resumption, one long session in place of many short ones.
//! * Use an endpoint in a nearer region.
//!
//! ## References
//! * RFC 6298, 2 (round-trip time)

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule =
    Rule { severity: Severity::Warning, ..Rule::new("slow-network", "TCP016", include_str!("slow_network.rs"), check) };

/// A host would have sent its SYN or SYN-ACK again by then (RFC 6298, 2.1 and 5.7): a frame between was not captured.
const LONGEST: Duration = Duration::from_secs(3);

fn check(case: &Case<'_>) -> Option<Finding> {
    let tcp = &case.record.tcp;
    let first = tcp.handshake.round_trip()?;
    let established = tcp.established.filter(|_| tcp.client.stream_bytes() > 0)?;
    let halves = [tcp.handshake.to_server?, tcp.handshake.to_client?];
    if halves.into_iter().any(|half| half > LONGEST) {
        return None;
    }
    let usual = [&tcp.client, &tcp.server].into_iter().filter_map(|side| Some(side.round_trip?.median)).max();
    // A host acknowledges data up to some 40 to 200 ms late on purpose, so that later times are no shorter than the way.
    let round_trip = usual.map_or(first, |usual| usual.min(first));
    if round_trip < case.thresholds.slow_round_trip {
        return None;
    }
    let message = format!("a round trip takes {}", span(round_trip));
    Some(
        Finding::proven(established, message)
            .with_frame(tcp.client.syns.first)
            .because(format!("the TCP handshake took {}", span(first)))
            .because(format!("slow begins at {}", span(case.thresholds.slow_round_trip))),
    )
}
