//! A message is longer than the broker takes.
//!
//! ## What it means
//! The client published a message above the broker's limit, and the server closed the connection, often before it had
//! read all of it.
//!
//! ## On the wire
//! As closed-on-publish, and what the client sent since the server's last word exceeds 128 KiB, or the Maximum Packet
//! Size of the CONNACK; or DISCONNECT with reason 0x95.
//!
//! ## Likely causes
//! 1. The payload is above the broker's limit: images, firmware, batches of stored measurements.
//!
//! ### AWS IoT Core
//! 1. Payloads are limited to 131,072 bytes; this cannot be raised.
//!
//! ### Azure IoT Hub
//! 1. Messages of a device are limited to 256 KiB.
//!
//! ## What to do
//! * Send large data in pieces, or over HTTPS to an object store.
//! * Raise the broker's limit (mosquitto: `message_size_limit`, `max_packet_size`).
//!
//! ## References
//! * MQTT 5.0, 3.1.2.11.4 and 3.2.2.3.6 (Maximum Packet Size)
//! * AWS IoT Core endpoints and quotas, "Publish payload size"

use crate::diagnosis::reading::count;
use crate::diagnosis::session::Request;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::mqtt::{PacketType, ReasonCode};
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttSession),
    supersedes: &["closed-on-publish", "closed-on-subscribe", "server-closed", "server-aborted", "protocol-error"],
    ..Rule::new("payload-too-large", "MQT006", include_str!("payload_too_large.rs"), check)
};

/// The limit of AWS IoT Core, in bytes, and that of many a broker's configuration.
const USUAL_LIMIT: u64 = 131_072;

fn check(case: &Case<'_>) -> Option<Finding> {
    let mqtt = case.mqtt()?;
    if let Some((reason, at)) = case.server_reason().filter(|(reason, _)| *reason == ReasonCode::PACKET_TOO_LARGE) {
        let message = format!("the server closed with {}", reason.shown_in(PacketType::DISCONNECT));
        return Some(Finding::proven(at, message));
    }
    let answer = case.close_as_answer().filter(|_| case.server_reason().is_none())?;
    let told_limit = mqtt.connack.as_ref().and_then(|connack| connack.properties.maximum_packet_size).map(u64::from);
    let limit = told_limit.unwrap_or(USUAL_LIMIT);
    let unfinished = mqtt.incomplete.client.as_ref().filter(|packet| packet.kind == PacketType::PUBLISH);
    let (bytes, topic, is_read) = match (case.request(&answer.last), unfinished) {
        (_, Some(packet)) => (packet.length, packet.topic.as_deref().map(str::to_owned), true),
        (Request::Publish(topic, bytes), None) => (bytes, Some(topic), true),
        _ if answer.is_one_packet && answer.count > 1 => (answer.bytes.max(mqtt.log.unanswered().bytes), None, false),
        _ => return None,
    };
    if bytes <= limit {
        return None;
    }
    let whose = if told_limit.is_some() { "the broker said" } else { "many brokers and AWS IoT have" };
    let to = topic.map(|topic| format!(" to {topic:?}")).unwrap_or_default();
    let message = format!(
        "the server closed (frame {}) on a message{to} of {}; {whose} a limit of {}",
        answer.closed.at.frame,
        count(bytes, "byte"),
        count(limit, "byte")
    );
    let confidence = if is_read || answer.count >= 8 { Confidence::Likely } else { Confidence::Possible };
    let finding = Finding::new(confidence, answer.closed.at, message).with_frames([answer.first.at, answer.last.at]);
    Some(finding.rests_on_absence().or_else("the client may not publish to this topic"))
}
