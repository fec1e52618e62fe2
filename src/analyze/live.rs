//! What only a live capture needs: telling things as they happen, and holding standard output back while it is somebody else's.

use super::{Output, Told, cannot_write, open_outputs, standard_output};
use crate::analyzer::Happening;
use crate::cli::OutputArgs;
use crate::connection::Record;
use crate::diagnosis::{Outcome, diagnose};
use crate::report::{Pace, build};
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::time::Duration;
use tempfile::{SpooledTempFile, spooled_tempfile};

/// Opens what the report goes to; standard output gets nothing until the end.
pub(crate) fn outputs_held_back(arguments: &OutputArgs) -> Result<Vec<Output>> {
    open_outputs(arguments, Pace::AtEnd, Box::new(HeldBack::new(standard_output())))
}

/// The files among the outputs.
pub(crate) fn files(outputs: &[Output]) -> impl Iterator<Item = &File> {
    outputs.iter().filter_map(|output| output.file.as_ref())
}

impl Told {
    /// Tells an event of a connection that is going on.
    pub(crate) fn happened(&mut self, happening: &Happening) -> Result<()> {
        let who = happening.endpoints.client.to_string();
        let event = build::event(&happening.event, happening.start);
        for output in &mut self.outputs {
            output.format.happened(&who, &event, &mut output.to).with_context(|| cannot_write(&output.name))?;
        }
        Ok(())
    }

    /// Tells how a connection looks that is not over, if it looks bad. Says whether it does.
    pub(crate) fn provisional(&mut self, record: &Record) -> Result<bool> {
        let verdict = diagnose(record, self.capture, self.desk.thresholds());
        if verdict.outcome != Outcome::Failed {
            return Ok(false);
        }
        let connection = build::connection(record, &verdict);
        for output in &mut self.outputs {
            output.format.provisional(&connection, &mut output.to).with_context(|| cannot_write(&output.name))?;
        }
        Ok(true)
    }

    /// How long a connection may not move before it is called stuck.
    pub(crate) const fn stuck_after(&self) -> Duration {
        self.desk.thresholds().stuck
    }

    /// Brings out what was told so far.
    pub(crate) fn flush(&mut self) -> Result<()> {
        for output in &mut self.outputs {
            output.to.flush().with_context(|| cannot_write(&output.name))?;
        }
        Ok(())
    }
}

/// Keeps what is written until it is flushed: in memory while that is little, in a temporary file when it is much.
struct HeldBack<W> {
    kept: SpooledTempFile,
    to: W,
}

impl<W: Write> HeldBack<W> {
    /// What is kept in memory, in bytes.
    const IN_MEMORY: usize = 4 << 20;

    fn new(to: W) -> Self {
        Self { kept: spooled_tempfile(Self::IN_MEMORY), to }
    }
}

impl<W: Write> Write for HeldBack<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.kept.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.kept.rewind()?;
        io::copy(&mut self.kept, &mut self.to)?;
        self.kept = spooled_tempfile(Self::IN_MEMORY);
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_comes_out_in_order_when_it_is_flushed() {
        let mut shown = Vec::new();
        let mut held = HeldBack::new(&mut shown);
        held.write_all(b"one ").unwrap();
        assert!(held.to.is_empty());
        held.flush().unwrap();
        held.write_all(b"two").unwrap();
        held.flush().unwrap();
        assert_eq!(shown, b"one two");
    }
}
