//! How far a connection got: its phases, the highest rung, who closed it, and the times between.
//!
//! In come the milestones that the layers saw; out goes a [`Timeline`]. It judges nothing: whether a phase that did
//! not end is a failure, and whose, is for the diagnosis to say.

use crate::event::By;
use crate::evidence::Basis;
use crate::stream::Moment;
use std::time::Duration;

/// A part of a connection's life (docs/architecture.md has the definitions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// First SYN to the ACK of the SYN-ACK.
    TcpHandshake,
    /// First byte of the ClientHello to the last of the ServerHello.
    TlsHello,
    /// To the last Finished: each side judges the other.
    TlsAuthentication,
    /// First record of the client to the first of the server that is no session ticket.
    MqttConnect,
    /// Until somebody closes.
    MqttSession,
    /// From the first sign of closing to the end.
    Close,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Self; 6] = [
        Self::TcpHandshake,
        Self::TlsHello,
        Self::TlsAuthentication,
        Self::MqttConnect,
        Self::MqttSession,
        Self::Close,
    ];

    /// The contract's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TcpHandshake => "tcp-handshake",
            Self::TlsHello => "tls-hello",
            Self::TlsAuthentication => "tls-authentication",
            Self::MqttConnect => "mqtt-connect",
            Self::MqttSession => "mqtt-session",
            Self::Close => "close",
        }
    }
}

/// What became of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PhaseOutcome {
    /// Its end was seen.
    Completed,
    /// It began, and the connection was closed before its end.
    Failed,
    /// It began, and nobody has closed.
    InProgress,
    /// It never began.
    NotReached,
    /// It was over before the capture began, or the capture lacks it.
    Unknown,
}

/// One phase of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseSpan {
    /// Which phase.
    pub phase: Phase,
    /// What became of it.
    pub outcome: PhaseOutcome,
    /// When it began, where that was seen.
    pub started: Option<Moment>,
    /// When it ended, where that was seen.
    pub ended: Option<Moment>,
}

/// How far a connection got; the highest one that is proven counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// A SYN was sent.
    Syn,
    /// It was answered.
    SynAck,
    /// The handshake of TCP was completed.
    TcpEstablished,
    /// The client sent a ClientHello.
    ClientHello,
    /// The server chose a version and a suite.
    ServerHello,
    /// The server's certificate flight was complete.
    ServerFlight,
    /// The client answered it.
    ClientFlight,
    /// Both sides accepted each other.
    TlsEstablished,
    /// The client sent its first record: the CONNECT.
    MqttConnect,
    /// The server answered it.
    MqttConnected,
    /// The client went on after the answer.
    MqttSession,
}

impl Rung {
    /// The contract's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::SynAck => "syn-ack",
            Self::TcpEstablished => "tcp-established",
            Self::ClientHello => "client-hello",
            Self::ServerHello => "server-hello",
            Self::ServerFlight => "server-flight",
            Self::ClientFlight => "client-flight",
            Self::TlsEstablished => "tls-established",
            Self::MqttConnect => "mqtt-connect",
            Self::MqttConnected => "mqtt-connected",
            Self::MqttSession => "mqtt-session",
        }
    }
}

/// Who ended a connection, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The sender of the first sign of closing; the path for a forged reset or an ICMP error.
    pub by: By,
    /// How that side closed; none where it only said so and neither FIN nor RST followed.
    pub how: Option<CloseHow>,
    /// When it first said so.
    pub at: Moment,
    /// Whether that first sign was read or inferred.
    pub basis: Basis,
}

/// The manner of closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseHow {
    /// With a FIN.
    Fin,
    /// With a reset.
    Rst,
    /// With a fatal alert.
    Alert,
}

impl CloseHow {
    /// The contract's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Alert => "alert",
        }
    }
}

/// The moments at which the layers saw a connection get further.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milestones {
    /// First SYN.
    pub syn: Option<Moment>,
    /// First SYN-ACK.
    pub syn_ack: Option<Moment>,
    /// The ACK that completed the handshake.
    pub established: Option<Moment>,
    /// First byte of the first ClientHello.
    pub client_hello: Option<Moment>,
    /// Last byte of the ServerHello.
    pub server_hello: Option<Moment>,
    /// Last byte of the server's flight: ServerHelloDone, or its Finished in 1.3 and in resumed handshakes.
    pub server_flight: Option<Moment>,
    /// First byte of the client's answer to it.
    pub client_flight: Option<Moment>,
    /// The last Finished of the two.
    pub finished: Option<Moment>,
    /// The client's first record of application data, or its first bytes where there is no TLS.
    pub first_client_data: Option<Moment>,
    /// The server's first record of application data that is no ticket.
    pub first_server_data: Option<Moment>,
    /// The client's first record after that.
    pub session: Option<Moment>,
    /// The first acknowledged request: its sending and its acknowledgment.
    pub first_ack: Option<(Moment, Moment)>,
    /// When the connection was gone: both FINs acknowledged, or a reset.
    pub gone: Option<Moment>,
    /// Whether TLS is not expected here (plain MQTT).
    pub plaintext: bool,
}

/// The durations of the contract, where both ends were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// First SYN to the final ACK.
    pub tcp_handshake: Option<Duration>,
    /// ClientHello to ServerHello.
    pub tls_hello: Option<Duration>,
    /// ServerHello to the last Finished.
    pub tls_authentication: Option<Duration>,
    /// First client record to first server record.
    pub mqtt_connect: Option<Duration>,
    /// First request to its acknowledgment.
    pub first_ack: Option<Duration>,
    /// First server record to the first sign of closing, or to the last frame.
    pub session: Option<Duration>,
    /// First to last frame.
    pub total: Option<Duration>,
    /// Round trip of the handshake as the whole path saw it.
    pub rtt: Option<Duration>,
    /// ClientHello to ServerHello without the round trip.
    pub server_think: Option<Duration>,
    /// Last byte of the server's flight to the first of the client's.
    pub client_crypto: Option<Duration>,
}

/// How far a connection got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// All phases, in order.
    pub phases: [PhaseSpan; 6],
    /// The highest rung that is proven.
    pub reached: Option<Rung>,
    /// Who closed; none while it is open.
    pub closed: Option<Closed>,
    /// The times between.
    pub timings: Timings,
}

/// What lies around the milestones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first frame of the connection.
    pub first: Moment,
    /// The last one.
    pub last: Moment,
    /// The round trip, from the handshake.
    pub rtt: Option<Duration>,
}

impl Timeline {
    /// Lays out phases, rung and times.
    #[must_use]
    pub fn new(milestones: &Milestones, closed: Option<Closed>, bounds: Bounds) -> Self {
        let spans = spans(milestones, closed.as_ref());
        let mut phases =
            Phase::ALL.map(|phase| PhaseSpan { phase, outcome: PhaseOutcome::NotReached, started: None, ended: None });
        let mut later_began = false;
        for (span, (started, ended)) in phases.iter_mut().zip(spans).rev() {
            (span.started, span.ended) = (started, ended);
            span.outcome = match (started, ended) {
                (_, Some(_)) => PhaseOutcome::Completed,
                (Some(_), None) if later_began => PhaseOutcome::Unknown,
                (Some(_), None) if closed.is_some() && span.phase != Phase::Close => PhaseOutcome::Failed,
                (Some(_), None) => PhaseOutcome::InProgress,
                (None, None) if later_began && !is_skipped(span.phase, milestones) => PhaseOutcome::Unknown,
                (None, None) => PhaseOutcome::NotReached,
            };
            later_began |= started.is_some() && span.phase != Phase::Close;
        }
        Self { phases, reached: reached(milestones), closed, timings: timings(milestones, closed.as_ref(), bounds) }
    }

    /// The first phase that did not end; closing is none of them.
    #[must_use]
    pub fn first_incomplete(&self) -> Option<Phase> {
        let incomplete = |span: &&PhaseSpan| !matches!(span.outcome, PhaseOutcome::Completed | PhaseOutcome::Unknown);
        self.phases.iter().filter(|span| span.phase != Phase::Close).find(incomplete).map(|span| span.phase)
    }

    /// One of the phases.
    #[must_use]
    pub fn phase(&self, phase: Phase) -> &PhaseSpan {
        &self.phases[phase as usize]
    }
}

/// Begin and end of each phase, where they were seen.
fn spans(milestones: &Milestones, closed: Option<&Closed>) -> [(Option<Moment>, Option<Moment>); 6] {
    let m = milestones;
    [
        (m.syn.or(m.syn_ack), m.established),
        (m.client_hello, m.server_hello),
        (m.server_hello, m.finished),
        (m.first_client_data, m.first_server_data),
        (m.first_server_data, m.first_server_data.and(closed).map(|closed| closed.at)),
        (closed.map(|closed| closed.at), closed.and(m.gone)),
    ]
}

/// Plain MQTT has no TLS phases: they are not unknown, they are not there.
fn is_skipped(phase: Phase, milestones: &Milestones) -> bool {
    milestones.plaintext && matches!(phase, Phase::TlsHello | Phase::TlsAuthentication)
}

fn reached(milestones: &Milestones) -> Option<Rung> {
    let m = milestones;
    let rungs = [
        (Rung::MqttSession, m.session),
        (Rung::MqttConnected, m.first_server_data),
        (Rung::MqttConnect, m.first_client_data.filter(|_| m.finished.is_some() || m.plaintext)),
        (Rung::TlsEstablished, m.finished),
        (Rung::ClientFlight, m.client_flight),
        (Rung::ServerFlight, m.server_flight),
        (Rung::ServerHello, m.server_hello),
        (Rung::ClientHello, m.client_hello),
        (Rung::TcpEstablished, m.established),
        (Rung::SynAck, m.syn_ack),
        (Rung::Syn, m.syn),
    ];
    rungs.into_iter().find(|(_, moment)| moment.is_some()).map(|(rung, _)| rung)
}

fn timings(milestones: &Milestones, closed: Option<&Closed>, bounds: Bounds) -> Timings {
    let m = milestones;
    let between = |from: Option<Moment>, to: Option<Moment>| Some(to?.at.since(from?.at));
    let tls_hello = between(m.client_hello, m.server_hello);
    Timings {
        tcp_handshake: between(m.syn, m.established),
        tls_hello,
        tls_authentication: between(m.server_hello, m.finished),
        mqtt_connect: between(m.first_client_data, m.first_server_data),
        first_ack: m.first_ack.map(|(sent, acknowledged)| acknowledged.at.since(sent.at)),
        session: between(m.first_server_data, Some(closed.map_or(bounds.last, |closed| closed.at))),
        total: Some(bounds.last.at.since(bounds.first.at)),
        rtt: bounds.rtt,
        server_think: tls_hello.zip(bounds.rtt).map(|(hello, rtt)| hello.saturating_sub(rtt)),
        client_crypto: between(m.server_flight, m.client_flight),
    }
}
