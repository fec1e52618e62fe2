//! The device: connects, speaks TLS, plays its script of MQTT, and misbehaves where the scenario says so.

use super::mqtt::{self, Connect, Packet, kind};
use super::peer::{Core, Gate, Peer, Pipe, TcpEnd};
use super::scenario::{Client, ClientStep, Ending, Point, Publish, Speaks};
use super::tls::Channel;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// See the module.
pub(super) struct Device {
    settings: Rc<Client>,
    core: Core,
    progress: Progress,
    script: VecDeque<ClientStep>,
    waiting: Option<Waiting>,
    /// When it loses patience.
    deadline: Option<Duration>,
    received: Vec<u8>,
    messages: u32,
    next_id: u16,
}

/// How far the handshake came; what follows is the script's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Connecting,
    Connected,
    HelloSent,
    ServerHeard,
    FlightSent,
}

/// What the script waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    For(u8),
    Until(Duration),
    Message(u32),
    Ever,
}

impl Device {
    pub(super) fn new(settings: &Rc<Client>, channel: Channel, connection: u32) -> Self {
        Self {
            core: Core::new(channel, &settings.fault, connection),
            progress: Progress::Connecting,
            script: settings.steps.iter().cloned().collect(),
            waiting: None,
            deadline: None,
            received: Vec::new(),
            messages: 0,
            next_id: 0,
            settings: Rc::clone(settings),
        }
    }

    fn be_patient(&mut self, now: Duration) {
        self.deadline = self.settings.patience_ms.map(|patience| now + patience.0);
    }

    /// TCP is there: says the first thing, whatever it is.
    fn open(&mut self, now: Duration, pipe: &mut Pipe) {
        if self.core.reach(Point::Established, now, pipe) != Gate::Go {
            return;
        }
        self.be_patient(now);
        let opening: &[u8] = match self.settings.speaks {
            Speaks::Http => b"GET / HTTP/1.1\r\nHost: broker.example:8883\r\nAccept: */*\r\n\r\n",
            Speaks::Text => b"SSH-2.0-OpenSSH_9.6\r\n",
            Speaks::Tls | Speaks::Mqtt | Speaks::Nothing => b"",
        };
        pipe.out.extend_from_slice(opening);
        // Without TLS there is no handshake to go through.
        self.progress = if self.settings.speaks == Speaks::Tls { Progress::Connected } else { Progress::FlightSent };
    }

    /// Moves bytes between TCP and TLS; false where it has to stop for now.
    fn exchange(&mut self, now: Duration, pipe: &mut Pipe) -> bool {
        if !pipe.received.is_empty() {
            if self.progress == Progress::HelloSent {
                if self.core.reach(Point::ServerHello, now, pipe) != Gate::Go {
                    return false;
                }
                self.progress = Progress::ServerHeard;
            }
            let received = std::mem::take(&mut pipe.received);
            if self.core.channel.receive(&received).is_err() {
                // The alert is among the output.
                self.core.end(pipe, Ending::Fin);
                return false;
            }
        }
        if self.core.has_output() {
            match self.progress {
                Progress::Connected => self.progress = Progress::HelloSent,
                Progress::ServerHeard => {
                    if self.core.reach(Point::ServerFlight, now, pipe) != Gate::Go {
                        return false;
                    }
                    self.progress = Progress::FlightSent;
                }
                _ => {}
            }
            self.core.send(pipe);
        }
        true
    }

    fn hear(&mut self, now: Duration) {
        let heard = self.core.channel.heard();
        self.received.extend(heard);
        if !matches!(self.settings.speaks, Speaks::Tls | Speaks::Mqtt) {
            self.received.clear();
        }
        while let Some(packet) = Packet::take(&mut self.received) {
            self.handle(now, &packet);
        }
    }

    fn handle(&mut self, now: Duration, packet: &Packet) {
        match (packet.kind(), packet.id()) {
            (kind::PUBLISH, id) => {
                self.messages += 1;
                if let (1, Some(id)) = (packet.qos(), id) {
                    self.core.channel.say(&mqtt::acknowledgement(kind::PUBACK, id).bytes());
                }
            }
            (kind::PUBREC, Some(id)) => self.core.channel.say(&mqtt::acknowledgement(kind::PUBREL, id).bytes()),
            _ => {}
        }
        // A refused CONNECT ends the script: the device waits for the close.
        if packet.kind() == kind::CONNACK && packet.connack_code() != Some(0) {
            self.waiting = Some(Waiting::Ever);
            self.script.clear();
            self.deadline = None;
        }
        if self.waiting == Some(Waiting::For(packet.kind())) {
            self.waiting = None;
            self.be_patient(now);
        }
    }

    /// Plays steps until one has to wait.
    fn play(&mut self, now: Duration, pipe: &mut Pipe) {
        while !self.core.is_done() {
            match self.waiting {
                Some(Waiting::Until(until)) if now >= until => self.waiting = None,
                Some(Waiting::Message(count)) if self.messages >= count => self.waiting = None,
                Some(_) => return,
                None => {}
            }
            let Some(step) = self.script.pop_front() else {
                self.deadline = None;
                return;
            };
            self.be_patient(now);
            self.step(step, now, pipe);
        }
    }

    fn step(&mut self, step: ClientStep, now: Duration, pipe: &mut Pipe) {
        match step {
            ClientStep::Connect => self.ask(&self.connect(), kind::CONNACK),
            ClientStep::ConnectWithoutWaiting => self.core.channel.say(&self.connect().bytes()),
            ClientStep::Subscribe(subscribe) => {
                let id = self.fresh_id();
                let packet = mqtt::subscribe(self.settings.mqtt, id, &subscribe.filters, subscribe.qos);
                self.ask(&packet, kind::SUBACK);
            }
            ClientStep::Publish(publish) => self.publish(publish),
            ClientStep::Ping => self.ask(&mqtt::bare(kind::PINGREQ), kind::PINGRESP),
            ClientStep::Pings(count) => {
                for _ in 1..count {
                    self.script.push_front(ClientStep::Ping);
                    self.script.push_front(ClientStep::WaitMs(u64::from(self.settings.keep_alive) * 1000));
                }
                self.ask(&mqtt::bare(kind::PINGREQ), kind::PINGRESP);
            }
            ClientStep::WaitMs(wait) => {
                self.waiting = Some(Waiting::Until(now + Duration::from_millis(wait)));
                self.deadline = None;
            }
            ClientStep::AwaitMessage => self.waiting = Some(Waiting::Message(self.messages + 1)),
            ClientStep::Raw(hex) => self.core.channel.say(&from_hex(&hex)),
            ClientStep::Disconnect => {
                self.core.channel.say(&mqtt::bare(kind::DISCONNECT).bytes());
                self.core.end(pipe, Ending::CloseNotify);
            }
            ClientStep::DisconnectAndReset => {
                self.core.channel.say(&mqtt::bare(kind::DISCONNECT).bytes());
                self.core.end(pipe, Ending::CloseNotify);
                self.core.finish(pipe, TcpEnd::Reset);
            }
            ClientStep::CloseNotify => self.core.end(pipe, Ending::CloseNotify),
            ClientStep::Fin => self.core.end(pipe, Ending::Fin),
            ClientStep::Reset => self.core.end(pipe, Ending::Reset),
            ClientStep::Hang => {
                self.waiting = Some(Waiting::Ever);
                self.deadline = None;
            }
            ClientStep::Vanish => self.core.finish(pipe, TcpEnd::Vanish),
        }
    }

    fn connect(&self) -> Packet {
        mqtt::connect(&Connect {
            version: self.settings.mqtt,
            client_id: &self.settings.client_id,
            keep_alive: self.settings.keep_alive,
            clean: self.settings.clean_session,
            username: self.settings.username.as_deref(),
            password: self.settings.password.as_deref(),
        })
    }

    fn publish(&mut self, publish: Publish) {
        let id = if publish.qos > 0 { self.fresh_id() } else { 0 };
        let packet = mqtt::publish(self.settings.mqtt, &publish.topic, publish.size, publish.qos, id);
        match publish.qos {
            qos if qos == 0 || !publish.wait => self.core.channel.say(&packet.bytes()),
            1 => self.ask(&packet, kind::PUBACK),
            _ => self.ask(&packet, kind::PUBCOMP),
        }
        if publish.count > 1 {
            let pause = u64::try_from(publish.every_ms.0.as_millis()).unwrap_or(u64::MAX);
            self.script.push_front(ClientStep::Publish(Publish { count: publish.count - 1, ..publish }));
            if pause > 0 {
                self.script.push_front(ClientStep::WaitMs(pause));
            }
        }
    }

    fn ask(&mut self, packet: &Packet, answer: u8) {
        self.core.channel.say(&packet.bytes());
        self.waiting = Some(Waiting::For(answer));
    }

    fn fresh_id(&mut self) -> u16 {
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        self.next_id
    }
}

impl Peer for Device {
    fn advance(&mut self, now: Duration, pipe: &mut Pipe) {
        if self.core.is_over(pipe) {
            return;
        }
        if self.progress == Progress::Connecting && self.deadline.is_none() {
            self.be_patient(now);
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            if pipe.connected {
                self.core.end(pipe, self.settings.gives_up);
            } else {
                self.core.finish(pipe, TcpEnd::Vanish);
            }
            return;
        }
        if !pipe.connected {
            return;
        }
        if self.progress == Progress::Connecting {
            self.open(now, pipe);
        }
        if self.core.is_done() || self.progress == Progress::Connecting || !self.exchange(now, pipe) {
            return;
        }
        if !self.core.channel.is_handshaking() {
            self.hear(now);
            if matches!(self.settings.speaks, Speaks::Tls | Speaks::Mqtt) {
                self.play(now, pipe);
            }
            if !self.core.is_done() {
                self.core.send(pipe);
            }
        }
        if pipe.peer_closed && !self.core.is_done() {
            self.core.finish(pipe, TcpEnd::Fin);
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.core.is_idle() {
            return None;
        }
        let step = match self.waiting {
            Some(Waiting::Until(until)) => Some(until),
            _ => None,
        };
        [step, self.deadline, self.core.wake_at()].into_iter().flatten().min()
    }

    fn is_done(&self) -> bool {
        self.core.is_done()
    }
}

/// The bytes of a hexadecimal text; anything that is no pair of digits is left out.
pub(super) fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|digit| digit.to_digit(16)).filter_map(|digit| digit.try_into().ok()).collect();
    digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}
