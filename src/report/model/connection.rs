//! One connection: who, how far, how it ended, why.

use super::scalar::words;
use super::{Actor, Confidence, Event, Finding, Glance, Millis, Mqtt, PerSide, Tcp, Time, Tls, TraceId};
use crate::net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One TCP connection and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Connection {
    /// The number of its first frame; `2-14` is frame 14 of the second file.
    pub id: String,
    /// Which connection this is: the same in captures of it at other places, as far as they show the same start. Clients without good random
    /// numbers may share one.
    pub trace_id: TraceId,
    /// The place of its first frame among all frames: connections are ordered by it.
    #[serde(skip)]
    pub ordinal: u64,
    /// Who opened it.
    pub client: Client,
    /// Whom it was opened to.
    pub server: Server,
    /// When its first frame was captured.
    pub started: Time,
    /// When its last frame was captured; null while it is open.
    pub ended: Option<Time>,
    /// How many frames it has.
    pub frames: u64,
    /// Bytes of TCP payload that each side sent, without retransmissions.
    pub bytes: PerSide<u64>,
    /// The verdict.
    pub outcome: Outcome,
    /// The phase in which it failed; null unless it failed.
    pub stopped_in: Option<PhaseName>,
    /// The highest rung that is proven; null where not even a SYN was seen.
    pub reached: Option<Rung>,
    /// The id of the finding that explains the outcome.
    pub cause: Option<String>,
    /// How sure the cause is.
    pub confidence: Option<Confidence>,
    /// The verdict in one sentence.
    pub headline: String,
    /// Where the capture was taken, judged by the times of the handshake.
    pub vantage: Vantage,
    /// Who ended it, and how.
    pub closed: Closed,
    /// How long each part took.
    pub timings: Timings,
    /// The phases in their order.
    pub phases: Vec<Phase>,
    /// What TCP did.
    pub tcp: Tcp,
    /// What TLS did; null where there was none.
    pub tls: Option<Tls>,
    /// What MQTT did; null where nothing is known of it.
    pub mqtt: Option<Mqtt>,
    /// What was found, the cause first.
    pub findings: Vec<Finding>,
    /// What happened, in the order of time; bounded.
    pub events: Vec<Event>,
    /// How many more events there were than are kept.
    pub dropped_events: u64,
    /// How to see the same in other tools.
    pub display_filter: DisplayFilter,
}

impl Connection {
    /// What counts of it.
    #[must_use]
    pub fn glance(&self) -> Glance<'_> {
        Glance { outcome: self.outcome, cause: self.cause.as_deref(), timings: self.timings }
    }

    /// The finding that explains the outcome.
    #[must_use]
    pub fn cause_finding(&self) -> Option<&Finding> {
        let cause = self.cause.as_deref()?;
        self.findings.iter().find(|finding| finding.id == cause)
    }
}

/// The side that opened the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Client {
    /// The IP address, or its pseudonym.
    pub address: String,
    /// The TCP port.
    pub port: u16,
}

/// The side that was listening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    /// The IP address, or its pseudonym.
    pub address: String,
    /// The TCP port.
    pub port: u16,
    /// The name by which the client asked for it (SNI or DNS).
    pub name: Option<String>,
}

words! {
    /// The verdict on a connection.
    Outcome {
        /// It did its work and was closed.
        Ok = "ok",
        /// It did its work, and something is wrong with it all the same.
        Degraded = "degraded",
        /// It did not do its work.
        Failed = "failed",
        /// Nobody has closed it.
        Open = "open",
        /// The capture lacks what a verdict needs.
        Inconclusive = "inconclusive",
    }
}

words! {
    /// The phases of a connection.
    PhaseName {
        /// SYN … ACK.
        TcpHandshake = "tcp-handshake",
        /// ClientHello … ServerHello.
        TlsHello = "tls-hello",
        /// After the ServerHello … the last Finished.
        TlsAuthentication = "tls-authentication",
        /// First client record … first server record that is no NewSessionTicket.
        MqttConnect = "mqtt-connect",
        /// Until somebody closes.
        MqttSession = "mqtt-session",
    }
}

words! {
    /// How far a phase got.
    PhaseOutcome {
        /// It ended as it should.
        Completed = "completed",
        /// It ended the connection.
        Failed = "failed",
        /// It had not ended when the capture did.
        InProgress = "in-progress",
        /// The connection ended before it.
        NotReached = "not-reached",
        /// The capture lacks what would tell.
        Unknown = "unknown",
    }
}

words! {
    /// How far a connection got: the rungs of the ladder, the lowest first.
    Rung {
        /// A SYN was sent.
        Syn = "syn",
        /// It was answered by a SYN-ACK.
        SynAck = "syn-ack",
        /// And that by an ACK.
        TcpEstablished = "tcp-established",
        /// A whole ClientHello was sent.
        ClientHello = "client-hello",
        /// A whole ServerHello was sent.
        ServerHello = "server-hello",
        /// The server's part of the handshake was sent.
        ServerFlight = "server-flight",
        /// The client's part of the handshake was sent.
        ClientFlight = "client-flight",
        /// Both sides accepted the handshake.
        TlsEstablished = "tls-established",
        /// A CONNECT was sent.
        MqttConnect = "mqtt-connect",
        /// It was accepted.
        MqttConnected = "mqtt-connected",
        /// And packets followed.
        MqttSession = "mqtt-session",
    }
}

words! {
    /// Where a capture was taken.
    Vantage {
        /// Beside the client.
        Client = "client",
        /// Beside the server.
        Server = "server",
        /// Somewhere on the path.
        Between = "between",
        /// The times do not tell.
        Unknown = "unknown",
    }
}

words! {
    /// What ended a connection.
    ClosedHow {
        /// A FIN.
        Fin = "fin",
        /// A RST.
        Rst = "rst",
        /// A fatal alert.
        Alert = "alert",
    }
}

/// Who ended a connection, and how; all null while it is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closed {
    /// Who said goodbye first.
    pub by: Option<Actor>,
    /// By what.
    pub how: Option<ClosedHow>,
    /// When.
    pub at: Option<Time>,
    /// In which frame.
    pub frame: Option<u64>,
    /// The file of that frame, from 1; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u32>,
}

/// How long each part of a connection took; null where a part did not end or was not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timings {
    /// SYN … ACK.
    pub tcp_handshake: Option<Millis>,
    /// ClientHello … ServerHello.
    pub tls_hello: Option<Millis>,
    /// After the ServerHello … the last Finished.
    pub tls_authentication: Option<Millis>,
    /// CONNECT … CONNACK.
    pub mqtt_connect: Option<Millis>,
    /// The first PUBLISH that was acknowledged … its acknowledgement.
    pub first_ack: Option<Millis>,
    /// CONNACK … close.
    pub session: Option<Millis>,
    /// First frame … last frame.
    pub total: Option<Millis>,
    /// The round trip as seen in the TCP handshake.
    pub rtt: Option<Millis>,
    /// ClientHello … ServerHello, less a round trip.
    pub server_think: Option<Millis>,
    /// Last byte of the server's flight … first byte of the client's.
    pub client_crypto: Option<Millis>,
}

/// One phase of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Phase {
    /// Which.
    pub phase: PhaseName,
    /// How far it got.
    pub outcome: PhaseOutcome,
    /// When it began.
    pub started: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
    /// Its first and its last frame.
    pub frames: Option<[u64; 2]>,
}

/// Expressions that show the connection in other tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DisplayFilter {
    /// For Wireshark's filter line and `tshark -Y`.
    pub wireshark: String,
}

impl DisplayFilter {
    /// The filter for the connections between two endpoints. It names no stream number, so that it fits the original
    /// capture and any part that is cut out of it.
    #[must_use]
    pub fn between(client: net::Endpoint, server: net::Endpoint) -> Self {
        let [client, server] = [client, server].map(|end| {
            let field = if matches!(end.address, IpAddr::V4(_)) { "ip.addr" } else { "ipv6.addr" };
            format!("{field}=={} && tcp.port=={}", end.address, end.port)
        });
        Self { wireshark: format!("{client} && {server}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_is_written_for_either_family() {
        let filter = |client: &str, server: &str| {
            let end = |text: &str| text.parse::<std::net::SocketAddr>().map(|a| net::Endpoint::new(a.ip(), a.port()));
            DisplayFilter::between(end(client).unwrap(), end(server).unwrap()).wireshark
        };
        assert_eq!(
            filter("192.0.2.10:40000", "192.0.2.20:8883"),
            "ip.addr==192.0.2.10 && tcp.port==40000 && ip.addr==192.0.2.20 && tcp.port==8883"
        );
        assert_eq!(
            filter("[2001:db8::1]:40000", "[2001:db8::2]:8883"),
            "ipv6.addr==2001:db8::1 && tcp.port==40000 && ipv6.addr==2001:db8::2 && tcp.port==8883"
        );
    }

    #[test]
    fn rungs_are_ordered_from_the_lowest() {
        assert!(Rung::ALL.is_sorted());
        assert_eq!(Rung::ALL.first().map(|rung| rung.name()), Some("syn"));
    }
}
