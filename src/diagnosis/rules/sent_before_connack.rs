//! The client does not wait for the CONNACK.
//!
//! ## What it means
//! The client sent more before it knew whether the broker accepts it. MQTT allows that, and it saves a round trip; some
//! brokers close on it, and what was sent is lost if the CONNECT is refused.
//!
//! ## On the wire
//! A second record of the client before the server's first.
//!
//! ## Likely causes
//! 1. The client publishes right after its call to connect, which does not wait.
//!
//! ### AWS IoT Core
//! 1. AWS IoT wants the CONNACK awaited.
//!
//! ## What to do
//! * Publish and subscribe from the callback that reports the connection.
//!
//! ## References
//! * MQTT 3.1.1, 3.1.4 (non-normative comment); MQTT 5.0, 3.1.4

use crate::diagnosis::reading::count;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::evidence::Basis;
use crate::net::Side;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Note,
    ..Rule::new("sent-before-connack", "MQT004", include_str!("sent_before_connack.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let mqtt = case.mqtt().filter(|mqtt| mqtt.sent_before_connack > 0 && mqtt.gaps.client == 0)?;
    let asked = mqtt.connect_at?;
    let closed = case.record.timeline.closed.map(|closed| closed.at);
    let entries = case.entries_before(mqtt.connack_at.or(closed));
    // A farewell is no early request.
    let early = entries.iter().find(|entry| entry.by == Side::Client && entry.at > asked && entry.len.max > 4)?;
    let basis = mqtt.version.map_or(Basis::Observed, |(_, basis)| basis);
    let packets = count(mqtt.sent_before_connack, if case.reads_mqtt() { "packet" } else { "record" });
    let message = format!("the client sent {packets} behind its CONNECT before the server had answered");
    let confidence = if case.reads_mqtt() { basis.confidence() } else { crate::evidence::Confidence::Likely };
    Some(Finding::new(confidence, early.at, message).with_frame(asked).with_frame(mqtt.connack_at))
}
