//! The short way of nearly every segment of a working connection: it comes in order and acknowledges what was seen.
//!
//! In: the same as for [`Step`]. Out: the same chunks, and the same changes, with less work: none of Wireshark's marks can hold
//! for such a segment, it begins or ends nothing, and nothing waits for it. What is not sure takes the long way.

use super::Sink;
use super::analysis::{self, Marks, Place};
use super::direction::Offset;
use super::step::Step;
use crate::segment::{Segment, TcpFlags};
use crate::stream::Chunk;

impl<S: Sink> Step<'_, '_, S> {
    /// Where the segment stands, if the short way is right for it.
    pub(super) fn steady_place(&self) -> Option<Place> {
        let (me, peer, segment) = (&*self.me, &*self.peer, self.segment);
        let is_plain = says_nothing_else(segment) && segment.seq == me.next_seq && segment.window > 0;
        let is_open = (self.shared.established.is_some() || self.shared.midstream) && me.is_whole() && peer.is_whole();
        // A closed window makes probes of what is sent, and is told when it opens.
        let is_closed_window = peer.window == 0 || me.facts.zero_windows.since.is_some();
        if !is_plain || !is_open || is_closed_window {
            return None;
        }
        let has_data = segment.payload_len > 0;
        let (start, end) = (me.next, me.next + Offset::from(segment.payload_len));
        let ack = peer.offset(segment.ack);
        let acks_what_was_seen = peer.acked <= ack && ack <= peer.next;
        // Without bytes, what says nothing new is a duplicate, a window update or the answer to a probe.
        let is_new = has_data || me.last_ack != Some(ack);
        let fills_window = has_data && analysis::fills_window(peer, end);
        let is_first = if has_data { !me.noted_data } else { !me.noted_ack };
        (acks_what_was_seen && is_new && !fills_window && !is_first).then_some(Place { start, end, ack: Some(ack) })
    }

    /// The short way. It is right only for what [`steady_place`](Self::steady_place) allows.
    pub(super) fn run_steady(mut self, place: Place) {
        let (nothing, previous) = (Marks::default(), self.last_frame());
        self.count();
        if self.segment.payload_len > 0 {
            self.pause(previous, place, nothing);
            self.note(place, nothing);
        }
        if let Some(ack) = place.ack {
            self.acknowledged(ack);
        }
        self.window(nothing);
        if self.segment.payload_len > 0 {
            self.me.facts.last_data = Some(self.now);
            self.me.assembler.move_to(place.end);
            self.sink.chunk(self.side, self.now, Chunk::Data(self.segment.payload));
        }
        self.advance(place, nothing);
    }
}

/// Neither begins nor ends anything, was captured whole, and has no options but timestamps.
fn says_nothing_else(segment: &Segment<'_>) -> bool {
    let control = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST;
    segment.flags.contains(TcpFlags::ACK)
        && !segment.flags.intersects(control)
        && segment.payload.len() == segment.payload_len as usize
        && (segment.options.0.is_empty() || segment.options.are_only_timestamps())
}
