//! The server ends a working session without a goodbye.
//!
//! ## What it means
//! The session worked, and the server closed or reset the connection without a close_notify, and not as the answer to
//! anything that the client had sent: as a broker does that crashes or is killed, or a balancer that drops it.
//!
//! ## On the wire
//! A session at work, then FIN or RST of the server, and no alert of the server before it. The client's next packet is
//! answered by a reset.
//!
//! ## Likely causes
//! 1. The broker crashed, was killed or was restarted.
//! 2. A load balancer or proxy in front of it dropped the connection (idle timer, deployment, target gone).
//! 3. The machine or container of the broker was stopped.
//!
//! ## What to do
//! * Look at the broker's log and uptime at that time, and at other clients' connections.
//! * Look at timers and deployments of the load balancer.
//! * Let the client connect again with growing and random gaps.
//!
//! ## References
//! * RFC 8446, 6.1 (close_notify); RFC 9293, 3.6; MQTT 3.1.1, 4.8

use crate::connection::PortKind;
use crate::diagnosis::reading::{is_round, span};
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::event::By;
use crate::net::Side;
use crate::timeline::CloseHow;
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule::new("server-aborted", "TCP015", include_str!("server_aborted.rs"), check);

/// A close that answers a request comes so soon after it, beyond two round trips.
const ANSWER: Duration = Duration::from_millis(200);

/// A FIN this soon behind a record of its own belongs to what that record says (a DISCONNECT, the last answer).
const SAME_ACT: Duration = Duration::from_millis(5);

/// Silences before a close that are worth a word.
const LONG_SILENCE: Duration = Duration::from_secs(30);

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let closed = record.timeline.closed.filter(|closed| closed.by == By::Server && closed.basis.is_observed())?;
    let server = case.side(Side::Server);
    let incomplete = server.missed_bytes > 0 || server.lost_bytes > 0 || record.tcp.truncated;
    if !case.session_was_seen() || case.said_goodbye(Side::Server) || incomplete {
        return None;
    }
    let reset = closed.how == Some(CloseHow::Rst);
    // Without TLS a FIN is all the goodbye that a broker of MQTT 3.1.1 has.
    if record.tls.is_none() && !reset {
        return None;
    }
    let before = record.tcp.before_close;
    // The close is the answer to a request, perhaps to a DISCONNECT: other rules know which.
    if before.client.is_some_and(|asked| {
        let answered = before.server.is_some_and(|said| said.at.since(asked.at) > there_and_back(case) * 9 / 10);
        !answered && closed.at.at.since(asked.at) <= ANSWER + case.round_trip() * 2
    }) {
        return None;
    }
    let said_last = before.server.is_some_and(|said| closed.at.at.since(said.at) < SAME_ACT);
    // What ends this soon after the CONNACK never became a session.
    let session = record.timeline.timings.session.unwrap_or_default();
    if (said_last && !reset) || session <= ANSWER + case.round_trip() * 2 {
        return None;
    }
    let last = before.client.max(before.server)?;
    let quiet = closed.at.at.since(last.at);
    let how = if reset { "reset" } else { "closed" };
    let message = format!(
        "the server {how} the connection without close_notify (frame {}), {} after the last data",
        closed.at.frame,
        span(quiet)
    );
    let finding = Finding::likely(closed.at, message).with_frame(last).rests_on_absence().stopped_in(case.phase());
    let read = record.tls.as_ref().is_none_or(|tls| tls.decrypted);
    Some(if record.expected == PortKind::ByContent && !read {
        finding.as_severe_as(Severity::Note).or_else("a protocol other than MQTT, which may close like this")
    } else if quiet >= LONG_SILENCE && is_round(quiet) {
        finding
            .probably(format!("An idle timer of {} at a load balancer or proxy in front of the broker.", span(quiet)))
    } else {
        finding
    })
}

/// What the server says sooner than this after a request of the client was on its way already.
fn there_and_back(case: &Case<'_>) -> Duration {
    case.record.tcp.handshake.to_server.unwrap_or_default()
}
