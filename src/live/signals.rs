//! Ctrl-C and its kin: the first one ends the capture with its summary, the second one ends the program.

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal as Number};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::Builder;

/// The signals that end a capture.
const ENDING: [Number; 3] = [Number::SIGINT, Number::SIGTERM, Number::SIGHUP];

/// Signals that are held back, in this thread and in those that it will start.
pub(crate) struct Signals {
    set: SigSet,
}

/// Tells whether a signal came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signal(Arc<AtomicI32>);

impl Signal {
    /// The signal that came first.
    pub(crate) fn seen(&self) -> Option<Number> {
        Number::try_from(self.0.load(Ordering::SeqCst)).ok()
    }
}

impl Signals {
    /// Holds them back. To be called before any thread is started.
    pub(crate) fn block() -> Result<Self> {
        let asked_for = |signal: &Number| *signal != Number::SIGHUP || !hangup_is_ignored();
        let set: SigSet = ENDING.into_iter().filter(asked_for).collect();
        set.thread_block().context("signals cannot be held back")?;
        Ok(Self { set })
    }

    /// Lets them through while `work` is done: a process that it starts inherits what is held back.
    pub(crate) fn unblocked<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        self.set.thread_unblock().context("signals cannot be let through")?;
        let done = work();
        self.set.thread_block().context("signals cannot be held back")?;
        Ok(done)
    }

    /// Starts the thread that waits for them.
    pub(crate) fn listen(self) -> Result<Signal> {
        let signal = Signal::default();
        let first = signal.clone();
        let wait = move || {
            while let Ok(number) = self.set.wait() {
                let nothing_yet = first.0.compare_exchange(0, number as i32, Ordering::SeqCst, Ordering::SeqCst);
                if nothing_yet.is_err() {
                    // As a shell tells a death by signal.
                    process::exit(128 + number as i32);
                }
            }
        };
        Builder::new().name("signals".to_owned()).spawn(wait).context("no thread for signals")?;
        Ok(signal)
    }
}

/// Whether whoever started this program wants it to outlive the terminal (`nohup`). A signal that is held back is never
/// ignored, so that this has to be asked for. Only Linux tells.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The lowest bit is signal 1.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
