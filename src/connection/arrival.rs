//! A client that a broker has just accepted: told while its connection goes on, since it may explain the end of another one.

use crate::mqtt::{self, PlaintextLen};
use crate::net::{Endpoint, PerSide, Side};
use crate::stream::Moment;

/// A client that a broker has accepted.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Client and server.
    pub endpoints: PerSide<Endpoint>,
    /// The place of the connection's first frame among all frames of the capture.
    pub ordinal: u64,
    /// The connection's first frame.
    pub first: Moment,
    /// CONNECT.
    pub connect_at: Moment,
    /// CONNACK.
    pub connack_at: Moment,
    /// The length of CONNECT: equal client ids make equal ones.
    pub length: Option<PlaintextLen>,
    /// The client id, where it was readable and not empty.
    pub client_id: Option<Box<str>>,
}

impl Arrival {
    /// The arrival on this connection, if the server has accepted it.
    #[must_use]
    pub fn of(endpoints: PerSide<Endpoint>, ordinal: u64, first: Moment, mqtt: &mqtt::Facts) -> Option<Self> {
        let (connect_at, connack_at) = (mqtt.connect_at?, mqtt.connack_at?);
        let accepted = mqtt.connack_code().is_none_or(mqtt::ConnackCode::is_accepted);
        let connect = mqtt.log.first().iter().find(|entry| entry.by == Side::Client);
        accepted.then(|| Self {
            endpoints,
            ordinal,
            first,
            connect_at,
            connack_at,
            length: connect.map(|entry| entry.len),
            client_id: mqtt.client_id().filter(|id| !id.is_empty()).map(Into::into),
        })
    }
}
