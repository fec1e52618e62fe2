//! Findings as log records: those of a connection point to its span, those of several connections name their clients.

use super::attributes::{Attributes, body, nanos};
use super::spans::{conclusion, ends, root_id};
use crate::report::model::{Connection, Finding, Group, Severity, Time};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};

/// The name by which a record tells what kind of event it is.
const EVENT_NAME: &str = "iotcap.finding";

/// The findings of a connection that this sensor saw.
pub(super) fn records(connection: &Connection, sensor: &str) -> Vec<LogRecord> {
    let span_id = root_id(connection, sensor);
    let record = |finding: &Finding| {
        let at = finding.at.or(connection.ended).unwrap_or(connection.started);
        let mut attributes = ends(connection).0;
        attributes.extend(conclusion(finding).with("iotcap.finding.evidence", &finding.evidence[..]).0);
        let attributes = Attributes(attributes)
            .with("iotcap.finding.remedy", &finding.remedy[..])
            .with("iotcap.id", &*connection.id);
        LogRecord {
            trace_id: connection.trace_id.0.to_vec(),
            span_id: span_id.clone(),
            ..self::record(at, finding.severity, &finding.message, attributes)
        }
    };
    connection.findings.iter().map(record).collect()
}

/// A finding on several connections, or on the capture, as it was known then.
pub(super) fn group(group: &Group, at: Time) -> LogRecord {
    let server = group.server.as_ref();
    let attributes = Attributes::default()
        .with("server.address", server.map(|server| server.name.as_deref().unwrap_or(&server.address)))
        .with("server.port", server.map(|server| server.port))
        .with("iotcap.finding.id", &*group.id)
        .with("iotcap.finding.code", &*group.code)
        .with("iotcap.finding.severity", group.severity.name())
        .with("iotcap.finding.confidence", group.confidence.name())
        .with("iotcap.finding.evidence", &group.evidence[..])
        .with("iotcap.finding.remedy", &group.remedy[..])
        .with("iotcap.finding.clients", &group.clients[..])
        .with("iotcap.finding.connections", &group.connections[..]);
    record(at, group.severity, &group.message, attributes)
}

fn record(at: Time, severity: Severity, message: &str, attributes: Attributes) -> LogRecord {
    let number = match severity {
        Severity::Error => SeverityNumber::Error,
        Severity::Warning => SeverityNumber::Warn,
        Severity::Note => SeverityNumber::Info,
    };
    LogRecord {
        time_unix_nano: nanos(at),
        observed_time_unix_nano: nanos(at),
        severity_number: number.into(),
        severity_text: severity.name().to_owned(),
        body: Some(body(message)),
        attributes: attributes.0,
        event_name: EVENT_NAME.to_owned(),
        ..LogRecord::default()
    }
}
