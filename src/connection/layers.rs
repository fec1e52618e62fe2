//! The layers above TCP, and what passes between them: bytes upward, events aside.

use super::Context;
use crate::event::{Event, EventLimit, EventLog};
use crate::evidence::Seen;
use crate::net::Side;
use crate::stream::{Chunk, Moment};
use crate::{mqtt, tcp, tls};

/// How connections are analysed, and what bounds it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server ports that were named.
    pub ports: Vec<u16>,
    /// Whether ports that were not named are looked at too, by content.
    pub any_port: bool,
    /// What bounds TCP.
    pub tcp: tcp::Limits,
    /// What bounds TLS.
    pub tls: tls::Limits,
    /// What bounds MQTT.
    pub mqtt: mqtt::Limits,
    /// How many events are kept of a connection.
    pub events: EventLimit,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ports: vec![8883],
            any_port: false,
            tcp: tcp::Limits::default(),
            tls: tls::Limits::default(),
            mqtt: mqtt::Limits::default(),
            events: EventLimit::default(),
        }
    }
}

/// The registered port of MQTT without TLS.
const PLAIN_MQTT: u16 = 1883;

impl Settings {
    /// Whether a port was named as a server's.
    #[must_use]
    pub fn is_named(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }

    /// What is expected on a server port.
    #[must_use]
    pub fn kind_of(&self, port: u16) -> PortKind {
        match port {
            PLAIN_MQTT => PortKind::PlainMqtt,
            _ if self.any_port && !self.is_named(port) => PortKind::ByContent,
            _ => PortKind::Tls,
        }
    }
}

/// What is expected on a server port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortKind {
    /// TLS, and nothing else.
    Tls,
    /// MQTT without TLS.
    PlainMqtt,
    /// Nothing: the first bytes tell.
    ByContent,
}

/// The trackers above TCP; each is made when it gets its first byte.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) expected: PortKind,
    pub(super) tls: Option<Box<tls::Tracker>>,
    pub(super) mqtt: Option<Box<mqtt::Tracker>>,
    /// On a port where nothing is expected: its first bytes are neither TLS nor MQTT.
    pub(super) is_other: bool,
}
