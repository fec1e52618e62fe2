//! From findings to one verdict: what explains what, what a hole in the capture forbids, and the sentence on top.

use super::headline::{self, Gist};
use super::{CaptureState, Finding, Rule, Severity};
use crate::connection::Record;
use crate::evidence::Confidence;
use crate::timeline::{Phase, Rung};

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It did its work and was closed.
    Ok,
    /// It did its work, and something is not right.
    Degraded,
    /// It did not do its work.
    Failed,
    /// Nobody has closed it.
    Open,
    /// The capture does not allow a verdict.
    Inconclusive,
}

impl Outcome {
    /// The contract's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Open => "open",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// A finding and the rule that made it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The rule.
    pub rule: &'static Rule,
    /// What it found.
    pub finding: Finding,
}

impl Judged {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.finding.severity.unwrap_or(self.rule.severity)
    }

    /// How sure an error must be that gives a verdict in spite of this; none where it forbids none.
    fn forbids(&self) -> Option<Confidence> {
        self.finding.overridden_by.filter(|_| self.rule.forbids_verdict)
    }
}

/// The verdict on one connection.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What became of it.
    pub outcome: Outcome,
    /// The phase in which it stopped; none unless it failed.
    pub stopped_in: Option<Phase>,
    /// The findings that are left, the cause first where there is one.
    pub findings: Vec<Judged>,
    has_cause: bool,
    gist: Gist,
}

impl Verdict {
    /// Weighs the findings of a connection against each other.
    #[must_use]
    pub fn from_findings(record: &Record, capture: CaptureState, mut found: Vec<Judged>) -> Self {
        cap_what_rests_on_absence(record, capture, &mut found);
        drop_superseded(&mut found);
        // The worst and surest first; rules stand in the order of the phases, which settles ties.
        found.sort_by_key(|judged| {
            std::cmp::Reverse((judged.severity(), judged.forbids().is_some(), judged.finding.confidence))
        });
        let outcome = outcome(record, &found);
        let has_cause = match outcome {
            Outcome::Failed => found.first().is_some_and(|judged| judged.severity() == Severity::Error),
            Outcome::Degraded => found.first().is_some_and(|judged| judged.severity() > Severity::Note),
            Outcome::Inconclusive => {
                let forbidding = found.iter().position(|judged| judged.forbids().is_some());
                if let Some(index) = forbidding {
                    found[..=index].rotate_right(1);
                }
                forbidding.is_some()
            }
            Outcome::Ok | Outcome::Open => false,
        };
        let stopped_in =
            (outcome == Outcome::Failed).then(|| stopped_in(record, found.first().filter(|_| has_cause))).flatten();
        Self { outcome, stopped_in, findings: found, has_cause, gist: Gist::of(record) }
    }

    /// One sentence that says it all.
    #[must_use]
    pub fn headline(&self) -> String {
        headline::headline(&self.gist, self.outcome, self.stopped_in, self.cause())
    }

    /// The finding that explains the outcome.
    #[must_use]
    pub fn cause(&self) -> Option<&Judged> {
        self.findings.first().filter(|_| self.has_cause)
    }
}

/// A finding about something that did not come is not proven where the capture may have missed it.
fn cap_what_rests_on_absence(record: &Record, capture: CaptureState, found: &mut [Judged]) {
    if !record.may_have_missed_frames() && capture.dropped.is_none_or(|frames| frames == 0) {
        return;
    }
    for judged in found.iter_mut().filter(|judged| judged.finding.rests_on_absence) {
        judged.finding.confidence = judged.finding.confidence.min(Confidence::Likely);
    }
}

fn drop_superseded(found: &mut Vec<Judged>) {
    let superseded: Vec<&str> = found.iter().flat_map(|judged| judged.rule.supersedes).copied().collect();
    found.retain(|judged| !superseded.contains(&judged.rule.id));
}

fn outcome(record: &Record, found: &[Judged]) -> Outcome {
    let worst = found.iter().map(Judged::severity).max().unwrap_or(Severity::Note);
    let errors = found.iter().filter(|judged| judged.severity() == Severity::Error);
    let surest_error = errors.map(|judged| judged.finding.confidence).max();
    if found.iter().filter_map(Judged::forbids).any(|needed| surest_error < Some(needed)) {
        Outcome::Inconclusive
    } else if worst == Severity::Error {
        Outcome::Failed
    } else if record.timeline.closed.is_none() {
        Outcome::Open
    } else if !did_its_work(record) && !found.iter().any(|judged| judged.finding.is_expected) {
        // No rule knows what happened, and the work was not done all the same.
        Outcome::Failed
    } else if found.iter().any(|judged| judged.severity() == Severity::Warning && !judged.rule.keeps_outcome) {
        Outcome::Degraded
    } else {
        Outcome::Ok
    }
}

/// Whether the broker accepted the client.
fn did_its_work(record: &Record) -> bool {
    record.timeline.reached >= Some(Rung::MqttConnected)
}

/// The phase of the cause, or else the first phase that was not completed.
fn stopped_in(record: &Record, cause: Option<&Judged>) -> Option<Phase> {
    cause
        .and_then(|judged| judged.finding.stopped_in.or(judged.rule.phase))
        .or_else(|| record.timeline.first_incomplete())
}
