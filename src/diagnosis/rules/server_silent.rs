//! The server answers nothing any more.
//!
//! ## What it means
//! TCP takes what the client sends, and the broker, which used to answer, says nothing. The client gives the session up.
//!
//! ## On the wire
//! A request of the client of a kind that was answered before, acknowledged by TCP; no record of the server for longer than
//! a threshold; the client closes.
//!
//! ## Likely causes
//! 1. The broker stalls: overload, a full disk, a blocked thread.
//! 2. A proxy or load balancer took the data, and the broker behind it is gone.
//!
//! ## What to do
//! * Look at the broker's load, disk and log at this time.
//! * Let the client connect again when an answer is overdue.
//!
//! ## References
//! * MQTT 3.1.1, 4.3; MQTT 5.0, 4.3

use crate::diagnosis::reading::span;
use crate::diagnosis::session::is_usually_answered;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::mqtt::session::Entry;
use crate::net::Side;
use crate::stream::Moment;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttSession),
    supersedes: &["puback-missing", "client-aborted"],
    ..Rule::new("server-silent", "MQT017", include_str!("server_silent.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let closed = case.client_closed().filter(|_| case.was_connected() && case.heard_all_of_server())?;
    let entries = case.entries_before(Some(closed.at));
    let (asked, confidence) = unanswered(case, entries)?;
    let waited = closed.at.at.since(asked.at);
    if waited < case.thresholds.server_silent + case.round_trip() || !case.server_took() {
        return None;
    }
    let message = format!(
        "the server answered nothing for {} after the client's request (frame {}); then the client closed",
        span(waited),
        asked.frame
    );
    let heard = entries.iter().rfind(|entry| entry.by == Side::Server).map(|entry| entry.at);
    let finding = Finding::new(confidence, asked, message).with_frame(heard).with_frame(closed.at);
    Some(finding.rests_on_absence().because("the server's TCP acknowledged what the client sent"))
}

/// The first request since the server's last word that needs an answer.
fn unanswered(case: &Case<'_>, entries: &[Entry]) -> Option<(Moment, Confidence)> {
    let heard = entries.iter().rfind(|entry| entry.by == Side::Server).map(|entry| entry.at)?;
    if case.reads_mqtt() {
        let open = case.mqtt()?.in_flight.client.iter().map(|(_, exchange)| exchange.since);
        let asked = open.filter(|since| *since > heard).min()?;
        return Some((asked, Confidence::Proven));
    }
    let tail = entries.iter().filter(|entry| entry.by == Side::Client && entry.at > heard);
    let needs = |entry: &&Entry| entry.len.max > 4 && is_usually_answered(entries, entry);
    tail.clone().find(needs).map(|entry| (entry.at, Confidence::Likely))
}
