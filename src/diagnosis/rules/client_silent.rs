//! The client opens the connection and says nothing.
//!
//! ## What it means
//! The TCP handshake was completed, and the ClientHello, which is the client's to send, never came, until somebody's timer
//! closed the connection.
//!
//! ## On the wire
//! SYN, SYN-ACK, ACK, silence, then FIN or RST. Who sends that one had the shorter timer.
//!
//! ## Likely causes
//! 1. The program hangs between connect and the TLS handshake: no entropy, a blocked thread, a full heap.
//! 2. The client waits for the server to speak first, as some other protocols do.
//! 3. A connection pool keeps a spare connection open.
//! 4. The client lost its network right after the handshake.
//!
//! ## What to do
//! * Look at the client's log between connecting and the first byte.
//! * Check that TLS begins at once (not STARTTLS, not on demand).
//!
//! ## References
//! * RFC 8446, 4.1.2: the client speaks first

use crate::connection::PortKind;
use crate::diagnosis::reading::{is_round, span};
use crate::diagnosis::{Case, Finding, Rule};
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule::new("client-silent", "TCP007", include_str!("client_silent.rs"), check);

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let tcp = &record.tcp;
    let closed = record.timeline.closed?;
    let opened = tcp.established?;
    let waited = closed.at.at.since(opened.at);
    // What the server says once the client has closed is a complaint, and no protocol that it began.
    let server_spoke = tcp.server.last_data.is_some_and(|said| said < closed.at);
    let gone = closed.by.side().is_none_or(|side| tcp.side(side.peer()).retransmissions.total() > 2);
    if tcp.client.stream_bytes() > 0 || server_spoke || gone {
        return None;
    }
    if waited <= case.at_once() || tcp.one_sided.is_some() || record.expected == PortKind::ByContent {
        return None;
    }
    let how = closed.how.map(|how| format!(" ({}, frame {})", how.name().to_uppercase(), closed.at.frame));
    let message = format!(
        "the client said nothing for {} after the TCP handshake, then the {} closed{}",
        span(waited),
        closed.by,
        how.unwrap_or_default()
    );
    let phase = if record.expected == PortKind::PlainMqtt { Phase::MqttConnect } else { Phase::TlsHello };
    let finding = Finding::proven(closed.at, message).with_frame(opened).rests_on_absence().stopped_in(phase);
    Some(if is_round(waited) {
        finding.because(format!("{} looks like a timer of the {}", span(waited), closed.by))
    } else {
        finding
    })
}
