//! The report as JSON, in one object or in lines, and its schema.

use super::escape::must_be_escaped;
use super::format::Format;
use super::model::{Capture, Connection, Expectation, Group, Report, SchemaId, Summary};
use super::spool::Spool;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;
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

/// Compact JSON that may be shown on any terminal, whoever wrote the names in it.
///
/// # Errors
/// When `out` fails.
pub fn write_value<T: Serialize + ?Sized, W: Write + ?Sized>(value: &T, out: &mut W) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Harmless)).map_err(io::Error::from)
}

/// The same as a text.
///
/// # Errors
/// None that is known: it writes to memory.
pub fn to_text<T: Serialize + ?Sized>(value: &T) -> io::Result<String> {
    let mut bytes = Vec::new();
    write_value(value, &mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Compact JSON that may be printed on a terminal: what a stranger wrote to move its cursor or to turn the direction of
/// writing is written as `\u009b`, which is the same to whoever parses it. JSON itself escapes only what is below U+0020.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        // Nearly all text is this; without a branch for each byte it is looked at in blocks.
        if fragment.bytes().fold(true, |is_plain, byte| is_plain & (b' '..=b'~').contains(&byte)) {
            return out.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((place, character)) = rest.char_indices().find(|(_, character)| must_be_escaped(*character)) {
            let (clean, from) = rest.split_at(place);
            out.write_all(clean.as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = from.get(character.len_utf8()..).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }
}
