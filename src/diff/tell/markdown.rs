//! `markdown`: for a ticket or a job's summary, a table for each pair.

use super::{NAMED, counts};
use crate::diff::{Brief, Diff, Difference, Pair};
use crate::report::mark::{cell, code, prose};
use crate::report::units;
use std::io::{self, Write};

/// Tells it as Markdown.
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
        if only.len() > NAMED {
            writeln!(out, "\nOnly in {letter}: {} more", units::count((only.len() - NAMED) as u64))?;
        }
    }
    if diff.alike > 0 {
        writeln!(out, "\n{} alike.", units::counted(diff.alike as u64, "pair"))?;
    }
    if diff.not_compared > 0 {
        writeln!(out, "\n{} not compared: there are too many.", units::counted(diff.not_compared, "connection"))?;
    }
    Ok(())
}
