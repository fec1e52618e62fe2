//! The client does not speak TLS on a port for TLS.
//!
//! ## What it means
//! The broker expects TLS on this port, and the first byte of the client belongs to another protocol. The server cannot
//! answer that; most close at once.
//!
//! ## On the wire
//! The first byte of the client is not that of a TLS record (0x16): it is 0x10 and "MQTT" or "MQIsdp" for a CONNECT in
//! clear, or the method of an HTTP request. Some servers answer with an alert, most with a FIN or a reset.
//!
//! ## Likely causes
//! 1. TLS is switched off in the client, or its URL begins with `mqtt://` or `tcp://` where `mqtts://` or `ssl://` is meant.
//! 2. The port is wrong: 8883 is for TLS, 1883 for MQTT without it.
//! 3. Something that is no MQTT client at all: a browser, an HTTP health check, a scanner.
//!
//! ## What to do
//! * Switch TLS on in the client, with the CA that the broker's certificate was signed by.
//! * Or use the plain port, 1883, if the broker has one and the network may see what is sent.
//! * If it is a health check, let it check TCP or TLS.
//!
//! ## References
//! * MQTT 3.1.1, 3.1 (CONNECT); RFC 8446, 5.1 (record layer)
//! * IANA Service Name and Port Number Registry: secure-mqtt 8883, mqtt 1883

use crate::connection::PortKind;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::Foreign;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    supersedes: &["other-alert", "server-not-tls", "closed-on-client-hello"],
    ..Rule::new("plaintext-on-tls-port", "TLS001", include_str!("plaintext_on_tls_port.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let tls = case.tls()?;
    let (what, at) = tls.not_tls.client?;
    if record.expected != PortKind::Tls || record.tcp.midstream || tls.client_hello.is_some() {
        return None;
    }
    let port = record.endpoints.server.port;
    let finding = Finding::proven(at, format!("the client sent {what} to port {port}, where TLS is expected"));
    let answer = tls.alerts.iter().find(|seen| seen.by == Side::Server);
    let finding = match (answer, tls.not_tls.server) {
        (Some(seen), _) => finding
            .with_frame(seen.at)
            .because_of(seen.alert.map(|alert| format!("the server answered with the alert {}", alert.description))),
        // It may even work: nobody protects it, but nobody refuses it either.
        (None, Some((answer, answered))) => finding
            .with_frame(answered)
            .because(format!("the server answered with {answer}: it speaks no TLS here either"))
            .as_severe_as(Severity::Warning),
        (None, None) => finding,
    };
    Some(match what {
        Foreign::ProxyProtocol => finding
            .because("what follows the header was not read")
            .or_else("the capture is behind a load balancer, which tells the broker the client's address")
            .as_severe_as(Severity::Note)
            .is_expected(),
        _ => finding,
    })
}
