//! The CONNACK comes late.
//!
//! ## What it means
//! The broker took long to decide whether the client may connect. The connection worked; a client with a shorter timer
//! would have given up, and come again.
//!
//! ## On the wire
//! From the client's first record to the server's first that is no ticket, more than a threshold beyond the round trip.
//!
//! ## Likely causes
//! 1. The service behind the broker that knows the clients is slow: database, LDAP, webhook, custom authorizer.
//! 2. The broker is overloaded, for example by all devices that come back at once.
//!
//! ### AWS IoT Core
//! 1. A custom authorizer's Lambda function starts cold.
//!
//! ## What to do
//! * Look at the times of the authentication service.
//! * Spread reconnects by a random wait.
//!
//! ## References
//! * MQTT 3.1.1, 3.1.4

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttConnect),
    severity: Severity::Warning,
    ..Rule::new("slow-connack", "MQT016", include_str!("slow_connack.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let mqtt = case.mqtt()?;
    let (asked, answered) = (mqtt.connect_at?, mqtt.connack_at?);
    let took = answered.at.since(asked.at);
    let is_whole = mqtt.gaps.client == 0 && mqtt.gaps.server == 0 && !case.record.tcp.midstream;
    if !is_whole || !case.was_connected() || took < case.thresholds.slow_connack + case.round_trip() {
        return None;
    }
    // What was lost and sent again is the path's time, not the broker's.
    let resent = case.record.tcp.client.retransmissions.data + case.record.tcp.server.retransmissions.data;
    let message = format!("the server took {} for its CONNACK (frame {})", span(took), answered.frame);
    let confidence =
        if case.reads_mqtt() { crate::evidence::Confidence::Proven } else { crate::evidence::Confidence::Likely };
    let finding = Finding::new(confidence, answered, message).with_frame(asked);
    let finding = finding.because(format!("the round trip is {}", span(case.round_trip())));
    Some(if resent > 0 { finding.or_else("segments were lost on the way and sent again") } else { finding })
}
