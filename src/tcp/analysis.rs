//! Names a segment as Wireshark does (User's Guide, 7.5 "TCP Analysis"), from what was seen before it. Pure: it reads the
//! state of both directions and changes nothing.
//!
//! Deliberate differences: whether bytes were sent before is looked up among all that is not acknowledged, whatever segments
//! they came in; what was acknowledged is judged by the highest acknowledgment, not by the last; a reset, which may be forged,
//! changes nothing; and frames that the capture holds twice never get here.

use super::direction::{Direction, Offset};
use crate::segment::{Segment, TcpFlags};
use std::ops::{BitOr, BitOrAssign};
use std::time::Duration;

/// Retransmissions this soon after duplicate acknowledgments are fast ones.
const FAST_WITHIN: Duration = Duration::from_millis(20);

/// Late segments this soon after later ones are out of order, where the first round trip is not known.
const OUT_OF_ORDER_WITHIN: Duration = Duration::from_millis(3);

/// What a segment is; several may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u16);

impl Marks {
    pub(super) const ZERO_WINDOW_PROBE: Self = Self(1);
    pub(super) const ZERO_WINDOW: Self = Self(1 << 1);
    pub(super) const PREVIOUS_NOT_CAPTURED: Self = Self(1 << 2);
    pub(super) const KEEP_ALIVE: Self = Self(1 << 3);
    pub(super) const WINDOW_UPDATE: Self = Self(1 << 4);
    pub(super) const WINDOW_FULL: Self = Self(1 << 5);
    pub(super) const KEEP_ALIVE_ACK: Self = Self(1 << 6);
    pub(super) const ZERO_WINDOW_PROBE_ACK: Self = Self(1 << 7);
    pub(super) const DUPLICATE_ACK: Self = Self(1 << 8);
    pub(super) const ACKED_UNSEEN: Self = Self(1 << 9);
    pub(super) const SPURIOUS: Self = Self(1 << 10);
    pub(super) const FAST: Self = Self(1 << 11);
    pub(super) const OUT_OF_ORDER: Self = Self(1 << 12);
    pub(super) const RETRANSMISSION: Self = Self(1 << 13);

    /// Whether any of `marks` is set.
    pub(super) const fn has(self, marks: Self) -> bool {
        self.0 & marks.0 != 0
    }

    /// Whether nothing is set.
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Marks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Marks {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Where a segment stands in its own direction, and in the other one by its acknowledgment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The offset of its first byte (or SYN, or FIN).
    pub(super) start: Offset,
    /// The offset after its last one.
    pub(super) end: Offset,
    /// Its acknowledgment.
    pub(super) ack: Option<Offset>,
}

/// Names `segment`, sent by `me`. `first_round_trip`: of the handshake, where it was seen.
pub(super) fn marks(
    me: &Direction,
    peer: &Direction,
    segment: &Segment<'_>,
    place: Place,
    first_round_trip: Option<Duration>,
) -> Marks {
    let known = me.seen;
    let len = segment.payload_len;
    let control = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST;
    let plain = !segment.flags.intersects(control);
    let mut marks = Marks::default();

    if plain && segment.window == 0 {
        marks |= Marks::ZERO_WINDOW;
    }
    if known {
        if len == 1 && place.start == me.next && peer.seen && peer.window == 0 {
            marks |= Marks::ZERO_WINDOW_PROBE;
        } else {
            if place.start > me.next && !segment.flags.contains(TcpFlags::RST) {
                marks |= Marks::PREVIOUS_NOT_CAPTURED;
            }
            if plain && len <= 1 && place.start == me.next - 1 {
                marks |= Marks::KEEP_ALIVE;
            }
            if plain && len > 0 && fills_window(peer, place.end) {
                marks |= Marks::WINDOW_FULL;
            }
            if plain && len == 0 && place.start == me.next && place.ack.is_some() && place.ack == me.last_ack {
                marks |= repeated_ack(me, peer, segment);
            }
        }
    }
    if let Some(ack) = place.ack
        && acks_unseen(peer, ack)
    {
        marks |= Marks::ACKED_UNSEEN;
    }
    let occupies = len > 0 || segment.flags.intersects(TcpFlags::SYN | TcpFlags::FIN);
    if known && occupies && place.start < me.next && !marks.has(Marks::KEEP_ALIVE) {
        marks |= sent_before(me, peer, segment, place, first_round_trip);
    }
    marks
}

/// Whether the byte before `end` is the last one that the peer can take.
pub(super) fn fills_window(peer: &Direction, end: Offset) -> bool {
    peer.shift.is_some() && peer.last_ack.is_some_and(|ack| end == ack + Offset::from(peer.window))
}

/// An acknowledgment that says again what the last one said.
fn repeated_ack(me: &Direction, peer: &Direction, segment: &Segment<'_>) -> Marks {
    let same_window = segment.window == me.window_field;
    if segment.window == 0 {
        let answers = same_window && peer.last_was.has(Marks::ZERO_WINDOW_PROBE);
        return if answers { Marks::ZERO_WINDOW_PROBE_ACK } else { Marks::default() };
    }
    if !same_window {
        return Marks::WINDOW_UPDATE;
    }
    if peer.last_was.has(Marks::KEEP_ALIVE) { Marks::KEEP_ALIVE_ACK } else { Marks::DUPLICATE_ACK }
}

/// Whether `ack` covers bytes of `peer` that were never seen and not counted before.
fn acks_unseen(peer: &Direction, ack: Offset) -> bool {
    let seen_to = peer.assembler.expected().max(peer.acked_unseen_to);
    // Nothing was seen: that is a one-sided capture, not a hole in one.
    peer.seen && peer.can_be_acked(ack) && ack.min(peer.fin) > seen_to
}

/// What a segment below the highest offset is.
fn sent_before(
    me: &Direction,
    peer: &Direction,
    segment: &Segment<'_>,
    place: Place,
    first_round_trip: Option<Duration>,
) -> Marks {
    let len = segment.payload_len;
    if peer.last_ack.is_some() && place.end <= me.acked {
        return if len > 0 { Marks::SPURIOUS } else { Marks::RETRANSMISSION };
    }
    // After a zero-window probe (or a keep-alive with a byte) its byte is sent again with new ones behind it.
    if len > 1 && place.start == me.next - 1 {
        return Marks::default();
    }
    let asked_for = peer.duplicate_acks >= 2 && segment.at.since(peer.last_at) < FAST_WITHIN;
    if asked_for && peer.last_ack == Some(place.start) {
        return Marks::FAST;
    }
    let soon = segment.at.since(me.next_at) < first_round_trip.unwrap_or(OUT_OF_ORDER_WITHIN);
    if soon && !me.outstanding.covers(place.start.max(me.acked), place.end) {
        return Marks::OUT_OF_ORDER;
    }
    Marks::RETRANSMISSION
}
