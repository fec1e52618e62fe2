//! A TCP segment as it was on the wire (RFC 9293, 3.1), and the arithmetic of its sequence numbers.

use crate::frame::FrameId;
use crate::net::Endpoint;
use crate::time::Timestamp;
use etherparse::{TcpOptionElement, TcpOptionsIterator};
use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A sequence number: modulo 2^32 (RFC 9293, 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// The number `count` bytes further on.
    #[must_use]
    pub const fn plus(self, count: u32) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// The signed distance from `other` to this number: positive when this one comes later. Right for numbers that are
    /// less than 2^31 apart.
    #[must_use]
    pub const fn distance_from(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// Whether this number comes after `other`.
    #[must_use]
    pub const fn is_after(self, other: Self) -> bool {
        self.distance_from(other) > 0
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The control bits of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push function.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field is significant.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer field is significant.
    pub const URG: Self = Self(0x20);

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether any of `flags` is set.
    #[must_use]
    pub const fn intersects(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }
}

impl BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for TcpFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// One TCP segment, borrowed from its frame (or from the buffer in which its fragments were put together).
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The frame that carried it (its last fragment's frame).
    pub frame: FrameId,
    /// When that frame was captured.
    pub at: Timestamp,
    /// The sender.
    pub source: Endpoint,
    /// The receiver.
    pub destination: Endpoint,
    /// IPv4 time to live, or IPv6 hop limit: a forged reset often has another one.
    pub ttl: u8,
    /// The sequence number of the first byte (of the SYN, where it is set).
    pub seq: SeqNumber,
    /// The acknowledgment number; meaningless unless `flags` has ACK.
    pub ack: SeqNumber,
    /// The control bits.
    pub flags: TcpFlags,
    /// The window field, unscaled.
    pub window: u16,
    /// The options, not yet parsed; empty where the snaplen cut into them.
    pub options: TcpOptions<'a>,
    /// The captured payload.
    pub payload: &'a [u8],
    /// The payload's length on the wire, in bytes; more than `payload` holds where the snaplen cut it.
    pub payload_len: u32,
}

impl Segment<'_> {
    /// The length in sequence space: payload, SYN and FIN (RFC 9293, SEG.LEN).
    #[must_use]
    pub const fn seq_len(&self) -> u32 {
        let syn = self.flags.contains(TcpFlags::SYN) as u32;
        let fin = self.flags.contains(TcpFlags::FIN) as u32;
        self.payload_len.wrapping_add(syn).wrapping_add(fin)
    }

    /// The number that follows the segment.
    #[must_use]
    pub const fn end(&self) -> SeqNumber {
        self.seq.plus(self.seq_len())
    }
}

/// The options of a segment as bytes; read only where they matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpOptions<'a>(pub &'a [u8]);

impl TcpOptions<'_> {
    /// Maximum segment size, in bytes (RFC 9293, 3.7.1).
    #[must_use]
    pub fn maximum_segment_size(self) -> Option<u16> {
        self.find(|option| if let TcpOptionElement::MaximumSegmentSize(size) = option { Some(*size) } else { None })
    }

    /// Window scale shift count (RFC 7323, 2.2).
    #[must_use]
    pub fn window_scale(self) -> Option<u8> {
        self.find(|option| if let TcpOptionElement::WindowScale(shift) = option { Some(*shift) } else { None })
    }

    /// Whether the sender permits selective acknowledgment (RFC 2018, 2).
    #[must_use]
    pub fn selective_ack_permitted(self) -> bool {
        self.find(|option| matches!(option, TcpOptionElement::SelectiveAcknowledgementPermitted).then_some(()))
            .is_some()
    }

    /// The first block of a selective acknowledgment (RFC 2018, 3): the most recently received one.
    #[must_use]
    pub fn selective_ack(self) -> Option<(SeqNumber, SeqNumber)> {
        self.find(|option| match option {
            TcpOptionElement::SelectiveAcknowledgement((left, right), _) => Some((SeqNumber(*left), SeqNumber(*right))),
            _ => None,
        })
    }

    /// Whether there is nothing but timestamps, laid out as RFC 7323, A recommends and every stack does it.
    #[must_use]
    pub const fn are_only_timestamps(self) -> bool {
        matches!(self.0, [1, 1, 8, 10, rest @ ..] if rest.len() == 8)
    }

    fn find<T>(self, wanted: impl Fn(&TcpOptionElement) -> Option<T>) -> Option<T> {
        TcpOptionsIterator::from_slice(self.0).map_while(Result::ok).find_map(|option| wanted(&option))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_wrap() {
        let before = SeqNumber(0xffff_fff0);
        let after = before.plus(0x20);
        assert_eq!(after, SeqNumber(0x10));
        assert!(after.is_after(before) && !before.is_after(after) && !before.is_after(before));
        assert_eq!(before.distance_from(after), -0x20);
    }

    #[test]
    fn options_are_found_behind_padding() {
        // NOP, NOP, MSS 1460, SACK permitted, window scale 7.
        let options = TcpOptions(&[1, 1, 2, 4, 0x05, 0xb4, 4, 2, 3, 3, 7, 0]);
        assert_eq!(options.maximum_segment_size(), Some(1460));
        assert_eq!(options.window_scale(), Some(7));
        assert!(options.selective_ack_permitted());
        assert_eq!(options.selective_ack(), None);
    }

    #[test]
    fn a_broken_option_ends_the_list() {
        assert_eq!(TcpOptions(&[2, 0, 0, 0]).maximum_segment_size(), None);
        assert_eq!(TcpOptions(&[2, 4, 5]).maximum_segment_size(), None);
    }

    #[test]
    fn selective_ack_is_its_first_block() {
        let options = TcpOptions(&[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9]);
        assert_eq!(options.selective_ack(), Some((SeqNumber(1), SeqNumber(9))));
    }
}
