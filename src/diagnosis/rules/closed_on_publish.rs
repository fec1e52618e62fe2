//! The server closes on a PUBLISH.
//!
//! ## What it means
//! The session worked; then the client published something, and the server's only answer was to close the connection.
//! Clients often reconnect and try the same again, for ever.
//!
//! ## On the wire
//! A record of the client in a session that had begun, acknowledged by TCP, and as the only answer the server's close
//! within about a round trip. With keys: the PUBLISH and its topic, or DISCONNECT with reason 0x87 or 0x90.
//!
//! ## Likely causes
//! 1. The client may not publish to this topic.
//! 2. The message is of a kind that the broker does not take: too long, retained, of QoS 2, a topic with wildcards.
//! 3. The broker's limit on messages is exceeded.
//!
//! ### AWS IoT Core
//! 1. The policy does not allow iot:Publish on this topic (the resource is `topic/…`, not `topicfilter/…`).
//! 2. QoS 2, which AWS IoT does not support.
//! 3. A topic with more than seven slashes or 256 bytes.
//!
//! ### Azure IoT Hub
//! 1. Devices may publish to `devices/DEVICE/messages/events/` and a few others only.
//!
//! ## What to do
//! * Compare the topic with the policy or access list, letter by letter.
//! * Make the client wait longer and longer before it tries again.
//!
//! ### AWS IoT Core
//! * Test the policy with `aws iot test-authorization`.
//!
//! ## References
//! * MQTT 3.1.1, 3.3.5: a server that does not authorize a PUBLISH acknowledges it or closes; MQTT 5.0, 4.13
//! * AWS IoT Core developer guide, "AWS IoT Core policy actions"

use crate::diagnosis::reading::{count, span};
use crate::diagnosis::session::{Answered, Request, in_round_trips};
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::mqtt::{PacketType, ReasonCode};
use crate::net::Side;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttSession),
    supersedes: &["server-closed", "server-aborted"],
    ..Rule::new("closed-on-publish", "MQT005", include_str!("closed_on_publish.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let answer = case.close_as_answer()?;
    let reason = case.server_reason().map(|(reason, _)| reason);
    // Another reason has its own finding.
    let refuses = |reason: ReasonCode| {
        [ReasonCode::NOT_AUTHORIZED, TOPIC_NAME_INVALID, ReasonCode::UNSPECIFIED].contains(&reason)
    };
    if reason.is_some_and(|reason| !refuses(reason)) {
        return None;
    }
    let request = case.request(&answer.last);
    let what = match &request {
        Request::Publish(topic, bytes) => format!("a PUBLISH to {topic:?} with {}", count(*bytes, "byte")),
        Request::Inferred(PacketType::PUBLISH) | Request::Unknown
            if !super::closed_on_subscribe::may_be(case, answer) =>
        {
            format!("a record of {}", count(answer.bytes, "byte"))
        }
        _ => return None,
    };
    // A goodbye amid a stream that never gets answers may come at any time.
    if answer.is_stream && reason.is_none() && case.said_goodbye(Side::Server) {
        return None;
    }
    Some(told(case, answer, &what, matches!(request, Request::Publish(..))))
}

/// Topic Name invalid (MQTT 5.0, 2.4).
const TOPIC_NAME_INVALID: ReasonCode = ReasonCode(0x90);

/// The close as the only answer to what the client said.
pub(super) fn told(case: &Case<'_>, answer: &Answered, what: &str, is_read: bool) -> Finding {
    let closed = answer.closed;
    let message = format!(
        "the server's only answer to {what} (frame {}) was to close, {} later (frame {})",
        answer.last.at.frame,
        span(answer.after()),
        closed.at.frame
    );
    let reason = case.server_reason().filter(|(reason, _)| reason.is_failure());
    let confidence = match (reason, answer.is_stream) {
        (Some(_), _) => Confidence::Proven,
        (None, false) if is_read || case.is_worked_session(answer) => Confidence::Likely,
        _ => Confidence::Possible,
    };
    let finding = Finding::new(confidence, closed.at, message)
        .with_frame(answer.last.at)
        .rests_on_absence()
        .because_of(reason.map(|(reason, _)| format!("DISCONNECT says {}", reason.shown_in(PacketType::DISCONNECT))))
        .because_of(in_round_trips(answer.after(), case));
    match reason {
        Some(_) => finding,
        None => finding.or_else("the server closed for a reason of its own just then"),
    }
}
