//! A host: smoltcp's TCP between a peer and the wire.
//!
//! In: IP packets and the virtual time. Out: IP packets. The peers above it see streams of bytes only.

use super::peer::{Peer, Pipe, TcpEnd};
use super::random::Random;
use super::scenario::{LabError, TcpSettings};
use crate::net::Endpoint;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr, IpEndpoint};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

/// See the module.
pub(super) struct Host {
    address: IpAddr,
    interface: Interface,
    sockets: SocketSet<'static>,
    queue: Queue,
    settings: TcpSettings,
    lines: Vec<Line>,
    /// It was switched off: nothing is answered any more.
    vanished: bool,
}

/// A peer and its socket.
struct Line {
    socket: SocketHandle,
    pipe: Pipe,
    peer: Box<dyn Peer>,
    /// Everything to be sent before a reset was handed to TCP; the reset follows in the next round.
    reset_next: bool,
}

/// What TCP may have under way; the rest waits in the pipe.
const SEND_BUFFER: usize = 128 * 1024;

impl Host {
    pub(super) fn new(address: IpAddr, settings: TcpSettings, seed: &mut Random) -> Self {
        let mut queue = Queue { mtu: settings.mtu.clamp(MIN_MTU, 65_535), ..Queue::default() };
        let interface = interface(address, &mut queue, seed.next());
        Self {
            address,
            interface,
            sockets: SocketSet::new(Vec::new()),
            queue,
            settings,
            lines: Vec::new(),
            vanished: false,
        }
    }

    fn socket(&self) -> Socket<'static> {
        let buffer = |size| SocketBuffer::new(vec![0; size]);
        let mut socket = Socket::new(buffer(self.settings.receive_buffer.clamp(1024, 1 << 20)), buffer(SEND_BUFFER));
        socket.set_nagle_enabled(false);
        socket.set_congestion_control(CongestionControl::Reno);
        socket.set_hop_limit(Some(self.settings.hop_limit.max(1)));
        socket.set_timeout(self.settings.timeout_ms.map(|timeout| timeout.0.into()));
        socket
    }

    /// Opens a connection.
    pub(super) fn connect(&mut self, port: u16, to: Endpoint, peer: Box<dyn Peer>) -> Result<(), LabError> {
        let mut socket = self.socket();
        socket
            .connect(self.interface.context(), IpEndpoint::new(to.address.into(), to.port), (self.address, port))
            .map_err(|error| LabError::Scenario(format!("{} cannot connect to {to}: {error}", self.address)))?;
        self.add(socket, peer);
        Ok(())
    }

    /// Waits for a connection.
    pub(super) fn listen(&mut self, port: u16, peer: Box<dyn Peer>) -> Result<(), LabError> {
        let mut socket = self.socket();
        socket.listen(port).map_err(|error| LabError::Scenario(format!("cannot listen on port {port}: {error}")))?;
        self.add(socket, peer);
        Ok(())
    }

    fn add(&mut self, socket: Socket<'static>, peer: Box<dyn Peer>) {
        let socket = self.sockets.add(socket);
        self.lines.push(Line { socket, pipe: Pipe::default(), peer, reset_next: false });
    }

    /// Whether a socket still waits for a connection.
    pub(super) fn is_listening(&self) -> bool {
        self.lines.iter().any(|line| self.state(line) == State::Listen)
    }

    /// Whether every peer has done its part.
    pub(super) fn peers_are_done(&self) -> bool {
        self.lines.iter().all(|line| line.peer.is_done())
    }

    /// Whether no socket has anything to say any more.
    pub(super) fn is_quiet(&self) -> bool {
        let quiet = |line: &Line| matches!(self.state(line), State::Closed | State::Listen | State::TimeWait);
        self.vanished || self.lines.iter().all(quiet)
    }

    fn state(&self, line: &Line) -> State {
        self.sockets.get::<Socket<'_>>(line.socket).state()
    }

    /// Takes a packet from the wire.
    pub(super) fn receive(&mut self, packet: Vec<u8>) {
        if !self.vanished {
            self.queue.arrived.push_back(packet);
        }
    }

    /// Learns that a router on the path takes packets of at most `mtu` bytes (RFC 1191): segments are smaller from now on.
    pub(super) fn shrink(&mut self, mtu: u16) {
        self.queue.mtu = self.queue.mtu.min(usize::from(mtu).max(MIN_MTU));
        // smoltcp reads the size of its device once; the sockets do not belong to the interface and live on.
        self.interface = interface(self.address, &mut self.queue, u64::from(mtu));
    }

    /// Goes as far as it can at this moment, and returns what is to be sent.
    pub(super) fn poll(&mut self, now: Duration) -> Vec<Vec<u8>> {
        // Each round either moves bytes or is the last; the bound is for scenarios that would move them for ever.
        for _ in 0..1000 {
            if self.vanished {
                break;
            }
            self.interface.poll(instant(now), &mut self.queue, &mut self.sockets);
            let mut moved = false;
            for line in &mut self.lines {
                let socket = self.sockets.get_mut::<Socket<'_>>(line.socket);
                moved |= line.shuttle(now, socket, self.settings.reads);
                self.vanished |= line.pipe.end == Some(TcpEnd::Vanish);
            }
            if !moved {
                break;
            }
        }
        std::mem::take(&mut self.queue.departing)
    }

    /// When something is to happen even if nothing arrives.
    pub(super) fn wake_at(&mut self, now: Duration) -> Option<Duration> {
        if self.vanished {
            return None;
        }
        let tcp = self
            .interface
            .poll_at(instant(now), &self.sockets)
            .map(|at| Duration::from_micros(at.total_micros().unsigned_abs()));
        let peers = self.lines.iter().filter_map(|line| line.peer.wake_at());
        peers.chain(tcp).min()
    }
}

/// What every IPv4 host takes (RFC 791, 3.1).
const MIN_MTU: usize = 576;

fn interface(address: IpAddr, queue: &mut Queue, seed: u64) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut interface = Interface::new(config, queue, Instant::ZERO);
    interface.update_ip_addrs(|addresses| {
        // A /0 network makes every other host a neighbour: no routes are needed. One address always fits.
        let _ = addresses.push(IpCidr::new(address.into(), 0));
    });
    interface
}

impl Line {
    /// Carries bytes between the peer and its socket; true if anything changed.
    fn shuttle(&mut self, now: Duration, socket: &mut Socket<'_>, reads: bool) -> bool {
        let pipe = &mut self.pipe;
        let before = (pipe.connected, pipe.peer_closed, pipe.gone, pipe.received.len(), self.peer.is_done());
        let state = socket.state();
        pipe.connected |= !matches!(state, State::Listen | State::SynSent | State::SynReceived | State::Closed);
        pipe.gone |= state == State::Closed;
        if reads {
            while let Ok(taken) = socket.recv(|bytes| (bytes.len(), bytes.to_vec())) {
                if taken.is_empty() {
                    break;
                }
                pipe.received.extend(taken);
            }
        }
        pipe.peer_closed |= pipe.connected && !socket.may_recv() && !socket.can_recv();
        self.peer.advance(now, pipe);

        let mut moved = false;
        if !pipe.out.is_empty() && socket.can_send() {
            let taken = socket.send_slice(&pipe.out).unwrap_or(0);
            pipe.out.drain(..taken);
            moved |= taken > 0;
        }
        if pipe.out.is_empty() {
            match pipe.end {
                Some(TcpEnd::Fin) => socket.close(),
                Some(TcpEnd::Reset) if self.reset_next => socket.abort(),
                Some(TcpEnd::Reset) => {
                    self.reset_next = true;
                    moved = true;
                }
                Some(TcpEnd::Vanish) | None => {}
            }
        }
        moved |= socket.state() != state;
        moved || before != (pipe.connected, pipe.peer_closed, pipe.gone, pipe.received.len(), self.peer.is_done())
    }
}

fn instant(now: Duration) -> Instant {
    Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

/// smoltcp's device: a queue each way.
#[derive(Default)]
struct Queue {
    mtu: usize,
    arrived: VecDeque<Vec<u8>>,
    departing: Vec<Vec<u8>>,
}

impl Device for Queue {
    type RxToken<'a> = Received;
    type TxToken<'a> = Departing<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Departing<'_>)> {
        let packet = self.arrived.pop_front()?;
        Some((Received(packet), Departing(&mut self.departing)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Departing<'_>> {
        Some(Departing(&mut self.departing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities.checksum = ChecksumCapabilities::default();
        capabilities
    }
}

struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

struct Departing<'a>(&'a mut Vec<Vec<u8>>);

impl TxToken for Departing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut packet = vec![0; length];
        let result = write(&mut packet);
        self.0.push(packet);
        result
    }
}
