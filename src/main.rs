//! Arguments, one call into the library, exit status.

use anstream::ColorChoice;
use clap::CommandFactory;
use iotcap::cli::{Cli, Command, Refused};
use iotcap::commands::{completions, demo, diff, explain, lab, man, publish, split};
use std::io;
use std::process::ExitCode;
use tracing::Level;

/// Connections come and go by the hundred thousand: the system's allocator took a quarter of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// It could not be done.
const EXIT_ERROR: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(Refused::Usage(usage)) => usage.exit(),
        Err(Refused::Config(error)) => {
            complain(&error.to_string());
            return ExitCode::from(EXIT_ERROR);
        }
    };
    if !has_a_log_of_its_own(&cli) {
        log_to_standard_error(&cli);
    }
    run(&cli).unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        complain(&format!("{error:#}"));
        ExitCode::from(EXIT_ERROR)
    })
}

#[cfg(all(feature = "live", unix))]
const fn has_a_log_of_its_own(cli: &Cli) -> bool {
    matches!(cli.command, Some(Command::Daemon(_)))
}

#[cfg(not(all(feature = "live", unix)))]
const fn has_a_log_of_its_own(_: &Cli) -> bool {
    false
}

/// The program's own log: warnings, with `-v` what it does, with `-vv` how.
fn log_to_standard_error(cli: &Cli) {
    let level = match (cli.analyze.output.quiet, cli.analyze.output.verbose) {
        (true, _) => Level::ERROR,
        (false, 0) => Level::WARN,
        (false, 1) => Level::INFO,
        (false, _) => Level::DEBUG,
    };
    let colour = cli.analyze.output.color.choice(&io::stderr()) != ColorChoice::Never;
    tracing_subscriber::fmt().with_max_level(level).with_ansi(colour).with_writer(io::stderr).init();
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Some(Command::Completions(arguments)) => return completions::completions(arguments),
        Some(Command::Demo(arguments)) => return demo::demo(arguments),
        Some(Command::Diff(arguments)) => return diff::diff(arguments),
        Some(Command::Explain(arguments)) => return explain::explain(arguments),
        Some(Command::Lab(arguments)) => return lab::lab(arguments),
        Some(Command::Man(arguments)) => return man::man(arguments),
        Some(Command::Publish(arguments)) => return publish::publish(arguments),
        Some(Command::Split(arguments)) => return split::run(arguments),
        #[cfg(all(feature = "live", unix))]
        Some(Command::Run(arguments)) => return iotcap::run::run(arguments),
        #[cfg(all(feature = "live", unix))]
        Some(Command::Daemon(arguments)) => return iotcap::commands::daemon::daemon(arguments),
        #[cfg(all(feature = "live", unix))]
        Some(Command::Interfaces) => return iotcap::interfaces::print().map(|()| ExitCode::SUCCESS),
        #[cfg(all(feature = "live", unix))]
        None if !cli.analyze.live.interfaces.is_empty() => return iotcap::live::watch(&cli.analyze),
        None => {}
    }
    #[cfg(not(all(feature = "live", unix)))]
    if !cli.analyze.live.interfaces.is_empty() {
        anyhow::bail!("this build cannot capture: it was made without the feature 'live'");
    }
    if cli.analyze.captures().is_empty() {
        Cli::command().print_help()?;
        return Ok(ExitCode::from(EXIT_ERROR));
    }
    if let Some(command) = cli.command_that_was_meant() {
        let word = cli.analyze.files.first().map(|path| path.display().to_string()).unwrap_or_default();
        anyhow::bail!("{word}: no such file, and no such command: did you mean 'iotcap {command}'?");
    }
    iotcap::analyze::analyze(&cli.analyze)
}

/// One sentence. The system's own words end in a number of its own, `(os error 2)`, which says nothing more.
fn complain(problem: &str) {
    let mut parts = problem.split(" (os error ");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once(')').map_or(part, |(_, rest)| rest));
    eprintln!("iotcap: {first}{}", rest.collect::<String>());
}

/// Whoever read the output has seen enough: `iotcap … | head`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
