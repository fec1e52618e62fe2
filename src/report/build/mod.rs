//! From a record and its verdict to the report's types. Nothing is decided here, and nothing is read.

mod identity;
mod layers;
mod whole;

pub use identity::trace_id;
pub use whole::{CaptureFacts, about_capture, capture};

use super::model::{self, Millis, Time};
use crate::connection::Record;
use crate::diagnosis::{Finding, Group, Judged, Outcome, Service, Severity, Verdict};
use crate::event::{By, Event, Kind};
use crate::evidence::Basis;
use crate::frame::FrameId;
use crate::net::{Endpoint, Side};
use crate::time::Timestamp;
use crate::timeline::{CloseHow, Closed, Phase, PhaseOutcome, PhaseSpan, Rung, Timings};
use std::borrow::Cow;

/// What counts of a connection and its verdict.
#[must_use]
pub fn glance(record: &Record, verdict: &Verdict) -> model::Glance<'static> {
    model::Glance {
        outcome: outcome(verdict.outcome),
        cause: verdict.cause().map(|judged| judged.rule.id),
        timings: timings(&record.timeline.timings),
    }
}

/// A connection and its verdict as the report tells them.
#[must_use]
pub fn connection(record: &Record, verdict: &Verdict) -> model::Connection {
    let cause = verdict.cause();
    let service = record.server_name().and_then(Service::of);
    let Endpoint { address, port } = record.endpoints.client;
    model::Connection {
        id: id(record.first.frame),
        trace_id: trace_id(record),
        ordinal: record.ordinal,
        client: model::Client { address: address.to_string(), port },
        server: server(record),
        started: record.first.at.into(),
        ended: record.timeline.closed.is_some().then(|| record.last.at.into()),
        frames: record.frames(),
        bytes: model::PerSide { client: record.tcp.client.stream_bytes(), server: record.tcp.server.stream_bytes() },
        outcome: outcome(verdict.outcome),
        stopped_in: verdict.stopped_in.and_then(phase_name),
        reached: record.timeline.reached.map(rung),
        cause: cause.map(|judged| judged.rule.id.to_owned()),
        confidence: cause.map(|judged| judged.finding.confidence.into()),
        headline: verdict.headline(),
        vantage: layers::vantage(record.tcp.vantage),
        closed: closed(record.timeline.closed.as_ref()),
        timings: timings(&record.timeline.timings),
        phases: record.timeline.phases.iter().filter_map(phase).collect(),
        tcp: layers::tcp(&record.tcp),
        tls: record.tls.as_deref().filter(|tls| tls.is_tls()).map(layers::tls),
        mqtt: record.mqtt.as_deref().and_then(|mqtt| layers::mqtt(mqtt, record)),
        findings: verdict.findings.iter().map(|judged| finding(judged, service)).collect(),
        events: record.events.iter().map(|event| self::event(event, record.first.at)).collect(),
        dropped_events: record.events.dropped(),
        display_filter: model::DisplayFilter::between(record.endpoints.client, record.endpoints.server),
    }
}

/// A finding that spans connections.
#[must_use]
pub fn group(group: &Group) -> model::Group {
    let Endpoint { address, port } = group.server;
    let service = group.server_name.as_deref().and_then(Service::of).map(Service::name);
    model::Group {
        id: Cow::Borrowed(group.rule.id),
        code: Cow::Borrowed(group.rule.code),
        severity: severity(group.rule.severity),
        confidence: group.confidence.into(),
        server: Some(model::Server { address: address.to_string(), port, name: group.server_name.clone() }),
        clients: group.clients.clone(),
        connections: group.connections.iter().copied().map(id).collect(),
        message: group.message.clone(),
        evidence: group.evidence.clone(),
        remedy: group.rule.doc().items("What to do", service).into_iter().map(Cow::Owned).collect(),
    }
}

/// The number of the first frame: the same for every number of threads, and to be found in Wireshark.
fn id(frame: FrameId) -> String {
    match frame.file() {
        0 => frame.number().to_string(),
        file => format!("{}-{}", file + 1, frame.number()),
    }
}

fn server(record: &Record) -> model::Server {
    let Endpoint { address, port } = record.endpoints.server;
    model::Server { address: address.to_string(), port, name: record.server_name().map(str::to_owned) }
}

/// One line of a connection that began at `start`.
#[must_use]
pub fn event(event: &Event, start: Timestamp) -> model::Event {
    model::Event {
        at: event.began.at.into(),
        ms: event.began.at.since(start).into(),
        seen: event.at.frame.into(),
        by: actor(event.by),
        layer: match event.kind {
            Kind::Dns(_) => model::Layer::Dns,
            Kind::Icmp(_) => model::Layer::Icmp,
            Kind::Tcp(_) => model::Layer::Tcp,
            Kind::Tls(_) => model::Layer::Tls,
            Kind::Mqtt(_) => model::Layer::Mqtt,
        },
        kind: Cow::Borrowed(event.kind.name()),
        detail: event.kind.to_string(),
        observed: event.basis.is_observed(),
        confidence: match event.basis {
            Basis::Observed => None,
            Basis::Inferred(confidence) => Some(confidence.into()),
        },
        until: (event.began.frame != event.at.frame).then(|| event.at.at.since(start).into()),
    }
}

fn finding(judged: &Judged, service: Option<Service>) -> model::Finding {
    let Finding { confidence, at, proof, message, evidence, other_readings, causes, .. } = &judged.finding;
    let doc = judged.rule.doc();
    let service = service.map(Service::name);
    let mut all_causes: Vec<Cow<'static, str>> = causes.iter().map(|cause| Cow::Owned(cause.clone())).collect();
    all_causes.extend(doc.items("Likely causes", service).into_iter().map(Cow::Owned));
    model::Finding {
        id: Cow::Borrowed(judged.rule.id),
        code: Cow::Borrowed(judged.rule.code),
        severity: severity(judged.severity()),
        confidence: (*confidence).into(),
        at: Some(at.at.into()),
        frames: proof.iter().map(|moment| moment.frame).collect(),
        message: message.clone(),
        evidence: evidence.clone(),
        causes: all_causes,
        remedy: doc.items("What to do", service).into_iter().map(Cow::Owned).collect(),
        other_readings: other_readings.iter().map(|reading| Cow::Owned(reading.clone())).collect(),
    }
}

fn closed(closed: Option<&Closed>) -> model::Closed {
    let Some(closed) = closed else { return model::Closed::default() };
    let frame = model::FrameRef::from(closed.at.frame);
    model::Closed {
        by: Some(actor(closed.by)),
        how: closed.how.map(|how| match how {
            CloseHow::Fin => model::ClosedHow::Fin,
            CloseHow::Rst => model::ClosedHow::Rst,
            CloseHow::Alert => model::ClosedHow::Alert,
        }),
        at: Some(closed.at.at.into()),
        frame: Some(frame.frame),
        file: frame.file,
    }
}

fn timings(timings: &Timings) -> model::Timings {
    let Timings {
        tcp_handshake,
        tls_hello,
        tls_authentication,
        mqtt_connect,
        first_ack,
        session,
        total,
        rtt,
        server_think,
        client_crypto,
    } = *timings;
    model::Timings {
        tcp_handshake: tcp_handshake.map(Millis),
        tls_hello: tls_hello.map(Millis),
        tls_authentication: tls_authentication.map(Millis),
        mqtt_connect: mqtt_connect.map(Millis),
        first_ack: first_ack.map(Millis),
        session: session.map(Millis),
        total: total.map(Millis),
        rtt: rtt.map(Millis),
        server_think: server_think.map(Millis),
        client_crypto: client_crypto.map(Millis),
    }
}

fn phase(span: &PhaseSpan) -> Option<model::Phase> {
    Some(model::Phase {
        phase: phase_name(span.phase)?,
        outcome: match span.outcome {
            PhaseOutcome::Completed => model::PhaseOutcome::Completed,
            PhaseOutcome::Failed => model::PhaseOutcome::Failed,
            PhaseOutcome::InProgress => model::PhaseOutcome::InProgress,
            PhaseOutcome::NotReached => model::PhaseOutcome::NotReached,
            PhaseOutcome::Unknown => model::PhaseOutcome::Unknown,
        },
        started: span.started.map(|moment| Time::from(moment.at)),
        ended: span.ended.map(|moment| Time::from(moment.at)),
        frames: span.started.map(|first| [first.frame.number(), span.ended.unwrap_or(first).frame.number()]),
    })
}

fn phase_name(phase: Phase) -> Option<model::PhaseName> {
    model::PhaseName::ALL.iter().copied().find(|name| name.name() == phase.name())
}

fn rung(rung: Rung) -> model::Rung {
    match rung {
        Rung::Syn => model::Rung::Syn,
        Rung::SynAck => model::Rung::SynAck,
        Rung::TcpEstablished => model::Rung::TcpEstablished,
        Rung::ClientHello => model::Rung::ClientHello,
        Rung::ServerHello => model::Rung::ServerHello,
        Rung::ServerFlight => model::Rung::ServerFlight,
        Rung::ClientFlight => model::Rung::ClientFlight,
        Rung::TlsEstablished => model::Rung::TlsEstablished,
        Rung::MqttConnect => model::Rung::MqttConnect,
        Rung::MqttConnected => model::Rung::MqttConnected,
        Rung::MqttSession => model::Rung::MqttSession,
    }
}

fn outcome(outcome: Outcome) -> model::Outcome {
    match outcome {
        Outcome::Ok => model::Outcome::Ok,
        Outcome::Degraded => model::Outcome::Degraded,
        Outcome::Failed => model::Outcome::Failed,
        Outcome::Open => model::Outcome::Open,
        Outcome::Inconclusive => model::Outcome::Inconclusive,
    }
}

fn severity(severity: Severity) -> model::Severity {
    match severity {
        Severity::Note => model::Severity::Note,
        Severity::Warning => model::Severity::Warning,
        Severity::Error => model::Severity::Error,
    }
}

fn actor(by: By) -> model::Actor {
    match by {
        By::Client => Side::Client.into(),
        By::Server => Side::Server.into(),
        By::Path => model::Actor::Path,
    }
}
