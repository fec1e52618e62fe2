//! What an MQTT connection shows, one event a packet: its kind by the report's name and a detail of one line.

use super::codes::PacketType;
use super::infer::Inference;
use super::packet::{Incomplete, Malformed, Packet};
use crate::pack::packed;
use std::fmt;

/// One packet, or one fact about the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A packet that was read.
    Packet(Packet),
    /// A packet that had begun when its side ended.
    Incomplete(Box<Incomplete>),
    /// What an encrypted record must be, by its length, place and time.
    Inferred(Inference),
    /// Bytes that are not the packet that they should be.
    Malformed(Malformed),
    /// A packet that the specification forbids where it came.
    ProtocolError(Violation),
}

packed! { enum Event { Packet(what), Incomplete(what), Inferred(what), Malformed(what), ProtocolError(what) } }

impl Event {
    /// The report's name of this kind of event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Packet(packet) => packet.kind().name().unwrap_or("malformed"),
            Self::Incomplete(packet) => packet.kind.name().unwrap_or("malformed"),
            Self::Inferred(inference) => inference.event_name(),
            Self::Malformed(_) => "malformed",
            Self::ProtocolError(_) => "protocol_error",
        }
    }
}

/// The detail of an event in one line; empty where the name says all.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet(packet) => packet.fmt(f),
            Self::Incomplete(packet) => packet.fmt(f),
            Self::Inferred(inference) => inference.fmt(f),
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::ProtocolError(violation) => violation.fmt(f),
        }
    }
}

/// What a side did against the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Violation {
    /// A second CONNECT (MQTT 5.0, 3.1).
    SecondConnect,
    /// A second CONNACK.
    SecondConnack,
    /// The client begins with another packet than CONNECT (3.1).
    NotConnectFirst(PacketType),
    /// The server begins with another packet than CONNACK, or AUTH (3.2).
    NotConnackFirst(PacketType),
    /// A packet that only the other side may send (2.1.2).
    WrongDirection(PacketType),
    /// A packet behind the sender's DISCONNECT (3.14.4).
    AfterDisconnect(PacketType),
    /// An answer to nothing that was asked.
    UnknownPacketId(PacketType, u16),
    /// A topic alias that was not introduced (3.3.2.3.4).
    UnknownTopicAlias(u16),
}

packed! {
    enum Violation {
        SecondConnect, SecondConnack, NotConnectFirst(what), NotConnackFirst(what), WrongDirection(what),
        AfterDisconnect(what), UnknownPacketId(what, more), UnknownTopicAlias(what),
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecondConnect => f.write_str("a second CONNECT"),
            Self::SecondConnack => f.write_str("a second CONNACK"),
            Self::NotConnectFirst(kind) => write!(f, "the client begins with {kind}"),
            Self::NotConnackFirst(kind) => write!(f, "the server begins with {kind}"),
            Self::WrongDirection(kind) => write!(f, "this side may not send {kind}"),
            Self::AfterDisconnect(kind) => write!(f, "{kind} after DISCONNECT"),
            Self::UnknownPacketId(kind, id) => write!(f, "{kind} for packet id {id}, which is not in use"),
            Self::UnknownTopicAlias(alias) => write!(f, "the topic alias {alias} was not introduced"),
        }
    }
}
