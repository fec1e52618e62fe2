//! The ClientHello does not get through.
//!
//! ## What it means
//! The handshake of TCP passed, with its small and harmless segments. The first segment with TLS in it does not arrive:
//! the client sends it again and again, and nobody acknowledges it.
//!
//! ## On the wire
//! SYN, SYN-ACK, ACK; then the ClientHello several times with growing gaps, and no frame of the server any more.
//!
//! ## Likely causes
//! 1. A firewall looks into the connection and drops TLS to this port, or to this name.
//! 2. The path died right after the handshake.
//! 3. The ClientHello is too large for the path (see large-client-hello-dropped, path-mtu-black-hole).
//!
//! ## What to do
//! * Try from another network, and with another name in the ClientHello: `openssl s_client -connect HOST:8883 -servername example.com`.
//! * Ask whoever runs the firewall for drops of this connection.
//! * Capture at the server: nothing but the handshake arrives there.
//!
//! ## References
//! * RFC 9293, 3.8.1 (retransmission); RFC 6298

use super::large_client_hello_dropped::is_large;
use crate::diagnosis::handshake::shown;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    supersedes: &["path-died", "packet-loss"],
    ..Rule::new("client-hello-lost", "TLS010", include_str!("client_hello_lost.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let (began, resent) = (case.tls()?.client_hello_began?, resent(case)?);
    let waited = case.record.last.at.since(began.at);
    let message = format!(
        "the ClientHello never arrived: {resent} retransmission{} in {}, none acknowledged",
        if resent == 1 { "" } else { "s" },
        shown(waited)
    );
    // One retransmission may have been answered behind the end of the capture.
    let confidence = if resent > 1 { Confidence::Proven } else { Confidence::Possible };
    let finding = Finding::new(confidence, began, message)
        .with_frame(case.record.tcp.client.last_data.filter(|last| *last != began))
        .rests_on_absence()
        .because("the handshake of TCP passed");
    let finding =
        if is_large(case) { finding.or_else("it is too large for the path or for a box on it") } else { finding };
    Some(if resent > 1 { finding } else { finding.or_else("the capture ended before the acknowledgment") })
}

/// How often the first bytes of the client were sent again, if none was ever acknowledged.
pub(super) fn resent(case: &Case<'_>) -> Option<u32> {
    let tcp = &case.record.tcp;
    let established = tcp.established.is_some() && case.sees_both_sides_from_the_start();
    let nothing_back = tcp.server.payload_bytes == 0 && tcp.client.highest_acked <= 1;
    let flight = tcp.client.in_flight.filter(|flight| flight.resent > 0)?;
    (established && nothing_back && case.close_of(crate::net::Side::Server).is_none()).then_some(flight.resent)
}
