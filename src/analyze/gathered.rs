//! What an analysis found, kept as values: for commands that go on with it.

use super::Output;
use crate::report::Format;
use crate::report::model::{Capture, Connection, Glance, Group, Summary};
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

/// Connections that are kept; more are counted.
const KEPT: usize = 1_000;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) capture: Option<Capture>,
    pub(crate) summary: Summary,
    /// In the order of their first frames, as many as are kept.
    pub(crate) connections: Vec<Connection>,
}

/// What has been found so far: on one end a format fills it, from the other it is taken.
#[derive(Debug, Default)]
pub(super) struct Gathering(Rc<RefCell<Gathered>>);

impl Gathering {
    pub(super) fn output(&self) -> Output {
        Output {
            format: Box::new(Self(Rc::clone(&self.0))),
            to: Box::new(io::sink()),
            name: "memory".to_owned(),
            file: None,
        }
    }

    /// The capture has to be read again.
    pub(super) fn clear(&self) {
        self.0.take();
    }

    pub(super) fn done(self) -> Gathered {
        let mut gathered = self.0.take();
        gathered.connections.sort_by_key(|connection| connection.ordinal);
        gathered
    }
}

impl Format for Gathering {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn passes_over(&mut self, _: &Glance<'_>) -> bool {
        self.0.borrow().connections.len() >= KEPT
    }

    fn connection(&mut self, connection: &Connection, _: &mut dyn Write) -> io::Result<()> {
        self.0.borrow_mut().connections.push(connection.clone());
        Ok(())
    }

    fn finish(&mut self, capture: &Capture, summary: &Summary, _: &[Group], _: &mut dyn Write) -> io::Result<()> {
        let mut gathered = self.0.borrow_mut();
        gathered.capture = Some(capture.clone());
        gathered.summary = summary.clone();
        Ok(())
    }
}
