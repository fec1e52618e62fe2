//! What one segment changes. In: the segment and both directions. Out: events and chunks, in this order: what it says of itself,
//! what its acknowledgment proves of the other side's bytes, its window, its own bytes, its FIN.

use super::analysis::{self, Marks, Place};
use super::direction::{Direction, NO_FIN, Offset};
use super::event::{Event, GapCause, Resend};
use super::facts::{Fin, Hole, Reset, Ttl};
use super::history::{Completeness, Counted, Numbered};
use super::outlet::Outlet;
use super::pause::Pause;
use super::tracker::Shared;
use super::{Limits, Sink, reset};
use crate::net::{PerSide, Side};
use crate::segment::{Segment, TcpFlags};
use crate::stream::Moment;

/// One segment, and all that it touches.
pub(super) struct Step<'t, 's, S> {
    pub(super) now: Moment,
    pub(super) side: Side,
    pub(super) segment: &'t Segment<'s>,
    pub(super) me: &'t mut Direction,
    pub(super) peer: &'t mut Direction,
    pub(super) shared: &'t mut Shared,
    pub(super) limits: &'t Limits,
    pub(super) sink: &'t mut S,
}

impl<S: Sink> Step<'_, '_, S> {
    pub(super) fn run(mut self) {
        if let Some(place) = self.steady_place() {
            return self.run_steady(place);
        }
        let flags = self.segment.flags;
        let previous = self.last_frame();
        self.count();
        if flags.contains(TcpFlags::RST) {
            self.reset();
            return;
        }
        let new_syn = flags.contains(TcpFlags::SYN) && self.me.facts.isn != Some(self.segment.seq);
        let midstream = self.shared.midstream;
        self.me.anchor_by_segment(self.segment, midstream);
        if flags.contains(TcpFlags::ACK) {
            self.peer.anchor_by_ack(self.segment.ack, midstream);
        }
        let place = self.place();
        if self.me.is_stray(place.start) {
            self.me.facts.strays += 1;
            return;
        }
        if flags.contains(TcpFlags::SYN) {
            self.open(new_syn);
        }
        let marks = analysis::marks(self.me, self.peer, self.segment, place, self.shared.first_round_trip);
        self.pause(previous, place, marks);
        let first_sent = self.note(place, marks);
        if !marks.is_empty() {
            self.tell(marks, first_sent);
        }
        if let Some(ack) = place.ack {
            self.acknowledge(ack, marks);
        }
        self.window(marks);
        self.data(place, marks);
        if flags.contains(TcpFlags::FIN) {
            self.fin(place);
        }
        self.advance(place, marks);
    }

    /// The last frame of either side so far.
    pub(super) fn last_frame(&self) -> Option<Moment> {
        self.me.facts.last_frame.max(self.peer.facts.last_frame)
    }

    fn place(&self) -> Place {
        let start = self.me.offset(self.segment.seq);
        let end = start + Offset::from(self.segment.seq_len());
        let acks = self.segment.flags.contains(TcpFlags::ACK);
        let ack = acks.then(|| self.peer.offset(self.segment.ack)).filter(|&ack| self.peer.can_be_acked(ack));
        Place { start, end, ack }
    }

    pub(super) fn count(&mut self) {
        let Self { now, segment, side, .. } = *self;
        let flags = segment.flags;
        let facts = &mut *self.me.facts;
        facts.frames += 1;
        facts.payload_bytes += u64::from(segment.payload_len);
        facts.data_segments += u64::from(segment.payload_len > 0);
        facts.first_frame = facts.first_frame.or(Some(now));
        facts.last_frame = Some(now);
        self.shared.truncated |= segment.payload.len() < segment.payload_len as usize;
        if !flags.contains(TcpFlags::RST) {
            let ttl = segment.ttl;
            let seen = facts.ttl.get_or_insert(Ttl { first: ttl, last: ttl, min: ttl });
            seen.last = ttl;
            seen.min = seen.min.min(ttl);
        }
        self.peer.unanswered = 0;
        let control = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST;
        if flags.intersects(control) {
            self.count_control();
        } else if segment.payload_len == 0 && flags.contains(TcpFlags::ACK) {
            facts.last_ack = Some(now);
            if !self.me.noted_ack {
                self.me.noted_ack = true;
                self.shared.history.once(side, b'a');
                self.shared.completeness.add(Completeness::ACK);
            }
        }
        if segment.payload_len > 0 && !self.me.noted_data {
            self.me.noted_data = true;
            self.shared.history.once(side, b'd');
            self.shared.completeness.add(Completeness::DATA);
        }
    }

    /// The letters and bits of a segment with SYN, FIN or RST.
    fn count_control(&mut self) {
        let Self { segment: &Segment { flags, seq, .. }, side, .. } = *self;
        let Shared { history, completeness, .. } = self.shared;
        let (syn, fin, rst) =
            (flags.contains(TcpFlags::SYN), flags.contains(TcpFlags::FIN), flags.contains(TcpFlags::RST));
        if syn && (fin || rst) {
            history.once(side, b'q');
        } else if fin && rst {
            history.once(side, b'i');
        }
        if syn {
            let acks = flags.contains(TcpFlags::ACK);
            history.numbered(side, if acks { Numbered::SynAck } else { Numbered::Syn }, seq);
            completeness.add(if acks { Completeness::SYN_ACK } else { Completeness::SYN });
        }
        if fin {
            history.numbered(side, Numbered::Fin, seq);
            completeness.add(Completeness::FIN);
        }
        if rst {
            history.numbered(side, Numbered::Rst, seq);
            completeness.add(Completeness::RST);
        }
        // As Wireshark has it: a FIN or a reset with an acknowledgment is an acknowledgment too.
        if !syn && flags.contains(TcpFlags::ACK) && self.segment.payload_len == 0 {
            completeness.add(Completeness::ACK);
        }
    }

    fn reset(&mut self) {
        let Self { now, segment, .. } = *self;
        let fit = reset::fit(self.me, self.peer, segment);
        let since_peer = self.peer.facts.last_frame.map(|last| now.at.since(last.at));
        let found = Reset {
            at: now,
            seq: segment.seq,
            ack: segment.flags.contains(TcpFlags::ACK).then_some(segment.ack),
            ttl: segment.ttl,
            window: segment.window,
            fit,
            since_peer,
            since_unacked: self.peer.outstanding.oldest().map(|oldest| now.at.since(oldest.first.at)),
            acks_more: segment.flags.contains(TcpFlags::ACK) && self.peer.offset(segment.ack) > self.peer.acked,
        };
        let facts = &mut self.me.facts;
        facts.resets += 1;
        if facts.reset.is_none_or(|earlier| !earlier.closes() && found.closes()) {
            facts.reset = Some(found);
        }
        if found.closes() {
            self.closes();
            self.shared.reset_by = self.shared.reset_by.or(Some(self.side));
        }
        self.sink.event(now, self.side, Event::Rst { fit, ttl: segment.ttl, after: since_peer });
    }

    /// Notes what was said last before somebody closed.
    fn closes(&mut self) {
        let (mine, theirs) = (self.me.facts.last_data, self.peer.facts.last_data);
        self.shared.before_close.get_or_insert(match self.side {
            Side::Client => PerSide { client: mine, server: theirs },
            Side::Server => PerSide { client: theirs, server: mine },
        });
    }

    /// Notes the silence that this segment ended, if there was any.
    pub(super) fn pause(&mut self, previous: Option<Moment>, place: Place, marks: Marks) {
        let is_new = self.segment.payload_len > 0 && place.end > self.me.next;
        let first_keep_alive = marks.has(Marks::KEEP_ALIVE) && self.me.unanswered == 0;
        if is_new || first_keep_alive {
            self.shared.pause = Pause::between(previous, self.now, self.side).or(self.shared.pause);
        }
    }

    /// Remembers the segment until it is acknowledged. Returns when it was first sent, if it was seen before.
    pub(super) fn note(&mut self, place: Place, marks: Marks) -> Option<Moment> {
        let start = place.start.max(self.me.acked);
        if start >= place.end || marks.has(Marks::KEEP_ALIVE) {
            return None;
        }
        let len = self.segment.payload_len;
        self.me.outstanding.note(start, place.end, len, self.now, self.limits.outstanding_segments)
    }

    /// Counts what the segment is, and tells what is worth a line.
    fn tell(&mut self, marks: Marks, first_sent: Option<Moment>) {
        let Self { now, segment, side, .. } = *self;
        let len = segment.payload_len;
        let facts = &mut *self.me.facts;
        let count = |mark: Marks| u64::from(marks.has(mark));
        facts.duplicate_acks += count(Marks::DUPLICATE_ACK);
        facts.previous_not_captured += count(Marks::PREVIOUS_NOT_CAPTURED);
        facts.acked_unseen += count(Marks::ACKED_UNSEEN);
        facts.window_full += count(Marks::WINDOW_FULL);
        facts.window_updates += count(Marks::WINDOW_UPDATE);
        facts.out_of_order += count(Marks::OUT_OF_ORDER);
        facts.zero_windows.segments += count(Marks::ZERO_WINDOW);
        let probes =
            marks.has(Marks::ZERO_WINDOW_PROBE | Marks::KEEP_ALIVE) && self.peer.facts.zero_windows.since.is_some();
        self.peer.facts.zero_windows.probes += u64::from(probes);
        if marks.has(Marks::KEEP_ALIVE) {
            facts.keep_alives.count += 1;
            facts.keep_alives.last = Some(now);
            let unanswered = self.me.unanswered;
            self.me.unanswered = unanswered.saturating_add(1);
            if unanswered > 0 {
                self.sink.event(now, side, Event::KeepAlive { unanswered });
            }
        }
        if marks.has(Marks::OUT_OF_ORDER) {
            self.sink.event(now, side, Event::OutOfOrder { len });
        }
        if marks.has(Marks::RETRANSMISSION | Marks::FAST | Marks::SPURIOUS) {
            let (kind, counter) = if segment.flags.contains(TcpFlags::SYN) {
                (Resend::Syn, &mut facts.retransmissions.syn)
            } else if len == 0 {
                (Resend::Fin, &mut facts.retransmissions.fin)
            } else if marks.has(Marks::SPURIOUS) {
                (Resend::Spurious, &mut facts.retransmissions.spurious)
            } else if marks.has(Marks::FAST) {
                (Resend::Fast, &mut facts.retransmissions.fast)
            } else {
                (Resend::Data, &mut facts.retransmissions.data)
            };
            *counter += 1;
            if len > 0 {
                self.shared.history.counted(side, Counted::Retransmission);
            }
            let first_sent = match kind {
                Resend::Syn => facts.syns.first,
                Resend::Fin => facts.fin.map(|fin| fin.at),
                Resend::Data | Resend::Fast | Resend::Spurious => first_sent,
            };
            let after = first_sent.map(|first| now.at.since(first.at));
            self.sink.event(now, side, Event::Retransmission { kind, len, after });
        }
    }

    pub(super) fn window(&mut self, marks: Marks) {
        let Self { now, segment, side, .. } = *self;
        let me = &mut *self.me;
        let opens = segment.flags.contains(TcpFlags::SYN);
        me.window_field = segment.window;
        let shift = if opens { 0 } else { me.shift.unwrap_or(0) };
        me.window = u32::from(segment.window) << shift;
        if marks.has(Marks::ZERO_WINDOW) {
            self.shared.history.counted(side, Counted::ZeroWindow);
            if me.facts.zero_windows.since.is_none() {
                me.facts.zero_windows.episodes += 1;
                me.facts.zero_windows.since = Some(now);
                self.sink.event(now, side, Event::ZeroWindow);
            }
        } else if segment.window > 0
            && let Some(since) = me.facts.zero_windows.since.take()
        {
            let after = now.at.since(since.at);
            me.facts.zero_windows.longest = me.facts.zero_windows.longest.max(after);
            self.sink.event(now, side, Event::WindowUpdate { after });
        }
    }

    /// The segment's bytes, and what its place proves: it comes after bytes that were acknowledged but never seen.
    fn data(&mut self, place: Place, marks: Marks) {
        let expected = self.me.assembler.expected();
        if place.start > expected {
            let lost = self.me.acked.min(self.me.fin).min(place.start);
            if lost > expected {
                self.skip(self.side, lost);
            }
        }
        let Self { now, segment, side, limits, .. } = *self;
        if segment.payload_len == 0 || marks.has(Marks::KEEP_ALIVE) {
            return;
        }
        let me = &mut *self.me;
        me.facts.last_data = Some(now);
        let start = place.start + Offset::from(segment.flags.contains(TcpFlags::SYN));
        let room = u32::try_from(me.fin.saturating_sub(start).max(0)).unwrap_or(u32::MAX);
        let len = segment.payload_len.min(room);
        me.facts.bytes_after_fin += u64::from(segment.payload_len - len);
        let data = segment.payload.get(..len as usize).unwrap_or(segment.payload);
        let mut outlet = Outlet {
            now,
            side,
            cause: GapCause::Acknowledged,
            facts: &mut me.facts,
            history: &mut self.shared.history,
            sink: &mut *self.sink,
        };
        me.assembler.accept(start, data, len, limits, |piece| outlet.put(piece));
        if let Some((from, to)) = me.assembler.hole()
            && let Ok(start) = u64::try_from(from)
            && me.facts.hole.is_none_or(|known| known.start != start)
        {
            me.facts.hole = Some(Hole { start, len: to.abs_diff(from), since: now, reported: false });
        }
    }

    fn fin(&mut self, place: Place) {
        let Self { now, side, .. } = *self;
        if self.me.fin != NO_FIN {
            return;
        }
        let at = (place.end - 1).max(self.me.assembler.expected());
        self.closes();
        self.me.fin = at;
        let seq = u64::try_from(at).unwrap_or(0);
        let answers = place.ack.is_some_and(|ack| ack > self.peer.fin);
        let acks = place.ack.and_then(|ack| u64::try_from(ack).ok()).unwrap_or(0);
        self.me.facts.fin = Some(Fin { at: now, seq, acks, answers, acked: false });
        self.sink.event(now, side, Event::Fin { seq });
    }

    pub(super) fn advance(&mut self, place: Place, marks: Marks) {
        let me = &mut *self.me;
        let first = !me.seen;
        if (place.end > me.next || first) && !marks.has(Marks::ZERO_WINDOW_PROBE) {
            me.next = me.next.max(place.end);
            me.next_seq = if me.next == place.end { self.segment.end() } else { me.next_seq };
            me.next_at = self.now.at;
        }
        if let Some(ack) = place.ack {
            if marks.has(Marks::DUPLICATE_ACK) {
                me.duplicate_acks = me.duplicate_acks.saturating_add(1);
            } else if Some(ack) != me.last_ack {
                me.duplicate_acks = 0;
            }
            me.last_ack = Some(ack);
        }
        me.seen = true;
        me.last_at = self.now.at;
        me.last_was = marks;
    }

    /// Gives up the holes of `side` below `to`, which were acknowledged.
    pub(super) fn skip(&mut self, side: Side, to: Offset) {
        let direction = if side == self.side { &mut *self.me } else { &mut *self.peer };
        let history = &mut self.shared.history;
        let (now, cause, facts) = (self.now, GapCause::Acknowledged, &mut *direction.facts);
        let mut outlet = Outlet { now, side, cause, facts, history, sink: &mut *self.sink };
        direction.assembler.skip_to(to, |piece| outlet.put(piece));
    }
}
