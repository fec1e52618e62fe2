//! The state of one direction: what its sender has sent and acknowledged. Touched by each segment, so it stays small; what
//! only a report asks for lives in [`SideFacts`], in a box.

use super::assembler::Assembler;
use super::duplicates::RecentFrames;
use super::facts::SideFacts;
use super::outstanding::Outstanding;
use super::rtt::Samples;
use crate::segment::{Segment, SeqNumber, TcpFlags};
use crate::time::Timestamp;

/// A place in one direction, unwrapped to 64 bits: 0 is the SYN, 1 the first byte of data. Where the start was not
/// captured, 1 is the first byte seen; earlier ones are negative.
pub(super) type Offset = i64;

/// The number of bytes between two offsets; none if `to` is not after `from`.
pub(super) fn span(from: Offset, to: Offset) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(0)
}

/// Farther than any window can reach (RFC 7323, 2.3: at most 2^30 bytes).
const WINDOW_MAX: Offset = 1 << 30;

/// So many segments in a row from beyond any window are a stretch that was not captured, not strays.
const STRAYS_IN_A_ROW: u8 = 4;

/// How an unknown offset of a FIN is written.
pub(super) const NO_FIN: Offset = Offset::MAX;

/// How much is known of where the sequence numbers of a direction begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nothing.
    #[default]
    Unknown,
    /// The first acknowledgment by the peer, of a connection whose start was not captured.
    Guessed,
    /// The SYN was acknowledged but not captured.
    Acked,
    /// The first segment seen, of a connection whose start was not captured.
    Midstream,
    /// The SYN itself.
    Syn,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Direction {
    /// The offset after the highest one sent (without zero-window probes), and its sequence number.
    pub(super) next: Offset,
    pub(super) next_seq: SeqNumber,
    /// When `next` last advanced.
    pub(super) next_at: Timestamp,
    /// The highest acknowledgment by the peer.
    pub(super) acked: Offset,
    /// Up to here an acknowledgment of unseen bytes was counted already.
    pub(super) acked_unseen_to: Offset,
    /// The last acknowledgment that this side sent, as an offset of the other direction.
    pub(super) last_ack: Option<Offset>,
    /// When this side last sent anything.
    pub(super) last_at: Timestamp,
    /// Where the FIN stands, or [`NO_FIN`].
    pub(super) fin: Offset,
    pub(super) assembler: Assembler,
    pub(super) outstanding: Outstanding,
    pub(super) recent: RecentFrames,
    /// Duplicate acknowledgments in a row that this side sent.
    pub(super) duplicate_acks: u32,
    /// Keep-alives in a row that this side sent and nobody answered.
    pub(super) unanswered: u32,
    /// The receive window of this side as last announced: the field, and scaled.
    pub(super) window_field: u16,
    pub(super) window: u32,
    /// What the last segment of this side was.
    pub(super) last_was: super::analysis::Marks,
    pub(super) origin: Origin,
    /// Whether a segment of this side was seen (a lone reset does not count).
    pub(super) seen: bool,
    strays: u8,
    /// Whether the history has the letters of a pure acknowledgment and of data.
    pub(super) noted_ack: bool,
    pub(super) noted_data: bool,
    /// The shift count for windows after the handshake; none where it is not known.
    pub(super) shift: Option<u8>,
    pub(super) samples: Box<Samples>,
    pub(super) facts: Box<SideFacts>,
}

impl Default for Direction {
    fn default() -> Self {
        Self {
            next: 0,
            next_seq: SeqNumber(0),
            next_at: Timestamp::default(),
            acked: 0,
            acked_unseen_to: 0,
            last_ack: None,
            last_at: Timestamp::default(),
            fin: NO_FIN,
            assembler: Assembler::default(),
            outstanding: Outstanding::default(),
            recent: RecentFrames::default(),
            duplicate_acks: 0,
            unanswered: 0,
            window_field: 0,
            window: 0,
            last_was: super::analysis::Marks::default(),
            origin: Origin::Unknown,
            seen: false,
            strays: 0,
            noted_ack: false,
            noted_data: false,
            shift: None,
            samples: Box::default(),
            facts: Box::default(),
        }
    }
}

impl Direction {
    /// Where a sequence number stands; the nearest one to what was last sent.
    pub(super) fn offset(&self, seq: SeqNumber) -> Offset {
        self.next + Offset::from(seq.distance_from(self.next_seq))
    }

    /// Learns from a segment of this side where its sequence numbers begin, if that is not known. `midstream`: the
    /// connection began before the capture.
    pub(super) fn anchor_by_segment(&mut self, segment: &Segment<'_>, midstream: bool) {
        if segment.flags.contains(TcpFlags::SYN) {
            let other_isn = self.facts.isn.is_some_and(|isn| isn != segment.seq);
            let unanswered_yet = self.acked < 1 && other_isn;
            if matches!(self.origin, Origin::Unknown | Origin::Guessed) || unanswered_yet {
                self.begin(0, segment.seq, Origin::Syn);
            } else if self.origin == Origin::Acked {
                self.origin = Origin::Syn;
            }
            if self.origin == Origin::Syn {
                self.facts.isn = Some(segment.seq);
            }
            return;
        }
        match self.origin {
            Origin::Unknown => self.begin(1, segment.seq, Origin::Midstream),
            Origin::Guessed => {
                let start = self.offset(segment.seq);
                self.next = start;
                self.next_seq = segment.seq;
                self.assembler.start_at(start);
                self.origin = if midstream { Origin::Midstream } else { Origin::Acked };
            }
            Origin::Acked | Origin::Midstream | Origin::Syn => {}
        }
    }

    /// Learns from the peer's acknowledgment where this side's sequence numbers begin, if nothing is known.
    pub(super) fn anchor_by_ack(&mut self, ack: SeqNumber, midstream: bool) {
        if self.origin == Origin::Unknown {
            self.begin(1, ack, if midstream { Origin::Guessed } else { Origin::Acked });
            self.acked = 1;
        }
    }

    fn begin(&mut self, next: Offset, seq: SeqNumber, origin: Origin) {
        self.next = next;
        self.next_seq = seq;
        self.acked = next;
        self.assembler.start_at(1);
        self.origin = origin;
    }

    /// Whether bytes that were not seen can be told missing: it is known where the stream begins.
    pub(super) fn has_start(&self) -> bool {
        matches!(self.origin, Origin::Acked | Origin::Midstream | Origin::Syn)
    }

    /// Whether all that this side sent was seen and handed on, and it goes on.
    pub(super) fn is_whole(&self) -> bool {
        self.seen
            && self.has_start()
            && self.fin == NO_FIN
            && self.strays == 0
            && self.acked <= self.next
            && self.assembler.is_at(self.next)
    }

    /// Whether a segment at `start` is from beyond any window, and so no part of this stream.
    pub(super) fn is_stray(&mut self, start: Offset) -> bool {
        let near = self.acked.max(self.assembler.expected());
        let stray = start.abs_diff(near) > WINDOW_MAX.unsigned_abs();
        self.strays = if stray { self.strays.saturating_add(1) } else { 0 };
        stray && self.strays < STRAYS_IN_A_ROW
    }

    /// Whether the peer can have received what lies below `ack`.
    pub(super) fn can_be_acked(&self, ack: Offset) -> bool {
        ack.saturating_sub(self.next) <= WINDOW_MAX
    }

    /// Whether the SYN was acknowledged.
    pub(super) fn syn_acked(&self) -> bool {
        self.acked >= 1
    }

    /// Whether the FIN was sent and acknowledged.
    pub(super) fn fin_acked(&self) -> bool {
        self.acked > self.fin
    }
}
