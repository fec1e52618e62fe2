//! `iotcap diff A B`: analyses two captures in the same way and tells what differs.

use crate::analyze::{Gathered, gather};
use crate::cli::{AnalyzeArgs, Cli, FailOn, SelectionArgs};
use crate::diff::{self, Diff, Found};
use crate::report::model::Outcome;
use anyhow::{Context, Result};
use clap::{Args, Parser, ValueEnum};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `iotcap diff`.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 told; 1 by --fail-on, when B is worse than A; 2 it could not be done.")]
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
    /// How it is told: text, json, markdown or github
    #[arg(long, value_name = "F", value_enum, default_value_t = DiffFormat::Text, hide_possible_values = true)]
    pub format: DiffFormat,
    /// Exit 1 when a connection of B is failed, or degraded, and was better in A [default: never]
    #[arg(long, value_name = "L", value_enum, hide_possible_values = true)]
    pub fail_on: Option<FailOn>,
    /// Thresholds of the findings (TOML; docs/iotcap.toml has them all)
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub config: Option<PathBuf>,
}

/// The formats of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people.
    Text,
    /// One document, `iotcap.diff/1`.
    Json,
    /// For a ticket.
    Markdown,
    /// An annotation of a GitHub workflow.
    Github,
}

/// Tells what differs between two captures.
///
/// # Errors
/// One sentence where a capture cannot be read or the result not be written.
pub fn diff(arguments: &DiffArgs) -> Result<ExitCode> {
    let [a, b] = [found(&arguments.a, arguments)?, found(&arguments.b, arguments)?];
    let diff = diff::compare(of(&a), of(&b));
    let mut out = BufWriter::new(io::stdout().lock());
    let tell = match arguments.format {
        DiffFormat::Text => diff::text,
        DiffFormat::Json => diff::json,
        DiffFormat::Markdown => diff::markdown,
        DiffFormat::Github => diff::github,
    };
    tell(&diff, &mut out).and_then(|()| out.flush()).context("cannot write to standard output")?;
    Ok(exit_code(&diff, arguments.fail_on))
}

fn exit_code(diff: &Diff, fail_on: Option<FailOn>) -> ExitCode {
    let is_worse = match fail_on {
        None | Some(FailOn::Never) => false,
        Some(FailOn::Failed) => diff.is_worse(Outcome::Failed),
        Some(FailOn::Degraded) => diff.is_worse(Outcome::Degraded),
    };
    if is_worse { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn found(capture: &Path, arguments: &DiffArgs) -> Result<Gathered> {
    let mut analyze: AnalyzeArgs = Cli::try_parse_from(["iotcap"])?.analyze;
    analyze.files = vec![capture.to_owned()];
    analyze.selection = arguments.selection.clone();
    analyze.output.config.clone_from(&arguments.config);
    gather(&analyze)
}

fn of(gathered: &Gathered) -> Found<'_> {
    Found {
        source: gathered.capture.as_ref().map_or("", |capture| &capture.source),
        summary: &gathered.summary,
        connections: &gathered.connections,
    }
}
