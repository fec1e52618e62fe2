//! Where blocks begin and end (pcapng 3.1), and how to find the next one where that is damaged.

use super::{Bad, ByteOrder, CaptureInfo, Fault, Input, Place};
use crate::pcapng::{BYTE_ORDER_MAGIC, BlockType, MIN_BLOCK, padding};
use std::ops::Range;

/// The longest block that is read, as in libpcap: a frame is at most 256 KiB, and secrets and names come in several blocks
/// where they are many. A longer one is damage.
const MAX_BLOCK: u32 = 16 << 20;

/// The bytes that a block is known by: type and length, and a section's byte order.
const HEAD: usize = 12;

/// Event blocks of sysdig captures, in their versions, with and without flags; Wireshark numbers them.
const SYSDIG_EVENTS: [u32; 6] = [0x204, 0x208, 0x216, 0x217, 0x221, 0x222];

/// A block whose bytes are in the buffer.
pub(super) struct Block {
    pub(super) kind: BlockType,
    /// Its offset in the file.
    pub(super) offset: u64,
    /// All of its bytes.
    pub(super) len: u64,
    /// Its body, options included, as a position in the buffer.
    pub(super) body: Range<usize>,
}

impl Block {
    /// Whether Wireshark gives it a number.
    pub(super) fn is_numbered(&self) -> bool {
        is_numbered(self.kind)
    }
}

/// Finds the blocks of a file, one after the other.
#[derive(Default)]
pub(super) struct Framing {
    order: ByteOrder,
}

/// The first words of a block.
struct Head {
    kind: BlockType,
    /// The length that it claims, all included.
    len: u32,
    order: ByteOrder,
}

impl Head {
    /// The bytes up to the next block: some programs forget the padding in the length.
    fn padded_len(&self) -> usize {
        self.len as usize + padding(self.len as usize)
    }
}

/// Whether a file begins like this format.
pub(in super::super) fn is_section_header(bytes: &[u8]) -> bool {
    ByteOrder::Little.u32(bytes, 0) == Some(BlockType::SECTION_HEADER.0) && section_order(bytes).is_some()
}

/// Whether this may be the beginning of this format, but is too short to tell.
pub(in super::super) fn is_cut_section_header(bytes: &[u8]) -> bool {
    let magic = BlockType::SECTION_HEADER.0.to_le_bytes();
    bytes.len() < HEAD && bytes.get(..4).map_or_else(|| magic.starts_with(bytes), |first| first == magic)
}

impl Framing {
    /// The byte order of the section.
    #[inline]
    pub(super) fn order(&self) -> ByteOrder {
        self.order
    }

    /// The next block; a section header sets the byte order. Where the lengths of a block are wrong, the next place that
    /// looks like a block is searched, and what was passed over is told.
    pub(super) fn next(&mut self, input: &mut Input, place: &mut Place, info: &mut CaptureInfo) -> Option<Block> {
        loop {
            if !input.fill(HEAD) {
                place.tell_end(input, info);
                return None;
            }
            let kind = BlockType(self.order.u32(input.bytes(), 0)?);
            let bad = match self.whole(input) {
                Ok((head, None)) => return Some(self.take(&head, input)),
                Ok((head, Some(fault))) => {
                    info.add_damage(place.damage(input.offset(), fault, Some(0)));
                    return Some(self.take(&head, input));
                }
                Err(bad) => bad,
            };
            let found = self.search(input);
            place.tell_bad(bad, found, input, info);
            if !found {
                return None;
            }
            if is_numbered(kind) {
                place.number += 1;
            }
        }
    }

    /// The head of the block that the input begins with, once all of it is there. Where only the length at its end is
    /// wrong and another block follows, it can be taken all the same.
    fn whole(&self, input: &mut Input) -> Result<(Head, Option<Fault>), Bad> {
        let offset = input.offset();
        let bad = |fault| Bad { offset, fault, reaches_beyond_end: false };
        let head = self.head(input.bytes()).map_err(bad)?;
        let len = head.padded_len();
        if !input.fill(len) {
            return Err(Bad { offset, fault: Fault::BlockLength(head.len), reaches_beyond_end: true });
        }
        let last = head.order.u32(input.bytes(), len - 4).unwrap_or_default();
        if last == head.len {
            return Ok((head, None));
        }
        let fault = Fault::BlockEnd { first: head.len, last };
        if self.is_followed(input, len) { Ok((head, Some(fault))) } else { Err(bad(fault)) }
    }

    fn take(&mut self, head: &Head, input: &mut Input) -> Block {
        self.order = head.order;
        let (start, offset, len) = (input.position(), input.offset(), head.padded_len());
        input.consume(len);
        Block { kind: head.kind, offset, len: len as u64, body: start + 8..start + len - 4 }
    }

    fn head(&self, bytes: &[u8]) -> Result<Head, Fault> {
        let kind = BlockType(self.order.u32(bytes, 0).unwrap_or_default());
        let order = match kind {
            BlockType::SECTION_HEADER => section_order(bytes).ok_or(Fault::SectionHeader)?,
            _ => self.order,
        };
        let len = order.u32(bytes, 4).unwrap_or_default();
        if (MIN_BLOCK..=MAX_BLOCK).contains(&len) {
            Ok(Head { kind, len, order })
        } else {
            Err(Fault::BlockLength(len))
        }
    }

    /// Whether a block of a known type, or the end of the file, comes after so many bytes.
    fn is_followed(&self, input: &mut Input, len: usize) -> bool {
        if input.fill(len + HEAD) {
            let next = input.bytes().get(len..).unwrap_or_default();
            self.head(next).is_ok_and(|head| is_known(head.kind))
        } else {
            input.bytes().len() == len
        }
    }

    /// Goes on, byte by byte, to where a block of a known type has the same length at both its ends.
    fn search(&self, input: &mut Input) -> bool {
        input.consume(1);
        while input.fill(HEAD) {
            if let Ok(head) = self.head(input.bytes())
                && is_known(head.kind)
                && head.len % 4 == 0
                && input.fill(head.len as usize)
                && head.order.u32(input.bytes(), head.len as usize - 4) == Some(head.len)
            {
                return true;
            }
            input.consume(1);
        }
        input.consume(input.bytes().len());
        false
    }
}

/// The byte order of the section whose header this is (4.1).
fn section_order(bytes: &[u8]) -> Option<ByteOrder> {
    [ByteOrder::Little, ByteOrder::Big].into_iter().find(|order| order.u32(bytes, 8) == Some(BYTE_ORDER_MAGIC))
}

fn is_known(kind: BlockType) -> bool {
    matches!(
        kind,
        BlockType::SECTION_HEADER
            | BlockType::INTERFACE_DESCRIPTION
            | BlockType::NAME_RESOLUTION
            | BlockType::INTERFACE_STATISTICS
            | BlockType::DECRYPTION_SECRETS
    ) || is_numbered(kind)
}

fn is_numbered(kind: BlockType) -> bool {
    matches!(
        kind,
        BlockType::ENHANCED_PACKET
            | BlockType::PACKET
            | BlockType::SIMPLE_PACKET
            | BlockType::CUSTOM
            | BlockType::CUSTOM_NO_COPY
            | BlockType::SYSTEMD_JOURNAL_EXPORT
    ) || SYSDIG_EVENTS.contains(&kind.0)
}
