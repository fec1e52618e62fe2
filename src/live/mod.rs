//! `iotcap -i IF`: joins a live capture with the analysis. In come frames and news of the interfaces, out go lines as things
//! happen, verdicts as connections end or are stuck, and a summary when the capture ends.
//!
//! The order matters: signals are caught and everything is opened first, then root is dropped, then threads are started.

mod links;
mod session;
mod signals;
mod silence;
mod status;
mod stuck;
mod watch;

pub(crate) use links::{Change, Links};
pub(crate) use session::{Rights, Session};
pub(crate) use signals::Signal;

use crate::analyze::exit_code;
use crate::cli::{AnalyzeArgs, FailOn};
use crate::report::Pace;
use anyhow::Result;
use std::process::ExitCode;

/// Captures until a signal, the given time, the given number of frames, or the end of the interfaces.
///
/// # Errors
/// One sentence where an interface cannot be captured on, a report not be written, or root not be left.
pub fn watch(arguments: &AnalyzeArgs) -> Result<ExitCode> {
    let signal = Signal::catch()?;
    let AnalyzeArgs { live, selection, output, until, .. } = arguments;
    let session = Session::open(&live.interfaces, live, selection, output, Pace::AtOnce)?;
    let rights = Rights::of(live, output)?;
    session.hand_files_to(rights.account());
    rights.leave_root()?;
    rights.seal()?;
    let mut watch = session.start(signal)?;
    watch.set_limits(until);
    watch.run()?;
    let summary = watch.finish()?;
    Ok(exit_code(&summary, output.fail_on.unwrap_or(FailOn::Never)))
}
