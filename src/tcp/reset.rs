//! Whether a reset is taken by its receiver: RFC 9293, 3.10.7.3 (SYN-SENT) and 3.10.7.4, with RFC 5961, 3.2.

use super::direction::{Direction, Offset, Origin};
use super::event::ResetFit;
use crate::segment::{Segment, TcpFlags};

/// Holds a reset sent in the name of `me` against what `peer` expects.
pub(super) fn fit(me: &Direction, peer: &Direction, segment: &Segment<'_>) -> ResetFit {
    let answers_a_syn = !me.seen && peer.origin == Origin::Syn && peer.last_ack.is_none();
    if answers_a_syn {
        let acks_it = segment.flags.contains(TcpFlags::ACK) && segment.ack == peer.next_seq;
        return if acks_it { ResetFit::Exact } else { ResetFit::OutOfWindow };
    }
    if me.origin == Origin::Unknown {
        return ResetFit::Unknown;
    }
    let at = me.offset(segment.seq);
    if at == me.next || peer.last_ack == Some(at) {
        return ResetFit::Exact;
    }
    if peer.last_ack.is_none() {
        return ResetFit::Unknown;
    }
    // Without the handshake the scale is not known: the window may be as large as 2^14 times the field.
    let window = match peer.shift {
        Some(_) => Offset::from(peer.window),
        None => Offset::from(peer.window_field) << 14,
    };
    let end = (me.acked + window).max(me.next);
    if (me.acked..=end).contains(&at) { ResetFit::InWindow } else { ResetFit::OutOfWindow }
}
