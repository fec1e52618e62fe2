//! The flows in a fixed number of tables, of which an analyzer may hold all or only a share.
//!
//! Which table a flow belongs to depends on nothing but its key, and each table has its own part of the limits: what expires
//! and what is evicted is the same, however many analyzers share the tables.

use super::{Counts, Left, Limits, Remaining, Sleepers, Table};
use crate::net::FlowKey;
use crate::pack::Packing;
use crate::time::Timestamp;

/// How many tables there are: more than any machine will have threads that matter.
const SHARDS: usize = 64;

/// What a table must have room for; limits that are too small to be divided stay whole. Flows are not spread quite evenly (by
/// the root of their number): where there are so many, the first
/// table is full when all of them are to some nine tenths; with the default, to 98 %.
const LEAST: usize = 512;
const LEAST_BYTES: usize = 1 << 20;

/// Which tables an analyzer holds: each `of`th one, from `index` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its number, from 0.
    pub index: usize,
    /// How many shares there are; at least 1.
    pub of: usize,
}

impl Share {
    /// All of them.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// The number of the share that a table belongs to, where there are so many shares.
    #[must_use]
    pub const fn of_shard(shard: usize, shares: usize) -> usize {
        if shares > 1 { shard % shares } else { 0 }
    }
}

impl Limits {
    /// Over how many tables the flows are spread.
    const fn shards(&self) -> usize {
        if self.connections < SHARDS * LEAST || self.bytes < SHARDS * LEAST_BYTES { 1 } else { SHARDS }
    }

    /// The number of the table that a flow belongs to.
    #[must_use]
    pub fn shard(&self, key: &FlowKey) -> usize {
        if self.shards() == 1 { 0 } else { usize::try_from(key.spread() % SHARDS as u64).unwrap_or_default() }
    }
}

/// The tables of a share.
#[derive(Debug)]
pub struct Shards {
    limits: Limits,
    /// By number; none where it belongs to another share.
    tables: Vec<Option<Table>>,
    /// For each table a time before which nothing in it is over.
    deadlines: Vec<Timestamp>,
    /// The first of them.
    next: Timestamp,
    /// When somebody looks again for those who may sleep.
    next_rest: Timestamp,
}

/// So many of each table are looked at in one go for whether they may sleep: a frame does not wait for many.
const RESTING: usize = 8;

const NEVER: Timestamp = Timestamp::from_nanos(i64::MAX);

impl Shards {
    /// The empty tables of a share.
    #[must_use]
    pub fn new(limits: Limits, share: Share) -> Self {
        let count = limits.shards();
        let each = Limits {
            connections: limits.connections / count,
            bytes: limits.bytes / count,
            awake: limits.awake.div_ceil(count),
            remembered: limits.remembered.div_ceil(count),
            ..limits
        };
        let tables = (0..count)
            .map(|shard| (Share::of_shard(shard, share.of) == share.index).then(|| Table::new(each)))
            .collect();
        Self { limits, tables, deadlines: vec![NEVER; count], next: NEVER, next_rest: Timestamp::default() }
    }

    /// The table that this flow belongs to, where this share has it. [`Self::note_changed`] is due once it was changed.
    #[inline]
    pub fn table(&mut self, key: &FlowKey) -> Option<&mut Table> {
        let shard = self.limits.shard(key);
        self.tables.get_mut(shard)?.as_mut()
    }

    /// Takes note that connections came into the table of this flow, or closed.
    pub fn note_changed(&mut self, key: &FlowKey) {
        let shard = self.limits.shard(key);
        self.look_up_deadline(shard);
        self.next = self.deadlines.get(shard).map_or(self.next, |deadline| self.next.min(*deadline));
    }

    /// Takes out what is over by `now`, in the order of its time, then of its first frame.
    #[inline]
    pub(crate) fn expire(&mut self, now: Timestamp, over: &mut Vec<Left>, packing: &mut Packing) {
        if now >= self.next {
            self.expire_all(now, over);
        }
        if now >= self.next_rest {
            self.rest(now, packing);
        }
    }

    /// Takes out all connections that are left when the capture ends at `now`, the oldest first.
    pub fn drain(&mut self, now: Timestamp) -> Vec<Remaining> {
        let mut left: Vec<_> = self.tables.iter_mut().flatten().flat_map(|table| table.drain(now)).collect();
        left.sort_unstable_by_key(Remaining::ordinal);
        left
    }

    /// How many connections they hold.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.iter().flatten().map(Table::len).sum()
    }

    /// Whether they hold none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the tables of this share did so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.tables.iter().flatten().fold(Counts::default(), |sum, table| sum.plus(table.counts()))
    }

    /// Who sleeps in the tables of this share.
    #[must_use]
    pub fn sleepers(&self) -> Sleepers {
        self.tables.iter().flatten().fold(Sleepers::default(), |sum, table| sum.plus(table.sleepers()))
    }

    #[cold]
    fn rest(&mut self, now: Timestamp, packing: &mut Packing) {
        let mut is_done = true;
        for table in self.tables.iter_mut().flatten() {
            is_done &= !table.rest(now, RESTING, packing);
        }
        self.next_rest = if is_done { now + self.limits.rest_every() } else { now };
    }

    fn look_up_deadline(&mut self, shard: usize) {
        if let (Some(Some(table)), Some(deadline)) = (self.tables.get(shard), self.deadlines.get_mut(shard)) {
            *deadline = table.next_deadline().unwrap_or(NEVER);
        }
    }

    #[cold]
    fn expire_all(&mut self, now: Timestamp, over: &mut Vec<Left>) {
        let before = over.len();
        for shard in 0..self.tables.len() {
            if self.deadlines.get(shard).is_some_and(|deadline| *deadline <= now) {
                if let Some(Some(table)) = self.tables.get_mut(shard) {
                    over.extend(std::iter::from_fn(|| table.poll_expired(now)));
                }
                self.look_up_deadline(shard);
            }
        }
        self.next = self.deadlines.iter().copied().min().unwrap_or(NEVER);
        if let Some(over) = over.get_mut(before..) {
            over.sort_by_key(|left| (left.at, left.connection.ordinal()));
        }
    }
}
