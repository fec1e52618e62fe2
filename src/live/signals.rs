//! Ctrl-C and its kin: the first one ends the capture with its summary, the second one ends the program.
//!
//! They are caught, not held back: what is held back stays so in a program that this one starts, and is not there to be told.

use anyhow::{Context, Result};
use nix::sys::signal::Signal as Number;
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The signals that end a capture.
const ENDING: [Number; 3] = [Number::SIGINT, Number::SIGTERM, Number::SIGHUP];

/// Tells whether a signal came.
#[derive(Clone, Debug)]
pub(crate) struct Signal(Arc<AtomicUsize>);

impl Signal {
    /// Waits for signals from now on. To be called before anything is opened: from then on nothing is lost by one signal, and
    /// nothing that hangs outlives two.
    pub(crate) fn catch() -> Result<Self> {
        let (number, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let asked_for = |signal: &Number| *signal != Number::SIGHUP || !hangup_is_ignored();
        for signal in ENDING.into_iter().filter(asked_for) {
            let (id, value) = (signal as i32, usize::try_from(signal as i32)?);
            // In the order in which they are done. As a shell tells a death by signal.
            flag::register_conditional_shutdown(id, 128 + id, Arc::clone(&again))
                .and_then(|_| flag::register_usize(id, Arc::clone(&number), value))
                .and_then(|_| flag::register(id, Arc::clone(&again)))
                .context("signals cannot be caught")?;
        }
        Ok(Self(number))
    }

    /// The signal that came first.
    pub(crate) fn seen(&self) -> Option<Number> {
        let number = i32::try_from(self.0.load(Ordering::SeqCst)).unwrap_or_default();
        Number::try_from(number).ok()
    }
}

/// Whether whoever started this program wants it to outlive the terminal (`nohup`). A signal that is caught is not ignored, so
/// that this has to be asked for. Only Linux tells.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The lowest bit is signal 1.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
