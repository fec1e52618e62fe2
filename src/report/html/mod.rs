//! The report as one page for a browser: in come connections, out goes a file that needs nothing else and asks no network.
//!
//! The frame of the page and its summary are written here, escaped by maud. What stands in the table is data in one block,
//! what is told of a connection data in a block of its own, which the script reads when the connection is opened. No
//! text from the wire ever becomes markup, and the page's policy lets no other script run than its own.

mod across;
mod assets;
mod data;
mod learn;
mod page;
mod row;

#[cfg(all(feature = "live", unix))]
pub(crate) use assets::base64;
pub(crate) use assets::policy_without_script;
pub use assets::{SCRIPT, START, STYLE};
pub(crate) use page::mark;
pub use row::Row;

use super::format::Format;
use super::model::{Capture, Connection, Expectation, Group, Summary};
use super::spool::Spool;
use learn::Learned;
use std::io::{self, Write};

/// `html`: one file. Its connections stand in the order of their first frames, whatever the order in which they are
/// handed over; memory does not grow with them.
#[derive(Debug, Default)]
pub struct Html {
    /// Rows of the table.
    rows: Spool,
    /// The same for browsers without a script.
    listed: Spool,
    /// What is told of a connection that is opened.
    details: Spool,
    learned: Learned,
    expectations: Vec<Expectation>,
}

impl Format for Html {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn connection(&mut self, connection: &Connection, _: &mut dyn Write) -> io::Result<()> {
        self.learned.note(connection);
        let (order, row) = (connection.ordinal, Row::of(connection));
        self.rows.add(order, |bytes| data::write(&row, bytes))?;
        self.listed.add(order, |bytes| bytes.write_all(page::listed(connection).into_string().as_bytes()))?;
        self.details.add(order, |bytes| {
            page::data_block(&format!("data-{}", connection.id), bytes, |bytes| data::write(connection, bytes))
        })
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
        for group in groups {
            self.learned.note_finding(&group.id);
        }
        out.write_all(page::top(capture, summary, groups, &self.expectations).into_string().as_bytes())?;

        out.write_all(b"<noscript><ol class=\"listed\">\n")?;
        self.listed.drain_sorted(|connection| out.write_all(connection))?;
        out.write_all(b"</ol></noscript>\n</main>\n")?;

        page::data_block("rows", out, |out| {
            let mut separator: &[u8] = b"[\n";
            self.rows.drain_sorted(|row| {
                out.write_all(separator)?;
                separator = b",\n";
                out.write_all(row)
            })?;
            out.write_all(if separator == b"[\n" { b"[]" } else { b"]" })
        })?;
        page::data_block("learn", out, |out| data::write(&self.learned.told(), out))?;
        self.details.drain_sorted(|block| out.write_all(block))?;
        out.write_all(page::bottom().into_string().as_bytes())
    }
}
