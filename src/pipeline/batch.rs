//! A piece of the capture on its way to the threads: one buffer, and where in it the frames lie that somebody is to look at.

use crate::analyzer::{Analyzer, Config, Placed, Stats};
use crate::decode::{FirstLook, Look, SkipCounts};
use crate::flow::{Limits, Share};
use crate::frame::{Frame, FrameId, LinkType};
use crate::time::Timestamp;
use zeroize::Zeroizing;

/// Frames that lie in one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    frames: Vec<Dealt>,
    /// TLS secrets, each with the number of frames of this batch that come before it.
    secrets: Vec<(usize, Zeroizing<Vec<u8>>)>,
    /// The latest time of the capture so far, of the frames that were left out too.
    now: Option<Timestamp>,
}

/// A frame of a batch.
#[derive(Clone, Copy, Debug)]
struct Dealt {
    id: FrameId,
    placed: Placed,
    at: Timestamp,
    start: usize,
    len: u32,
    original_len: u32,
    link_type: LinkType,
    /// Whose it is.
    share: u16,
}

/// The share of a frame that all have to look at: it is of no flow, or nobody knows yet of which.
const EVERYBODY: u16 = u16::MAX;

impl Batch {
    /// Room for the bytes of a batch that was looked at; empty where there was none.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// The bytes in which the frames lie that were dealt.
    pub fn put_bytes(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }

    /// Ready to be filled again.
    pub(super) fn emptied(mut self) -> Self {
        self.frames.clear();
        self.secrets.clear();
        self.now = None;
        self
    }

    /// Shows an analyzer its frames.
    pub(super) fn show(&self, analyzer: &mut Analyzer, share: Share) {
        let own = u16::try_from(share.index).unwrap_or(EVERYBODY);
        let mut begin = 0;
        for (end, text) in &self.secrets {
            self.show_frames(begin, *end, analyzer, own);
            analyzer.add_secrets(text);
            begin = *end;
        }
        self.show_frames(begin, self.frames.len(), analyzer, own);
        if let Some(now) = self.now {
            analyzer.advance(now);
        }
    }

    fn show_frames(&self, begin: usize, end: usize, analyzer: &mut Analyzer, own: u16) {
        let frames = self.frames.get(begin..end).unwrap_or_default();
        for dealt in frames.iter().filter(|dealt| dealt.share == own || dealt.share == EVERYBODY) {
            let Dealt { id, placed, at, start, len, original_len, link_type, .. } = *dealt;
            let data = self.bytes.get(start..start + len as usize).unwrap_or_default();
            analyzer.push_placed(&Frame { id, at, link_type, original_len, data }, placed);
        }
    }
}

/// Deals frames out: counts all, leaves out those that are of no interest, and notes whose the others are.
#[derive(Debug)]
pub struct Dealer {
    look: FirstLook,
    limits: Limits,
    shares: usize,
    stats: Stats,
    now: Option<Timestamp>,
}

impl Dealer {
    /// For so many analyzers of a configuration.
    #[must_use]
    pub fn new(config: &Config, shares: usize) -> Self {
        let look = FirstLook::new(config.interest.clone());
        Self { look, limits: config.flow, shares, stats: Stats::default(), now: None }
    }

    /// Takes the next frame, whose bytes are to lie at `start`. Says whether anybody will look at them.
    pub fn deal(&mut self, batch: &mut Batch, frame: &Frame<'_>, start: usize) -> bool {
        self.stats.count(frame);
        let now = self.now.map_or(frame.at, |now| now.max(frame.at));
        (self.now, batch.now) = (Some(now), Some(now));
        let share = match self.look.look(frame) {
            Look::Segment(key) => u16::try_from(Share::of_shard(self.limits.shard(&key), self.shares)),
            Look::Unknown => Ok(EVERYBODY),
            Look::PassedOver => return false,
        };
        batch.frames.push(Dealt {
            id: frame.id,
            placed: Placed { ordinal: self.stats.frames, now },
            at: frame.at,
            start,
            len: u32::try_from(frame.data.len()).unwrap_or(u32::MAX),
            original_len: frame.original_len,
            link_type: frame.link_type,
            share: share.unwrap_or(EVERYBODY),
        });
        true
    }

    /// Takes TLS secrets that stand behind the last frame.
    pub fn add_secrets(&mut self, batch: &mut Batch, text: &[u8]) {
        batch.secrets.push((batch.frames.len(), text.to_vec().into()));
    }

    /// What was dealt so far.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What was left out here.
    #[must_use]
    pub const fn skipped(&self) -> &SkipCounts {
        self.look.skipped()
    }
}
