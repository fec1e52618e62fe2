//! `iotcap publish`: the embedded publisher on the command line.

use crate::publisher::{self, Options};
use anyhow::Result;
use std::io;
use std::process::ExitCode;

/// Publishes, and tells how it went.
///
/// # Errors
/// One sentence that names the step which failed.
pub fn publish(options: &Options) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new()?;
    let report = match runtime.block_on(publisher::run(options.clone(), &mut io::stdout())) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("iotcap publish: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some(error) = report.error() {
        eprintln!("iotcap publish: {error}");
    }
    Ok(if report.all_acknowledged() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
