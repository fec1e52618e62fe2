//! The pcap format (draft-ietf-opsawg-pcap): a file header, then records. Microseconds and nanoseconds, either byte order,
//! the "modified" records of some old Linux systems, and Ixia's longer file header.

use super::bytes::ByteOrder;
use super::input::Input;
use super::{Bad, Located, Place, link_type};
use crate::frame::LinkType;
use crate::source::info::{CaptureInfo, Fault, InterfaceInfo};
use crate::time::Timestamp;

/// The file header, magic number included.
const FILE_HEADER: usize = 24;
/// A record's header: seconds, fraction, captured and original length.
const RECORD_HEADER: usize = 16;
/// The most bytes of a frame that capture programs keep (libpcap's `MAXIMUM_SNAPLEN`): a record of more is damaged, unless
/// the file's own snaplen is larger.
const USUAL_SNAPLEN: u32 = 262_144;
/// What no snaplen is believed beyond.
const MAX_RECORD: u32 = 16 << 20;
/// How far a record's time may be from the one before, to be taken for a record while searching.
const SEARCH_BACK: u32 = 86_400;
const SEARCH_AHEAD: u32 = 30 * 86_400;

/// What the magic number tells.
struct Variant {
    order: ByteOrder,
    nanos_per_unit: i64,
    file_header: usize,
    record_header: usize,
}

impl Variant {
    fn of(bytes: &[u8]) -> Option<Self> {
        [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
            let (nanos_per_unit, file_header, record_header) = match order.u32(bytes, 0)? {
                0xa1b2_c3d4 => (1_000, FILE_HEADER, RECORD_HEADER),
                0xa1b2_3c4d => (1, FILE_HEADER, RECORD_HEADER),
                // Kuznetsov's patch: interface index, protocol and packet type follow the lengths.
                0xa1b2_cd34 => (1_000, FILE_HEADER, RECORD_HEADER + 8),
                // Ixia's lcap, by hardware and by software: the length of all records follows the header.
                0x1c00_01ac => (1, FILE_HEADER + 4, RECORD_HEADER),
                0x1c00_01ab => (1_000, FILE_HEADER + 4, RECORD_HEADER),
                _ => return None,
            };
            Some(Self { order, nanos_per_unit, file_header, record_header })
        })
    }
}

/// Whether a file begins like this format.
pub(super) fn has_magic(bytes: &[u8]) -> bool {
    Variant::of(bytes).is_some()
}

/// The records of a file.
pub(super) struct Records {
    order: ByteOrder,
    nanos_per_unit: i64,
    header_len: usize,
    link_type: LinkType,
    max_record: u32,
    lengths: Lengths,
    /// The seconds of the last good record.
    last_seconds: Option<u32>,
}

/// The order of a record's two lengths: versions before 2.3 had them the other way round, 2.3 either way.
#[derive(Clone, Copy)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    SmallerIsCaptured,
}

#[derive(Clone, Copy)]
struct Record {
    seconds: u32,
    fraction: u32,
    captured_len: u32,
    original_len: u32,
}

impl Records {
    /// Reads the file's header; `None` where it is not all there.
    pub(super) fn begin(input: &mut Input, file: u16, info: &mut CaptureInfo) -> Option<Self> {
        let variant = Variant::of(input.bytes())?;
        if !input.fill(variant.file_header) {
            return None;
        }
        let (order, bytes) = (variant.order, input.bytes());
        let minor = order.u16(bytes, 6)?;
        let snaplen = order.u32(bytes, 16)?;
        // The upper half tells whether frames end in a checksum, and its length: it stays part of the frame.
        let link_type = link_type((order.u32(bytes, 20)? & 0xffff) as u16);
        input.consume(variant.file_header);
        info.add_link_type(link_type);
        info.add_interface(InterfaceInfo { snaplen, ..InterfaceInfo::new(file, link_type) });
        Some(Self {
            order,
            nanos_per_unit: variant.nanos_per_unit,
            header_len: variant.record_header,
            link_type,
            max_record: snaplen.clamp(USUAL_SNAPLEN, MAX_RECORD),
            lengths: match minor {
                0..=2 => Lengths::OriginalFirst,
                3 => Lengths::SmallerIsCaptured,
                _ => Lengths::CapturedFirst,
            },
            last_seconds: None,
        })
    }

    /// The next record. One of an impossible length, or one that ends beyond the file, costs what lies before the next
    /// two records that follow each other; where there are none, the rest.
    pub(super) fn next(&mut self, input: &mut Input, place: &mut Place, info: &mut CaptureInfo) -> Option<Located> {
        loop {
            if !input.fill(self.header_len) {
                place.tell_end(input, info);
                return None;
            }
            let record = self.record(input.bytes())?;
            let len = self.header_len + record.captured_len as usize;
            let fault = self.fault(&record);
            let reaches_beyond_end = fault.is_none() && !input.fill(len);
            if fault.is_none() && !reaches_beyond_end {
                return Some(self.take(&record, input, place));
            }
            let fault = fault.unwrap_or(Fault::RecordLength(record.captured_len));
            let bad = Bad { offset: input.offset(), fault, reaches_beyond_end };
            let found = self.search(input);
            place.tell_bad(bad, found, input, info);
            if !found {
                return None;
            }
            place.number += 1;
        }
    }

    fn take(&mut self, record: &Record, input: &mut Input, place: &mut Place) -> Located {
        place.number += 1;
        self.last_seconds = Some(record.seconds);
        let start = input.position() + self.header_len;
        let len = record.captured_len as usize;
        input.consume(self.header_len + len);
        let nanos = i64::from(record.seconds) * 1_000_000_000 + i64::from(record.fraction) * self.nanos_per_unit;
        Located {
            id: place.id(),
            at: Timestamp::from_nanos(nanos),
            link_type: self.link_type,
            original_len: record.original_len,
            data: start..start + len,
        }
    }

    fn record(&self, bytes: &[u8]) -> Option<Record> {
        let word = |at| self.order.u32(bytes, at);
        let (seconds, fraction, first, second) = (word(0)?, word(4)?, word(8)?, word(12)?);
        let (captured_len, original_len) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::OriginalFirst => (second, first),
            Lengths::SmallerIsCaptured => (first.min(second), first.max(second)),
        };
        Some(Record { seconds, fraction, captured_len, original_len })
    }

    /// What is wrong with a record in its place. A time is nothing that proves damage: clocks are set, and some programs
    /// write a second's fraction beyond a second. Nothing but zeros after good records is a hole in the file.
    fn fault(&self, record: &Record) -> Option<Fault> {
        let Record { seconds, fraction, captured_len, original_len } = *record;
        if captured_len > self.max_record {
            Some(Fault::RecordLength(captured_len))
        } else if seconds | fraction | captured_len | original_len == 0
            && self.last_seconds.is_some_and(|last| last > 0)
        {
            Some(Fault::EmptyRecord)
        } else {
            None
        }
    }

    /// Goes on, byte by byte, to where a record is followed by another or by the end of the file.
    fn search(&self, input: &mut Input) -> bool {
        input.consume(1);
        while input.fill(self.header_len) {
            if let Some(record) = self.record(input.bytes())
                && self.is_likely(&record, self.last_seconds)
            {
                let next = self.header_len + record.captured_len as usize;
                let is_followed = if input.fill(next + self.header_len) {
                    let follower = input.bytes().get(next..).and_then(|bytes| self.record(bytes));
                    follower.is_some_and(|follower| self.is_likely(&follower, Some(record.seconds)))
                } else {
                    input.bytes().len() == next
                };
                if is_followed {
                    return true;
                }
            }
            input.consume(1);
        }
        input.consume(input.bytes().len());
        false
    }

    fn is_likely(&self, record: &Record, last_seconds: Option<u32>) -> bool {
        let is_near = last_seconds.is_none_or(|last| {
            (last.saturating_sub(SEARCH_BACK)..=last.saturating_add(SEARCH_AHEAD)).contains(&record.seconds)
        });
        is_near
            && record.seconds > 0
            && i64::from(record.fraction) * self.nanos_per_unit < 1_000_000_000
            && record.captured_len > 0
            && record.captured_len <= record.original_len
            && record.original_len <= self.max_record
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Pcap, read_bytes};
    use super::*;
    use crate::frame::FrameId;
    use crate::source::info::Damage;

    const MICROS: u32 = 0xa1b2_c3d4;
    const NANOS: u32 = 0xa1b2_3c4d;
    const START: u32 = 1_700_000_000;

    /// Ten records, a second apart.
    fn ten() -> Vec<u8> {
        (0..10).fold(Pcap::default(), |file, index| file.record(START + index, 0, &[0xab; 50])).bytes
    }

    #[test]
    fn both_units_in_both_byte_orders() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for (magic, nanos) in [(MICROS, 1_700_000_000_000_007_000), (NANOS, 1_700_000_000_000_000_007)] {
                let file = Pcap::new(order, magic, 4, 113).record_of([START, 7, 3, 9], b"abc").bytes;
                let read = read_bytes(&file);
                let [frame] = &read.frames[..] else { panic!("{read:?}") };
                assert_eq!((frame.nanos, frame.original_len, frame.link_type), (nanos, 9, LinkType::LINUX_SLL));
                assert_eq!((frame.id, &frame.data[..]), (FrameId::new(0, 1), &b"abc"[..]));
                assert_eq!((read.info.link_types, read.info.damaged), (vec![LinkType::LINUX_SLL], vec![]));
            }
        }
    }

    #[test]
    fn longer_headers_of_other_writers() {
        let modified = Pcap::new(ByteOrder::Big, 0xa1b2_cd34, 4, 1).with(&[], 8);
        let ixia = Pcap::new(ByteOrder::Little, 0x1c00_01ab, 4, 1).with(&[9; 4], 0);
        for file in [modified, ixia] {
            let read = read_bytes(&file.record(1, 5, b"one").record(2, 0, b"two").bytes);
            assert_eq!((read.data(), read.frames[0].nanos), (vec![b"one".to_vec(), b"two".to_vec()], 1_000_005_000));
        }
    }

    #[test]
    fn the_upper_half_of_the_link_type_tells_of_checksums() {
        let file = Pcap::new(ByteOrder::Little, MICROS, 4, 0x2400_0001).record(1, 0, b"one").bytes;
        assert_eq!(read_bytes(&file).frames[0].link_type, LinkType::ETHERNET);
    }

    #[test]
    fn raw_ip_has_one_number_whatever_the_system_calls_it() {
        for network in [12, 14, 101] {
            let file = Pcap::new(ByteOrder::Little, MICROS, 4, network).record(1, 0, b"one").bytes;
            assert_eq!(read_bytes(&file).frames[0].link_type, LinkType::RAW);
        }
    }

    #[test]
    fn old_versions_have_the_lengths_the_other_way_round() {
        for (minor, header) in [(2, [1, 0, 9, 3]), (3, [1, 0, 9, 3]), (3, [1, 0, 3, 9]), (4, [1, 0, 3, 9])] {
            let file = Pcap::new(ByteOrder::Little, MICROS, minor, 1).record_of(header, b"abc").bytes;
            assert_eq!(
                (read_bytes(&file).data(), read_bytes(&file).frames[0].original_len),
                (vec![b"abc".to_vec()], 9)
            );
        }
    }

    #[test]
    fn a_fraction_of_more_than_a_second_is_taken_as_it_is() {
        let file = Pcap::default().record(1, 1_500_000, b"one").bytes;
        assert_eq!(read_bytes(&file).frames[0].nanos, 2_500_000_000);
    }

    #[test]
    fn an_absurd_length_costs_one_frame() {
        let mut file = ten();
        let third = 24 + 2 * 66;
        file[third + 11] = 0x7f;
        let read = read_bytes(&file);
        assert_eq!(read.numbers(), [1, 2, 4, 5, 6, 7, 8, 9, 10]);
        let damage = Damage {
            after: FrameId::new(0, 2),
            offset: third as u64,
            fault: Fault::RecordLength(0x7f00_0032),
            skipped: Some(66),
        };
        assert_eq!(read.info.damaged, [damage]);
    }

    #[test]
    fn a_length_that_is_merely_wrong_costs_what_it_covers() {
        for (byte, value, left) in [(8, 0x40, 9), (8, 0x05, 10), (9, 0x01, 6), (10, 0x01, 9)] {
            let mut file = ten();
            file[24 + 2 * 66 + byte] = value;
            let read = read_bytes(&file);
            assert_eq!(read.frames.len(), left, "byte {byte}");
            assert_eq!(read.frames.last().unwrap().nanos, i64::from(START + 9) * 1_000_000_000);
            assert!(!read.info.damaged.is_empty());
        }
    }

    #[test]
    fn a_hole_of_zeros_is_passed_over() {
        let mut file = ten();
        file[24 + 2 * 66..24 + 5 * 66].fill(0);
        let read = read_bytes(&file);
        assert_eq!(read.frames.len(), 7);
        assert_eq!((&read.info.damaged[0].fault, read.info.damaged[0].skipped), (&Fault::EmptyRecord, Some(3 * 66)));
    }

    #[test]
    fn a_cut_off_end_is_told_with_its_place() {
        let file = ten();
        for cut in [1, 49, 50, 51, 65] {
            let read = read_bytes(&file[..file.len() - cut]);
            let damage = Damage { after: FrameId::new(0, 9), offset: 24 + 9 * 66, fault: Fault::CutOff, skipped: None };
            assert_eq!((read.frames.len(), read.info.damaged), (9, vec![damage]));
        }
    }
}
