//! What an encrypted record is taken for.

use super::PlaintextLen;
use crate::evidence::Confidence;
use crate::mqtt::codes::PacketType;
use crate::pack::{Pack, Packer, Unpacker, packed};
use std::fmt;

/// What an encrypted record is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// CONNECT: the client's first packet.
    Connect,
    /// CONNACK: the server's first packet.
    Connack,
    /// PUBLISH that nobody acknowledged: QoS 0, or the answer is missing.
    Publish,
    /// PUBLISH that was acknowledged: QoS 1 or 2.
    AcknowledgedPublish,
    /// An acknowledgement: PUBACK, PUBREC, PUBREL or PUBCOMP.
    Ack(PacketType),
    /// SUBSCRIBE.
    Subscribe,
    /// SUBACK for so many filters.
    Suback {
        /// How many.
        filters: u32,
    },
    /// UNSUBSCRIBE.
    Unsubscribe,
    /// UNSUBACK.
    Unsuback,
    /// PINGREQ.
    Pingreq,
    /// PINGRESP.
    Pingresp,
    /// DISCONNECT.
    Disconnect,
}

packed! {
    enum Reading {
        Connect, Connack, Publish, AcknowledgedPublish, Ack(what), Subscribe, Suback { filters }, Unsubscribe, Unsuback,
        Pingreq, Pingresp, Disconnect,
    }
}

impl Reading {
    /// The packet.
    #[must_use]
    pub const fn kind(self) -> PacketType {
        match self {
            Self::Connect => PacketType::CONNECT,
            Self::Connack => PacketType::CONNACK,
            Self::Publish | Self::AcknowledgedPublish => PacketType::PUBLISH,
            Self::Ack(kind) => kind,
            Self::Subscribe => PacketType::SUBSCRIBE,
            Self::Suback { .. } => PacketType::SUBACK,
            Self::Unsubscribe => PacketType::UNSUBSCRIBE,
            Self::Unsuback => PacketType::UNSUBACK,
            Self::Pingreq => PacketType::PINGREQ,
            Self::Pingresp => PacketType::PINGRESP,
            Self::Disconnect => PacketType::DISCONNECT,
        }
    }
}

/// A reading of one encrypted record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inference {
    /// What it is taken for.
    pub reading: Reading,
    /// How many bytes of MQTT the record holds.
    pub len: PlaintextLen,
    /// How sure the reading is.
    pub confidence: Confidence,
    /// What else it could be; empty where nothing else explains it.
    pub or: &'static str,
}

/// All that [`Inference::or`] may be, so that it can be packed as its place here; a connection with another one does not sleep.
const ALTERNATIVES: &[&str] = &[
    "",
    "DISCONNECT",
    "DISCONNECT with its reason",
    "DISCONNECT, and the server's close_notify",
    "DISCONNECT, or close_notify",
    "PINGREQ and DISCONNECT in one record",
    "PINGREQ, and its answer right before the end",
    "PUBACK",
    "PUBACK with its reason, or UNSUBACK",
    "PUBLISH",
    "PUBLISH of QoS 1",
    "PUBLISH, and one next to it is the SUBSCRIBE",
    "SUBACK and a message in one record",
    "SUBACK, UNSUBACK or PUBREC",
    "SUBSCRIBE or UNSUBSCRIBE",
    "a message, or several acknowledgements in one record",
    "a small message, and its acknowledgement",
    "a small message, or PINGREQ",
    "a ticket of TLS, or several packets in one record",
    "an acknowledgement",
    "an answer to what was sent early may be in the same record",
    "close_notify alone, or PINGREQ",
    "several acknowledgements in one record",
    super::run::OR_ACK_OF_QOS_2,
    super::exchange::OR_SUBSCRIBE,
];

impl Pack for Inference {
    fn pack(&self, to: &mut Packer) {
        let Self { reading, len, confidence, or } = self;
        reading.pack(to);
        len.pack(to);
        confidence.pack(to);
        match ALTERNATIVES.iter().position(|known| known == or) {
            Some(place) => place.pack(to),
            None => to.refuse(),
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            reading: Pack::unpack(from)?,
            len: Pack::unpack(from)?,
            confidence: Pack::unpack(from)?,
            or: ALTERNATIVES.get(usize::unpack(from)?)?,
        })
    }
}

impl Inference {
    /// The report's name of the event.
    #[must_use]
    pub fn event_name(&self) -> &'static str {
        self.reading.kind().name().unwrap_or("malformed")
    }
}

/// `acknowledged, by its 128 bytes`; a doubtful one goes on with what else it could be.
impl fmt::Display for Inference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reading {
            Reading::Connect if self.len.is_exact() => {
                write!(f, "client id of at most {} bytes, ", self.len.max.saturating_sub(super::MIN_CONNECT))?;
            }
            Reading::AcknowledgedPublish => f.write_str("acknowledged, ")?,
            Reading::Publish => f.write_str("not acknowledged, ")?,
            Reading::Suback { filters: 1 } => f.write_str("one filter, ")?,
            Reading::Suback { filters } => write!(f, "{filters} filters, ")?,
            _ => {}
        }
        f.write_str("by its ")?;
        if !self.len.is_exact() {
            write!(f, "{} to ", self.len.min)?;
        }
        write!(f, "{} bytes", self.len.max)?;
        match self.or {
            "" => Ok(()),
            or => write!(f, "; or {or}"),
        }
    }
}
