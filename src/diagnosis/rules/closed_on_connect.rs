//! The server closes on CONNECT.
//!
//! ## What it means
//! TLS was accepted, the client sent its CONNECT, and the server closed the connection instead of answering with a
//! CONNACK. The broker looked at who is asking and did not want to say why it refuses.
//!
//! ## On the wire
//! The client's first record, then an alert, FIN or reset of the server; no CONNACK. In TLS 1.3 a refused client
//! certificate looks alike where the server sent neither a ticket nor anything else before.
//!
//! ## Likely causes
//! 1. The broker's policy does not allow this client id, or not with this certificate.
//! 2. The client id is not the one that the certificate or the account allows.
//! 3. The broker limits connections, or the rate of new ones.
//! 4. The first packet is no CONNECT that the broker understands (version, WebSocket).
//!
//! ### AWS IoT Core
//! 1. No policy is attached to the certificate, or it does not allow iot:Connect for this client id.
//! 2. The certificate is not active.
//! 3. Just-in-time registration: the first contact is always closed while the certificate is being registered.
//! 4. The account's limit of connects per second is exceeded.
//!
//! ### Azure IoT Hub
//! 1. The user name must be `HUB.azure-devices.net/DEVICE/?api-version=…`, the client id the device's id.
//!
//! ## What to do
//! * Look into the broker's log for this client id at this time.
//! * Compare the client id with what the policy or access list allows.
//!
//! ### AWS IoT Core
//! * Check with `aws iot list-attached-policies --target CERTIFICATE_ARN` that a policy allows iot:Connect.
//! * Switch on AWS IoT logging: CloudWatch names the reason (AUTHORIZATION_FAILURE, THROTTLED …).
//!
//! ## References
//! * MQTT 3.1.1, 3.1.4 and 3.2; MQTT 5.0, 3.1.4
//! * AWS IoT Core developer guide, "Connection: diagnosing connectivity issues"

use crate::diagnosis::reading::span;
use crate::diagnosis::session::in_round_trips;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::timeline::Phase;
use crate::tls::Version;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttConnect),
    supersedes: &["server-closed", "server-aborted"],
    ..Rule::new("closed-on-connect", "MQT001", include_str!("closed_on_connect.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let closed = case.server_closed()?;
    let mqtt = case.mqtt()?;
    let asked = mqtt.connect_at.filter(|asked| *asked < closed.at)?;
    let answered = mqtt.connack_at.is_some_and(|answer| answer <= closed.at);
    if answered || case.record.tcp.midstream || !case.heard_all_of_server() {
        return None;
    }
    let after = closed.at.at.since(asked.at);
    // What closes sooner than CONNECT can have come was decided before.
    if after < case.way_there() * 4 / 5 {
        return None;
    }
    let how = closed.how.map_or("closed", |how| how.name()).to_uppercase();
    let message = format!(
        "the server closed ({how}, frame {}) {} after the client's CONNECT, without a CONNACK",
        closed.at.frame,
        span(after)
    );
    let tls = case.tls();
    let in_doubt = tls.is_some_and(|tls| {
        tls.server_accepted.is_none()
            && tls.version() == Some(Version::TLS_1_3)
            && tls.certificate_requested.is_none_or(|(asked, _)| asked)
    });
    let confidence = match (case.reads_mqtt() && !in_doubt, in_doubt) {
        (true, _) => Confidence::Proven,
        (false, false) => Confidence::Likely,
        (false, true) => Confidence::Possible,
    };
    let finding = Finding::new(confidence, closed.at, message)
        .with_frame(asked)
        .rests_on_absence()
        .because_of(mqtt.connect.as_ref().map(|connect| format!("the client id is {:?}", connect.client_id)))
        .because_of(in_round_trips(after, case))
        .because_of((mqtt.sent_before_connack > 0).then(|| "the client sent more before it had a CONNACK".to_owned()));
    Some(if in_doubt { finding.or_else("TLS 1.3: the server refused the client's certificate") } else { finding })
}
