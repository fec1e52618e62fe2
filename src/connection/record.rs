//! What is left of a connection when it is over: everything that the verdict and the reports need, and no buffer.

use super::arrival::Arrival;
use super::closing::{closed, forgery};
use super::milestones::milestones;
use super::{Connection, PortKind};
use crate::decode::IcmpError;
use crate::event::EventLog;
use crate::evidence::Confidence;
use crate::names::Resolution;
use crate::net::{Endpoint, PerSide, Side};
use crate::stream::Moment;
use crate::time::Timestamp;
use crate::timeline::{Bounds, Timeline};
use crate::{mqtt, tcp, tls};
use std::sync::Arc;
use std::time::Duration;

/// Why a connection was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Both sides closed it, or one reset it.
    Closed,
    /// Nothing was heard of it for a long time.
    Idle,
    /// The capture ended.
    CaptureEnded,
    /// It had to make room in the table.
    Evicted,
    /// Another connection began between the same endpoints.
    PortReused,
}

/// A connection that is over.
#[derive(Clone, Debug)]
pub struct Record {
    /// Client and server.
    pub endpoints: PerSide<Endpoint>,
    /// Its first frame.
    pub first: Moment,
    /// Its last frame.
    pub last: Moment,
    /// The time until which it was watched: that of its end, or of the capture's; not before its last frame.
    pub until: Timestamp,
    /// The place of its first frame among all frames of the capture: connections are told in this order.
    pub ordinal: u64,
    /// Why it was told.
    pub ending: Ending,
    /// What was expected on its port.
    pub expected: PortKind,
    /// Whether its first bytes were neither TLS nor MQTT, where nothing was expected.
    pub is_other: bool,
    /// What TCP shows.
    pub tcp: Box<tcp::Facts>,
    /// What TLS shows, where there was any.
    pub tls: Option<Box<tls::Facts>>,
    /// What MQTT shows, read or inferred.
    pub mqtt: Option<Box<mqtt::Facts>>,
    /// What happened.
    pub events: EventLog,
    /// How far it got.
    pub timeline: Timeline,
    /// The first ICMP error about it.
    pub unreachable: Option<IcmpError>,
    /// How its server's address was found, where the capture shows it.
    pub resolution: Option<Arc<Resolution>>,
}

impl Record {
    pub(super) fn new(connection: Connection, ending: Ending, until: Timestamp) -> Self {
        let Connection {
            endpoints,
            first,
            last,
            ordinal,
            tcp,
            layers,
            events,
            unreachable,
            resolution,
            has_arrived: _,
        } = connection;
        let expected = layers.expected;
        let is_other = layers.is_other;
        let (tls, mqtt) = layers.into_facts();
        let tcp = Box::new(tcp.facts());
        let plaintext = tls.is_none() && mqtt.is_some();
        let milestones = milestones(&tcp, tls.as_deref(), mqtt.as_deref(), plaintext);
        let closed = closed(&tcp, tls.as_deref(), mqtt.as_deref(), unreachable.as_ref());
        let bounds = Bounds { first, last, rtt: tcp.handshake.round_trip() };
        let timeline = Timeline::new(&milestones, closed, bounds);
        Self {
            endpoints,
            first,
            last,
            until: until.max(last.at),
            ordinal,
            ending,
            expected,
            is_other,
            tcp,
            tls,
            mqtt,
            events,
            timeline,
            unreachable,
            resolution,
        }
    }

    /// That its server accepted the client, if it did.
    #[must_use]
    pub fn arrival(&self) -> Option<Arrival> {
        Arrival::of(self.endpoints, self.ordinal, self.first, self.mqtt.as_deref()?)
    }

    /// The server's name: what the client asked for in its hello, or else in DNS.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        let hello = self.tls.as_ref().and_then(|tls| tls.client_hello.as_ref());
        let asked = hello.and_then(|hello| hello.server_name.as_deref());
        asked.or_else(|| self.resolution.as_ref().and_then(|resolution| resolution.name()))
    }

    /// Whether frames of it may be missing from the capture, so that what was not seen may have happened all the same.
    #[must_use]
    pub fn may_have_missed_frames(&self) -> bool {
        let tcp = &self.tcp;
        let holes = Side::BOTH
            .into_iter()
            .map(|side| tcp.side(side))
            .any(|facts| facts.missed_bytes > 0 || facts.acked_unseen > 0);
        tcp.midstream || tcp.one_sided.is_some() || tcp.truncated || holes
    }

    /// Whether it is on a port that was named as a broker's: on others it may be anybody's traffic.
    #[must_use]
    pub fn is_on_a_named_port(&self) -> bool {
        self.expected != PortKind::ByContent
    }

    /// Its frames, without those that the capture holds twice.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.tcp.client.frames + self.tcp.server.frames
    }

    /// From the ClientHello to the last Finished.
    #[must_use]
    pub fn tls_time(&self) -> Option<Duration> {
        Some(self.timeline.timings.tls_hello? + self.timeline.timings.tls_authentication?)
    }

    /// Whether something on the path sent the reset of this side in its name, and how sure that is.
    #[must_use]
    pub fn forged_reset(&self, side: Side) -> Option<Confidence> {
        let reset = self.tcp.side(side).reset.filter(tcp::Reset::closes)?;
        forgery(side, &reset, &self.tcp)
    }
}
