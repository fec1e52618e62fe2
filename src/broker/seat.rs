//! What passes between a connection and the hub.

use super::codec::{Ack, MqttVersion, Packet, QoS, ReasonCode};
use std::sync::Arc;
use tokio::sync::Notify;

/// A connection's place at the hub. It stays valid until another connection takes the session over.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) client_id: String,
    pub(super) version: MqttVersion,
    /// Tells this connection from later ones of the same client.
    pub(super) link: u64,
    /// Rings when [`super::hub::Hub::poll`] has something for this connection.
    pub(super) bell: Arc<Notify>,
}

/// The answer to a CONNECT that was accepted.
#[derive(Debug)]
pub(super) struct Welcome {
    pub(super) seat: Seat,
    pub(super) session_present: bool,
    /// The client had none, so it got this one.
    pub(super) assigned_id: bool,
}

/// What a packet leads to.
#[derive(Debug, PartialEq)]
pub(super) enum Reaction {
    /// Nothing to say.
    Silence,
    /// This is the answer.
    Reply(Box<Packet>),
    /// The client said goodbye.
    Goodbye(Departure),
    /// The broker ends the connection, for this reason.
    Close(ReasonCode),
}

/// What [`super::hub::Hub::poll`] has.
#[derive(Debug, PartialEq)]
pub(super) enum Outgoing {
    Packet(Box<Packet>),
    Nothing,
    /// Another connection has taken this one's session over.
    TakenOver,
}

/// How a connection ended: whether its will is due (3.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    /// By DISCONNECT: no will.
    Clean,
    /// Otherwise.
    Abrupt,
}

impl Reaction {
    pub(super) fn reply(packet: Packet) -> Self {
        Self::Reply(Box::new(packet))
    }

    /// How a publication is refused that the policy forbids. 3.1.1 has no way to say it, so the connection is closed,
    /// as AWS IoT does.
    pub(super) fn refuse_publish(version: MqttVersion, qos: QoS, packet_id: u16) -> Self {
        let ack = Ack::new(packet_id, ReasonCode::NOT_AUTHORIZED);
        match (version, qos) {
            (MqttVersion::V5, QoS::AtLeastOnce) => Self::reply(Packet::PubAck(ack)),
            (MqttVersion::V5, QoS::ExactlyOnce) => Self::reply(Packet::PubRec(ack)),
            _ => Self::Close(ReasonCode::NOT_AUTHORIZED),
        }
    }
}
