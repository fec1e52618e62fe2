//! The thread that writes evidence. Nobody waits for it: where it is too slow or the disk is full, evidence is passed over and
//! counted, and the capture goes on.

use super::file::Verdict;
use super::folder::{DiskLimits, Folder};
use super::keeper::Kept;
use crate::daemon::clock::steady;
use crate::daemon::config::EvidenceConfig;
use crate::daemon::metrics::Metrics;
use crate::frame::FrameId;
use crate::report::model::Connection;
use crate::time::Timestamp;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// Connections whose evidence waits to be written.
const WAITING: usize = 64;
/// How often it is looked for files that are too old.
const TIDY: Duration = Duration::from_mins(1);
/// The time that the number of files of one cause is counted over.
const MINUTE: Duration = Duration::from_mins(1);

/// A bad connection with its frames.
#[derive(Debug)]
pub(in crate::daemon) struct Evidence {
    verdict: Verdict,
    cause: String,
    frames: Kept,
}

impl Evidence {
    pub(in crate::daemon) fn new(
        connection: &Connection,
        began: Timestamp,
        proof: &[Vec<FrameId>],
        frames: Kept,
    ) -> Self {
        let verdict = Verdict::new(connection, began, proof, frames.missing().as_deref());
        Self { verdict, cause: connection.cause.clone().unwrap_or_default(), frames }
    }
}

/// What the thread is told.
enum Order {
    Write(Box<Evidence>),
    Limits(EvidenceConfig),
}

/// The hand that gives it work. When the last one is dropped the thread ends, once it has written what it was given.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Writer {
    orders: SyncSender<Order>,
    metrics: Arc<Metrics>,
}

impl Writer {
    /// Looks through the folder and starts the thread. `interfaces` are the names of those that frames come from.
    pub(in crate::daemon) fn start(
        config: &EvidenceConfig,
        interfaces: Vec<String>,
        metrics: Arc<Metrics>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (orders, work) = sync_channel(WAITING);
        let folder = Folder::open(&config.folder, disk_limits(config))?;
        let rate = Rate { most: config.files_per_minute, began: steady(), written: HashMap::new() };
        let mut worker = Worker { folder, rate, interfaces, metrics: Arc::clone(&metrics), failing: false };
        let thread = Builder::new().name("evidence".to_owned()).spawn(move || worker.run(&work))?;
        Ok((Self { orders, metrics }, thread))
    }

    /// Hands evidence over, if there is room for it.
    pub(in crate::daemon) fn write(&self, evidence: Evidence) {
        match self.orders.try_send(Order::Write(Box::new(evidence))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.metrics.evidence_passed_over("busy"),
        }
    }

    /// Other limits from now on.
    pub(in crate::daemon) fn set_limits(&self, config: &EvidenceConfig) {
        // Only a thread that has died does not take them.
        drop(self.orders.send(Order::Limits(config.clone())));
    }
}

fn disk_limits(config: &EvidenceConfig) -> DiskLimits {
    DiskLimits {
        bytes: config.disk_mib << 20,
        files: config.files,
        age: Duration::from_secs(config.days.saturating_mul(24 * 3600)),
    }
}

struct Worker {
    folder: Folder,
    rate: Rate,
    interfaces: Vec<String>,
    metrics: Arc<Metrics>,
    /// Whether the last file could not be written: that is logged once, not for each.
    failing: bool,
}

impl Worker {
    fn run(&mut self, work: &Receiver<Order>) {
        self.tidy();
        loop {
            match work.recv_timeout(TIDY) {
                Ok(Order::Write(evidence)) => self.write(&evidence),
                Ok(Order::Limits(config)) => {
                    self.folder.set_limits(disk_limits(&config));
                    self.rate.most = config.files_per_minute;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.tidy();
        }
    }

    fn write(&mut self, Evidence { verdict, cause, frames }: &Evidence) {
        if !self.rate.allows(cause, steady()) {
            self.metrics.evidence_passed_over("rate");
            return;
        }
        let interfaces = &self.interfaces;
        let stored = self.folder.store(&verdict.name, |out| verdict.write(frames, interfaces, out), now());
        match &stored {
            Ok(()) => self.metrics.evidence_written(),
            Err(error) => {
                self.metrics.evidence_passed_over("error");
                if !self.failing {
                    tracing::error!(%error, "evidence cannot be written; the capture goes on without");
                }
            }
        }
        if stored.is_ok() && self.failing {
            tracing::warn!("evidence can be written again");
        }
        self.failing = stored.is_err();
    }

    fn tidy(&mut self) {
        let removed = self.folder.tidy(now());
        let (files, bytes) = self.folder.size();
        self.metrics.evidence_folder(files, bytes, removed);
    }
}

/// How many files each cause wrote in this minute.
struct Rate {
    most: u32,
    began: Instant,
    written: HashMap<String, u32>,
}

impl Rate {
    fn allows(&mut self, cause: &str, now: Instant) -> bool {
        if now.saturating_duration_since(self.began) >= MINUTE {
            self.began = now;
            self.written.clear();
        }
        let written = self.written.entry(cause.to_owned()).or_default();
        *written = written.saturating_add(1);
        *written <= self.most
    }
}

#[expect(clippy::disallowed_methods, reason = "the age of files is by the clock that stamps them")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cause_does_not_keep_another_one_from_writing() {
        let began = steady();
        let mut rate = Rate { most: 2, began, written: HashMap::new() };
        assert_eq!([(); 3].map(|()| rate.allows("a", began)), [true, true, false]);
        assert!(rate.allows("b", began));
        assert!(rate.allows("a", began + MINUTE));
    }
}
