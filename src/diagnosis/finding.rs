//! What a rule concludes.

use crate::evidence::Confidence;
use crate::stream::Moment;
use crate::timeline::Phase;
use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// The work got done, and something is not right.
    Warning,
    /// The work was not done.
    Error,
}

impl Severity {
    /// The contract's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A conclusion about one connection: what happened, how sure we are, and the frames that prove it.
///
/// Its id, code, causes and remedy stand in the [`Rule`](super::Rule) that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is; the rule's own unless the rule says otherwise for this case.
    pub severity: Option<Severity>,
    /// How much it can be relied on.
    pub confidence: Confidence,
    /// When it showed.
    pub at: Moment,
    /// The frames that prove it.
    pub proof: Vec<Moment>,
    /// One sentence: what happened, with its numbers.
    pub message: String,
    /// The facts behind it, one sentence each.
    pub evidence: Vec<String>,
    /// What else the same frames could mean.
    pub other_readings: Vec<String>,
    /// Causes that this case singles out, ahead of the rule's own.
    pub causes: Vec<String>,
    /// Whether it rests on something that did not come: then a hole in the capture forbids certainty.
    pub rests_on_absence: bool,
    /// The phase in which it stopped the connection, where that depends on the case.
    pub stopped_in: Option<Phase>,
    /// The headline's words for it, where they should differ from `message`.
    pub headline: Option<String>,
    /// How sure an error must be that gives a verdict in spite of this finding, where its rule forbids one; none where
    /// this case allows one.
    pub overridden_by: Option<Confidence>,
    /// Whether it explains why no work was done, and nothing is wrong with that.
    pub is_expected: bool,
}

impl Finding {
    /// A finding that the bytes at `at` prove.
    #[must_use]
    pub fn proven(at: Moment, message: impl Into<String>) -> Self {
        Self::new(Confidence::Proven, at, message)
    }

    /// A finding that sizes, order and time agree on.
    #[must_use]
    pub fn likely(at: Moment, message: impl Into<String>) -> Self {
        Self::new(Confidence::Likely, at, message)
    }

    /// One of several readings; name the others with [`Self::or_else`].
    #[must_use]
    pub fn possible(at: Moment, message: impl Into<String>) -> Self {
        Self::new(Confidence::Possible, at, message)
    }

    /// A finding of whatever confidence.
    #[must_use]
    pub fn new(confidence: Confidence, at: Moment, message: impl Into<String>) -> Self {
        Self {
            severity: None,
            confidence,
            at,
            proof: vec![at],
            message: message.into(),
            evidence: Vec::new(),
            other_readings: Vec::new(),
            causes: Vec::new(),
            rests_on_absence: false,
            stopped_in: None,
            headline: None,
            overridden_by: Some(Confidence::Proven),
            is_expected: false,
        }
    }

    /// Adds a frame to the proof.
    #[must_use]
    pub fn with_frame(mut self, frame: impl Into<Option<Moment>>) -> Self {
        self.proof.extend(frame.into());
        self
    }

    /// Adds frames to the proof.
    #[must_use]
    pub fn with_frames(mut self, frames: impl IntoIterator<Item = Moment>) -> Self {
        self.proof.extend(frames);
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn because(mut self, fact: impl Into<String>) -> Self {
        self.evidence.push(fact.into());
        self
    }

    /// Adds a fact where there is one.
    #[must_use]
    pub fn because_of(mut self, fact: Option<String>) -> Self {
        self.evidence.extend(fact);
        self
    }

    /// Names another reading of the same frames.
    #[must_use]
    pub fn or_else(mut self, reading: impl Into<String>) -> Self {
        self.other_readings.push(reading.into());
        self
    }

    /// Puts a cause of this very case ahead of the rule's own.
    #[must_use]
    pub fn probably(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Says that the finding rests on something that did not come.
    #[must_use]
    pub const fn rests_on_absence(mut self) -> Self {
        self.rests_on_absence = true;
        self
    }

    /// Changes the rule's severity for this case.
    #[must_use]
    pub const fn as_severe_as(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Names the phase that it stopped.
    #[must_use]
    pub const fn stopped_in(mut self, phase: Phase) -> Self {
        self.stopped_in = Some(phase);
        self
    }

    /// Gives the headline its own words.
    #[must_use]
    pub fn headline(mut self, text: impl Into<String>) -> Self {
        self.headline = Some(text.into());
        self
    }

    /// Says that this case allows a verdict, though the rule forbids one in others.
    #[must_use]
    pub const fn allows_verdict(mut self) -> Self {
        self.overridden_by = None;
        self
    }

    /// Lets an error that is this sure give the verdict in spite of it.
    #[must_use]
    pub const fn yields_to(mut self, confidence: Confidence) -> Self {
        self.overridden_by = Some(confidence);
        self
    }

    /// Says that no work was to be done here, and nothing is wrong with that.
    #[must_use]
    pub const fn is_expected(mut self) -> Self {
        self.is_expected = true;
        self
    }

    /// Lowers the confidence to at most `limit`.
    #[must_use]
    pub fn at_most(mut self, limit: Confidence) -> Self {
        self.confidence = self.confidence.min(limit);
        self
    }
}
