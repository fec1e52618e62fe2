//! `iotcap man`: the manual page on standard output, or one page for each command in a folder.

use crate::cli::Cli;
use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
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
            clap_mangen::generate_to(Cli::command(), folder)
        };
        write().with_context(|| format!("cannot write the manual to {}", folder.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page).context("cannot make the manual")?;
    io::stdout().write_all(&page).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}
