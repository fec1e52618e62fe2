//! Tells a SYN that opens a new connection between the same ports (RFC 9293, 3.6.1 and 3.10.7.4) from one that belongs to the
//! connection at hand: sent again, late, or the other half of a simultaneous open.

use super::direction::{Direction, Origin};
use super::tracker::Shared;
use crate::segment::{Segment, TcpFlags};
use std::time::Duration;

/// After this silence of its sender a SYN with the number of an established connection is no late copy: the sender has
/// started again and chose the same number, as small stacks do.
const LATE_COPY_WITHIN: Duration = Duration::from_secs(3);

/// Whether `segment`, sent by `me`, belongs to a new connection. `closed`: the one at hand is over.
pub(super) fn starts_anew(
    me: &Direction,
    peer: &Direction,
    shared: &Shared,
    closed: bool,
    segment: &Segment<'_>,
) -> bool {
    let nothing_yet = me.facts.frames == 0 && peer.facts.frames == 0;
    if !segment.flags.contains(TcpFlags::SYN) || segment.flags.contains(TcpFlags::RST) || nothing_yet {
        return false;
    }
    let same_number = me.facts.isn == Some(segment.seq);
    if segment.flags.contains(TcpFlags::ACK) {
        return !same_number && !answers(peer, segment);
    }
    if same_number {
        // A refused SYN that is sent again is the same attempt.
        let silent = segment.at.since(me.last_at) > LATE_COPY_WITHIN;
        return shared.established.is_some() && (closed || (me.last_ack.is_some() && silent));
    }
    // Captured behind the SYN-ACK that answers it.
    let late = me.origin == Origin::Acked && me.offset(segment.seq) == 0;
    let opens_as_well =
        me.facts.frames == 0 && peer.origin == Origin::Syn && !peer.syn_acked() && peer.last_ack.is_none();
    !late && !opens_as_well
}

/// Whether a SYN-ACK answers the SYN of `peer` (or a part of the data with it).
fn answers(peer: &Direction, segment: &Segment<'_>) -> bool {
    let (Some(isn), Some(syn)) = (peer.facts.isn, peer.facts.syn) else { return false };
    let acked = segment.ack.distance_from(isn);
    acked >= 1 && acked.unsigned_abs() <= syn.data.saturating_add(1)
}
