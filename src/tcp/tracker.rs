//! The face of this module: one connection, from its first segment to its last.

use super::direction::{Direction, Origin};
use super::event::GapCause;
use super::facts::{Facts, Handshake, Hole, InFlight, SideFacts};
use super::history::{Completeness, History};
use super::outlet::Outlet;
use super::pause::Pause;
use super::step::Step;
use super::{Limits, Sink, incarnation, state};
use crate::net::{PerSide, Side};
use crate::pack::packed;
use crate::segment::{Segment, TcpFlags};
use crate::stream::Moment;

/// Watches one connection. It holds two directions, and what concerns both of them in a box.
#[derive(Debug)]
pub struct Tracker {
    client: Direction,
    server: Direction,
    limits: Limits,
    shared: Box<Shared>,
}

packed! { struct Tracker { client, server, limits, shared } }

/// What concerns both directions.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) midstream: bool,
    pub(super) truncated: bool,
    pub(super) finished: bool,
    /// Whose reset ended the connection.
    pub(super) reset_by: Option<Side>,
    pub(super) completeness: Completeness,
    pub(super) duplicate_frames: u64,
    pub(super) established: Option<Moment>,
    pub(super) before_close: Option<PerSide<Option<Moment>>>,
    pub(super) pause: Option<Pause>,
    /// From the last SYN to the acknowledgment that ended the handshake.
    pub(super) first_round_trip: Option<std::time::Duration>,
    pub(super) handshake: Handshake,
    pub(super) history: History,
}

packed! {
    struct Shared {
        midstream, truncated, finished, reset_by, completeness, duplicate_frames, established, before_close, pause,
        first_round_trip, handshake, history,
    }
}

impl Tracker {
    /// A connection of which nothing was seen yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { client: Direction::default(), server: Direction::default(), limits, shared: Box::default() }
    }

    /// Whether this segment of `side` opens a new connection between the same endpoints. It then belongs to a new tracker;
    /// this one is to be finished.
    #[must_use]
    pub fn starts_anew(&self, side: Side, segment: &Segment<'_>) -> bool {
        segment.flags.contains(TcpFlags::SYN)
            && incarnation::starts_anew(
                self.side(side),
                self.side(side.peer()),
                &self.shared,
                self.is_closed(),
                segment,
            )
    }

    /// Takes the next segment, sent by `side`.
    pub fn handle_segment(&mut self, side: Side, segment: &Segment<'_>, sink: &mut impl Sink) {
        let Self { client, server, limits, shared } = self;
        let (me, peer) = match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        if me.facts.frames == 0 && peer.facts.frames == 0 {
            shared.midstream = !segment.flags.contains(TcpFlags::SYN);
        }
        if me.recent.is_copy(segment, peer.recent.is_twice()) {
            shared.duplicate_frames += 1;
            return;
        }
        let now = Moment::new(segment.at, segment.frame);
        Step { now, side, segment, me, peer, shared, limits, sink }.run();
    }

    /// Ends the connection: the capture is over, or nothing came for too long. What waits behind holes is handed on, with
    /// the holes, and what the peer acknowledged beyond all that was seen.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        let last = self.client.facts.last_frame.max(self.server.facts.last_frame);
        let Some(now) = last else { return };
        for side in Side::BOTH {
            let hole = self.hole(side);
            let history = &mut self.shared.history;
            let direction = match side {
                Side::Client => &mut self.client,
                Side::Server => &mut self.server,
            };
            direction.facts.hole = hole;
            if direction.has_start() {
                let acked = direction.acked.min(direction.fin);
                let (cause, facts) = (GapCause::Acknowledged, &mut *direction.facts);
                let mut outlet = Outlet { now, side, cause, facts, history, sink };
                direction.assembler.skip_to(acked, |piece| outlet.put(piece));
                outlet.cause = GapCause::NeverCame;
                direction.assembler.flush(|piece| outlet.put(piece));
            }
        }
        self.shared.finished = true;
    }

    /// Whether the connection is over: a reset that counts, or a FIN of each side, acknowledged. Segments may still come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.reset_by.is_some() || (self.client.fin_acked() && self.server.fin_acked())
    }

    /// Whether the handshake was completed, or the capture began behind it.
    #[must_use]
    pub const fn is_established(&self) -> bool {
        self.shared.established.is_some() || self.shared.midstream
    }

    /// No copy of the last frames will come any more.
    pub(crate) fn forget_copies(&mut self) {
        self.client.recent.forget();
        self.server.recent.forget();
    }

    /// All that is known so far.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let shared = &*self.shared;
        Facts {
            client: self.side_facts(Side::Client),
            server: self.side_facts(Side::Server),
            handshake: shared.handshake,
            established: shared.established,
            vantage: shared.handshake.vantage(),
            midstream: shared.midstream,
            one_sided: Side::BOTH.into_iter().find(|&side| self.is_alone(side)),
            reset_by: shared.reset_by,
            before_close: shared.before_close.unwrap_or_default(),
            pause: shared.pause,
            truncated: shared.truncated,
            duplicate_frames: shared.duplicate_frames,
            history: shared.history.clone(),
            completeness: shared.completeness,
        }
    }

    fn side(&self, side: Side) -> &Direction {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    /// Whether only `side` was captured: it acknowledges what the other one sent.
    fn is_alone(&self, side: Side) -> bool {
        let peer = self.side(side.peer());
        let answered = match peer.origin {
            Origin::Acked => true,
            Origin::Guessed => peer.acked > 1,
            Origin::Unknown | Origin::Midstream | Origin::Syn => false,
        };
        peer.facts.frames == 0 && answered
    }

    fn side_facts(&self, side: Side) -> SideFacts {
        let (me, peer) = (self.side(side), self.side(side.peer()));
        let mut facts = (*me.facts).clone();
        facts.state = state::state(me, peer, self.shared.reset_by.is_some());
        facts.syn_acked = me.syn_acked() && matches!(me.origin, Origin::Syn | Origin::Acked);
        facts.inconsistent_overlaps = me.assembler.inconsistent();
        facts.highest_sent = if me.seen { me.next.try_into().unwrap_or(0) } else { 0 };
        facts.highest_acked = me.acked.try_into().unwrap_or(0);
        facts.largest_unacked_resent = me.outstanding.largest_again();
        facts.keep_alives.unanswered = me.unanswered;
        facts.round_trip = me.samples.summary();
        if let Some(fin) = &mut facts.fin {
            fin.acked = me.fin_acked();
        }
        facts.in_flight = me.outstanding.oldest().map(|oldest| InFlight {
            first_sent: oldest.first,
            last_sent: oldest.last,
            resent: oldest.times - 1,
            first_len: oldest.payload,
            bytes: me.next.abs_diff(me.acked.min(me.next)),
        });
        if !self.shared.finished {
            facts.hole = self.hole(side);
        }
        facts
    }

    /// The hole in what `side` sent: seen here, or else reported by its peer.
    fn hole(&self, side: Side) -> Option<Hole> {
        let (me, peer) = (self.side(side), self.side(side.peer()));
        let noted = me.facts.hole?;
        let start = u64::try_from(me.assembler.expected()).ok()?;
        match me.assembler.hole() {
            Some((from, to)) if noted.start == start => {
                let reported = noted.reported || (peer.last_ack == Some(from) && peer.duplicate_acks > 0);
                Some(Hole { len: to.abs_diff(from), reported, ..noted })
            }
            // A report on bytes that were seen here: they were lost later, and are in flight.
            _ if noted.reported && noted.start >= u64::try_from(me.acked).ok()? => {
                let start = i64::try_from(noted.start).ok()?;
                let end = start.checked_add_unsigned(noted.len)?;
                (!me.outstanding.covers(start, end)).then_some(noted)
            }
            _ => None,
        }
    }
}
