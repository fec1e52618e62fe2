//! `github`: workflow commands that GitHub Actions shows as annotations: one for each connection that failed or is degraded,
//! or with expectations one for each that did not come true; then a line with the summary.
//!
//! GitHub shows ten errors and ten warnings of a step; more are counted, not written. Nothing from the wire can end its
//! line or begin a command of its own.

use super::format::Format;
use super::model::{Capture, Connection, Expectation, Glance, Group, Outcome, Severity, Summary};
use super::worst::Worst;
use super::{escape, phrases, units};
use std::io::{self, Write};

/// Annotations of one level that GitHub shows of a step.
const SHOWN: usize = 10;

/// Annotations of a workflow.
#[derive(Debug)]
pub struct Github {
    failed: Worst<String>,
    degraded: Worst<String>,
    expectations: Vec<Expectation>,
}

impl Default for Github {
    fn default() -> Self {
        Self { failed: Worst::new(SHOWN), degraded: Worst::new(SHOWN), expectations: Vec::new() }
    }
}

impl Github {
    const fn of(&mut self, outcome: Outcome) -> Option<(&mut Worst<String>, &'static str)> {
        match outcome {
            Outcome::Failed => Some((&mut self.failed, "error")),
            Outcome::Degraded => Some((&mut self.degraded, "warning")),
            Outcome::Ok | Outcome::Open | Outcome::Inconclusive => None,
        }
    }
}

impl Format for Github {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn passes_over(&mut self, glance: &Glance<'_>) -> bool {
        let Some((worst, _)) = self.of(glance.outcome) else { return true };
        let is_full = worst.is_full_for(glance.outcome);
        if is_full {
            worst.pass_over();
        }
        is_full
    }

    fn connection(&mut self, connection: &Connection, _: &mut dyn Write) -> io::Result<()> {
        if let Some((worst, level)) = self.of(connection.outcome) {
            worst.keep(connection.outcome, connection.ordinal, || of_connection(level, connection));
        }
        Ok(())
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
        if self.expectations.is_empty() {
            for annotation in self.failed.iter().chain(self.degraded.iter()) {
                writeln!(out, "{annotation}")?;
            }
            for group in groups.iter().filter(|group| group.severity != Severity::Note).take(SHOWN) {
                writeln!(out, "{}", of_group(group))?;
            }
        }
        let unmet = self.expectations.iter().filter(|expectation| !expectation.met);
        for expectation in unmet.take(SHOWN) {
            writeln!(out, "{}", of_expectation(expectation))?;
        }
        let untold = if self.expectations.is_empty() { self.failed.left_out() + self.degraded.left_out() } else { 0 };
        writeln!(out, "{}", workflow_command("notice", "iotcap", &summary_line(capture, summary, untold)))
    }
}

fn of_connection(level: &str, connection: &Connection) -> String {
    let cause = connection.cause_finding();
    let title = cause.map_or_else(|| connection.outcome.to_string(), phrases::rule);
    let mut lines = vec![format!("{}: {}", phrases::ends(connection), connection.headline)];
    if let Some(cause) = cause {
        lines.extend(phrases::frames(&cause.frames).map(|frames| format!("{}: {frames}", cause.confidence)));
        lines.extend(cause.causes.first().map(|cause| format!("Likely: {cause}")));
        lines.extend(cause.remedy.first().map(|remedy| format!("To do: {remedy}")));
    }
    workflow_command(level, &title, &joined(lines))
}

fn of_group(group: &Group) -> String {
    let level = if group.severity == Severity::Error { "error" } else { "warning" };
    let lines = std::iter::once(group.message.clone()).chain(group.evidence.iter().cloned());
    workflow_command(level, &format!("{} {}", group.code, group.id), &joined(lines))
}

fn of_expectation(expectation: &Expectation) -> String {
    let expected = format!("Expected: {}", expectation.expected);
    let lines = std::iter::once(expected).chain(expectation.mismatches.iter().map(phrases::mismatch));
    workflow_command("error", &format!("not as expected: {}", expectation.name), &joined(lines))
}

fn summary_line(capture: &Capture, summary: &Summary, untold: u64) -> String {
    let outcomes = Outcome::ALL.iter().filter(|outcome| summary.outcome(**outcome) > 0);
    let outcomes: Vec<_> =
        outcomes.map(|outcome| format!("{} {outcome}", units::count(summary.outcome(*outcome)))).collect();
    let connections = std::iter::once(units::counted(summary.connections, "connection"));
    let unmet = summary.unmet_expectations.map(|unmet| format!("{} not met", units::counted(unmet, "expectation")));
    let untold = (untold > 0).then(|| format!("{} of them without an annotation", units::count(untold)));
    let counts = connections.chain(outcomes).collect::<Vec<_>>().join(", ");
    let parts: Vec<String> = std::iter::once(counts).chain(unmet).chain(untold).collect();
    let line = format!("{}: {}", capture.source, parts.join("; "));
    escape(&line).into_owned()
}

/// Lines of one message: each escaped, so that the only line breaks are those between them.
fn joined(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| escape(&line).into_owned()).collect::<Vec<_>>().join("\n")
}

/// A workflow command; what would end its parts is written as GitHub's own toolkit does.
pub(crate) fn workflow_command(level: &str, title: &str, message: &str) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} title={}::{}", property(&escape(title)), data(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_command_or_begins_another() {
        let told = workflow_command("error", "a,b:c%", "50% of\n::add-mask::all");
        assert_eq!(told, "::error title=a%2Cb%3Ac%25::50%25 of%0A::add-mask::all");
        assert_eq!(joined(["one\r\n::stop".to_owned(), "two".to_owned()]), "one\\r\\n::stop\ntwo");
    }
}
