//! The loop of a live capture: frames go to the analysis as they come, what it finds is told at once, and time passes for it
//! even while nothing comes.

use super::links::{Change, Links};
use super::signals::Signal;
use super::silence::{Silence, Surroundings, Turn};
use super::status::{Counts, Status, say};
use super::stuck::Stuck;
use crate::analyze::{self, Told};
use crate::analyzer::{Analyzer, Config, Happening, Taken};
use crate::cli::{OutputArgs, SelectionArgs, UntilArgs};
use crate::event::Kind;
use crate::frame::{Frame, FrameId, LinkType};
use crate::report::Pace;
use crate::report::build::{self, CaptureFacts};
use crate::report::model::{CaptureKind, Dropped, Summary};
use crate::saving::LiveFile;
use crate::source::bpf::FilterProgram;
use crate::source::live::{Batch, Captured, Counters, News, Running};
use crate::time::Timestamp;
use anyhow::Result;
use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long nothing may come before time passes all the same.
const TICK: Duration = Duration::from_millis(50);
/// How long the kernel may hold a frame back: the analysis lags behind the clock by this much, and the capture ends this much
/// later than it is told to.
const LAG: Duration = Duration::from_millis(80);
/// How often connections are looked through for stuck ones.
const LOOK_THROUGH: Duration = Duration::from_millis(250);
/// How long the threads may take to end.
const END: Duration = Duration::from_millis(500);

/// What a watch is made of.
pub(super) struct Parts {
    pub(super) running: Running,
    pub(super) told: Told,
    pub(super) saving: Option<LiveFile>,
    /// TLS secrets, which come while the connections do.
    pub(super) key_log: Option<File>,
    /// What the kernel's filter is, for frames that come while that is off.
    pub(super) filter: FilterProgram,
    pub(super) interfaces: Vec<String>,
    pub(super) link_types: Vec<LinkType>,
    pub(super) route: Option<String>,
    pub(super) reopen: bool,
    /// Whether anything is told before the end.
    pub(super) pace: Pace,
}

/// A live capture that is going on.
pub(crate) struct Watch<'a> {
    parts: Parts,
    selection: &'a SelectionArgs,
    output: &'a OutputArgs,
    signal: Signal,
    analyzer: Analyzer,
    stuck: Stuck,
    silence: Silence,
    status: Status,
    started: Instant,
    deadline: Option<Instant>,
    /// The most frames of interest that are taken.
    count: u64,
    /// Frames that the filter let through.
    frames: u64,
    /// Frames of interest: their numbers, and those of the file that they are saved in.
    number: u64,
    dropped: Vec<Counters>,
    links: Links,
    /// Interfaces from which something may still come.
    alive: usize,
    last_frame: Instant,
    next_look: Instant,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        mut parts: Parts,
        config: Config,
        selection: &'a SelectionArgs,
        output: &'a OutputArgs,
        signal: Signal,
    ) -> Self {
        let now = instant();
        let alive = parts.interfaces.len();
        parts.told.capture.dropped = Some(0);
        // What is stuck is analysed by itself, and told by its own block.
        let mut beside = config.clone();
        beside.connection.follow = false;
        Self {
            stuck: Stuck::new(beside, parts.told.stuck_after()),
            silence: Silence::new(config.interest.clone(), now, None),
            status: Status::new(!output.quiet && parts.pace == Pace::AtOnce),
            analyzer: Analyzer::new(config),
            links: Links::new(&parts.interfaces, now),
            parts,
            selection,
            output,
            signal,
            started: now,
            deadline: None,
            count: u64::MAX,
            frames: 0,
            number: 0,
            dropped: vec![Counters::default(); alive],
            alive,
            last_frame: now,
            next_look: now,
        }
    }

    /// Ends it by itself.
    pub(super) fn set_limits(&mut self, until: &UntilArgs) {
        self.deadline = until.duration.map(|duration| self.started + duration);
        self.count = until.count.unwrap_or(u64::MAX);
        let interest = analyze::config(self.selection).interest;
        self.silence = Silence::new(interest, self.started, until.duration);
    }

    /// How long no frame of interest has come.
    pub(crate) fn quiet_for(&self) -> Duration {
        instant().saturating_duration_since(self.last_frame)
    }

    /// The signal that has been seen.
    pub(crate) const fn signal(&self) -> &Signal {
        &self.signal
    }

    /// Captures until a signal, a limit, or the end of the interfaces.
    pub(crate) fn run(&mut self) -> Result<()> {
        let mut last_call = None;
        self.run_until(|watch| {
            let now = instant();
            let over = watch.signal.seen().is_some() || watch.deadline.is_some_and(|at| now >= at);
            if over && last_call.is_none() {
                // What happened before may still be in the kernel.
                last_call = Some(now + LAG);
            }
            Ok(watch.number >= watch.count || last_call.is_some_and(|until| now >= until))
        })
    }

    /// Captures until `ended` says so, which is asked again and again, or the end of the interfaces.
    pub(crate) fn run_until(&mut self, mut ended: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        while self.alive > 0 && !ended(self)? {
            self.step()?;
        }
        Ok(())
    }

    /// Ends the capture: what is left is told, then the summary.
    pub(crate) fn finish(mut self) -> Result<Summary> {
        self.parts.running.stop();
        while self.alive > 0 {
            // Nothing for so long: a thread is stuck in the kernel, and its last words are not worth the wait.
            let Some(news) = self.parts.running.next(END) else { break };
            self.take(news)?;
        }
        self.status.clear();
        self.analyzer.finish();
        self.tell_what_is_over()?;
        let capture = build::capture(self.facts(), &self.analyzer.stats(), self.analyzer.skipped());
        if let Some(saving) = &mut self.parts.saving {
            saving.flush()?;
        }
        let hints = self.hints();
        let about = analyze::about_capture(&self.analyzer, self.selection);
        let summary = self.parts.told.finish(&capture, &about)?;
        for sentence in hints {
            say(&sentence);
        }
        Ok(summary)
    }

    fn step(&mut self) -> Result<()> {
        match self.parts.running.next(TICK) {
            Some(news) => {
                self.take_secrets();
                self.take(news)?;
            }
            None => self.look_after_links(),
        }
        self.analyzer.advance(clock() - LAG);
        self.tell_what_is_over()?;
        let now = instant();
        if self.parts.pace == Pace::AtOnce {
            self.tell_what_is_stuck(now)?;
            self.parts.told.flush()?;
        }
        if let Some(turn) = self.silence.turn(now, self.number) {
            self.parts.running.look(turn == Turn::Off);
        }
        if let Some(saving) = &mut self.parts.saving {
            saving.flush()?;
        }
        let connections = self.analyzer.opened();
        self.status.show(now, Counts { frames: self.frames, connections, dropped: self.dropped_frames() });
        Ok(())
    }

    /// Reads what the key log has grown by.
    fn take_secrets(&mut self) {
        let Some(file) = &mut self.parts.key_log else { return };
        let mut text = Vec::new();
        if let Err(error) = file.read_to_end(&mut text) {
            tracing::warn!(%error, "the key log cannot be read any further");
            self.parts.key_log = None;
            return;
        }
        if !text.is_empty() {
            self.analyzer.add_key_log(&text);
        }
    }

    fn take(&mut self, news: News) -> Result<()> {
        match news {
            News::Frames(batch) => {
                self.take_frames(&batch)?;
                self.parts.running.recycle(batch);
            }
            News::Counted { interface, counters } => {
                if let Some(slot) = self.dropped.get_mut(interface) {
                    *slot = counters;
                }
                self.parts.told.capture.dropped = Some(self.dropped_frames());
            }
            News::Lost { interface, message } => {
                if self.links.lose(interface) {
                    self.say_lost(interface, &message);
                }
            }
            News::Back { interface } => {
                self.links.find(interface);
                self.say(&format!("{} is back", self.links.name(interface)));
            }
            News::Over { .. } => self.alive = self.alive.saturating_sub(1),
        }
        Ok(())
    }

    fn take_frames(&mut self, batch: &Batch) -> Result<()> {
        if !self.parts.link_types.contains(&batch.link_type) {
            self.parts.link_types.push(batch.link_type);
        }
        for Captured { at, original_len, data } in batch.frames() {
            if self.number >= self.count {
                break;
            }
            // Only frames of interest are numbered: so the numbers are those of the file that they are saved in.
            let id = FrameId::new(0, self.number + 1);
            let frame = Frame { id, at, link_type: batch.link_type, original_len, data };
            if batch.unfiltered && !self.parts.filter.matches(&frame) {
                self.silence.look_at(&frame);
                continue;
            }
            self.frames += 1;
            self.take_frame(batch.interface, &frame)?;
        }
        Ok(())
    }

    fn take_frame(&mut self, interface: usize, frame: &Frame<'_>) -> Result<()> {
        self.parts.told.capture.truncated |= frame.is_cut();
        let before = self.analyzer.opened();
        let taken = self.analyzer.push(frame);
        match taken {
            Taken::Connection(key) if self.analyzer.opened() > before => self.stuck.begin(key, frame),
            Taken::Connection(key) => self.stuck.go_on(key, frame),
            Taken::Supporting => {}
            Taken::PassedOver => return Ok(()),
        }
        self.number += 1;
        self.last_frame = instant();
        if let Some(saving) = &mut self.parts.saving {
            let name = self.parts.interfaces.get(interface).map_or("", String::as_str);
            saving.add((interface, name), frame)?;
        }
        while let Some(happening) = self.analyzer.poll_event() {
            if self.is_told(&happening) {
                self.status.clear();
                self.parts.told.happened(&happening)?;
            }
        }
        Ok(())
    }

    /// Whether an event is told as it happens: all of them where that was asked for, else the steps of a connection, as
    /// long as there are few connections.
    fn is_told(&self, happening: &Happening) -> bool {
        if self.parts.pace == Pace::AtEnd {
            return false;
        }
        let few = usize::try_from(self.analyzer.opened()).is_ok_and(|opened| opened <= self.output.limit);
        self.output.events || (few && is_step(&happening.event.kind))
    }

    fn tell_what_is_over(&mut self) -> Result<()> {
        while let Some(record) = self.analyzer.poll() {
            self.status.clear();
            self.stuck.forget(&record);
            self.parts.told.take(record);
        }
        self.parts.told.tell_final(&mut self.analyzer)
    }

    fn look_after_links(&mut self) {
        for (interface, change) in self.links.poll(instant()) {
            match change {
                Change::CameBack => self.say(&format!("{} is back", self.links.name(interface))),
                Change::WentDown => {
                    self.say_lost(interface, "it is down");
                    if !self.parts.reopen {
                        self.parts.running.give_up(interface);
                    }
                }
            }
        }
    }

    fn say_lost(&mut self, interface: usize, why: &str) {
        let next = if self.parts.reopen { "waiting for it to come back" } else { "what was seen before is kept" };
        self.say(&format!("{} went away ({why}): {next}", self.name(interface)));
    }

    fn tell_what_is_stuck(&mut self, now: Instant) -> Result<()> {
        if now < self.next_look {
            return Ok(());
        }
        self.next_look = now + LOOK_THROUGH;
        // They may have come since its last frame.
        self.take_secrets();
        for record in self.stuck.poll(clock() - LAG, &mut self.analyzer) {
            self.status.clear();
            self.parts.told.provisional(&record)?;
        }
        Ok(())
    }

    fn say(&mut self, sentence: &str) {
        self.status.clear();
        say(sentence);
    }

    fn name(&self, interface: usize) -> &str {
        self.parts.interfaces.get(interface).map_or("an interface", String::as_str)
    }

    fn dropped_frames(&self) -> u64 {
        self.dropped.iter().map(|counters| counters.kernel + counters.interface).sum()
    }

    fn facts(&self) -> CaptureFacts {
        CaptureFacts {
            sources: self.parts.interfaces.clone(),
            kind: CaptureKind::Live,
            link_types: self.parts.link_types.clone(),
            frames: self.frames,
            filter: Some(analyze::filter_text(self.selection)),
            dropped: Dropped {
                kernel: Some(self.dropped.iter().map(|counters| counters.kernel).sum()),
                interface: Some(self.dropped.iter().map(|counters| counters.interface).sum()),
            },
            damaged: None,
            secrets: self.analyzer.secrets_used(),
        }
    }

    /// What to say where no connection was seen.
    fn hints(&self) -> Vec<String> {
        if self.analyzer.opened() > 0 || self.output.quiet {
            return Vec::new();
        }
        let interfaces = &self.parts.interfaces;
        let surroundings = Surroundings { interfaces, selection: self.selection, route: self.parts.route.as_deref() };
        self.silence.sentences(&surroundings)
    }
}

/// Whether an event is a step of its connection, or the end of it.
fn is_step(kind: &Kind) -> bool {
    match kind {
        Kind::Icmp(_) => true,
        Kind::Dns(_) => false,
        Kind::Tcp(event) => matches!(event.name(), "syn" | "rst"),
        Kind::Tls(event) => matches!(event.name(), "client_hello" | "server_hello" | "alert" | "encrypted_alert"),
        Kind::Mqtt(event) => matches!(event.name(), "connect" | "connack" | "disconnect"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a live capture passes in real time")]
fn instant() -> Instant {
    Instant::now()
}

/// The clock that the kernel stamps frames with.
#[expect(clippy::disallowed_methods, reason = "time passes for a live capture while no frame comes")]
fn clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default() + since
}
