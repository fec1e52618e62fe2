//! `iotcap man`: the manual page on standard output, or one page for each command in a folder.

use crate::cli::Cli;
use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// `iotcap man`.
#[derive(Debug, Args)]
#[command(after_help = "To read it: iotcap man | man -l -")]
pub struct ManArgs {
    /// Write the pages of all commands into this folder instead, for packages
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
}

/// Prints the manual page, or writes the pages.
///
/// # Errors
/// Where they cannot be written.
pub fn man(arguments: &ManArgs) -> Result<ExitCode> {
    if let Some(folder) = &arguments.to {
        let write = || {
            std::fs::create_dir_all(folder)?;
            clap_mangen::generate_to(documented(Cli::command()), folder)
        };
        write().with_context(|| format!("cannot write the manual to {}", folder.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    Man::new(documented(Cli::command())).render(&mut page).context("cannot make the manual")?;
    io::stdout().write_all(&page).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// The manual explains what the short help leaves out, too.
fn documented(command: Command) -> Command {
    command.mut_args(|arg| arg.hide_short_help(false)).mut_subcommands(documented)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Arg;

    #[test]
    fn the_manual_explains_every_option() {
        let mut page = Vec::new();
        Man::new(documented(Cli::command())).render(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap().replace('\\', "");
        for option in Cli::command().get_arguments() {
            let help = option.get_help().unwrap_or_else(|| panic!("{} has no help", option.get_id())).to_string();
            let is_named = option.get_long().is_none_or(|name| page.contains(&format!("--{name}")));
            assert!(is_named && page.contains(&help), "{}: {help}", option.get_long().unwrap_or_default());
        }
        assert!(Cli::command().get_arguments().map(Arg::get_id).count() > 20);
    }
}
