//! The device of a scenario: what it is set to, and the steps of its script.

use super::{
    Alert, Certificate, Ending, Fault, Group, Millis, MqttVersion, Speaks, TcpSettings, TlsVersion, Trust, millis,
};
use serde::Deserialize;
use std::net::IpAddr;

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
    #[serde(rename = "wait_ms")]
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
    /// Whether it waits for the acknowledgement.
    #[serde(default = "yes")]
    pub wait: bool,
}

const fn one_u32() -> u32 {
    1
}

const fn yes() -> bool {
    true
}
