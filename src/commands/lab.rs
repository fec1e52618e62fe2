//! `iotcap lab`: records a scenario on the virtual wire.

use crate::lab::{self, Recording, Scenario};
use crate::private;
use anyhow::{Context, Result, anyhow};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to record.
#[derive(Debug, clap::Args)]
pub struct LabArgs {
    /// A scenario's name, or a file that describes one (.toml)
    #[arg(value_name = "SCENARIO", required_unless_present = "list")]
    pub scenarios: Vec<String>,
    /// Names and titles of all scenarios
    #[arg(long, conflicts_with_all = ["scenarios", "write"])]
    pub list: bool,
    /// The pcapng file to write; - is standard output
    #[arg(short, long, value_name = "FILE", required_unless_present = "list")]
    pub write: Option<PathBuf>,
    /// So many copies of the scenarios, interleaved, each with its own addresses and randoms, without secrets
    #[arg(long, value_name = "N")]
    pub multiply: Option<u32>,
    /// What the copies' randoms are made from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// Records what was asked for.
///
/// # Errors
/// One sentence where a scenario is unknown, contradicts itself, or the file cannot be written.
pub fn lab(arguments: &LabArgs) -> Result<ExitCode> {
    let Some(path) = &arguments.write else { return list() };
    let recordings = arguments.scenarios.iter().map(|name| record(name)).collect::<Result<Vec<_>>>()?;
    let cannot_write = || format!("cannot write {}", path.display());
    let mut to = BufWriter::new(create(path).with_context(cannot_write)?);
    match (arguments.multiply, &recordings[..]) {
        (Some(copies), recordings) => {
            lab::multiply(recordings, copies, arguments.seed, &mut to)?;
        }
        (None, [recording]) => recording.write_pcapng(&mut to)?,
        (None, _) => return Err(anyhow!("several scenarios in one file need --multiply N")),
    }
    to.flush().with_context(cannot_write)?;
    Ok(ExitCode::SUCCESS)
}

fn list() -> Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    let width = lab::catalogue().iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    for entry in lab::catalogue() {
        writeln!(out, "{:width$}  {}", entry.name, entry.scenario()?.title)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn record(name: &str) -> Result<Recording> {
    Ok(lab::run(&scenario(name)?)?)
}

fn scenario(name: &str) -> Result<Scenario> {
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension == "toml") {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        return Ok(Scenario::from_toml(&text, name)?);
    }
    let entry =
        lab::find(name).ok_or_else(|| anyhow!("no scenario is called {name}: `iotcap lab --list` names them all"))?;
    Ok(entry.scenario()?)
}

/// A recording holds the secrets of its connections.
fn create(path: &Path) -> io::Result<Box<dyn Write>> {
    if path.as_os_str() == "-" { Ok(Box::new(io::stdout())) } else { Ok(Box::new(private::create(path)?)) }
}
