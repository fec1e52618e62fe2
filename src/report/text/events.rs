//! The story of a connection: one line an event, arrows drawn between the lanes of client and server.

use super::layout::{Line, Page};
use super::style::{BOLD, DIM, ITALIC, PLAIN, PROOF, of_actor, of_kind};
use super::{Glyphs, Legend, TextOptions};
use crate::report::model::{Actor, Connection, Event, FrameRef, Phase, Time};
use crate::report::teach::{self, Lesson, Taught};
use crate::report::units;
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

/// Of a long story, so many events from its beginning and from its end are told.
const HEAD: usize = 24;
const TAIL: usize = 12;
/// Room that a detail needs beside its event; with less it goes beneath.
const LEAST_DETAIL: usize = 26;
/// Between columns.
const SPACE: usize = 2;

pub(super) fn story(
    connection: &Connection,
    options: &TextOptions,
    legend: &mut Legend,
    page: &mut Page<'_>,
) -> io::Result<()> {
    if connection.events.is_empty() {
        return Ok(());
    }
    let proof: BTreeSet<FrameRef> = connection.cause_finding().iter().flat_map(|cause| cause.frames.iter()).collect();
    let told = told(&connection.events, &proof, options.verbose);
    let columns = Columns::fit(&connection.events, &told, page.width());
    columns.heading(page)?;
    let mut previous: Option<&Event> = None;
    let mut next = 0;
    let mut teacher = options.teach.then(|| Teacher::new(&connection.phases));
    for index in told {
        let Some(event) = connection.events.get(index) else { continue };
        columns.omitted(index - next, "", page)?;
        if let Some(teacher) = &mut teacher {
            teacher.before(event, page)?;
        }
        columns.event(event, previous, proof.contains(&event.seen), page)?;
        if let Some(lesson) = teacher.as_mut().and_then(|teacher| teacher.taught.lesson(event)) {
            columns.beneath(&taught(lesson), page)?;
        }
        previous = Some(event);
        next = index + 1;
    }
    columns.omitted(connection.events.len() - next, "", page)?;
    columns.omitted(usize::try_from(connection.dropped_events).unwrap_or(usize::MAX), "not kept", page)?;
    if *legend == Legend::Due && connection.events.iter().any(|event| !event.observed) {
        *legend = Legend::Said;
        let said = "~ and a dashed arrow: inferred from sizes, order and times of encrypted records, not read";
        page.hanging(Line::new(), MARK, &Line::new().put(DIM, said))?;
    }
    page.blank()
}

/// One event by itself, among those of other connections.
pub(super) fn as_it_happens(who: &str, event: &Event, lesson: Option<&Lesson>, page: &mut Page<'_>) -> io::Result<()> {
    /// Of an IPv4 address with its port.
    const WHO: usize = 21;
    let columns = Columns { frame: 8, time: 10, delta: 0, kind: 0 };
    let line = Line::new().left(PLAIN, who, WHO).join("", columns.lead(event, None, false, page.glyphs()));
    page.line(&line.fill(SPACE).join("", detail(event)))?;
    match lesson {
        Some(lesson) => page.hanging(Line::new(), WHO + SPACE, &taught(lesson)),
        None => Ok(()),
    }
}

/// Explains a connection on its way: what is new to the reader, once.
struct Teacher<'a> {
    phases: &'a [Phase],
    /// When the phase before those ended.
    ended: Option<Time>,
    taught: Taught,
}

impl<'a> Teacher<'a> {
    fn new(phases: &'a [Phase]) -> Self {
        Self { phases, ended: None, taught: Taught::default() }
    }

    /// Introduces the phases that begin with this event.
    fn before(&mut self, event: &Event, page: &mut Page<'_>) -> io::Result<()> {
        while let Some((phase, later)) = self.phases.split_first() {
            if let Some(started) = phase.started {
                // The event that ends a phase belongs to it, though the next one begins with it.
                let belongs_before = started == event.at && self.ended.take() == Some(started);
                if started > event.at || belongs_before {
                    break;
                }
                let name = Line::new().put(BOLD, phase.phase.name()).text(": ");
                page.hanging(Line::new(), MARK, &name.join("", taught(teach::phase(phase.phase))))?;
            }
            self.phases = later;
            self.ended = phase.ended;
        }
        Ok(())
    }
}

fn taught(lesson: &Lesson) -> Line {
    Line::new().put(ITALIC, lesson.sentence).text(" ").solid(DIM, &format!("({})", lesson.section))
}

/// Which events are told: all of a short story; of a long one its beginning, its end and what proves the verdict.
fn told(events: &[Event], proof: &BTreeSet<FrameRef>, verbose: bool) -> Vec<usize> {
    let count = events.len();
    let all = verbose || count <= HEAD + TAIL + 1;
    let wanted = |(index, event): (usize, &Event)| {
        (all || index < HEAD || index + TAIL >= count || proof.contains(&event.seen)).then_some(index)
    };
    events.iter().enumerate().filter_map(wanted).collect()
}

/// How wide the columns of a story are.
struct Columns {
    frame: usize,
    time: usize,
    /// 0 where the terminal has no room for it.
    delta: usize,
    kind: usize,
}

/// Of the arrow with the lanes at both its ends.
const LANES: usize = 7;
const MARK: usize = 2;
/// Of the layer and the space after it, without the mark of what is inferred.
const LAYER: usize = 6;

impl Columns {
    fn fit(events: &[Event], told: &[usize], width: usize) -> Self {
        let mut columns = Self { frame: 5, time: 8, delta: 5, kind: 0 };
        let mut previous: Option<&Event> = None;
        for event in told.iter().filter_map(|&index| events.get(index)) {
            columns.frame = columns.frame.max(event.seen.to_string().width());
            columns.time = columns.time.max(units::seconds(event.ms.0).width());
            columns.delta = columns.delta.max(delta(event, previous).width());
            columns.kind = columns.kind.max(event.kind.width());
            previous = Some(event);
        }
        if columns.detail() > width {
            columns.delta = 0;
        }
        columns
    }

    /// The column of the lanes.
    const fn arrow(&self) -> usize {
        let delta = if self.delta > 0 { self.delta + SPACE } else { 0 };
        MARK + self.frame + SPACE + self.time + SPACE + delta
    }

    /// The column of the layer.
    const fn layer(&self) -> usize {
        self.arrow() + LANES + SPACE
    }

    /// The column of the kind, beneath which everything hangs that does not fit.
    const fn kind(&self) -> usize {
        self.layer() + LAYER
    }

    /// The column of the detail, where there is room for one.
    const fn detail(&self) -> usize {
        self.kind() + self.kind + SPACE
    }

    fn heading(&self, page: &mut Page<'_>) -> io::Result<()> {
        let line = Line::new().fill(MARK).right(DIM, "frame", self.frame).fill(SPACE).right(DIM, "seconds", self.time);
        let line = if self.delta > 0 { line.fill(SPACE).right(DIM, "since", self.delta) } else { line };
        // Each name begins about where its lane is: both do not fit into the arrow's width.
        page.line(&line.fill(SPACE - 1).put(of_actor(Actor::Client), "client").put(of_actor(Actor::Server), " server"))
    }

    fn event(&self, event: &Event, previous: Option<&Event>, proves: bool, page: &mut Page<'_>) -> io::Result<()> {
        let lead = self.lead(event, previous, proves, page.glyphs());
        let detail = detail(event);
        let beside = page.width().saturating_sub(self.detail());
        if beside >= LEAST_DETAIL && detail.widest_word() <= beside {
            return page.hanging_beside(lead, &self.margin(page.glyphs()), self.detail(), &detail);
        }
        let ragged = lead.width() + SPACE;
        if ragged + detail.width() <= page.width() {
            return page.hanging(lead, ragged, &detail);
        }
        page.line(&lead)?;
        self.beneath(&detail, page)
    }

    /// Everything of an event but its detail.
    fn lead(&self, event: &Event, previous: Option<&Event>, proves: bool, glyphs: Glyphs) -> Line {
        let lead = Line::new()
            .left(PROOF, if proves { glyphs.proof() } else { "" }, MARK)
            .right(if proves { PROOF } else { DIM }, &event.seen.to_string(), self.frame)
            .fill(SPACE)
            .right(PLAIN, &units::seconds(event.ms.0), self.time)
            .fill(SPACE);
        let lead = if self.delta > 0 { lead.right(DIM, &delta(event, previous), self.delta).fill(SPACE) } else { lead };
        lead.put(of_actor(event.by), glyphs.lanes(event.by, event.observed))
            .fill(SPACE - 1)
            .left(DIM, if event.observed { "" } else { "~" }, 1)
            .left(DIM, event.layer.name(), LAYER)
            .put(of_kind(event), &event.kind)
    }

    /// The lanes, where they only pass by.
    fn margin(&self, glyphs: Glyphs) -> Line {
        Line::new().until_column(self.arrow()).put(DIM, glyphs.empty_lanes())
    }

    fn beneath(&self, text: &Line, page: &mut Page<'_>) -> io::Result<()> {
        let margin = self.margin(page.glyphs());
        page.hanging_beside(margin.clone(), &margin, self.layer() + SPACE, text)
    }

    fn omitted(&self, count: usize, why: &str, page: &mut Page<'_>) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let glyphs = page.glyphs();
        let more = units::counted(u64::try_from(count).unwrap_or(u64::MAX), "more event");
        let why = if why.is_empty() { " (-v tells them)".to_owned() } else { format!(", {why}") };
        let line = Line::new()
            .fill(MARK)
            .right(DIM, glyphs.omitted(), self.frame)
            .until_column(self.arrow())
            .put(DIM, glyphs.empty_lanes())
            .until_column(self.layer())
            .put(DIM, format!("{more}{why}"));
        page.line(&line)
    }
}

fn detail(event: &Event) -> Line {
    let took = event.until.map(|until| until.0.saturating_sub(event.ms.0)).filter(|took| *took > Duration::ZERO);
    let took = took.map_or_else(Line::new, |took| Line::new().solid(DIM, &format!("(over {})", units::human(took))));
    let style = if event.observed { PLAIN } else { DIM };
    Line::new().put(style, &event.detail).join(" ", took)
}

/// The time since the line before; nothing where both are in one frame.
fn delta(event: &Event, previous: Option<&Event>) -> String {
    let other = previous.filter(|previous| (previous.seen, previous.at) != (event.seen, event.at));
    other.map_or_else(String::new, |previous| format!("+{}", units::precise(event.at.since(previous.at))))
}
