//! Hands the pieces of one direction on, and counts the holes among them by their cause.

use super::Sink;
use super::assembler::Piece;
use super::event::{Event, GapCause};
use super::facts::SideFacts;
use super::history::{Counted, History};
use crate::net::Side;
use crate::stream::{Chunk, Moment};

/// Where the pieces of one direction go.
pub(super) struct Outlet<'a, S> {
    pub(super) now: Moment,
    pub(super) side: Side,
    /// Why bytes are missing, unless a limit says so.
    pub(super) cause: GapCause,
    pub(super) facts: &'a mut SideFacts,
    pub(super) history: &'a mut History,
    pub(super) sink: &'a mut S,
}

impl<S: Sink> Outlet<'_, S> {
    pub(super) fn put(&mut self, piece: Piece<'_>) {
        let Self { now, side, .. } = *self;
        match piece {
            Piece::Data(data) => self.sink.chunk(side, now, Chunk::Data(data)),
            Piece::Cut(len) => {
                self.facts.cut_bytes += len;
                self.sink.chunk(side, now, Chunk::Gap(len));
            }
            Piece::Missing(len) => self.gap(len, self.cause),
            Piece::GivenUp(len) => self.gap(len, GapCause::Limit),
        }
    }

    fn gap(&mut self, len: u64, cause: GapCause) {
        let Self { now, side, .. } = *self;
        match cause {
            GapCause::Acknowledged => {
                self.facts.missed_bytes += len;
                self.facts.first_gap = self.facts.first_gap.or(Some(now));
                self.history.counted(side, Counted::Gap);
            }
            GapCause::NeverCame => self.facts.lost_bytes += len,
            GapCause::Limit => self.facts.given_up_bytes += len,
        }
        self.sink.event(now, side, Event::Gap { len, cause });
        self.sink.chunk(side, now, Chunk::Gap(len));
    }
}
