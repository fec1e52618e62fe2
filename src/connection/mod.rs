//! One connection: the layers' trackers joined, their events in one log. Glue without a logic of its own.
//!
//! Segments come in; [`Connection::finish`] gives the [`Record`] that is left when it is over.

mod arrival;
mod closing;
mod layers;
mod milestones;
mod record;

pub use arrival::Arrival;
pub use layers::{PortKind, Settings};
pub use record::{Ending, Record};

use crate::decode::IcmpError;
use crate::event::{By, Event, EventLog, Kind};
use crate::names::{Names, Resolution};
use crate::net::{Endpoint, PerSide, Side};
use crate::pack::packed;
use crate::segment::{Segment, TcpFlags};
use crate::stream::Moment;
use crate::time::Timestamp;
use crate::tls::keylog::KeyLog;
use crate::{tcp, tls};
use layers::{Layers, Stack};
use std::sync::Arc;

/// How many certificates are remembered: those of a fleet, and of the brokers that it talks to.
const CERTIFICATES: usize = 4096;

/// What all connections share.
#[derive(Debug)]
pub struct Context {
    /// How connections are analysed.
    pub settings: Settings,
    /// Certificates and offers that were seen: the same bytes are parsed once.
    pub known: tls::Known,
    /// Secrets of TLS that somebody gave.
    pub key_log: KeyLog,
    /// Names of servers, from DNS.
    pub names: Names,
    /// Room for one decrypted record.
    plaintext: Vec<u8>,
}

impl Context {
    /// A context that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            known: tls::Known::new(CERTIFICATES),
            key_log: KeyLog::new(),
            names: Names::default(),
            plaintext: Vec::new(),
            settings,
        }
    }

    /// Exchanges with another one what somebody else told: names and secrets.
    pub fn lend(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.names, &mut other.names);
        std::mem::swap(&mut self.key_log, &mut other.key_log);
    }
}

/// A connection that is being watched.
#[derive(Debug)]
pub struct Connection {
    endpoints: PerSide<Endpoint>,
    first: Moment,
    last: Moment,
    /// The place of its first frame among all frames of the capture.
    ordinal: u64,
    tcp: tcp::Tracker,
    layers: Layers,
    events: EventLog,
    /// The first ICMP error about it.
    unreachable: Option<IcmpError>,
    resolution: Option<Arc<Resolution>>,
    /// Whether its arrival was told.
    has_arrived: bool,
}

packed! {
    struct Connection {
        endpoints, first, last, ordinal, tcp, layers, events, unreachable, resolution, has_arrived,
    }
}

impl Connection {
    /// A connection that begins with this segment, the `ordinal`th frame of the capture.
    #[must_use]
    pub fn open(segment: &Segment<'_>, ordinal: u64, context: &mut Context) -> Self {
        let endpoints = sides(segment, &context.settings);
        let now = Moment::new(segment.at, segment.frame);
        let expected = context.settings.kind_of(endpoints.server.port);
        let resolution = context.names.resolution(endpoints.client.address, endpoints.server.address).cloned();
        let mut connection = Self {
            endpoints,
            first: now,
            last: now,
            ordinal,
            tcp: tcp::Tracker::new(context.settings.tcp),
            layers: Layers::new(expected, !segment.flags.contains(TcpFlags::SYN)),
            events: if context.settings.follow {
                EventLog::followed(context.settings.events)
            } else {
                EventLog::new(context.settings.events)
            },
            unreachable: None,
            resolution,
            has_arrived: false,
        };
        connection.handle_segment(segment, context);
        connection
    }

    /// Takes a segment of this connection.
    pub fn handle_segment(&mut self, segment: &Segment<'_>, context: &mut Context) {
        self.last = Moment::new(segment.at, segment.frame);
        let side = if segment.source == self.endpoints.client { Side::Client } else { Side::Server };
        let Self { tcp, layers, events, .. } = self;
        tcp.handle_segment(side, segment, &mut Stack { layers, events, context });
    }

    /// Takes a report that one of its segments did not get through.
    pub fn handle_icmp(&mut self, error: IcmpError) {
        let at = Moment::new(error.at, error.frame);
        self.events.push(Event::observed(at, By::Path, Kind::Icmp(Box::new(error))));
        self.last = at;
        self.unreachable.get_or_insert(error);
    }

    /// Whether this segment begins another connection between the same endpoints.
    #[must_use]
    pub fn starts_anew(&self, segment: &Segment<'_>) -> bool {
        if !segment.flags.contains(TcpFlags::SYN) {
            return false;
        }
        let side = if segment.source == self.endpoints.client { Side::Client } else { Side::Server };
        self.tcp.starts_anew(side, segment)
    }

    /// Whether both sides have closed, or one has reset it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.tcp.is_closed()
    }

    /// Whether the handshake of TCP was completed, or data came without one.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.tcp.is_established()
    }

    /// That the server has accepted the client; told once.
    pub fn take_arrival(&mut self) -> Option<Arrival> {
        if self.has_arrived {
            return None;
        }
        let mqtt = self.layers.mqtt.as_ref()?;
        mqtt.facts().connack_at?;
        self.has_arrived = true;
        Arrival::of(self.endpoints, self.ordinal, self.first, mqtt.facts())
    }

    /// The place of its first frame among all frames of the capture.
    #[must_use]
    pub const fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// Its last frame so far.
    #[must_use]
    pub const fn last(&self) -> Moment {
        self.last
    }

    /// Client and server.
    #[must_use]
    pub const fn endpoints(&self) -> PerSide<Endpoint> {
        self.endpoints
    }

    /// Its first frame.
    #[must_use]
    pub const fn first(&self) -> Moment {
        self.first
    }

    /// What happened since the last call, where connections are followed.
    pub fn take_fresh(&mut self) -> Vec<Event> {
        self.events.take_fresh()
    }

    /// To be called when copies of its last frames can no longer come: they need not be known any more.
    pub(crate) fn forget_copies(&mut self) {
        self.tcp.forget_copies();
    }

    /// Its story so far.
    #[must_use]
    pub const fn events(&self) -> &EventLog {
        &self.events
    }

    /// Ends it at a time of the capture: what waited for more is settled, and the record of it is left.
    #[must_use]
    pub fn finish(mut self, ending: Ending, at: Timestamp, context: &mut Context) -> Record {
        let Self { tcp, layers, events, last, .. } = &mut self;
        tcp.finish(&mut Stack { layers, events, context });
        layers.finish(*last, events);
        Record::new(self, ending, at)
    }
}

/// Which end is the client: the sender of the SYN; without one, the side whose port is not a server's.
fn sides(segment: &Segment<'_>, settings: &Settings) -> PerSide<Endpoint> {
    let (source, destination) = (segment.source, segment.destination);
    let from_client = if segment.flags.contains(TcpFlags::SYN) {
        !segment.flags.contains(TcpFlags::ACK)
    } else {
        match (settings.is_named(source.port), settings.is_named(destination.port)) {
            (true, false) => false,
            (false, true) => true,
            _ => source.port > destination.port,
        }
    };
    if from_client {
        PerSide { client: source, server: destination }
    } else {
        PerSide { client: destination, server: source }
    }
}
