//! `iotcap completions SHELL`: the script with which a shell completes iotcap's options.

use crate::cli::Cli;
use crate::diagnosis::rules;
use crate::lab;
use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{Arg, Args, Command, CommandFactory};
use clap_complete::Shell;
use std::io::{self, Write};
use std::process::ExitCode;

/// `iotcap completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell: bash, zsh, fish, elvish or powershell
    #[arg(value_name = "SHELL", value_enum, hide_possible_values = true)]
    pub shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  iotcap completions bash > ~/.local/share/bash-completion/completions/iotcap
  iotcap completions zsh > ~/.zfunc/_iotcap       # with fpath+=~/.zfunc before compinit
  iotcap completions fish > ~/.config/fish/completions/iotcap.fish";

/// Prints the script.
///
/// # Errors
/// Where standard output fails.
pub fn completions(arguments: &CompletionsArgs) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut named(Cli::command()), "iotcap", &mut script);
    io::stdout().write_all(&script).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// The command line with the names that a shell can complete: findings and scenarios.
fn named(command: Command) -> Command {
    let findings = rules::ALL.iter().map(|rule| rule.id);
    let scenarios = lab::catalogue().iter().map(|entry| entry.name);
    let one_of = |argument: Arg, names: Vec<&'static str>| argument.value_parser(PossibleValuesParser::new(names));
    command
        .mut_subcommand("explain", |explain| explain.mut_arg("finding", |it| one_of(it, findings.collect())))
        .mut_subcommand("lab", |lab| lab.mut_arg("scenarios", |it| one_of(it, scenarios.collect())))
}
