//! Options of an archive that is analysed in shares; see docs/scale.md.

use crate::flow::Share;
use crate::shares::parse_share;
use clap::Args;
use std::path::PathBuf;

/// Which share of the connections is analysed, and what it has to do with the others.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Archives on many machines")]
pub struct ShareArgs {
    /// Only this share of the connections, counted from 1: 3/8
    #[arg(long, value_name = "I/N", hide_short_help = true, value_parser = parse_share, conflicts_with = "interfaces")]
    pub share: Option<Share>,
    /// The files are pieces that `iotcap split` made: their frames keep their numbers
    #[arg(long, hide_short_help = true, requires = "share")]
    pub pieces: bool,
    /// Write what the verdicts of other shares need to know
    #[arg(long, value_name = "FILE", hide_short_help = true, conflicts_with = "interfaces")]
    pub carry_out: Option<PathBuf>,
    /// What other shares wrote with --carry-out (repeatable)
    #[arg(long, value_name = "FILE", hide_short_help = true, conflicts_with = "interfaces")]
    pub carry_in: Vec<PathBuf>,
}
