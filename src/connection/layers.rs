//! The layers above TCP, and what passes between them: bytes upward, events aside.

use super::Context;
use crate::event::{Event, EventLimit, EventLog};
use crate::evidence::Seen;
use crate::net::Side;
use crate::pack::packed;
use crate::stream::{Chunk, End, Moment};
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

packed! { enum PortKind { Tls, PlainMqtt, ByContent } }

/// The trackers above TCP; each is made when it gets its first byte.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) expected: PortKind,
    pub(super) tls: Option<Box<tls::Tracker>>,
    pub(super) mqtt: Option<Box<mqtt::Tracker>>,
    /// On a port where nothing is expected: its first bytes are neither TLS nor MQTT.
    pub(super) is_other: bool,
    /// The capture began behind the handshake of TCP, and the layers above have not been told yet.
    joined_late: bool,
}

packed! { struct Layers { expected, tls, mqtt, is_other, joined_late } }

impl Layers {
    /// For a connection on such a port, of which the capture has the beginning or not.
    pub(super) const fn new(expected: PortKind, joined_late: bool) -> Self {
        Self { expected, tls: None, mqtt: None, is_other: false, joined_late }
    }

    /// Nothing more will come: what waited for more is settled.
    pub(super) fn finish(&mut self, at: Moment, events: &mut EventLog) {
        if let Some(tls) = &mut self.tls {
            let mut above = AboveTls::new(events, &mut self.mqtt, tls.facts(), self.expected, mqtt::Limits::default());
            tls.finish(at, &mut above);
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
        match event {
            tcp::Event::Fin { .. } => self.handle_close(by, at, End::Fin),
            tcp::Event::Rst { fit, .. } if fit != tcp::ResetFit::OutOfWindow => self.handle_close(by, at, End::Reset),
            _ => {}
        }
    }

    fn chunk(&mut self, side: Side, at: Moment, chunk: Chunk<'_>) {
        if let Chunk::Data(bytes) = chunk {
            self.layers.open(side, bytes, &self.context.settings);
        } else if self.layers.expected != PortKind::ByContent {
            self.layers.open(side, &[], &self.context.settings);
        }
        if std::mem::take(&mut self.layers.joined_late) {
            // What came before is a gap of unknown length on either side.
            for side in Side::BOTH {
                self.pass_on(side, at, Chunk::Gap(0));
            }
        }
        self.pass_on(side, at, chunk);
    }
}

impl Stack<'_> {
    fn pass_on(&mut self, side: Side, at: Moment, chunk: Chunk<'_>) {
        let Self { layers, events, context } = self;
        let Layers { tls, mqtt, expected, .. } = &mut **layers;
        if let Some(tls) = tls {
            let mut above = AboveTls::new(events, mqtt, tls.facts(), *expected, context.settings.mqtt);
            let Context { known, key_log, plaintext, .. } = &mut **context;
            tls.handle_chunk(
                side,
                at,
                chunk,
                &mut tls::Context { known, key_log: Some(key_log), plaintext },
                &mut above,
            );
        } else if let Some(mqtt) = mqtt {
            match chunk {
                Chunk::Data(bytes) => mqtt.handle_plaintext(side, at, bytes, &mut AboveMqtt { events }),
                Chunk::Gap(_) => mqtt.handle_gap(side),
            }
        }
    }

    fn handle_close(&mut self, side: Side, at: Moment, how: End) {
        let Self { layers: Layers { tls, mqtt, expected, .. }, events, context } = self;
        if let Some(tls) = tls {
            let mut above = AboveTls::new(events, mqtt, tls.facts(), *expected, context.settings.mqtt);
            tls.handle_close(side, at, &mut above);
        }
        if let Some(mqtt) = mqtt {
            mqtt.handle_close(side, at, how, &mut AboveMqtt { events });
        }
    }
}

/// What TLS hands upward: readable bytes, or how many there are.
struct AboveTls<'a> {
    events: &'a mut EventLog,
    mqtt: &'a mut Option<Box<mqtt::Tracker>>,
    limits: mqtt::Limits,
    /// Whether what is encrypted is MQTT, as far as the hello tells.
    expects_mqtt: bool,
    /// Whether alerts have a record type of their own, as before TLS 1.3.
    alerts_are_visible: bool,
}

impl<'a> AboveTls<'a> {
    fn new(
        events: &'a mut EventLog,
        mqtt: &'a mut Option<Box<mqtt::Tracker>>,
        tls: &tls::Facts,
        expected: PortKind,
        limits: mqtt::Limits,
    ) -> Self {
        // Asked once, when the tracker is to be made.
        if mqtt.is_some() {
            return Self { events, mqtt, limits, expects_mqtt: true, alerts_are_visible: false };
        }
        let offered = tls.client_hello.as_ref().map(|hello| &hello.offer.alpn[..]).unwrap_or_default();
        let expects_mqtt = match expected {
            // AWS IoT's name is `x-amzn-mqtt-ca`, the registered one `mqtt`.
            _ if !offered.is_empty() => offered.iter().any(|name| name.contains("mqtt")),
            PortKind::Tls | PortKind::PlainMqtt => true,
            PortKind::ByContent => false,
        };
        let alerts_are_visible = tls.version().is_some_and(|version| version < tls::Version::TLS_1_3);
        Self { events, mqtt, limits, expects_mqtt, alerts_are_visible }
    }
}

impl tls::Sink for AboveTls<'_> {
    fn event(&mut self, seen: Seen, event: tls::Event) {
        self.events.push(Event::seen(seen, event));
    }

    fn application_data(&mut self, side: Side, at: Moment, data: tls::ApplicationData<'_>) {
        if self.mqtt.is_none() {
            let is_mqtt = match data {
                tls::ApplicationData::Plaintext(bytes) => self.expects_mqtt || looks_like_mqtt(bytes),
                tls::ApplicationData::Sealed(_) | tls::ApplicationData::Gap => self.expects_mqtt,
            };
            if !is_mqtt {
                return;
            }
            let mut tracker = Box::new(mqtt::Tracker::new(self.limits));
            if self.alerts_are_visible {
                tracker.alerts_are_visible();
            }
            *self.mqtt = Some(tracker);
        }
        let Some(mqtt) = self.mqtt else { return };
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
