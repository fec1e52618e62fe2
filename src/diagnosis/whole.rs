//! Findings about the capture as a whole: nothing to look at, what went over IPv6, names that led nowhere.
//!
//! What the analyzer counted and the names that it learnt come in, when the capture is over; findings go out. The rules that
//! they carry are in the catalogue like all others; their own checks never fire.

use super::reading::count;
use super::rules::{name_not_found, name_unanswered, nothing_seen, went_over_ipv6};
use super::{Finding, Judged, Rule, Service};
use crate::analyzer::Stats;
use crate::decode::{DnsMessage, QueryType, Rcode, Skip, SkipCounts};
use crate::evidence::Confidence;
use crate::frame::FrameId;
use crate::names::{Names, Resolution};
use crate::stream::Moment;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// What is known of a capture when it is over.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// What went through the analyzer.
    pub stats: &'a Stats,
    /// What it passed over.
    pub skipped: &'a SkipCounts,
    /// The names that were asked for.
    pub names: &'a Names,
    /// The ports that were looked at; none where a filter decided.
    pub ports: &'a [u16],
}

/// How many of the busiest other ports, and of the names, are told.
const TOP: usize = 3;

/// A question that nobody has answered for so long will not be answered: resolvers ask again after 5 s (resolv.conf(5)).
const PATIENCE: Duration = Duration::from_secs(5);

/// A question this long after the first one is that one again.
const AGAIN: Duration = Duration::from_millis(900);

/// The findings about the capture as a whole.
#[must_use]
pub fn whole(capture: &Whole<'_>) -> Vec<Judged> {
    let mut found = names(capture);
    found.extend(ipv6(capture));
    found.extend(nothing(capture, &found));
    found
}

fn judged(rule: &'static Rule, finding: Finding) -> Judged {
    Judged { rule, finding }
}

fn begin(capture: &Whole<'_>) -> Moment {
    Moment::new(capture.stats.first.unwrap_or_default(), FrameId::new(0, 1))
}

/// `port 8883`, `port 8883 or 443`.
fn ports(capture: &Whole<'_>) -> String {
    let ports: Vec<String> = capture.ports.iter().map(u16::to_string).collect();
    if ports.is_empty() { "any TCP port".to_owned() } else { format!("port {}", ports.join(" or ")) }
}

fn nothing(capture: &Whole<'_>, others: &[Judged]) -> Option<Judged> {
    let Whole { stats, skipped, .. } = capture;
    if stats.frames_matched > 0 {
        return None;
    }
    if stats.frames == 0 {
        return Some(judged(&nothing_seen::RULE, Finding::proven(begin(capture), "the capture is empty")));
    }
    let message = format!("none of {} belongs to a connection to {}", count(stats.frames, "frame"), ports(capture));
    let mut finding = Finding::proven(begin(capture), message);
    for (port, segments) in skipped.other_ports(TOP) {
        finding = finding.because(format!("{} to or from TCP port {port}", count(segments, "segment")));
    }
    for (skip, frames) in skipped.by_reason().filter(|(skip, _)| *skip != Skip::OtherPort) {
        finding = finding.because(format!("{}: {}", skip.name(), count(frames, "frame")));
    }
    for other in others {
        finding = finding.because(format!("{}: {}", other.rule.id, other.finding.message));
    }
    let mut asked: Vec<&str> = capture
        .names
        .answers()
        .filter(|resolution| !resolution.answer.addresses.is_empty())
        .filter_map(Resolution::name)
        .collect();
    asked.dedup();
    if !asked.is_empty() {
        finding = finding.because(format!(
            "names that were resolved: {}",
            asked.into_iter().take(TOP).collect::<Vec<_>>().join(", ")
        ));
    }
    Some(judged(&nothing_seen::RULE, finding))
}

fn ipv6(capture: &Whole<'_>) -> Option<Judged> {
    let attempts = capture.skipped.ipv6_attempts();
    let message = format!("{} to {} went over IPv6, which was not looked at", count(attempts, "SYN"), ports(capture));
    (attempts > 0).then(|| judged(&went_over_ipv6::RULE, Finding::proven(begin(capture), message)))
}

/// One name, as one client asked for it.
#[derive(Default)]
struct Asked<'a> {
    refused: Vec<&'a DnsMessage>,
    waiting: Vec<&'a DnsMessage>,
    resolved: bool,
}

fn names(capture: &Whole<'_>) -> Vec<Judged> {
    let mut asked: BTreeMap<(String, IpAddr), Asked<'_>> = BTreeMap::new();
    let entry = |message: &DnsMessage| -> Option<(String, IpAddr)> {
        let name = message.question.as_ref()?.name.to_ascii_lowercase();
        Some((name, message.client.address))
    };
    for message in capture.names.answers().map(|resolution| &resolution.answer) {
        let Some(key) = entry(message) else { continue };
        let asked = asked.entry(key).or_default();
        asked.resolved |= !message.addresses.is_empty();
        if is_refusal(message) {
            asked.refused.push(message);
        }
    }
    for message in capture.names.unanswered() {
        let Some(key) = entry(message) else { continue };
        asked.entry(key).or_default().waiting.push(message);
    }
    let resolved: Vec<String> =
        asked.iter().filter(|(_, asked)| asked.resolved).map(|((name, _), _)| name.clone()).collect();
    let no_connection = capture.stats.frames_matched == 0;
    let nowhere = |(name, asked): (&str, &Asked<'_>)| {
        // Resolvers try a name with the local domain behind it as well (resolv.conf(5), search).
        let is_search =
            resolved.iter().any(|known| name.strip_prefix(known.as_str()).is_some_and(|rest| rest.starts_with('.')));
        !asked.resolved && !is_search && (is_broker_like(name) || (no_connection && !is_everyday(name)))
    };
    asked
        .iter()
        .filter(|((name, _), asked)| nowhere((name, asked)))
        .filter_map(|((name, client), asked)| {
            not_found(name, *client, asked).or_else(|| unanswered(name, *client, asked, capture))
        })
        .collect()
}

/// Whether an answer says that there is no address; a server's failure says nothing of the name.
fn is_refusal(message: &DnsMessage) -> bool {
    let of_addresses = message.question.as_ref().is_some_and(|question| question.query_type == QueryType::A);
    message.rcode == Rcode::NAME_ERROR
        || (message.rcode == Rcode::NO_ERROR && message.addresses.is_empty() && !message.truncated && of_addresses)
}

fn not_found(name: &str, client: IpAddr, asked: &Asked<'_>) -> Option<Judged> {
    let first = asked.refused.first()?;
    let what = if first.rcode == Rcode::NAME_ERROR { "does not exist (NXDOMAIN)" } else { "has no IPv4 address" };
    let message = format!("{} says that {name} {what} (frame {})", first.resolver.address, first.frame);
    let finding = Finding::proven(Moment::new(first.at, first.frame), message)
        .with_frames(asked.refused.iter().skip(1).map(|message| Moment::new(message.at, message.frame)))
        .because(format!("{client} asked for it, and no other answer has an address"));
    Some(judged(&name_not_found::RULE, finding))
}

fn unanswered(name: &str, client: IpAddr, asked: &Asked<'_>, capture: &Whole<'_>) -> Option<Judged> {
    let (first, last) = (asked.waiting.first()?, asked.waiting.last()?);
    let end: Timestamp = capture.stats.last?;
    let waited = end.since(first.at);
    // A and AAAA are asked for at the same time; what comes later is the same question again.
    if waited < PATIENCE && last.at.since(first.at) < AGAIN {
        return None;
    }
    let message = format!(
        "nobody answered {} for {name} ({client} to {}, frame {})",
        count(asked.waiting.len() as u64, "question"),
        last.resolver.address,
        first.frame
    );
    let finding = Finding::new(Confidence::Likely, Moment::new(first.at, first.frame), message)
        .with_frames(asked.waiting.iter().skip(1).map(|message| Moment::new(message.at, message.frame)))
        .rests_on_absence()
        .because(format!("the capture went on for {:.1} s after the first one", waited.as_secs_f64()));
    Some(judged(&name_unanswered::RULE, finding))
}

/// Whether a name looks like that of a broker: a known service, or a label that says so.
fn is_broker_like(name: &str) -> bool {
    let says_so = |label: &str| {
        label.contains("mqtt")
            || label.contains("broker")
            || label.split('-').any(|part| matches!(part, "iot" | "emqx" | "hivemq" | "mosquitto"))
    };
    Service::of(name).is_some() || name.split('.').any(says_so)
}

/// Names that are asked for all the time without an answer, by no device's program.
fn is_everyday(name: &str) -> bool {
    ["arpa", "local", "lan", "home", "localdomain", "wpad"].iter().any(|last| name.rsplit('.').next() == Some(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_told_by_their_names() {
        assert!(is_broker_like("a1b2c3-ats.iot.eu-central-1.amazonaws.com"));
        assert!(
            is_broker_like("mqtt.example.com") && is_broker_like("my-broker.local") && is_broker_like("iot-gw.example")
        );
        assert!(
            !is_broker_like("www.example.com") && !is_broker_like("riot.example") && !is_broker_like("patriot.example")
        );
    }
}
