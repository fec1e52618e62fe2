//! Tells a frame that the capture holds twice (a mirror port for both directions, Linux's any device) from a segment that
//! was sent twice.
//!
//! No sender repeats bytes within [`TWICE_WITHIN`]: its shortest timers are longer. Acknowledgments and resets are different:
//! a burst of identical ones is normal, so they count as twice seen only while the bytes around them are.

use crate::pack::packed;
use crate::segment::{Segment, TcpFlags};
use crate::time::Timestamp;
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

packed! { struct RecentFrames { prints, times, next, twice, fresh } }

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

    /// The frames so far are too old for copies; what was learnt of the capture stays.
    pub(super) fn forget(&mut self) {
        *self = Self { twice: self.twice, fresh: self.fresh, ..Self::default() };
    }

    /// Whether the last segment with bytes was seen twice.
    pub(super) fn is_twice(&self) -> bool {
        self.twice
    }
}

/// A number that two copies of a frame share, whatever hop they were taken at. Of options and payload only the ends count:
/// enough to tell a forged copy with other bytes, and cheap.
fn fingerprint(segment: &Segment<'_>) -> u64 {
    let numbers = u64::from(segment.seq.0) << 32 | u64::from(segment.ack.0);
    let header = u64::from(segment.payload_len) << 32 | u64::from(segment.window) << 16 | u64::from(segment.flags.0);
    let [options, more_options] = ends(segment.options.0);
    let [first, last] = ends(segment.payload);
    // Odd factors without a pattern (digits of the golden ratio, as in SplitMix64 and xxHash); the products are independent.
    numbers.wrapping_mul(0x9e37_79b1_85eb_ca87)
        ^ header.wrapping_mul(0xc2b2_ae3d_27d4_eb4f).rotate_left(11)
        ^ options.wrapping_mul(0x1656_67b1_9e37_79f9).rotate_left(23)
        ^ more_options.wrapping_mul(0x85eb_ca77_c2b2_ae63).rotate_left(31)
        ^ first.wrapping_mul(0x27d4_eb2f_1656_67c5).rotate_left(41)
        ^ last.wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(53)
}

/// The first and the last eight bytes; of fewer, all.
fn ends(bytes: &[u8]) -> [u64; 2] {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => [u64::from_le_bytes(*first), u64::from_le_bytes(*last)],
        _ => [bytes.iter().fold(0, |all, &byte| all << 8 | u64::from(byte)), 0],
    }
}
