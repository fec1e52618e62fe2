//! The handshake, as segments of it pass: options, round trips, and the moment when both sides can send.

use super::Sink;
use super::direction::{Direction, Origin};
use super::event::{Event, SynOptions};
use super::step::Step;
use crate::net::Side;
use crate::segment::TcpFlags;

impl<S: Sink> Step<'_, '_, S> {
    /// A SYN: its options, and the windows' scale once both are known (RFC 7323, 2.2).
    pub(super) fn open(&mut self, new: bool) {
        let Self { now, segment, side, .. } = *self;
        let acks = segment.flags.contains(TcpFlags::ACK);
        self.me.facts.syns.add(now);
        if new {
            let options = SynOptions {
                mss: segment.options.maximum_segment_size(),
                window_scale: segment.options.window_scale(),
                sack_permitted: segment.options.selective_ack_permitted(),
                window: segment.window,
                data: segment.payload_len,
            };
            self.me.facts.syn = Some(options);
            self.sink.event(now, side, if acks { Event::SynAck(options) } else { Event::Syn(options) });
        }
        if let (Some(mine), Some(theirs)) = (self.me.facts.syn, self.peer.facts.syn) {
            let (me, peer) = mine.window_scale.zip(theirs.window_scale).unwrap_or((0, 0));
            // RFC 7323, 2.3: a larger count is taken as 14.
            (self.me.shift, self.peer.shift) = (Some(me.min(14)), Some(peer.min(14)));
        }
        if acks
            && self.me.facts.syns.count == 1
            && self.peer.facts.syns.count == 1
            && let Some(syn) = self.peer.facts.syns.first
        {
            self.shared.handshake.to_server = Some(now.at.since(syn.at));
        }
    }

    /// Notes the end of the handshake: both SYNs are acknowledged, whether or not they were captured.
    pub(super) fn establish(&mut self) {
        let Self { now, side, .. } = *self;
        let known = |direction: &Direction| matches!(direction.origin, Origin::Syn | Origin::Acked);
        if self.shared.midstream || !known(self.me) || !known(self.peer) || !self.peer.syn_acked() {
            return;
        }
        let opens = self.segment.flags.contains(TcpFlags::SYN);
        // Where one side is not captured, the other's going on is the proof.
        let both = self.me.syn_acked() || (!opens && !self.peer.seen);
        if !both || (opens && self.peer.last_ack.is_none()) {
            return;
        }
        self.shared.established = Some(now);
        self.sink.event(now, side, Event::Established);
        let (mine, theirs) = (self.me.facts.syns, self.peer.facts.syns);
        if side == Side::Client {
            if theirs.count == 1
                && let Some(syn_ack) = theirs.first
            {
                self.shared.handshake.to_client = Some(now.at.since(syn_ack.at));
            }
            self.shared.first_round_trip = mine.last.map(|syn| now.at.since(syn.at)).filter(|_| theirs.count > 0);
        }
    }
}
