//! A connection as a trace: one span for the whole, one below it for each phase, events for messages and findings. Names of
//! attributes are OpenTelemetry's where it has one (Semantic Conventions 1.38: network, client, server, tls, messaging, error),
//! else they begin with `iotcap.`.

use super::attributes::{Attributes, nanos};
use crate::report::escape;
use crate::report::model::{
    Actor, Certificate, ClosedHow, Confidence, Connection, Event, Finding, Mqtt, Outcome, PerSide, Phase, PhaseName,
    PhaseOutcome, Rung, Time, TraceId, Vantage,
};
use opentelemetry_proto::tonic::trace::v1::span::{self, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// The most events of a span, as OpenTelemetry's own libraries have it (OTEL_SPAN_EVENT_COUNT_LIMIT); the rest is counted.
const MAX_EVENTS: usize = 128;

/// The spans of a connection that this sensor saw, the whole first.
pub(super) fn spans(connection: &Connection, sensor: &str) -> Vec<Span> {
    let ids = Ids { connection, sensor };
    let whole = Interval { start: connection.started, end: end(connection) };
    let mut root = Span {
        kind: kind(connection.vantage).into(),
        attributes: about(connection).0,
        status: Some(status(connection)),
        ..ids.span("connection", &[], whole)
    };
    let parent = root.span_id.clone();
    let phases = connection.phases.iter().filter_map(|phase| Some((phase, interval(phase, whole)?)));
    let (intervals, mut spans): (Vec<_>, Vec<_>) = phases
        .map(|(phase, interval)| (interval, self::phase(phase, ids.span(phase.phase.name(), &parent, interval))))
        .unzip();
    for event in &connection.events {
        // The latest phase that it is part of; what is in none of them is the connection's.
        let place = intervals.iter().rposition(|interval| interval.contains(event.at));
        add(place.and_then(|place| spans.get_mut(place)).unwrap_or(&mut root), happened(event));
    }
    for finding in &connection.findings {
        add(&mut root, found(finding, whole));
    }
    let more = u32::try_from(connection.dropped_events).unwrap_or(u32::MAX);
    root.dropped_events_count = root.dropped_events_count.saturating_add(more);
    spans.insert(0, root);
    spans
}

/// The span that log records about a connection belong to.
pub(super) fn root_id(connection: &Connection, sensor: &str) -> Vec<u8> {
    Ids { connection, sensor }.of("connection")
}

/// What spans of one connection at one sensor have in common.
struct Ids<'a> {
    connection: &'a Connection,
    sensor: &'a str,
}

impl Ids<'_> {
    /// The id of a span: the same when it is sent again, another one at another sensor, and for another connection whose
    /// client repeats its random.
    fn of(&self, name: &str) -> Vec<u8> {
        let Connection { trace_id: TraceId(trace_id), started, client, .. } = self.connection;
        let mut hash = Sha256::new();
        for part in [&trace_id[..], self.sensor.as_bytes(), b"\0", started.to_string().as_bytes()] {
            hash.update(part);
        }
        hash.update(client.port.to_be_bytes());
        hash.update(name);
        hash.finalize().iter().take(8).copied().collect()
    }

    fn span(&self, name: &str, parent: &[u8], interval: Interval) -> Span {
        Span {
            trace_id: self.connection.trace_id.0.to_vec(),
            span_id: self.of(name),
            parent_span_id: parent.to_vec(),
            name: name.to_owned(),
            kind: SpanKind::Internal.into(),
            start_time_unix_nano: nanos(interval.start),
            end_time_unix_nano: nanos(interval.end),
            ..Span::default()
        }
    }
}

/// From when to when.
#[derive(Clone, Copy)]
struct Interval {
    start: Time,
    end: Time,
}

impl Interval {
    fn contains(self, at: Time) -> bool {
        self.start <= at && at <= self.end
    }
}

/// When it ended; of an open one, when it was last heard of.
fn end(connection: &Connection) -> Time {
    let last = connection.events.iter().map(|event| event.at).max();
    let phases = connection.phases.iter().filter_map(|phase| phase.ended).max();
    connection.ended.or(last.max(phases)).map_or(connection.started, |end| end.max(connection.started))
}

/// A phase that goes on ends with the connection.
fn interval(phase: &Phase, whole: Interval) -> Option<Interval> {
    let start = phase.started?;
    Some(Interval { start, end: phase.ended.unwrap_or(whole.end).max(start) })
}

fn phase(phase: &Phase, span: Span) -> Span {
    let failed = phase.outcome == PhaseOutcome::Failed;
    let attributes = Attributes::default()
        .with("iotcap.phase.outcome", phase.outcome.name())
        .with("iotcap.frame.first", phase.frames.map(|[first, _]| first))
        .with("iotcap.frame.last", phase.frames.map(|[_, last]| last));
    let status = failed.then(|| Status { code: StatusCode::Error.into(), message: String::new() });
    Span { attributes: attributes.0, status, ..span }
}

/// Beside an end a connection is that end's own; elsewhere it is nobody's.
const fn kind(vantage: Vantage) -> SpanKind {
    match vantage {
        Vantage::Client => SpanKind::Client,
        Vantage::Server => SpanKind::Server,
        Vantage::Between | Vantage::Unknown => SpanKind::Internal,
    }
}

/// What nobody can tell, and what only just worked, has no status.
fn status(connection: &Connection) -> Status {
    match connection.outcome {
        Outcome::Failed => {
            Status { code: StatusCode::Error.into(), message: escape(&connection.headline).into_owned() }
        }
        Outcome::Ok => Status { code: StatusCode::Ok.into(), message: String::new() },
        Outcome::Degraded | Outcome::Open | Outcome::Inconclusive => Status::default(),
    }
}

fn about(connection: &Connection) -> Attributes {
    let attributes = verdict(ends(connection), connection);
    let attributes = tls(attributes, connection);
    connection.mqtt.as_ref().map_or(attributes.clone(), |known| mqtt(attributes, known))
}

/// Who talks to whom: also what log records carry.
pub(super) fn ends(connection: &Connection) -> Attributes {
    let Connection { client, server, vantage, .. } = connection;
    let peer =
        if *vantage == Vantage::Server { (&client.address, client.port) } else { (&server.address, server.port) };
    let family = match server.address.parse() {
        Ok(IpAddr::V4(_)) => Some("ipv4"),
        Ok(IpAddr::V6(_)) => Some("ipv6"),
        Err(_) => None,
    };
    Attributes::default()
        .with("client.address", &*client.address)
        .with("client.port", client.port)
        .with("server.address", server.name.as_deref().unwrap_or(&server.address))
        .with("server.port", server.port)
        .with("network.peer.address", &**peer.0)
        .with("network.peer.port", peer.1)
        .with("network.transport", "tcp")
        .with("network.type", family)
}

fn verdict(attributes: Attributes, connection: &Connection) -> Attributes {
    let Connection { closed, bytes, timings, .. } = connection;
    let failed = connection.outcome == Outcome::Failed;
    let cause = connection.cause.as_deref();
    attributes
        .with("error.type", failed.then(|| cause.unwrap_or("_OTHER")))
        .with("iotcap.id", &*connection.id)
        .with("iotcap.outcome", connection.outcome.name())
        .with("iotcap.cause", cause)
        .with("iotcap.confidence", connection.confidence.map(Confidence::name))
        .with("iotcap.headline", &*connection.headline)
        .with("iotcap.stopped_in", connection.stopped_in.map(PhaseName::name))
        .with("iotcap.reached", connection.reached.map(Rung::name))
        .with("iotcap.vantage", connection.vantage.name())
        .with("iotcap.closed.by", closed.by.map(Actor::name))
        .with("iotcap.closed.how", closed.how.map(ClosedHow::name))
        .with("iotcap.frames", connection.frames)
        .with("iotcap.bytes.client", bytes.client)
        .with("iotcap.bytes.server", bytes.server)
        .with("iotcap.rtt", timings.rtt.map(|rtt| rtt.0.as_secs_f64()))
        .with("iotcap.tcp.retransmissions", retransmissions(&connection.tcp.retransmissions))
        .with("iotcap.tcp.missed_bytes", connection.tcp.missed_bytes)
}

const fn retransmissions(sides: &PerSide<u64>) -> u64 {
    sides.client.saturating_add(sides.server)
}

fn tls(attributes: Attributes, connection: &Connection) -> Attributes {
    let Some(tls) = &connection.tls else { return attributes };
    let established = connection.timings.tls_authentication.is_some();
    let attributes = attributes
        .with("tls.protocol.name", "tls")
        .with("tls.protocol.version", tls.version.as_deref())
        .with("tls.established", established)
        .with("tls.cipher", tls.cipher.as_deref())
        .with("tls.curve", tls.group.as_deref())
        .with("tls.next_protocol", tls.alpn.as_deref())
        .with("tls.resumed", tls.resumed)
        .with("tls.client.server_name", tls.server_name.as_deref())
        .with("tls.client.ja3", tls.ja3.as_deref())
        .with("tls.client.supported_ciphers", &tls.offered_ciphers[..])
        .with("iotcap.tls.client.ja4", tls.ja4.as_deref())
        .with("iotcap.tls.client.certificate", tls.client_certificate.name())
        .with("iotcap.tls.decrypted", tls.decrypted);
    let attributes = certificate(attributes, "client", tls.certificates.client.first());
    certificate(attributes, "server", tls.certificates.server.first())
}

fn certificate(attributes: Attributes, side: &str, certificate: Option<&Certificate>) -> Attributes {
    let Some(certificate) = certificate else { return attributes };
    let key = |name: &str| format!("tls.{side}.{name}");
    attributes
        .with(&key("subject"), &*certificate.subject)
        .with(&key("issuer"), &*certificate.issuer)
        .with(&key("not_before"), certificate.not_before.map(|at| at.to_string()))
        .with(&key("not_after"), certificate.not_after.map(|at| at.to_string()))
        .with(&key("hash.sha256"), certificate.sha256.to_uppercase())
}

fn mqtt(attributes: Attributes, mqtt: &Mqtt) -> Attributes {
    attributes
        .with("network.protocol.name", "mqtt")
        .with("network.protocol.version", mqtt.version.as_deref())
        .with("messaging.system", "mqtt")
        .with("messaging.client.id", mqtt.client_id.as_deref())
        .with("iotcap.mqtt.source", mqtt.source.name())
        .with("iotcap.mqtt.keep_alive", mqtt.keep_alive)
        .with("iotcap.mqtt.connack_code", mqtt.connack_code.map(u16::from))
        .with("iotcap.mqtt.connack_reason", mqtt.connack_reason.as_deref())
        .with("iotcap.mqtt.session_present", mqtt.session_present)
}

fn happened(event: &Event) -> span::Event {
    let attributes = Attributes::default()
        .with("iotcap.by", event.by.name())
        .with("iotcap.frame", event.seen.frame)
        .with("iotcap.file", event.seen.file.map(u64::from))
        .with("iotcap.detail", Some(&*event.detail).filter(|detail| !detail.is_empty()))
        .with("iotcap.observed", event.observed);
    span::Event {
        time_unix_nano: nanos(event.at),
        name: format!("{}.{}", event.layer, event.kind),
        attributes: attributes.0,
        dropped_attributes_count: 0,
    }
}

fn found(finding: &Finding, whole: Interval) -> span::Event {
    span::Event {
        time_unix_nano: nanos(finding.at.unwrap_or(whole.end)),
        name: finding.id.to_string(),
        attributes: conclusion(finding).0,
        dropped_attributes_count: 0,
    }
}

/// A finding in short: also what log records carry.
pub(super) fn conclusion(finding: &Finding) -> Attributes {
    Attributes::default()
        .with("iotcap.finding.id", &*finding.id)
        .with("iotcap.finding.code", &*finding.code)
        .with("iotcap.finding.severity", finding.severity.name())
        .with("iotcap.finding.confidence", finding.confidence.name())
        .with("iotcap.finding.message", &*finding.message)
}

fn add(span: &mut Span, event: span::Event) {
    if span.events.len() < MAX_EVENTS {
        span.events.push(event);
    } else {
        span.dropped_events_count = span.dropped_events_count.saturating_add(1);
    }
}
