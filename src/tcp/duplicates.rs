//! Tells a frame that the capture holds twice (a mirror port for both directions, Linux's any device) from a segment that
//! was sent twice.
//!
//! No sender repeats bytes within [`TWICE_WITHIN`]: its shortest timers are longer. Acknowledgments and resets are different:
//! a burst of identical ones is normal, so they count as twice seen only while the bytes around them are.

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

/// A number that two copies of a frame share, whatever hop they were taken at. Of the payload only the ends count: enough to
/// tell a forged copy with other bytes, and cheap.
fn fingerprint(segment: &Segment<'_>) -> u64 {
    let numbers = u64::from(segment.seq.0) << 32 | u64::from(segment.ack.0);
    let header = u64::from(segment.payload_len) << 32 | u64::from(segment.window) << 16 | u64::from(segment.flags.0);
    let print = mix(mix(0, numbers), header);
    mix_bytes(mix_bytes(print, segment.options.0), ends(segment.payload).as_flattened())
}

/// The first and last bytes.
fn ends(bytes: &[u8]) -> [[u8; 8]; 2] {
    let first = bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut short = [0; 8];
        short.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        short
    });
    [first, bytes.last_chunk().copied().unwrap_or_default()]
}

fn mix_bytes(print: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let print = words.iter().fold(print, |print, word| mix(print, u64::from_le_bytes(*word)));
    let rest = rest.iter().fold(0, |rest, &byte| rest << 8 | u64::from(byte));
    mix(print, rest)
}

/// One step of a multiplicative hash; the constant is 2^64 divided by the golden ratio.
fn mix(print: u64, word: u64) -> u64 {
    (print ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}
