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
    /// Whether events are told as they happen, beside being kept.
    pub follow: bool,
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
            follow: false,
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

impl Layers {
    pub(super) const fn new(expected: PortKind) -> Self {
        Self { expected, tls: None, mqtt: None, is_other: false }
    }

    /// Nothing more will come: what waited for more is settled.
    pub(super) fn finish(&mut self, at: Moment, events: &mut EventLog) {
        if let Some(tls) = &mut self.tls {
            tls.finish(at, &mut AboveTls { events, mqtt: &mut self.mqtt, limits: mqtt::Limits::default() });
        }
        if let Some(mqtt) = &mut self.mqtt {
            mqtt.finish(at, &mut AboveMqtt { events });
        }
    }

    /// What is left of the trackers.
    pub(super) fn into_facts(self) -> (Option<Box<tls::Facts>>, Option<Box<mqtt::Facts>>) {
        let tls = self.tls.map(|tracker| Box::new(tracker.into_facts()));
        let mqtt = self.mqtt.map(|tracker| Box::new(tracker.into_facts()));
        (tls, mqtt)
    }

    /// Makes the tracker for what begins with these bytes; the client's first bytes tell where nothing is expected.
    fn open(&mut self, side: Side, first: &[u8], settings: &Settings) {
        if self.tls.is_some() || self.mqtt.is_some() || self.is_other {
            return;
        }
        match self.expected {
            PortKind::Tls => self.tls = Some(Box::new(tls::Tracker::new(settings.tls))),
            PortKind::PlainMqtt => self.mqtt = Some(Box::new(mqtt::Tracker::new(settings.mqtt))),
            PortKind::ByContent if looks_like_tls(first) => self.tls = Some(Box::new(tls::Tracker::new(settings.tls))),
            PortKind::ByContent if side == Side::Client && looks_like_mqtt(first) => {
                self.mqtt = Some(Box::new(mqtt::Tracker::new(settings.mqtt)));
            }
            PortKind::ByContent => self.is_other = true,
        }
    }
}

/// A record of the handshake or an alert (RFC 8446, 5.1), or of data where the capture began in the middle; or a hello in
/// the format of SSL 2.0 (RFC 5246, E.2).
fn looks_like_tls(first: &[u8]) -> bool {
    match first {
        [20..=23, 3, 0..=4, ..] => true,
        [length, _, 1, 3 | 0, ..] => length & 0x80 != 0,
        _ => false,
    }
}

/// A CONNECT of MQTT 3.1, 3.1.1 or 5.0: its protocol name stands behind the fixed header.
fn looks_like_mqtt(first: &[u8]) -> bool {
    let start = first.get(..first.len().min(12)).unwrap_or_default();
    first.first() == Some(&0x10) && start.windows(4).any(|name| name == b"MQTT" || name == b"MQIs")
}

/// What TCP hands upward goes to the layer that is there, and its events go to the log.
pub(super) struct Stack<'a> {
    pub(super) layers: &'a mut Layers,
    pub(super) events: &'a mut EventLog,
    pub(super) context: &'a mut Context,
}

impl tcp::Sink for Stack<'_> {
    fn event(&mut self, at: Moment, by: Side, event: tcp::Event) {
        self.events.push(Event::observed(at, by, event));
        let closes = match event {
            tcp::Event::Fin { .. } => true,
            tcp::Event::Rst { fit, .. } => fit != tcp::ResetFit::OutOfWindow,
            _ => false,
        };
        if closes {
            self.handle_close(by, at);
        }
    }

    fn chunk(&mut self, side: Side, at: Moment, chunk: Chunk<'_>) {
        let Self { layers, events, context } = self;
        if let Chunk::Data(bytes) = chunk {
            layers.open(side, bytes, &context.settings);
        } else if layers.expected != PortKind::ByContent {
            layers.open(side, &[], &context.settings);
        }
        let Layers { tls, mqtt, .. } = &mut **layers;
        if let Some(tls) = tls {
            let limits = context.settings.mqtt;
            let mut context = tls::Context { certificates: &mut context.certificates };
            tls.handle_chunk(side, at, chunk, &mut context, &mut AboveTls { events, mqtt, limits });
        } else if let Some(mqtt) = mqtt {
            match chunk {
                Chunk::Data(bytes) => mqtt.handle_plaintext(side, at, bytes, &mut AboveMqtt { events }),
                Chunk::Gap(_) => mqtt.handle_gap(side),
            }
        }
    }
}

impl Stack<'_> {
    fn handle_close(&mut self, side: Side, at: Moment) {
        let Self { layers: Layers { tls, mqtt, .. }, events, context } = self;
        if let Some(tls) = tls {
            tls.handle_close(side, at, &mut AboveTls { events, mqtt, limits: context.settings.mqtt });
        }
        if let Some(mqtt) = mqtt {
            mqtt.handle_close(side, at, &mut AboveMqtt { events });
        }
    }
}

/// What TLS hands upward: readable bytes, or how many there are.
struct AboveTls<'a> {
    events: &'a mut EventLog,
    mqtt: &'a mut Option<Box<mqtt::Tracker>>,
    limits: mqtt::Limits,
}

impl tls::Sink for AboveTls<'_> {
    fn event(&mut self, seen: Seen, event: tls::Event) {
        self.events.push(Event::seen(seen, event));
    }

    fn application_data(&mut self, side: Side, at: Moment, data: tls::ApplicationData<'_>) {
        let mqtt = self.mqtt.get_or_insert_with(|| Box::new(mqtt::Tracker::new(self.limits)));
        let mut above = AboveMqtt { events: self.events };
        match data {
            tls::ApplicationData::Plaintext(bytes) => mqtt.handle_plaintext(side, at, bytes, &mut above),
            tls::ApplicationData::Sealed(tls::PlaintextLen { min, max }) => {
                mqtt.handle_sealed(side, at, mqtt::PlaintextLen { min, max }, &mut above);
            }
            tls::ApplicationData::Gap => mqtt.handle_gap(side),
        }
    }
}

/// MQTT hands its events to the log.
struct AboveMqtt<'a> {
    events: &'a mut EventLog,
}

impl mqtt::Sink for AboveMqtt<'_> {
    fn event(&mut self, seen: Seen, event: mqtt::Event) {
        self.events.push(Event::seen(seen, event));
    }
}
