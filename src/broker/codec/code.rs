//! Return codes of 3.1.1 and reason codes of 5.0: numbers with the specification's names, in words for people.

use super::MqttVersion;
use std::fmt;

/// A reason code of MQTT 5.0 (2.4); in a SUBACK of 3.1.1 the granted QoS or 0x80.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonCode(pub u8);

#[expect(missing_docs, reason = "the names are the specification's own")]
impl ReasonCode {
    pub const SUCCESS: Self = Self(0x00);
    pub const DISCONNECT_WITH_WILL: Self = Self(0x04);
    pub const NO_MATCHING_SUBSCRIBERS: Self = Self(0x10);
    pub const NO_SUBSCRIPTION_EXISTED: Self = Self(0x11);
    pub const UNSPECIFIED_ERROR: Self = Self(0x80);
    pub const MALFORMED_PACKET: Self = Self(0x81);
    pub const PROTOCOL_ERROR: Self = Self(0x82);
    pub const NOT_AUTHORIZED: Self = Self(0x87);
    pub const SERVER_SHUTTING_DOWN: Self = Self(0x8b);
    pub const BAD_AUTHENTICATION_METHOD: Self = Self(0x8c);
    pub const KEEP_ALIVE_TIMEOUT: Self = Self(0x8d);
    pub const SESSION_TAKEN_OVER: Self = Self(0x8e);
    pub const TOPIC_FILTER_INVALID: Self = Self(0x8f);
    pub const TOPIC_NAME_INVALID: Self = Self(0x90);
    pub const PACKET_IDENTIFIER_NOT_FOUND: Self = Self(0x92);
    pub const RECEIVE_MAXIMUM_EXCEEDED: Self = Self(0x93);
    pub const TOPIC_ALIAS_INVALID: Self = Self(0x94);
    pub const PACKET_TOO_LARGE: Self = Self(0x95);
    pub const QUOTA_EXCEEDED: Self = Self(0x97);
    pub const SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: Self = Self(0x9e);
    pub const SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED: Self = Self(0xa1);

    /// Codes from 0x80 say that the packet failed (5.0, 2.4).
    pub const fn is_error(self) -> bool {
        self.0 >= 0x80
    }

    /// The specification's name in lower case, where it has one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0x00 => "success",
            0x01 => "granted QoS 1",
            0x02 => "granted QoS 2",
            0x04 => "disconnect with will message",
            0x10 => "no matching subscribers",
            0x11 => "no subscription existed",
            0x18 => "continue authentication",
            0x19 => "re-authenticate",
            0x80 => "unspecified error",
            0x81 => "malformed packet",
            0x82 => "protocol error",
            0x83 => "implementation specific error",
            0x84 => "unsupported protocol version",
            0x85 => "client identifier not valid",
            0x86 => "bad user name or password",
            0x87 => "not authorized",
            0x88 => "server unavailable",
            0x89 => "server busy",
            0x8a => "banned",
            0x8b => "server shutting down",
            0x8c => "bad authentication method",
            0x8d => "keep alive timeout",
            0x8e => "session taken over",
            0x8f => "topic filter invalid",
            0x90 => "topic name invalid",
            0x91 => "packet identifier in use",
            0x92 => "packet identifier not found",
            0x93 => "receive maximum exceeded",
            0x94 => "topic alias invalid",
            0x95 => "packet too large",
            0x96 => "message rate too high",
            0x97 => "quota exceeded",
            0x98 => "administrative action",
            0x99 => "payload format invalid",
            0x9a => "retain not supported",
            0x9b => "QoS not supported",
            0x9c => "use another server",
            0x9d => "server moved",
            0x9e => "shared subscriptions not supported",
            0x9f => "connection rate exceeded",
            0xa0 => "maximum connect time",
            0xa1 => "subscription identifiers not supported",
            0xa2 => "wildcard subscriptions not supported",
            _ => return None,
        })
    }
}

/// `not authorized (0x87)`, or the number alone.
impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (0x{:02x})", self.0),
            None => write!(f, "0x{:02x}", self.0),
        }
    }
}

/// The code of a CONNACK: 0 accepts; 1 to 5 are the refusals of 3.1.1 (3.2.2.3), those from 0x80 of 5.0. They do not
/// overlap, so the number alone tells which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectCode(pub u8);

impl ConnectCode {
    /// The client is let in.
    pub const ACCEPTED: Self = Self(0);

    /// Refused: the server does not speak the version that the client asked for.
    pub const fn unacceptable_version(version: MqttVersion) -> Self {
        Self::of(version, 1, 0x84)
    }

    /// Refused: the client identifier cannot be used.
    pub const fn identifier_rejected(version: MqttVersion) -> Self {
        Self::of(version, 2, 0x85)
    }

    /// Refused: too many clients.
    pub const fn server_unavailable(version: MqttVersion) -> Self {
        Self::of(version, 3, 0x88)
    }

    /// Refused: wrong user name or password.
    pub const fn bad_login(version: MqttVersion) -> Self {
        Self::of(version, 4, 0x86)
    }

    /// Refused: a policy forbids it.
    pub const fn not_authorized(version: MqttVersion) -> Self {
        Self::of(version, 5, 0x87)
    }

    const fn of(version: MqttVersion, v311: u8, v5: u8) -> Self {
        Self(match version {
            MqttVersion::V311 => v311,
            MqttVersion::V5 => v5,
        })
    }
}

/// `not authorized (5)`, `not authorized (0x87)`, or the number alone.
impl fmt::Display for ConnectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "accepted",
            1 => "unacceptable protocol version",
            2 => "identifier rejected",
            3 => "server unavailable",
            4 => "bad user name or password",
            5 => "not authorized",
            code => return ReasonCode(code).fmt(f),
        };
        write!(f, "{name} ({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_print_with_the_specification_s_name() {
        assert_eq!(ReasonCode::SESSION_TAKEN_OVER.to_string(), "session taken over (0x8e)");
        assert_eq!(ReasonCode(0xee).to_string(), "0xee");
        assert_eq!(ConnectCode::not_authorized(MqttVersion::V311).to_string(), "not authorized (5)");
        assert_eq!(ConnectCode::not_authorized(MqttVersion::V5).to_string(), "not authorized (0x87)");
        assert_eq!(ConnectCode(0x42).to_string(), "0x42");
    }
}
