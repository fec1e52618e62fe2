//! A place in the table: a connection that is awake, or the bytes of one that sleeps.

use super::{Left, Limits};
use crate::connection::{Connection, Ending};
use crate::net::FlowKey;
use crate::pack::{Packed, Packing};
use crate::time::Timestamp;
use std::time::Duration;

/// A frame that the capture holds twice comes sooner than so much after the other.
const COPIES: Duration = Duration::from_millis(10);

/// One connection of the table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: FlowKey,
    /// The place of its first frame in the capture: no two connections have the same.
    pub(super) ordinal: u64,
    /// The latest time of the capture when it had its last frame. A clock that steps back makes nobody idle.
    pub(super) touched: Timestamp,
    state: State,
}

/// Both know after how long a silence, in milliseconds, the connection was last woken; here, where there is room for it.
#[derive(Debug)]
enum State {
    Awake {
        connection: Box<Connection>,
        woken_after: u32,
    },
    /// Only an open one sleeps.
    Asleep {
        packed: Packed,
        woken_after: u32,
        is_established: bool,
    },
}

impl Entry {
    /// The place of a connection that begins.
    pub(super) fn new(key: FlowKey, connection: Connection, now: Timestamp) -> Self {
        let ordinal = connection.ordinal();
        Self { key, ordinal, touched: now, state: State::Awake { connection: Box::new(connection), woken_after: 0 } }
    }

    /// Whether both sides have closed, or one has reset it.
    pub(super) fn is_closed(&self) -> bool {
        matches!(&self.state, State::Awake { connection, .. } if connection.is_closed())
    }

    /// Whether its handshake was completed.
    pub(super) fn is_established(&self) -> bool {
        match &self.state {
            State::Awake { connection, .. } => connection.is_established(),
            State::Asleep { is_established, .. } => *is_established,
        }
    }

    /// When it is over if nothing more comes.
    pub(super) fn deadline(&self, limits: &Limits) -> Timestamp {
        let idle = if self.is_closed() {
            limits.closed_linger
        } else if self.is_established() {
            limits.established_idle
        } else {
            limits.unestablished_idle
        };
        self.touched + idle
    }

    /// How long its silences are: twice the last one that it was woken from. Who sleeps sooner is likely to be woken at once.
    pub(super) fn patience(&self) -> Duration {
        let (State::Awake { woken_after, .. } | State::Asleep { woken_after, .. }) = self.state;
        2 * Duration::from_millis(woken_after.into())
    }

    /// What its bytes take while it sleeps.
    pub(super) fn asleep_len(&self) -> Option<usize> {
        match &self.state {
            State::Awake { .. } => None,
            State::Asleep { packed, .. } => Some(packed.len()),
        }
    }

    /// Sends it to sleep; the length of its bytes. None where it cannot: it has closed, or is being decrypted.
    pub(super) fn sleep(&mut self, now: Timestamp, packing: &mut Packing) -> Option<usize> {
        let State::Awake { connection, woken_after } = &mut self.state else { return None };
        if connection.is_closed() {
            return None;
        }
        if now.since(self.touched) > COPIES {
            connection.forget_copies();
        }
        let packed = packing.pack(&**connection)?;
        let len = packed.len();
        let (woken_after, is_established) = (*woken_after, connection.is_established());
        self.state = State::Asleep { packed, woken_after, is_established };
        Some(len)
    }

    /// The connection, awake. None where its bytes cannot be read, which would be an error of this program.
    pub(super) fn wake(&mut self, now: Timestamp) -> Option<&mut Connection> {
        if let State::Asleep { packed, .. } = &self.state {
            let woken_after = u32::try_from(now.since(self.touched).as_millis()).unwrap_or(u32::MAX);
            self.state = State::Awake { connection: Box::new(Packing::unpack(packed)?), woken_after };
        }
        self.awake()
    }

    /// The connection, where it is awake.
    pub(super) fn awake(&mut self) -> Option<&mut Connection> {
        match &mut self.state {
            State::Awake { connection, .. } => Some(connection),
            State::Asleep { .. } => None,
        }
    }

    /// The connection, out of its place.
    pub(super) fn into_connection(self) -> Option<Box<Connection>> {
        match self.state {
            State::Awake { connection, .. } => Some(connection),
            State::Asleep { packed, .. } => Packing::unpack(&packed).map(Box::new),
        }
    }
}

/// A connection that is left when the capture ends. It may still sleep, so that not all of them are awake at once.
#[derive(Debug)]
pub struct Remaining {
    entry: Entry,
    at: Timestamp,
}

impl Remaining {
    pub(super) const fn new(entry: Entry, at: Timestamp) -> Self {
        Self { entry, at }
    }

    /// The place of its first frame among all frames of the capture.
    #[must_use]
    pub const fn ordinal(&self) -> u64 {
        self.entry.ordinal
    }

    /// The connection, awake.
    #[must_use]
    pub(crate) fn wake(self) -> Option<Left> {
        let ending = if self.entry.is_closed() { Ending::Closed } else { Ending::CaptureEnded };
        Some(Left { connection: self.entry.into_connection()?, ending, at: self.at })
    }
}
