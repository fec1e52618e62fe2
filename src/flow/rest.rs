//! Sleep: a connection that has been quiet for a while is kept as few bytes, and wakes for its next frame just as it was.
//!
//! Nothing that is told depends on who sleeps, but what is evicted does, by the bytes that the table holds. So a table looks
//! for those who may sleep before each frame of it, and is the same however many analyzers share the tables.

use super::{Drowsy, Entry, Limits, Table, Ticket};
use crate::connection::Connection;
use crate::pack::Packing;
use crate::time::Timestamp;
use std::cmp::Reverse;
use std::time::Duration;

/// What a connection takes that is awake, at most and in bytes, as `tests/allocations.rs` measures it.
const AWAKE: usize = 11 << 10;

/// A place in the table with all that finds it, in bytes.
const PLACE: usize = 192;

/// Who cannot sleep is asked again so much later.
const AGAIN: Duration = Duration::from_secs(1);

/// Nobody stays awake for more than so many times [`Limits::quiet`].
const LONGEST: u32 = 5;

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
            self.rest_next(now, Early::Nobody, packing);
        }
        true
    }

    /// Who sleeps.
    #[must_use]
    pub fn sleepers(&self) -> Sleepers {
        let bytes = self.connections.len() * PLACE + self.awake() * AWAKE + self.asleep_bytes;
        Sleepers { asleep: self.asleep, bytes }
    }

    /// The connection in this place, awake.
    pub(super) fn wake(&mut self, slot: u32, now: Timestamp, packing: &mut Packing) -> Option<&mut Connection> {
        if self.connections.get(slot as usize)?.asleep_len().is_some() {
            self.wake_sleeper(slot, now, packing)?;
        }
        let entry = self.connections.get_mut(slot as usize)?;
        entry.touched = now;
        entry.awake()
    }

    /// The longest quiet ones sleep before their time where too many are awake.
    pub(super) fn make_quiet(&mut self, now: Timestamp, packing: &mut Packing) {
        if self.awake() <= self.crowded && !self.is_pressed() {
            return;
        }
        let mut patient = Vec::new();
        for _ in 0..TRIES {
            let early = match (self.is_pressed(), self.awake() > self.limits.awake) {
                (true, _) => Early::Anybody,
                (false, true) => Early::Impatient,
                (false, false) => break,
            };
            patient.extend(self.rest_next(now, early, packing));
        }
        self.drowsy.extend(patient);
        // Those who stay awake are not asked for every frame: first their number grows by an eighth.
        let awake = self.awake();
        self.crowded = if awake > self.limits.awake { awake + awake / 8 } else { self.limits.awake };
    }

    /// Takes what it knows of the sleep of a connection that leaves.
    pub(super) fn note_left(&mut self, entry: &Entry) {
        if let Some(len) = entry.asleep_len() {
            self.asleep -= 1;
            self.asleep_bytes -= len;
        }
    }

    fn awake(&self) -> usize {
        self.connections.len() - self.asleep
    }

    /// Whether the bytes are so nearly used up that even those sleep who are likely to be woken at once. A quarter is theirs.
    fn is_pressed(&self) -> bool {
        let quarter = self.limits.bytes / 4;
        self.awake() > quarter / AWAKE && self.sleepers().bytes > self.limits.bytes - quarter
    }

    #[cold]
    fn wake_sleeper(&mut self, slot: u32, now: Timestamp, packing: &mut Packing) -> Option<()> {
        // Before it is awake itself: it is not the one that sleeps.
        self.make_quiet(now, packing);
        let entry = self.connections.get_mut(slot as usize)?;
        let len = entry.asleep_len()?;
        if entry.wake(now).is_none() {
            self.take(slot);
            return None;
        }
        entry.touched = now;
        let due = Reverse((self.limits.due(entry), Ticket { slot, ordinal: entry.ordinal }));
        self.drowsy.push(due);
        self.counts.woken += 1;
        self.asleep -= 1;
        self.asleep_bytes -= len;
        Some(())
    }

    /// Looks at the one that is due first: it sleeps, or is due later. Who could but may not sleep before its time is handed back.
    fn rest_next(&mut self, now: Timestamp, early: Early, packing: &mut Packing) -> Option<Drowsy> {
        let Reverse((at, ticket)) = self.drowsy.pop()?;
        if self.drowsy.capacity() > LARGE && self.drowsy.len() < self.drowsy.capacity() / 4 {
            self.drowsy.shrink_to(self.drowsy.len() * 2);
        }
        let entry = self.connections.get_mut(ticket.slot as usize).filter(|entry| entry.ordinal == ticket.ordinal)?;
        let due = self.limits.due(entry);
        if due > at {
            self.drowsy.push(Reverse((due, ticket)));
        } else if due > now && !early.allows(entry, now, &self.limits) {
            return Some(Reverse((at, ticket)));
        } else if let Some(len) = entry.sleep(now, packing) {
            self.counts.slept += 1;
            self.asleep += 1;
            self.asleep_bytes += len;
        } else {
            // Time has an end, behind which nobody is asked again.
            let again = now + self.limits.quiet.max(AGAIN);
            if again > now {
                self.drowsy.push(Reverse((again, ticket)));
            }
        }
        None
    }
}

/// Who may sleep before its time.
#[derive(Clone, Copy, Debug)]
enum Early {
    Nobody,
    /// Who has been quiet for longer than usual. So a table in which more connections take turns than may be awake does not
    /// wake one and send another to sleep for every frame: once each was woken, they stay.
    Impatient,
    Anybody,
}

impl Early {
    fn allows(self, entry: &Entry, now: Timestamp, limits: &Limits) -> bool {
        match self {
            Self::Nobody => false,
            Self::Impatient => now.since(entry.touched) >= entry.patience().min(limits.quiet),
            Self::Anybody => true,
        }
    }
}

impl Limits {
    /// When a connection that is awake may sleep: after the usual silence, or its own.
    pub(super) fn due(&self, entry: &Entry) -> Timestamp {
        entry.touched + entry.patience().min(LONGEST * self.quiet).max(self.quiet)
    }

    /// How much time of the capture may pass until somebody looks for those who may sleep.
    pub(super) fn rest_every(&self) -> Duration {
        self.quiet / 8
    }
}
