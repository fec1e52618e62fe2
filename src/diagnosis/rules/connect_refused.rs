//! The server refuses CONNECT with a CONNACK.
//!
//! ## What it means
//! The broker answered the CONNECT and said no: its CONNACK carries a code that says why.
//!
//! ## On the wire
//! With keys: a CONNACK whose return code (3.1.1) or reason code (5.0) is not 0. Without: one small record of the server
//! after CONNECT, then its close before it can have heard anything more of the client; or, where DISCONNECT can be told
//! from an alert (TLS 1.2), the client's close_notify at once behind that record, with nothing said in between.
//!
//! ## Likely causes
//! 1. User name or password are wrong, or the token has expired (codes 4 and 5; 0x86, 0x87).
//! 2. The client id is not accepted (code 2; 0x85), or banned (0x8a).
//! 3. The broker does not speak this version of MQTT (code 1; 0x84).
//! 4. The broker is not available for this client just now (code 3; 0x88, 0x89).
//!
//! ### Azure IoT Hub
//! 1. The SAS token has expired, or the user name lacks the api-version.
//!
//! ### HiveMQ Cloud
//! 1. The credentials were not created in this cluster's access management.
//!
//! ## What to do
//! * Read the code: with the keys (SSLKEYLOGFILE) iotcap prints it; the client's library returns it as well.
//! * Try the same credentials with `mosquitto_pub -d`.
//!
//! ## References
//! * MQTT 3.1.1, 3.2.2.3; MQTT 5.0, 3.2.2.2

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::timeline::Phase;
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttConnect),
    supersedes: &["server-closed", "server-aborted", "closed-on-connect", "client-aborted", "protocol-error"],
    ..Rule::new("connect-refused", "MQT002", include_str!("connect_refused.rs"), check)
};

/// The longest CONNACK without a reason in words.
const SMALL: u32 = 64;

/// A server that refuses closes this soon behind its CONNACK; some flush their buffers first.
const AT_ONCE: Duration = Duration::from_millis(500);

fn check(case: &Case<'_>) -> Option<Finding> {
    let mqtt = case.mqtt()?;
    let answer = mqtt.connack_at?;
    let asked = mqtt.connect_at;
    if let Some(code) = mqtt.connack_code() {
        if code.is_accepted() {
            return None;
        }
        let connack = mqtt.connack.as_ref();
        let reason = connack.and_then(|connack| connack.properties.reason_string.as_deref());
        let message = format!("the server refused CONNECT: {code} (CONNACK, frame {})", answer.frame);
        let finding = Finding::proven(answer, message)
            .with_frame(asked)
            .because_of(mqtt.client_id().filter(|id| !id.is_empty()).map(|id| format!("the client id is {id:?}")))
            .because_of(mqtt.username().map(|name| format!("the user name is {name:?}")))
            .because_of(reason.map(|reason| format!("the server says {reason:?}")));
        return Some(finding);
    }
    by_sizes(case).or_else(|| client_leaves_at_once(case))
}

/// Without keys: one small record, and the close behind it answers nothing else.
fn by_sizes(case: &Case<'_>) -> Option<Finding> {
    let mqtt = case.mqtt()?;
    let (asked, answer) = (mqtt.connect_at?, mqtt.connack_at?);
    let closed = case.server_closed()?;
    let entries: Vec<_> = case.entries_before(None).iter().filter(|entry| entry.at <= closed.at).collect();
    // Two bytes are the alert that goes with the close.
    let mut said = entries.iter().filter(|entry| entry.by == Side::Server && entry.len.max >= 4);
    let connack = said.next()?;
    let is_alone = said.next().is_none();
    let after = closed.at.at.since(answer.at);
    // A request of the client that the server can have judged may be the reason as well.
    let was_asked = entries
        .iter()
        .any(|entry| entry.by == Side::Client && entry.at > asked && entry.at.at + case.way_there() <= closed.at.at);
    let is_small = connack.len.max <= SMALL && connack.len.min >= 4;
    if !is_alone || !is_small || was_asked || after > AT_ONCE || case.record.tcp.midstream || case.reads_mqtt() {
        return None;
    }
    let message = format!(
        "the server answered CONNECT with a record of the size of a CONNACK and closed {} later (frame {})",
        span(after),
        closed.at.frame
    );
    let confidence =
        if connack.len.is_exact() && mqtt.gaps.server == 0 { Confidence::Likely } else { Confidence::Possible };
    let headline = format!("the server refused CONNECT: a small record, and {} later its close", span(after));
    let finding = Finding::new(confidence, closed.at, message).with_frames([asked, answer]).headline(headline);
    Some(finding.because(format!("the record holds {} bytes of MQTT", connack.len.max)).rests_on_absence())
}

/// Without keys: a client that has connected has something to say, at least DISCONNECT.
fn client_leaves_at_once(case: &Case<'_>) -> Option<Finding> {
    let mqtt = case.mqtt().filter(|_| !case.reads_mqtt() && !case.record.may_have_missed_frames())?;
    let (asked, answer) = (mqtt.connect_at?, mqtt.connack_at?);
    let closed = case.client_closed()?;
    // A program that ends in good order without DISCONNECT has been told to; one that was killed says no goodbye at all.
    let said_goodbye = case.tls()?.alerts.iter().any(|alert| alert.by == Side::Client && alert.at > answer);
    let entries = case.entries_before(None);
    let [connect, connack] = entries else { return None };
    let is_answered = connect.by == Side::Client && connack.by == Side::Server;
    let is_small = connack.len.is_exact() && (4..=SMALL).contains(&connack.len.max);
    let after = closed.at.at.since(answer.at);
    if !said_goodbye || !is_answered || !is_small || after > AT_ONCE {
        return None;
    }
    let message = format!(
        "the client left {} after a record of the size of a CONNACK, without a word, not even DISCONNECT (frame {})",
        span(after),
        closed.at.frame
    );
    let headline = "the server probably refused CONNECT: the client left at once behind the answer".to_owned();
    let finding = Finding::possible(closed.at, message).with_frames([asked, answer]).headline(headline);
    Some(
        finding
            .or_else("the client only tried whether it could connect, and left without DISCONNECT")
            .rests_on_absence(),
    )
}
