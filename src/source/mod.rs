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
}

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
