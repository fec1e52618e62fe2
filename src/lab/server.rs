//! The broker: answers TLS and MQTT as one would, keeps one connection for each client identifier, and misbehaves where the
//! scenario says so.

use super::mqtt::{self, Packet, kind};
use super::peer::{Core, Gate, Peer, Pipe, TcpEnd};
use super::scenario::{Ending, MqttVersion, Point, Server, Speaks};
use super::tls::Channel;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// Which connection a client identifier belongs to.
pub(super) type Sessions = Rc<RefCell<BTreeMap<String, u32>>>;

/// The broker's end of one connection.
pub(super) struct Broker {
    settings: Rc<Server>,
    sessions: Sessions,
    connection: u32,
    core: Core,
    progress: Progress,
    received: Vec<u8>,
    packets: VecDeque<Packet>,
    session: Option<Session>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Accepting,
    Accepted,
    HelloRead,
    FlightSent,
    Established,
}

struct Session {
    version: MqttVersion,
    client_id: String,
    /// Silence after which the client is given up.
    patience: Option<Duration>,
    last_heard: Duration,
    ends: Option<Duration>,
    subscriptions: Vec<String>,
}

impl Broker {
    pub(super) fn new(settings: &Rc<Server>, sessions: &Sessions, channel: Channel, connection: u32) -> Self {
        Self {
            core: Core::new(channel, &settings.fault, connection),
            sessions: Rc::clone(sessions),
            connection,
            progress: Progress::Accepting,
            received: Vec::new(),
            packets: VecDeque::new(),
            session: None,
            settings: Rc::clone(settings),
        }
    }

    fn accept(&mut self, now: Duration, pipe: &mut Pipe) {
        if self.core.reach(Point::Established, now, pipe) == Gate::Go {
            self.progress = Progress::Accepted;
        }
    }

    /// Moves bytes between TCP and TLS; false where it has to stop for now.
    fn exchange(&mut self, now: Duration, pipe: &mut Pipe) -> bool {
        if self.progress == Progress::Accepted {
            if !whole_record(&pipe.received) || self.core.reach(Point::ClientHello, now, pipe) != Gate::Go {
                return false;
            }
            self.progress = Progress::HelloRead;
            if let Some(reply) = self.foreign_reply() {
                pipe.out.extend_from_slice(reply);
                self.core.finish(pipe, TcpEnd::Fin);
                return false;
            }
        }
        let received = std::mem::take(&mut pipe.received);
        if self.core.channel.receive(&received).is_err() {
            // The alert is among the output.
            self.core.end(pipe, Ending::Fin);
            return false;
        }
        let output = self.core.has_output();
        if self.progress == Progress::HelloRead && output {
            self.progress = Progress::FlightSent;
        } else if self.progress == Progress::FlightSent && (output || !self.core.channel.is_handshaking()) {
            if self.core.reach(Point::ClientFlight, now, pipe) != Gate::Go {
                return false;
            }
            self.progress = Progress::Established;
        }
        self.core.send(pipe);
        true
    }

    /// What a server that is no broker says to the first bytes that it gets.
    fn foreign_reply(&self) -> Option<&'static [u8]> {
        match self.settings.speaks {
            Speaks::Tls | Speaks::Mqtt => None,
            Speaks::Http => {
                Some(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            }
            Speaks::Text => Some(b"SSH-2.0-OpenSSH_9.6\r\n"),
            Speaks::Nothing => Some(b""),
        }
    }

    fn hear(&mut self, now: Duration) {
        let heard = self.core.channel.heard();
        if !heard.is_empty()
            && let Some(session) = &mut self.session
        {
            session.last_heard = now;
        }
        self.received.extend(heard);
        while let Some(packet) = Packet::take(&mut self.received) {
            self.packets.push_back(packet);
        }
    }

    fn serve(&mut self, now: Duration, pipe: &mut Pipe) {
        while let Some(packet) = self.packets.pop_front() {
            let point = match packet.kind() {
                kind::CONNECT => Some(Point::Connect),
                kind::PUBLISH => Some(Point::Publish),
                kind::SUBSCRIBE => Some(Point::Subscribe),
                kind::PINGREQ => Some(Point::Ping),
                _ => None,
            };
            match point.map_or(Gate::Go, |point| self.core.reach(point, now, pipe)) {
                Gate::Go => self.handle(&packet, now, pipe),
                Gate::Held => {
                    self.packets.push_front(packet);
                    return;
                }
                Gate::Taken => return,
            }
            if self.core.is_done() {
                return;
            }
        }
    }

    fn handle(&mut self, packet: &Packet, now: Duration, pipe: &mut Pipe) {
        match (packet.kind(), packet.id()) {
            (kind::CONNECT, _) if self.session.is_none() => self.connect(packet, now, pipe),
            (kind::PUBLISH, _) if self.session.is_some() => self.publish(packet, pipe),
            (kind::SUBSCRIBE, Some(id)) if self.session.is_some() => self.subscribe(packet, id, pipe),
            (kind::PUBREL, Some(id)) => self.core.channel.say(&mqtt::acknowledgement(kind::PUBCOMP, id).bytes()),
            (kind::PINGREQ, _) if self.settings.pingresp => self.core.channel.say(&mqtt::bare(kind::PINGRESP).bytes()),
            (kind::PINGREQ | kind::PUBACK | kind::PUBREC | kind::PUBCOMP | kind::DISCONNECT, _) => {}
            _ => self.refuse(pipe),
        }
    }

    fn connect(&mut self, packet: &Packet, now: Duration, pipe: &mut Pipe) {
        let Some((version, keep_alive, client_id)) = packet.connect_fields() else { return self.refuse(pipe) };
        self.core.channel.say(&mqtt::connack(version, self.settings.connack).bytes());
        if self.settings.connack != 0 {
            return self.refuse(pipe);
        }
        if self.settings.takeover {
            self.sessions.borrow_mut().insert(client_id.clone(), self.connection);
        }
        let factor = if self.settings.keep_alive_factor.is_finite() {
            self.settings.keep_alive_factor.clamp(0.0, 1000.0)
        } else {
            0.0
        };
        let patience = Duration::from_secs(u64::from(keep_alive)).mul_f64(factor);
        self.session = Some(Session {
            version,
            client_id,
            patience: (!patience.is_zero()).then_some(patience),
            last_heard: now,
            ends: self.settings.session_limit_ms.map(|limit| now + limit.0),
            subscriptions: Vec::new(),
        });
    }

    fn publish(&mut self, packet: &Packet, pipe: &mut Pipe) {
        let Some(session) = &self.session else { return };
        let topic = packet.topic().unwrap_or_default();
        let too_large = self.settings.max_payload.is_some_and(|max| packet.payload_len(session.version) > max);
        if too_large || self.settings.deny_publish.contains(&topic) {
            return self.refuse(pipe);
        }
        if session.subscriptions.iter().any(|filter| covers(filter, &topic)) {
            let copy = mqtt::publish(session.version, &topic, packet.payload_len(session.version), 0, 0);
            self.core.channel.say(&copy.bytes());
        }
        if let (Some(id), true) = (packet.id(), self.settings.puback) {
            let kind = if packet.qos() == 1 { kind::PUBACK } else { kind::PUBREC };
            self.core.channel.say(&mqtt::acknowledgement(kind, id).bytes());
        }
    }

    fn subscribe(&mut self, packet: &Packet, id: u16, pipe: &mut Pipe) {
        let Some(session) = &mut self.session else { return };
        let filters = packet.filters(session.version);
        let denied = |filter: &String| self.settings.deny_subscribe.contains(filter);
        let codes: Vec<u8> = filters
            .iter()
            .map(|filter| if denied(filter) { self.settings.suback_failure.unwrap_or(0x80) } else { 0 })
            .collect();
        if filters.iter().any(denied) && self.settings.suback_failure.is_none() {
            return self.refuse(pipe);
        }
        session.subscriptions.extend(filters);
        self.core.channel.say(&mqtt::suback(session.version, id, &codes).bytes());
    }

    /// Ends the connection of a client that did what it may not.
    fn refuse(&mut self, pipe: &mut Pipe) {
        self.say_why(self.settings.disconnect_reason);
        self.core.end(pipe, self.settings.denial);
    }

    fn say_why(&mut self, reason: Option<u8>) {
        let understands = self.session.as_ref().is_some_and(|session| session.version == MqttVersion::V5);
        if let (true, Some(reason)) = (understands, reason) {
            self.core.channel.say(&mqtt::disconnect_because(reason).bytes());
        }
    }

    /// Ends a session that has lasted too long, was silent too long, or was taken over.
    fn look_at_the_clock(&mut self, now: Duration, pipe: &mut Pipe) {
        /// Reason codes of 5.0 (3.14.2.1).
        const KEEP_ALIVE_TIMEOUT: u8 = 0x8D;
        const SESSION_TAKEN_OVER: u8 = 0x8E;
        let Some(session) = &self.session else { return };
        let owner = self.sessions.borrow().get(&session.client_id).copied();
        let reason = if owner.is_some_and(|owner| owner != self.connection) {
            Some(SESSION_TAKEN_OVER)
        } else if session.patience.is_some_and(|patience| now >= session.last_heard + patience) {
            Some(KEEP_ALIVE_TIMEOUT)
        } else if session.ends.is_some_and(|ends| now >= ends) {
            self.settings.disconnect_reason
        } else {
            return;
        };
        self.say_why(reason);
        self.core.end(pipe, self.settings.session_end);
    }
}

impl Peer for Broker {
    fn advance(&mut self, now: Duration, pipe: &mut Pipe) {
        if self.core.is_over(pipe) || !pipe.connected {
            return;
        }
        if self.progress == Progress::Accepting {
            self.accept(now, pipe);
        }
        let held = self.progress == Progress::Accepting || !self.exchange(now, pipe);
        if self.core.is_done() {
            return;
        }
        if !held {
            self.hear(now);
            self.serve(now, pipe);
            if !self.core.is_done() {
                self.core.send(pipe);
                self.look_at_the_clock(now, pipe);
            }
        }
        if pipe.peer_closed && !self.core.is_done() && self.packets.is_empty() {
            self.core.finish(pipe, TcpEnd::Fin);
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.core.is_idle() {
            return None;
        }
        let session = self.session.as_ref();
        let expiry = session.and_then(|session| session.patience.map(|patience| session.last_heard + patience));
        let end = session.and_then(|session| session.ends);
        [expiry, end, self.core.wake_at()].into_iter().flatten().min()
    }

    fn is_done(&self) -> bool {
        self.core.is_done()
    }
}

/// Whether the first record is there as a whole; what is no record counts as whole.
fn whole_record(bytes: &[u8]) -> bool {
    match bytes {
        [] => false,
        [0x16, 0x03, ..] => match bytes {
            [_, _, _, high, low, body @ ..] => body.len() >= usize::from(u16::from_be_bytes([*high, *low])),
            _ => false,
        },
        _ => true,
    }
}

/// Whether a filter without `+` covers a topic (4.7.1).
fn covers(filter: &str, topic: &str) -> bool {
    filter == topic || filter.strip_suffix('#').is_some_and(|prefix| topic.starts_with(prefix))
}
