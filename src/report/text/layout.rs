//! Lines of styled text within a width: columns, wrapping with a hanging indent, and the one place where text is escaped.

use super::style::{BOLD, DIM, PLAIN};
use super::{Glyphs, TextOptions};
use crate::report::escape;
use anstyle::Style;
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The least width that anything is laid out for.
pub(super) const MIN_WIDTH: usize = 60;
/// Where the text of labelled paragraphs begins.
const LABEL_COLUMN: usize = 10;

/// A space at which no line is broken (U+00A0); it leaves as an ordinary one.
const SOLID_SPACE: &str = "\u{a0}";

/// A piece of a line. Its text is escaped.
#[derive(Clone, Debug)]
struct Span {
    style: Style,
    text: String,
}

/// A line under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    spans: Vec<Span>,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Text in a style; from here on it is safe to show.
    pub(super) fn put(mut self, style: Style, text: impl AsRef<str>) -> Self {
        let text = escape(text.as_ref()).into_owned();
        if !text.is_empty() {
            self.spans.push(Span { style, text });
        }
        self
    }

    /// Text as it is.
    pub(crate) fn text(self, text: impl AsRef<str>) -> Self {
        self.put(PLAIN, text)
    }

    /// Text that stays in one piece when its line is wrapped, as `21 ms` should.
    pub(super) fn solid(self, style: Style, text: &str) -> Self {
        self.put(style, text.replace(' ', SOLID_SPACE))
    }

    /// Text at the right of a column of this width.
    pub(super) fn right(self, style: Style, text: &str, width: usize) -> Self {
        self.fill(width.saturating_sub(text.width())).put(style, text)
    }

    /// Text at the left of a column of this width.
    pub(super) fn left(self, style: Style, text: &str, width: usize) -> Self {
        let escaped = escape(text).width();
        self.put(style, text).fill(width.saturating_sub(escaped))
    }

    /// Spaces.
    pub(super) fn fill(self, columns: usize) -> Self {
        self.text(" ".repeat(columns))
    }

    /// Spaces up to a column (from 0).
    pub(super) fn until_column(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width());
        self.fill(missing)
    }

    /// Another line's text, after a separator if there is something on both sides of it.
    pub(super) fn join(mut self, separator: &str, other: Self) -> Self {
        if !self.is_empty() && !other.is_empty() {
            self = self.put(DIM, separator);
        }
        self.spans.extend(other.spans);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The columns that its widest word takes.
    pub(super) fn widest_word(&self) -> usize {
        let wide = |word: &Vec<Span>| word.iter().map(|span| span.text.trim_end_matches(' ').width()).sum();
        words(self).iter().map(wide).max().unwrap_or_default()
    }

    /// The line within so many columns, with `end` where something had to go.
    pub(super) fn cut(mut self, columns: usize, end: &str) -> Self {
        let mut excess = self.width().saturating_sub(columns);
        if excess == 0 {
            return self;
        }
        excess += end.width();
        while let Some(span) = self.spans.last_mut().filter(|_| excess > 0) {
            match span.text.pop() {
                Some(character) => excess = excess.saturating_sub(character.width().unwrap_or(0)),
                None => drop(self.spans.pop()),
            }
        }
        self.put(DIM, end)
    }

    pub(super) fn width(&self) -> usize {
        self.spans.iter().map(|span| span.text.width()).sum()
    }
}

/// A label in the left margin, up to the column where its text begins.
pub(super) fn label(label: &str) -> Line {
    Line::new().text("  ").put(BOLD, label).until_column(LABEL_COLUMN)
}

/// Where lines go.
pub(crate) struct Page<'a> {
    out: &'a mut dyn Write,
    width: usize,
    colour: bool,
    glyphs: Glyphs,
}

impl<'a> Page<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, options: &TextOptions) -> Self {
        Self { out, width: options.width, colour: options.colour, glyphs: options.glyphs }
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    pub(super) const fn glyphs(&self) -> Glyphs {
        self.glyphs
    }

    pub(crate) fn blank(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// One line, however long it is: for what must be copied in one piece.
    pub(crate) fn line(&mut self, line: &Line) -> io::Result<()> {
        let last = line.spans.len().saturating_sub(1);
        for (i, span) in line.spans.iter().enumerate() {
            let text = if i == last { span.text.trim_end_matches(' ') } else { &span.text };
            let text = self.glyphs.spell(&text.replace(SOLID_SPACE, " ")).into_owned();
            if self.colour && span.style != PLAIN {
                write!(self.out, "{}{text}{:#}", span.style, span.style)?;
            } else {
                self.out.write_all(text.as_bytes())?;
            }
        }
        self.blank()
    }

    /// A body that begins after `lead`, at column `indent`, and hangs there when it does not fit in one line.
    pub(crate) fn hanging(&mut self, lead: Line, indent: usize, body: &Line) -> io::Result<()> {
        self.hanging_beside(lead, &Line::new(), indent, body)
    }

    /// The same, with a margin before the lines that follow the first.
    pub(super) fn hanging_beside(&mut self, lead: Line, margin: &Line, indent: usize, body: &Line) -> io::Result<()> {
        let room = self.width.saturating_sub(indent).max(1);
        let mut lead = Some(lead);
        for wrapped in wrap(body, room) {
            let mut line = lead.take().unwrap_or_else(|| margin.clone()).until_column(indent);
            line.spans.extend(wrapped.spans);
            self.line(&line)?;
        }
        match lead {
            Some(lead) if !lead.is_empty() => self.line(&lead),
            _ => Ok(()),
        }
    }

    /// A paragraph with a label in the left margin; an empty label leaves the margin free.
    pub(super) fn labelled(&mut self, label: &str, body: &Line) -> io::Result<()> {
        self.hanging(self::label(label), LABEL_COLUMN, body)
    }

    /// Several paragraphs under one label, each after its own mark (`1.`, `•`).
    pub(super) fn list<'t>(
        &mut self,
        label: &str,
        marks: impl Fn(usize) -> String,
        items: impl IntoIterator<Item = &'t str>,
    ) -> io::Result<()> {
        for (i, item) in items.into_iter().enumerate() {
            let margin = self::label(if i == 0 { label } else { "" });
            let mark = marks(i);
            let indent = LABEL_COLUMN + if mark.is_empty() { 0 } else { mark.width() + 1 };
            self.hanging(margin.put(DIM, mark), indent, &Line::new().text(item))?;
        }
        Ok(())
    }
}

/// Breaks a line at spaces; a word that is wider than the room is broken where it must be.
fn wrap(line: &Line, room: usize) -> Vec<Line> {
    let mut wrapped = Vec::new();
    let mut current = Line::new();
    let mut used = 0;
    for word in words(line) {
        let wide: usize = word.iter().map(|span| span.text.trim_end_matches(' ').width()).sum();
        if used > 0 && used + wide > room {
            wrapped.push(std::mem::take(&mut current));
            used = 0;
        }
        for span in word {
            used = push_broken(&mut wrapped, &mut current, used, &span, room);
        }
    }
    if !current.is_empty() {
        wrapped.push(current);
    }
    wrapped
}

/// Appends a part of a word, going on in new lines where the room ends, if possible after punctuation; says how much of
/// the last line is used.
fn push_broken(wrapped: &mut Vec<Line>, current: &mut Line, mut used: usize, span: &Span, room: usize) -> usize {
    let mut text = String::new();
    for character in span.text.chars() {
        let wide = character.width().unwrap_or(0);
        if used + wide > room && character != ' ' {
            let break_at = text.rfind(['.', '-', '_', '/', ',', '=']).map_or(text.len(), |at| at + 1);
            // What follows the last punctuation may itself fill the room.
            let fits = columns(text.get(break_at..).unwrap_or_default()) + wide <= room;
            let rest = text.split_off(if fits { break_at } else { text.len() });
            current.spans.push(Span { style: span.style, text: std::mem::replace(&mut text, rest) });
            wrapped.push(std::mem::take(current));
            used = columns(&text);
        }
        text.push(character);
        used += wide;
    }
    current.spans.push(Span { style: span.style, text });
    used
}

/// The columns that a text takes, character by character: as it is broken.
fn columns(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

/// The words of a line, each with the spaces that follow it; a word may change its style within.
fn words(line: &Line) -> Vec<Vec<Span>> {
    let mut words: Vec<Vec<Span>> = Vec::new();
    let mut open = false;
    for span in &line.spans {
        for piece in span.text.split_inclusive(' ') {
            let part = Span { style: span.style, text: piece.to_owned() };
            match words.last_mut() {
                Some(word) if open || piece == " " => word.push(part),
                _ => words.push(vec![part]),
            }
            open = !piece.ends_with(' ');
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: usize, write: impl FnOnce(&mut Page<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Page::new(&mut out, &TextOptions { width, ..TextOptions::default() }));
        String::from_utf8(out).unwrap()
    }

    fn hanging(width: usize, lead: &str, body: &Line) -> String {
        shown(width, |page| page.hanging(Line::new().text(lead), 4, body).unwrap())
    }

    #[test]
    fn text_hangs_beneath_its_beginning() {
        let body = Line::new().text("one two three four");
        assert_eq!(hanging(14, "1.", &body), "1.  one two\n    three four\n");
        assert_eq!(hanging(100, "1.", &Line::new()), "1.\n");
    }

    #[test]
    fn a_word_too_long_for_the_line_is_broken() {
        assert_eq!(hanging(9, "", &Line::new().text("abcdefgh ij")), "    abcde\n    fgh\n    ij\n");
        assert_eq!(hanging(14, "", &Line::new().text("north.example.org")), "    north.\n    example.\n    org\n");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(hanging(9, "", &Line::new().text("温度温度")), "    温度\n    温度\n");
        assert_eq!(Line::new().left(PLAIN, "温", 4).text("|").width(), 5);
    }

    #[test]
    fn a_word_that_changes_its_style_stays_together() {
        let body = Line::new().text("see ").put(BOLD, "frame").text("s 12");
        assert_eq!(hanging(13, "", &body), "    see\n    frames 12\n");
    }

    #[test]
    fn what_does_not_fit_is_cut_with_a_sign() {
        let line = || Line::new().text("one ").put(BOLD, "温度 two");
        assert_eq!(shown(80, |page| page.line(&line().cut(8, "…")).unwrap()), "one 温…\n");
        assert_eq!(shown(80, |page| page.line(&line().cut(12, "…")).unwrap()), "one 温度 two\n");
    }

    proptest::proptest! {
        #[test]
        fn wrapping_loses_nothing_and_keeps_to_the_width(text in ".{0,120}", width in 20_usize..100) {
            let told = shown(width, |page| page.hanging(Line::new(), 4, &Line::new().text(&text)).unwrap());
            let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            proptest::prop_assert_eq!(visible(&told), visible(&escape(&text)));
            let by_character = |line: &str| line.chars().filter_map(UnicodeWidthChar::width).sum::<usize>();
            proptest::prop_assert!(told.lines().all(|line| by_character(line) <= width));
        }
    }

    #[test]
    fn no_text_can_leave_its_line() {
        let line = Line::new().text("a\nb\x1b[2J");
        assert_eq!(shown(80, |page| page.line(&line).unwrap()), "a\\nb\\x1b[2J\n");
    }

    #[test]
    fn colour_is_reset_after_each_piece() {
        let mut out = Vec::new();
        let options = TextOptions { colour: true, ..TextOptions::default() };
        Page::new(&mut out, &options).line(&Line::new().put(BOLD, "x").text("y")).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\x1b[1mx\x1b[0my\n");
    }
}
