//! What each protocol of a connection did: TCP, TLS, MQTT.

use super::scalar::words;
use super::{Actor, FrameRef, Millis, PerSide, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What TCP did. The words of the analysis are Wireshark's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tcp {
    /// Zeek's letters of conn.log.
    pub history: String,
    /// Wireshark's `tcp.completeness`: SYN 1, SYN-ACK 2, ACK 4, data 8, FIN 16, RST 32.
    pub completeness: u8,
    /// Round trips measured over the whole connection.
    pub rtt: Option<RoundTrips>,
    /// Segments that each side sent again.
    pub retransmissions: PerSide<u64>,
    /// Acknowledgements that repeated the last one.
    pub duplicate_acks: u64,
    /// Segments that came after a later one.
    pub out_of_order: u64,
    /// Segments that closed the window.
    pub zero_window: u64,
    /// Bytes that the capture lacks.
    pub missed_bytes: u64,
    /// The maximum segment size that each side announced.
    pub mss: PerSide<Option<u16>>,
}

/// How round trips were spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoundTrips {
    /// The shortest.
    pub min: Millis,
    /// The median.
    pub median: Millis,
    /// The longest.
    pub max: Millis,
}

/// What TLS did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tls {
    /// The version that was chosen: `1.0` … `1.3`.
    pub version: Option<String>,
    /// The versions that the client offered.
    pub offered_versions: Vec<String>,
    /// The cipher suite that was chosen, by IANA's name or in hex.
    pub cipher: Option<String>,
    /// The cipher suites that the client offered.
    pub offered_ciphers: Vec<String>,
    /// The group of the key exchange.
    pub group: Option<String>,
    /// The name in the client's server_name extension.
    pub server_name: Option<String>,
    /// The application protocol that was chosen.
    pub alpn: Option<String>,
    /// The application protocols that the client offered.
    pub alpn_offered: Vec<String>,
    /// Whether an earlier session was resumed.
    pub resumed: Option<bool>,
    /// Whether the server asked for another ClientHello.
    pub hello_retry: Option<bool>,
    /// The client's JA3 fingerprint.
    pub ja3: Option<String>,
    /// The client's JA4 fingerprint.
    pub ja4: Option<String>,
    /// Zeek's letters of ssl.log.
    pub history: String,
    /// The certificates that each side sent, the leaf first.
    pub certificates: PerSide<Vec<Certificate>>,
    /// What became of the client's certificate.
    pub client_certificate: ClientCertificate,
    /// The alerts, in their order.
    pub alerts: Vec<TlsAlert>,
    /// Whether records were decrypted.
    pub decrypted: bool,
}

words! {
    /// What became of the client's certificate.
    #[derive(Default)]
    ClientCertificate {
        /// The server did not ask for one.
        NotRequested = "not-requested",
        /// The server asked, and the client had none.
        Missing = "missing",
        /// The client sent one.
        Sent = "sent",
        /// It could not be read.
        #[default]
        Unknown = "unknown",
    }
}

/// A certificate that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Certificate {
    /// The subject's name (RFC 4514).
    pub subject: String,
    /// The issuer's name (RFC 4514).
    pub issuer: String,
    /// The serial number, in hex.
    pub serial: String,
    /// The first instant of its validity.
    pub not_before: Option<Time>,
    /// The last instant of its validity.
    pub not_after: Option<Time>,
    /// The names it is good for (subjectAltName).
    pub names: Vec<String>,
    /// The kind and size of its key, as `RSA 2048`.
    pub key: Option<String>,
    /// The algorithm of its signature.
    pub signature: Option<String>,
    /// The SHA-256 digest of its DER, in hex.
    pub sha256: String,
}

/// A TLS alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsAlert {
    /// Who sent it.
    pub by: Actor,
    /// `warning`, `fatal`, or another number in hex; null where it is encrypted.
    pub level: Option<String>,
    /// The registry's name, or its number in hex; null where it is encrypted.
    pub description: Option<String>,
    /// Whether it was encrypted on the wire.
    pub encrypted: bool,
    /// Where it was seen.
    #[serde(flatten)]
    pub seen: FrameRef,
    /// Whether it was read, and not inferred from its size.
    pub observed: bool,
}

/// What MQTT did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mqtt {
    /// What this rests on.
    pub source: MqttSource,
    /// `3.1`, `3.1.1` or `5.0`.
    pub version: Option<String>,
    /// The client identifier.
    pub client_id: Option<String>,
    /// The keep-alive that the client announced, in seconds; 0 turns it off.
    pub keep_alive: Option<u16>,
    /// Whether the client asked for a new session.
    pub clean_start: Option<bool>,
    /// Whether the client left a will.
    pub will: Option<bool>,
    /// The user name.
    pub username: Option<String>,
    /// The code of the CONNACK.
    pub connack_code: Option<u8>,
    /// Its name.
    pub connack_reason: Option<String>,
    /// Whether the server had kept a session.
    pub session_present: Option<bool>,
    /// How many control packets of each kind each side sent.
    pub packets: PerSide<BTreeMap<String, u64>>,
    /// Topics of PUBLISH packets; bounded.
    pub topics: Vec<Topic>,
    /// How long acknowledgements of PUBLISH took.
    pub ack_ms: Option<AckTimes>,
    /// The reason in a DISCONNECT of MQTT 5.0.
    pub disconnect_reason: Option<String>,
}

words! {
    /// What knowledge of MQTT rests on.
    MqttSource {
        /// Records that were decrypted.
        Decrypted = "decrypted",
        /// MQTT without TLS.
        Plaintext = "plaintext",
        /// Sizes, order and times of encrypted records.
        Inferred = "inferred",
    }
}

/// A topic and what was published to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Topic {
    /// The topic's name.
    pub name: String,
    /// PUBLISH packets, either way.
    pub packets: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// How times of acknowledgement were spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AckTimes {
    /// The shortest.
    pub min: Millis,
    /// The median.
    pub median: Millis,
    /// The 99th percentile.
    pub p99: Millis,
    /// The longest.
    pub max: Millis,
}
