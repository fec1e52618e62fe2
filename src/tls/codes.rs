//! The numbers that every TLS record carries. They stay numbers: an unknown one is never an error.

use crate::pack::packed;
use std::fmt;

/// A protocol version as it stands on the wire (RFC 8446, 4.2.1; RFC 5246, 6.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u16);

packed! { struct Version(_) }

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
    /// The first draft of TLS 1.3 that browsers spoke.
    pub const TLS_1_3_DRAFT_18: Self = Self(0x7f12);
    /// The last draft whose ServerHello has a shape of its own.
    pub const TLS_1_3_DRAFT_21: Self = Self(0x7f15);
    /// The first draft whose records authenticate their headers.
    pub const TLS_1_3_DRAFT_25: Self = Self(0x7f19);
    /// The last draft.
    pub const TLS_1_3_DRAFT_28: Self = Self(0x7f1c);

    /// Whether it is TLS 1.3 or a draft of it.
    #[must_use]
    pub fn is_tls13(self) -> bool {
        self == Self::TLS_1_3 || (Self::TLS_1_3_DRAFT_18..=Self::TLS_1_3_DRAFT_28).contains(&self)
    }
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

packed! { struct ContentType(_) }

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

/// What a handshake message is (RFC 8446, 4; RFC 5246, 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandshakeType(pub u8);

packed! { struct HandshakeType(_) }

impl HandshakeType {
    /// HelloRequest: the server asks for a renegotiation (TLS 1.2).
    pub const HELLO_REQUEST: Self = Self(0);
    /// ClientHello.
    pub const CLIENT_HELLO: Self = Self(1);
    /// ServerHello, and by its random HelloRetryRequest.
    pub const SERVER_HELLO: Self = Self(2);
    /// NewSessionTicket.
    pub const NEW_SESSION_TICKET: Self = Self(4);
    /// EndOfEarlyData (TLS 1.3).
    pub const END_OF_EARLY_DATA: Self = Self(5);
    /// EncryptedExtensions (TLS 1.3).
    pub const ENCRYPTED_EXTENSIONS: Self = Self(8);
    /// Certificate.
    pub const CERTIFICATE: Self = Self(11);
    /// ServerKeyExchange (TLS 1.2).
    pub const SERVER_KEY_EXCHANGE: Self = Self(12);
    /// CertificateRequest.
    pub const CERTIFICATE_REQUEST: Self = Self(13);
    /// ServerHelloDone (TLS 1.2).
    pub const SERVER_HELLO_DONE: Self = Self(14);
    /// CertificateVerify.
    pub const CERTIFICATE_VERIFY: Self = Self(15);
    /// ClientKeyExchange (TLS 1.2).
    pub const CLIENT_KEY_EXCHANGE: Self = Self(16);
    /// Finished.
    pub const FINISHED: Self = Self(20);
    /// CertificateStatus (RFC 6066, 8).
    pub const CERTIFICATE_STATUS: Self = Self(22);
    /// KeyUpdate (TLS 1.3).
    pub const KEY_UPDATE: Self = Self(24);
    /// CompressedCertificate (RFC 8879).
    pub const COMPRESSED_CERTIFICATE: Self = Self(25);

    /// The registry's name.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::HELLO_REQUEST => "hello_request",
            Self::CLIENT_HELLO => "client_hello",
            Self::SERVER_HELLO => "server_hello",
            Self::NEW_SESSION_TICKET => "new_session_ticket",
            Self::END_OF_EARLY_DATA => "end_of_early_data",
            Self::ENCRYPTED_EXTENSIONS => "encrypted_extensions",
            Self::CERTIFICATE => "certificate",
            Self::SERVER_KEY_EXCHANGE => "server_key_exchange",
            Self::CERTIFICATE_REQUEST => "certificate_request",
            Self::SERVER_HELLO_DONE => "server_hello_done",
            Self::CERTIFICATE_VERIFY => "certificate_verify",
            Self::CLIENT_KEY_EXCHANGE => "client_key_exchange",
            Self::FINISHED => "finished",
            Self::CERTIFICATE_STATUS => "certificate_status",
            Self::KEY_UPDATE => "key_update",
            Self::COMPRESSED_CERTIFICATE => "compressed_certificate",
            _ => return None,
        })
    }
}

impl fmt::Display for HandshakeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "handshake message {}", self.0),
        }
    }
}

/// A group for the key exchange (RFC 8446, 4.2.7; IANA "TLS Supported Groups").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NamedGroup(pub u16);

packed! { struct NamedGroup(_) }

impl NamedGroup {
    /// secp256r1, also called P-256.
    pub const SECP256R1: Self = Self(23);
    /// x25519 (RFC 7748).
    pub const X25519: Self = Self(29);
}

impl fmt::Display for NamedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            21 => "secp224r1",
            22 => "secp256k1",
            23 => "secp256r1",
            24 => "secp384r1",
            25 => "secp521r1",
            26 => "brainpoolP256r1",
            27 => "brainpoolP384r1",
            28 => "brainpoolP512r1",
            29 => "x25519",
            30 => "x448",
            31 => "brainpoolP256r1tls13",
            32 => "brainpoolP384r1tls13",
            33 => "brainpoolP512r1tls13",
            41 => "curveSM2",
            256 => "ffdhe2048",
            257 => "ffdhe3072",
            258 => "ffdhe4096",
            259 => "ffdhe6144",
            260 => "ffdhe8192",
            512 => "MLKEM512",
            513 => "MLKEM768",
            514 => "MLKEM1024",
            4587 => "SecP256r1MLKEM768",
            4588 => "X25519MLKEM768",
            4589 => "SecP384r1MLKEM1024",
            25497 => "X25519Kyber768Draft00",
            other => return write!(f, "{other:#06x}"),
        })
    }
}

/// How a signature is made (RFC 8446, 4.2.3; in TLS 1.2 a pair of hash and signature, RFC 5246, 7.4.1.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignatureScheme(pub u16);

packed! { struct SignatureScheme(_) }

impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            0x0101 => "rsa_pkcs1_md5",
            0x0201 => "rsa_pkcs1_sha1",
            0x0202 => "dsa_sha1",
            0x0203 => "ecdsa_sha1",
            0x0301 => "rsa_pkcs1_sha224",
            0x0303 => "ecdsa_sha224",
            0x0401 => "rsa_pkcs1_sha256",
            0x0402 => "dsa_sha256",
            0x0403 => "ecdsa_secp256r1_sha256",
            0x0501 => "rsa_pkcs1_sha384",
            0x0503 => "ecdsa_secp384r1_sha384",
            0x0601 => "rsa_pkcs1_sha512",
            0x0603 => "ecdsa_secp521r1_sha512",
            0x0804 => "rsa_pss_rsae_sha256",
            0x0805 => "rsa_pss_rsae_sha384",
            0x0806 => "rsa_pss_rsae_sha512",
            0x0807 => "ed25519",
            0x0808 => "ed448",
            0x0809 => "rsa_pss_pss_sha256",
            0x080a => "rsa_pss_pss_sha384",
            0x080b => "rsa_pss_pss_sha512",
            0x0904 => "mldsa44",
            0x0905 => "mldsa65",
            0x0906 => "mldsa87",
            other => return write!(f, "{other:#06x}"),
        })
    }
}

/// Whether a value is a placeholder that clients send to keep servers tolerant (GREASE: RFC 8701, 2).
#[must_use]
pub const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}
