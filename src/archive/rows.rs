//! The rows of the tables: what the report says, behind the columns by which tables are joined.

use crate::report::model::{Client, Connection, Event, Finding, Server, Time, TraceId};
use schemars::JsonSchema;
use serde::Serialize;

/// A connection as `iotcap.report/1` tells it.
#[derive(Serialize, JsonSchema)]
pub(super) struct ConnectionRow<'a> {
    /// Who captured it: `--sensor`.
    pub(super) sensor: &'a str,
    /// `started` in nanoseconds since 1970.
    pub(super) started_ns: i64,
    /// All that the report says of it.
    #[serde(flatten)]
    pub(super) connection: &'a Connection,
}

/// A part of a connection: a finding or an event.
#[derive(Serialize, JsonSchema)]
pub(super) struct PartRow<'a, T> {
    #[serde(flatten)]
    pub(super) key: Key<'a>,
    #[serde(flatten)]
    pub(super) part: &'a T,
}

/// What tells which connection a row belongs to.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(super) struct Key<'a> {
    /// `trace_id` of the connection.
    trace_id: TraceId,
    /// `id` of the connection: unique in its capture.
    connection_id: &'a str,
    /// `started` of the connection.
    started: Time,
    /// `started_ns` of the connection.
    started_ns: i64,
    /// `client` of the connection.
    client: &'a Client,
    /// `server` of the connection.
    server: &'a Server,
}

impl<'a> ConnectionRow<'a> {
    pub(super) fn new(sensor: &'a str, connection: &'a Connection) -> Self {
        Self { sensor, started_ns: connection.started.unix_nanos(), connection }
    }
}

impl<'a> Key<'a> {
    pub(super) fn of(connection: &'a Connection) -> Self {
        let Connection { id, trace_id, started, client, server, .. } = connection;
        Self {
            trace_id: *trace_id,
            connection_id: id,
            started: *started,
            started_ns: started.unix_nanos(),
            client,
            server,
        }
    }
}

pub(super) type FindingRow<'a> = PartRow<'a, Finding>;
pub(super) type EventRow<'a> = PartRow<'a, Event>;
