//! The report for a terminal: in come connections, out goes one line for each healthy one and one block for each that is
//! not, then the summary. The verdict comes first, the proof after it.
//!
//! Everything that may stem from the wire passes [`escape`](super::escape()) on its way out ([`layout`]). Colour and width
//! are options: this module never asks the terminal, the environment or a clock.

mod block;
mod events;
mod expected;
mod layout;
mod overview;
mod style;

use super::format::Format;
use super::model::{Capture, Connection, Event, Expectation, Glance, Group, Outcome, Severity, Summary};
use super::teach::{Lesson, Taught};
use overview::Slowest;
use std::collections::VecDeque;
use std::io::{self, Write};

pub(crate) use layout::{Line, Page};
pub use style::Glyphs;

/// When connections are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Each as soon as it has its verdict: a live capture. What is said of the capture comes last.
    AtOnce,
    /// All at the end, after what is said of the capture: files. Up to the limit of them are held until then.
    #[default]
    AtEnd,
}

/// How the text is to look.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub struct TextOptions {
    /// Columns of the terminal; not less than 60 are used.
    pub width: usize,
    /// Whether to write colours (SGR sequences).
    pub colour: bool,
    /// Which characters lines and arrows are made of.
    pub glyphs: Glyphs,
    /// Whether healthy connections are told in full, and long stories without omissions.
    pub verbose: bool,
    /// Whether the events of healthy connections are told as well.
    pub events: bool,
    /// Whether a plain sentence explains each phase, and each kind of event where it first comes up.
    pub teach: bool,
    /// How many connections are told before the text turns to tables.
    pub limit: usize,
    /// When connections are told.
    pub pace: Pace,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            width: 100,
            colour: false,
            glyphs: Glyphs::Unicode,
            verbose: false,
            events: false,
            teach: false,
            limit: 50,
            pace: Pace::AtEnd,
        }
    }
}

impl TextOptions {
    /// Whether a connection gets a block; else one line does.
    fn tells_in_full(&self, connection: &Connection) -> bool {
        self.verbose
            || self.events
            || matches!(connection.outcome, Outcome::Failed | Outcome::Degraded | Outcome::Inconclusive)
            || connection.findings.iter().any(|finding| finding.severity != Severity::Note)
    }
}

/// `text`: see the module.
#[derive(Debug)]
pub struct Text {
    options: TextOptions,
    /// Connections so far.
    seen: usize,
    /// What waits for the end: all, up to the limit; the failed ones only, beyond it.
    held: VecDeque<Connection>,
    slowest: Slowest,
    legend: Legend,
    last: Last,
    expectations: Vec<Expectation>,
    /// What has been explained of the events that were told as they happened.
    taught: Taught,
}

/// Whether it has been said how inferred lines are marked: it is said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Legend {
    Due,
    Said,
}

/// What was written last: blocks stand apart, lines together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    Line,
    Block,
}

impl Text {
    /// A report that looks as the options say.
    #[must_use]
    pub fn new(options: TextOptions) -> Self {
        let options = TextOptions { width: options.width.max(layout::MIN_WIDTH), ..options };
        Self {
            options,
            seen: 0,
            held: VecDeque::new(),
            slowest: Slowest::default(),
            legend: Legend::Due,
            last: Last::Nothing,
            expectations: Vec::new(),
            taught: Taught::default(),
        }
    }

    /// Writes one event of a connection that is still going on, on one line, however long; `who` tells connections apart.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn event(&mut self, who: &str, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        events::as_it_happens(who, event, self.lesson(event), &mut Page::new(out, &self.options))
    }

    fn lesson(&mut self, event: &Event) -> Option<&'static Lesson> {
        if self.options.teach { self.taught.lesson(event) } else { None }
    }

    fn beyond_limit(&self) -> bool {
        self.seen > self.options.limit
    }

    fn hold(&mut self, connection: &Connection) {
        if self.seen == self.options.limit.saturating_add(1) {
            self.held.retain(|held| held.outcome == Outcome::Failed);
        }
        let wanted = !self.beyond_limit() || connection.outcome == Outcome::Failed;
        if wanted && self.held.len() < self.options.limit {
            self.held.push_back(connection.clone());
        }
    }

    fn tell(&mut self, connection: &Connection, page: &mut Page<'_>) -> io::Result<()> {
        if self.options.tells_in_full(connection) {
            self.stand_apart(Last::Block, page)?;
            block::in_full(connection, &self.options, &mut self.legend, page)
        } else {
            self.stand_apart(Last::Line, page)?;
            block::in_one_line(connection, page)
        }
    }

    fn stand_apart(&mut self, next: Last, page: &mut Page<'_>) -> io::Result<()> {
        let last = std::mem::replace(&mut self.last, next);
        let together = last == Last::Nothing || (last, next) == (Last::Line, Last::Line);
        if together { Ok(()) } else { page.blank() }
    }

    fn tell_held(&mut self, page: &mut Page<'_>) -> io::Result<()> {
        self.held.make_contiguous().sort_by_key(|connection| connection.ordinal);
        while let Some(connection) = self.held.pop_front() {
            self.tell(&connection, page)?;
        }
        Ok(())
    }
}

impl Format for Text {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn passes_over(&mut self, glance: &Glance<'_>) -> bool {
        let is_full = self.options.pace == Pace::AtEnd && self.held.len() >= self.options.limit;
        let is_told = !self.beyond_limit() || (glance.outcome == Outcome::Failed && !is_full);
        if is_told || self.slowest.is_beaten_by(&glance.timings) {
            return false;
        }
        self.seen += 1;
        self.slowest.pass_over();
        true
    }

    fn connection(&mut self, connection: &Connection, out: &mut dyn Write) -> io::Result<()> {
        self.seen += 1;
        self.slowest.add(connection);
        match self.options.pace {
            Pace::AtEnd => self.hold(connection),
            Pace::AtOnce if self.beyond_limit() && connection.outcome != Outcome::Failed => {}
            Pace::AtOnce => self.tell(connection, &mut Page::new(out, &self.options))?,
        }
        Ok(())
    }

    fn happened(&mut self, who: &str, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        let page = &mut Page::new(out, &self.options);
        let lesson = self.lesson(event);
        self.stand_apart(Last::Line, page)?;
        events::as_it_happens(who, event, lesson, page)
    }

    fn provisional(&mut self, connection: &Connection, out: &mut dyn Write) -> io::Result<()> {
        let page = &mut Page::new(out, &self.options);
        self.stand_apart(Last::Block, page)?;
        page.line(&Line::new().put(style::DIM, "Not over yet; so far:"))?;
        block::in_full(connection, &self.options, &mut self.legend, page)
    }

    fn judged(&mut self, expectations: &[Expectation]) {
        self.expectations = expectations.to_vec();
    }

    fn finish(
        &mut self,
        capture: &Capture,
        summary: &Summary,
        groups: &[Group],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let page = &mut Page::new(out, &self.options);
        let failed_and_told = self.held.iter().filter(|held| held.outcome == Outcome::Failed).count();
        if self.options.pace == Pace::AtEnd {
            overview::header(capture, page)?;
            self.last = Last::Block;
            if self.beyond_limit() {
                overview::causes(summary, page)?;
            }
            self.tell_held(page)?;
            if self.beyond_limit() {
                overview::untold(summary, failed_and_told, page)?;
            }
        }
        for group in groups {
            self.stand_apart(Last::Block, page)?;
            block::group(group, page)?;
        }
        if self.options.pace == Pace::AtOnce {
            self.stand_apart(Last::Block, page)?;
            overview::header(capture, page)?;
        }
        overview::summary(summary, page)?;
        if !(self.beyond_limit() && self.options.pace == Pace::AtEnd) {
            overview::causes(summary, page)?;
        }
        self.slowest.write(page)?;
        expected::table(&self.expectations, page)
    }
}
