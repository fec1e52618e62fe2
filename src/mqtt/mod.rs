//! MQTT 3.1, 3.1.1 and 5.0 as an observer sees it: packets where the bytes can be read, else what encrypted records must be.
//!
//! One connection's bytes come in (decrypted or plain, in any pieces), or the lengths of its encrypted records. Events go out
//! to a [`Sink`]; [`Facts`] are kept. Nothing here enforces the protocol, asks a clock, or fails: odd bytes become events.
//!
//! ```text
//! bytes   ─▶ packet ─▶ session ─▶ Event, Facts
//! lengths ─▶ infer  ────────────▶ Event (inferred), Facts
//! ```

pub mod codes;
pub mod event;
pub mod facts;
mod infer;
pub mod packet;
pub mod session;
mod stream;

pub use codes::{ConnackCode, PacketType, QoS, ReasonCode, Version};
pub use event::{Event, Violation};
pub use facts::{ErrorKind, Facts, Mark, PacketCounts, Pings, ProtocolError};
pub use infer::{Inference, PlaintextLen, Reading};
pub use packet::{Connack, Connect, Disconnect, Incomplete, Malformed, Packet, Publish};
pub use session::{Samples, Volume};

use crate::evidence::Seen;
use crate::net::{PerSide, Side};
use crate::pack::packed;
use crate::stream::{End, Moment};
use infer::Inferrer;
use session::Session;
use stream::Stream;

/// Takes what a [`Tracker`] finds.
pub trait Sink {
    /// A packet was seen, or inferred; inferred ones may come later than their moments say.
    fn event(&mut self, seen: Seen, event: Event);
}

/// What one connection may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a packet that comes in pieces and is no PUBLISH, so many bytes are kept.
    pub packet: usize,
    /// So many bytes of each payload are shown.
    pub payload_preview: usize,
    /// So many unanswered packets of a side are kept.
    pub in_flight: usize,
    /// So many topics are told apart.
    pub topics: usize,
}

packed! { struct Limits { packet, payload_preview, in_flight, topics } }

impl Default for Limits {
    fn default() -> Self {
        Self { packet: 64 * 1024, payload_preview: 0, in_flight: 1024, topics: 256 }
    }
}

/// Tracks MQTT in one connection. Call [`handle_plaintext`](Self::handle_plaintext) or
/// [`handle_sealed`](Self::handle_sealed) with what both sides said in the order of the capture,
/// [`handle_close`](Self::handle_close) when a side ends, [`finish`](Self::finish) at the end.
///
/// A capture that joins a connection in the middle begins each side with [`handle_gap`](Self::handle_gap).
#[derive(Debug, Default)]
pub struct Tracker {
    limits: Limits,
    streams: PerSide<Stream>,
    session: Session,
    infer: Inferrer,
}

packed! { struct Tracker { limits, streams, session, infer } }

impl Tracker {
    /// A tracker for a new connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The next bytes of one side, in any pieces.
    pub fn handle_plaintext(&mut self, side: Side, at: Moment, bytes: &[u8], sink: &mut impl Sink) {
        self.streams[side].handle(side, at, bytes, &mut self.session, self.limits, sink);
    }

    /// One encrypted record of which only the length is known.
    pub fn handle_sealed(&mut self, side: Side, at: Moment, len: PlaintextLen, sink: &mut impl Sink) {
        self.infer.handle_record(side, at, len, &mut self.session.facts, sink);
    }

    /// Alerts have a record type of their own (TLS 1.2 and before): none is among the encrypted records that come here.
    pub fn alerts_are_visible(&mut self) {
        self.infer.alerts_are_visible();
    }

    /// Bytes or records of one side are missing here.
    pub fn handle_gap(&mut self, side: Side) {
        self.session.facts.gaps[side] += 1;
        self.streams[side].handle_gap();
        self.infer.handle_gap();
    }

    /// A side has ended: what its last records were can be told now.
    pub fn handle_close(&mut self, side: Side, at: Moment, how: End, sink: &mut impl Sink) {
        self.streams[side].finish(side, at, &mut self.session, sink);
        self.infer.handle_close(side, at, how, &mut self.session.facts, sink);
    }

    /// The capture has ended, or the connection is given up. Nothing more will come.
    pub fn finish(&mut self, at: Moment, sink: &mut impl Sink) {
        for side in Side::BOTH {
            self.streams[side].finish(side, at, &mut self.session, sink);
        }
        self.infer.finish(at, &mut self.session.facts, sink);
    }

    /// What is known so far.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.session.facts
    }

    /// What is known at the end.
    #[must_use]
    pub fn into_facts(self) -> Facts {
        self.session.facts
    }
}
