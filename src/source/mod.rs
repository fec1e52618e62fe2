//! Where frames come from. What comes in is capture files, plain or compressed, one or many; what goes out is [`Frame`]s,
//! borrowed, in the order of their time, and what the capture says about itself ([`CaptureInfo`]).
//!
//! Opening can fail, with a sentence for the user. Reading cannot: what is damaged is recorded, costs only itself, and
//! never more memory than a fixed limit. Nothing here looks into a frame.

pub mod bpf;
mod error;
mod file;
mod info;
#[cfg(all(feature = "live", unix))]
pub mod live;

pub use error::{LooksLike, OpenError};
pub use file::{FileSource, MergedSource};
pub use info::{CaptureInfo, Damage, Dropped, Fault, InterfaceInfo, Omitted, Secrets};

use crate::frame::Frame;
use std::path::PathBuf;

/// A capture as a sequence of frames.
pub trait Source {
    /// The next frame, valid until the next call; `None` at the end of the capture, and from then on.
    fn next_frame(&mut self) -> Option<Frame<'_>>;

    /// What is known of the capture so far; complete once [`Source::next_frame`] has returned `None`.
    fn info(&self) -> &CaptureInfo;

    /// Hands over a buffer of frames, instead of one by one: `spare` is one to be used again, empty or not. Each frame is shown to
    /// the taker with its place in the buffer that is given back; those that it keeps do lie there, unless it ends the matter.
    fn fill(&mut self, mut spare: Vec<u8>, taker: &mut dyn Taker) -> Filled {
        spare.clear();
        while spare.len() < FILLED {
            let frame = self.next_frame();
            let is_over = frame.is_none();
            if let Some(frame) = frame
                && taker.take(&frame, spare.len())
            {
                spare.extend_from_slice(frame.data);
            }
            if !taker.note(self.info()) || is_over {
                return Filled { bytes: spare, more: false };
            }
        }
        Filled { bytes: spare, more: true }
    }
}

/// Takes the frames of a buffer.
pub trait Taker {
    /// The next frame, and where in the buffer it lies if it is kept. Says whether it is.
    fn take(&mut self, frame: &Frame<'_>, start: usize) -> bool;

    /// What is known of the capture after each frame, and at its end. Says whether to go on.
    fn note(&mut self, info: &CaptureInfo) -> bool;
}

/// A buffer that frames lie in.
#[derive(Debug)]
pub struct Filled {
    /// The buffer.
    pub bytes: Vec<u8>,
    /// Whether there may be another one.
    pub more: bool,
}

/// Bytes of a buffer of frames: large enough that handing it over does not matter, small enough to stay in a cache.
const FILLED: usize = 512 << 10;

/// Opens one capture, or several as one in the order of their time. `-` is standard input.
///
/// # Errors
/// An [`OpenError`] for the first path that is not a readable capture.
pub fn open(paths: &[PathBuf]) -> Result<Box<dyn Source + Send>, OpenError> {
    match paths {
        [path] => Ok(Box::new(FileSource::open(path)?)),
        paths => Ok(Box::new(MergedSource::open(paths)?)),
    }
}

/// Opens files of frames that were copied out of one capture, and keep its numbers where they say so.
///
/// # Errors
/// As [`open`].
pub fn open_copies(paths: &[PathBuf]) -> Result<Box<dyn Source + Send>, OpenError> {
    Ok(Box::new(MergedSource::open_copies(paths)?))
}
