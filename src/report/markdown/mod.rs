//! `markdown`: for a job's summary or a ticket: a table of verdicts first, then what proves each one that is not well, folded.
//!
//! So many connections are told, the worst first, since summaries and tickets have a limit; the others are counted. Nothing
//! from the wire becomes markup, a link, or a mention ([`mark`]).

pub(crate) mod mark;

use super::format::Format;
use super::losses::losses;
use super::model::{Capture, Connection, Expectation, Finding, Glance, Group, Outcome, Severity, Summary};
use super::worst::Worst;
use super::{phrases, units};
use mark::{cell, code, html, prose};
use std::io::{self, Write};

/// Connections for a job's summary.
#[derive(Debug)]
pub struct Markdown {
    told: Worst<Connection>,
    expectations: Vec<Expectation>,
}

impl Markdown {
    /// A report that tells so many connections.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { told: Worst::new(limit), expectations: Vec::new() }
    }
}

impl Format for Markdown {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn passes_over(&mut self, glance: &Glance<'_>) -> bool {
        let is_full = self.told.is_full_for(glance.outcome);
        if is_full {
            self.told.pass_over();
        }
        is_full
    }

    fn connection(&mut self, connection: &Connection, _: &mut dyn Write) -> io::Result<()> {
        self.told.keep(connection.outcome, connection.ordinal, || connection.clone());
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
        writeln!(out, "## iotcap: {}\n", title(summary))?;
        writeln!(out, "{}", about(capture))?;
        expectations(&self.expectations, out)?;
        verdicts(&self.told, out)?;
        causes(summary, out)?;
        for group in groups {
            across(group, out)?;
        }
        let explained = self.told.iter().filter(|connection| is_explained(connection));
        for (index, connection) in explained.enumerate() {
            if index == 0 {
                writeln!(out, "\n### Why\n")?;
            }
            details(connection, out)?;
        }
        Ok(())
    }
}

const fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "✅",
        Outcome::Degraded => "⚠️",
        Outcome::Failed => "❌",
        Outcome::Open => "⏳",
        Outcome::Inconclusive => "❔",
    }
}

fn title(summary: &Summary) -> String {
    let connections = units::counted(summary.connections, "connection");
    let outcomes = Outcome::ALL.iter().filter(|outcome| summary.outcome(**outcome) > 0);
    let outcomes: Vec<_> =
        outcomes.map(|outcome| format!("{} {outcome}", units::count(summary.outcome(*outcome)))).collect();
    let unmet = summary.unmet_expectations.map(|unmet| match unmet {
        0 => "all as expected".to_owned(),
        unmet => format!("{} not met", units::counted(unmet, "expectation")),
    });
    std::iter::once(connections).chain(outcomes).chain(unmet).collect::<Vec<_>>().join(", ")
}

fn about(capture: &Capture) -> String {
    let mut facts = vec![code(&capture.source), units::counted(capture.frames, "frame")];
    if let (Some(first), Some(last)) = (capture.first, capture.last) {
        facts.push(format!("{} {} UTC, {}", first.date(), first.of_day(), units::human(last.since(first))));
    }
    facts.extend(losses(capture).map(|(frames, who)| format!("**{frames} dropped by {who}**")));
    if let Some(damage) = &capture.damaged {
        facts.push(format!("**damaged**: {}", prose(&damage.what)));
    }
    facts.join(" · ")
}

fn expectations(expectations: &[Expectation], out: &mut dyn Write) -> io::Result<()> {
    if expectations.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n| | expectation | expected | what was there |\n|---|---|---|---|")?;
    for Expectation { name, expected, met, connections, mismatches, more_mismatches } in expectations {
        let mut seen: Vec<_> = mismatches.iter().map(|mismatch| cell(&phrases::mismatch(mismatch))).collect();
        if *more_mismatches > 0 {
            seen.push(format!("and {} more", units::count(*more_mismatches)));
        }
        if seen.is_empty() {
            seen.push(units::counted(*connections, "connection"));
        }
        let mark = if *met { mark(Outcome::Ok) } else { mark(Outcome::Failed) };
        writeln!(out, "| {mark} | {} | {} | {} |", cell(name), cell(expected), seen.join("<br>"))?;
    }
    Ok(())
}

fn verdicts(told: &Worst<Connection>, out: &mut dyn Write) -> io::Result<()> {
    if told.iter().next().is_some() {
        writeln!(out, "\n| | connection | verdict | stopped in | cause | took |\n|---|---|---|---|---|---|")?;
    }
    for connection in told.iter() {
        let Connection { outcome, headline, stopped_in, .. } = connection;
        let stopped_in = stopped_in.map_or("", |phase| phase.name());
        let cause = connection.cause_finding();
        let cause = cause.map_or_else(String::new, |cause| format!("{} ({})", phrases::rule(cause), cause.confidence));
        let who = code(&phrases::ends(connection)).replace('|', "\\|");
        let took = phrases::took(connection).unwrap_or_default();
        writeln!(
            out,
            "| {} {outcome} | {who} | {} | {stopped_in} | {cause} | {took} |",
            mark(*outcome),
            cell(headline)
        )?;
    }
    if told.left_out() > 0 {
        writeln!(out, "\n{} not listed.", units::counted(told.left_out(), "more connection"))?;
    }
    Ok(())
}

/// How often each finding was the cause; of a single connection the table above tells it.
fn causes(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    if summary.connections < 2 || summary.causes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n| count | cause |\n|---:|---|")?;
    let mut causes: Vec<_> = summary.causes.iter().collect();
    causes.sort_by_key(|&(id, count)| (std::cmp::Reverse(*count), id));
    for (id, count) in causes {
        writeln!(out, "| {} | {} |", units::count(*count), cell(id))?;
    }
    Ok(())
}

fn across(group: &Group, out: &mut dyn Write) -> io::Result<()> {
    let mark = if group.severity == Severity::Note { "ℹ️" } else { mark(Outcome::Degraded) };
    let rule = format!("{} {}, {}", group.code, group.id, group.confidence);
    writeln!(out, "\n{mark} **{}** ({rule})\n", prose(&group.message))?;
    bullets(group.evidence.iter().map(String::as_str), out)?;
    if !group.remedy.is_empty() {
        writeln!(out, "What to do:\n")?;
    }
    bullets(group.remedy.iter().map(|remedy| &**remedy), out)
}

fn is_explained(connection: &Connection) -> bool {
    matches!(connection.outcome, Outcome::Failed | Outcome::Degraded | Outcome::Inconclusive)
}

fn details(connection: &Connection, out: &mut dyn Write) -> io::Result<()> {
    let who = phrases::ends(connection);
    let summary = html(&format!("{who}: {}", connection.headline));
    writeln!(out, "<details><summary>{} {summary}</summary>\n", mark(connection.outcome))?;
    let phases = phrases::phases(&connection.phases);
    if !phases.is_empty() {
        writeln!(out, "{phases}\n")?;
    }
    for finding in &connection.findings {
        of_finding(finding, connection.cause.as_deref() == Some(&*finding.id), out)?;
    }
    writeln!(out, "Wireshark: {}\n\n</details>\n", code(&connection.display_filter.wireshark))
}

fn of_finding(finding: &Finding, is_cause: bool, out: &mut dyn Write) -> io::Result<()> {
    let frames = phrases::frames(&finding.frames).map_or_else(String::new, |frames| format!(", {frames}"));
    let rule = format!("{}, {}{frames}", phrases::rule(finding), finding.confidence);
    writeln!(out, "**{}** {} ({rule})\n", finding.severity, prose(&finding.message))?;
    if !is_cause {
        return Ok(());
    }
    bullets(finding.evidence.iter().map(String::as_str), out)?;
    let others: Vec<_> = finding.other_readings.iter().map(|reading| format!("or else: {reading}")).collect();
    bullets(others.iter().map(String::as_str), out)?;
    if !finding.causes.is_empty() {
        writeln!(out, "Likely causes:\n")?;
        for (index, cause) in finding.causes.iter().enumerate() {
            writeln!(out, "{}. {}", index + 1, prose(cause))?;
        }
        writeln!(out)?;
    }
    if !finding.remedy.is_empty() {
        writeln!(out, "What to do:\n")?;
    }
    bullets(finding.remedy.iter().map(|remedy| &**remedy), out)
}

fn bullets<'t>(items: impl Iterator<Item = &'t str>, out: &mut dyn Write) -> io::Result<()> {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return Ok(());
    }
    for item in items {
        writeln!(out, "- {}", prose(item))?;
    }
    writeln!(out)
}
