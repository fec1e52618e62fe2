//! A message is not acknowledged.
//!
//! ## What it means
//! The client published with QoS 1 or 2, and the broker did not confirm it. The client keeps the message and sends it
//! again in the next session: it may come twice, or the client's store fills up.
//!
//! ## On the wire
//! Seen with keys only: a PUBLISH of QoS 1 or 2 without PUBACK or PUBREC for longer than a threshold, while the
//! connection is open.
//!
//! ## Likely causes
//! 1. The broker is overloaded, or its store is slow.
//! 2. The broker ignores what it does not support or allow.
//!
//! ### AWS IoT Core
//! 1. QoS 2 is not supported.
//! 2. The publish quota of the account is exceeded: such messages are not acknowledged.
//!
//! ## What to do
//! * Look at the broker's load, and at its log for this client.
//! * Check that the client resends with DUP only after it has reconnected.
//!
//! ## References
//! * MQTT 3.1.1, 4.3 and 4.4; MQTT 5.0, 4.3 and 4.4

use crate::diagnosis::reading::{count, span};
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::mqtt::PacketType;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttSession),
    severity: Severity::Warning,
    ..Rule::new("puback-missing", "MQT008", include_str!("puback_missing.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let mqtt = case.mqtt().filter(|_| case.heard_all_of_server() && case.server_took() && case.was_connected())?;
    let waits = [PacketType::PUBACK, PacketType::PUBREC, PacketType::PUBCOMP];
    let open = || mqtt.in_flight.client.iter().filter(|(_, exchange)| waits.contains(&exchange.awaits));
    let (id, oldest) = open().min_by_key(|(_, exchange)| exchange.since)?;
    let end = case.record.timeline.closed.map_or(case.record.last, |closed| closed.at);
    let waited = end.at.since(oldest.since.at);
    if waited < case.thresholds.acknowledgment + case.round_trip() {
        return None;
    }
    let message = format!(
        "{} without {} in {}: packet id {id}, frame {}",
        count(open().count() as u64, "message"),
        oldest.awaits,
        span(waited),
        oldest.since.frame
    );
    let finding = Finding::proven(oldest.since, message).rests_on_absence();
    Some(finding.because_of((mqtt.pings.answered > 0).then(|| "the server answers pings all the same".to_owned())))
}
