//! Several capture files as one: frames in the order of their time, as mergecap does; of one time, in the order of the
//! files. A file's own order is kept.
//!
//! Files are opened when their first frame is due and closed after their last one, so that of hundreds of rotated files
//! only those that overlap take memory.

use super::{Located, OpenError, Place, Reader, Source, display_name, open_input};
use crate::frame::Frame;
use crate::source::info::{CaptureInfo, Fault};
use crate::time::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

/// Bytes that are read at once from each of several files.
const READ: usize = 256 << 10;
/// Bytes that are read at once to find out when a file begins.
const FIRST_READ: usize = 64 << 10;

/// Several capture files, read as one.
pub struct MergedSource {
    files: Vec<Part>,
    /// The files that have a frame to come, by its time, then by their order; without the one that is being read.
    waiting: BinaryHeap<Reverse<(Timestamp, u16)>>,
    reading: Option<u16>,
    info: CaptureInfo,
}

/// One of the files.
enum Part {
    /// Not opened yet.
    Closed(PathBuf),
    /// Being read; the frame is the one that waits for its turn.
    Open(Box<Reader>, Option<Located>),
    Finished,
}

impl MergedSource {
    /// Looks at the beginning of each file; `-` is standard input.
    ///
    /// # Errors
    /// An [`OpenError`] for the first that is not a readable capture.
    pub fn open(paths: &[PathBuf]) -> Result<Self, OpenError> {
        if paths.is_empty() {
            return Err(OpenError::NoFiles);
        }
        let sources = paths.iter().map(|path| display_name(path)).collect();
        let info = CaptureInfo { sources, ..CaptureInfo::default() };
        let mut merged = Self { files: Vec::new(), waiting: BinaryHeap::new(), reading: None, info };
        for (index, path) in paths.iter().enumerate() {
            let index = u16::try_from(index).map_err(|_| OpenError::TooManyFiles(paths.len()))?;
            let (part, first) = first_look(index, path, &mut merged.info)?;
            merged.files.push(part);
            merged.waiting.extend(first.map(|at| Reverse((at, index))));
        }
        Ok(merged)
    }

    /// The next frame of the file that is being read, while no other has an earlier one.
    fn next_of_same(&mut self) -> Option<(u16, Located)> {
        let index = self.reading?;
        let Some(Part::Open(reader, waiting)) = self.files.get_mut(usize::from(index)) else { return None };
        let Some(located) = reader.advance(&mut self.info) else {
            self.finish(index);
            return None;
        };
        if self.waiting.peek().is_none_or(|Reverse(other)| (located.at, index) < *other) {
            return Some((index, located));
        }
        self.waiting.push(Reverse((located.at, index)));
        *waiting = Some(located);
        None
    }

    /// The frame of the file that has the earliest one, which becomes the one that is being read.
    fn next_of_earliest(&mut self) -> Option<(u16, Located)> {
        while let Some(Reverse((_, index))) = self.waiting.pop() {
            self.open_if_closed(index);
            if let Some(Part::Open(reader, waiting)) = self.files.get_mut(usize::from(index))
                && let Some(located) = waiting.take().or_else(|| reader.advance(&mut self.info))
            {
                self.reading = Some(index);
                return Some((index, located));
            }
            self.finish(index);
        }
        None
    }

    /// Opens a file for good. One that changed or vanished since the first look is damaged.
    fn open_if_closed(&mut self, index: u16) {
        let Some(part) = self.files.get_mut(usize::from(index)) else { return };
        let Part::Closed(path) = part else { return };
        let name = display_name(path);
        let reader = open_input(path, &name).and_then(|input| Reader::begin(index, &name, input, READ, &mut self.info));
        match reader {
            Ok(reader) => *part = Part::Open(Box::new(reader), None),
            Err(error) => {
                let place = Place { file: index, number: 0 };
                self.info.add_damage(place.damage(0, Fault::Unreadable(error.to_string()), None));
            }
        }
    }

    fn finish(&mut self, index: u16) {
        if let Some(part) = self.files.get_mut(usize::from(index)) {
            *part = Part::Finished;
        }
        self.reading = None;
    }
}

impl Source for MergedSource {
    fn next_frame(&mut self) -> Option<Frame<'_>> {
        let (index, located) = self.next_of_same().or_else(|| self.next_of_earliest())?;
        self.info.add_frame(located.data.len());
        match self.files.get(usize::from(index)) {
            Some(Part::Open(reader, _)) => Some(reader.frame(located)),
            _ => None,
        }
    }

    fn info(&self) -> &CaptureInfo {
        &self.info
    }
}

/// When a file begins. What can be opened again is closed until then; what holds no frame is read here, once and for all.
fn first_look(index: u16, path: &Path, info: &mut CaptureInfo) -> Result<(Part, Option<Timestamp>), OpenError> {
    let name = display_name(path);
    let input = open_input(path, &name)?;
    if !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
        let mut reader = Reader::begin(index, &name, input, READ, info)?;
        let first = reader.advance(info);
        let at = first.as_ref().map(|located| located.at);
        return Ok((Part::Open(Box::new(reader), first), at));
    }
    let mut seen = CaptureInfo::default();
    let mut reader = Reader::begin(index, &name, input, FIRST_READ, &mut seen)?;
    let at = reader.advance(&mut seen).map(|located| located.at);
    // A file without frames may have secrets, names or damage: it is due before all others.
    Ok((Part::Closed(path.to_owned()), Some(at.unwrap_or(Timestamp::from_nanos(i64::MIN)))))
}
