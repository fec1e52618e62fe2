//! What a segment's acknowledgment proves of the other side's bytes: they arrived, how long that took, and which did not.

use super::Sink;
use super::analysis::Marks;
use super::direction::Offset;
use super::facts::Hole;
use super::step::Step;

impl<S: Sink> Step<'_, '_, S> {
    /// What the acknowledgment says about the other side's bytes.
    pub(super) fn acknowledge(&mut self, ack: Offset, marks: Marks) {
        if marks.has(Marks::ACKED_UNSEEN) {
            self.peer.acked_unseen_to = ack;
        }
        if ack > self.peer.acked {
            self.acknowledged(ack);
            let peer = &*self.peer;
            if peer.has_start()
                && let Some(to) = peer.assembler.proven_hole(ack.min(peer.fin))
            {
                self.skip(self.side.peer(), to);
            }
        }
        let options = self.segment.options;
        if !options.are_only_timestamps() && !options.0.is_empty() && ack >= self.peer.acked {
            self.selective_ack(ack);
        }
        if self.shared.established.is_none() {
            self.establish();
        }
    }

    /// What the other side sent below `ack` has arrived.
    pub(super) fn acknowledged(&mut self, ack: Offset) {
        let peer = &mut *self.peer;
        if ack > peer.acked {
            peer.acked = ack;
            let acked = peer.outstanding.acknowledge(ack, self.now);
            peer.facts.largest_acked = peer.facts.largest_acked.max(acked.largest);
            if let Some(round_trip) = acked.round_trip {
                peer.samples.add(round_trip);
            }
        }
    }

    /// A hole that the receiver reports: between its acknowledgment and the first block after it.
    fn selective_ack(&mut self, ack: Offset) {
        let Some((left, _)) = self.segment.options.selective_ack() else { return };
        let left = self.peer.offset(left);
        let (Ok(start), true) = (u64::try_from(ack), left > ack) else { return };
        let len = left.abs_diff(ack);
        let hole = &mut self.peer.facts.hole;
        match hole {
            Some(known) if known.start == start => {
                known.len = known.len.min(len);
                known.reported = true;
            }
            _ => *hole = Some(Hole { start, len, since: self.now, reported: true }),
        }
    }
}
