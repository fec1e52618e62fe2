//! Fragments → datagrams (RFC 791, 3.2; RFC 8200, 4.5), in any order, within bounds.
//!
//! Where fragments overlap, the bytes that came first stay. Datagrams whose first fragment is of no interest are remembered
//! without their bytes, so that they do not push out those that are. Never asks a clock: time is that of the frames.

use super::captured::Captured;
use super::ip::{Datagram, Fragment};
use super::link::IpVersion;
use super::skip::Skip;
use crate::time::Timestamp;
use etherparse::IpNumber;
use smallvec::SmallVec;
use std::net::IpAddr;
use std::time::Duration;

/// What the decoder may keep of datagrams that are still incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Incomplete datagrams; the oldest gives way.
    pub datagrams: usize,
    /// Bytes of all incomplete datagrams together; the oldest give way.
    pub bytes: usize,
    /// How long after its first fragment a datagram is given up.
    pub timeout: Duration,
}

impl Default for Limits {
    /// 256 datagrams, 4 MiB, and the 30 seconds that Linux waits.
    fn default() -> Self {
        Self { datagrams: 256, bytes: 4 << 20, timeout: Duration::from_secs(30) }
    }
}

/// What became of fragmented datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentCounts {
    /// Datagrams that were put together.
    pub assembled: u64,
    /// Datagrams given up because a limit was reached.
    pub evicted: u64,
    /// Datagrams given up because the rest did not come in time.
    pub timed_out: u64,
    /// Fragments of which some bytes, or all, had come before.
    pub overlapping: u64,
}

/// A datagram's payload can be no longer: an offset has 13 bits, in units of eight bytes.
const DATAGRAM_MAX: usize = 65_535;

/// The datagrams that wait for more of their fragments.
#[derive(Debug)]
pub(super) struct Fragments {
    limits: Limits,
    /// Oldest first. Few at any time, so that looking through them is cheap.
    waiting: Vec<Partial>,
    /// The sum of the lengths of their buffers.
    held: usize,
    /// The payload that was put together last: what the caller borrows.
    assembled: Vec<u8>,
    counts: FragmentCounts,
}

/// What the fragments of one datagram share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
    /// Only in IPv4: in IPv6 the first fragment alone knows it (RFC 8200, 4.5).
    protocol: Option<IpNumber>,
}

#[derive(Debug)]
struct Partial {
    key: Key,
    began: Timestamp,
    /// Why the datagram is of no interest, and nothing is kept of it.
    unwanted: Option<Skip>,
    /// The first fragment's.
    protocol: Option<IpNumber>,
    /// The payload's length, once the last fragment was seen.
    total: Option<usize>,
    /// The ranges that were on the wire, in order, with holes in between.
    covered: SmallVec<[(usize, usize); 4]>,
    /// Where the bytes end that were captured without a cut.
    captured_end: usize,
    bytes: Vec<u8>,
}

impl Fragments {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, waiting: Vec::new(), held: 0, assembled: Vec::new(), counts: FragmentCounts::default() }
    }

    pub(super) const fn counts(&self) -> &FragmentCounts {
        &self.counts
    }

    /// Datagrams that are still incomplete.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().filter(|partial| partial.unwanted.is_none()).count()
    }

    /// Takes one fragment; gives the datagram that it completes. `unwanted` is why a first fragment's datagram is of no
    /// interest, if it is not.
    pub(super) fn push<'a>(
        &'a mut self,
        packet: Datagram<'a>,
        fragment: Fragment,
        at: Timestamp,
        unwanted: Option<Skip>,
    ) -> Result<Datagram<'a>, Skip> {
        let end = fragment.offset + packet.payload.wire_len();
        // All but the last carry a multiple of eight bytes, or the next one could not say where it belongs.
        if end > DATAGRAM_MAX || end == fragment.offset || (fragment.more && !end.is_multiple_of(8)) {
            return Err(Skip::Malformed);
        }
        self.expire(at);
        let index = self.find_or_insert(Key::of(&packet, fragment), at);
        let partial = self.waiting.get_mut(index).ok_or(Skip::FragmentHeld)?;
        if fragment.offset == 0 {
            if partial.unwanted != unwanted {
                // What is kept turns out to be of no interest, or the number is in use again for something that is.
                self.held -= partial.bytes.len();
                *partial = Partial { unwanted, ..Partial::new(partial.key, at) };
            }
            partial.protocol.get_or_insert(packet.protocol);
        }
        if let Some(skip) = partial.unwanted {
            return Err(skip);
        }
        let before = partial.bytes.len();
        self.counts.overlapping += u64::from(partial.add(fragment.offset, packet.payload));
        if !fragment.more && partial.total.is_none() {
            partial.total = Some(end);
        }
        let complete = partial.complete();
        self.held += partial.bytes.len() - before;
        let Some((protocol, total)) = complete else {
            self.evict_over_bytes();
            return Err(Skip::FragmentHeld);
        };
        let partial = self.waiting.remove(index);
        self.held -= partial.bytes.len();
        self.counts.assembled += 1;
        self.assembled = partial.bytes;
        self.assembled.truncate(partial.captured_end.min(total));
        let payload = Captured::new(&self.assembled, total);
        Ok(Datagram { protocol, payload, ..packet })
    }

    fn find_or_insert(&mut self, key: Key, at: Timestamp) -> usize {
        if let Some(index) = self.waiting.iter().position(|partial| partial.key == key) {
            return index;
        }
        if self.waiting.len() >= self.limits.datagrams.max(1) {
            self.evict();
        }
        self.waiting.push(Partial::new(key, at));
        self.waiting.len() - 1
    }

    fn expire(&mut self, now: Timestamp) {
        let Self { waiting, held, counts, limits, .. } = self;
        waiting.retain(|partial| {
            let keep = now.since(partial.began) <= limits.timeout;
            if !keep {
                *held -= partial.bytes.len();
                counts.timed_out += u64::from(partial.unwanted.is_none());
            }
            keep
        });
    }

    fn evict_over_bytes(&mut self) {
        while self.held > self.limits.bytes {
            self.evict();
        }
    }

    /// Gives up a datagram: one of no interest, or the oldest.
    fn evict(&mut self) {
        let index = self.waiting.iter().position(|partial| partial.unwanted.is_some()).unwrap_or(0);
        let partial = self.waiting.remove(index);
        self.held -= partial.bytes.len();
        self.counts.evicted += u64::from(partial.unwanted.is_none());
    }
}

impl Key {
    fn of(packet: &Datagram<'_>, fragment: Fragment) -> Self {
        Self {
            source: packet.header.source(),
            destination: packet.header.destination(),
            identification: fragment.identification,
            protocol: (packet.header.version() == IpVersion::V4).then_some(packet.protocol),
        }
    }
}

impl Partial {
    fn new(key: Key, began: Timestamp) -> Self {
        Self {
            key,
            began,
            unwanted: None,
            protocol: None,
            total: None,
            covered: SmallVec::new(),
            captured_end: usize::MAX,
            bytes: Vec::new(),
        }
    }

    /// Takes over what is new of a fragment's payload; tells whether some of it was known.
    fn add(&mut self, offset: usize, payload: Captured<'_>) -> bool {
        let end = offset + payload.wire_len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let (mut at, mut known) = (offset, false);
        let mut merged = (offset, end);
        let mut covered = SmallVec::new();
        for &(from, to) in &self.covered {
            if to < offset || from > end {
                covered.push((from, to));
                continue;
            }
            known |= to > offset && from < end;
            copy(&mut self.bytes, &mut self.captured_end, (at, from), offset, payload);
            at = at.max(to);
            merged = (merged.0.min(from), merged.1.max(to));
        }
        copy(&mut self.bytes, &mut self.captured_end, (at, end), offset, payload);
        let place = covered.partition_point(|range: &(usize, usize)| range.0 < merged.0);
        covered.insert(place, merged);
        self.covered = covered;
        known
    }

    /// The protocol and the length, once nothing is missing.
    fn complete(&self) -> Option<(IpNumber, usize)> {
        let (total, protocol) = (self.total?, self.protocol?);
        let (from, to) = *self.covered.first()?;
        (from == 0 && to >= total).then_some((protocol, total))
    }
}

/// Copies the range `from..to` of the datagram out of the payload that begins at `offset`, and notes where the capture cut it.
fn copy(bytes: &mut [u8], captured_end: &mut usize, (from, to): (usize, usize), offset: usize, payload: Captured<'_>) {
    if from >= to {
        return;
    }
    let cut = (offset + payload.bytes().len()).clamp(from, to);
    if cut < to {
        *captured_end = cut.min(*captured_end);
    }
    if let (Some(target), Some(source)) = (bytes.get_mut(from..cut), payload.bytes().get(from - offset..cut - offset)) {
        target.copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, SEQ, decoder, frame, segment, skip};
    use super::super::{Decoded, Decoder, Interest};
    use super::*;
    use crate::frame::{Frame, FrameId, LinkType};
    use crate::segment::SeqNumber;

    /// A fragment of an IPv4 packet: the bytes `from..to` of its payload, under another number where one is given.
    fn part(packet: &[u8], identification: u16, (from, to): (usize, usize), more: bool) -> Vec<u8> {
        let mut header = packet[..20].to_vec();
        header[2..4].copy_from_slice(&u16::try_from(20 + to - from).unwrap().to_be_bytes());
        header[4..6].copy_from_slice(&identification.to_be_bytes());
        let field = u16::try_from(from / 8).unwrap() | if more { 0x2000 } else { 0 };
        header[6..8].copy_from_slice(&field.to_be_bytes());
        [&header, &packet[20 + from..20 + to]].concat()
    }

    /// The same in IPv6.
    fn part_v6(packet: &[u8], (from, to): (usize, usize), more: bool) -> Vec<u8> {
        let mut header = packet[..40].to_vec();
        header[4..6].copy_from_slice(&u16::try_from(8 + to - from).unwrap().to_be_bytes());
        header[6] = 44;
        let [high, low] = (u16::try_from(from).unwrap() | u16::from(more)).to_be_bytes();
        let extension = [6, 0, high, low, 0, 0, 0, 9];
        [&header, &extension[..], &packet[40 + from..40 + to]].concat()
    }

    /// A payload in which every place shows, and its packet; with the TCP header the payload of IP is 80 bytes long.
    fn packet() -> (Vec<u8>, Vec<u8>) {
        let payload: Vec<u8> = (0..60).collect();
        (testing::ipv4(&payload), payload)
    }

    /// Feeds all but the last packet, which must be held, and gives what the last one completes.
    fn last<'a>(decoder: &'a mut Decoder, packets: &'a [Vec<u8>]) -> Decoded<'a> {
        let (last, rest) = packets.split_last().unwrap();
        for packet in rest {
            assert_eq!(skip(&decoder.decode(&frame(LinkType::RAW, packet))), Skip::FragmentHeld);
        }
        decoder.decode(&Frame { id: FrameId::new(0, 42), ..frame(LinkType::RAW, last) })
    }

    #[test]
    fn fragments_in_any_order_make_the_segment() {
        let (packet, payload) = packet();
        let v6 = testing::ipv6(&payload);
        let ranges = [((0, 24), true), ((24, 48), true), ((48, 80), false)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
            for packets in [
                order.map(|i| part(&packet, 1, ranges[i].0, ranges[i].1)),
                order.map(|i| part_v6(&v6, ranges[i].0, ranges[i].1)),
            ] {
                let mut decoder = decoder();
                let segment = segment(last(&mut decoder, &packets));
                assert_eq!((segment.seq, segment.payload), (SeqNumber(SEQ), &payload[..]));
                assert_eq!((segment.payload_len, segment.frame), (60, FrameId::new(0, 42)));
                assert_eq!((decoder.fragments().assembled, decoder.incomplete_datagrams()), (1, 0));
            }
        }
    }

    #[test]
    fn where_fragments_overlap_the_first_bytes_stay() {
        let (packet, payload) = packet();
        let mut forged = packet.clone();
        forged[40..].fill(0xee);
        let packets = [
            part(&packet, 1, (24, 48), true),
            part(&forged, 1, (16, 56), true),
            part(&packet, 1, (0, 24), true),
            part(&packet, 1, (48, 80), false),
        ];
        let mut decoder = decoder();
        let segment = segment(last(&mut decoder, &packets));
        // Of the forged 16..56 only what lies outside of 24..48 was new; it came before 0..24 and 48..80.
        // The TCP header is 20 bytes long.
        let mut expected = payload;
        expected[..4].fill(0xee);
        expected[28..36].fill(0xee);
        assert_eq!(segment.payload, expected);
        assert_eq!(decoder.fragments().overlapping, 3);
    }

    #[test]
    fn fragments_cut_by_the_snaplen_keep_the_true_length() {
        let (packet, payload) = packet();
        let (first, second) = (part(&packet, 1, (0, 40), true), part(&packet, 1, (40, 80), false));
        let mut decoder = decoder();
        for reversed in [false, true] {
            let mut frames =
                [&first, &second].map(|packet| Frame { data: &packet[..50], ..frame(LinkType::RAW, packet) });
            if reversed {
                frames.reverse();
            }
            skip(&decoder.decode(&frames[0]));
            let segment = segment(decoder.decode(&frames[1]));
            assert_eq!((segment.payload, segment.payload_len), (&payload[..10], 60));
        }
    }

    #[test]
    fn a_missing_fragment_is_given_up_in_time() {
        let (packet, payload) = packet();
        let at = |seconds, data| Frame { at: Timestamp::from_secs(seconds), ..frame(LinkType::RAW, data) };
        let (first, second) = (part(&packet, 1, (0, 40), true), part(&packet, 1, (40, 80), false));
        let mut decoder = decoder();
        skip(&decoder.decode(&at(0, &first)));
        // In time …
        assert_eq!(segment(decoder.decode(&at(30, &second))).payload, payload);
        // … and too late: the second half then begins another datagram.
        skip(&decoder.decode(&at(40, &first)));
        assert_eq!(skip(&decoder.decode(&at(71, &second))), Skip::FragmentHeld);
        assert_eq!((decoder.fragments().timed_out, decoder.incomplete_datagrams()), (1, 1));
    }

    #[test]
    fn limits_hold_and_evictions_are_counted() {
        let (packet, _) = packet();
        let interest = || Interest { ports: vec![testing::PORT], ..Interest::default() };
        let mut decoder = Decoder::new(interest(), Limits { datagrams: 4, ..Limits::default() });
        for number in 0..10 {
            skip(&decoder.decode(&frame(LinkType::RAW, &part(&packet, number, (0, 40), true))));
        }
        assert_eq!((decoder.incomplete_datagrams(), decoder.fragments().evicted), (4, 6));

        // Each holds as many bytes as its end is far from the start.
        let mut decoder = Decoder::new(interest(), Limits { bytes: 200, ..Limits::default() });
        for number in 0..10 {
            skip(&decoder.decode(&frame(LinkType::RAW, &part(&packet, number, (40, 80), false))));
        }
        assert_eq!((decoder.incomplete_datagrams(), decoder.fragments().evicted), (2, 8));
    }

    #[test]
    fn datagrams_of_no_interest_do_not_push_out_others() {
        let (packet, payload) = packet();
        let other = testing::ipv4_to(443, &payload);
        let interest = Interest { ports: vec![testing::PORT], ..Interest::default() };
        let mut decoder = Decoder::new(interest, Limits { datagrams: 4, ..Limits::default() });
        skip(&decoder.decode(&frame(LinkType::RAW, &part(&packet, 1, (0, 40), true))));
        for number in 2..50 {
            for (range, more) in [((0, 40), true), ((40, 80), false)] {
                let fragment = part(&other, number, range, more);
                assert_eq!(skip(&decoder.decode(&frame(LinkType::RAW, &fragment))), Skip::OtherPort);
            }
        }
        let second = part(&packet, 1, (40, 80), false);
        assert_eq!(segment(decoder.decode(&frame(LinkType::RAW, &second))).payload, payload);
        assert_eq!(*decoder.fragments(), FragmentCounts { assembled: 1, ..FragmentCounts::default() });
    }

    #[test]
    fn what_lies_beyond_the_last_fragment_is_left_out() {
        let (packet, payload) = packet();
        let packets =
            [part(&packet, 1, (64, 80), true), part(&packet, 1, (40, 64), false), part(&packet, 1, (0, 40), true)];
        let mut decoder = decoder();
        let segment = segment(last(&mut decoder, &packets));
        assert_eq!((segment.payload, segment.payload_len), (&payload[..44], 44));
    }

    #[test]
    fn fragments_that_cannot_be_are_refused() {
        let (packet, _) = packet();
        // No multiple of eight, though more follow; nothing at all; beyond the longest datagram.
        let mut beyond = part(&packet, 1, (0, 40), false);
        beyond[6..8].copy_from_slice(&[0x1f, 0xff]);
        for fragment in [part(&packet, 1, (0, 39), true), part(&packet, 1, (40, 40), false), beyond] {
            assert_eq!(skip(&decoder().decode(&frame(LinkType::RAW, &fragment))), Skip::Malformed);
        }
    }
}
