//! The server refuses the connection.
//!
//! ## What it means
//! The SYN arrived somewhere, and was answered with a reset: nobody listens on this port, or a firewall rejects it in the
//! server's name.
//!
//! ## On the wire
//! SYN, then RST with ACK of the SYN, after about one round trip. A reset that comes much sooner than other answers of
//! this server, or with another time to live, is a firewall's.
//!
//! ## Likely causes
//! 1. No program listens on this port: the broker is down, or listens on another port.
//! 2. The address is that of another host.
//! 3. A firewall on the way or on the server rejects the port with a reset.
//!
//! ### AWS IoT Core
//! 1. The name resolves to an address that is not the endpoint's: check it against `describe-endpoint`.
//!
//! ## What to do
//! * On the server, check that the broker runs and listens on this address and port: `ss -ltnp`.
//! * Compare host and port with the client's configuration: 8883 is usual for MQTT over TLS, 443 with ALPN.
//! * Look at the firewall rules that reject with a reset.
//!
//! ## References
//! * RFC 9293, 3.5.2 (reset generation) and 3.10.7.1 (CLOSED)

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule};
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TcpHandshake),
    supersedes: &["syn-unanswered"],
    ..Rule::new("connection-refused", "TCP002", include_str!("connection_refused.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let tcp = &case.record.tcp;
    let syns = tcp.client.syns;
    let reset = tcp.server.reset.filter(|reset| reset.closes() && reset.ack.is_some())?;
    if tcp.server.syns.count > 0 || tcp.established.is_some() || tcp.midstream {
        return None;
    }
    let syn = syns.last.filter(|last| *last < reset.at).or(syns.first)?;
    let after = span(reset.at.at.since(syn.at));
    let message =
        format!("the server refused the connection with a reset (frame {}), {after} after the SYN", reset.at.frame);
    let finding = Finding::proven(reset.at, message)
        .with_frame(syn)
        .because(format!("the reset acknowledges the SYN and came with TTL {}", reset.ttl))
        .or_else("a firewall on the way rejects the connection in the server's name");
    Some(match tcp.server.resets {
        0 | 1 => finding,
        resets => finding.because(format!("{resets} resets answered {} SYNs", syns.count)),
    })
}
