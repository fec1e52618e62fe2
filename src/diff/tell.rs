//! What differs, told: as text, JSON, Markdown, or an annotation of a GitHub workflow. The first line says what matters.

use super::{Brief, Diff, Difference, Pair, Side};
use crate::report::mark::{cell, code, prose};
use crate::report::model::Outcome;
use crate::report::{escape, units, workflow_command};
use std::io::{self, Write};

/// Connections that only one capture has and that are named.
const NAMED: usize = 20;

/// For people: a block for each pair.
///
/// # Errors
/// When `out` fails.
pub fn text(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n", escape(&diff.headline))?;
    for (letter, side) in [("A", &diff.a), ("B", &diff.b)] {
        writeln!(out, "  {letter}  {}: {}", escape(&side.source), counts(side))?;
    }
    for pair in &diff.pairs {
        writeln!(out, "\nconnection {} in A, {} in B", pair.a.id, pair.b.id)?;
        writeln!(out, "  A  {}\n  B  {}", escape(&pair.a.ends), escape(&pair.b.ends))?;
        // The headline of the first one stands on top.
        if pair.headline != diff.headline {
            writeln!(out, "  {}", escape(&pair.headline))?;
        }
        for Difference { what, a, b, .. } in &pair.differences {
            let value =
                |value: &Option<String>| value.as_deref().map_or("–".into(), |text| escape(text).into_owned());
            writeln!(out, "  {:<22}A  {}\n  {:<22}B  {}", escape(what), value(a), "", value(b))?;
        }
    }
    rest(diff, out)
}

fn rest(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    for (letter, only) in [("A", &diff.only_a), ("B", &diff.only_b)] {
        for Brief { id, ends, headline, .. } in only.iter().take(NAMED) {
            writeln!(out, "\nonly in {letter}: connection {id}, {}\n  {}", escape(ends), escape(headline))?;
        }
        if only.len() > NAMED {
            writeln!(out, "\nonly in {letter}: {} more", units::count((only.len() - NAMED) as u64))?;
        }
    }
    if diff.alike > 0 {
        writeln!(out, "\n{} alike", units::counted(diff.alike as u64, "pair"))?;
    }
    if diff.not_compared > 0 {
        writeln!(out, "\n{} not compared: there are too many", units::counted(diff.not_compared, "connection"))?;
    }
    Ok(())
}

/// For programs.
///
/// # Errors
/// When `out` fails.
pub fn json(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, diff)?;
    writeln!(out)
}

/// For a ticket: a table for each pair.
///
/// # Errors
/// When `out` fails.
pub fn markdown(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "**{}**\n", prose(&diff.headline))?;
    for (letter, side) in [("A", &diff.a), ("B", &diff.b)] {
        writeln!(out, "- {letter}: {}: {}", code(&side.source), counts(side))?;
    }
    for Pair { a, b, headline, differences, .. } in &diff.pairs {
        writeln!(out, "\n### Connection {} in A, {} in B\n\n{}\n", a.id, b.id, prose(headline))?;
        writeln!(out, "| | A | B |\n|---|---|---|")?;
        writeln!(out, "| ends | {} | {} |", cell(&a.ends), cell(&b.ends))?;
        for Difference { what, a, b, .. } in differences {
            let value = |value: &Option<String>| value.as_deref().map_or_else(|| "–".to_owned(), cell);
            writeln!(out, "| {} | {} | {} |", cell(what), value(a), value(b))?;
        }
    }
    for (letter, only) in [("A", &diff.only_a), ("B", &diff.only_b)] {
        for Brief { id, ends, headline, .. } in only.iter().take(NAMED) {
            writeln!(out, "\nOnly in {letter}: connection {id}, {}: {}", prose(ends), prose(headline))?;
        }
    }
    Ok(())
}

/// One annotation: an error where the second capture is worse, else a notice.
///
/// # Errors
/// When `out` fails.
pub fn github(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    let level = if diff.is_worse(Outcome::Degraded) { "error" } else { "notice" };
    let told = format!("{} (A is {}, B is {})", diff.headline, diff.a.source, diff.b.source);
    writeln!(out, "{}", workflow_command(level, "iotcap diff", &escape(&told)))
}

fn counts(side: &Side) -> String {
    let outcomes = Outcome::ALL.iter().filter(|outcome| side.summary.outcome(**outcome) > 0);
    let outcomes = outcomes.map(|outcome| format!(", {} {outcome}", units::count(side.summary.outcome(*outcome))));
    std::iter::once(units::counted(side.summary.connections, "connection")).chain(outcomes).collect()
}
