//! The endpoints of a scenario: what a device and a broker are set to, what they do, and where they misbehave.

use super::{Millis, millis};
use serde::Deserialize;
use std::net::IpAddr;

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

/// A device.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Client {
    /// Its address; 192.0.2.10, .11, … if not given.
    pub address: Option<IpAddr>,
    /// When it opens its first connection.
    pub start_ms: Millis,
    /// How many connections it opens, one after the other.
    pub connections: u32,
    /// The pause between the end of one and the next.
    pub pause_ms: Millis,
    /// What it speaks.
    pub speaks: Speaks,
    /// Versions of TLS that it offers.
    pub tls: Vec<TlsVersion>,
    /// Cipher suites by the names of the registry; all, if empty.
    pub ciphers: Vec<String>,
    /// Groups in its order; X25519, if empty.
    pub groups: Vec<Group>,
    /// The name that it asks for; none is sent if empty.
    pub server_name: String,
    /// Protocols that it offers.
    pub alpn: Vec<String>,
    /// Whom it believes.
    pub trust: Trust,
    /// The alert that it sends instead of the library's when it does not believe.
    pub refusal: Option<Alert>,
    /// Its own certificate.
    pub certificate: Certificate,
    /// Its wall clock, in seconds since 1970; the capture's time if not given.
    pub clock: Option<u64>,
    /// The largest TLS record that it sends, in bytes with its header (32 to 16389); the library's own limit, if not given.
    pub record_size: Option<usize>,
    /// Whether later connections resume the session of earlier ones.
    pub resumption: bool,
    /// The version of MQTT.
    pub mqtt: MqttVersion,
    /// Its client identifier.
    pub client_id: String,
    /// Its keep-alive in seconds.
    pub keep_alive: u16,
    /// Whether the session starts anew.
    pub clean_session: bool,
    /// Its user name.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// What it does, in order; each step waits for its answer.
    pub steps: Vec<ClientStep>,
    /// How long it waits for an answer before it gives up.
    pub patience_ms: Option<Millis>,
    /// How it gives up.
    pub gives_up: Ending,
    /// Where it misbehaves.
    pub fault: Vec<Fault>,
    /// Its TCP.
    pub tcp: TcpSettings,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            address: None,
            start_ms: Millis::default(),
            connections: 1,
            pause_ms: millis(1000),
            speaks: Speaks::default(),
            tls: vec![TlsVersion::V12, TlsVersion::V13],
            ciphers: Vec::new(),
            groups: Vec::new(),
            server_name: "broker.example".to_owned(),
            alpn: Vec::new(),
            trust: Trust::default(),
            refusal: None,
            certificate: Certificate::Valid,
            clock: None,
            record_size: None,
            resumption: false,
            mqtt: MqttVersion::default(),
            client_id: "device-7".to_owned(),
            keep_alive: 60,
            clean_session: true,
            username: None,
            password: None,
            steps: vec![ClientStep::Connect, ClientStep::Disconnect],
            patience_ms: None,
            gives_up: Ending::Fin,
            fault: Vec::new(),
            tcp: TcpSettings::default(),
        }
    }
}

/// A broker.
#[derive(Clone, Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in a scenario's file")]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: u16,
    /// Whether anybody listens there.
    pub listens: bool,
    /// What it speaks.
    pub speaks: Speaks,
    /// Versions of TLS that it takes.
    pub tls: Vec<TlsVersion>,
    /// Cipher suites by the names of the registry; all, if empty.
    pub ciphers: Vec<String>,
    /// Groups that it takes; X25519, if empty.
    pub groups: Vec<Group>,
    /// Protocols that it takes.
    pub alpn: Vec<String>,
    /// Its certificate.
    pub certificate: Certificate,
    /// Whether it asks for the client's.
    pub client_auth: ClientAuth,
    /// The alert that it sends instead of the library's when it refuses a client.
    pub refusal: Option<Alert>,
    /// The largest TLS record that it sends, in bytes with its header (32 to 16389); the library's own limit, if not given.
    pub record_size: Option<usize>,
    /// Whether it lets sessions be resumed, and sends tickets for that.
    pub resumption: bool,
    /// The CONNACK's return code (3.1.1) or reason code (5.0).
    pub connack: u8,
    /// Topics that may not be published to; what it does then is `denial`.
    pub deny_publish: Vec<String>,
    /// Filters that may not be subscribed to.
    pub deny_subscribe: Vec<String>,
    /// Subscriptions that it answers with this SUBACK code instead of a close.
    pub suback_failure: Option<u8>,
    /// The largest payload that it takes, in bytes.
    pub max_payload: Option<usize>,
    /// How it ends a connection that did what it may not.
    pub denial: Ending,
    /// Whether it closes the older connection of a client identifier.
    pub takeover: bool,
    /// Whether it acknowledges publications.
    pub puback: bool,
    /// Whether it answers pings.
    pub pingresp: bool,
    /// How many keep-alives of silence it bears; 0 for ever.
    pub keep_alive_factor: f64,
    /// When it ends a session by itself, after the CONNACK.
    pub session_limit_ms: Option<Millis>,
    /// How it does that.
    pub session_end: Ending,
    /// The reason code of the DISCONNECT (5.0) that it says goodbye with.
    pub disconnect_reason: Option<u8>,
    /// Where it misbehaves.
    pub fault: Vec<Fault>,
    /// Its TCP.
    pub tcp: TcpSettings,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            address: None,
            port: 8883,
            listens: true,
            speaks: Speaks::default(),
            tls: vec![TlsVersion::V12, TlsVersion::V13],
            ciphers: Vec::new(),
            groups: Vec::new(),
            alpn: Vec::new(),
            certificate: Certificate::Valid,
            client_auth: ClientAuth::Required,
            refusal: None,
            record_size: None,
            resumption: true,
            connack: 0,
            deny_publish: Vec::new(),
            deny_subscribe: Vec::new(),
            suback_failure: None,
            max_payload: None,
            denial: Ending::CloseNotify,
            takeover: true,
            puback: true,
            pingresp: true,
            keep_alive_factor: 1.5,
            session_limit_ms: None,
            session_end: Ending::CloseNotify,
            disconnect_reason: None,
            fault: Vec::new(),
            tcp: TcpSettings::default(),
        }
    }
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

/// A step of a device's script.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientStep {
    /// CONNECT; waits for the CONNACK.
    Connect,
    /// CONNECT, and on at once.
    ConnectWithoutWaiting,
    /// SUBSCRIBE; waits for the SUBACK.
    Subscribe(Subscribe),
    /// PUBLISH; waits for the acknowledgement.
    Publish(Publish),
    /// PINGREQ; waits for the PINGRESP.
    Ping,
    /// So many PINGREQ, one a keep-alive; waits for each PINGRESP.
    Pings(u32),
    /// Waits, in milliseconds.
    WaitMs(u64),
    /// Waits for a message from the server.
    AwaitMessage,
    /// Bytes that are no valid packet, in hexadecimal.
    Raw(String),
    /// DISCONNECT, close_notify and FIN.
    Disconnect,
    /// DISCONNECT, close_notify and RST, as some SDKs end a session that went well.
    DisconnectAndReset,
    /// close_notify and FIN.
    CloseNotify,
    /// FIN.
    Fin,
    /// RST.
    Reset,
    /// Nothing, for ever: the device hangs, its TCP lives.
    Hang,
    /// The device is gone: not even its TCP answers.
    Vanish,
}

/// SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Topic filters.
    pub filters: Vec<String>,
    /// The quality of service asked for.
    #[serde(default)]
    pub qos: u8,
}

/// PUBLISH.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The topic name.
    pub topic: String,
    /// Bytes of payload.
    pub size: usize,
    /// Quality of service.
    #[serde(default)]
    pub qos: u8,
    /// How many.
    #[serde(default = "one_u32")]
    pub count: u32,
    /// The time between two.
    #[serde(default)]
    pub every_ms: Millis,
}

const fn one_u32() -> u32 {
    1
}
