//! The ClientHello arrived, and nobody answers it.
//!
//! ## What it means
//! The server's TCP acknowledged the ClientHello, but its TLS said nothing until somebody's patience ended. The
//! connection reached a host; whether it reached the broker is another question.
//!
//! ## On the wire
//! A ClientHello, its acknowledgment, silence; then a FIN or a reset, mostly of the client, often after a round number of
//! seconds: its own timer.
//!
//! ## Likely causes
//! 1. The broker hangs, or its queue of new connections is full: the kernel accepts what the program does not.
//! 2. A load balancer accepted the connection and has no healthy broker behind it.
//! 3. A device on the path accepts in the server's name, and swallows what it does not like (inspection by name).
//! 4. The server's answer is lost on the way back: full-size segments that do not fit (see path-mtu-black-hole).
//!
//! ## What to do
//! * Look at the broker: its load, its log, its limit of connections.
//! * Try the same address with another name, and from another network.
//! * Capture at the server: does the ClientHello arrive there, and is it answered?
//!
//! ## References
//! * RFC 8446, 4.1.2 (ClientHello); RFC 9293, 3.8

use crate::connection::Ending;
use crate::diagnosis::handshake::shown;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    ..Rule::new("client-hello-unanswered", "TLS009", include_str!("client_hello_unanswered.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let (record, tcp) = (case.record, &case.record.tcp);
    let hello_at = case.tls()?.client_hello_at?;
    let acked = tcp.client.highest_acked > 1 && tcp.client.in_flight.is_none_or(|flight| flight.resent == 0);
    let silent = tcp.server.payload_bytes == 0 && tcp.server.missed_bytes == 0 && tcp.server.hole.is_none();
    if !acked || !silent || !case.sees_both_sides_from_the_start() {
        return None;
    }
    let closed = case.first_close();
    // A reset that somebody forged has a finding of its own.
    if closed.is_none() && record.timeline.closed.is_some() {
        return None;
    }
    let (end, whose) = match closed {
        Some((Side::Client, at, _)) => (at, Some("the client gave up")),
        Some((Side::Server, at, _)) => (at, Some("the server closed")),
        None => (case.watched_until(), case.capture_ended()),
    };
    let waited = end.at.since(hello_at.at);
    let patience = case.thresholds.server_silent;
    let confidence = match closed {
        // A server that closes sooner has judged the hello.
        Some((Side::Server, ..)) if waited < patience => return None,
        None if waited < patience && record.ending != Ending::Idle => return None,
        Some((Side::Client, ..)) if case.beyond_the_way(hello_at, end).is_zero() => return None,
        Some((Side::Client, ..)) if waited < case.thresholds.slow_server => Confidence::Possible,
        _ => Confidence::Proven,
    };
    let then = whose.map_or_else(String::new, |whose| format!("; then {whose}"));
    let message = format!("no answer to the ClientHello in {}{then}", shown(waited));
    let finding = Finding::new(confidence, hello_at, message)
        .with_frame(closed.map(|(_, at, _)| at))
        .rests_on_absence()
        .because("the server's TCP acknowledged the ClientHello, and the server sent no byte");
    Some(if confidence == Confidence::Possible {
        finding.or_else("the client closed before the server could answer")
    } else {
        finding
    })
}
