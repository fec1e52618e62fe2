//! CONNECT is not answered.
//!
//! ## What it means
//! The server's TCP took the CONNECT, and the broker said nothing until the client gave up.
//!
//! ## On the wire
//! The client's first record is acknowledged; no record of the server follows; the client closes by its own timer.
//!
//! ## Likely causes
//! 1. The service that decides who may connect is slow or does not answer (authentication plug-in, database, webhook).
//! 2. The port expects another protocol: 443 without the ALPN protocol that selects MQTT, or WebSocket.
//! 3. A proxy or load balancer ended TLS and has no broker behind it.
//!
//! ### AWS IoT Core
//! 1. Port 443 without ALPN `x-amzn-mqtt-ca`: the other end is no MQTT endpoint.
//!
//! ## What to do
//! * Look at the broker's log: whether it saw the CONNECT at all.
//! * Try port 8883, or set the ALPN protocol.
//! * Compare the client's timer with how long the broker may take to authenticate.
//!
//! ## References
//! * MQTT 3.1.1, 3.1.4: a client may wait "a reasonable amount of time" for a CONNACK

use crate::connection::Ending;
use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::timeline::Phase;
use crate::tls::Version;
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttConnect),
    supersedes: &["server-silent-in-handshake", "server-silent", "client-aborted", "capture-ended-first"],
    ..Rule::new("connack-missing", "MQT003", include_str!("connack_missing.rs"), check)
};

/// A client that closes sooner did not wait.
const WAITS: Duration = Duration::from_secs(1);

fn check(case: &Case<'_>) -> Option<Finding> {
    let mqtt = case.mqtt()?;
    let asked = mqtt.connect_at.filter(|_| mqtt.connack_at.is_none())?;
    if case.server_closed().is_some() || case.record.tcp.midstream || !case.heard_all_of_server() || !case.server_took()
    {
        return None;
    }
    let closed = case.record.timeline.closed;
    let waited = closed.map_or(case.watched_until(), |closed| closed.at).at.since(asked.at);
    let by_client = case.client_closed();
    let long_enough = match by_client {
        Some(_) => WAITS + case.round_trip() * 2,
        // The answer may have come behind the end of the capture.
        None if case.record.ending == Ending::Idle => Duration::ZERO,
        None => case.thresholds.stuck,
    };
    if closed.is_some() && by_client.is_none() || waited < long_enough {
        return None;
    }
    let then = by_client.map_or(case.capture_ended(), |_| Some("the client closed"));
    let then = then.map_or_else(String::new, |then| format!("; then {then}"));
    let message = format!("the server did not answer CONNECT (frame {}) in {}{then}", asked.frame, span(waited));
    let in_doubt =
        case.tls().is_some_and(|tls| tls.server_accepted.is_none() && tls.version() == Some(Version::TLS_1_3));
    let confidence = if case.reads_mqtt() { Confidence::Proven } else { Confidence::Likely };
    let finding = Finding::new(confidence, asked, message)
        .with_frame(closed.map(|closed| closed.at))
        .rests_on_absence()
        .because("the server's TCP acknowledged the CONNECT");
    Some(if in_doubt { finding.or_else("the server had not finished its part of the TLS handshake") } else { finding })
}
