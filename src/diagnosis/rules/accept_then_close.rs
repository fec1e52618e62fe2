//! The server accepts the connection and closes it at once.
//!
//! ## What it means
//! The TCP handshake was completed, and the server closed before it had taken a byte of the ClientHello. Whatever stands
//! there takes connections only to drop them.
//!
//! ## On the wire
//! SYN, SYN-ACK, ACK, then FIN or RST of the server that acknowledges nothing of the client's data.
//!
//! ## Likely causes
//! 1. The server has reached its connection limit.
//! 2. A load balancer has no healthy target behind it.
//! 3. The client's address is not on the list of allowed ones.
//! 4. The broker is starting or stopping.
//!
//! ### Azure IoT Hub
//! 1. An IP filter rule of the hub refuses the client's address.
//!
//! ## What to do
//! * Look at the broker's log at that very time, and at its limits: connections, file descriptors.
//! * Look at the target health of the load balancer.
//! * Check the lists of allowed addresses.
//!
//! ## References
//! * RFC 9293, 3.6 (closing)

use crate::connection::PortKind;
use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule};
use crate::event::By;
use crate::tcp;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    supersedes: &["closed-on-client-hello", "large-client-hello-dropped"],
    ..Rule::new("accept-then-close", "TCP006", include_str!("accept_then_close.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let tcp = &record.tcp;
    let closed = record.timeline.closed.filter(|closed| closed.by == By::Server)?;
    let opened = tcp.established?;
    let server = &tcp.server;
    if server.stream_bytes() > 0 || tcp.one_sided.is_some() || record.expected == PortKind::ByContent {
        return None;
    }
    let hello = record.tls.as_ref().and_then(|tls| tls.client_hello_began);
    let sooner = hello.is_some_and(|hello| closed.at < hello);
    // What is acknowledged behind the FIN came too late to be heard.
    let heard = server.fin.filter(|fin| fin.at == closed.at).map_or(tcp.client.highest_acked, |fin| fin.acks);
    if !sooner && (heard > 1 || server.reset.is_some_and(|reset| acks_data(&reset, tcp))) {
        return None;
    }
    let since = closed.at.at.since(opened.at);
    if since > case.at_once() {
        return None;
    }
    let how = if server.fin.is_some_and(|fin| fin.at == closed.at) { "FIN" } else { "RST" };
    let message = format!(
        "the server accepted the connection and closed it {} later ({how}, frame {})",
        span(since),
        closed.at.frame
    );
    let phase = if record.expected == PortKind::PlainMqtt { Phase::MqttConnect } else { Phase::TlsHello };
    Some(
        Finding::proven(closed.at, message)
            .with_frame(opened)
            .rests_on_absence()
            .stopped_in(phase)
            .because("the server sent nothing and acknowledged nothing of the client's data"),
    )
}

/// Whether the reset acknowledges data: then the server had it.
fn acks_data(reset: &tcp::Reset, tcp: &tcp::Facts) -> bool {
    reset.ack.zip(tcp.client.isn).is_some_and(|(ack, isn)| ack.distance_from(isn) > 1)
}
