//! Options that say how the result is told.

use crate::diagnosis::{Stretch, Thresholds};
use anstream::ColorChoice;
use clap::{ArgAction, Args, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How the result is told.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(next_help_heading = "How to tell it")]
pub struct OutputArgs {
    /// As text (default), json, jsonl, markdown, junit, html or github
    #[arg(long, value_name = "F", value_enum, default_value_t = FormatName::Text, hide_possible_values = true,
          hide_default_value = true)]
    pub format: FormatName,
    /// Save the frames that were looked at as pcapng
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Leave TLS secrets out of what -w saves
    #[arg(long, hide_short_help = true)]
    pub no_secrets: bool,
    /// Pseudonyms for addresses, names, client ids, topics; no secrets
    #[arg(long)]
    pub redact: bool,
    /// Another format, or parquet, to a file: json=report.json (repeatable)
    #[arg(long = "report", value_name = "F=PATH")]
    pub reports: Vec<ReportTarget>,
    /// Finished connections as traces, to a collector: http://collector:4318 (OpenTelemetry; docs/otlp.md)
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub otlp: Option<String>,
    /// Who captured, in traces and Parquet tables [default: this host; in tables of captures that are read: their folder]
    #[arg(long, value_name = "NAME", value_parser = path_word, hide_short_help = true)]
    pub sensor: Option<String>,
    /// What a run's files in a Parquet dataset are called: the same again replaces them [default: by the capture]
    #[arg(long, value_name = "NAME", value_parser = path_word, hide_short_help = true)]
    pub part: Option<String>,
    /// Connections told in full in text before it turns to tables
    #[arg(long, value_name = "N", default_value_t = 50, hide_short_help = true)]
    pub limit: usize,
    /// Exit 1 if a connection is failed, or degraded [default: never; run: failed]
    #[arg(long, value_name = "L", value_enum, hide_possible_values = true)]
    pub fail_on: Option<FailOn>,
    /// What the capture must show (TOML; see docs/ci.md); exit 1 where it does not
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub expect: Option<PathBuf>,
    /// A phase slower than this is degraded: tls-authentication=500 (milliseconds, repeatable)
    #[arg(long = "budget", value_name = "PHASE=MS", hide_short_help = true)]
    pub budgets: Vec<PhaseBudget>,
    /// Every event as it happens, healthy connections too
    #[arg(long)]
    pub events: bool,
    /// A plain sentence to each phase and each kind of event
    #[arg(long)]
    pub teach: bool,
    /// Healthy connections in full; -vv: the program's own log too
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Options and thresholds from a file (TOML; docs/iotcap.toml has them all)
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub config: Option<PathBuf>,
    /// Where findings begin: what that file says of it, once it was read.
    #[arg(skip)]
    pub thresholds: Thresholds,
    /// Colours: auto (on a terminal), always (for a pager) or never
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Colour::Auto, hide_short_help = true,
          alias = "colour", hide_possible_values = true)]
    pub color: Colour,
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
    /// For a job's summary or a ticket.
    Markdown,
    /// Test cases for CI servers.
    Junit,
    /// Annotations of a GitHub workflow.
    Github,
    /// One page for a browser, with everything in it.
    Html,
}

/// When the text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR says no; elsewhere if CLICOLOR_FORCE says so.
    Auto,
    /// Always, as a pager wants it.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// Whether what goes to this stream is coloured.
    pub fn choice(self, stream: &impl anstream::stream::RawStream) -> ColorChoice {
        match self {
            Self::Auto => anstream::AutoStream::choice(stream),
            Self::Always => ColorChoice::AlwaysAnsi,
            Self::Never => ColorChoice::Never,
        }
    }
}

/// Where a report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTarget {
    /// Its format.
    pub format: FileFormat,
    /// Its file.
    pub path: PathBuf,
}

/// What a file can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// What can go to standard output too.
    Stream(FormatName),
    /// Tables for archives: a file or a folder of them.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl FileFormat {
    /// The format, where it can go to standard output too.
    #[must_use]
    pub const fn stream(self) -> Option<FormatName> {
        match self {
            Self::Stream(format) => Some(format),
            #[cfg(feature = "parquet")]
            Self::Parquet => None,
        }
    }
}

impl FromStr for ReportTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or("write FORMAT=PATH, for example json=report.json")?;
        if path.is_empty() {
            return Err("the path is missing after =".to_owned());
        }
        Ok(Self { format: format.parse()?, path: path.into() })
    }
}

impl FromStr for FileFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            #[cfg(feature = "parquet")]
            "parquet" => Ok(Self::Parquet),
            #[cfg(not(feature = "parquet"))]
            "parquet" => {
                Err("this iotcap was built without it: cargo build --release --features parquet makes one".to_owned())
            }
            name => FormatName::from_str(name, true).map(Self::Stream),
        }
    }
}

/// A word that stands in the path of a dataset.
fn path_word(text: &str) -> Result<String, String> {
    const LONGEST: usize = 128;
    let fits = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    if text.is_empty() || text.len() > LONGEST || !text.chars().all(fits) {
        return Err(format!("write up to {LONGEST} letters, digits, dots, hyphens and underscores"));
    }
    Ok(text.to_owned())
}

/// What a phase may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseBudget {
    /// Which phase.
    pub stretch: Stretch,
    /// Its longest time.
    pub at_most: Duration,
}

impl FromStr for PhaseBudget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (phase, millis) = text.split_once('=').ok_or("write PHASE=MS, for example tls-authentication=500")?;
        let millis: f64 = millis.parse().map_err(|_| format!("'{millis}' is no number of milliseconds"))?;
        let at_most = Duration::try_from_secs_f64(millis / 1e3).map_err(|_| "not below 0".to_owned())?;
        Ok(Self { stretch: phase.parse()?, at_most })
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
        let format = FileFormat::Stream(FormatName::Json);
        assert_eq!(target, ReportTarget { format, path: "out/a=b.json".into() });
        assert!("json".parse::<ReportTarget>().is_err());
        assert!("json=".parse::<ReportTarget>().is_err());
        assert!("yaml=x".parse::<ReportTarget>().is_err());
    }

    #[test]
    fn parquet_is_for_programs_that_were_built_with_it() {
        let target = "parquet=tables/".parse::<ReportTarget>();
        assert_eq!(target.is_ok(), cfg!(feature = "parquet"));
        assert!(target.is_ok_and(|target| target.path.as_os_str() == "tables/") || !cfg!(feature = "parquet"));
    }

    #[test]
    fn a_word_of_a_path_leads_nowhere_else() {
        assert_eq!(path_word("gw-1.example_2"), Ok("gw-1.example_2".to_owned()));
        for wrong in ["", "a/b", "a=b", "a b", "ä", "a\\b", &"x".repeat(129)] {
            assert!(path_word(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_budget_names_a_phase_and_its_milliseconds() {
        let budget: PhaseBudget = "tls-authentication=1.5".parse().unwrap();
        assert_eq!(budget, PhaseBudget { stretch: Stretch::TlsAuthentication, at_most: Duration::from_micros(1500) });
        let told = |text: &str| text.parse::<PhaseBudget>().unwrap_err();
        assert!(told("tls-auth=5").contains("did you mean 'tls-authentication'?"), "{}", told("tls-auth=5"));
        assert!(told("total=soon").contains("milliseconds") && told("total").contains("PHASE=MS"));
        assert!("total=-1".parse::<PhaseBudget>().is_err());
    }
}
