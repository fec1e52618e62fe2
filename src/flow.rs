//! The table of flows: from the key that both directions share to the connection, with expiry, limits and eviction.
//!
//! Time is the capture's: a deadline passes when a frame says so. Every connection that leaves the table is handed
//! to the caller with the reason; nothing disappears without being counted.

use crate::connection::{Connection, Ending};
use crate::net::FlowKey;
use crate::time::Timestamp;
use hashbrown::HashMap;
use slab::Slab;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// What bounds the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections held at once. Above it the oldest unestablished one goes, then the longest idle one.
    pub connections: usize,
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
    fn default() -> Self {
        Self {
            connections: 1 << 20,
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
}

/// Connections by flow.
#[derive(Debug)]
pub struct Table {
    slots: HashMap<FlowKey, u32, foldhash::fast::RandomState>,
    connections: Slab<Entry>,
    /// One entry a connection, at a time when it cannot be due yet; moved on when it is looked at.
    deadlines: BinaryHeap<Reverse<(Timestamp, Ticket)>>,
    /// In the order of their first frames; those that were established meanwhile are passed over.
    unestablished: VecDeque<Ticket>,
    remembered: HashMap<FlowKey, u64, foldhash::fast::RandomState>,
    remembered_order: VecDeque<(FlowKey, u64)>,
    limits: Limits,
    counts: Counts,
}

#[derive(Debug)]
struct Entry {
    key: FlowKey,
    generation: u64,
    connection: Connection,
}

/// A slot and the generation that it had: a slot is used again, a ticket is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    slot: u32,
    generation: u64,
}

/// The place of a connection in the table, until the table changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

/// A connection that left the table.
pub type Left = (Connection, Ending);

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            slots: HashMap::default(),
            connections: Slab::new(),
            deadlines: BinaryHeap::new(),
            unestablished: VecDeque::new(),
            remembered: HashMap::default(),
            remembered_order: VecDeque::new(),
            limits,
            counts: Counts::default(),
        }
    }

    /// Where the connection of this flow is.
    #[must_use]
    pub fn find(&self, key: &FlowKey) -> Option<Slot> {
        self.slots.get(key).map(|slot| Slot(*slot))
    }

    /// The connection in a slot that [`Self::find`] gave.
    pub fn connection(&mut self, slot: Slot) -> Option<&mut Connection> {
        self.connections.get_mut(slot.0 as usize).map(|entry| &mut entry.connection)
    }

    /// To be called once when a connection has closed: it leaves sooner from then on.
    pub fn note_closed(&mut self, slot: Slot) {
        let Some(entry) = self.connections.get(slot.0 as usize) else { return };
        let ticket = Ticket { slot: slot.0, generation: entry.generation };
        self.deadlines.push(Reverse((self.deadline(&entry.connection), ticket)));
    }

    /// Adds a connection. Where the table is full, another one leaves for it.
    pub fn insert(&mut self, key: FlowKey, connection: Connection) -> Option<Left> {
        let left = if self.connections.len() >= self.limits.connections.max(1) { self.evict() } else { None };
        self.counts.opened += 1;
        let ticket = Ticket {
            slot: u32::try_from(self.connections.vacant_key()).unwrap_or(u32::MAX),
            generation: self.counts.opened,
        };
        self.deadlines.push(Reverse((self.deadline(&connection), ticket)));
        if !connection.is_established() {
            self.unestablished.push_back(ticket);
        }
        self.connections.insert(Entry { key, generation: ticket.generation, connection });
        self.slots.insert(key, ticket.slot);
        self.remembered.remove(&key);
        self.counts.most = self.counts.most.max(self.connections.len());
        self.drop_stale_tickets();
        left
    }

    /// Takes the connection of this flow out, because another one begins with the same endpoints.
    pub fn replace(&mut self, key: &FlowKey) -> Option<Left> {
        let slot = *self.slots.get(key)?;
        Some((self.take(slot), Ending::PortReused))
    }

    /// Takes out one connection that is over by the capture's time `now`. Call it until it gives nothing.
    pub fn poll_expired(&mut self, now: Timestamp) -> Option<Left> {
        while let Some(&Reverse((at, ticket))) = self.deadlines.peek() {
            if at > now {
                return None;
            }
            self.deadlines.pop();
            let Some(connection) = self.held(ticket) else { continue };
            let deadline = self.deadline(connection);
            if deadline > now {
                self.deadlines.push(Reverse((deadline, ticket)));
                continue;
            }
            let closed = connection.is_closed();
            let key = self.connections[ticket.slot as usize].key;
            let connection = self.take(ticket.slot);
            if closed {
                self.remember(key);
                return Some((connection, Ending::Closed));
            }
            self.counts.expired += 1;
            return Some((connection, Ending::Idle));
        }
        None
    }

    /// Takes out all connections that are left at the end of the capture, the oldest first.
    pub fn drain(&mut self) -> Vec<Left> {
        self.slots.clear();
        self.deadlines.clear();
        self.unestablished.clear();
        let mut entries: Vec<Entry> = self.connections.drain().collect();
        entries.sort_unstable_by_key(|entry| entry.generation);
        let ending =
            |connection: &Connection| if connection.is_closed() { Ending::Closed } else { Ending::CaptureEnded };
        entries
            .into_iter()
            .map(|entry| {
                let ending = ending(&entry.connection);
                (entry.connection, ending)
            })
            .collect()
    }

    /// Whether this flow was told already, and a segment without a SYN is but a straggler of it. Counts it.
    pub fn is_straggler(&mut self, key: &FlowKey) -> bool {
        let straggler = self.remembered.contains_key(key);
        self.counts.stragglers += u64::from(straggler);
        straggler
    }

    /// All connections, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().map(|(_, entry)| &entry.connection)
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

    fn deadline(&self, connection: &Connection) -> Timestamp {
        let idle = if connection.is_closed() {
            self.limits.closed_linger
        } else if connection.is_established() {
            self.limits.established_idle
        } else {
            self.limits.unestablished_idle
        };
        connection.last().at + idle
    }

    fn held(&self, ticket: Ticket) -> Option<&Connection> {
        let entry = self.connections.get(ticket.slot as usize)?;
        (entry.generation == ticket.generation).then_some(&entry.connection)
    }

    fn take(&mut self, slot: u32) -> Connection {
        let entry = self.connections.remove(slot as usize);
        self.slots.remove(&entry.key);
        entry.connection
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
            unestablished.retain(|ticket| self.held(*ticket).is_some_and(|connection| !connection.is_established()));
            self.unestablished = unestablished;
        }
    }

    fn evict(&mut self) -> Option<Left> {
        while let Some(ticket) = self.unestablished.pop_front() {
            if self.held(ticket).is_some_and(|connection| !connection.is_established()) {
                self.counts.evicted_unestablished += 1;
                return Some((self.take(ticket.slot), Ending::Evicted));
            }
        }
        self.evict_longest_idle()
    }

    /// The heap knows when each connection was due the last time that somebody looked: the first whose deadline has not
    /// moved since is the longest idle one.
    fn evict_longest_idle(&mut self) -> Option<Left> {
        while let Some(Reverse((at, ticket))) = self.deadlines.pop() {
            let Some(connection) = self.held(ticket) else { continue };
            let deadline = self.deadline(connection);
            if deadline > at {
                self.deadlines.push(Reverse((deadline, ticket)));
                continue;
            }
            let closed = connection.is_closed();
            self.counts.evicted_established += 1;
            let key = self.connections[ticket.slot as usize].key;
            let connection = self.take(ticket.slot);
            if closed {
                // Its stragglers may still come.
                self.remember(key);
                return Some((connection, Ending::Closed));
            }
            return Some((connection, Ending::Evicted));
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
