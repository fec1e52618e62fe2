//! The thread that tells finished connections: a log line each and one a finding, the API's copy, an event for those who listen,
//! and the frames of the bad ones to the evidence. It is as slow as its readers let it be; the analysis never waits for it.

use super::collector::Collector;
use super::config::LogConfig;
use super::engine::Finished;
use super::evidence::{Evidence, Writer};
use super::gathered::{Gathered, Told};
use super::http::events::Events;
use super::recent::Recent;
use crate::connection::Ending;
use crate::diagnosis::{Group, Severity};
use crate::report::model::{self, Connection, Finding, Outcome};
use crate::report::{build, escape, json};
use crate::time::Timestamp;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Connections that wait to be told.
const WAITING: usize = 1024;
/// From so many on, those that had to make room in the table are counted only: they are many, and alike.
const CROWDED: usize = WAITING / 4;

/// Whom connections are told.
pub(super) struct Teller {
    pub(super) recent: Arc<Mutex<Recent>>,
    pub(super) gathered: Arc<Mutex<Gathered>>,
    pub(super) events: Events,
    pub(super) evidence: Option<Writer>,
    pub(super) collector: Option<Collector>,
    /// Whether healthy connections get a line in the log.
    pub(super) healthy: Arc<AtomicBool>,
}

/// The way to the thread. It ends when this is dropped, once everything is told.
#[derive(Debug)]
pub(super) struct Line {
    to: SyncSender<Work>,
    waiting: Arc<AtomicUsize>,
}

/// What is to be told.
#[derive(Debug)]
enum Work {
    Finished(Box<Finished>),
    /// The findings that span connections, as they are at a time.
    Groups(Vec<Group>, Timestamp),
}

impl Line {
    /// Hands a connection over, or gives it back where there is no room for it.
    pub(super) fn offer(&self, finished: Finished) -> Result<(), Box<Finished>> {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let finished = Box::new(finished);
        let result = if finished.record.ending == Ending::Evicted && waiting >= CROWDED {
            Err(finished)
        } else {
            match self.to.try_send(Work::Finished(finished)) {
                Err(TrySendError::Full(Work::Finished(back)) | TrySendError::Disconnected(Work::Finished(back))) => {
                    Err(back)
                }
                _ => Ok(()),
            }
        };
        result.inspect_err(|_| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        })
    }

    /// Hands over what spans connections; says whether there was room for it.
    pub(super) fn offer_groups(&self, groups: Vec<Group>, now: Timestamp) -> bool {
        self.to.try_send(Work::Groups(groups, now)).is_ok()
    }
}

impl Teller {
    /// Starts the thread.
    pub(super) fn start(mut self) -> io::Result<(Line, JoinHandle<()>)> {
        let (to, work) = sync_channel(WAITING);
        let line = Line { to, waiting: Arc::default() };
        let waiting = Arc::clone(&line.waiting);
        let run = move || {
            while let Ok(work) = work.recv() {
                match work {
                    Work::Finished(finished) => {
                        waiting.fetch_sub(1, Ordering::Relaxed);
                        self.tell(*finished);
                    }
                    Work::Groups(groups, now) => self.tell_groups(&groups, now),
                }
            }
        };
        Ok((line, Builder::new().name("teller".to_owned()).spawn(run)?))
    }

    fn tell(&mut self, Finished { record, verdict, frames }: Finished) {
        let connection = build::connection(&record, &verdict);
        if is_worth_a_line(&connection) || self.healthy.load(Ordering::Relaxed) {
            log(&connection);
        }
        if let (Some(evidence), Some(frames)) = (&self.evidence, frames) {
            let proof: Vec<Vec<_>> = verdict
                .findings
                .iter()
                .map(|judged| judged.finding.proof.iter().map(|moment| moment.frame).collect())
                .collect();
            evidence.write(Evidence::new(&connection, record.first.at, &proof, frames));
        }
        if let Some(collector) = &mut self.collector {
            collector.tell(&connection);
        }
        self.events.tell(&connection);
        match json::to_text(&connection) {
            Ok(json) => {
                let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
                recent.add(&connection, record.first.at, json.into());
            }
            Err(error) => tracing::error!(%error, "a connection cannot be told as JSON"),
        }
    }

    fn tell_groups(&mut self, groups: &[Group], now: Timestamp) {
        let news = self.gathered.lock().unwrap_or_else(PoisonError::into_inner).update(groups, now);
        for told in news {
            log_group(&told);
            self.events.tell_group(&told);
            if let Some(collector) = &mut self.collector {
                collector.tell_group(&told.group, now.into());
            }
        }
    }
}

/// Whether healthy connections get a line.
pub(super) fn healthy(config: &LogConfig) -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(config.healthy))
}

const fn is_worth_a_line(connection: &Connection) -> bool {
    !matches!(connection.outcome, Outcome::Ok | Outcome::Open)
}

/// A connection and its findings, a line each. What came from the wire is escaped.
fn log(connection: &Connection) {
    let Connection { id, client, server, outcome, .. } = connection;
    let headline = escape(&connection.headline);
    let client = format!("{}:{}", client.address, client.port);
    let (name, server) = (server.name.as_deref().map(escape), format!("{}:{}", server.address, server.port));
    let name = name.as_deref();
    let cause = connection.cause.as_deref();
    let ms = connection.timings.total.map(|total| total.0.as_secs_f64() * 1000.0);
    let outcome = outcome.name();
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(target: "connection", id, outcome, cause, client, server, server_name = name, ms, "{headline}")
        };
    }
    if connection.outcome == Outcome::Failed {
        line!(warn);
    } else {
        line!(info);
    }
    for Finding { id: finding, code, severity, message, .. } in &connection.findings {
        let message = escape(message);
        let (finding, code) = (finding.as_ref(), code.as_ref());
        let severity = severity.name();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(target: "finding", connection = id, finding, code, severity, client, "{message}")
            };
        }
        if severity == Severity::Error.name() {
            line!(warn);
        } else {
            line!(info);
        }
    }
}

/// What spans connections, in one line.
fn log_group(told: &Told) {
    let model::Group { id, code, severity, server, clients, connections, message, .. } = &told.group;
    let (finding, code, severity) = (id.as_ref(), code.as_ref(), severity.name());
    let server = server.as_ref().map(|server| format!("{}:{}", server.address, server.port));
    let client = clients.first().map(|client| escape(client));
    let (client, connections) = (client.as_deref(), connections.len());
    let message = escape(message);
    tracing::warn!(target: "group", finding, code, severity, client, server, connections, "{message}");
}
