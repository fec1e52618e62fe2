//! Frames on their way from a capture thread to the analysis: many at a time, so that handing them over costs little.

use crate::frame::LinkType;
use crate::time::Timestamp;

/// Bytes of frames after which a batch is handed over; one larger frame fits all the same.
const FULL: usize = 256 << 10;

/// Frames of one interface, in the order in which they came.
#[derive(Debug)]
pub struct Batch {
    /// The index of the interface among those that were named.
    pub interface: usize,
    /// What its frames begin with.
    pub link_type: LinkType,
    /// Whether the filter was off: some of these frames are not what was asked for.
    pub unfiltered: bool,
    bytes: Vec<u8>,
    frames: Vec<Header>,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    at: Timestamp,
    original_len: u32,
    /// Where its bytes end; they begin where those of the one before end.
    end: usize,
}

/// One frame of a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured<'a> {
    /// When it was captured.
    pub at: Timestamp,
    /// Its length on the wire, in bytes.
    pub original_len: u32,
    /// The captured bytes.
    pub data: &'a [u8],
}

impl Batch {
    pub(super) const fn new(interface: usize, link_type: LinkType) -> Self {
        Self { interface, link_type, unfiltered: false, bytes: Vec::new(), frames: Vec::new() }
    }

    /// The frames, in the order in which they came.
    pub fn frames(&self) -> impl Iterator<Item = Captured<'_>> {
        let mut start = 0;
        self.frames.iter().map(move |header| {
            let data = self.bytes.get(start..header.end).unwrap_or_default();
            start = header.end;
            Captured { at: header.at, original_len: header.original_len, data }
        })
    }

    /// How many frames there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn push(&mut self, at: Timestamp, original_len: u32, data: &[u8]) {
        self.bytes.extend_from_slice(data);
        self.frames.push(Header { at, original_len, end: self.bytes.len() });
    }

    pub(super) const fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in() {
        let mut batch = Batch::new(0, LinkType::ETHERNET);
        for (number, data) in [&b"one"[..], b"", b"three"].into_iter().enumerate() {
            batch.push(Timestamp::from_nanos(number.try_into().unwrap()), 60, data);
        }
        let data: Vec<_> = batch.frames().map(|frame| frame.data).collect();
        assert_eq!(data, [&b"one"[..], b"", b"three"]);
        assert_eq!(batch.frames().last().map(|frame| frame.at), Some(Timestamp::from_nanos(2)));
        batch.clear();
        assert!(batch.is_empty() && batch.frames().next().is_none());
    }

    #[test]
    fn a_batch_is_full_by_its_bytes() {
        let mut batch = Batch::new(0, LinkType::ETHERNET);
        batch.push(Timestamp::default(), 1, &vec![0; FULL - 1]);
        assert!(!batch.is_full());
        batch.push(Timestamp::default(), 1, &[0]);
        assert!(batch.is_full());
    }
}
