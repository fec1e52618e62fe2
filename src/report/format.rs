//! What every format of the report can do.

use super::model::{Capture, Connection, Group, Summary};
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

    /// Writes one connection, or keeps it for later.
    ///
    /// # Errors
    /// When `out` fails.
    fn connection(&mut self, connection: &Connection, out: &mut dyn Write) -> io::Result<()>;

    /// Writes what was kept, and what is said of the whole.
    ///
    /// # Errors
    /// When `out` fails.
    fn finish(&mut self, capture: &Capture, summary: &Summary, groups: &[Group], out: &mut dyn Write)
    -> io::Result<()>;
}
