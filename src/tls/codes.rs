//! The numbers that every TLS record carries. They stay numbers: an unknown one is never an error.

use std::fmt;

/// A protocol version as it stands on the wire (RFC 8446, 4.2.1; RFC 5246, 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u16);

impl Version {
    /// SSL 2.0.
    pub const SSL_2_0: Self = Self(0x0002);
    /// SSL 3.0 (RFC 6101).
    pub const SSL_3_0: Self = Self(0x0300);
    /// TLS 1.0 (RFC 2246).
    pub const TLS_1_0: Self = Self(0x0301);
    /// TLS 1.1 (RFC 4346).
    pub const TLS_1_1: Self = Self(0x0302);
    /// TLS 1.2 (RFC 5246).
    pub const TLS_1_2: Self = Self(0x0303);
    /// TLS 1.3 (RFC 8446).
    pub const TLS_1_3: Self = Self(0x0304);
}

/// `1.2`, `SSL 3.0`, or the number in hex.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::SSL_2_0 => "SSL 2.0",
            Self::SSL_3_0 => "SSL 3.0",
            Self::TLS_1_0 => "1.0",
            Self::TLS_1_1 => "1.1",
            Self::TLS_1_2 => "1.2",
            Self::TLS_1_3 => "1.3",
            Self(other) => return write!(f, "{other:#06x}"),
        })
    }
}

/// What a record holds (RFC 8446, 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContentType(pub u8);

impl ContentType {
    /// ChangeCipherSpec.
    pub const CHANGE_CIPHER_SPEC: Self = Self(20);
    /// Alert.
    pub const ALERT: Self = Self(21);
    /// Handshake.
    pub const HANDSHAKE: Self = Self(22);
    /// Application data; in TLS 1.3 the outer type of everything that is encrypted.
    pub const APPLICATION_DATA: Self = Self(23);
    /// Heartbeat (RFC 6520).
    pub const HEARTBEAT: Self = Self(24);
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::CHANGE_CIPHER_SPEC => "change_cipher_spec",
            Self::ALERT => "alert",
            Self::HANDSHAKE => "handshake",
            Self::APPLICATION_DATA => "application_data",
            Self::HEARTBEAT => "heartbeat",
            Self(other) => return write!(f, "{other}"),
        })
    }
}
