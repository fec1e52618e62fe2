//! The progress of reading long captures: a bar on standard error, and only where that is a terminal. In comes a source, out
//! goes the same source, which tells as it is read how far it is.

use crate::frame::Frame;
use crate::report::units;
use crate::source::{CaptureInfo, Filled, Source, Taker};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::{Path, PathBuf};

/// Frames between two looks at how far it is.
const STEP: u64 = 4096;
/// Captures that are read in less than a second need no bar.
const LONG: u64 = 64 << 20;
/// Redraws a second at most.
const REDRAWS: u8 = 8;

/// What is to be read, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// So many bytes of frames, nearly.
    Bytes(u64),
    /// Standard input, or a compressed file.
    Unknown,
}

/// The source, with a bar where it is long and somebody watches.
#[must_use]
pub fn shown(source: Box<dyn Source + Send>, captures: &[PathBuf]) -> Box<dyn Source + Send> {
    let target = ProgressDrawTarget::stderr_with_hz(REDRAWS);
    let length = length(captures);
    if target.is_hidden() || matches!(length, Length::Bytes(bytes) if bytes < LONG) {
        return source;
    }
    let bar = match length {
        Length::Bytes(bytes) => ProgressBar::with_draw_target(Some(bytes), target),
        Length::Unknown => ProgressBar::with_draw_target(None, target),
    };
    Box::new(Watched { source, bar: bar.with_style(style(length)) })
}

fn style(length: Length) -> ProgressStyle {
    let template = match length {
        Length::Bytes(_) => "{wide_bar} {percent:>3} %  {decimal_bytes_per_sec}, {eta} left  {msg}",
        Length::Unknown => "{spinner} {decimal_bytes}, {decimal_bytes_per_sec}  {msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn length(captures: &[PathBuf]) -> Length {
    let size = |path: &PathBuf| -> Option<u64> {
        let metadata = std::fs::metadata(path).ok()?;
        (metadata.is_file() && !is_compressed(path)).then_some(metadata.len())
    };
    captures.iter().map(size).sum::<Option<u64>>().map_or(Length::Unknown, Length::Bytes)
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["gz", "zst", "zstd"].iter().any(|known| extension == *known))
}

/// A source that tells how far it is.
struct Watched {
    source: Box<dyn Source + Send>,
    bar: ProgressBar,
}

impl Watched {
    fn tell(&self) {
        let info = self.source.info();
        self.bar.set_position(info.bytes + info.frames * HEADER);
        self.bar.set_message(units::counted(info.frames, "frame"));
    }
}

/// What a file has beside each frame, in bytes: pcap 16, pcapng 32 with its padding.
const HEADER: u64 = 32;

impl Source for Watched {
    fn next_frame(&mut self) -> Option<Frame<'_>> {
        if self.source.info().frames.is_multiple_of(STEP) {
            self.tell();
        }
        let Self { source, bar } = self;
        let frame = source.next_frame();
        if frame.is_none() {
            bar.finish_and_clear();
        }
        frame
    }

    fn info(&self) -> &CaptureInfo {
        self.source.info()
    }

    fn fill(&mut self, spare: Vec<u8>, taker: &mut dyn Taker) -> Filled {
        self.tell();
        let filled = self.source.fill(spare, taker);
        if !filled.more {
            self.bar.finish_and_clear();
        }
        filled
    }
}

/// However reading ends, nothing of the bar is left between the lines of the report.
impl Drop for Watched {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_known_of_plain_files_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, [0; 100]).unwrap();
            path
        };
        let (plain, packed) = (file("a.pcap"), file("b.pcap.gz"));
        assert_eq!(length(&[plain.clone(), plain.clone()]), Length::Bytes(200));
        assert_eq!(length(&[plain.clone(), packed]), Length::Unknown);
        assert_eq!(length(&["-".into()]), Length::Unknown);
        assert_eq!(length(&[folder.path().to_owned()]), Length::Unknown);
    }
}
