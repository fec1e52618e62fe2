//! What came of the expectations: a line for each, and beneath one that did not come true what was there instead.

use super::layout::{Line, Page};
use super::style::{BOLD, DIM, of_outcome};
use crate::report::model::{Expectation, Outcome};
use crate::report::{phrases, units};
use std::io;

/// Where what was expected begins.
const COLUMN: usize = 12;

pub(super) fn table(expectations: &[Expectation], page: &mut Page<'_>) -> io::Result<()> {
    if expectations.is_empty() {
        return Ok(());
    }
    page.blank()?;
    for expectation in expectations {
        one(expectation, page)?;
    }
    Ok(())
}

fn one(expectation: &Expectation, page: &mut Page<'_>) -> io::Result<()> {
    let Expectation { name, expected, met, connections, mismatches, more_mismatches } = expectation;
    let (outcome, word) = if *met { (Outcome::Ok, "met") } else { (Outcome::Failed, "not met") };
    let lead = Line::new().put(of_outcome(outcome), format!("{} {word}", page.glyphs().outcome(outcome)));
    let seen = format!(" ({})", units::counted(*connections, "connection"));
    let line = Line::new().put(BOLD, name).text(": ").text(expected).put(DIM, seen);
    page.hanging(lead, COLUMN, &line)?;
    for mismatch in mismatches {
        let bullet = Line::new().fill(COLUMN).put(DIM, page.glyphs().bullet());
        page.hanging(bullet, COLUMN + 2, &Line::new().text(phrases::mismatch(mismatch)))?;
    }
    if *more_mismatches > 0 {
        let more = format!("and {} more", units::count(*more_mismatches));
        page.hanging(Line::new(), COLUMN + 2, &Line::new().put(DIM, more))?;
    }
    Ok(())
}
