//! Options that say how the result is told.

use clap::{ArgAction, Args, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;

/// How the result is told.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(next_help_heading = "How to tell it")]
pub struct OutputArgs {
    /// What goes to standard output: text, json or jsonl
    #[arg(long, value_name = "F", value_enum, default_value_t = FormatName::Text, hide_possible_values = true)]
    pub format: FormatName,
    /// Save the frames that were looked at as pcapng
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Leave TLS secrets out of what -w saves
    #[arg(long, requires = "write", hide_short_help = true)]
    pub no_secrets: bool,
    /// Pseudonyms for addresses, names, client ids, topics, in all that is told or saved; no secrets
    #[arg(long, conflicts_with = "payload")]
    pub redact: bool,
    /// Another format, to a file: json=report.json (repeatable)
    #[arg(long = "report", value_name = "F=PATH")]
    pub reports: Vec<ReportTarget>,
    /// Connections told in full in text before it turns to tables
    #[arg(long, value_name = "N", default_value_t = 50, hide_short_help = true)]
    pub limit: usize,
    /// Exit 1 on a connection that is failed, or degraded [default: never; for run: failed]
    #[arg(long, value_name = "L", value_enum, hide_possible_values = true)]
    pub fail_on: Option<FailOn>,
    /// Every event as it happens, healthy connections too
    #[arg(long)]
    pub events: bool,
    /// Healthy connections in full; -vv: the program's own log too
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Thresholds of the findings (TOML; docs/iotcap.toml has them all)
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub config: Option<PathBuf>,
    /// Nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// The formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// For people: verdicts first.
    Text,
    /// One document, `iotcap.report/1`.
    Json,
    /// A connection a line, then a line with the summary.
    Jsonl,
}

/// Where a report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTarget {
    /// Its format.
    pub format: FormatName,
    /// Its file.
    pub path: PathBuf,
}

impl FromStr for ReportTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or("write FORMAT=PATH, for example json=report.json")?;
        if path.is_empty() {
            return Err("the path is missing after =".to_owned());
        }
        Ok(Self { format: FormatName::from_str(format, true)?, path: path.into() })
    }
}

/// How bad a connection must be for exit status 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum FailOn {
    /// It failed.
    Failed,
    /// It failed, or worked only just.
    Degraded,
    /// Always exit 0.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_its_format_and_its_file() {
        let target: ReportTarget = "json=out/a=b.json".parse().unwrap();
        assert_eq!(target, ReportTarget { format: FormatName::Json, path: "out/a=b.json".into() });
        assert!("json".parse::<ReportTarget>().is_err());
        assert!("json=".parse::<ReportTarget>().is_err());
        assert!("yaml=x".parse::<ReportTarget>().is_err());
    }
}
