//! What the rules about MQTT ask of a case: what the client said last, whether a close answers it, and what it was.
//!
//! Facts of MQTT come in, read or in sizes only; nothing here names a cause.

use super::Case;
use crate::event::{By, Kind};
use crate::evidence::Basis;
use crate::mqtt::session::Entry;
use crate::mqtt::{self, PacketType, PlaintextLen, ReasonCode};
use crate::net::Side;
use crate::stream::Moment;
use crate::timeline::{Closed, Rung};
use std::time::Duration;

/// A close that answers a request comes this soon after it, beyond two round trips.
const ANSWER: Duration = Duration::from_secs(1);

/// A server that is nearer than this is beside the capture.
const BESIDE: Duration = Duration::from_millis(1);

/// Requests of the client without any answer, from which on a client is one that never gets answers (QoS 0).
const STREAM: usize = 3;

/// What the client had said last when the server closed, and no word of the server came in between.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    /// The server's close.
    pub(super) closed: Closed,
    /// The client's first entry since the server's last word.
    pub(super) first: Entry,
    /// The client's last entry that the server can have judged.
    pub(super) last: Entry,
    /// How many entries the client sent since the server's last word.
    pub(super) count: usize,
    /// The bytes of MQTT in them, at most.
    pub(super) bytes: u64,
    /// Whether all but the last entry have one length, that of a cut packet, or the packet was read.
    pub(super) is_one_packet: bool,
    /// Whether the client says so much without an answer that some entry always stands before a close.
    pub(super) is_stream: bool,
}

impl Answered {
    /// From the client's word to the close.
    pub(super) fn after(&self) -> Duration {
        self.closed.at.at.since(self.last.at.at)
    }
}

/// What an entry of the client was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// PUBLISH, where it was read: topic and length of the payload.
    Publish(String, u64),
    /// SUBSCRIBE, where it was read: its filters.
    Subscribe(Vec<String>),
    /// Another packet.
    Other(PacketType),
    /// What it is taken for by its size and its place.
    Inferred(PacketType),
    /// Nobody knows.
    Unknown,
}

impl<'a> Case<'a> {
    /// What MQTT shows.
    pub(super) fn mqtt(&self) -> Option<&'a mqtt::Facts> {
        self.record.mqtt.as_deref()
    }

    /// Whether the packets were read.
    pub(super) fn reads_mqtt(&self) -> bool {
        self.mqtt().is_some_and(|mqtt| mqtt.read && !mqtt.sealed)
    }

    /// Whether the broker accepted the client, as far as the capture shows: a CONNACK with another code is none.
    pub(super) fn was_connected(&self) -> bool {
        let accepted = self.mqtt().and_then(mqtt::Facts::connack_code).is_none_or(mqtt::ConnackCode::is_accepted);
        accepted && self.record.timeline.reached >= Some(Rung::MqttConnected) && self.session_was_seen()
    }

    /// The server's close, where it was the first to close.
    pub(super) fn server_closed(&self) -> Option<Closed> {
        self.record.timeline.closed.filter(|closed| closed.by == By::Server)
    }

    /// The client's close, where it was the first to close.
    pub(super) fn client_closed(&self) -> Option<Closed> {
        self.record.timeline.closed.filter(|closed| closed.by == By::Client)
    }

    /// Why the server said DISCONNECT (MQTT 5.0).
    pub(super) fn server_reason(&self) -> Option<(ReasonCode, Moment)> {
        let mqtt = self.mqtt()?;
        let (_, disconnect) = mqtt.disconnect_reason.as_ref().filter(|(by, _)| *by == Side::Server)?;
        Some((disconnect.reason, mqtt.disconnect.server?.at))
    }

    /// From the capture to the server and back; what comes sooner after a client's word does not answer it. Beside the
    /// server that takes no time: how long its kernel took over the SYN says nothing of its other answers.
    pub(super) fn way_there(&self) -> Duration {
        let way = self.record.tcp.handshake.to_server.unwrap_or_default();
        if way < BESIDE { Duration::ZERO } else { way * 9 / 10 }
    }

    /// The entries that were kept, in their order, up to a moment.
    pub(super) fn entries_before(&self, end: Option<Moment>) -> &[Entry] {
        let all = self.asked.entries.get_or_init(|| self.all_entries());
        let before = end.map_or(all.len(), |end| all.partition_point(|entry| entry.at < end));
        all.get(..before).unwrap_or_default()
    }

    fn all_entries(&self) -> Vec<Entry> {
        let Some(mqtt) = self.mqtt() else { return Vec::new() };
        let (first, last) = (mqtt.log.first(), mqtt.log.last());
        let overlap = first.last().map(|entry| entry.at);
        // Several entries may share a frame, so that those of the overlap are counted, not compared.
        let total = mqtt.log.total(Side::Client).count + mqtt.log.total(Side::Server).count;
        let beyond = usize::try_from(total).unwrap_or(usize::MAX).saturating_sub(first.len());
        let skip = last.len().saturating_sub(beyond);
        let rest = last.skip(skip).filter(|entry| overlap.is_none_or(|overlap| entry.at >= overlap));
        // A packet that had begun counts as well.
        let begun = mqtt.incomplete.client.as_ref().map(|packet| {
            let length = u32::try_from(packet.length).unwrap_or(u32::MAX);
            Entry {
                by: Side::Client,
                len: PlaintextLen { min: length, max: length },
                began: packet.began,
                at: packet.began,
            }
        });
        let mut entries: Vec<Entry> = first.iter().chain(rest).copied().chain(begun).collect();
        entries.sort_by_key(|entry| entry.at);
        entries
    }

    /// The server's close that is its only answer to what the client said last; in a session that had begun.
    pub(super) fn close_as_answer(&self) -> Option<&Answered> {
        self.asked.close_as_answer.get_or_init(|| self.find_close_as_answer()).as_ref()
    }

    fn find_close_as_answer(&self) -> Option<Answered> {
        let closed = self.server_closed().filter(|_| self.was_connected())?;
        let mqtt = self.mqtt()?;
        let connected = mqtt.connack_at?;
        let entries = self.entries_before(Some(closed.at));
        // A server judges a long packet by its head.
        let judged = |entry: &Entry| entry.began.at + self.way_there() <= closed.at.at;
        let last = *entries.iter().rfind(|entry| entry.by == Side::Client && entry.at > connected && judged(entry))?;
        // What the server said sooner than this was on its way already.
        let heard = |entry: &&Entry| entry.by == Side::Server && entry.at.at >= last.at.at + self.way_there();
        if entries.iter().any(|entry| heard(&entry) && entry.at > last.at) {
            return None;
        }
        if closed.at.at.since(last.at.at) > ANSWER + self.round_trip() * 2 {
            return None;
        }
        let burst: Vec<Entry> = entries
            .iter()
            .rev()
            .take_while(|entry| entry.by == Side::Client && entry.at > connected)
            .copied()
            .collect();
        let first = burst.last().copied().unwrap_or(last);
        let lengths: Vec<u32> = burst.iter().skip(1).map(|entry| entry.len.max).collect();
        let is_cut = lengths.windows(2).all(|pair| pair.first() == pair.last());
        let bytes = burst.iter().map(|entry| u64::from(entry.len.max)).sum();
        Some(Answered {
            closed,
            first,
            last,
            count: burst.len().max(1),
            bytes,
            is_one_packet: is_cut && lengths.first().is_none_or(|length| *length >= 1024),
            is_stream: burst.len() > STREAM && !is_cut || is_never_answered(entries, &last),
        })
    }

    /// What an entry of the client was.
    pub(super) fn request(&self, entry: &Entry) -> Request {
        let of_client = |event: &&crate::event::Event| event.by == By::Client && event.at == entry.at;
        let kinds = self.record.events.iter().rev().filter(of_client).filter_map(|event| match &event.kind {
            Kind::Mqtt(mqtt) => Some((mqtt, event.basis)),
            _ => None,
        });
        for (event, basis) in kinds {
            match event {
                mqtt::Event::Packet(mqtt::Packet::Publish(publish)) => {
                    return Request::Publish(publish.topic.to_string(), u64::from(publish.payload_length));
                }
                mqtt::Event::Packet(mqtt::Packet::Subscribe(subscribe)) => {
                    let filters = subscribe.filters.iter().map(|(filter, _)| filter.to_string());
                    return Request::Subscribe(filters.collect());
                }
                mqtt::Event::Packet(packet) => return Request::Other(packet.kind()),
                mqtt::Event::Inferred(inference) if matches!(basis, Basis::Inferred(_)) => {
                    return Request::Inferred(inference.reading.kind());
                }
                _ => {}
            }
        }
        match entry.len {
            len if len.is_exact() && len.max <= 4 => Request::Inferred(PacketType::PINGREQ),
            _ => Request::Unknown,
        }
    }

    /// Whether the session had worked before: the server had answered more than the CONNECT.
    pub(super) fn is_worked_session(&self, answer: &Answered) -> bool {
        let said = self.entries_before(Some(answer.first.at));
        said.iter().filter(|entry| entry.by == Side::Server).count() >= 2
    }

    /// Whether the server's TCP took what the client said: nothing of it had to be sent again in vain.
    pub(super) fn server_took(&self) -> bool {
        self.record.tcp.client.in_flight.is_none_or(|flight| flight.resent < 2)
    }

    /// Whether all that the server said is in the capture.
    pub(super) fn heard_all_of_server(&self) -> bool {
        let server = &self.record.tcp.server;
        let gaps = self.mqtt().map_or(0, |mqtt| mqtt.gaps.server);
        gaps == 0 && server.missed_bytes == 0 && server.hole.is_none() && self.record.tcp.one_sided.is_none()
    }
}

/// How many round trips later the close came, where they are long enough to tell.
pub(super) fn in_round_trips(after: Duration, case: &Case<'_>) -> Option<String> {
    let trip = case.record.tcp.handshake.round_trip().filter(|trip| *trip >= Duration::from_millis(1))?;
    Some(format!("the close came {:.1} round trips after it", after.as_secs_f64() / trip.as_secs_f64()))
}

/// Whether what the client says in this length usually gets no answer.
fn is_never_answered(entries: &[Entry], last: &Entry) -> bool {
    let alike = entries.windows(2).filter(|pair| pair[0].by == Side::Client && pair[0].len == last.len);
    alike.filter(|pair| pair[1].by == Side::Client).count() >= STREAM
}

/// Whether an entry of this length was answered each time that the client said it before.
pub(super) fn is_usually_answered(entries: &[Entry], asked: &Entry) -> bool {
    let before = entries.windows(2).filter(|pair| {
        pair[0].by == Side::Client && pair[0].len == asked.len && pair[0].len.is_exact() && pair[0].at < asked.at
    });
    let answered: Vec<bool> = before.map(|pair| pair[1].by == Side::Server).collect();
    !answered.is_empty() && answered.iter().all(|answered| *answered)
}
