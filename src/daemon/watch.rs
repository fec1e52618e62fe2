//! The analysis thread: frames from the capture threads and the time from the clocks go to the [`Engine`], finished connections
//! to the teller, counts to the metrics. It waits for frames and for nothing else.

use super::clock::{Now, Steps};
use super::engine::{Engine, Finished, Tuning};
use super::health::Health;
use super::metrics::{Metrics, Seen};
use super::teller::Line;
use crate::diagnosis::Outcome;
use crate::frame::{Frame, FrameId};
use crate::live::{Change, Links};
use crate::source::live::{Batch, Captured, Counters, News, Running};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How long nothing may come before time passes all the same.
const TICK: Duration = Duration::from_millis(50);
/// How long the kernel may hold a frame back: the analysis lags behind the clock by this much.
const LAG: Duration = Duration::from_millis(80);
/// How long the capture threads may take to end.
const END: Duration = Duration::from_millis(300);
/// How long the last connections may take to be told.
const LAST_WORDS: Duration = Duration::from_millis(1200);
/// How often the counters are brought up to date.
const COUNT: Duration = Duration::from_millis(250);

/// How often it is looked for findings that span connections, where there are new failures.
const GATHER: Duration = Duration::from_secs(2);
/// And how often that begins anew.
const GATHER_ANEW: Duration = Duration::from_hours(1);

/// What a watch is made of.
pub(super) struct Parts {
    pub(super) running: Running,
    pub(super) engine: Engine,
    pub(super) interfaces: Vec<String>,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) teller: Line,
}

/// Tells the thread what to do.
#[derive(Clone, Debug)]
pub(super) struct Orders(Sender<Tuning>);

/// The state of the analysis thread.
struct Watch {
    parts: Parts,
    links: Links,
    dropped: Vec<Counters>,
    alive: usize,
    steps: Steps,
    seen: Seen,
    next_count: Instant,
    gathering: Gathering,
}

/// When to look for findings that span connections.
struct Gathering {
    /// Something has failed since.
    is_due: bool,
    next: Instant,
    anew: Instant,
}

/// Starts the thread. It ends when the orders are dropped, or with the last interface.
pub(super) fn start(parts: Parts) -> io::Result<(Orders, JoinHandle<()>)> {
    let (to, orders) = channel();
    let thread = Builder::new().name("analysis".to_owned()).spawn(move || Watch::new(parts).run(&orders))?;
    Ok((Orders(to), thread))
}

impl Orders {
    /// Goes on with other thresholds and limits.
    pub(super) fn tune(&self, tuning: Tuning) {
        // A thread that has ended has nothing to tune.
        drop(self.0.send(tuning));
    }
}

impl Watch {
    fn new(parts: Parts) -> Self {
        let now = Now::read();
        let alive = parts.interfaces.len();
        for name in &parts.interfaces {
            parts.metrics.interface(name, true);
            parts.metrics.dropped(name, Counters::default());
        }
        Self {
            links: Links::new(&parts.interfaces, now.steady),
            dropped: vec![Counters::default(); alive],
            alive,
            steps: Steps::new(now),
            seen: Seen::default(),
            next_count: now.steady,
            gathering: Gathering { is_due: false, next: now.steady, anew: now.steady + GATHER_ANEW },
            parts,
        }
    }

    fn run(mut self, orders: &Receiver<Tuning>) {
        while self.alive > 0 {
            match orders.try_recv() {
                Ok(tuning) => self.parts.engine.tune(tuning),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => break,
            }
            self.step();
        }
        self.finish();
    }

    fn step(&mut self) {
        let news = self.parts.running.next(TICK);
        let now = Now::read();
        if self.steps.notice(now) {
            self.begin_anew();
        }
        if let Some(news) = news {
            self.take(news, now);
        }
        for (interface, change) in self.links.poll(now.steady) {
            match change {
                Change::CameBack => self.came_back(interface),
                Change::WentDown => self.went_away(interface, "it is down"),
            }
        }
        self.parts.engine.advance(now.wall - LAG);
        while let Some(finished) = self.parts.engine.poll() {
            self.tell(finished);
        }
        self.parts.health.note_move(now.steady);
        if now.steady >= self.next_count {
            self.next_count = now.steady + COUNT;
            self.count();
        }
        if self.gathering.is_due && now.steady >= self.gathering.next {
            self.gather(now);
        }
    }

    fn take(&mut self, news: News, now: Now) {
        match news {
            News::Frames(batch) => {
                self.take_frames(&batch, now);
                self.parts.running.recycle(batch);
            }
            News::Counted { interface, counters } => self.take_counters(interface, counters, now),
            News::Lost { interface, message } => {
                if self.links.lose(interface) {
                    self.went_away(interface, &message);
                }
            }
            News::Back { interface } => {
                self.links.find(interface);
                self.came_back(interface);
            }
            News::Over { .. } => self.alive = self.alive.saturating_sub(1),
        }
    }

    fn take_frames(&mut self, batch: &Batch, now: Now) {
        for Captured { at, original_len, data } in batch.frames() {
            let frame = Frame { id: FrameId::new(0, 0), at, link_type: batch.link_type, original_len, data };
            self.parts.engine.push(batch.interface, &frame, now.wall);
        }
    }

    fn take_counters(&mut self, interface: usize, counters: Counters, now: Now) {
        let (Some(before), Some(name)) = (self.dropped.get_mut(interface), self.parts.interfaces.get(interface)) else {
            return;
        };
        let more = Counters {
            kernel: counters.kernel.saturating_sub(before.kernel),
            interface: counters.interface.saturating_sub(before.interface),
        };
        *before = counters;
        self.parts.metrics.dropped(name, more);
        self.parts.engine.dropped(now.wall, more.kernel + more.interface);
    }

    fn went_away(&self, interface: usize, why: &str) {
        let name = self.name(interface);
        tracing::warn!(interface = name, why, "an interface went away: waiting for it to come back");
        self.parts.health.set_up(interface, false);
        self.parts.metrics.interface(name, false);
    }

    fn came_back(&self, interface: usize) {
        let name = self.name(interface);
        tracing::info!(interface = name, called = self.links.name(interface), "an interface is back");
        self.parts.health.set_up(interface, true);
        self.parts.metrics.interface(name, true);
    }

    fn name(&self, interface: usize) -> &str {
        self.parts.interfaces.get(interface).map_or("", String::as_str)
    }

    /// The clock was set: connections that are going on are told as they are, and what follows of them is a new beginning.
    fn begin_anew(&mut self) {
        tracing::warn!("the clock was set: connections that were open are told, and taken up anew");
        self.parts.metrics.clock_was_set();
        self.parts.engine.finish();
        while let Some(finished) = self.parts.engine.poll() {
            self.tell(finished);
        }
        self.count();
        self.parts.engine.begin_anew();
        self.seen.begin_anew();
    }

    /// Tells what spans connections.
    fn gather(&mut self, now: Now) {
        let groups = self.parts.engine.groups();
        self.gathering.is_due = !groups.is_empty() && !self.parts.teller.offer_groups(groups, now.wall);
        self.gathering.next = now.steady + GATHER;
        if now.steady >= self.gathering.anew {
            self.gathering.anew = now.steady + GATHER_ANEW;
            self.parts.engine.forget_groups();
        }
    }

    fn tell(&mut self, finished: Finished) {
        self.gathering.is_due |= finished.verdict.outcome != Outcome::Ok;
        self.parts.metrics.finished(&finished.record, &finished.verdict);
        if self.parts.teller.offer(finished).is_err() {
            self.parts.metrics.untold();
        }
    }

    fn count(&mut self) {
        self.parts.metrics.analyzed(self.parts.engine.analyzer(), self.parts.engine.keeper(), &mut self.seen);
    }

    /// Takes what the capture threads still have, and tells all that is left. The teller gets some time for it.
    fn finish(mut self) {
        self.parts.running.stop();
        let now = Now::read();
        while self.alive > 0 {
            let Some(news) = self.parts.running.next(END) else { break };
            self.take(news, now);
        }
        self.parts.engine.finish();
        let deadline = now.steady + LAST_WORDS;
        while let Some(finished) = self.parts.engine.poll() {
            self.parts.metrics.finished(&finished.record, &finished.verdict);
            self.tell_before(deadline, finished);
        }
        self.gather(now);
        self.count();
    }

    fn tell_before(&self, deadline: Instant, mut finished: Finished) {
        while let Err(back) = self.parts.teller.offer(finished) {
            if Now::read().steady >= deadline {
                self.parts.metrics.untold();
                return;
            }
            finished = *back;
            thread::park_timeout(Duration::from_millis(1));
        }
    }
}
