//! Sleep: a connection that has been quiet for a while is kept as few bytes, and wakes for its next frame just as it was.
//!
//! Nothing that is told depends on who sleeps, but what is evicted does, by the bytes that the table holds. So a table looks
//! for those who may sleep before each frame of it, and is the same however many analyzers share the tables.

use super::{Entry, Limits, Table, Ticket};
use crate::connection::Connection;
use crate::pack::Packing;
use crate::time::Timestamp;
use std::cmp::Reverse;
use std::time::Duration;

/// What a connection takes that is awake, at most and in bytes, as `tests/allocations.rs` measures it.
pub(super) const AWAKE: usize = 11 << 10;

/// A place in the table with all that finds it, in bytes.
const PLACE: usize = 192;

/// Who cannot sleep is asked again so much later.
const AGAIN: Duration = Duration::from_secs(1);

/// So many are looked at for one that can sleep before its time.
const TRIES: usize = 64;

/// The list of those who are awake gives room back above so many.
const LARGE: usize = 8;

/// Who sleeps, and what the table takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sleepers {
    /// Connections that sleep.
    pub asleep: usize,
    /// What all connections take, in bytes: exact for those that sleep, the most for the others.
    pub bytes: usize,
}

impl Sleepers {
    /// Those of two tables.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { asleep: self.asleep + other.asleep, bytes: self.bytes + other.bytes }
    }
}

impl Table {
    /// Sends those to sleep that have been quiet for long enough by `now`, at most so many; whether there may be more.
    pub(super) fn rest(&mut self, now: Timestamp, most: usize, packing: &mut Packing) -> bool {
        for _ in 0..most {
            if self.drowsy.peek().is_none_or(|Reverse((at, _))| *at > now) {
                return false;
            }
            self.rest_next(now, packing);
        }
        true
    }

    /// Who sleeps.
    #[must_use]
    pub fn sleepers(&self) -> Sleepers {
        let awake = self.connections.len() - self.asleep;
        let bytes = self.connections.len() * PLACE + awake * AWAKE + self.asleep_bytes;
        Sleepers { asleep: self.asleep, bytes }
    }

    /// The connection in this place, awake.
    pub(super) fn wake(&mut self, slot: u32, now: Timestamp, packing: &mut Packing) -> Option<&mut Connection> {
        let len = self.connections.get(slot as usize)?.asleep_len();
        if len.is_some() {
            // Before it wakes: it is not the one to make room for itself.
            self.make_quiet(1, now, packing);
        }
        let entry = self.connections.get_mut(slot as usize)?;
        entry.touched = now;
        if let Some(len) = len {
            if entry.wake(packing).is_none() {
                self.take(slot, packing);
                return None;
            }
            let ticket = Ticket { slot, ordinal: entry.ordinal };
            self.asleep -= 1;
            self.asleep_bytes -= len;
            self.drowsy.push(Reverse((now + self.limits.quiet, ticket)));
        }
        self.connections.get_mut(slot as usize)?.wake(packing)
    }

    /// The longest quiet ones sleep before their time where too many are awake, with so many that are about to be.
    pub(super) fn make_quiet(&mut self, coming: usize, now: Timestamp, packing: &mut Packing) {
        for _ in 0..TRIES {
            if self.connections.len() - self.asleep + coming <= self.limits.awake {
                return;
            }
            self.rest_next(now, packing);
        }
    }

    /// Takes what it knows of the sleep of a connection that leaves.
    pub(super) fn note_left(&mut self, entry: &Entry) {
        if let Some(len) = entry.asleep_len() {
            self.asleep -= 1;
            self.asleep_bytes -= len;
        }
    }

    /// Looks at the one that is due first: it sleeps, or is due later.
    fn rest_next(&mut self, now: Timestamp, packing: &mut Packing) {
        let Some(Reverse((at, ticket))) = self.drowsy.pop() else { return };
        if self.drowsy.capacity() > LARGE && self.drowsy.len() < self.drowsy.capacity() / 4 {
            self.drowsy.shrink_to(self.drowsy.len() * 2);
        }
        let Some(entry) = self.connections.get_mut(ticket.slot as usize) else { return };
        if entry.ordinal != ticket.ordinal {
            return;
        }
        let due = entry.touched + self.limits.quiet;
        if due > at {
            self.drowsy.push(Reverse((due, ticket)));
        } else if let Some(len) = entry.sleep(now, packing) {
            self.asleep += 1;
            self.asleep_bytes += len;
        } else {
            // Time has an end, behind which nobody is asked again.
            let again = now + self.limits.quiet.max(AGAIN);
            if again > now {
                self.drowsy.push(Reverse((again, ticket)));
            }
        }
    }
}

impl Limits {
    /// How much time of the capture may pass until somebody looks for those who may sleep.
    pub(super) fn rest_every(&self) -> Duration {
        self.quiet / 8
    }
}
