//! Connections that do not get on: their frames are kept while they are few, and analysed on the side once nothing has moved
//! for a while, so that nobody has to wait for the end of the capture to read "no answer".

use crate::analyzer::{Analyzer, Config};
use crate::connection::Record;
use crate::frame::{Frame, FrameId, LinkType};
use crate::net::FlowKey;
use crate::time::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// Connections whose beginning is kept at once; those beyond are told when they end.
const CONNECTIONS: usize = 1024;
/// Frames of one connection: one that has more gets on.
const FRAMES: usize = 64;
/// Bytes of one connection.
const BYTES: usize = 128 << 10;

/// The beginnings of connections.
pub(super) struct Stuck {
    config: Config,
    threshold: Duration,
    beginnings: HashMap<FlowKey, Beginning>,
}

#[derive(Debug, Default)]
struct Beginning {
    frames: Vec<Kept>,
    bytes: usize,
    /// When it is to be looked at.
    due: Timestamp,
}

#[derive(Debug)]
struct Kept {
    id: FrameId,
    at: Timestamp,
    link_type: LinkType,
    original_len: u32,
    data: Box<[u8]>,
}

impl Stuck {
    /// Analyses with this configuration those that have not moved for so long.
    pub(super) fn new(config: Config, threshold: Duration) -> Self {
        Self { config, threshold, beginnings: HashMap::new() }
    }

    /// Keeps the first frame of a connection.
    pub(super) fn begin(&mut self, key: FlowKey, frame: &Frame<'_>) {
        if self.beginnings.len() < CONNECTIONS || self.beginnings.contains_key(&key) {
            let due = frame.at + self.threshold;
            self.beginnings.insert(key, Beginning { due, ..Beginning::default() });
            self.go_on(key, frame);
        }
    }

    /// Keeps a later one, if its connection is still of interest.
    pub(super) fn go_on(&mut self, key: FlowKey, frame: &Frame<'_>) {
        let Some(beginning) = self.beginnings.get_mut(&key) else { return };
        beginning.bytes += frame.data.len();
        if beginning.frames.len() >= FRAMES || beginning.bytes > BYTES {
            self.beginnings.remove(&key);
            return;
        }
        let Frame { id, at, link_type, original_len, data } = *frame;
        beginning.frames.push(Kept { id, at, link_type, original_len, data: data.into() });
    }

    /// Forgets a connection that is over.
    pub(super) fn forget(&mut self, record: &Record) {
        self.beginnings.remove(&FlowKey::new(record.endpoints.client, record.endpoints.server));
    }

    /// Those that have not moved for too long, each once, as they would look if nothing more came. `known` has the names
    /// and secrets that have come.
    pub(super) fn poll(&mut self, now: Timestamp, known: &mut Analyzer) -> Vec<Record> {
        let mut due = Vec::new();
        for (key, beginning) in &mut self.beginnings {
            if beginning.due > now {
                continue;
            }
            // A client that asks again and again does not move: only an answer would be a step.
            let last = beginning.last_step() + self.threshold;
            if last > now { beginning.due = last } else { due.push(*key) }
        }
        let mut records: Vec<_> = due
            .into_iter()
            .filter_map(|key| self.beginnings.remove(&key))
            .filter_map(|beginning| known.aside(self.config.clone(), beginning.frames.iter().map(Kept::frame), now))
            .collect();
        records.sort_by_key(|record| record.first.frame);
        records
    }
}

impl Beginning {
    /// When it last got a frame of another length than those before: what is sent again has the length that it had.
    fn last_step(&self) -> Timestamp {
        let mut last = self.frames.first().map(|frame| frame.at).unwrap_or_default();
        for (index, frame) in self.frames.iter().enumerate() {
            let earlier = self.frames.get(..index).unwrap_or_default();
            if earlier.iter().all(|other| other.original_len != frame.original_len) {
                last = frame.at;
            }
        }
        last
    }
}

impl Kept {
    fn frame(&self) -> Frame<'_> {
        let Self { id, at, link_type, original_len, data } = self;
        Frame { id: *id, at: *at, link_type: *link_type, original_len: *original_len, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Interest;
    use crate::net::Endpoint;
    use etherparse::PacketBuilder;
    use std::net::Ipv4Addr;

    const CLIENT: [u8; 4] = [192, 0, 2, 10];
    const SERVER: [u8; 4] = [192, 0, 2, 20];

    fn config() -> Config {
        Config { interest: Interest { ports: vec![8883], dns: true, ..Interest::default() }, ..Config::default() }
    }

    fn nothing_known() -> Analyzer {
        Analyzer::new(config())
    }

    fn stuck() -> (Stuck, FlowKey) {
        let stuck = Stuck::new(config(), Duration::from_secs(7));
        let endpoint = |address: [u8; 4], port| Endpoint::new(Ipv4Addr::from(address).into(), port);
        (stuck, FlowKey::new(endpoint(CLIENT, 40_000), endpoint(SERVER, 8883)))
    }

    fn syn() -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv4(CLIENT, SERVER, 64).tcp(40_000, 8883, 7, 1).syn().write(&mut packet, b"").unwrap();
        packet
    }

    fn frame(number: u64, seconds: i64, data: &[u8]) -> Frame<'_> {
        let original_len = u32::try_from(data.len()).unwrap();
        let (id, at) = (FrameId::new(0, number), Timestamp::from_secs(seconds));
        Frame { id, at, link_type: LinkType::RAW, original_len, data }
    }

    #[test]
    fn a_syn_that_is_sent_in_vain_is_told_once_after_the_threshold() {
        let (mut stuck, key) = stuck();
        let syn = syn();
        stuck.begin(key, &frame(1, 0, &syn));
        stuck.go_on(key, &frame(2, 1, &syn));
        stuck.go_on(key, &frame(3, 3, &syn));
        assert!(stuck.poll(Timestamp::from_secs(6), &mut nothing_known()).is_empty());
        let told = stuck.poll(Timestamp::from_secs(7), &mut nothing_known());
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].tcp.client.syns.count, 3);
        assert!(stuck.poll(Timestamp::from_secs(60), &mut nothing_known()).is_empty());
    }

    #[test]
    fn one_that_got_on_waits_from_its_last_step() {
        let (mut stuck, key) = stuck();
        let (syn, longer) = (syn(), [syn(), vec![0; 9]].concat());
        stuck.begin(key, &frame(1, 0, &syn));
        stuck.go_on(key, &frame(2, 5, &longer));
        assert!(stuck.poll(Timestamp::from_secs(8), &mut nothing_known()).is_empty());
        assert_eq!(stuck.poll(Timestamp::from_secs(12), &mut nothing_known()).len(), 1);
    }

    #[test]
    fn the_name_that_dns_gave_is_known() {
        // example.org is at 192.0.2.20 (RFC 1035, 4.1).
        const ANSWER: &[u8] = b"\0\x07\x81\x80\0\x01\0\x01\0\0\0\0\x07example\x03org\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x14";
        let (mut stuck, key) = stuck();
        let mut analyzer = nothing_known();
        let mut answer = Vec::new();
        PacketBuilder::ipv4([192, 0, 2, 53], CLIENT, 64).udp(53, 50_000).write(&mut answer, ANSWER).unwrap();
        analyzer.push(&frame(1, 0, &answer));
        let syn = syn();
        analyzer.push(&frame(2, 1, &syn));
        stuck.begin(key, &frame(2, 1, &syn));
        let told = stuck.poll(Timestamp::from_secs(9), &mut analyzer);
        assert_eq!(told.iter().map(Record::server_name).collect::<Vec<_>>(), [Some("example.org")]);
        // It is still known to the connection's own analysis.
        analyzer.finish();
        assert_eq!(analyzer.names().answers().count(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut stuck, key) = stuck();
        let syn = syn();
        stuck.begin(key, &frame(1, 0, &syn));
        for number in 2..=100 {
            stuck.go_on(key, &frame(number, 0, &syn));
        }
        assert!(stuck.beginnings.is_empty());
    }
}
