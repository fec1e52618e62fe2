//! What every format of the report can do.

use super::model::{Capture, Connection, Event, Expectation, Glance, Group, Summary};
use std::io::{self, Write};

/// A format, as a stream: `begin` once, `connection` for each, `finish` once.
///
/// The caller hands connections over in the order that the format is to have them, and a capture that is complete only at
/// the end. What a format holds back is bounded, except where its documentation says so.
pub trait Format {
    /// Writes what comes before the first connection.
    ///
    /// # Errors
    /// When `out` fails.
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()>;

    /// Whether a connection is told well enough by being counted, which this does; else [`Self::connection`] is to get it.
    /// To make a whole [`Connection`] takes longer than to analyse one.
    fn passes_over(&mut self, glance: &Glance<'_>) -> bool {
        let _ = glance;
        false
    }

    /// Writes one connection, or keeps it for later.
    ///
    /// # Errors
    /// When `out` fails.
    fn connection(&mut self, connection: &Connection, out: &mut dyn Write) -> io::Result<()>;

    /// Writes one event of a connection that is still going on; `who` tells connections apart. Only formats that people watch
    /// do.
    ///
    /// # Errors
    /// When `out` fails.
    fn happened(&mut self, who: &str, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        let _ = (who, event, out);
        Ok(())
    }

    /// Writes how a connection looks that is not over, but has not moved for a while; it will be told again by
    /// [`Self::connection`]. Only formats that people watch do.
    ///
    /// # Errors
    /// When `out` fails.
    fn provisional(&mut self, connection: &Connection, out: &mut dyn Write) -> io::Result<()> {
        let _ = (connection, out);
        Ok(())
    }

    /// Takes what came of the expectations, once, before [`Self::finish`], which is to tell it; not called where there were none.
    fn judged(&mut self, expectations: &[Expectation]) {
        let _ = expectations;
    }

    /// Writes what was kept, and what is said of the whole.
    ///
    /// # Errors
    /// When `out` fails.
    fn finish(&mut self, capture: &Capture, summary: &Summary, groups: &[Group], out: &mut dyn Write)
    -> io::Result<()>;
}
