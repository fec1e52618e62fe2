//! What happened, in the words of every layer at once: one [`Event`] is one line of a connection's story.
//!
//! [`EventLog`] keeps the story of one connection within a bound: its beginning and its end, since that is where
//! connections are decided. It never judges.

use crate::decode::{DnsMessage, IcmpError};
use crate::evidence::{Basis, Seen};
use crate::net::Side;
use crate::pack::packed;
use crate::stream::Moment;
use crate::{mqtt, tcp, tls};
use std::collections::VecDeque;
use std::fmt;

/// Something that happened on a connection.
#[derive(Clone, Debug)]
pub struct Event {
    /// When its first byte was readable; equal to `at` for what fits one frame.
    pub began: Moment,
    /// When it was complete: the frame under which Wireshark shows it.
    pub at: Moment,
    /// Who did it.
    pub by: By,
    /// Whether it was read or inferred.
    pub basis: Basis,
    /// What it was.
    pub kind: Kind,
}

packed! { struct Event { began, at, by, basis, kind } }

impl Event {
    /// Something that one frame shows.
    #[must_use]
    pub fn observed(at: Moment, by: impl Into<By>, kind: impl Into<Kind>) -> Self {
        Self { began: at, at, by: by.into(), basis: Basis::Observed, kind: kind.into() }
    }

    /// Something that a layer above TCP saw.
    #[must_use]
    pub fn seen(seen: Seen, kind: impl Into<Kind>) -> Self {
        Self { began: seen.began, at: seen.ended, by: seen.by.into(), basis: seen.basis, kind: kind.into() }
    }

    /// Whether this came after `other`: by frame within a file, by time between files.
    fn is_after(&self, other: &Self) -> bool {
        if self.at.frame.file() == other.at.frame.file() {
            self.at.frame > other.at.frame
        } else {
            self.at.at > other.at.at
        }
    }
}

/// Who caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// The device.
    Client,
    /// The broker.
    Server,
    /// Something between them, or a resolver: neither of the two.
    Path,
}

packed! { enum By { Client, Server, Path } }

impl By {
    /// The side, unless it was the path.
    #[must_use]
    pub const fn side(self) -> Option<Side> {
        match self {
            Self::Client => Some(Side::Client),
            Self::Server => Some(Side::Server),
            Self::Path => None,
        }
    }

    /// The contract's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Path => "path",
        }
    }
}

impl From<Side> for By {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Server => Self::Server,
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What happened, by layer.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A question for the server's name, or its answer.
    Dns(Box<DnsMessage>),
    /// A router or host reports that one of our segments did not get through.
    Icmp(Box<IcmpError>),
    /// TCP.
    Tcp(tcp::Event),
    /// TLS.
    Tls(tls::Event),
    /// MQTT.
    Mqtt(mqtt::Event),
}

packed! { enum Kind { Dns(what), Icmp(what), Tcp(what), Tls(what), Mqtt(what) } }

impl Kind {
    /// The contract's name of the layer.
    #[must_use]
    pub const fn layer(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Icmp(_) => "icmp",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Mqtt(_) => "mqtt",
        }
    }

    /// The contract's name of the kind.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dns(message) => {
                if message.is_response {
                    "answer"
                } else {
                    "query"
                }
            }
            Self::Icmp(_) => "unreachable",
            Self::Tcp(event) => event.name(),
            Self::Tls(event) => event.name(),
            Self::Mqtt(event) => event.name(),
        }
    }
}

/// One line of detail; empty where the name says it all.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(message) => message.fmt(f),
            Self::Icmp(error) => error.fmt(f),
            Self::Tcp(event) => event.fmt(f),
            Self::Tls(event) => event.fmt(f),
            Self::Mqtt(event) => event.fmt(f),
        }
    }
}

impl From<tcp::Event> for Kind {
    fn from(event: tcp::Event) -> Self {
        Self::Tcp(event)
    }
}

impl From<tls::Event> for Kind {
    fn from(event: tls::Event) -> Self {
        Self::Tls(event)
    }
}

impl From<mqtt::Event> for Kind {
    fn from(event: mqtt::Event) -> Self {
        Self::Mqtt(event)
    }
}

/// The events of one connection in the order of their frames: the first ones and the last ones, within a bound.
#[derive(Clone, Debug)]
pub struct EventLog {
    head: Vec<Event>,
    tail: VecDeque<Event>,
    limit: EventLimit,
    dropped: u64,
    /// What happened since [`Self::take_fresh`], in the order in which it was found out; none where nobody follows.
    fresh: Option<Vec<Event>>,
}

packed! { struct EventLog { head, tail, limit, dropped, fresh } }

/// As many events as a short healthy connection has: room for them is made at once.
const USUAL: usize = 16;

/// Room for so many more is made then: an idle connection has but a few events, and there may be a million such.
const MORE: usize = 8;

/// How many events of a connection are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimit {
    /// The first so many.
    pub first: usize,
    /// And the last so many.
    pub last: usize,
}

packed! { struct EventLimit { first, last } }

/// A handshake takes about twenty-five events, the end of a connection five; the rest shows what the session was like.
impl Default for EventLimit {
    fn default() -> Self {
        Self { first: 192, last: 64 }
    }
}

impl EventLog {
    /// An empty log.
    #[must_use]
    pub const fn new(limit: EventLimit) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), limit, dropped: 0, fresh: None }
    }

    /// An empty log that also tells what happened of late.
    #[must_use]
    pub fn followed(limit: EventLimit) -> Self {
        Self { fresh: Some(Vec::new()), ..Self::new(limit) }
    }

    /// What happened since the last call, where the log is followed.
    pub fn take_fresh(&mut self) -> Vec<Event> {
        self.fresh.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether [`Self::take_fresh`] has something to give.
    #[must_use]
    pub fn has_fresh(&self) -> bool {
        self.fresh.as_ref().is_some_and(|fresh| !fresh.is_empty())
    }

    /// Adds an event at its place: what was inferred later than its frame goes where the frame belongs.
    pub fn push(&mut self, event: Event) {
        if let Some(fresh) = &mut self.fresh {
            fresh.push(event.clone());
        }
        if self.tail.is_empty() && self.head.len() < self.limit.first {
            self.make_room();
            let place = self.head.iter().rposition(|earlier| !earlier.is_after(&event)).map_or(0, |index| index + 1);
            self.head.insert(place, event);
            return;
        }
        self.push_to_tail(event);
    }

    /// The end has room for its last events at once: what got so far goes on.
    fn push_to_tail(&mut self, event: Event) {
        if self.tail.is_empty() {
            self.tail.reserve_exact(self.limit.last);
        }
        let mut place = self.tail.iter().rposition(|earlier| !earlier.is_after(&event)).map_or(0, |index| index + 1);
        if self.tail.len() >= self.limit.last {
            self.dropped += 1;
            // What is older than all is itself what goes.
            if place == 0 {
                return;
            }
            self.tail.pop_front();
            place -= 1;
        }
        self.tail.insert(place, event);
    }

    /// Room for a few more events at the front: doubling would waste most of it.
    fn make_room(&mut self) {
        let room = self.head.capacity();
        if self.head.len() == room {
            let more = if room == 0 { USUAL } else { MORE.max(room / 4) };
            self.head.reserve_exact(more.min(self.limit.first - self.head.len()));
        }
    }

    /// The events that were kept, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Event> + Clone {
        self.head.iter().chain(&self.tail)
    }

    /// How many events were kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    /// How many events between the first and the last ones were not kept.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameId;
    use crate::time::Timestamp;

    fn event(number: u64) -> Event {
        let moment = Moment::new(Timestamp::from_secs(number.cast_signed()), FrameId::new(0, number));
        Event::observed(moment, Side::Client, tcp::Event::Established)
    }

    fn numbers(log: &EventLog) -> Vec<u64> {
        log.iter().map(|event| event.at.frame.number()).collect()
    }

    #[test]
    fn an_event_stays_small() {
        assert!(size_of::<Event>() <= 96, "{}", size_of::<Event>());
    }

    #[test]
    fn what_is_inferred_late_stands_where_it_happened() {
        let mut log = EventLog::new(EventLimit { first: 8, last: 8 });
        for number in [1, 3, 5, 2, 4] {
            log.push(event(number));
        }
        assert_eq!(numbers(&log), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_followed_log_tells_each_event_once() {
        let mut log = EventLog::followed(EventLimit { first: 1, last: 1 });
        for number in 1..=3 {
            log.push(event(number));
        }
        assert_eq!(log.take_fresh().len(), 3);
        assert!(log.take_fresh().is_empty());
    }

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        let mut log = EventLog::new(EventLimit { first: 2, last: 3 });
        for number in 1..=9 {
            log.push(event(number));
        }
        assert_eq!(numbers(&log), [1, 2, 7, 8, 9]);
        assert_eq!(log.dropped(), 4);
    }
}
