//! Where a connection stopped, who ended it, why, and what to do: findings from rules, and one verdict from findings.
//!
//! A finished [`Record`] comes in; a [`Verdict`] goes out. Rules are pure; nothing here reads bytes of traffic.

mod budget;
mod desk;
pub mod doc;
mod finding;
mod groups;
mod handshake;
mod headline;
mod reading;
mod rule;
pub mod rules;
mod service;
mod session;
mod thresholds;
mod verdict;
pub mod whole;

pub use budget::{Budget, Stretch};
pub use desk::{Desk, DeskCounts};
pub use finding::{Finding, Severity};
pub use groups::{Group, takeover_window};
pub use rule::{CaptureState, Case, Rule};
pub use service::Service;
pub use thresholds::Thresholds;
pub use verdict::{Judged, Outcome, Verdict};

use crate::connection::Record;

/// A connection on its way to its verdict.
#[derive(Debug)]
pub struct Draft {
    record: Box<Record>,
    /// What it would be if no other connection explained it, where that was looked at.
    verdict: Option<Verdict>,
}

impl Draft {
    /// The connection that is judged.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Judges a connection by itself, in the state that its capture will have when it is told.
    #[must_use]
    pub fn new(record: Box<Record>, capture: CaptureState, thresholds: &Thresholds) -> Self {
        let verdict = diagnose(&record, capture, thresholds);
        Self { record, verdict: Some(verdict) }
    }
}

impl From<Record> for Draft {
    fn from(record: Record) -> Self {
        Self { record: Box::new(record), verdict: None }
    }
}

/// The verdict on one connection by itself; [`Desk`] gives the final one, which other connections may explain.
#[must_use]
pub fn diagnose(record: &Record, capture: CaptureState, thresholds: &Thresholds) -> Verdict {
    let case = Case::new(record, capture, thresholds);
    Verdict::from_findings(record, capture, rules::check_all(&case))
}
