//! What is known of an MQTT connection so far: for reports, and for the rules that judge it. Nothing here is a judgement
//! but what [`Basis`] says is inferred. All of it is bounded, and says how much it left out.

use super::codes::{ConnackCode, PacketType, Version};
use super::event::Violation;
use super::packet::{Connack, Connect, Disconnect, Incomplete, Malformed};
use super::session::{InFlight, Log, Samples, Topics};
use crate::evidence::Basis;
use crate::net::{PerSide, Side};
use crate::pack::packed;
use crate::stream::Moment;
use std::ops::Index;
use std::sync::Arc;

/// The most protocol errors of a connection that are kept; more are counted.
const MAX_ERRORS: usize = 16;

/// What one connection has shown.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The protocol's version, and how that is known.
    pub version: Option<(Version, Basis)>,
    /// The first CONNECT, where it was readable.
    pub connect: Option<Arc<Connect>>,
    /// The first CONNACK, where it was readable.
    pub connack: Option<Arc<Connack>>,
    /// The first DISCONNECT that was readable, and who sent it.
    pub disconnect_reason: Option<(Side, Disconnect)>,
    /// The last byte of CONNECT, or of the client's first record.
    pub connect_at: Option<Moment>,
    /// The last byte of CONNACK, or of the server's first record.
    pub connack_at: Option<Moment>,
    /// The client's first packet or record behind [`connack_at`](Self::connack_at).
    pub first_after_connack: Option<Moment>,
    /// The client's first PUBLISH of QoS 1 or 2, or SUBSCRIBE, that was answered; and the answer.
    pub first_ack: Option<(Moment, Moment)>,
    /// DISCONNECT of each side.
    pub disconnect: PerSide<Option<Mark>>,
    /// How many packets of each kind a side sent, as far as they were read or are likely.
    pub packets: PerSide<PacketCounts>,
    /// PUBLISH packets that were sent again.
    pub duplicates: PerSide<u64>,
    /// PUBLISH packets with the flag to be kept.
    pub retained: PerSide<u64>,
    /// From a side's PUBLISH (QoS 1, 2) to the peer's PUBACK or PUBREC.
    pub ack_latency: PerSide<Samples>,
    /// What a side asked and the peer has not answered yet.
    pub in_flight: PerSide<InFlight>,
    /// The client's pings.
    pub pings: Pings,
    /// The topics of all PUBLISH packets that were read.
    pub topics: Topics,
    /// Packets that the client sent between CONNECT and the server's first answer.
    pub sent_before_connack: u64,
    /// What was said, in sizes and moments: packets where they were read, else records.
    pub log: Log,
    /// The first protocol errors, in their order.
    pub errors: Vec<ProtocolError>,
    /// How many protocol errors are not in that list.
    pub errors_dropped: u64,
    /// The packet that a side had begun when it ended.
    pub incomplete: PerSide<Option<Incomplete>>,
    /// Why a side's stream could not be read any further.
    pub given_up: PerSide<Option<(Malformed, Moment)>>,
    /// How often bytes of a side were missing in the capture.
    pub gaps: PerSide<u32>,
    /// Whether packets were read.
    pub read: bool,
    /// Whether encrypted records were seen that could not be read.
    pub sealed: bool,
    /// Whether every PUBLISH among the encrypted records could be told.
    pub(super) publishes_told: bool,
}

packed! {
    struct Facts {
        version, connect, connack, disconnect_reason, connect_at, connack_at, first_after_connack, first_ack,
        disconnect, packets, duplicates, retained, ack_latency, in_flight, pings, topics, sent_before_connack, log,
        errors, errors_dropped, incomplete, given_up, gaps, read, sealed, publishes_told,
    }
}

impl Facts {
    /// The client id that counts: the server's, where it gave one.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        let assigned = self.connack.as_ref().and_then(|connack| connack.properties.assigned_client_id.as_deref());
        assigned.or_else(|| self.connect.as_ref().map(|connect| &*connect.client_id))
    }

    /// The keep-alive that counts, in seconds: the server's, where it gave one. 0: none.
    #[must_use]
    pub fn keep_alive(&self) -> Option<u16> {
        let server = self.connack.as_ref().and_then(|connack| connack.properties.server_keep_alive);
        server.or_else(|| self.connect.as_ref().map(|connect| connect.keep_alive))
    }

    /// The user name.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.connect.as_ref().and_then(|connect| connect.username.as_deref())
    }

    /// The server's answer to CONNECT.
    #[must_use]
    pub fn connack_code(&self) -> Option<ConnackCode> {
        self.connack.as_ref().map(|connack| connack.code)
    }

    /// How many PUBLISH packets a side sent; none where that is not known.
    #[must_use]
    pub fn published(&self, side: Side) -> Option<u64> {
        let is_known = if self.sealed { self.publishes_told } else { self.read };
        is_known.then(|| self.packets[side][PacketType::PUBLISH])
    }

    pub(super) fn note_error(&mut self, error: ProtocolError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        } else {
            self.errors_dropped += 1;
        }
    }

    /// Sets the version, where a better basis than before tells it.
    pub(super) fn note_version(&mut self, version: Version, basis: Basis) {
        if self.version.is_none_or(|(_, known)| basis.confidence() > known.confidence()) {
            self.version = Some((version, basis));
        }
    }

    /// A packet of the client, or a record that is one.
    pub(super) fn note_client(&mut self, at: Moment) {
        if self.connect_at.is_none() {
            self.connect_at = Some(at);
        } else if self.connack_at.is_none() {
            self.sent_before_connack += 1;
        } else {
            self.first_after_connack.get_or_insert(at);
        }
    }

    /// A packet of the server, or a record that is one.
    pub(super) fn note_server(&mut self, at: Moment) {
        self.connack_at.get_or_insert(at);
    }
}

/// Something that happened, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When it was complete.
    pub at: Moment,
    /// Read or inferred.
    pub basis: Basis,
}

packed! { struct Mark { at, basis } }

/// A packet that should not be, or not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    /// Its sender.
    pub by: Side,
    /// When.
    pub at: Moment,
    /// What is wrong.
    pub what: ErrorKind,
}

packed! { struct ProtocolError { by, at, what } }

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// It cannot be read.
    Malformed(Malformed),
    /// It is forbidden where it came.
    Forbidden(Violation),
}

packed! { enum ErrorKind { Malformed(what), Forbidden(what) } }

/// How many packets of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketCounts([u64; 16]);

packed! { struct PacketCounts(_) }

impl PacketCounts {
    /// The kinds that came, in the order of their numbers, and how many of each.
    pub fn iter(&self) -> impl Iterator<Item = (PacketType, u64)> + '_ {
        (0..).map(PacketType).zip(self.0).filter(|(_, count)| *count > 0)
    }

    pub(super) fn count(&mut self, kind: PacketType) {
        if let Some(count) = self.0.get_mut(usize::from(kind.0)) {
            *count += 1;
        }
    }
}

impl Index<PacketType> for PacketCounts {
    type Output = u64;

    fn index(&self, kind: PacketType) -> &u64 {
        self.0.get(usize::from(kind.0)).unwrap_or(&0)
    }
}

/// The client's pings (MQTT 5.0, 3.12).
#[derive(Clone, Debug, Default)]
pub struct Pings {
    /// PINGREQ packets.
    pub sent: u64,
    /// PINGRESP packets that answer one.
    pub answered: u64,
    /// From PINGREQ to PINGRESP.
    pub round_trips: Samples,
    /// From one PINGREQ to the next.
    pub intervals: Samples,
    /// The first PINGREQ that is not answered yet.
    pub unanswered_since: Option<Moment>,
    /// The last PINGREQ.
    pub last: Option<Moment>,
}

packed! { struct Pings { sent, answered, round_trips, intervals, unanswered_since, last } }

impl Pings {
    pub(super) fn request(&mut self, at: Moment) {
        self.sent += 1;
        if let Some(last) = self.last.replace(at) {
            self.intervals.add(at.at.since(last.at));
        }
        self.unanswered_since.get_or_insert(at);
    }

    /// Whether there was anything to answer.
    pub(super) fn answer(&mut self, at: Moment) -> bool {
        let Some(asked) = self.unanswered_since.take() else { return false };
        self.answered += 1;
        self.round_trips.add(at.at.since(asked.at));
        true
    }
}
