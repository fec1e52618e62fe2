//! One side breaks the protocol.
//!
//! ## What it means
//! A packet came that MQTT does not allow there, or that cannot be read, and the other side ended the session; or the
//! server said in a DISCONNECT of MQTT 5.0 why it ends it.
//!
//! ## On the wire
//! Seen with keys only: a second CONNECT, a malformed packet, a packet of the wrong direction; DISCONNECT with a reason
//! from 0x80 on.
//!
//! ## Likely causes
//! 1. A defect of the client's library or of its use: two threads that write to one connection, a second connect call.
//! 2. The client exceeds what the server said in its CONNACK: Receive Maximum, Topic Alias Maximum, maximum QoS.
//! 3. The server's limits: rate, quota, administrative action.
//!
//! ## What to do
//! * Look at the packet that the finding names, and at what the client did just before.
//! * Look the reason code up: its name says what the server wants.
//!
//! ## References
//! * MQTT 3.1.1, 4.8; MQTT 5.0, 2.4 and 4.13

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::mqtt::{ErrorKind, PacketType, ReasonCode, Violation};
use crate::net::Side;
use crate::timeline::Phase;
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttSession),
    supersedes: &["server-closed", "server-aborted", "closed-on-publish", "closed-on-subscribe"],
    ..Rule::new("protocol-error", "MQT009", include_str!("protocol_error.rs"), check)
};

/// A side that minds an error closes this soon after it.
const ANSWER: Duration = Duration::from_secs(1);

/// Reasons of a server that are told by findings of their own, or are no fault of anybody.
const TOLD_ELSEWHERE: [ReasonCode; 5] = [
    ReasonCode::NOT_AUTHORIZED,
    ReasonCode::KEEP_ALIVE_TIMEOUT,
    ReasonCode::SESSION_TAKEN_OVER,
    ReasonCode::PACKET_TOO_LARGE,
    ReasonCode::SERVER_SHUTTING_DOWN,
];

fn check(case: &Case<'_>) -> Option<Finding> {
    by_reason(case).or_else(|| by_error(case))
}

fn by_reason(case: &Case<'_>) -> Option<Finding> {
    let mqtt = case.mqtt()?;
    let (by, disconnect) = mqtt.disconnect_reason.as_ref()?;
    let reason = disconnect.reason;
    let is_own = *by == Side::Server && (TOLD_ELSEWHERE.contains(&reason) || super::server_closed::is_routine(reason));
    let mark = mqtt.disconnect[*by].filter(|_| reason.is_failure() && !is_own)?;
    let code = reason.shown_in(PacketType::DISCONNECT);
    let message = format!("the {by} ended the session with DISCONNECT {code} (frame {})", mark.at.frame);
    let words = disconnect.reason_string.as_deref().map(|words| format!("the {by} says {words:?}"));
    Some(Finding::proven(mark.at, message).because_of(words))
}

fn by_error(case: &Case<'_>) -> Option<Finding> {
    let mqtt = case.mqtt()?;
    let closed = case.record.timeline.closed;
    let harmless = |what: &ErrorKind| {
        matches!(what, ErrorKind::Forbidden(Violation::AfterDisconnect(_) | Violation::UnknownPacketId(..)))
    };
    let error = mqtt.errors.iter().find(|error| !harmless(&error.what))?;
    let what = match error.what {
        ErrorKind::Malformed(malformed) => format!("a malformed packet: {malformed}"),
        ErrorKind::Forbidden(violation) => violation.to_string(),
    };
    let message = format!("the {} breaks the protocol (frame {}): {what}", error.by, error.at.frame);
    let finding = Finding::proven(error.at, message);
    let minded = closed.filter(|closed| {
        closed.by.side() == Some(error.by.peer())
            && closed.at > error.at
            && closed.at.at.since(error.at.at) <= ANSWER + case.round_trip() * 2
    });
    Some(match minded {
        Some(closed) => finding.with_frame(closed.at).because(format!(
            "the {} closed {} later",
            closed.by,
            span(closed.at.at.since(error.at.at))
        )),
        // Nobody minded.
        None => finding.as_severe_as(Severity::Note),
    })
}
