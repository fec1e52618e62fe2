//! `iotcap diff A B`: analyses two captures in the same way and tells what differs.

use crate::analyze::{Gathered, gather};
use crate::cli::{self, AnalyzeArgs, Cli, FailOn, FormatName, ReportTarget, SelectionArgs};
use crate::diagnosis::Thresholds;
use crate::diff::{self, Diff, Found};
use crate::redact::Redactor;
use crate::report::model::Outcome;
use anyhow::{Context, Result};
use clap::{Args, Parser};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Examples:
  iotcap diff works.pcapng fails.pcapng                        the difference that matters, then each pair
  iotcap diff before.pcap after.pcap --report html=diff.html   the same as a page, for a ticket

Exit status: 0 told; 1 by --fail-on, when B is worse than A; 2 it could not be done.";

/// How a heading of the help calls options that say how it is told.
const TELLING: &str = "How to tell it";

/// `iotcap diff`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct DiffArgs {
    /// The first capture: before, or the one that works
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// The second capture: after, or the one that fails
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// What to look at in both
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// As text (default), json, jsonl, markdown, junit, html or github
    #[arg(long, value_name = "F", value_enum, default_value_t = FormatName::Text, hide_possible_values = true,
          hide_default_value = true, help_heading = TELLING)]
    pub format: FormatName,
    /// Another format, to a file: html=diff.html (repeatable)
    #[arg(long = "report", value_name = "F=PATH", help_heading = TELLING)]
    pub reports: Vec<ReportTarget>,
    /// Pseudonyms for addresses, names, client ids, topics: the same ones in both
    #[arg(long, help_heading = TELLING)]
    pub redact: bool,
    /// Exit 1 when a connection of B is failed, or degraded, and was better in A [default: never]
    #[arg(long, value_name = "L", value_enum, hide_possible_values = true, help_heading = TELLING)]
    pub fail_on: Option<FailOn>,
    /// Thresholds of the findings (TOML; docs/iotcap.toml has them all)
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = TELLING)]
    pub config: Option<PathBuf>,
    /// Where findings begin: what that file says of it, once it was read.
    #[arg(skip)]
    pub thresholds: Thresholds,
}

/// Tells what differs between two captures.
///
/// # Errors
/// One sentence where a capture cannot be read or the result not be written.
pub fn diff(arguments: &DiffArgs) -> Result<ExitCode> {
    let mut redactor = arguments.redact.then(Box::default);
    let a = found(&arguments.a, arguments, &mut redactor)?;
    let b = found(&arguments.b, arguments, &mut redactor)?;
    let [name_a, name_b] = if arguments.redact { ["capture A", "capture B"] } else { [source(&a), source(&b)] };
    let diff = diff::compare(of(&a, name_a), of(&b, name_b));
    let mut out = BufWriter::new(io::stdout().lock());
    let told =
        |format, columns, out: &mut dyn Write| tell(&diff, format, columns, arguments, out).and_then(|()| out.flush());
    told(arguments.format, cli::columns_of_standard_output(), &mut out).context("cannot write to standard output")?;
    for ReportTarget { format, path } in &arguments.reports {
        let format = format.stream().context("a comparison has no tables: parquet is for captures")?;
        let write = || told(format, None, &mut BufWriter::new(File::create(path)?));
        write().with_context(|| format!("cannot write to {}", path.display()))?;
    }
    Ok(exit_code(&diff, arguments.fail_on))
}

fn tell(
    diff: &Diff,
    format: FormatName,
    columns: Option<usize>,
    arguments: &DiffArgs,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        FormatName::Text => diff::text(diff, columns, out),
        FormatName::Json => diff::json(diff, out),
        FormatName::Jsonl => diff::json_lines(diff, out),
        FormatName::Markdown => diff::markdown(diff, out),
        FormatName::Junit => {
            let is_strict = arguments.fail_on == Some(FailOn::Degraded);
            diff::junit(diff, if is_strict { Outcome::Degraded } else { Outcome::Failed }, out)
        }
        FormatName::Html => diff::html(diff, out),
        FormatName::Github => diff::github(diff, out),
    }
}

fn exit_code(diff: &Diff, fail_on: Option<FailOn>) -> ExitCode {
    let is_worse = match fail_on {
        None | Some(FailOn::Never) => false,
        Some(FailOn::Failed) => diff.is_worse(Outcome::Failed),
        Some(FailOn::Degraded) => diff.is_worse(Outcome::Degraded),
    };
    if is_worse { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn found(capture: &Path, arguments: &DiffArgs, redactor: &mut Option<Box<Redactor>>) -> Result<Gathered> {
    let mut analyze: AnalyzeArgs = Cli::try_parse_from(["iotcap"])?.analyze;
    analyze.files = vec![capture.to_owned()];
    analyze.selection = arguments.selection.clone();
    analyze.output.thresholds.clone_from(&arguments.thresholds);
    gather(&analyze, redactor)
}

fn source(gathered: &Gathered) -> &str {
    gathered.capture.as_ref().map_or("", |capture| &capture.source)
}

fn of<'a>(gathered: &'a Gathered, source: &'a str) -> Found<'a> {
    Found { source, summary: &gathered.summary, connections: &gathered.connections }
}
