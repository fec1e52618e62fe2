//! The streams of all connections: segments in, in the order of the capture; what is to be overwritten in each stream is found out
//! once its bytes are in order, and applied to whatever segment carries them, however often.

use super::edit::{Edit, New};
use super::mqtt::Packets;
use super::packet::Segment;
use super::records::Records;
use crate::net::{Endpoint, FlowKey};
use crate::redact::Pseudonyms;
use std::collections::{BTreeMap, HashMap};

/// Bytes of one stream that wait for earlier ones.
const MAX_WAITING: usize = 1 << 20;
/// Bytes of all streams that wait for earlier ones.
const MAX_ALL_WAITING: usize = 64 << 20;
/// Memory for what is to be overwritten in all streams. What comes when it is used up is blanked unless it is encrypted.
const MAX_EDITS: usize = 256 << 20;
/// Streams that are kept apart; those beyond are blanked.
const MAX_STREAMS: usize = 1 << 20;
/// Where a stream begins that the capture joined: what comes before its first segment has room in front of it.
const JOINED_AT: u64 = 1 << 24;
/// The port of MQTT without TLS.
const PLAIN_MQTT: u16 = 1883;
/// Bytes that tell what a stream is, where that is neither TLS nor MQTT.
const LOOK: usize = 12;

/// All streams.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// One after the other, for a port may be used again.
    by_ends: HashMap<(Endpoint, Endpoint), Vec<Stream>>,
    /// The level of MQTT that a client named.
    levels: HashMap<FlowKey, u8>,
    /// The memory that edits take, in bytes.
    edits: usize,
    /// The memory that waiting bytes take.
    waiting: usize,
    /// How many streams there are.
    opened: usize,
    learnt: u64,
    applied: u64,
}

/// One direction of one connection.
#[derive(Debug)]
struct Stream {
    /// The first frame that belongs to it.
    first: u64,
    /// The sequence number of the byte at offset 0.
    base: u32,
    /// The highest offset so far: sequence numbers near it are meant.
    near: u64,
    /// Up to where bytes were read.
    next: u64,
    /// What came early: its bytes, and its length on the wire.
    waiting: BTreeMap<u64, (Vec<u8>, u64)>,
    waiting_len: usize,
    reader: Reader,
    edits: Vec<Edit>,
    /// Bytes that were not read may stay.
    rest_stays: bool,
    /// Where the first byte is that could be read.
    origin: u64,
    /// The capture lacks the beginning.
    joined: bool,
    /// It is on the port of MQTT without TLS.
    is_plain: bool,
}

#[derive(Debug)]
enum Reader {
    Start,
    Tls(Records),
    Mqtt(Packets),
    /// All is overwritten by rule.
    Other,
}

impl Streams {
    /// Takes a segment, for the first time.
    pub(super) fn learn(&mut self, segment: &Segment<'_>, pseudonyms: &mut Pseudonyms) {
        self.learnt += 1;
        let key = FlowKey::new(segment.source, segment.destination);
        let level = self.levels.get(&key).copied();
        let is_full = self.edits >= MAX_EDITS;
        let ends = (segment.source, segment.destination);
        let start = segment.first_byte();
        let known = self.by_ends.get(&ends).and_then(|streams| streams.last());
        let is_new = known.is_none_or(|last| segment.syn && last.base != start);
        if is_new && self.opened >= MAX_STREAMS {
            return;
        }
        let streams = self.by_ends.entry(ends).or_default();
        if is_new {
            self.opened += 1;
            streams.push(Stream::new(self.learnt, segment));
        }
        let Some(stream) = streams.last_mut().filter(|_| !is_full) else { return };
        let (known, waited) = (stream.edits.len(), stream.waiting_len);
        stream.learn(segment, level, pseudonyms);
        if self.waiting + stream.waiting_len > MAX_ALL_WAITING + waited {
            stream.pass_hole(level, pseudonyms);
        }
        self.waiting = (self.waiting + stream.waiting_len).saturating_sub(waited);
        self.edits += stream.edits.iter().skip(known).map(Edit::size).sum::<usize>();
        if let Reader::Mqtt(Packets { level: Some(level), .. }) = &stream.reader {
            self.levels.insert(key, *level);
        }
    }

    /// No more will come.
    pub(super) fn finish(&mut self, pseudonyms: &mut Pseudonyms) {
        // In the order of the capture, so that pseudonyms do not depend on that of a table.
        let mut streams: Vec<_> =
            self.by_ends.iter_mut().flat_map(|(ends, all)| all.iter_mut().map(move |s| (ends, s))).collect();
        streams.sort_by_key(|(_, stream)| stream.first);
        for ((source, destination), stream) in streams {
            stream.finish(self.levels.get(&FlowKey::new(*source, *destination)).copied(), pseudonyms);
        }
    }

    /// Overwrites the payload of a segment, for the second time.
    pub(super) fn apply(&mut self, segment: &Segment<'_>, payload: &mut [u8]) {
        self.applied += 1;
        let streams = self.by_ends.get_mut(&(segment.source, segment.destination));
        let Some(stream) = streams.and_then(|streams| {
            let index = streams.iter().rposition(|stream| stream.first <= self.applied);
            streams.get_mut(index.unwrap_or(0))
        }) else {
            return payload.fill(0);
        };
        stream.apply(segment, payload);
    }
}

impl Stream {
    fn new(first: u64, segment: &Segment<'_>) -> Self {
        let start = segment.first_byte();
        #[expect(clippy::cast_possible_truncation, reason = "a constant that fits")]
        let (base, next) = if segment.syn { (start, 0) } else { (start.wrapping_sub(JOINED_AT as u32), JOINED_AT) };
        Self {
            first,
            base,
            near: next,
            next,
            origin: next,
            joined: !segment.syn,
            is_plain: [segment.source.port, segment.destination.port].contains(&PLAIN_MQTT),
            waiting: BTreeMap::new(),
            waiting_len: 0,
            reader: Reader::Start,
            edits: Vec::new(),
            rest_stays: false,
        }
    }

    /// The offset of a sequence number: of those 2^32 apart, the one that is nearest to what came last.
    fn offset(&mut self, seq: u32, len: u64) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers are modulo 2^32")]
        let distance = seq.wrapping_sub(self.base.wrapping_add(self.near as u32)).cast_signed();
        let offset = self.near.saturating_add_signed(distance.into());
        self.near = self.near.max(offset + len);
        offset
    }

    fn learn(&mut self, segment: &Segment<'_>, level: Option<u8>, pseudonyms: &mut Pseudonyms) {
        if segment.len == 0 {
            return;
        }
        let at = self.offset(segment.first_byte(), segment.len);
        if at > self.next {
            self.wait(at, segment.payload, segment.len);
            if self.waiting_len > MAX_WAITING {
                self.pass_hole(level, pseudonyms);
            }
            return;
        }
        self.read(at, segment.payload, segment.len, level, pseudonyms);
        self.read_waiting(level, pseudonyms);
    }

    fn wait(&mut self, at: u64, payload: &[u8], len: u64) {
        let known = self.waiting.get(&at).map_or(0, |(_, len)| *len);
        if len > known {
            let before = self.waiting.insert(at, (payload.to_vec(), len));
            self.waiting_len += payload.len();
            self.waiting_len -= before.map_or(0, |(payload, _)| payload.len());
        }
    }

    fn read_waiting(&mut self, level: Option<u8>, pseudonyms: &mut Pseudonyms) {
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() <= self.next) {
            let (at, (payload, len)) = entry.remove_entry();
            self.waiting_len = self.waiting_len.saturating_sub(payload.len());
            self.read(at, &payload, len, level, pseudonyms);
        }
    }

    /// What is missing will not come.
    fn pass_hole(&mut self, level: Option<u8>, pseudonyms: &mut Pseudonyms) {
        let Some(at) = self.waiting.keys().next().copied() else { return };
        self.gap(at - self.next);
        self.read_waiting(level, pseudonyms);
    }

    /// Reads bytes of which the first are known, or come next.
    fn read(&mut self, at: u64, payload: &[u8], len: u64, level: Option<u8>, pseudonyms: &mut Pseudonyms) {
        let known = self.next - at;
        let captured = payload.len() as u64;
        if known < captured {
            let fresh = usize::try_from(known).ok().and_then(|known| payload.get(known..)).unwrap_or_default();
            self.feed(fresh, level, pseudonyms);
        }
        // The capture cut the segment.
        let end = at + len;
        if end > self.next {
            self.gap(end - self.next);
        }
    }

    fn feed(&mut self, bytes: &[u8], level: Option<u8>, pseudonyms: &mut Pseudonyms) {
        let at = self.next;
        self.next += bytes.len() as u64;
        if matches!(self.reader, Reader::Start) {
            self.reader = self.begin(at, bytes, level);
        }
        match &mut self.reader {
            Reader::Tls(records) => records.feed(at, bytes, pseudonyms, &mut self.edits),
            Reader::Mqtt(packets) => packets.feed(at, bytes, pseudonyms, &mut self.edits),
            Reader::Start | Reader::Other => {}
        }
    }

    /// Tells by the first bytes what a stream is.
    fn begin(&mut self, at: u64, bytes: &[u8], level: Option<u8>) -> Reader {
        let is_plain = self.is_plain || level.is_some() || looks_like_connect(bytes);
        match bytes {
            [20..=24] | [20..=24, 3, ..] => Reader::Tls(Records::default()),
            _ if is_plain && !self.joined => Reader::Mqtt(Packets::of_level(level)),
            _ if self.joined && !is_plain => Reader::Tls(Records::joined()),
            _ => {
                // The word that gives a protocol away.
                let word = bytes.iter().take(LOOK).position(|byte| *byte == b' ').map_or(LOOK, |space| space + 1);
                let start = at + word as u64;
                self.edits.push(Edit { start, len: u64::MAX - start, what: New::Mask });
                Reader::Other
            }
        }
    }

    fn gap(&mut self, len: u64) {
        match &mut self.reader {
            Reader::Tls(records) => records.gap(len, &mut self.edits),
            Reader::Mqtt(packets) => packets.gap(self.next, &mut self.edits),
            // The beginning is missing.
            Reader::Start => self.joined = true,
            Reader::Other => {}
        }
        self.next += len;
    }

    fn finish(&mut self, level: Option<u8>, pseudonyms: &mut Pseudonyms) {
        while !self.waiting.is_empty() {
            self.pass_hole(level, pseudonyms);
        }
        match &mut self.reader {
            Reader::Tls(records) => {
                records.finish(&mut self.edits);
                self.rest_stays = records.is_sealed();
            }
            Reader::Mqtt(packets) => packets.finish(self.next, &mut self.edits),
            Reader::Start | Reader::Other => {}
        }
        self.edits.sort_by_key(|edit| edit.start);
        // The second pass counts anew how far the stream has come.
        self.near = self.origin;
    }

    fn apply(&mut self, segment: &Segment<'_>, payload: &mut [u8]) {
        if payload.is_empty() {
            return;
        }
        let at = self.offset(segment.first_byte(), segment.len);
        if !self.rest_stays {
            // What was never read may be anything.
            Edit::fill(0, self.origin, 0).apply(at, payload);
            Edit::fill(self.next, u64::MAX - self.next, 0).apply(at, payload);
        }
        let first = self.edits.partition_point(|edit| edit.start + edit.len <= at);
        let end = at + payload.len() as u64;
        for edit in self.edits.iter().skip(first).take_while(|edit| edit.start < end) {
            edit.apply(at, payload);
        }
    }
}

/// The name of the protocol stands behind the fixed header of CONNECT (MQTT 5.0, 3.1.2.1).
fn looks_like_connect(bytes: &[u8]) -> bool {
    let start = bytes.get(..bytes.len().min(13)).unwrap_or_default();
    bytes.first() == Some(&0x10) && (start.windows(4).any(|part| part == b"MQTT" || part == b"MQIs"))
}
