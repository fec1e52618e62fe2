//! The report as JSON, in one object or in lines, and its schema.

use super::format::Format;
use super::model::{Capture, Connection, Expectation, Group, Report, SchemaId, Summary};
use super::spool::Spool;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use std::io::{self, Write};

/// `json`: one object, one line a connection, so that the whole is valid JSON and yet can be read with grep and diff.
/// Its connections stand in the order of their first frames, whatever the order in which they are handed over.
#[derive(Debug, Default)]
pub struct Json {
    connections: Spool,
    expectations: Vec<Expectation>,
}

impl Format for Json {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn connection(&mut self, connection: &Connection, _: &mut dyn Write) -> io::Result<()> {
        self.connections.add(connection.ordinal, |bytes| write_value(connection, bytes))
    }

    fn judged(&mut self, expectations: &[Expectation]) {
        self.expectations = expectations.to_vec();
    }

    fn finish(
        &mut self,
        capture: &Capture,
        summary: &Summary,
        groups: &[Group],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        out.write_all(b"{\"schema\":")?;
        write_value(&SchemaId::V1, out)?;
        out.write_all(b",\n\"capture\":")?;
        write_value(capture, out)?;
        out.write_all(b",\n\"summary\":")?;
        write_value(summary, out)?;
        out.write_all(b",\n\"connections\":[")?;
        let mut separator: &[u8] = b"\n";
        self.connections.drain_sorted(|connection| {
            out.write_all(separator)?;
            separator = b",\n";
            out.write_all(connection)
        })?;
        out.write_all(b"],\n\"groups\":")?;
        write_value(&groups, out)?;
        if !self.expectations.is_empty() {
            out.write_all(b",\n\"expectations\":")?;
            write_value(&self.expectations, out)?;
        }
        out.write_all(b"}\n")
    }
}

/// `jsonl`: one line a connection, in the order of their ends, then one line with everything else.
#[derive(Debug, Default)]
pub struct JsonLines {
    expectations: Vec<Expectation>,
}

impl Format for JsonLines {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn connection(&mut self, connection: &Connection, out: &mut dyn Write) -> io::Result<()> {
        write_value(connection, out)?;
        out.write_all(b"\n")
    }

    fn judged(&mut self, expectations: &[Expectation]) {
        self.expectations = expectations.to_vec();
    }

    fn finish(
        &mut self,
        capture: &Capture,
        summary: &Summary,
        groups: &[Group],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        #[derive(Serialize)]
        struct LastLine<'a> {
            schema: SchemaId,
            capture: &'a Capture,
            summary: &'a Summary,
            groups: &'a [Group],
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            expectations: &'a [Expectation],
        }
        let expectations = &self.expectations;
        write_value(&LastLine { schema: SchemaId::V1, capture, summary, groups, expectations }, out)?;
        out.write_all(b"\n")
    }
}

/// The JSON Schema (draft 2020-12) that every report keeps; docs/report.schema.json is its copy.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Report>();
    schema.insert("title".to_owned(), SchemaId::V1.name().into());
    schema.to_value()
}

fn write_value<T: Serialize + ?Sized>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(out, value).map_err(io::Error::from)
}
