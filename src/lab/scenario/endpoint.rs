//! What both endpoints of a scenario are made of: versions, certificates, TCP, endings, and the faults that either may have.

use super::Millis;
use serde::Deserialize;

/// What an endpoint says on a fresh connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaks {
    /// TLS, and MQTT in it.
    #[default]
    Tls,
    /// MQTT in clear.
    Mqtt,
    /// HTTP in clear.
    Http,
    /// A line of text that is neither.
    Text,
    /// Nothing at all.
    Nothing,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[serde(rename = "1.2")]
    V12,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    V13,
}

/// A version of MQTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum MqttVersion {
    /// MQTT 3.1.1.
    #[default]
    #[serde(rename = "3.1.1")]
    V311,
    /// MQTT 5.0.
    #[serde(rename = "5")]
    V5,
}

/// A key exchange group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// X25519.
    X25519,
    /// NIST P-256.
    Secp256r1,
    /// The hybrid of today's stacks; servers here take its X25519 part.
    X25519MlKem768,
}

/// A certificate and what is wrong with it. The capture's time is 1 March 2026 unless the scenario says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certificate {
    /// Nothing: Ed25519, issued by the lab's authority, with its chain.
    #[default]
    Valid,
    /// The endpoint has none (a server falls silent about it, a client sends an empty message).
    None,
    /// Nothing: RSA-2048; TLS 1.2 only.
    Rsa,
    /// Nothing, but it has sixty names: its chain does not fit into one segment.
    Large,
    /// RSA-1024; TLS 1.2 only.
    WeakRsa,
    /// It ended on 1 February 2026.
    Expired,
    /// It begins on 1 June 2026.
    NotYetValid,
    /// It ends on 6 March 2026.
    ExpiresSoon,
    /// It names `other.example`.
    WrongName,
    /// An authority issued it that nobody trusts.
    UnknownCa,
    /// It is its own issuer.
    SelfSigned,
    /// It comes without the intermediate certificate.
    IncompleteChain,
    /// The broker's revocation list names it.
    Revoked,
    /// An inspecting proxy issued it.
    Interception,
    /// The endpoint signs with the key of another certificate.
    WrongKey,
}

/// Whom a client believes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// The lab's authority.
    #[default]
    Lab,
    /// Another authority.
    Foreign,
    /// Anybody.
    Anything,
}

/// Whether the broker asks for the client's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// It asks, and refuses who has none.
    #[default]
    Required,
    /// It asks.
    Optional,
    /// It does not ask.
    None,
}

/// What an endpoint's TCP is set to.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TcpSettings {
    /// Largest IP packet in bytes.
    pub mtu: usize,
    /// The TTL (hop limit) that it sends.
    pub hop_limit: u8,
    /// Receive buffer in bytes: the largest window.
    pub receive_buffer: usize,
    /// Whether it reads what it receives.
    pub reads: bool,
    /// Gives up a connection whose peer has been silent for so long.
    pub timeout_ms: Option<Millis>,
}

impl Default for TcpSettings {
    fn default() -> Self {
        Self { mtu: 1500, hop_limit: 64, receive_buffer: 64 * 1024, reads: true, timeout_ms: None }
    }
}

/// How an endpoint ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// close_notify, then FIN.
    CloseNotify,
    /// FIN without a word of TLS.
    Fin,
    /// RST.
    Reset,
}

/// A point at which an endpoint may misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// TCP is established, and nothing was said.
    Established,
    /// Server: the ClientHello is there, the answer is not.
    ClientHello,
    /// Client: the server's first bytes are there. Nothing of them is read.
    ServerHello,
    /// Client: its own flight is ready, and not sent.
    ServerFlight,
    /// Server: the client's flight is there, its own answer is ready and not sent.
    ClientFlight,
    /// Server: CONNECT was read.
    Connect,
    /// Server: PUBLISH was read.
    Publish,
    /// Server: SUBSCRIBE was read.
    Subscribe,
    /// Server: PINGREQ was read.
    Ping,
}

/// A misbehaviour at one point.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Where.
    pub at: Point,
    /// What it does.
    #[serde(rename = "do")]
    pub deed: Deed,
    /// How long it waits before it does so.
    #[serde(default)]
    pub wait_ms: Millis,
    /// On which of its connections, from 1; on all, if not given.
    pub connection: Option<u32>,
}

/// What a misbehaving endpoint does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Goes on as if nothing were: with a wait, it is only late.
    GoOn,
    /// Says nothing any more, and stays.
    Silence,
    /// FIN.
    Fin,
    /// RST.
    Reset,
    /// close_notify as far as there are keys, then FIN.
    CloseNotify,
    /// A fatal alert in clear, then FIN.
    Alert(Alert),
    /// Bytes in clear, then FIN.
    Say(String),
    /// Only so many bytes of what it would have sent, then silence.
    Part(usize),
}

/// Alerts by their registered names (RFC 8446, 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the registry's")]
pub enum Alert {
    HandshakeFailure = 40,
    BadCertificate = 42,
    UnsupportedCertificate = 43,
    CertificateRevoked = 44,
    CertificateExpired = 45,
    CertificateUnknown = 46,
    UnknownCa = 48,
    AccessDenied = 49,
    DecryptError = 51,
    ProtocolVersion = 70,
    InsufficientSecurity = 71,
    InternalError = 80,
    UserCanceled = 90,
    UnrecognizedName = 112,
    NoApplicationProtocol = 120,
}
