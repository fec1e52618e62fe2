//! The server closes on a SUBSCRIBE, or refuses it.
//!
//! ## What it means
//! The client asked for messages that it may not have, or in a way that the broker does not take. Some brokers answer
//! with a SUBACK that says no, others close the connection.
//!
//! ## On the wire
//! As closed-on-publish, after a record of middle size early in the session. With keys: the SUBSCRIBE and its filters; or
//! a SUBACK with a code from 0x80 on, and the session goes on.
//!
//! ## Likely causes
//! 1. The client may not subscribe to this filter; a wildcard covers more than it may see.
//! 2. The filter is malformed, or longer or deeper than the broker takes.
//! 3. Too many filters at once.
//!
//! ### AWS IoT Core
//! 1. The policy does not allow iot:Subscribe on this filter (the resource is `topicfilter/…`, not `topic/…`).
//! 2. More than eight filters in one SUBSCRIBE.
//!
//! ## What to do
//! * Compare the filter with the policy or access list, letter by letter.
//! * Subscribe to what is needed, not to `#`.
//!
//! ## References
//! * MQTT 3.1.1, 3.9.3; MQTT 5.0, 3.9.3 and 4.13

use super::closed_on_publish::told;
use crate::diagnosis::reading::count;
use crate::diagnosis::session::{Answered, Request};
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::event::{By, Kind};
use crate::evidence::Confidence;
use crate::mqtt::{self, PacketType, ReasonCode};
use crate::net::Side;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttSession),
    supersedes: &["server-closed", "server-aborted", "closed-on-publish"],
    ..Rule::new("closed-on-subscribe", "MQT007", include_str!("closed_on_subscribe.rs"), check)
};

/// A SUBSCRIBE has at least a header, an identifier and one filter; longer ones than this are rare.
const LIKELY_SIZES: std::ops::RangeInclusive<u32> = 8..=1024;

fn check(case: &Case<'_>) -> Option<Finding> {
    closed(case).or_else(|| refused(case))
}

fn closed(case: &Case<'_>) -> Option<Finding> {
    let answer = case.close_as_answer()?;
    let reason = case.server_reason().map(|(reason, _)| reason);
    let refuses =
        |reason: ReasonCode| [ReasonCode::NOT_AUTHORIZED, FILTER_INVALID, ReasonCode::UNSPECIFIED].contains(&reason);
    if reason.is_some_and(|reason| !refuses(reason)) {
        return None;
    }
    match case.request(&answer.last) {
        Request::Subscribe(filters) => {
            let what = format!("SUBSCRIBE {}", filters.join(", "));
            Some(told(case, answer, &what, true))
        }
        Request::Publish(..) | Request::Other(_) => None,
        _ if may_be(case, answer) => {
            let what = format!("the first record behind CONNACK, of {}", count(answer.bytes, "byte"));
            let finding = told(case, answer, &what, false).at_most(Confidence::Possible);
            Some(finding.or_else("it was a PUBLISH to a topic that is not allowed"))
        }
        _ => None,
    }
}

/// Topic Filter invalid (MQTT 5.0, 2.4).
const FILTER_INVALID: ReasonCode = ReasonCode(0x8F);

/// Whether what the close answers can be a SUBSCRIBE: of middle size, and the first thing that the client said.
pub(super) fn may_be(case: &Case<'_>, answer: &Answered) -> bool {
    let entries = case.entries_before(Some(answer.closed.at));
    let spoke = entries.iter().filter(|entry| entry.by == Side::Server).count();
    !case.reads_mqtt() && answer.count == 1 && spoke == 1 && LIKELY_SIZES.contains(&answer.last.len.max)
}

/// A SUBACK says no.
fn refused(case: &Case<'_>) -> Option<Finding> {
    let packets = || {
        case.record.events.iter().filter_map(|event| match &event.kind {
            Kind::Mqtt(mqtt::Event::Packet(packet)) => Some((event, packet)),
            _ => None,
        })
    };
    let refusals = packets().filter(|(event, _)| event.by == By::Server).filter_map(|(event, packet)| match packet {
        mqtt::Packet::Answer(answer) if answer.kind == PacketType::SUBACK => {
            let index = answer.codes.iter().position(|code| code.is_failure())?;
            Some((event.at, answer, index, *answer.codes.get(index)?))
        }
        _ => None,
    });
    let (at, answer, index, code) = refusals.into_iter().next()?;
    let mut asked =
        packets().filter(|(event, _)| event.by == By::Client && event.at <= at).filter_map(|(event, packet)| {
            match packet {
                mqtt::Packet::Subscribe(subscribe) if subscribe.packet_id == answer.packet_id => {
                    Some((event.at, subscribe))
                }
                _ => None,
            }
        });
    let asked = asked.next_back();
    let filter = asked.as_ref().and_then(|(_, subscribe)| subscribe.filters.get(index)).map(|(filter, _)| filter);
    let to = filter.map_or_else(|| "a filter".to_owned(), |filter| format!("{filter:?}"));
    let code = code.shown_in(PacketType::SUBACK);
    let message = format!("the server refused the subscription to {to}: {code} (SUBACK, frame {})", at.frame);
    Some(Finding::proven(at, message).with_frame(asked.map(|(at, _)| at)).as_severe_as(Severity::Warning))
}
