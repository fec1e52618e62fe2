//! The verdicts of a report that was just written, by the client's port: to lay them beside what the clients saw.

use crate::report::model::{Connection, Report};
use anyhow::{Context, Result};
use std::path::Path;

/// The connections of a report.
#[derive(Debug)]
pub(super) struct Verdicts(Vec<Connection>);

impl Verdicts {
    /// Reads a JSON report.
    pub(super) fn read(report: &Path) -> Result<Self> {
        let text = std::fs::read(report).with_context(|| format!("cannot read {}", report.display()))?;
        let report: Report = serde_json::from_slice(&text).context("the report cannot be read back")?;
        Ok(Self(report.connections))
    }

    /// The connection that came from this port of the client.
    pub(super) fn of_port(&self, port: u16) -> Option<&Connection> {
        self.0.iter().find(|connection| connection.client.port == port)
    }

    /// The connections that came from none of these ports: a client whose TCP handshake fails never learns its own port.
    pub(super) fn of_no_port_of(&self, ports: &[u16]) -> impl Iterator<Item = &Connection> {
        self.0.iter().filter(|connection| !ports.contains(&connection.client.port))
    }
}
