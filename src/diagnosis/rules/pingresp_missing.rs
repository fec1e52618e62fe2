//! A ping is not answered.
//!
//! ## What it means
//! The client asked whether the broker is still there. TCP took the ping, the broker did not answer, and the client gave
//! the session up.
//!
//! ## On the wire
//! A PINGREQ (without keys: a record that holds two bytes), no record of the server, and the client closes after its own
//! timer.
//!
//! ## Likely causes
//! 1. The broker stalls: overload, a blocked thread, a slow plug-in.
//! 2. A proxy or load balancer took the ping, and the broker behind it is gone.
//! 3. The client's timer for the answer is shorter than the path is slow.
//!
//! ## What to do
//! * Look at the broker's load and log at this time.
//! * Let the client wait longer for PINGRESP than a slow round trip takes.
//!
//! ## References
//! * MQTT 3.1.1, 3.12; MQTT 5.0, 3.12.4

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::stream::Moment;
use crate::timeline::Phase;
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttSession),
    supersedes: &["server-silent", "client-aborted"],
    ..Rule::new("pingresp-missing", "MQT012", include_str!("pingresp_missing.rs"), check)
};

/// A client that closes sooner did not wait for the answer.
const WAITS: Duration = Duration::from_secs(1);

fn check(case: &Case<'_>) -> Option<Finding> {
    let closed = case.client_closed().filter(|_| case.was_connected() && case.heard_all_of_server())?;
    // A record of two bytes long before the FIN was taken for a farewell, and can as well be the ping.
    let fin = case.close_of(Side::Client).map(|(at, _)| at).filter(|_| !case.reads_mqtt());
    let end = fin.unwrap_or(closed.at).max(closed.at);
    let (asked, confidence) = unanswered(case, end).filter(|_| case.server_took())?;
    let waited = end.at.since(asked.at);
    if waited < WAITS + case.round_trip() * 2 {
        return None;
    }
    let message = format!(
        "the server did not answer a ping (frame {}), and the client closed {} later (frame {})",
        asked.frame,
        span(waited),
        end.frame
    );
    let answered = case.mqtt()?.pings.answered;
    let finding = Finding::new(confidence, asked, message)
        .with_frame(end)
        .rests_on_absence()
        .because("the server's TCP acknowledged the ping")
        .because_of((answered > 0).then(|| format!("{answered} pings before it were answered")));
    Some(if confidence == Confidence::Proven {
        finding
    } else {
        finding.or_else("the record was a DISCONNECT, and the client kept TCP open after it")
    })
}

/// The ping behind which the server said nothing.
fn unanswered(case: &Case<'_>, closed: Moment) -> Option<(Moment, Confidence)> {
    let mqtt = case.mqtt()?;
    if case.reads_mqtt() {
        let asked = mqtt.pings.unanswered_since.filter(|asked| *asked < closed)?;
        let entries = case.entries_before(Some(closed));
        let spoke = entries.iter().any(|entry| entry.by == Side::Server && entry.at > asked);
        return (!spoke).then_some((asked, Confidence::Proven));
    }
    let entries = case.entries_before(Some(closed));
    // Nothing of the server since, and nothing of the client but more of the same.
    let tail = entries.iter().rev().take_while(|entry| entry.by == Side::Client && entry.len.can_be(2));
    let asked = tail.last().filter(|asked| Some(asked.at) > mqtt.connack_at)?;
    let confidence =
        if mqtt.pings.answered > 0 && asked.len.is_exact() { Confidence::Likely } else { Confidence::Possible };
    asked.len.is_exact().then_some((asked.at, confidence))
}
