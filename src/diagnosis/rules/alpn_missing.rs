//! MQTT on port 443 without saying so.
//!
//! ## What it means
//! On port 443 a server takes TLS for HTTPS unless the client names MQTT in its ClientHello (ALPN). Then either the
//! handshake fails, or it works and the CONNECT reaches a web server, which does not understand it.
//!
//! ## On the wire
//! A ClientHello to port 443 without an MQTT protocol in ALPN; then the alert no_application_protocol, or a handshake that
//! works, a first record of the client, and no record of the server.
//!
//! ## Likely causes
//! 1. The client was moved from 8883 to 443, and ALPN was not set.
//! 2. The TLS stack is too old for ALPN (OpenSSL before 1.0.2).
//! 3. The client speaks WebSocket, and the server's answer is missing for another reason.
//!
//! ### AWS IoT Core
//! 1. AWS IoT Core takes MQTT with certificates on 443 only with the ALPN protocol `x-amzn-mqtt-ca`.
//!
//! ## What to do
//! * Set ALPN as the service's documentation says, or use port 8883.
//!
//! ### AWS IoT Core
//! * Set ALPN to `x-amzn-mqtt-ca` (paho: `context.set_alpn_protocols(["x-amzn-mqtt-ca"])`).
//!
//! ## References
//! * RFC 7301 (ALPN)
//! * AWS IoT Core developer guide, "Device communication protocols", table of ports and ALPN names

use crate::diagnosis::handshake::{Stage, accepted, shown};
use crate::diagnosis::{Case, Finding, Rule, Service};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::{AlertDescription, ClientHello};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    supersedes: &["other-alert", "connack-missing", "closed-on-connect", "server-silent"],
    ..Rule::new("alpn-missing", "TLS006", include_str!("alpn_missing.rs"), check)
};

/// The registered port of HTTPS.
const HTTPS: u16 = 443;

fn check(case: &Case<'_>) -> Option<Finding> {
    let hello = case.hello().filter(|hello| !offers_mqtt(hello))?;
    refused(case, hello).or_else(|| unanswered(case, hello))
}

fn offers_mqtt(hello: &ClientHello) -> bool {
    hello.offer.alpn.iter().any(|name| name.contains("mqtt"))
}

/// The handshake fails; the server says why, or is known for it.
fn refused(case: &Case<'_>, hello: &ClientHello) -> Option<Finding> {
    let refusal = case.refusal().filter(|refusal| refusal.by == Side::Server)?;
    let says_so = refusal.alert() == Some(AlertDescription::NO_APPLICATION_PROTOCOL);
    let known_for_it = refusal.stage == Stage::Hello
        && case.record.endpoints.server.port == HTTPS
        && case.service == Some(Service::AwsIotCore)
        && hello.server_name.is_some();
    if !hello.offer.alpn.is_empty() || !(says_so || known_for_it) {
        return None;
    }
    let confidence = if says_so { refusal.confidence() } else { Confidence::Possible };
    let message = format!("the server wants ALPN, and the ClientHello has none ({})", refusal.shown());
    let finding = Finding::new(confidence, refusal.at, message).with_frame(case.tls()?.client_hello_at);
    Some(if says_so { finding } else { finding.or_else("the server refused something else in the ClientHello") })
}

/// The handshake works, and nobody understands the CONNECT.
fn unanswered(case: &Case<'_>, hello: &ClientHello) -> Option<Finding> {
    let tls = case.tls()?;
    accepted(tls)?;
    let sent = tls.first_application.client?;
    let end = case.record.timeline.closed.map_or(case.record.last, |closed| closed.at);
    let waited = end.at.since(sent.at.at);
    let was_enough = case.record.timeline.closed.is_some() || waited >= case.thresholds.server_silent;
    if case.record.endpoints.server.port != HTTPS
        || !case.record.is_on_a_named_port()
        || tls.first_application.server.is_some()
        || !case.sees_both_sides_from_the_start()
        || !was_enough
    {
        return None;
    }
    let confidence = if case.service == Some(Service::AwsIotCore) { Confidence::Likely } else { Confidence::Possible };
    let alpn = if hello.offer.alpn.is_empty() {
        "no ALPN".to_owned()
    } else {
        format!("ALPN {}", hello.offer.alpn.join(", "))
    };
    let message = format!("no answer to the first record on port 443 in {}, with {alpn}", shown(waited));
    let finding = Finding::new(confidence, sent.at, message).with_frame(end).rests_on_absence();
    Some(finding.or_else("the broker hung or refused the CONNECT").stopped_in(Phase::MqttConnect))
}
