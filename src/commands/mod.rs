//! The commands beside the analysis: each is its options and one function that runs it.

pub mod completions;
#[cfg(all(feature = "live", unix))]
pub mod daemon;
pub mod demo;
pub mod diff;
pub mod explain;
pub mod lab;
pub mod man;
pub mod publish;
pub mod split;
#[cfg(all(feature = "live", unix))]
mod verdicts;
