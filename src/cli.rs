//! The command line: what a user may write, as types. Names are fixed by the contract; no work is done here.

use crate::commands::explain::ExplainArgs;
use crate::commands::lab::LabArgs;
use crate::publisher;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;

const EXAMPLES: &str = "\
Examples:
  iotcap capture.pcapng                        the story of each connection, the verdict first
  iotcap -r gw.pcap.gz -p 8883 -p 443 -v       other ports, healthy connections in full
  iotcap old.pcap new.pcap --format json       a ring of files as one capture, for a program
  ssh gw tcpdump -w - | iotcap -r -            a capture that is being made elsewhere

Exit status: 0 analysed; 1 by --fail-on; 2 it could not be done.";

/// Tells where an MQTT connection over TLS stopped, who ended it, and why, from its packets.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    /// What to do instead of an analysis.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The analysis.
    #[command(flatten)]
    pub analyze: AnalyzeArgs,
}

/// Everything that is not an analysis.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What a finding means, what causes it, what to do
    Explain(ExplainArgs),
    /// Record a scenario on the virtual wire, without network or root
    Lab(LabArgs),
    /// Publish over mutual TLS to a real broker
    Publish(Box<publisher::Options>),
}

/// What to analyse, what to look at, and how to tell it.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Captures to read: pcap or pcapng, also gzip or zstd of them; - is standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The same, for those who are used to tcpdump
    #[arg(short, long = "read", value_name = "FILE", num_args = 1..)]
    pub read: Vec<PathBuf>,
    /// What to look at
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// How to tell it
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Which frames are looked at.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to look at")]
pub struct SelectionArgs {
    /// Server port to look at (repeatable); all are TLS but 1883, which is plain MQTT
    #[arg(short, long = "port", value_name = "N", default_value = "8883", value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
    /// A libpcap filter instead of the ports; then any TCP port, by content
    #[arg(short, long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// IPv6 as well
    #[arg(long)]
    pub ipv6: bool,
    /// Do not look at DNS for names that lead to the broker
    #[arg(long)]
    pub no_dns: bool,
    /// TLS secrets in the NSS key log format (SSLKEYLOGFILE)
    #[arg(long, value_name = "FILE")]
    pub keylog: Option<PathBuf>,
}

/// How the result is told.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to tell it")]
pub struct OutputArgs {
    /// What goes to standard output
    #[arg(long, value_name = "F", value_enum, default_value_t = FormatName::Text)]
    pub format: FormatName,
    /// Another format, to a file: json=report.json (repeatable)
    #[arg(long = "report", value_name = "F=PATH")]
    pub reports: Vec<ReportTarget>,
    /// Connections told in full in text before it turns to tables
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
    /// Exit 1 when a connection is at least this bad
    #[arg(long, value_name = "L", value_enum, default_value_t = FailOn::Never)]
    pub fail_on: FailOn,
    /// Healthy connections in full; -vv: the program's own log too
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
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

impl AnalyzeArgs {
    /// The captures to read, in the order that they were named.
    pub fn captures(&self) -> Vec<PathBuf> {
        self.read.iter().chain(&self.files).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn captures_come_from_both_places() {
        let cli =
            Cli::try_parse_from(["iotcap", "-r", "a.pcap", "-p", "8883", "-p", "443", "--format", "json"]).unwrap();
        assert_eq!(cli.analyze.captures(), [PathBuf::from("a.pcap")]);
        assert_eq!(cli.analyze.selection.ports, [8883, 443]);
        let cli = Cli::try_parse_from(["iotcap", "a.pcap", "b.pcap"]).unwrap();
        assert_eq!(cli.analyze.captures(), [PathBuf::from("a.pcap"), PathBuf::from("b.pcap")]);
    }

    #[test]
    fn a_report_names_its_format_and_its_file() {
        let target: ReportTarget = "json=out/a=b.json".parse().unwrap();
        assert_eq!(target, ReportTarget { format: FormatName::Json, path: "out/a=b.json".into() });
        assert!("json".parse::<ReportTarget>().is_err());
        assert!("json=".parse::<ReportTarget>().is_err());
        assert!("yaml=x".parse::<ReportTarget>().is_err());
    }

    #[test]
    fn help_fits_a_screen() {
        let help = Cli::command().term_width(100).render_help().to_string();
        assert!(help.lines().count() <= 50, "{} lines", help.lines().count());
    }
}
