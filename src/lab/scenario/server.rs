//! The broker of a scenario: what it is set to, what it allows, and how it ends a connection.

use super::{Alert, Certificate, ClientAuth, Ending, Fault, Group, Millis, Speaks, TcpSettings, TlsVersion};
use serde::Deserialize;
use std::net::IpAddr;

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
