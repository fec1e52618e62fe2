//! The story of a connection: one line an event, arrows drawn between the lanes of client and server.

use super::layout::{Line, Page};
use super::style::{DIM, ITALIC, PLAIN, PROOF, of_actor, of_kind};
use super::{Legend, TextOptions};
use crate::report::model::{Connection, Event, FrameRef};
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
    let columns = Columns::fit(&connection.events, &told);
    columns.heading(page)?;
    let mut previous: Option<&Event> = None;
    let mut next = 0;
    for index in told {
        let Some(event) = connection.events.get(index) else { continue };
        columns.omitted(index - next, "", page)?;
        columns.event(event, previous, proof.contains(&event.seen), page)?;
        if let Some(sentence) = options.teach.and_then(|teach| teach(event)) {
            page.hanging(Line::new(), columns.lesson(), &Line::new().put(ITALIC, sentence))?;
        }
        previous = Some(event);
        next = index + 1;
    }
    columns.omitted(connection.events.len() - next, "", page)?;
    columns.omitted(usize::try_from(connection.dropped_events).unwrap_or(usize::MAX), "not kept", page)?;
    if *legend == Legend::Due && connection.events.iter().any(|event| !event.observed) {
        *legend = Legend::Said;
        let said = "~ and a dashed arrow: inferred from sizes, order and times of encrypted records, not read";
        page.hanging(Line::new(), columns.arrow(), &Line::new().put(DIM, said))?;
    }
    page.blank()
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
    delta: usize,
    kind: usize,
}

/// `client` over the left lane and `server` over the right one need as much.
const LANES: usize = 7;
const MARK: usize = 2;
const LAYER: usize = 6;

impl Columns {
    fn fit(events: &[Event], told: &[usize]) -> Self {
        let mut columns = Self { frame: 5, time: 8, delta: 5, kind: 0 };
        let mut previous: Option<&Event> = None;
        for event in told.iter().filter_map(|&index| events.get(index)) {
            columns.frame = columns.frame.max(event.seen.to_string().width());
            columns.time = columns.time.max(units::seconds(event.ms.0).width());
            columns.delta = columns.delta.max(delta(event, previous).width());
            columns.kind = columns.kind.max(event.kind.width());
            previous = Some(event);
        }
        columns
    }

    /// The column of the lanes.
    const fn arrow(&self) -> usize {
        MARK + self.frame + SPACE + self.time + SPACE + self.delta + SPACE
    }

    /// The column of the layer, beneath which everything hangs that does not fit.
    const fn layer(&self) -> usize {
        self.arrow() + LANES + SPACE
    }

    const fn detail(&self) -> usize {
        self.layer() + LAYER + self.kind + SPACE
    }

    const fn lesson(&self) -> usize {
        self.layer() + LAYER
    }

    fn heading(&self, page: &mut Page<'_>) -> io::Result<()> {
        let line = Line::new()
            .fill(MARK)
            .right(DIM, "frame", self.frame)
            .fill(SPACE)
            .right(DIM, "seconds", self.time)
            .fill(SPACE)
            .right(DIM, "since", self.delta)
            .fill(SPACE)
            .left(DIM, "dev srv", LANES);
        page.line(&line)
    }

    fn event(&self, event: &Event, previous: Option<&Event>, proves: bool, page: &mut Page<'_>) -> io::Result<()> {
        let glyphs = page.glyphs();
        let lead = Line::new()
            .left(PROOF, if proves { glyphs.proof() } else { "" }, MARK)
            .right(if proves { PROOF } else { DIM }, &event.seen.to_string(), self.frame)
            .fill(SPACE)
            .right(PLAIN, &units::seconds(event.ms.0), self.time)
            .fill(SPACE)
            .right(DIM, &delta(event, previous), self.delta)
            .fill(SPACE)
            .put(of_actor(event.by), glyphs.lanes(event.by, event.observed))
            .fill(SPACE - 1)
            .left(DIM, if event.observed { "" } else { "~" }, 1)
            .left(DIM, event.layer.name(), LAYER - 1)
            .fill(1)
            .left(of_kind(event), &event.kind, self.kind);
        let detail = detail(event);
        let room = page.width().saturating_sub(self.detail());
        if room >= LEAST_DETAIL.min(detail.width()) {
            return page.hanging(lead, self.detail(), &detail);
        }
        page.line(&lead)?;
        let beneath = Line::new().to_column(self.arrow()).put(DIM, glyphs.empty_lanes());
        page.hanging(beneath, self.lesson(), &detail)
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
            .to_column(self.arrow())
            .put(DIM, glyphs.empty_lanes())
            .to_column(self.layer())
            .put(DIM, format!("{more}{why}"));
        page.line(&line)
    }
}

fn detail(event: &Event) -> Line {
    let took = event.until.map(|until| until.0.saturating_sub(event.ms.0)).filter(|took| *took > Duration::ZERO);
    let took = took.map_or_else(Line::new, |took| Line::new().put(DIM, format!("(over {})", units::human(took))));
    let style = if event.observed { PLAIN } else { DIM };
    Line::new().put(style, &event.detail).join(" ", took)
}

fn delta(event: &Event, previous: Option<&Event>) -> String {
    previous.map_or_else(String::new, |previous| format!("+{}", units::precise(event.at.since(previous.at))))
}
