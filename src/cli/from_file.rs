//! Options from a configuration file: in comes the command line, and the file that it names with `--config`; out goes the
//! command line with the file's options in it, wherever it does not say otherwise itself. So both take the same words and
//! refuse the same mistakes, and an option that is new here can be set in a file at once.

use super::{Cli, LiveArgs, OutputArgs, SelectionArgs, UntilArgs};
use crate::config::{ConfigError, ConfigFile, Options, Setting};
use crate::diagnosis::Thresholds;
use crate::spelling;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, Parser};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toml::Value;

/// Why a command line is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is wrong in itself, or asks for help.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The configuration file that it names is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Cli {
    /// Reads the command line, the program's name first, and the configuration file that it names.
    ///
    /// # Errors
    /// Where one of them is wrong.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Refused> {
        let mut arguments: Vec<OsString> = arguments.into_iter().collect();
        let command = Self::command();
        let matches = command.clone().try_get_matches_from(&arguments)?;
        let from_file = options_of_file(&command, &matches)?;
        if let Some(FromFile { place, options, .. }) = &from_file {
            arguments.splice(place..place, options.iter().cloned());
        }
        let mut cli = Self::try_parse_from(arguments)?;
        if let Some(FromFile { thresholds, .. }) = from_file {
            *cli.thresholds_mut() = thresholds;
        }
        if cli.shows_payloads_of_nobody() {
            let problem = "--redact never shows payloads: leave out --payload";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, problem).into());
        }
        Ok(cli)
    }

    /// Where findings begin, of whatever is to be done.
    const fn thresholds_mut(&mut self) -> &mut Thresholds {
        match &mut self.command {
            #[cfg(all(feature = "live", unix))]
            Some(super::Command::Run(run)) => &mut run.output.thresholds,
            Some(super::Command::Diff(diff)) => &mut diff.thresholds,
            _ => &mut self.analyze.output.thresholds,
        }
    }

    /// Whether payloads are to be shown, and nothing that tells whose they are.
    fn shows_payloads_of_nobody(&self) -> bool {
        let (selection, output) = match &self.command {
            #[cfg(all(feature = "live", unix))]
            Some(super::Command::Run(run)) => (&run.selection, &run.output),
            _ => (&self.analyze.selection, &self.analyze.output),
        };
        output.redact && selection.payload > 0
    }
}

/// What a file says. It is read once: it may be a pipe.
struct FromFile {
    /// Where in the command line its options belong.
    place: usize,
    options: Vec<OsString>,
    thresholds: Thresholds,
}

/// What the file adds to the command line.
fn options_of_file(command: &Command, matches: &ArgMatches) -> Result<Option<FromFile>, ConfigError> {
    let (place, command, matches) = match matches.subcommand() {
        None => (1, Some(command), matches),
        Some((name @ ("run" | "diff"), matches)) => (2, command.find_subcommand(name), matches),
        Some(_) => return Ok(None),
    };
    let Some(command) = command else { return Ok(None) };
    let Some(path) = matches.get_one::<PathBuf>("config") else { return Ok(None) };
    let file = ConfigFile::read(path)?;
    let is_given = |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let given: Vec<&Arg> = command.get_arguments().filter(is_given).collect();
    let mut options = Vec::new();
    for (section, table) in sections(&file) {
        for setting in table.iter() {
            let words = words(&section, setting, path)?;
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(setting.name.as_str()));
            let yields = |arg: &Arg| given.iter().any(|given| excludes(command, given, arg));
            if arg.is_some_and(|arg| !yields(arg)) {
                options.extend(words);
            }
        }
    }
    Ok(Some(FromFile { place, options, thresholds: file.thresholds }))
}

/// Whether an option of the command line leaves no room for one of the file.
fn excludes(command: &Command, given: &Arg, of_file: &Arg) -> bool {
    let conflicts =
        |one: &Arg, other: &Arg| command.get_arg_conflicts_with(one).iter().any(|arg| arg.get_id() == other.get_id());
    given.get_id() == of_file.get_id() || conflicts(given, of_file) || conflicts(of_file, given)
}

/// The file's tables of options, each with the options that it may hold.
fn sections(file: &ConfigFile) -> [(Command, &Options); 3] {
    let [selection, live, output] = commands();
    [(selection, &file.selection), (live, &file.live), (output, &file.output)]
}

fn commands() -> [Command; 3] {
    let section = |name: &'static str| Command::new(name).no_binary_name(true).disable_help_flag(true);
    [
        SelectionArgs::augment_args(section("selection")),
        UntilArgs::augment_args(LiveArgs::augment_args(section("live"))),
        OutputArgs::augment_args(section("output")),
    ]
}

/// The names of the options that a table may hold. One file cannot name another.
fn names(section: &Command) -> impl Iterator<Item = &str> {
    section.get_arguments().filter_map(Arg::get_long).filter(|name| *name != "config")
}

/// A setting in the words of the command line; they are taken, or there is an error.
fn words(section: &Command, setting: &Setting, path: &Path) -> Result<Vec<OsString>, ConfigError> {
    let refuse = |problem: String| setting.refuse(path, problem);
    let name = setting.name.as_str();
    let known = names(section).any(|known| known == name);
    let Some(arg) = section.get_arguments().find(|arg| known && arg.get_long() == Some(name)) else {
        return Err(refuse(unknown(section, name)));
    };
    let flags = |count| vec![OsString::from(format!("--{name}")); count];
    let words = match (arg.get_action(), &setting.value) {
        (ArgAction::SetTrue, Value::Boolean(set)) => flags(usize::from(*set)),
        (ArgAction::SetTrue, _) => return Err(refuse(format!("'{name}' is true or false"))),
        (ArgAction::Count, Value::Integer(times @ 0..=9)) => flags(usize::try_from(*times).unwrap_or_default()),
        (ArgAction::Count, _) => return Err(refuse(format!("'{name}' is a number from 0 to 9"))),
        (ArgAction::Append, Value::Array(values)) => {
            let word = |value| scalar(name, value).ok_or_else(|| refuse(format!("'{name}' is a list of plain values")));
            values.iter().map(word).collect::<Result<_, _>>()?
        }
        (_, value) => vec![scalar(name, value).ok_or_else(|| refuse(format!("'{name}' is a plain value")))?],
    };
    match section.clone().try_get_matches_from(&words) {
        Ok(_) => Ok(words),
        Err(error) => Err(refuse(first_paragraph(&error))),
    }
}

fn scalar(name: &str, value: &Value) -> Option<OsString> {
    let value = match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        _ => return None,
    };
    Some(format!("--{name}={value}").into())
}

fn unknown(section: &Command, name: &str) -> String {
    let table = section.get_name();
    let spelled = name.replace('_', "-");
    if let Some(other) = commands().iter().find(|other| names(other).any(|known| known == spelled)) {
        return match other.get_name() {
            same if same == table => format!("unknown key '{name}'; did you mean '{spelled}'?"),
            other => format!("unknown key '{name}' in [{table}]; it belongs into [{other}]"),
        };
    }
    match spelling::nearest(&spelled, names(section)) {
        Some(near) => format!("unknown key '{name}'; did you mean '{near}'?"),
        None => format!("unknown key '{name}'; [{table}] has {}", names(section).collect::<Vec<_>>().join(", ")),
    }
}

/// clap's own words, without its advice on the command line.
fn first_paragraph(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{FailOn, FormatName};
    use std::collections::BTreeSet;

    fn with_file(text: &str, arguments: &[&str]) -> Result<Cli, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.toml");
        std::fs::write(&path, text).unwrap();
        let mut words: Vec<OsString> = vec!["iotcap".into()];
        words.extend(arguments.iter().map(OsString::from));
        let at = 1 + usize::from(matches!(arguments.first(), Some(&("run" | "diff"))));
        words.insert(at, format!("--config={}", path.display()).into());
        Cli::read(words).map_err(|refused| refused.to_string())
    }

    #[track_caller]
    fn refused(text: &str) -> String {
        with_file(text, &["a.pcap"]).expect_err("a mistake")
    }

    #[test]
    fn a_file_sets_options_and_the_command_line_wins() {
        let file = "[selection]\nport = [8883, 443]\nipv6 = true\n[output]\nfail-on = 'failed'\nformat = 'json'\nverbose = 2\n";
        let analyze = with_file(file, &["--format", "text", "a.pcap"]).unwrap().analyze;
        assert_eq!(analyze.selection.ports, [8883, 443]);
        assert!(analyze.selection.ipv6);
        assert_eq!(analyze.output.fail_on, Some(FailOn::Failed));
        assert_eq!(analyze.output.format, FormatName::Text);
        assert_eq!(analyze.output.verbose, 2);
        let analyze = with_file(file, &["-p", "8884", "-q", "a.pcap"]).unwrap().analyze;
        assert_eq!(analyze.selection.ports, [8884]);
        assert!(analyze.output.quiet && analyze.output.verbose == 0, "-q and -v exclude each other");
    }

    #[test]
    fn a_capture_that_is_named_leaves_no_room_for_the_interface_of_the_file() {
        let file = "[live]\ninterface = ['eth0']\nduration = 2.5\n";
        assert!(with_file(file, &["a.pcap"]).unwrap().analyze.live.interfaces.is_empty());
        let live = with_file(file, &[]).unwrap().analyze;
        assert_eq!(live.live.interfaces, ["eth0"]);
        assert_eq!(live.until.duration, Some(std::time::Duration::from_millis(2500)));
    }

    #[cfg(all(feature = "live", unix))]
    #[test]
    fn a_file_holds_for_run_as_well_and_what_run_does_not_know_is_left_out() {
        let file = "[live]\ninterface = ['lo']\nduration = 2\n[selection]\nport = 1883\n";
        let cli = with_file(file, &["run", "--", "true"]).unwrap();
        let Some(crate::cli::Command::Run(run)) = cli.command else { panic!("not run") };
        assert_eq!((run.live.interfaces, run.selection.ports), (vec!["lo".to_owned()], vec![1883]));
    }

    #[test]
    fn mistakes_are_told_with_line_column_and_what_was_meant() {
        let told = refused("[selection]\n\n  prot = 8883\n");
        assert!(told.ends_with("x.toml, line 3, column 3: unknown key 'prot'; did you mean 'port'?"), "{told}");
        let told = refused("[output]\nfail_on = 'failed'\n");
        assert!(told.ends_with("line 2, column 1: unknown key 'fail_on'; did you mean 'fail-on'?"), "{told}");
        assert!(refused("[output]\nport = 1\n").ends_with("it belongs into [selection]"));
        assert!(refused("[output]\nconfig = 'y'\n").contains("unknown key 'config'"));
        assert!(refused("[selection]\nport = 70000\n").contains("invalid value '70000' for '--port <N>'"));
        assert!(refused("[selection]\nport = [{}]\n").contains("'port' is a list of plain values"));
        assert!(refused("[selection]\nipv6 = 1\n").contains("'ipv6' is true or false"));
        assert!(refused("[output]\nverbose = true\n").contains("'verbose' is a number from 0 to 9"));
        assert!(refused("[output]\nformat = 'yaml'\n").contains("possible values: text, json"));
        assert!(refused("[live]\nsnaplen = 1\n").contains("1 is not in 64..=262144"));
        assert!(refused("[outptu]\n").contains("unknown key 'outptu'; did you mean 'output'?"));
    }

    #[test]
    fn the_example_has_every_option_and_all_of_them_are_taken() {
        let example = include_str!("../../docs/iotcap.toml");
        let setting = |line: &str| line.strip_prefix('#').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
        let lines = example.lines().map(|line| if setting(line) { &line[1..] } else { line });
        let file = ConfigFile::parse(&lines.collect::<Vec<_>>().join("\n"), "example").unwrap();
        for (section, table) in sections(&file) {
            for setting in table.iter() {
                words(&section, setting, Path::new("docs/iotcap.toml")).unwrap();
            }
            let shown: BTreeSet<&str> = table.iter().map(|setting| setting.name.as_str()).collect();
            assert_eq!(shown, names(&section).collect(), "[{}] in docs/iotcap.toml", section.get_name());
        }
    }
}
