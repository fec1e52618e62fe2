//! Tells a frame that the capture holds twice (a mirror port for both directions, Linux's any device) from a segment that
//! was sent twice.
//!
//! No sender repeats bytes within [`TWICE_WITHIN`]: its shortest timers are longer. Acknowledgments and resets are different:
//! a burst of identical ones is normal, so they count as twice seen only while the bytes around them are.

use crate::segment::{Segment, TcpFlags};
use crate::time::Timestamp;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// How far apart two copies of a frame can be.
pub(super) const TWICE_WITHIN: Duration = Duration::from_micros(500);

/// Frames that may lie between a frame and its copy, in one direction, and one more.
const REMEMBERED: usize = 4;

/// The last frames of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RecentFrames {
    prints: [u64; REMEMBERED],
    times: [Timestamp; REMEMBERED],
    next: u8,
    /// Whether the last segment with bytes was seen twice.
    twice: bool,
    /// Whether the last frame with bytes still waits for a copy.
    fresh: bool,
}

impl RecentFrames {
    /// Whether the frame of this segment is a copy of one before. `peer_twice`: the other direction is seen twice.
    pub(super) fn is_copy(&mut self, segment: &Segment<'_>, peer_twice: bool) -> bool {
        let print = fingerprint(segment);
        let known = self.prints.iter().zip(self.times).any(|(&old, at)| {
            old == print && segment.at.since(at) <= TWICE_WITHIN && at.since(segment.at) <= TWICE_WITHIN
        });
        let occupies = segment.seq_len() > 0 && !segment.flags.contains(TcpFlags::RST);
        if occupies {
            if known {
                self.twice = true;
            } else {
                self.twice &= !self.fresh;
            }
            self.fresh = !known;
        }
        let copy = known && (occupies || self.twice || peer_twice);
        if !copy {
            let slot = usize::from(self.next) % REMEMBERED;
            self.prints[slot] = print;
            self.times[slot] = segment.at;
            self.next = self.next.wrapping_add(1);
        }
        copy
    }

    /// Whether the last segment with bytes was seen twice.
    pub(super) fn is_twice(&self) -> bool {
        self.twice
    }
}

/// A number that two copies of a frame share, whatever hop they were taken at. Never 0.
fn fingerprint(segment: &Segment<'_>) -> u64 {
    let mut hasher = foldhash::fast::FixedState::with_seed(0).build_hasher();
    hasher.write_u32(segment.seq.0);
    hasher.write_u32(segment.ack.0);
    hasher.write_u32(u32::from(segment.window) << 8 | u32::from(segment.flags.0));
    hasher.write_u32(segment.payload_len);
    hasher.write(segment.options.0);
    // The ends of the payload: enough to tell a forged copy with other bytes, cheap for a large one.
    hasher.write(segment.payload.first_chunk::<16>().map_or(segment.payload, |chunk| chunk.as_slice()));
    hasher.write(segment.payload.last_chunk::<16>().map_or(&[], |chunk| chunk.as_slice()));
    hasher.finish() | 1
}
