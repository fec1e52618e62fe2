//! What one side has sent and the other has not acknowledged: when it was first sent, when last, how often.
//!
//! In: segments and acknowledgments, as offsets. Out: whether something was sent before, round trips, and what is left.

use super::direction::Offset;
use crate::pack::packed;
use crate::stream::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Above this many places the memory is given back once all is acknowledged.
const KEPT_CAPACITY: usize = 32;

/// Sent and not yet acknowledged, in the order of offsets, without overlaps.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    segments: VecDeque<Sent>,
}

packed! { struct Outstanding { segments } }

/// One segment, or several remembered as one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    start: Offset,
    end: Offset,
    /// Payload bytes of the largest segment.
    pub(super) payload: u32,
    /// How often it was seen.
    pub(super) times: u32,
    /// Payload bytes of the largest segment that sent some of it again.
    pub(super) largest_again: u32,
    pub(super) first: Moment,
    pub(super) last: Moment,
}

packed! { struct Sent { start, end, payload, times, largest_again, first, last } }

/// What an acknowledgment says about the segments that it covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Acked {
    /// The time from the newest of them to the acknowledgment; none where one was sent again (Karn).
    pub(super) round_trip: Option<Duration>,
    /// Payload bytes of the largest of them.
    pub(super) largest: u32,
}

impl Outstanding {
    /// Notes a segment. Returns when its first byte was first sent, if the whole of it was seen before.
    pub(super) fn note(
        &mut self,
        start: Offset,
        end: Offset,
        payload: u32,
        now: Moment,
        limit: usize,
    ) -> Option<Moment> {
        let last_end = self.segments.back().map_or(start, |last| last.end);
        if start >= last_end {
            self.append(Sent { start, end, payload, times: 1, largest_again: 0, first: now, last: now }, limit);
            return None;
        }
        let from = self.segments.partition_point(|sent| sent.end <= start);
        let mut covered_to = start;
        let mut first = None;
        for sent in self.segments.range_mut(from..).take_while(|sent| sent.start < end) {
            if sent.start <= covered_to {
                covered_to = covered_to.max(sent.end);
                first = first.or(Some(sent.first));
            }
            sent.times = sent.times.saturating_add(1);
            sent.largest_again = sent.largest_again.max(payload);
            sent.last = now;
        }
        let untouched = self.segments.get(from).is_none_or(|next| next.start >= end);
        if untouched {
            if self.segments.len() < limit {
                self.segments
                    .insert(from, Sent { start, end, payload, times: 1, largest_again: 0, first: now, last: now });
            }
        } else if end > last_end {
            let new = payload.min(u32::try_from(end - last_end).unwrap_or(u32::MAX));
            let tail = Sent { start: last_end, end, payload: new, times: 1, largest_again: 0, first: now, last: now };
            self.append(tail, limit);
        }
        if covered_to >= end { first } else { None }
    }

    /// Whether all of `start..end` was seen and is not yet acknowledged.
    pub(super) fn covers(&self, start: Offset, end: Offset) -> bool {
        let from = self.segments.partition_point(|sent| sent.end <= start);
        let mut covered_to = start;
        for sent in self.segments.range(from..) {
            if sent.start > covered_to || covered_to >= end {
                break;
            }
            covered_to = covered_to.max(sent.end);
        }
        covered_to >= end
    }

    /// Forgets what lies below `to`.
    pub(super) fn acknowledge(&mut self, to: Offset, now: Moment) -> Acked {
        let mut acked = Acked::default();
        let mut clean = true;
        while let Some(sent) = self.segments.front_mut() {
            if sent.end > to {
                if sent.start < to {
                    sent.start = to;
                    acked.largest = acked.largest.max(sent.payload.min(sent.largest_again));
                }
                break;
            }
            clean &= sent.times == 1;
            acked.largest = acked.largest.max(sent.payload);
            acked.round_trip = (clean && sent.payload > 0).then(|| now.at.since(sent.last.at));
            self.segments.pop_front();
        }
        if !clean {
            acked.round_trip = None;
        }
        if self.segments.is_empty() && self.segments.capacity() > KEPT_CAPACITY {
            self.segments = VecDeque::new();
        }
        acked
    }

    /// The oldest segment.
    pub(super) fn oldest(&self) -> Option<&Sent> {
        self.segments.front()
    }

    /// The payload of the largest segment that was sent again.
    pub(super) fn largest_again(&self) -> u32 {
        self.segments.iter().map(|sent| sent.largest_again).max().unwrap_or(0)
    }

    fn append(&mut self, sent: Sent, limit: usize) {
        let full = self.segments.len() >= limit.max(1);
        match self.segments.back_mut() {
            Some(last) if full => {
                last.end = sent.end;
                last.payload = last.payload.max(sent.payload);
                last.last = sent.last;
            }
            _ => self.segments.push_back(sent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameId;
    use crate::time::Timestamp;

    fn at(millis: i64) -> Moment {
        Moment::new(Timestamp::from_nanos(millis * 1_000_000), FrameId::new(0, 1))
    }

    #[test]
    fn what_was_sent_before_is_known_by_its_bytes() {
        let mut sent = Outstanding::default();
        assert_eq!(sent.note(1, 101, 100, at(0), 8), None);
        assert_eq!(sent.note(101, 201, 100, at(1), 8), None);
        assert_eq!(sent.note(51, 151, 100, at(9), 8), Some(at(0)), "other boundaries, the same bytes");
        assert!(sent.covers(1, 201) && !sent.covers(1, 202));
        assert_eq!(sent.note(151, 301, 150, at(10), 8), None, "some of it is new");
        assert!(sent.covers(1, 301));
        assert_eq!(sent.oldest().map(|oldest| (oldest.first, oldest.last, oldest.times)), Some((at(0), at(9), 2)));
    }

    #[test]
    fn a_round_trip_is_measured_only_where_nothing_was_sent_twice() {
        let mut sent = Outstanding::default();
        sent.note(1, 101, 100, at(0), 8);
        sent.note(101, 201, 100, at(5), 8);
        let both = sent.acknowledge(201, at(30));
        assert_eq!(both, Acked { round_trip: Some(Duration::from_millis(25)), largest: 100 });
        sent.note(201, 301, 100, at(40), 8);
        sent.note(201, 301, 100, at(50), 8);
        sent.note(301, 401, 100, at(51), 8);
        assert_eq!(sent.acknowledge(401, at(60)), Acked { round_trip: None, largest: 100 });
        assert_eq!(sent.oldest().map(|oldest| oldest.first), None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut sent = Outstanding::default();
        for i in 0..1000 {
            sent.note(i * 10, i * 10 + 10, 10, at(i), 4);
        }
        assert_eq!(sent.segments.len(), 4);
        assert!(sent.covers(0, 10_000));
    }
}
