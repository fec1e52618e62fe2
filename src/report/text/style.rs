//! How the text looks: its colours, and the characters that its lines and arrows are made of.

use crate::report::model::{Actor, Confidence, Event, Outcome, Severity};
use anstyle::{AnsiColor, Color, Style};
use std::borrow::Cow;

pub(super) const PLAIN: Style = Style::new();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const ITALIC: Style = Style::new().dimmed().italic();

const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

const GREEN: Style = colour(AnsiColor::Green);
const RED: Style = colour(AnsiColor::Red);
const YELLOW: Style = colour(AnsiColor::Yellow);
const CYAN: Style = colour(AnsiColor::Cyan);
const MAGENTA: Style = colour(AnsiColor::Magenta);
const BLUE: Style = colour(AnsiColor::Blue);

pub(super) const PROOF: Style = RED.bold();

pub(super) const fn of_outcome(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Ok => GREEN.bold(),
        Outcome::Degraded => YELLOW.bold(),
        Outcome::Failed => RED.bold(),
        Outcome::Open => BLUE.bold(),
        Outcome::Inconclusive => MAGENTA.bold(),
    }
}

pub(super) const fn of_severity(severity: Severity) -> Style {
    match severity {
        Severity::Error => RED.bold(),
        Severity::Warning => YELLOW.bold(),
        Severity::Note => BLUE.bold(),
    }
}

pub(super) const fn of_confidence(confidence: Confidence) -> Style {
    match confidence {
        Confidence::Proven => BOLD,
        Confidence::Likely | Confidence::Possible => YELLOW,
    }
}

pub(super) const fn of_actor(actor: Actor) -> Style {
    match actor {
        Actor::Client => CYAN,
        Actor::Server => MAGENTA,
        Actor::Path => YELLOW.bold(),
    }
}

/// What catches the eye in a story: what ends it, and what disturbs it.
pub(super) fn of_kind(event: &Event) -> Style {
    match &*event.kind {
        "alert" | "encrypted_alert" | "rst" | "unreachable" => RED.bold(),
        "retransmission" | "out_of_order" | "gap" | "zero_window" => YELLOW,
        _ if event.observed => PLAIN,
        _ => DIM,
    }
}

/// Which characters lines and arrows are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// Box drawing and arrows.
    #[default]
    Unicode,
    /// For terminals and locales that show nothing else.
    Ascii,
}

impl Glyphs {
    const fn either(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self {
            Self::Unicode => unicode,
            Self::Ascii => ascii,
        }
    }

    /// Text in these glyphs. ASCII spells what the report's own sentences use, and marks the rest.
    pub(super) fn spell(self, text: &str) -> Cow<'_, str> {
        if self == Self::Unicode || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let ascii = |character| match character {
            'µ' => 'u',
            '–' | '—' => '-',
            '…' => '.',
            '→' => '>',
            '’' | '‘' => '\'',
            ascii if ascii.is_ascii() => ascii,
            _ => '?',
        };
        Cow::Owned(text.chars().map(ascii).collect())
    }

    /// Where something was cut off.
    pub(super) const fn cut(self) -> &'static str {
        self.either("…", "...")
    }

    pub(super) const fn outcome(self, outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Ok => self.either("✔", "+"),
            Outcome::Degraded => self.either("▲", "!"),
            Outcome::Failed => self.either("✘", "x"),
            Outcome::Open => self.either("○", "o"),
            Outcome::Inconclusive => self.either("?", "?"),
        }
    }

    pub(super) const fn severity(self, severity: Severity) -> &'static str {
        match severity {
            Severity::Error => self.either("✘", "x"),
            Severity::Warning => self.either("▲", "!"),
            Severity::Note => self.either("•", "-"),
        }
    }

    pub(super) const fn arrow(self) -> &'static str {
        self.either("→", "->")
    }

    /// Between facts: what comes before it stays with it at the end of a line.
    pub(super) const fn dot(self) -> &'static str {
        self.either("\u{a0}· ", ", ")
    }

    pub(super) const fn then(self) -> &'static str {
        self.either("\u{a0}› ", "\u{a0}> ")
    }

    pub(super) const fn bullet(self) -> &'static str {
        self.either("•", "-")
    }

    pub(super) const fn until(self) -> &'static str {
        self.either(" … ", " to ")
    }

    pub(super) const fn omitted(self) -> &'static str {
        self.either("⋮", ":")
    }

    /// The mark of a frame that proves the verdict.
    pub(super) const fn proof(self) -> &'static str {
        self.either("▸", ">")
    }

    /// An event's arrow between the lanes of client and server, always seven columns; dashed where it is inferred.
    pub(super) const fn lanes(self, by: Actor, observed: bool) -> &'static str {
        match (by, observed) {
            (Actor::Client, true) => self.either("├────▶│", "|---->|"),
            (Actor::Client, false) => self.either("├╌╌╌╌▶│", "|- - >|"),
            (Actor::Server, true) => self.either("│◀────┤", "|<----|"),
            (Actor::Server, false) => self.either("│◀╌╌╌╌┤", "|< - -|"),
            (Actor::Path, _) => self.either("│  ◆  │", "|  *  |"),
        }
    }

    pub(super) const fn empty_lanes(self) -> &'static str {
        self.either("│     │", "|     |")
    }
}
