//! The command line: what a user may write, as types. Names are fixed by the contract; no work is done here.

use crate::commands::demo::DemoArgs;
use crate::commands::explain::ExplainArgs;
use crate::commands::lab::LabArgs;
use crate::commands::publish::PublishArgs;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  sudo iotcap -i eth0                          watch an interface; Ctrl-C ends it with a summary
  iotcap capture.pcapng                        the story of each connection, the verdict first
  iotcap -r gw.pcap.gz -p 8883 -p 443 -v       other ports, healthy connections in full
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
    /// A broker and devices on this machine, some broken on purpose, captured and analysed
    Demo(DemoArgs),
    /// What a finding means, what causes it, what to do
    Explain(ExplainArgs),
    /// Record a scenario on the virtual wire, without network or root
    Lab(LabArgs),
    /// Publish over mutual TLS to a real broker
    Publish(Box<PublishArgs>),
    /// Capture while a command runs, then report
    #[cfg(all(feature = "live", unix))]
    Run(Box<RunArgs>),
    /// List what can be captured on, with addresses
    #[cfg(all(feature = "live", unix))]
    Interfaces,
}

/// What to analyse, what to look at, and how to tell it.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Captures to read: pcap or pcapng, also gzip or zstd of them; - is standard input
    #[arg(value_name = "FILE", conflicts_with = "interfaces")]
    pub files: Vec<PathBuf>,
    /// The same, for those who are used to tcpdump
    #[arg(short, long = "read", value_name = "FILE", num_args = 1.., conflicts_with = "interfaces")]
    pub read: Vec<PathBuf>,
    /// Where to capture, and until when
    #[command(flatten)]
    pub live: LiveArgs,
    /// When a live capture ends by itself
    #[command(flatten)]
    pub until: UntilArgs,
    /// What to look at
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// How to tell it
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A live capture.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Live capture")]
pub struct LiveArgs {
    /// Interface to capture on (repeatable); see: iotcap interfaces
    #[arg(short, long = "interface", value_name = "IF")]
    pub interfaces: Vec<String>,
    /// Show each frame as it comes, at 17 times the cost
    #[arg(long, hide_short_help = true)]
    pub immediate: bool,
    /// Wait for an interface that went away (keeps `CAP_NET_RAW`, nothing else)
    #[arg(long, hide_short_help = true)]
    pub reopen: bool,
    /// Stay root once the capture is open
    #[arg(long, hide_short_help = true)]
    pub no_drop: bool,
    /// Become this user once the capture is open, instead of the one who called sudo, or else nobody
    #[arg(long, value_name = "USER", hide_short_help = true, conflicts_with = "no_drop")]
    pub user: Option<String>,
    /// The kernel's buffer for each interface, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 32, hide_short_help = true,
          value_parser = clap::value_parser!(u16).range(1..2048))]
    pub buffer: u16,
    /// The most bytes that are kept of a frame
    #[arg(long, value_name = "BYTES", default_value_t = 262_144, hide_short_help = true,
          value_parser = clap::value_parser!(u32).range(64..=262_144))]
    pub snaplen: u32,
}

/// When a live capture ends by itself.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Live capture")]
pub struct UntilArgs {
    /// End after so many seconds
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// End after so many frames that were looked at
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
}

/// `iotcap run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
pub struct RunArgs {
    /// Where to capture
    #[command(flatten)]
    pub live: LiveArgs,
    /// What to look at
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// How to tell it
    #[command(flatten)]
    pub output: OutputArgs,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

const RUN_HELP: &str = "\
Without -i it captures on loopback and on the interface of the default route. The command runs as the user who called, with
its input and output untouched; the report follows on standard output once the command has ended.

Exit status: the command's, unless that is 0; else 1 by --fail-on (here `failed` unless it is given); 2 if the command was
never started. A command that a signal ended gives 128 and the signal's number.";

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write seconds, for example 10 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero()).ok_or_else(|| "more than 0".to_owned())
}

/// Which frames are looked at.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to look at")]
pub struct SelectionArgs {
    /// Server port to look at (repeatable); 1883 is plain MQTT, all others TLS
    #[arg(short, long = "port", value_name = "N", default_value = "8883", value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
    /// A libpcap filter instead of the ports; then any TCP port, by content
    #[arg(short, long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// IPv6 as well
    #[arg(long)]
    pub ipv6: bool,
    /// Do not look at DNS for names that lead to the broker
    #[arg(long, hide_short_help = true)]
    pub no_dns: bool,
    /// TLS secrets in the NSS key log format (SSLKEYLOGFILE)
    #[arg(long, value_name = "FILE")]
    pub keylog: Option<PathBuf>,
    /// First bytes of each MQTT payload to show
    #[arg(long, value_name = "N", default_value_t = 0, hide_short_help = true)]
    pub payload: u16,
}

/// How the result is told.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to tell it")]
pub struct OutputArgs {
    /// What goes to standard output: text, json or jsonl
    #[arg(long, value_name = "F", value_enum, default_value_t = FormatName::Text, hide_possible_values = true)]
    pub format: FormatName,
    /// Save the frames that were looked at as pcapng
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
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

    #[cfg(all(feature = "live", unix))]
    #[test]
    fn what_follows_the_dashes_is_the_command() {
        let cli = Cli::try_parse_from(["iotcap", "run", "-i", "lo", "--", "sh", "-c", "exit 3"]).unwrap();
        let Some(Command::Run(run)) = cli.command else { panic!("not run") };
        assert_eq!(run.live.interfaces, ["lo"]);
        assert_eq!(run.command, ["sh", "-c", "exit 3"]);
        assert!(Cli::try_parse_from(["iotcap", "run", "-i", "lo"]).is_err());
    }

    #[test]
    fn durations_are_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(seconds("0").is_err() && seconds("-1").is_err() && seconds("soon").is_err());
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
