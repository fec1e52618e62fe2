//! `json` and `jsonl`: for programs. One document, or a pair a line and then a line with the rest.

use crate::diff::{Brief, Diff, Side};
use crate::report::json::write_value;
use serde::Serialize;
use std::io::{self, Write};

/// One document, `iotcap.diff/1`.
///
/// # Errors
/// When `out` fails.
pub fn json(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    line(diff, out)
}

/// A pair that differs a line, then a line with all that the document has beside the pairs.
///
/// # Errors
/// When `out` fails.
pub fn json_lines(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    for pair in &diff.pairs {
        line(pair, out)?;
    }
    let Diff { schema, headline, a, b, pairs: _, alike, only_a, only_b, not_compared } = diff;
    line(&Rest { schema, headline, a, b, alike: *alike, only_a, only_b, not_compared: *not_compared }, out)
}

/// A difference without its pairs.
#[derive(Serialize)]
struct Rest<'a> {
    schema: &'a str,
    headline: &'a str,
    a: &'a Side,
    b: &'a Side,
    alike: usize,
    only_a: &'a [Brief],
    only_b: &'a [Brief],
    not_compared: u64,
}

fn line<T: Serialize>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    write_value(value, out)?;
    writeln!(out)
}
