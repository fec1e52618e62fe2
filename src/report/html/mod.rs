//! The report as one page for a browser: in come connections, out goes a file that needs nothing else and asks no network.
//!
//! The frame of the page and its summary are written here, escaped by maud. What stands in the table is data, what is told of
//! a connection data in other blocks, which the script inflates when the connection is opened. No text from the wire ever
//! becomes markup, and the page's policy lets no other script run than its own.

mod across;
mod assets;
mod data;
mod learn;
mod packed;
mod page;
mod row;

#[cfg(all(feature = "live", unix))]
pub(crate) use assets::base64;
pub(crate) use assets::policy_without_script;
pub use assets::{SCRIPT, START, STYLE};
pub(crate) use page::mark;
pub use row::Row;

use super::format::Format;
use super::json::write_value;
use super::model::{Capture, Connection, Expectation, Group, Outcome, Summary};
use super::spool::Spool;
use learn::Learned;
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};

/// The most healthy connections whose events are told, and the most that are listed where there is no script.
const MOST_HEALTHY: u64 = 1000;
/// The most other connections that are listed where there is no script.
const MOST_LISTED: u64 = 1000;

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
    /// How many connections were handed over.
    healthy: u64,
    others: u64,
}

impl Html {
    /// Counts a connection; whether it is one of those that are told in every way.
    fn is_within_limits(&mut self, outcome: Outcome) -> bool {
        let (count, most) = match outcome {
            Outcome::Ok => (&mut self.healthy, MOST_HEALTHY),
            _ => (&mut self.others, MOST_LISTED),
        };
        *count += 1;
        *count <= most
    }

    /// How many are in the table and not in the list.
    const fn unlisted(&self) -> u64 {
        self.healthy.saturating_sub(MOST_HEALTHY) + self.others.saturating_sub(MOST_LISTED)
    }
}

impl Format for Html {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn connection(&mut self, connection: &Connection, _: &mut dyn Write) -> io::Result<()> {
        let (order, row) = (connection.ordinal, Row::of(connection));
        self.rows.add(order, |bytes| write_value(&row, bytes))?;
        let is_within_limits = self.is_within_limits(connection.outcome);
        if is_within_limits {
            self.listed.add(order, |bytes| bytes.write_all(page::listed(connection).into_string().as_bytes()))?;
        }
        let is_short = connection.outcome == Outcome::Ok && !is_within_limits;
        let told = if is_short { Cow::Owned(without_events(connection)) } else { Cow::Borrowed(connection) };
        self.learned.note(&told);
        self.details.add(order, |bytes| write_value(&*told, bytes))
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
        out.write_all(page::end_of_list(self.unlisted()).into_string().as_bytes())?;

        let rows = packed::blocks("data-rows", &mut self.rows, out)?;
        let details = packed::blocks("data-details", &mut self.details, out)?;
        page::data_block("blocks", out, |out| data::write(&Blocks { rows, details }, out))?;
        page::data_block("learn", out, |out| data::write(&self.learned.told(), out))?;
        out.write_all(page::bottom().into_string().as_bytes())
    }
}

/// How many connections each block of data has.
#[derive(Serialize)]
struct Blocks {
    rows: Vec<usize>,
    details: Vec<usize>,
}

/// A healthy connection among a thousand others: its phases and facts tell enough.
fn without_events(connection: &Connection) -> Connection {
    let mut short = connection.clone();
    short.dropped_events += short.events.len() as u64;
    short.events.clear();
    short
}
