//! `iotcap daemon`: its options, and the call into the daemon.

use crate::daemon::{self, Given};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// A commented configuration with all defaults.
const EXAMPLE: &str = include_str!("../../packaging/iotcap.toml");

/// `iotcap daemon`.
#[derive(Clone, Debug, Args)]
pub struct DaemonArgs {
    /// The configuration (TOML)
    #[arg(long, value_name = "FILE", required_unless_present = "print_config")]
    pub config: Option<PathBuf>,
    /// Only say whether the configuration is good
    #[arg(long)]
    pub check_config: bool,
    /// Only print a configuration with every key and its default
    #[arg(long, conflicts_with_all = ["config", "check_config"])]
    pub print_config: bool,
    /// Interface to capture on (repeatable), in place of those in the configuration
    #[arg(short, long = "interface", value_name = "IF")]
    pub interfaces: Vec<String>,
    /// Become this user once the capture is open
    #[arg(long, value_name = "USER", conflicts_with = "no_drop")]
    pub user: Option<String>,
    /// Stay root once the capture is open
    #[arg(long)]
    pub no_drop: bool,
}

/// Captures until a signal ends it.
///
/// # Errors
/// One sentence where the configuration makes no sense, or something cannot be opened.
pub fn daemon(arguments: &DaemonArgs) -> Result<ExitCode> {
    let DaemonArgs { config, check_config, interfaces, user, no_drop, .. } = arguments;
    let Some(config) = config else {
        print!("{EXAMPLE}");
        return Ok(ExitCode::SUCCESS);
    };
    let given = Given { config: config.clone(), interfaces: interfaces.clone(), user: user.clone(), no_drop: *no_drop };
    if *check_config {
        given.read()?;
        println!("{} is good", config.display());
        return Ok(ExitCode::SUCCESS);
    }
    daemon::run(&given)
}
