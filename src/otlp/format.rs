//! The report as OTLP: connections come in as they end, messages of bytes go out, each with its length before it.

use super::logs;
use super::message::Message;
use super::spans::spans;
use crate::report::Format;
use crate::report::model::{Capture, Connection, Group, Summary, Time};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use std::io::{self, Write};

/// Traces and log records, for a [`Feed`](super::Feed).
#[derive(Clone, Debug)]
pub struct Otlp {
    sensor: String,
}

impl Otlp {
    /// As this sensor tells it.
    #[must_use]
    pub fn new(sensor: &str) -> Self {
        Self { sensor: sensor.to_owned() }
    }

    /// What several connections have in common, as it was known at a time.
    ///
    /// # Errors
    /// If `out` takes no more.
    pub fn group(&self, group: &Group, at: Time, out: &mut dyn Write) -> io::Result<()> {
        write(vec![logs::group(group, at)], out)
    }
}

impl Format for Otlp {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn connection(&mut self, connection: &Connection, out: &mut dyn Write) -> io::Result<()> {
        let Self { sensor } = self;
        let message = Message { spans: spans(connection, sensor), logs: logs::records(connection, sensor) };
        out.write_all(&message.encode_length_delimited_to_vec())
    }

    fn finish(&mut self, capture: &Capture, _: &Summary, groups: &[Group], out: &mut dyn Write) -> io::Result<()> {
        let Some(ended) = capture.last.filter(|_| !groups.is_empty()) else { return Ok(()) };
        let logs: Vec<_> = groups.iter().map(|group| logs::group(group, ended)).collect();
        write(logs, out)
    }
}

fn write(logs: Vec<LogRecord>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&Message { spans: Vec::new(), logs }.encode_length_delimited_to_vec())
}
