//! `text`: for people, a block for each pair.

use super::{NAMED, counts};
use crate::diff::{Brief, Diff, Difference};
use crate::report::{Line, Page, TextOptions, units};
use std::io::{self, Write};

/// Where what is said of one side begins.
const VALUE_COLUMN: usize = 27;

/// Tells it to people, in lines of so many columns; in lines of any length where nobody watches.
///
/// # Errors
/// When `out` fails.
pub fn text(diff: &Diff, columns: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let options = TextOptions { width: columns.unwrap_or(usize::MAX), ..TextOptions::default() };
    let mut page = Page::new(out, &options);
    say(&mut page, 0, &diff.headline)?;
    page.blank()?;
    for (letter, side) in [("A", &diff.a), ("B", &diff.b)] {
        beside(&mut page, &format!("  {letter}"), 5, &format!("{}: {}", side.source, counts(side)))?;
    }
    for pair in &diff.pairs {
        page.blank()?;
        say(&mut page, 0, &format!("connection {} in A, {} in B", pair.a.id, pair.b.id))?;
        beside(&mut page, "  A", 5, &pair.a.ends)?;
        beside(&mut page, "  B", 5, &pair.b.ends)?;
        // The headline of the first one stands on top.
        if pair.headline != diff.headline {
            say(&mut page, 2, &pair.headline)?;
        }
        for Difference { what, a, b, .. } in &pair.differences {
            let value = |value: &Option<String>| value.as_deref().unwrap_or("–").to_owned();
            beside(&mut page, &format!("  {what:<22}A"), VALUE_COLUMN, &value(a))?;
            beside(&mut page, &format!("  {:<22}B", ""), VALUE_COLUMN, &value(b))?;
        }
    }
    rest(diff, &mut page)
}

fn rest(diff: &Diff, page: &mut Page<'_>) -> io::Result<()> {
    for (letter, only) in [("A", &diff.only_a), ("B", &diff.only_b)] {
        for Brief { id, ends, headline, .. } in only.iter().take(NAMED) {
            page.blank()?;
            say(page, 0, &format!("only in {letter}: connection {id}, {ends}"))?;
            say(page, 2, headline)?;
        }
        if only.len() > NAMED {
            page.blank()?;
            say(page, 0, &format!("only in {letter}: {} more", units::count((only.len() - NAMED) as u64)))?;
        }
    }
    if diff.alike > 0 {
        page.blank()?;
        say(page, 0, &format!("{} alike", units::counted(diff.alike as u64, "pair")))?;
    }
    if diff.not_compared > 0 {
        page.blank()?;
        let left = units::counted(diff.not_compared, "connection");
        say(page, 0, &format!("{left} not compared: there are too many"))?;
    }
    Ok(())
}

/// A paragraph that begins at a column.
fn say(page: &mut Page<'_>, column: usize, text: &str) -> io::Result<()> {
    page.hanging(Line::new(), column, &Line::new().text(text))
}

/// A paragraph at a column, beside what it is about.
fn beside(page: &mut Page<'_>, lead: &str, column: usize, text: &str) -> io::Result<()> {
    page.hanging(Line::new().text(lead), column, &Line::new().text(text))
}
