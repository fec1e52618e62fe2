//! The numbers that MQTT packets carry, with the names of the specifications. They stay numbers: an unknown one is never an
//! error.

use crate::pack::packed;
use std::fmt;

/// What a packet is (MQTT 5.0, 2.1.2): the upper four bits of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketType(pub u8);

packed! { struct PacketType(_) }

impl PacketType {
    /// CONNECT.
    pub const CONNECT: Self = Self(1);
    /// CONNACK.
    pub const CONNACK: Self = Self(2);
    /// PUBLISH.
    pub const PUBLISH: Self = Self(3);
    /// PUBACK.
    pub const PUBACK: Self = Self(4);
    /// PUBREC.
    pub const PUBREC: Self = Self(5);
    /// PUBREL.
    pub const PUBREL: Self = Self(6);
    /// PUBCOMP.
    pub const PUBCOMP: Self = Self(7);
    /// SUBSCRIBE.
    pub const SUBSCRIBE: Self = Self(8);
    /// SUBACK.
    pub const SUBACK: Self = Self(9);
    /// UNSUBSCRIBE.
    pub const UNSUBSCRIBE: Self = Self(10);
    /// UNSUBACK.
    pub const UNSUBACK: Self = Self(11);
    /// PINGREQ.
    pub const PINGREQ: Self = Self(12);
    /// PINGRESP.
    pub const PINGRESP: Self = Self(13);
    /// DISCONNECT.
    pub const DISCONNECT: Self = Self(14);
    /// AUTH (MQTT 5.0 only).
    pub const AUTH: Self = Self(15);

    /// The report's name: the packet's own in lower case. None for the reserved type 0.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::CONNECT => "connect",
            Self::CONNACK => "connack",
            Self::PUBLISH => "publish",
            Self::PUBACK => "puback",
            Self::PUBREC => "pubrec",
            Self::PUBREL => "pubrel",
            Self::PUBCOMP => "pubcomp",
            Self::SUBSCRIBE => "subscribe",
            Self::SUBACK => "suback",
            Self::UNSUBSCRIBE => "unsubscribe",
            Self::UNSUBACK => "unsuback",
            Self::PINGREQ => "pingreq",
            Self::PINGRESP => "pingresp",
            Self::DISCONNECT => "disconnect",
            Self::AUTH => "auth",
            _ => return None,
        })
    }
}

/// The specification's spelling: `CONNECT`.
impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(&name.to_ascii_uppercase()),
            None => write!(f, "packet type {}", self.0),
        }
    }
}

/// The protocol level of a CONNECT (MQTT 5.0, 3.1.2.2), without the bit by which a bridge tells that it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u8);

packed! { struct Version(_) }

impl Version {
    /// MQTT 3.1: the protocol's name is `MQIsdp`.
    pub const V3_1: Self = Self(3);
    /// MQTT 3.1.1.
    pub const V3_1_1: Self = Self(4);
    /// MQTT 5.0.
    pub const V5_0: Self = Self(5);
}

/// `3.1`, `3.1.1`, `5.0`, or the number in hex.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::V3_1 => "3.1",
            Self::V3_1_1 => "3.1.1",
            Self::V5_0 => "5.0",
            Self(other) => return write!(f, "{other:#04x}"),
        })
    }
}

/// How surely a message is to be delivered (MQTT 5.0, 4.3): 0 to 2; 3 is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QoS(pub u8);

packed! { struct QoS(_) }

impl QoS {
    /// At most once: no answer.
    pub const AT_MOST_ONCE: Self = Self(0);
    /// At least once: PUBACK.
    pub const AT_LEAST_ONCE: Self = Self(1);
    /// Exactly once: PUBREC, PUBREL, PUBCOMP.
    pub const EXACTLY_ONCE: Self = Self(2);
}

impl fmt::Display for QoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QoS {}", self.0)
    }
}

/// The answer to a CONNECT: a return code before MQTT 5.0 and in a refusal of that version, else a reason code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnackCode {
    /// MQTT 3.1 and 3.1.1, table 3.1.
    Return(u8),
    /// MQTT 5.0, 3.2.2.2.
    Reason(ReasonCode),
}

packed! { enum ConnackCode { Return(what), Reason(what) } }

impl ConnackCode {
    /// The number on the wire.
    #[must_use]
    pub const fn value(self) -> u8 {
        match self {
            Self::Return(code) | Self::Reason(ReasonCode(code)) => code,
        }
    }

    /// Whether the connection was accepted.
    #[must_use]
    pub const fn is_accepted(self) -> bool {
        self.value() == 0
    }

    /// The specification's words in lower case.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Return(0) => "connection accepted",
            Self::Return(1) => "unacceptable protocol version",
            Self::Return(2) => "identifier rejected",
            Self::Return(3) => "server unavailable",
            Self::Return(4) => "bad user name or password",
            Self::Return(5) => "not authorized",
            Self::Return(_) => return None,
            Self::Reason(reason) => return reason.name_in(PacketType::CONNACK),
        })
    }
}

/// `0x05 not authorized`, or the bare number.
impl fmt::Display for ConnackCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        code_with_name(f, self.value(), self.name())
    }
}

/// Why, in MQTT 5.0 (2.4); the codes of a 3.1.1 SUBACK agree with it. From 0x80 on it is a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonCode(pub u8);

packed! { struct ReasonCode(_) }

impl ReasonCode {
    /// Success; in a DISCONNECT: normal disconnection.
    pub const SUCCESS: Self = Self(0x00);
    /// Disconnect with will message.
    pub const DISCONNECT_WITH_WILL: Self = Self(0x04);
    /// No error told: unspecified error; in a SUBACK of 3.1.1: failure.
    pub const UNSPECIFIED: Self = Self(0x80);
    /// Malformed packet.
    pub const MALFORMED_PACKET: Self = Self(0x81);
    /// Protocol error.
    pub const PROTOCOL_ERROR: Self = Self(0x82);
    /// Not authorized.
    pub const NOT_AUTHORIZED: Self = Self(0x87);
    /// Server shutting down.
    pub const SERVER_SHUTTING_DOWN: Self = Self(0x8B);
    /// Keep alive timeout.
    pub const KEEP_ALIVE_TIMEOUT: Self = Self(0x8D);
    /// Session taken over.
    pub const SESSION_TAKEN_OVER: Self = Self(0x8E);
    /// Packet too large.
    pub const PACKET_TOO_LARGE: Self = Self(0x95);

    /// Whether it tells of a failure.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.0 >= 0x80
    }

    /// The specification's words in lower case; the code 0 depends on the packet.
    #[must_use]
    pub const fn name_in(self, packet: PacketType) -> Option<&'static str> {
        Some(match (self.0, packet) {
            (0x00, PacketType::DISCONNECT) => "normal disconnection",
            (0x00, PacketType::SUBACK) => "granted QoS 0",
            (0x00, _) => "success",
            (0x01, _) => "granted QoS 1",
            (0x02, _) => "granted QoS 2",
            (0x04, _) => "disconnect with will message",
            (0x10, _) => "no matching subscribers",
            (0x11, _) => "no subscription existed",
            (0x18, _) => "continue authentication",
            (0x19, _) => "re-authenticate",
            (0x80, _) => "unspecified error",
            (0x81, _) => "malformed packet",
            (0x82, _) => "protocol error",
            (0x83, _) => "implementation specific error",
            (0x84, _) => "unsupported protocol version",
            (0x85, _) => "client identifier not valid",
            (0x86, _) => "bad user name or password",
            (0x87, _) => "not authorized",
            (0x88, _) => "server unavailable",
            (0x89, _) => "server busy",
            (0x8A, _) => "banned",
            (0x8B, _) => "server shutting down",
            (0x8C, _) => "bad authentication method",
            (0x8D, _) => "keep alive timeout",
            (0x8E, _) => "session taken over",
            (0x8F, _) => "topic filter invalid",
            (0x90, _) => "topic name invalid",
            (0x91, _) => "packet identifier in use",
            (0x92, _) => "packet identifier not found",
            (0x93, _) => "receive maximum exceeded",
            (0x94, _) => "topic alias invalid",
            (0x95, _) => "packet too large",
            (0x96, _) => "message rate too high",
            (0x97, _) => "quota exceeded",
            (0x98, _) => "administrative action",
            (0x99, _) => "payload format invalid",
            (0x9A, _) => "retain not supported",
            (0x9B, _) => "QoS not supported",
            (0x9C, _) => "use another server",
            (0x9D, _) => "server moved",
            (0x9E, _) => "shared subscriptions not supported",
            (0x9F, _) => "connection rate exceeded",
            (0xA0, _) => "maximum connect time",
            (0xA1, _) => "subscription identifiers not supported",
            (0xA2, _) => "wildcard subscriptions not supported",
            _ => return None,
        })
    }

    /// Prints the code as it is meant in `packet`: `0x87 not authorized`.
    pub fn shown_in(self, packet: PacketType) -> impl fmt::Display {
        fmt::from_fn(move |f| code_with_name(f, self.0, self.name_in(packet)))
    }
}

fn code_with_name(f: &mut fmt::Formatter<'_>, code: u8, name: Option<&str>) -> fmt::Result {
    match name {
        Some(name) => write!(f, "{code:#04x} {name}"),
        None => write!(f, "{code:#04x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_named_as_its_packet_means_it() {
        assert_eq!(ReasonCode(0).shown_in(PacketType::DISCONNECT).to_string(), "0x00 normal disconnection");
        assert_eq!(ReasonCode(0).shown_in(PacketType::SUBACK).to_string(), "0x00 granted QoS 0");
        assert_eq!(ReasonCode(0x8E).shown_in(PacketType::DISCONNECT).to_string(), "0x8e session taken over");
        assert_eq!(ConnackCode::Return(5).to_string(), "0x05 not authorized");
        assert_eq!(ConnackCode::Reason(ReasonCode(0x87)).to_string(), "0x87 not authorized");
    }

    #[test]
    fn unknown_numbers_print_in_hex() {
        assert_eq!(ConnackCode::Return(0x42).to_string(), "0x42");
        assert_eq!(ReasonCode(0xF0).shown_in(PacketType::PUBACK).to_string(), "0xf0");
        assert_eq!(Version(9).to_string(), "0x09");
        assert_eq!(PacketType(0).to_string(), "packet type 0");
    }
}
