//! Which frames need not be decoded, and which flow the others are of: a look at fixed places, for whoever deals frames out.
//!
//! It knows the frames that nearly all are: TCP in whole IP packets. For them it says what [`super::Decoder`] would say, and counts
//! what is left out as that does; all others it leaves to it.

use super::link;
use super::{Decoded, Interest, SkipCounts, Wanted, ip};
use crate::frame::Frame;
use crate::net::FlowKey;

/// What the first look tells of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A segment of this flow.
    Segment(FlowKey),
    /// It is left out, and was counted.
    PassedOver,
    /// Only the decoder can tell.
    Unknown,
}

/// Looks at frames one by one, and keeps nothing of them.
#[derive(Debug)]
pub struct FirstLook {
    wanted: Wanted,
    skipped: SkipCounts,
}

impl FirstLook {
    /// For a decoder of the same interest.
    #[must_use]
    pub fn new(interest: Interest) -> Self {
        Self { wanted: Wanted::new(interest), skipped: SkipCounts::default() }
    }

    /// Looks at one frame.
    #[inline]
    pub fn look(&mut self, frame: &Frame<'_>) -> Look {
        let Some(datagram) = link::plain_packet(frame).and_then(ip::plain_tcp) else { return Look::Unknown };
        match self.wanted.tcp(&datagram, frame, &mut self.skipped) {
            Decoded::Segment(segment) => Look::Segment(FlowKey::new(segment.source, segment.destination)),
            _ => Look::PassedOver,
        }
    }

    /// What was left out, by reason.
    #[must_use]
    pub const fn skipped(&self) -> &SkipCounts {
        &self.skipped
    }
}
