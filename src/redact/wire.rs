//! Frames with originals in, frames with pseudonyms out: of the same length, with right checksums, at the same times.
//!
//! What is to be overwritten in a stream is known only once its messages are put together, and a frame may come before the
//! one that it continues: so all frames pass twice. [`Rewriter::learn`] takes each of them in order, [`Rewriter::rewrite`] each of them
//! again. What cannot be understood is blanked, and a frame whose headers cannot be read is left out: nothing passes unseen.

mod der;
mod dns;
mod edit;
mod handshake;
mod mqtt;
mod packet;
mod records;
mod streams;

use super::Pseudonyms;
use crate::frame::Frame;
use packet::{Layout, Protocol};
use streams::Streams;

/// Rewrites the frames of one capture.
#[derive(Debug, Default)]
pub struct Rewriter {
    streams: Streams,
    left_out: u64,
}

impl Rewriter {
    /// Takes the next frame, for the first time.
    pub fn learn(&mut self, frame: &Frame<'_>, pseudonyms: &mut Pseudonyms) {
        let Some(layout) = Layout::of(frame) else { return };
        if let Some(segment) = layout.segment(frame.data) {
            self.streams.learn(&segment, pseudonyms);
        }
    }

    /// All frames have been learnt.
    pub fn finish_learning(&mut self, pseudonyms: &mut Pseudonyms) {
        self.streams.finish(pseudonyms);
    }

    /// The same frame again, as it may be shown; `None`: it cannot be.
    pub fn rewrite(&mut self, frame: &Frame<'_>, pseudonyms: &mut Pseudonyms) -> Option<Vec<u8>> {
        let Some(layout) = Layout::of(frame) else {
            self.left_out += 1;
            return None;
        };
        let mut data = frame.data.to_vec();
        if let Some(segment) = layout.segment(frame.data) {
            let payload = segment.payload_at..segment.payload_at + segment.payload.len();
            if let Some(bytes) = data.get_mut(payload) {
                self.streams.apply(&segment, bytes);
            }
        } else if layout.protocol == Protocol::Udp {
            layout.rewrite_datagram(&mut data, pseudonyms);
        }
        layout.rewrite_headers(&mut data, pseudonyms);
        Some(data)
    }

    /// Frames that could not be rewritten.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}
