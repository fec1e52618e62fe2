//! `iotcap split`: deals the frames of captures out to shares.

use crate::analyze;
use crate::cli::SelectionArgs;
use crate::private;
use crate::shares::MAX_SHARES;
use crate::shares::split::{Plan, split};
use crate::source;
use crate::source::bpf::FilterProgram;
use anyhow::{Context, Result};
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::process::ExitCode;

/// Bytes of a piece that are written at once.
const WRITTEN: usize = 64 << 10;

/// What to split, and into what.
#[derive(Debug, clap::Args)]
pub struct SplitArgs {
    /// Captures that follow one another: pcap or pcapng, also gzip or zstd of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How many shares
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=MAX_SHARES as i64))]
    pub into: u8,
    /// The folder for the pieces, 1.pcapng to N.pcapng
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// How many files of the same capture come before these
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub first_file: u16,
    /// What will be looked at
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Splits captures, and says on standard error what became of them.
///
/// # Errors
/// One sentence where a capture cannot be read, or a piece not be written.
pub fn run(arguments: &SplitArgs) -> Result<ExitCode> {
    let mut source = source::open(&arguments.files)?;
    let plan = Plan {
        config: analyze::config(&arguments.selection),
        filter: arguments.selection.filter.as_deref().map(FilterProgram::new).transpose()?,
        first_file: arguments.first_file,
    };
    let cannot_write = || format!("cannot write to {}", arguments.to.display());
    std::fs::create_dir_all(&arguments.to).with_context(cannot_write)?;
    let create = |share: u8| {
        let file = private::create(&arguments.to.join(format!("{share}.pcapng")))?;
        Ok::<_, io::Error>(BufWriter::with_capacity(WRITTEN, file))
    };
    let pieces = (1..=arguments.into).map(create).collect::<Result<Vec<_>, _>>().with_context(cannot_write)?;
    let counts = split(source.as_mut(), plan, pieces).with_context(cannot_write)?;
    for damage in &source.info().damaged {
        eprintln!("iotcap: {damage}");
    }
    tracing::info!(frames = counts.frames, written = counts.written, "split");
    Ok(ExitCode::SUCCESS)
}
