//! Control packets: frames come in, what they say goes out, in types of our own that keep the numbers of the wire.
//!
//! ```text
//! bytes ─▶ frame ─▶ decode ─▶ Packet
//!                     ├─ regular   (mqttbytes: what has many fields)
//!                     └─ tolerant  (ours: what is frequent, and what mqttbytes refuses or misreads)
//! ```
//!
//! Nothing here knows of a session: the version is an argument. Nothing fails: what cannot be read is a [`Malformed`].

mod decode;
pub(super) mod frame;
mod properties;
mod regular;
mod show;

pub(super) use decode::{decode, incomplete};
pub use properties::Properties;

use super::codes::{ConnackCode, PacketType, QoS, ReasonCode, Version};
use crate::pack::packed;
use crate::stream::Moment;
use std::fmt;
use std::sync::Arc;

/// The longest text of a packet that is kept, in bytes; longer ones are cut.
const MAX_TEXT: usize = 4096;

/// The most filters or codes of a packet that are kept.
const MAX_LIST: usize = 256;

/// A control packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// CONNECT.
    Connect(Arc<Connect>),
    /// CONNACK.
    Connack(Arc<Connack>),
    /// PUBLISH.
    Publish(Publish),
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Ack(Ack),
    /// SUBSCRIBE.
    Subscribe(Arc<Subscribe>),
    /// SUBACK or UNSUBACK.
    Answer(Answer),
    /// UNSUBSCRIBE.
    Unsubscribe(Arc<Unsubscribe>),
    /// PINGREQ.
    Pingreq,
    /// PINGRESP.
    Pingresp,
    /// DISCONNECT.
    Disconnect(Disconnect),
    /// AUTH.
    Auth(Auth),
}

packed! {
    enum Packet {
        Connect(what), Connack(what), Publish(what), Ack(what), Subscribe(what), Answer(what), Unsubscribe(what),
        Pingreq, Pingresp, Disconnect(what), Auth(what),
    }
}

impl Packet {
    /// What the packet is.
    #[must_use]
    pub const fn kind(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::CONNECT,
            Self::Connack(_) => PacketType::CONNACK,
            Self::Publish(_) => PacketType::PUBLISH,
            Self::Ack(ack) => ack.kind,
            Self::Subscribe(_) => PacketType::SUBSCRIBE,
            Self::Answer(answer) => answer.kind,
            Self::Unsubscribe(_) => PacketType::UNSUBSCRIBE,
            Self::Pingreq => PacketType::PINGREQ,
            Self::Pingresp => PacketType::PINGRESP,
            Self::Disconnect(_) => PacketType::DISCONNECT,
            Self::Auth(_) => PacketType::AUTH,
        }
    }
}

/// The client asks for a session (MQTT 5.0, 3.1). The password is never kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The protocol level.
    pub version: Version,
    /// The client says that it is a bridge (bit 0x80 of the level, as mosquitto does).
    pub is_bridge: bool,
    /// Clean session (3.1.1) or clean start (5.0).
    pub clean_start: bool,
    /// After so many seconds without a packet the server closes; 0: never.
    pub keep_alive: u16,
    /// The client id; empty: the server is to give one.
    pub client_id: Box<str>,
    /// What the server is to publish if the connection breaks.
    pub will: Option<Will>,
    /// The user name.
    pub username: Option<Box<str>>,
    /// Whether there is a password.
    pub has_password: bool,
    /// The properties of 5.0.
    pub properties: Properties,
}

packed! {
    struct Connect {
        version, is_bridge, clean_start, keep_alive, client_id, will, username, has_password, properties,
    }
}
packed! { once Connect }

/// The will of a client (MQTT 5.0, 3.1.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Its topic.
    pub topic: Box<str>,
    /// The length of its payload, in bytes.
    pub payload_length: u32,
    /// Its QoS.
    pub qos: QoS,
    /// Whether the server is to keep it.
    pub retain: bool,
}

packed! { struct Will { topic, payload_length, qos, retain } }

/// The server's answer to CONNECT (MQTT 5.0, 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connack {
    /// Whether the server kept an earlier session.
    pub session_present: bool,
    /// Accepted, or why not.
    pub code: ConnackCode,
    /// The properties of 5.0.
    pub properties: Properties,
}

packed! { struct Connack { session_present, code, properties } }
packed! { once Connack }

/// A message (MQTT 5.0, 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Its topic; empty where an alias that was not seen before stands for it.
    pub topic: Arc<str>,
    /// The number that stands for the topic.
    pub topic_alias: Option<u16>,
    /// Its QoS.
    pub qos: QoS,
    /// Sent again.
    pub dup: bool,
    /// To be kept, or kept before.
    pub retain: bool,
    /// Its identifier; none with QoS 0.
    pub packet_id: Option<u16>,
    /// The length of its payload, in bytes.
    pub payload_length: u32,
    /// The first bytes of the payload, if they are wanted.
    pub preview: Option<Box<[u8]>>,
}

packed! { struct Publish { topic, topic_alias, qos, dup, retain, packet_id, payload_length, preview } }

/// PUBACK, PUBREC, PUBREL or PUBCOMP (MQTT 5.0, 3.4 to 3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Which of them.
    pub kind: PacketType,
    /// The identifier of the PUBLISH.
    pub packet_id: u16,
    /// What became of it; always success before 5.0.
    pub reason: ReasonCode,
    /// Why, in the sender's words.
    pub reason_string: Option<Box<str>>,
}

packed! { struct Ack { kind, packet_id, reason, reason_string } }

/// The client asks for messages (MQTT 5.0, 3.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// Its identifier.
    pub packet_id: u16,
    /// The filters, with the highest QoS that the client wants.
    pub filters: Vec<(Box<str>, QoS)>,
}

packed! { struct Subscribe { packet_id, filters } }
packed! { once Subscribe }

/// SUBACK or UNSUBACK (MQTT 5.0, 3.9 and 3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which of them.
    pub kind: PacketType,
    /// The identifier of the SUBSCRIBE or UNSUBSCRIBE.
    pub packet_id: u16,
    /// A code for each filter; none in an UNSUBACK before 5.0.
    pub codes: Box<[ReasonCode]>,
}

packed! { struct Answer { kind, packet_id, codes } }

/// The client wants no more messages (MQTT 5.0, 3.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Its identifier.
    pub packet_id: u16,
    /// The filters.
    pub filters: Vec<Box<str>>,
}

packed! { struct Unsubscribe { packet_id, filters } }
packed! { once Unsubscribe }

/// The end of the session (MQTT 5.0, 3.14).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disconnect {
    /// Why; normal disconnection where nothing is said.
    pub reason: ReasonCode,
    /// Why, in the sender's words.
    pub reason_string: Option<Box<str>>,
    /// The server to use instead.
    pub server_reference: Option<Box<str>>,
}

packed! { struct Disconnect { reason, reason_string, server_reference } }

/// A step of an authentication (MQTT 5.0, 3.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// What it is for.
    pub reason: ReasonCode,
    /// How.
    pub method: Option<Box<str>>,
}

packed! { struct Auth { reason, method } }

/// A packet that had begun when its side ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// What it is.
    pub kind: PacketType,
    /// Its length with its header, in bytes.
    pub length: u64,
    /// How many bytes of it came.
    pub came: u64,
    /// When its first byte came.
    pub began: Moment,
    /// The topic of a PUBLISH.
    pub topic: Option<Box<str>>,
}

packed! { struct Incomplete { kind, length, came, began, topic } }

/// Why bytes are not the packet that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// The remaining length goes on behind its fourth byte.
    RemainingLength,
    /// The type 0.
    ReservedType,
    /// Flags that the type does not allow.
    ReservedFlags,
    /// The QoS 3.
    ReservedQoS,
    /// The identifier 0.
    PacketIdZero,
    /// The protocol's name is not MQTT's.
    ProtocolName,
    /// Its fields contradict its length.
    Fields(PacketType),
    /// HTTP stands where a CONNECT should: a browser, or MQTT over WebSocket.
    Http,
}

packed! {
    enum Malformed {
        RemainingLength, ReservedType, ReservedFlags, ReservedQoS, PacketIdZero, ProtocolName, Fields(what), Http,
    }
}

impl Malformed {
    /// Whether the packet's length cannot be relied on: where the next one begins is not known.
    #[must_use]
    pub const fn loses_framing(self) -> bool {
        matches!(self, Self::RemainingLength | Self::ReservedType | Self::ReservedFlags | Self::Http)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RemainingLength => "the remaining length is longer than four bytes",
            Self::ReservedType => "the packet type 0 is reserved",
            Self::ReservedFlags => "its flags are reserved",
            Self::ReservedQoS => "QoS 3 is reserved",
            Self::PacketIdZero => "the packet id is 0",
            Self::ProtocolName => "CONNECT names another protocol",
            Self::Http => "HTTP in place of MQTT",
            Self::Fields(kind) => return write!(f, "the fields of {kind} contradict its length"),
        })
    }
}

/// Text of a packet as it is kept: valid, and of bounded length.
fn text(bytes: &[u8]) -> Box<str> {
    let kept = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    String::from_utf8_lossy(kept).into()
}
