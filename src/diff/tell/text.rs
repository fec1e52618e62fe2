//! `text`: for people, a block for each pair.

use super::{NAMED, counts};
use crate::diff::{Brief, Diff, Difference};
use crate::report::{escape, units};
use std::io::{self, Write};

/// Tells it to people.
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
