//! The server ends a session that worked.
//!
//! ## What it means
//! The server said goodbye and closed, and nothing that the client did explains it. That is part of a long session's life;
//! a client that connects again at once loses nothing.
//!
//! ## On the wire
//! A session with answers, then the server's DISCONNECT (5.0) or close_notify, and FIN.
//!
//! ## Likely causes
//! 1. Maintenance, an update, or a move to another node.
//! 2. A limit on the length of connections.
//! 3. Another connection with the same client id that this capture does not show.
//!
//! ### AWS IoT Core
//! 1. Connections are ended after some time at the service's discretion; WebSocket ones after 24 hours at the latest.
//!
//! ## What to do
//! * Nothing, if the client connects again by itself and keeps its session.
//! * If it happens often: look at the broker's log for this client id.
//!
//! ## References
//! * MQTT 5.0, 3.14.2.1 (reasons of a DISCONNECT)

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::mqtt::{PacketType, ReasonCode};
use crate::net::Side;
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Note,
    keeps_outcome: true,
    ..Rule::new("server-closed", "MQT014", include_str!("server_closed.rs"), check)
};

/// A farewell and its FIN are one act.
const AT_ONCE: Duration = Duration::from_millis(5);

/// Server busy, shutting down, administrative action, use another server, server moved, maximum connect time: nobody's fault.
pub(super) const fn is_routine(reason: ReasonCode) -> bool {
    matches!(reason.0, 0x00 | 0x89 | 0x8B | 0x98 | 0x9C | 0x9D | 0xA0)
}

fn check(case: &Case<'_>) -> Option<Finding> {
    let closed = case.server_closed().filter(|_| case.was_connected())?;
    // Two bytes with the FIN are close_notify, whatever else two bytes can be.
    let last = case.mqtt()?.log.total(Side::Server).last;
    let with_fin = last.is_some_and(|last| last.len.can_be(2) && closed.at.at.since(last.at.at) < AT_ONCE);
    let polite = case.said_goodbye(Side::Server) || case.record.tls.is_none() || with_fin;
    let reason = case.server_reason().map(|(reason, _)| reason);
    if !polite || reason.is_some_and(|reason| !is_routine(reason)) {
        return None;
    }
    let session = case.record.timeline.timings.session.unwrap_or_default();
    let message = format!("the server ended the session after {} (frame {})", span(session), closed.at.frame);
    let says = reason.map(|reason| format!("DISCONNECT says {}", reason.shown_in(PacketType::DISCONNECT)));
    Some(Finding::new(closed.basis.confidence(), closed.at, message).because_of(says))
}
