//! What is told of one connection, on its way to the thread that sends it: spans and log records in one message of bytes.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;

/// Spans and log records that go out together. It never leaves the program.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Message {
    /// The connection, and its phases.
    #[prost(message, repeated, tag = "1")]
    pub(super) spans: Vec<Span>,
    /// What was found.
    #[prost(message, repeated, tag = "2")]
    pub(super) logs: Vec<LogRecord>,
}
