//! Cuts a stream into packets by their fixed headers (MQTT 5.0, 2.1). Bytes come in, in any pieces; frames go out. A frame
//! that lies whole in a piece is borrowed from it; of another one only what the decoder needs is kept, never a payload.

use super::Malformed;
use crate::bytes::Reader;
use crate::mqtt::codes::{PacketType, QoS, Version};
use crate::pack::packed;
use crate::stream::Moment;

/// One packet, as far as it was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Frame<'a> {
    /// Its first byte: type and flags.
    pub(in crate::mqtt) first: u8,
    /// Its remaining length, in bytes.
    pub(in crate::mqtt) length: u32,
    /// The length of its fixed header, in bytes: 2 to 5.
    pub(in crate::mqtt) header_length: u8,
    /// Its body behind the fixed header, from the front; shorter than `length` where the rest was not wanted.
    pub(in crate::mqtt) body: &'a [u8],
    /// When its first byte came.
    pub(in crate::mqtt) began: Moment,
}

impl Frame<'_> {
    pub(in crate::mqtt) const fn kind(&self) -> PacketType {
        PacketType(self.first >> 4)
    }

    /// The length of the whole packet, in bytes.
    pub(in crate::mqtt) const fn total(&self) -> u64 {
        self.length as u64 + self.header_length as u64
    }
}

/// What is kept of a packet.
#[derive(Clone, Copy, Debug)]
pub(in crate::mqtt) struct Keep {
    /// Of the body of a packet that is no PUBLISH, at most so many bytes.
    pub(in crate::mqtt) body: usize,
    /// Of the payload of a PUBLISH, so many bytes.
    pub(in crate::mqtt) payload: usize,
}

/// A buffer that once was larger goes back to so many bytes.
const IDLE_BUFFER: usize = 4096;

/// The framer of one side.
#[derive(Debug, Default)]
pub(in crate::mqtt) struct Framer {
    /// The fixed header, as far as it came.
    header: [u8; Header::LONGEST],
    header_filled: usize,
    /// The packet whose header is complete.
    open: Option<Open>,
    /// What is kept of its body.
    body: Vec<u8>,
    began: Option<Moment>,
}

packed! { struct Framer { header, header_filled, open, body, began } }

#[derive(Clone, Copy, Debug)]
struct Open {
    header: Header,
    /// How many bytes of the body have come.
    came: u32,
}

packed! { struct Open { header, came } }

impl Framer {
    /// The next packet that ends in `data`, which is moved behind it. None: all was taken, more is needed.
    pub(in crate::mqtt) fn next<'f, 'd: 'f>(
        &'f mut self,
        data: &mut &'d [u8],
        at: Moment,
        version: Option<Version>,
        keep: Keep,
    ) -> Option<Result<Frame<'f>, Malformed>> {
        if self.open.is_none() {
            if data.is_empty() {
                return None;
            }
            let began = *self.began.get_or_insert(at);
            let header = match self.read_header(data) {
                Ok(header) => header?,
                Err(malformed) => return Some(Err(malformed)),
            };
            if let Some((body, rest)) = data.split_at_checked(header.length as usize) {
                *data = rest;
                self.began = None;
                return Some(Ok(header.frame(body, began)));
            }
            self.body.clear();
            self.body.shrink_to(IDLE_BUFFER);
            self.open = Some(Open { header, came: 0 });
        }
        self.fill(data, version, keep).then_some(())?;
        let (open, began) = (self.open.take()?, self.began.take()?);
        Some(Ok(open.header.frame(&self.body, began)))
    }

    /// The packet that has begun and not ended, and how many bytes of its body have come.
    pub(in crate::mqtt) fn open(&self) -> Option<(Frame<'_>, u32)> {
        let (open, began) = (self.open?, self.began?);
        Some((open.header.frame(&self.body, began), open.came))
    }

    /// Forgets the packet that has begun.
    pub(in crate::mqtt) fn reset(&mut self) {
        *self = Self { body: std::mem::take(&mut self.body), ..Self::default() };
        self.body.clear();
    }

    /// Takes the fixed header byte by byte: it may come in pieces.
    fn read_header(&mut self, data: &mut &[u8]) -> Result<Option<Header>, Malformed> {
        while let Some((&byte, rest)) = data.split_first() {
            *data = rest;
            if let Some(slot) = self.header.get_mut(self.header_filled) {
                *slot = byte;
                self.header_filled += 1;
            }
            let filled = self.header.get(..self.header_filled).unwrap_or_default();
            if let Some(header) = Header::read(filled)? {
                self.header_filled = 0;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Takes bytes of the open packet's body; true when it is complete.
    fn fill(&mut self, data: &mut &[u8], version: Option<Version>, keep: Keep) -> bool {
        let Some(open) = &mut self.open else { return false };
        let missing = (open.header.length - open.came) as usize;
        let (mut taken, rest) = data.split_at_checked(missing).unwrap_or((*data, &[]));
        *data = rest;
        let complete = taken.len() == missing;
        open.came += u32::try_from(taken.len()).unwrap_or(u32::MAX);
        // What is wanted is known better the more there is: lengths stand before what they measure.
        while !taken.is_empty() {
            let wanted = open.header.wanted(&self.body, version, keep).saturating_sub(self.body.len());
            if wanted == 0 {
                break;
            }
            let (now, later) = taken.split_at_checked(wanted).unwrap_or((taken, &[]));
            self.body.extend_from_slice(now);
            taken = later;
        }
        complete
    }
}

/// A fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct Header {
    pub(in crate::mqtt) first: u8,
    /// The remaining length, in bytes.
    pub(in crate::mqtt) length: u32,
    /// The length of the header itself, in bytes.
    pub(in crate::mqtt) size: u8,
}

packed! { struct Header { first, length, size } }

impl Header {
    /// The first byte and the longest remaining length.
    const LONGEST: usize = 5;

    /// The header at the front of `bytes`; none: it goes on.
    pub(in crate::mqtt) fn read(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut reader = Reader::new(bytes);
        let Some(first) = reader.u8() else { return Ok(None) };
        check_flags(first)?;
        match reader.varint() {
            Some(length) => {
                // Four bytes hold 268,435,455 at most.
                let size = u8::try_from(bytes.len() - reader.rest().len()).unwrap_or(u8::MAX);
                Ok(Some(Self { first, length, size }))
            }
            None if bytes.len() < Self::LONGEST => Ok(None),
            None => Err(Malformed::RemainingLength),
        }
    }

    const fn frame(self, body: &[u8], began: Moment) -> Frame<'_> {
        Frame { first: self.first, length: self.length, header_length: self.size, body, began }
    }

    /// How many bytes of the body to keep, as far as `have` of it tells: at least one more than that, or enough.
    fn wanted(self, have: &[u8], version: Option<Version>, keep: Keep) -> usize {
        let whole = self.length as usize;
        if PacketType(self.first >> 4) != PacketType::PUBLISH {
            return whole.min(keep.body);
        }
        let mut reader = Reader::new(have);
        let Some(topic) = reader.u16() else { return whole.min(2) };
        let mut wanted = 2 + usize::from(topic) + if publish_qos(self.first) > QoS::AT_MOST_ONCE { 2 } else { 0 };
        if version == Some(Version::V5_0) {
            let Some(properties) = have.get(wanted..) else { return whole.min(wanted) };
            match Reader::new(properties).varint() {
                Some(length) => wanted += varint_length(length) + length as usize,
                None => return whole.min(wanted + (properties.len() + 1).min(4)),
            }
        }
        whole.min(wanted.min(MAX_PUBLISH_HEAD) + keep.payload)
    }
}

/// Topic, identifier and properties beyond this are not kept.
const MAX_PUBLISH_HEAD: usize = 2 * 65_536;

const fn varint_length(value: u32) -> usize {
    match value {
        0..128 => 1,
        128..16_384 => 2,
        16_384..2_097_152 => 3,
        _ => 4,
    }
}

/// The QoS in the first byte of a PUBLISH.
pub(in crate::mqtt) const fn publish_qos(first: u8) -> QoS {
    QoS(first >> 1 & 3)
}

/// The flags that the type demands (MQTT 5.0, table 2-2); 3.1 used DUP and QoS with PUBREL, SUBSCRIBE and UNSUBSCRIBE.
const fn check_flags(first: u8) -> Result<(), Malformed> {
    let flags = first & 0x0f;
    match PacketType(first >> 4) {
        PacketType(0) => Err(Malformed::ReservedType),
        PacketType::PUBLISH => Ok(()),
        PacketType::PUBREL | PacketType::SUBSCRIBE | PacketType::UNSUBSCRIBE => match flags & 0b0111 {
            0b0010 => Ok(()),
            _ => Err(Malformed::ReservedFlags),
        },
        _ if flags == 0 => Ok(()),
        _ => Err(Malformed::ReservedFlags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameId;
    use crate::time::Timestamp;

    const KEEP: Keep = Keep { body: 1024, payload: 0 };

    fn at(frame: u64) -> Moment {
        Moment::new(Timestamp::from_secs(0), FrameId::new(0, frame))
    }

    /// The frames in `stream` when it comes in the pieces that `cuts` make of it: first byte, length, body kept.
    fn frames(stream: &[u8], cuts: &[usize]) -> Vec<(u8, u32, Vec<u8>)> {
        let mut framer = Framer::default();
        let mut found = Vec::new();
        let mut from = 0;
        for &to in cuts.iter().chain([&stream.len()]) {
            let mut data = &stream[from..to];
            while let Some(frame) = framer.next(&mut data, at(1), Some(Version::V5_0), KEEP) {
                let frame = frame.expect("sound");
                let head = frame.body.len().min(frame.length as usize);
                found.push((frame.first, frame.length, frame.body[..head].to_vec()));
            }
            from = to;
        }
        found
    }

    #[test]
    fn frames_are_the_same_at_every_split() {
        // PINGREQ, SUBACK 3.1.1, PUBLISH with QoS 1, alias 5 and payload "hi", DISCONNECT.
        let stream =
            [0xc0, 0, 0x90, 3, 0, 1, 0, 0x32, 0x0d, 0, 3, b'a', b'/', b'b', 0, 9, 3, 35, 0, 5, b'h', b'i', 0xe0, 0];
        let whole = frames(&stream, &[]);
        assert_eq!(whole.iter().map(|f| (f.0, f.1)).collect::<Vec<_>>(), [(0xc0, 0), (0x90, 3), (0x32, 13), (0xe0, 0)]);
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let parts = frames(&stream, &[first, second]);
                for (whole, part) in whole.iter().zip(&parts) {
                    assert_eq!((whole.0, whole.1), (part.0, part.1));
                    // Of a split PUBLISH the payload is not kept, all before it is.
                    assert!(whole.2.starts_with(&part.2) && whole.2.len() - part.2.len() <= 2);
                }
                assert_eq!(whole.len(), parts.len());
            }
        }
    }

    #[test]
    fn a_split_payload_is_passed_over() {
        let mut framer = Framer::default();
        // PUBLISH with a remaining length of 268,435,455: the longest there is.
        let mut data: &[u8] = &[0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b't'];
        assert!(framer.next(&mut data, at(1), Some(Version::V3_1_1), KEEP).is_none());
        let megabyte = vec![0; 1 << 20];
        for _ in 0..255 {
            let mut data: &[u8] = &megabyte;
            assert!(framer.next(&mut data, at(2), Some(Version::V3_1_1), KEEP).is_none());
        }
        let mut data: &[u8] = &megabyte;
        let frame = framer.next(&mut data, at(3), Some(Version::V3_1_1), KEEP).expect("complete").expect("sound");
        assert_eq!((frame.length, frame.body, frame.began), (268_435_455, &[0, 1, b't'][..], at(1)));
        assert_eq!(data.len(), 256 * (1 << 20) - (268_435_455 - 3));
    }

    #[test]
    fn unsound_headers_are_told() {
        let read = |mut data: &[u8]| Framer::default().next(&mut data, at(1), None, KEEP).map(Result::err);
        assert_eq!(read(&[0xc0, 0x80, 0x80, 0x80, 0x80]), Some(Some(Malformed::RemainingLength)));
        assert_eq!(read(&[0x00, 0]), Some(Some(Malformed::ReservedType)));
        assert_eq!(read(&[0x80, 2, 0, 1]), Some(Some(Malformed::ReservedFlags)));
        assert_eq!(read(&[0x62, 2, 0, 1]), Some(None));
    }
}
