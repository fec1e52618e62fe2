//! Plays a scenario: hosts, wire and virtual clock, from the first SYN to the last FIN.
//!
//! In: a [`Scenario`]. Out: the packets that passed the vantage point, and the secrets of their TLS.

use super::client::Device;
use super::crypto::Secrets;
use super::host::Host;
use super::packet::{TcpView, too_big};
use super::peer::{Peer, Pipe};
use super::random::{self, Random};
use super::scenario::{Client, Direction, LabError, Scenario, Server, Speaks};
use super::scripted;
use super::server::{Broker, Sessions};
use super::tls::{self, Channel};
use super::wire::{Arrival, Passed, Wire};
use crate::net::Endpoint;
use rustls::{ClientConfig, ServerConfig};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What a scenario left behind.
pub(super) struct Played {
    pub(super) passed: Vec<Passed>,
    pub(super) secrets: String,
}

/// Plays a scenario to its end.
pub(super) fn play(scenario: &Scenario) -> Result<Played, LabError> {
    random::seed_tls(scenario.seed);
    let secrets = Arc::new(Secrets::default());
    let mut wire = Wire::new(&scenario.wire, scenario.capture.vantage, scenario.seed);
    let addresses = Addresses::of(scenario)?;
    scripted::ask_names(scenario, &addresses, &mut wire);
    if scenario.segment.is_empty() {
        Simulation::new(scenario, &addresses, wire, &secrets)?.run()
    } else {
        let flights = converse(scenario, &secrets)?;
        scripted::play_segments(scenario, &addresses, &flights, &mut wire);
        Ok(Played { passed: wire.into_passed(), secrets: secrets.text() })
    }
}

/// Who has which address.
pub(super) struct Addresses {
    pub(super) clients: Vec<IpAddr>,
    pub(super) server: Endpoint,
}

impl Addresses {
    fn of(scenario: &Scenario) -> Result<Self, LabError> {
        /// So many fit into the documentation network behind .10.
        const MOST: usize = 200;
        if scenario.client.len() > MOST {
            return Err(LabError::Scenario(format!("a scenario has at most {MOST} clients")));
        }
        let clients: Vec<IpAddr> = (10..)
            .zip(&scenario.client)
            .map(|(last, client)| client.address.unwrap_or(Ipv4Addr::new(192, 0, 2, last).into()))
            .collect();
        let Some(first) = clients.first() else {
            return Err(LabError::Scenario("a scenario needs a client".to_owned()));
        };
        let server = scenario.server.address.unwrap_or(match first {
            IpAddr::V4(_) => Ipv4Addr::new(198, 51, 100, 20).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xDB8, 0, 1, 0, 0, 0, 0x20).into(),
        });
        Ok(Self { clients, server: Endpoint::new(server, scenario.server.port) })
    }
}

struct Simulation {
    wire: Wire,
    clients: Vec<DeviceHost>,
    server: BrokerHost,
    until: Duration,
    secrets: Arc<Secrets>,
}

struct DeviceHost {
    host: Host,
    address: IpAddr,
    settings: Rc<Client>,
    config: Arc<ClientConfig>,
    server: Endpoint,
    opened: u32,
    /// When the next connection may be opened.
    next: Option<Duration>,
    first_port: u16,
}

/// Longer stories are told by copies of shorter ones.
const MOST_ROUNDS: u32 = 2_000_000;

/// Dynamic ports begin here (RFC 6335, 6); each device has this many of its own.
const FIRST_PORT: u16 = 49_152;
const PORTS: u16 = 250;

struct BrokerHost {
    host: Host,
    settings: Rc<Server>,
    config: Arc<ServerConfig>,
    sessions: Sessions,
    accepted: u32,
}

impl Simulation {
    fn new(scenario: &Scenario, addresses: &Addresses, wire: Wire, secrets: &Arc<Secrets>) -> Result<Self, LabError> {
        let mut seeds = Random::derived(scenario.seed, 0x0057_AC25);
        let server = BrokerHost {
            host: Host::new(addresses.server.address, scenario.server.tcp, &mut seeds),
            settings: Rc::new(scenario.server.clone()),
            config: tls::server_config(&scenario.server, secrets)?,
            sessions: Sessions::default(),
            accepted: 0,
        };
        let clients = (0..).zip(&scenario.client).zip(&addresses.clients).map(|((number, client), address)| {
            Ok(DeviceHost {
                host: Host::new(*address, client.tcp, &mut seeds),
                address: *address,
                config: tls::client_config(client, secrets)?,
                settings: Rc::new(client.clone()),
                server: addresses.server,
                opened: 0,
                next: Some(client.start_ms.0),
                first_port: FIRST_PORT + PORTS * u16::try_from(seeds.below(16) * 4 + number % 4).unwrap_or_default(),
            })
        });
        let clients = clients.collect::<Result<_, LabError>>()?;
        Ok(Self { wire, clients, server, until: scenario.until_ms.0, secrets: Arc::clone(secrets) })
    }

    fn run(mut self) -> Result<Played, LabError> {
        let mut now = Duration::ZERO;
        let mut rounds = 0_u32;
        while now <= self.until {
            rounds += 1;
            if rounds > MOST_ROUNDS {
                return Err(LabError::Scenario(format!("the scenario is still busy after {MOST_ROUNDS} events")));
            }
            self.deliver(now);
            self.settle(now)?;
            let Some(next) = self.next_event(now) else { break };
            // smoltcp counts microseconds: an event in the current one is due with the next.
            now = next.max(now + Duration::from_micros(1));
        }
        Ok(Played { passed: self.wire.into_passed(), secrets: self.secrets.text() })
    }

    fn deliver(&mut self, now: Duration) {
        while let Some(arrival) = self.wire.arrived(now) {
            let Some(segment) = TcpView::of(&arrival.packet) else {
                self.hear_of_size(&arrival);
                continue;
            };
            if arrival.direction == Direction::ToServer {
                self.server.host.receive(arrival.packet);
                continue;
            }
            // Two devices may share an address, as they do behind a NAT: the port decides.
            let to = segment.destination;
            if let Some(client) =
                self.clients.iter_mut().find(|client| client.address == to.address && client.owns(to.port))
            {
                client.host.receive(arrival.packet);
            }
        }
    }

    /// An ICMP error that tells the size that fits is heeded; other errors and names are for the capture only.
    fn hear_of_size(&mut self, arrival: &Arrival) {
        let Some((receiver, mtu)) = too_big(&arrival.packet) else { return };
        if arrival.direction == Direction::ToServer {
            self.server.host.shrink(mtu);
        }
        for client in self.clients.iter_mut().filter(|client| client.address == receiver) {
            client.host.shrink(mtu);
        }
    }

    /// Lets every host go as far as it can at this moment.
    fn settle(&mut self, now: Duration) -> Result<(), LabError> {
        for client in &mut self.clients {
            client.open_next(now)?;
            for packet in client.host.poll(now) {
                self.wire.send(now, Direction::ToServer, &packet);
            }
            client.plan_next(now);
        }
        self.server.listen()?;
        for packet in self.server.host.poll(now) {
            self.wire.send(now, Direction::ToClient, &packet);
        }
        self.server.listen()
    }

    fn next_event(&mut self, now: Duration) -> Option<Duration> {
        let arrival = self.wire.next_arrival();
        let over = arrival.is_none()
            && self
                .clients
                .iter()
                .all(|client| client.next.is_none() && client.host.is_quiet() && client.host.peers_are_done())
            && self.server.host.is_quiet();
        if over {
            return None;
        }
        let clients =
            self.clients.iter_mut().flat_map(|client| [client.next, client.host.wake_at(now)]).flatten().min();
        [arrival, clients, self.server.host.wake_at(now)].into_iter().flatten().min()
    }
}

impl DeviceHost {
    fn open_next(&mut self, now: Duration) -> Result<(), LabError> {
        if self.next.is_none_or(|next| next > now) {
            return Ok(());
        }
        self.next = None;
        self.opened += 1;
        let port = self.first_port + u16::try_from(self.opened % u32::from(PORTS)).unwrap_or_default();
        let device = Device::new(&self.settings, client_channel(&self.settings, &self.config)?, self.opened);
        self.host.connect(port, self.server, Box::new(device))
    }

    const fn owns(&self, port: u16) -> bool {
        port >= self.first_port && port - self.first_port < PORTS
    }

    /// Plans the next connection once the last one is over for its peer.
    fn plan_next(&mut self, now: Duration) {
        if self.next.is_none() && self.opened < self.settings.connections && self.host.peers_are_done() {
            self.next = Some(now + self.settings.pause_ms.0);
        }
    }
}

impl BrokerHost {
    /// Keeps one socket waiting, as long as anybody listens.
    fn listen(&mut self) -> Result<(), LabError> {
        if !self.settings.listens || self.host.is_listening() {
            return Ok(());
        }
        self.accepted += 1;
        let channel = server_channel(&self.settings, &self.config)?;
        let broker = Broker::new(&self.settings, &self.sessions, channel, self.accepted);
        self.host.listen(self.settings.port, Box::new(broker))
    }
}

fn client_channel(settings: &Client, config: &Arc<ClientConfig>) -> Result<Channel, LabError> {
    if settings.speaks == Speaks::Tls { tls::client(config, settings) } else { Ok(Channel::clear()) }
}

fn server_channel(settings: &Server, config: &Arc<ServerConfig>) -> Result<Channel, LabError> {
    if settings.speaks == Speaks::Tls { tls::server(config) } else { Ok(Channel::clear()) }
}

/// The conversation that the first device and the broker would have without a network in between: flights, in turns, the
/// client's first.
fn converse(scenario: &Scenario, secrets: &Arc<Secrets>) -> Result<Vec<Vec<u8>>, LabError> {
    let Some(client) = scenario.client.first() else { return Ok(Vec::new()) };
    let (client, server) = (Rc::new(client.clone()), Rc::new(scenario.server.clone()));
    let client_config = tls::client_config(&client, secrets)?;
    let server_config = tls::server_config(&server, secrets)?;
    let mut device = Device::new(&client, client_channel(&client, &client_config)?, 1);
    let mut broker = Broker::new(&server, &Sessions::default(), server_channel(&server, &server_config)?, 1);
    let mut pipes = [Pipe::default(), Pipe::default()];
    for pipe in &mut pipes {
        pipe.connected = true;
    }
    let mut flights = Vec::new();
    let mut now = Duration::ZERO;
    // Longer conversations than this are not written by hand.
    while flights.len() < 200 {
        let [to_client, to_server] = &mut pipes;
        device.advance(now, to_client);
        let said = std::mem::take(&mut to_client.out);
        to_server.received.extend_from_slice(&said);
        broker.advance(now, to_server);
        let answered = std::mem::take(&mut to_server.out);
        to_client.received.extend_from_slice(&answered);
        let silent = said.is_empty() && answered.is_empty();
        if !silent {
            flights.push(said);
            flights.push(answered);
        }
        if !silent {
            continue;
        }
        let wake = [device.wake_at(), broker.wake_at()].into_iter().flatten().filter(|at| *at > now).min();
        match wake {
            Some(at) if !device.is_done() => now = at,
            _ => break,
        }
    }
    Ok(flights)
}
