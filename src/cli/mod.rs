//! The command line: what a user may write, as types. Names are fixed by the contract; no work is done here.

mod from_file;
mod live;
mod output;
mod selection;
mod share;
mod terminal;

pub use from_file::Refused;
pub use live::{LiveArgs, UntilArgs};
pub use output::{Colour, FailOn, FileFormat, FormatName, OutputArgs, PhaseBudget, ReportTarget};
pub use selection::SelectionArgs;
pub use share::ShareArgs;
pub(crate) use terminal::columns_of_standard_output;

use crate::commands::completions::CompletionsArgs;
#[cfg(all(feature = "live", unix))]
use crate::commands::daemon::DaemonArgs;
use crate::commands::demo::DemoArgs;
use crate::commands::diff::DiffArgs;
use crate::commands::explain::ExplainArgs;
use crate::commands::lab::LabArgs;
use crate::commands::man::ManArgs;
use crate::commands::publish::PublishArgs;
use crate::commands::split::SplitArgs;
use crate::spelling;
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, value_parser};
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  sudo iotcap -i eth0                          watch an interface; Ctrl-C ends it with a summary
  iotcap capture.pcapng                        the story of each connection, the verdict first
  ssh gw tcpdump -w - | iotcap -r -            a capture that is being made elsewhere

Exit status: 0 analysed; 1 by --fail-on; 2 it could not be done.";

const OTHER: &str = "Other";

/// Tells where an MQTT connection over TLS stopped, who ended it, and why, from its packets.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true, max_term_width = 100, disable_help_flag = true, disable_version_flag = true)]
pub struct Cli {
    /// What to do instead of an analysis.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The analysis.
    #[command(flatten)]
    pub analyze: AnalyzeArgs,
    /// Print this help
    #[arg(short, long, global = true, action = ArgAction::HelpShort, help_heading = OTHER)]
    help: Option<bool>,
    /// Print every option; `iotcap man | man -l -` is the manual
    #[arg(long, global = true, action = ArgAction::HelpLong, help_heading = OTHER)]
    help_all: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = OTHER)]
    version: Option<bool>,
}

/// Everything that is not an analysis.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A broker and devices on this machine, some broken on purpose, captured and analysed
    Demo(DemoArgs),
    /// What differs between two captures: before and after, works and fails
    Diff(Box<DiffArgs>),
    /// What a finding means, what causes it, what to do
    Explain(ExplainArgs),
    /// Record a scenario on the virtual wire, without network or root
    Lab(LabArgs),
    /// Publish over mutual TLS to a real broker
    Publish(Box<PublishArgs>),
    /// Deal the frames of captures out to shares, to analyse them on many machines
    #[command(hide = true)]
    Split(SplitArgs),
    /// Capture while a command runs, then report
    #[cfg(all(feature = "live", unix))]
    Run(Box<RunArgs>),
    /// Watch a gateway for months: metrics, a live page, evidence files
    #[cfg(all(feature = "live", unix))]
    Daemon(DaemonArgs),
    /// List what can be captured on, with addresses
    #[cfg(all(feature = "live", unix))]
    Interfaces,
    /// Completions of the command line for a shell
    Completions(CompletionsArgs),
    /// The manual page, with every option
    Man(ManArgs),
}

/// What to analyse, what to look at, and how to tell it.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Captures: pcap or pcapng, also gzip or zstd of them; - is standard input
    #[arg(value_name = "FILE", conflicts_with = "interfaces", help_heading = "What to look at")]
    pub files: Vec<PathBuf>,
    /// The same, for those who are used to tcpdump
    #[arg(short, long = "read", value_name = "FILE", num_args = 1.., hide_short_help = true, conflicts_with = "interfaces")]
    pub read: Vec<PathBuf>,
    /// Threads that analyse files; 1: all in one [default: as many as the machine has, at most 8]
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
    /// One share of the connections, on one of many machines
    #[command(flatten)]
    pub share: ShareArgs,
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

impl Cli {
    /// The command that was meant by a word that names no capture: `iotcap explian`.
    pub fn command_that_was_meant(&self) -> Option<String> {
        let word = self.analyze.files.first().filter(|path| path.components().count() == 1 && !path.exists())?;
        let commands = Self::command();
        let names = commands.get_subcommands().map(clap::Command::get_name);
        spelling::nearest(word.to_str()?, names).map(str::to_owned)
    }
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
    fn help_fits_a_screen() {
        let help = Cli::command().term_width(100).render_help().to_string();
        assert!(help.lines().count() <= 50, "{} lines", help.lines().count());
        assert!(help.contains("Examples:") && help.contains("--help-all"), "{help}");
    }

    #[test]
    fn every_command_has_its_help() {
        for command in Cli::command().get_subcommands() {
            for option in ["-h", "--help", "--help-all"] {
                let refused =
                    Cli::try_parse_from(["iotcap", command.get_name(), option]).expect_err("help, not a value");
                assert_eq!(refused.kind(), clap::error::ErrorKind::DisplayHelp, "{} {option}", command.get_name());
                let help = refused.to_string();
                assert!(help.contains(&format!("iotcap {}", command.get_name())), "{help}");
                assert!(option == "--help-all" || help.lines().count() <= 50, "{help}");
            }
        }
    }

    #[test]
    fn help_all_has_every_option() {
        let help = Cli::command().render_long_help().to_string();
        for option in Cli::command().get_arguments().filter_map(clap::Arg::get_long) {
            assert!(help.contains(&format!("--{option}")), "--{option}");
        }
    }
}
