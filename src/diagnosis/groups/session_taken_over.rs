//! Another connection took the session over.
//!
//! ## What it means
//! A client id belongs to one connection at a time: when a second client connects with it, the broker closes the first.
//! Two devices with one id throw each other out for ever.
//!
//! ## On the wire
//! A healthy session that the server closes while another client connects to the same server, from whatever address. With
//! keys: equal client ids, or DISCONNECT with reason 0x8e. Without: CONNECTs of equal length.
//!
//! ## Likely causes
//! 1. Two devices have the same client id: a cloned image, a fixed id in the code.
//! 2. A client connects again although its old connection is still open (a second instance, a lost network).
//! 3. A test tool uses a device's id.
//!
//! ### AWS IoT Core
//! 1. The thing name is the client id, and the same certificate and name are on two devices.
//!
//! ## What to do
//! * Give each device an id of its own: a serial number, a part of the MAC address.
//! * Let a client close its old connection before it opens a new one.
//!
//! ### AWS IoT Core
//! * Life-cycle events on `$aws/events/presence/disconnected/ID` say DUPLICATE_CLIENTID.
//!
//! ## References
//! * MQTT 3.1.1, 3.1.4-2; MQTT 5.0, 3.1.4-3

use super::{Group, Members};
use crate::connection::{Arrival, Record};
use crate::diagnosis::reading::span;
use crate::diagnosis::{CaptureState, Case, Finding, Rule, Thresholds};
use crate::evidence::Confidence;
use crate::mqtt::{PacketType, PlaintextLen, ReasonCode};
use crate::net::{Endpoint, Side};
use crate::time::Timestamp;
use crate::timeline::{Closed, Phase};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttSession),
    supersedes: &["server-closed", "server-aborted", "closed-on-publish", "closed-on-subscribe", "keepalive-expired"],
    ..Rule::new("session-taken-over", "MQT010", include_str!("session_taken_over.rs"), check)
};
static STATIC_RULE: Rule = RULE;

/// The most pairs of a client and a server that are kept.
const MAX_KEPT: usize = 1024;

/// The server says so itself.
fn check(case: &Case<'_>) -> Option<Finding> {
    let (reason, at) = case.server_reason().filter(|(reason, _)| *reason == ReasonCode::SESSION_TAKEN_OVER)?;
    let code = reason.shown_in(PacketType::DISCONNECT);
    Some(Finding::proven(at, format!("the server ended the session with DISCONNECT {code} (frame {})", at.frame)))
}

/// When a client must have arrived to be the reason for the end of this session; none where no arrival can be.
#[must_use]
pub fn takeover_window(record: &Record, thresholds: &Thresholds) -> Option<RangeInclusive<Timestamp>> {
    let closed = ended_by_server(&Case::new(record, CaptureState::default(), thresholds))?;
    Some(window(thresholds, closed.at.at))
}

fn ended_by_server(case: &Case<'_>) -> Option<Closed> {
    case.server_closed().filter(|_| case.was_connected())
}

fn window(thresholds: &Thresholds, closed: Timestamp) -> RangeInclusive<Timestamp> {
    closed - thresholds.takeover..=closed + thresholds.takeover
}

/// A session that the server ended while another client arrived.
pub(in crate::diagnosis) fn taken_over<'a>(
    case: &Case<'_>,
    arrivals: impl Iterator<Item = &'a Arrival>,
) -> Option<(Finding, &'a Arrival)> {
    let closed = ended_by_server(case)?;
    let record = case.record;
    let mqtt = case.mqtt()?;
    let own_length = mqtt.log.first().iter().find(|entry| entry.by == Side::Client).map(|entry| entry.len);
    let own_id = mqtt.client_id().filter(|id| !id.is_empty());
    let window = window(case.thresholds, closed.at.at);
    // The newcomer's CONNECT caused the close: it came before it, and its CONNACK about with it.
    let fits = |other: &&Arrival| {
        other.first.frame != record.first.frame
            && Some(other.connack_at) > mqtt.connack_at
            && other.connect_at <= closed.at
            && window.contains(&other.connack_at.at)
    };
    let equal = |other: &&Arrival| match (own_id, other.client_id.as_deref()) {
        (Some(own), Some(other)) => own == other,
        _ => mqtt.gaps.client == 0 && own_length.is_some() && own_length == other.length,
    };
    let distance =
        |other: &&Arrival| closed.at.at.since(other.connack_at.at).max(other.connack_at.at.since(closed.at.at));
    let other = arrivals.filter(fits).filter(equal).min_by_key(distance)?;
    let ids_are_equal = own_id.is_some() && own_id == other.client_id.as_deref();
    let after = closed.at.at.since(other.connect_at.at);
    let who = match own_id.filter(|_| ids_are_equal) {
        Some(id) => format!("{} connected with the same client id {id:?}", other.endpoints.client),
        None => format!("{} connected with a CONNECT of equal length", other.endpoints.client),
    };
    let message = format!(
        "the server closed the session (frame {}) {} after {who} (frame {})",
        closed.at.frame,
        span(after),
        other.connect_at.frame
    );
    let is_exact = own_length.is_some_and(PlaintextLen::is_exact);
    let prompt = distance(&other) <= case.round_trip() + std::time::Duration::from_millis(100);
    let confidence = match (ids_are_equal, is_exact && prompt) {
        (true, _) => Confidence::Proven,
        (false, true) => Confidence::Likely,
        (false, false) => Confidence::Possible,
    };
    let finding = Finding::new(confidence, closed.at, message).with_frames([other.connect_at, other.connack_at]);
    let finding =
        if ids_are_equal { finding } else { finding.or_else("the server ended the session for another reason") };
    Some((finding, other))
}

/// Sessions that were taken over, by server and client.
#[derive(Debug, Default)]
pub(in crate::diagnosis) struct Takeovers {
    by_client: BTreeMap<(Endpoint, String), Takeover>,
}

#[derive(Debug)]
struct Takeover {
    members: Members,
    times: u64,
    addresses: Vec<String>,
    confidence: Confidence,
    server_name: Option<String>,
    has_id: bool,
}

impl Takeovers {
    pub(super) fn note(&mut self, record: &Record, by: &Arrival, confidence: Confidence) {
        let id = record.mqtt.as_ref().and_then(|mqtt| mqtt.client_id()).filter(|id| !id.is_empty());
        let length = || by.length.map_or(0, |length| length.max);
        let client = id.map_or_else(|| format!("a CONNECT of {} bytes", length()), str::to_owned);
        let key = (record.endpoints.server, client);
        if self.by_client.len() >= MAX_KEPT && !self.by_client.contains_key(&key) {
            return;
        }
        let takeover = self.by_client.entry(key).or_insert_with(|| Takeover {
            members: Members::default(),
            times: 0,
            addresses: Vec::new(),
            confidence,
            server_name: record.server_name().map(str::to_owned),
            has_id: id.is_some(),
        });
        takeover.times += 1;
        takeover.confidence = takeover.confidence.max(confidence);
        takeover.members.add(record.first.frame);
        takeover.members.add(by.first.frame);
        for address in [record.endpoints.client.address, by.endpoints.client.address].map(|address| address.to_string())
        {
            if !takeover.addresses.contains(&address) && takeover.addresses.len() < 8 {
                takeover.addresses.push(address);
            }
        }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = Group> + '_ {
        self.by_client.iter().map(|((server, client), takeover)| {
            let times = if takeover.times == 1 { "once".to_owned() } else { format!("{} times", takeover.times) };
            let whose = if takeover.has_id {
                format!("the session of client id {client:?}")
            } else {
                format!("a session, by {client},")
            };
            Group {
                rule: &STATIC_RULE,
                confidence: takeover.confidence,
                server: *server,
                server_name: takeover.server_name.clone(),
                clients: if takeover.has_id { vec![client.clone()] } else { takeover.addresses.clone() },
                connections: takeover.members.sorted(),
                message: format!("another connection took over {whose} {times}"),
                evidence: vec![format!("from {}", takeover.addresses.join(" and "))],
            }
        })
    }
}
