//! `github`: one annotation of a workflow.

use crate::diff::Diff;
use crate::report::model::Outcome;
use crate::report::{escape, workflow_command};
use std::io::{self, Write};

/// One annotation: an error where the second capture is worse, else a notice.
///
/// # Errors
/// When `out` fails.
pub fn github(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    let level = if diff.is_worse(Outcome::Degraded) { "error" } else { "notice" };
    let told = format!("{} (A is {}, B is {})", diff.headline, diff.a.source, diff.b.source);
    writeln!(out, "{}", workflow_command(level, "iotcap diff", &escape(&told)))
}
