//! What only a live capture needs: telling things as they happen, and holding standard output back while it is somebody else's.

use super::collector::{self, collector};
use super::outputs::{Held, Origin, cannot_write, open, standard_output};
use super::told::told;
use super::{Output, Told};
use crate::analyzer::Happening;
use crate::cli::OutputArgs;
use crate::connection::Record;
use crate::diagnosis::{Outcome, diagnose};
use crate::report::{Pace, build};
use anyhow::{Context, Result};
use std::fs::File;
use std::time::Duration;

/// Opens what the report goes to.
pub(crate) fn outputs(arguments: &OutputArgs, pace: Pace) -> Result<Vec<Output>> {
    let mut outputs = open(arguments, pace, Origin::Interfaces, standard_output(arguments))?;
    outputs.extend(collector(arguments, collector::Pace::Live)?);
    Ok(outputs)
}

/// Opens what the report goes to; standard output gets nothing until the end.
pub(crate) fn outputs_held_back(arguments: &OutputArgs) -> Result<Vec<Output>> {
    let held = Box::new(Held::new(standard_output(arguments)));
    let mut outputs = open(arguments, Pace::AtEnd, Origin::Interfaces, held)?;
    outputs.extend(collector(arguments, collector::Pace::Live)?);
    Ok(outputs)
}

/// The files among the outputs.
pub(crate) fn files(outputs: &[Output]) -> impl Iterator<Item = &File> {
    outputs.iter().filter_map(|output| output.file.as_ref())
}

impl Told {
    /// Tells an event of a connection that is going on.
    pub(crate) fn happened(&mut self, happening: &Happening) -> Result<()> {
        let mut who = happening.endpoints.client.to_string();
        let mut event = build::event(&happening.event, happening.start);
        if let Some(redactor) = &mut self.redactor {
            (who, event) = redactor.happened(&happening.event, &who, event);
        }
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
        if let Some(redactor) = &mut self.redactor {
            redactor.learn(record);
        }
        let connection = told(record, &verdict, self.redactor.as_deref_mut());
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_held_back_comes_out_in_order_when_it_is_flushed() {
        let mut shown = Vec::new();
        let mut held = Held::new(&mut shown);
        held.write_all(b"one ").unwrap();
        assert!(held.to.is_empty());
        held.flush().unwrap();
        held.write_all(b"two").unwrap();
        held.flush().unwrap();
        assert_eq!(shown, b"one two");
    }
}
