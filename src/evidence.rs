//! How sure we are, and where it was seen: observed and inferred facts never mix.

use crate::net::Side;
use crate::pack::packed;
use crate::stream::Moment;
use std::fmt;

/// How much a statement can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// One of several readings.
    Possible,
    /// Sizes, order and time agree, and nothing contradicts.
    Likely,
    /// The bytes say so.
    Proven,
}

packed! { enum Confidence { Possible, Likely, Proven } }

impl Confidence {
    /// The contract's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Proven => "proven",
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a statement rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The bytes were read, in clear or decrypted.
    Observed,
    /// Sizes, order and time were read; this is never [`Confidence::Proven`].
    Inferred(Confidence),
}

packed! { enum Basis { Observed, Inferred(what) } }

impl Basis {
    /// Whether the bytes themselves were read.
    #[must_use]
    pub const fn is_observed(self) -> bool {
        matches!(self, Self::Observed)
    }

    /// The confidence that a conclusion from this alone can have.
    #[must_use]
    pub const fn confidence(self) -> Confidence {
        match self {
            Self::Observed => Confidence::Proven,
            Self::Inferred(confidence) => confidence,
        }
    }
}

/// Where in the capture something was seen: a message may span segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When its first byte was readable.
    pub began: Moment,
    /// When its last byte was readable: the frame under which Wireshark shows it.
    pub ended: Moment,
    /// Who sent it.
    pub by: Side,
    /// Whether it was read or inferred.
    pub basis: Basis,
}
