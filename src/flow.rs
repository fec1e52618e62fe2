//! The table of flows: from the key that both directions share to the connection, with expiry, limits and eviction.
//!
//! Time is the capture's: a deadline passes when a frame says so. Every connection that leaves the table is handed
//! to the caller with the reason; nothing disappears without being counted.

mod entry;
mod rest;
mod shards;

pub use entry::Remaining;
pub use rest::Sleepers;
pub use shards::{Shards, Share};

use crate::connection::{Connection, Ending};
use crate::net::FlowKey;
use crate::pack::Packing;
use crate::time::Timestamp;
use entry::Entry;
use hashbrown::{HashMap, HashTable};
use slab::Slab;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hash::BuildHasher;
use std::time::Duration;

/// What bounds the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections held at once. Above it the oldest unestablished one goes, then the longest idle one. From 32,768 on each of
    /// 64 tables has its part of it, and of the bytes: the first one is full a little before all are.
    pub connections: usize,
    /// Bytes that all connections take together. Above it they go in the same order.
    pub bytes: usize,
    /// A connection that was quiet for so long sleeps: about 1 KiB is left of it until its next frame. One that was woken soon
    /// waits longer the next time.
    pub quiet: Duration,
    /// Connections that are awake. Above it the longest quiet ones sleep before their time, but for those whose usual
    /// silence it is: they stay awake until three quarters of `bytes` are used.
    pub awake: usize,
    /// A connection whose handshake was not completed is over after so long without a frame: longer than the last
    /// gap of Linux's SYN retries (64 s).
    pub unestablished_idle: Duration,
    /// An established connection is over after so long without a frame: AWS IoT's longest keep-alive is 20 min, and
    /// brokers wait 1.5 times that.
    pub established_idle: Duration,
    /// A closed connection waits so long for stragglers (a repeated FIN, a late reset) before it is told.
    pub closed_linger: Duration,
    /// Keys of connections that were told are remembered, so that their stragglers do not look like new connections.
    pub remembered: usize,
}

impl Default for Limits {
    /// 256 MiB hold some 200,000 idle connections, or half a million half-open ones, beside those that are awake.
    fn default() -> Self {
        Self {
            connections: 1 << 20,
            bytes: 256 << 20,
            quiet: Duration::from_mins(2),
            awake: 1 << 13,
            unestablished_idle: Duration::from_secs(130),
            established_idle: Duration::from_hours(1),
            closed_linger: Duration::from_secs(5),
            remembered: 1 << 16,
        }
    }
}

/// What the table did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were ever in the table.
    pub opened: u64,
    /// The most that were in it at once.
    pub most: usize,
    /// Those that went because they were idle for too long.
    pub expired: u64,
    /// Unestablished ones that went to make room.
    pub evicted_unestablished: u64,
    /// Established ones that went to make room.
    pub evicted_established: u64,
    /// Segments of connections that had been told already.
    pub stragglers: u64,
    /// How often one was sent to sleep.
    pub slept: u64,
    /// How often one was woken by a frame of it.
    pub woken: u64,
    /// Connections that slept and could not be woken: always 0, unless this program is wrong.
    pub lost: u64,
}

impl Counts {
    /// What two tables did together; the most that both held at once is at most their sum.
    #[must_use]
    pub const fn plus(self, other: &Self) -> Self {
        Self {
            opened: self.opened + other.opened,
            most: self.most + other.most,
            expired: self.expired + other.expired,
            evicted_unestablished: self.evicted_unestablished + other.evicted_unestablished,
            evicted_established: self.evicted_established + other.evicted_established,
            stragglers: self.stragglers + other.stragglers,
            slept: self.slept + other.slept,
            woken: self.woken + other.woken,
            lost: self.lost + other.lost,
        }
    }
}

/// Connections by flow.
#[derive(Debug)]
pub struct Table {
    /// Where each flow is; the flow itself stands there.
    slots: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    connections: Slab<Entry>,
    /// One entry a connection, at a time when it cannot be due yet; moved on when it is looked at.
    deadlines: BinaryHeap<Reverse<(Timestamp, Ticket)>>,
    /// In the order of their first frames; those that were established meanwhile are passed over.
    unestablished: VecDeque<Ticket>,
    /// When those who are awake may sleep, if they have no frame until then; one entry for each of them.
    drowsy: BinaryHeap<Drowsy>,
    /// The longest quiet ones are looked at again once more than so many are awake.
    crowded: usize,
    asleep: usize,
    asleep_bytes: usize,
    remembered: HashMap<FlowKey, u64, foldhash::fast::RandomState>,
    remembered_order: VecDeque<(FlowKey, u64)>,
    limits: Limits,
    counts: Counts,
}

/// When a connection is to be looked at for whether it may sleep.
type Drowsy = Reverse<(Timestamp, Ticket)>;

/// A slot and the connection that it had: a slot is used again, a ticket is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    slot: u32,
    ordinal: u64,
}

/// The place of a connection in the table, until the table changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

/// A connection that left the table.
#[derive(Debug)]
pub struct Left {
    /// The connection.
    pub connection: Box<Connection>,
    /// Why it left.
    pub ending: Ending,
    /// When it was over: its deadline where it had one, else the time of the capture.
    pub at: Timestamp,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            slots: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            connections: Slab::new(),
            deadlines: BinaryHeap::new(),
            unestablished: VecDeque::new(),
            drowsy: BinaryHeap::new(),
            crowded: limits.awake,
            asleep: 0,
            asleep_bytes: 0,
            remembered: HashMap::default(),
            remembered_order: VecDeque::new(),
            limits,
            counts: Counts::default(),
        }
    }

    /// Where the connection of this flow is.
    #[must_use]
    pub fn find(&self, key: &FlowKey) -> Option<Slot> {
        let is_there = |slot: &u32| self.connections.get(*slot as usize).is_some_and(|entry| entry.key == *key);
        self.slots.find(self.hasher.hash_one(key), is_there).map(|slot| Slot(*slot))
    }

    /// The connection in a slot that [`Self::find`] gave, for a frame of it that came when the capture was at `now`.
    pub(crate) fn touch(&mut self, slot: Slot, now: Timestamp, packing: &mut Packing) -> Option<&mut Connection> {
        self.rest(now, usize::MAX, packing);
        self.wake(slot.0, now, packing)
    }

    /// To be called once when a connection has closed: it leaves sooner from then on.
    pub fn note_closed(&mut self, slot: Slot) {
        let Some(entry) = self.connections.get(slot.0 as usize) else { return };
        let ticket = Ticket { slot: slot.0, ordinal: entry.ordinal };
        self.deadlines.push(Reverse((entry.deadline(&self.limits), ticket)));
    }

    /// Takes out a connection where there is no room for one that begins at `now`. Call it until it gives nothing.
    pub(crate) fn make_room(&mut self, now: Timestamp, packing: &mut Packing) -> Option<Left> {
        self.rest(now, usize::MAX, packing);
        let is_full = self.connections.len() >= self.limits.connections.max(1);
        if is_full || self.sleepers().bytes > self.limits.bytes { self.evict(now) } else { None }
    }

    /// Adds a connection that began when the capture was at `now`, behind [`Self::make_room`].
    pub(crate) fn insert(&mut self, key: FlowKey, connection: Connection, now: Timestamp, packing: &mut Packing) {
        self.counts.opened += 1;
        let entry = Entry::new(key, connection, now);
        let ticket =
            Ticket { slot: u32::try_from(self.connections.vacant_key()).unwrap_or(u32::MAX), ordinal: entry.ordinal };
        if !entry.is_established() {
            self.unestablished.push_back(ticket);
        }
        self.deadlines.push(Reverse((entry.deadline(&self.limits), ticket)));
        self.drowsy.push(Reverse((self.limits.due(&entry), ticket)));
        self.connections.insert(entry);
        let Self { connections, hasher, slots, .. } = self;
        let hash = |slot: &u32| connections.get(*slot as usize).map_or(0, |entry| hasher.hash_one(entry.key));
        slots.insert_unique(hasher.hash_one(key), ticket.slot, hash);
        self.remembered.remove(&key);
        self.counts.most = self.counts.most.max(self.connections.len());
        self.make_quiet(now, packing);
        self.drop_stale_tickets();
    }

    /// Takes the connection of this flow out, because another one begins with the same endpoints.
    pub(crate) fn replace(&mut self, key: &FlowKey, now: Timestamp) -> Option<Left> {
        let Slot(slot) = self.find(key)?;
        Some(Left { connection: self.take(slot)?, ending: Ending::PortReused, at: now })
    }

    /// No connection is over before this time; none where no time will come that ends one.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out one connection that is over by the capture's time `now`. Call it until it gives nothing.
    pub(crate) fn poll_expired(&mut self, now: Timestamp) -> Option<Left> {
        while let Some(&Reverse((at, ticket))) = self.deadlines.peek() {
            if at > now {
                return None;
            }
            self.deadlines.pop();
            let Some(entry) = self.held(ticket) else { continue };
            let (at, closed, key) = (entry.deadline(&self.limits), entry.is_closed(), entry.key);
            if at > now {
                self.deadlines.push(Reverse((at, ticket)));
                continue;
            }
            let Some(connection) = self.take(ticket.slot) else { continue };
            if closed {
                self.remember(key);
                return Some(Left { connection, ending: Ending::Closed, at });
            }
            self.counts.expired += 1;
            return Some(Left { connection, ending: Ending::Idle, at });
        }
        None
    }

    /// Takes out all connections that are left when the capture ends at `now`, in no order.
    pub fn drain(&mut self, now: Timestamp) -> impl Iterator<Item = Remaining> {
        self.slots.clear();
        self.deadlines.clear();
        self.unestablished.clear();
        self.drowsy.clear();
        (self.asleep, self.asleep_bytes) = (0, 0);
        self.connections.drain().map(move |entry| Remaining::new(entry, now))
    }

    /// Whether this flow was told already, and a segment without a SYN is but a straggler of it. Counts it.
    pub fn is_straggler(&mut self, key: &FlowKey) -> bool {
        let straggler = self.remembered.contains_key(key);
        self.counts.stragglers += u64::from(straggler);
        straggler
    }

    /// How many connections it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// What it did so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    fn held(&self, ticket: Ticket) -> Option<&Entry> {
        self.connections.get(ticket.slot as usize).filter(|entry| entry.ordinal == ticket.ordinal)
    }

    fn is_unestablished(&self, ticket: Ticket) -> bool {
        self.held(ticket).is_some_and(|entry| !entry.is_established())
    }

    fn take(&mut self, slot: u32) -> Option<Box<Connection>> {
        let entry = self.connections.remove(slot as usize);
        if let Ok(place) = self.slots.find_entry(self.hasher.hash_one(entry.key), |known| *known == slot) {
            place.remove();
        }
        self.note_left(&entry);
        let connection = entry.into_connection();
        self.counts.lost += u64::from(connection.is_none());
        connection
    }

    /// Tickets outlive their connections; now and then the dead ones are swept out, so that they stay a fixed multiple
    /// of the connections.
    fn drop_stale_tickets(&mut self) {
        let enough = 4 * self.connections.len() + 1024;
        if self.deadlines.len() > enough {
            let deadlines = std::mem::take(&mut self.deadlines);
            self.deadlines =
                deadlines.into_iter().filter(|Reverse((_, ticket))| self.held(*ticket).is_some()).collect();
        }
        if self.unestablished.len() > enough {
            let mut unestablished = std::mem::take(&mut self.unestablished);
            unestablished.retain(|ticket| self.is_unestablished(*ticket));
            self.unestablished = unestablished;
        }
    }

    fn evict(&mut self, now: Timestamp) -> Option<Left> {
        while let Some(ticket) = self.unestablished.pop_front() {
            if self.is_unestablished(ticket)
                && let Some(connection) = self.take(ticket.slot)
            {
                self.counts.evicted_unestablished += 1;
                return Some(Left { connection, ending: Ending::Evicted, at: now });
            }
        }
        self.evict_longest_idle(now)
    }

    /// The heap knows when each connection was due the last time that somebody looked: the first whose deadline has not
    /// moved since is the longest idle one.
    fn evict_longest_idle(&mut self, now: Timestamp) -> Option<Left> {
        while let Some(Reverse((at, ticket))) = self.deadlines.pop() {
            let Some(entry) = self.held(ticket) else { continue };
            let deadline = entry.deadline(&self.limits);
            if deadline > at {
                self.deadlines.push(Reverse((deadline, ticket)));
                continue;
            }
            let (closed, key) = (entry.is_closed(), entry.key);
            let Some(connection) = self.take(ticket.slot) else { continue };
            self.counts.evicted_established += 1;
            // The stragglers of a closed one may still come.
            let ending = if closed { Ending::Closed } else { Ending::Evicted };
            if closed {
                self.remember(key);
            }
            return Some(Left { connection, ending, at: now });
        }
        None
    }

    fn remember(&mut self, key: FlowKey) {
        if self.limits.remembered == 0 {
            return;
        }
        if self.remembered_order.len() >= self.limits.remembered
            && let Some((oldest, generation)) = self.remembered_order.pop_front()
            && self.remembered.get(&oldest) == Some(&generation)
        {
            self.remembered.remove(&oldest);
        }
        let generation = self.counts.opened;
        self.remembered.insert(key, generation);
        self.remembered_order.push_back((key, generation));
    }
}
