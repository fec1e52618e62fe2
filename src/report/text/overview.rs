//! What is said of the whole: the capture before everything, counts and tables after it.

use super::layout::{Line, Page};
use super::style::{BOLD, DIM, PLAIN, of_outcome, of_severity};
use crate::report::losses::losses;
use crate::report::model::{Capture, CaptureKind, Connection, Damage, Millis, Outcome, Severity, Summary, Timings};
use crate::report::units;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

const INDENT: usize = 2;

pub(super) fn header(capture: &Capture, page: &mut Page<'_>) -> io::Result<()> {
    let glyphs = page.glyphs();
    let dot = glyphs.dot();
    let what = match capture.kind {
        CaptureKind::File => "",
        CaptureKind::Live => "captured on ",
        CaptureKind::Wire => "the lab's wire: ",
    };
    page.hanging(Line::new(), 0, &Line::new().put(DIM, what).put(BOLD, &capture.source))?;
    let mut facts = Line::new()
        .solid(PLAIN, &units::counted(capture.frames, "frame"))
        .put(DIM, ", ")
        .solid(DIM, &format!("{} looked at", units::count(capture.frames_matched)))
        .join(dot, Line::new().solid(PLAIN, &units::size(capture.bytes)));
    if let (Some(first), Some(last)) = (capture.first, capture.last) {
        let end = if first.date() != last.date() {
            format!("{}{} {}", glyphs.until(), last.date(), last.of_day())
        } else if first.of_day() != last.of_day() {
            format!("{}{}", glyphs.until(), last.of_day())
        } else {
            String::new()
        };
        let span = format!("{} {}{end} UTC", first.date(), first.of_day());
        facts = facts
            .join(dot, Line::new().text(span).text(" ").solid(DIM, &format!("({})", units::human(last.since(first)))));
    }
    facts = facts.join(dot, Line::new().text(capture.link_types.join(", ")));
    page.hanging(Line::new(), INDENT, &facts)?;
    if let Some(filter) = &capture.filter {
        page.hanging(Line::new().fill(INDENT).put(DIM, "filter  "), LABELS, &Line::new().text(filter))?;
    }
    if capture.secrets > 0 {
        let used = format!("{} used", units::counted(capture.secrets, "TLS secret"));
        page.hanging(Line::new().fill(INDENT).put(DIM, "keys"), LABELS, &Line::new().text(used))?;
    }
    counts("skipped", &capture.skipped, page)?;
    counts("evicted", &capture.evicted, page)?;
    dropped(capture, page)?;
    if let Some(damage) = &capture.damaged {
        let lead = Line::new().fill(INDENT).put(of_severity(Severity::Warning), "damaged");
        page.hanging(lead, LABELS, &Line::new().text(damage_sentence(damage)))?;
    }
    Ok(())
}

/// Where the values of the header begin.
const LABELS: usize = 11;

fn counts(label: &str, counts: &BTreeMap<String, u64>, page: &mut Page<'_>) -> io::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    let body = by_count(counts)
        .into_iter()
        .map(|(what, count)| Line::new().text(units::count(count)).solid(DIM, &format!(" {what}")))
        .fold(Line::new(), |line, next| line.join(", ", next));
    page.hanging(Line::new().fill(INDENT).put(DIM, label), LABELS, &body)
}

fn dropped(capture: &Capture, page: &mut Page<'_>) -> io::Result<()> {
    for (frames, who) in losses(capture) {
        let lead = Line::new().fill(INDENT).put(of_severity(Severity::Warning), "dropped");
        page.hanging(lead, LABELS, &Line::new().text(format!("{frames} by {who}")))?;
    }
    Ok(())
}

fn damage_sentence(damage: &Damage) -> String {
    let mut place = Vec::new();
    if let Some(file) = damage.file {
        place.push(format!("in file {file}"));
    }
    if let Some(offset) = damage.offset {
        place.push(format!("at byte {}", units::count(offset)));
    }
    if let Some(frame) = damage.after_frame {
        place.push(format!("after frame {frame}"));
    }
    let place = if place.is_empty() { String::new() } else { format!(", {}", place.join(", ")) };
    let more = if damage.more > 0 { format!("; {}", units::counted(damage.more, "more place")) } else { String::new() };
    format!("{}{place}{more}", damage.what)
}

/// How many connections came to what.
pub(super) fn summary(summary: &Summary, page: &mut Page<'_>) -> io::Result<()> {
    let glyphs = page.glyphs();
    page.blank()?;
    let line = Line::new().put(BOLD, units::counted(summary.connections, "connection"));
    let outcomes = Outcome::ALL.iter().filter(|outcome| summary.outcome(**outcome) > 0);
    let line = outcomes.fold(line, |line, &outcome| {
        let count = units::count(summary.outcome(outcome));
        let mark = glyphs.outcome(outcome);
        line.join(glyphs.dot(), Line::new().solid(of_outcome(outcome), &format!("{mark} {count} {outcome}")))
    });
    page.hanging(Line::new(), 0, &line)
}

/// How often each finding was the cause, the commonest first. Of a single connection its own block tells it.
pub(super) fn causes(summary: &Summary, page: &mut Page<'_>) -> io::Result<()> {
    if summary.causes.is_empty() || summary.connections < 2 {
        return Ok(());
    }
    let rows: Vec<_> =
        by_count(&summary.causes).into_iter().map(|(id, count)| (units::count(count), id, count)).collect();
    let count_width = rows.iter().map(|(count, ..)| count.width()).max().unwrap_or_default().max("count".len());
    page.blank()?;
    page.line(&Line::new().fill(INDENT).right(DIM, "count", count_width).put(DIM, "  share  cause"))?;
    for (count, id, number) in rows {
        let share = format!("{:.0} %", number as f64 * 100.0 / summary.connections.max(1) as f64);
        let lead = Line::new().fill(INDENT).right(BOLD, &count, count_width).fill(2).right(DIM, &share, 5).fill(2);
        let column = lead.width();
        page.hanging(lead, column, &Line::new().text(id))?;
    }
    Ok(())
}

/// What a report beyond its limit does not tell.
pub(super) fn untold(summary: &Summary, told: usize, page: &mut Page<'_>) -> io::Result<()> {
    let failed = summary.failed.saturating_sub(told as u64);
    let others = summary.connections.saturating_sub(summary.failed);
    let mut parts = Vec::new();
    if failed > 0 {
        parts.push(format!("{} more failed", units::count(failed)));
    }
    if others > 0 {
        parts.push(format!("{} that did not fail", units::count(others)));
    }
    if parts.is_empty() {
        return Ok(());
    }
    page.blank()?;
    let sentence = format!("Not told here: {}. All are in --format jsonl; --limit tells more.", parts.join(" and "));
    page.hanging(Line::new(), 0, &Line::new().put(DIM, sentence))
}

/// The slowest connection in each phase.
#[derive(Debug, Default)]
pub(super) struct Slowest {
    connections: usize,
    phases: [Option<(Duration, String)>; PHASES.len()],
}

const PHASES: [&str; 4] = ["tcp-handshake", "tls-hello", "tls-authentication", "mqtt-connect"];

const fn times(timings: &Timings) -> [Option<Millis>; PHASES.len()] {
    [timings.tcp_handshake, timings.tls_hello, timings.tls_authentication, timings.mqtt_connect]
}

impl Slowest {
    /// Whether a connection with these times would stand in the table.
    pub(super) fn is_beaten_by(&self, timings: &Timings) -> bool {
        let is_longer = |(slowest, time): (&Option<(Duration, String)>, Option<Millis>)| {
            time.is_some_and(|time| slowest.as_ref().is_none_or(|(longest, _)| time.0 > *longest))
        };
        self.phases.iter().zip(times(timings)).any(is_longer)
    }

    /// Counts a connection that would not.
    pub(super) const fn pass_over(&mut self) {
        self.connections += 1;
    }

    pub(super) fn add(&mut self, connection: &Connection) {
        self.connections += 1;
        for (slowest, time) in self.phases.iter_mut().zip(times(&connection.timings)) {
            let Some(time) = time else { continue };
            if slowest.as_ref().is_none_or(|(longest, _)| time.0 > *longest) {
                let client = &connection.client;
                let who = format!("{}:{} at frame {}", client.address, client.port, connection.id);
                *slowest = Some((time.0, who));
            }
        }
    }

    /// Writes the table; of a single connection its own block tells the same.
    pub(super) fn write(&self, page: &mut Page<'_>) -> io::Result<()> {
        if self.connections < 2 || self.phases.iter().all(Option::is_none) {
            return Ok(());
        }
        page.blank()?;
        page.line(&Line::new().fill(INDENT).left(DIM, "phase", 18).fill(2).right(DIM, "slowest", 11).put(DIM, "  by"))?;
        for (name, slowest) in PHASES.iter().zip(&self.phases) {
            let Some((time, who)) = slowest else { continue };
            let lead = Line::new().fill(INDENT).left(BOLD, name, 18).fill(2);
            let lead = lead.right(BOLD, &units::precise(*time), 11).fill(2);
            let column = lead.width();
            page.hanging(lead, column, &Line::new().put(DIM, who))?;
        }
        Ok(())
    }
}

/// The most frequent first; the same number in the order of their names.
fn by_count(counts: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut sorted: Vec<_> = counts.iter().map(|(name, &count)| (name.as_str(), count)).collect();
    sorted.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    sorted
}
