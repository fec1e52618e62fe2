//! Several capture files as one: frames in the order of their time, as mergecap does; of one time, in the order of the
//! files. A file's own order is kept.
//!
//! Files are opened when their first frame is due and closed after their last one, so that of hundreds of rotated files
//! only those that overlap take memory.

use super::{Located, Numbering, OpenError, Place, READ, Reader, Source, display_name, open_input};
use crate::frame::Frame;
use crate::source::info::{CaptureInfo, Fault};
use crate::time::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

/// Bytes that are read at once to find out when a file begins.
const FIRST_READ: usize = 64 << 10;

/// Several capture files, read as one.
pub struct MergedSource {
    files: Vec<Part>,
    /// The files that have a frame to come, by its time, then by their order; without the one that is being read.
    waiting: BinaryHeap<Reverse<(Timestamp, u16)>>,
    reading: Option<u16>,
    numbering: Numbering,
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
        Self::with_numbering(paths, Numbering::OfFile)
    }

    /// The same for files of frames that were copied out of another capture: where a file says which frame of it one is
    /// (`epb_packetid`), that stays its name.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_copies(paths: &[PathBuf]) -> Result<Self, OpenError> {
        Self::with_numbering(paths, Numbering::OfOrigin)
    }

    fn with_numbering(paths: &[PathBuf], numbering: Numbering) -> Result<Self, OpenError> {
        if paths.is_empty() {
            return Err(OpenError::NoFiles);
        }
        let sources = paths.iter().map(|path| display_name(path)).collect();
        let info = CaptureInfo { sources, ..CaptureInfo::default() };
        let mut merged = Self { files: Vec::new(), waiting: BinaryHeap::new(), reading: None, numbering, info };
        for (index, path) in paths.iter().enumerate() {
            let index = u16::try_from(index).map_err(|_| OpenError::TooManyFiles(paths.len()))?;
            let (part, first) = first_look(Place::start_of(index, numbering), path, &mut merged.info)?;
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
        let place = Place::start_of(index, self.numbering);
        let reader = open_input(path, &name).and_then(|input| Reader::begin(place, &name, input, READ, &mut self.info));
        match reader {
            Ok(reader) => *part = Part::Open(Box::new(reader), None),
            Err(error) => {
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
fn first_look(place: Place, path: &Path, info: &mut CaptureInfo) -> Result<(Part, Option<Timestamp>), OpenError> {
    let name = display_name(path);
    let input = open_input(path, &name)?;
    if !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
        let mut reader = Reader::begin(place, &name, input, READ, info)?;
        let first = reader.advance(info);
        let at = first.as_ref().map(|located| located.at);
        return Ok((Part::Open(Box::new(reader), first), at));
    }
    let mut seen = CaptureInfo::default();
    let mut reader = Reader::begin(place, &name, input, FIRST_READ, &mut seen)?;
    let at = reader.advance(&mut seen).map(|located| located.at);
    // A file without frames may have secrets, names or damage: it is due before all others.
    Ok((Part::Closed(path.to_owned()), Some(at.unwrap_or(Timestamp::from_nanos(i64::MIN)))))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Pcap, Read, pcapng, read};
    use super::*;
    use crate::frame::FrameId;
    use std::fs;
    use tempfile::TempDir;

    struct Folder(TempDir, Vec<PathBuf>);

    impl Folder {
        fn new(files: &[Vec<u8>]) -> Self {
            let folder = TempDir::new().unwrap();
            let paths: Vec<_> = (0..files.len()).map(|index| folder.path().join(format!("{index}.pcap"))).collect();
            for (path, bytes) in paths.iter().zip(files) {
                fs::write(path, bytes).unwrap();
            }
            Self(folder, paths)
        }

        fn read(&self) -> Read {
            read(MergedSource::open(&self.1).unwrap())
        }
    }

    fn file(seconds: impl IntoIterator<Item = u32>) -> Vec<u8> {
        seconds.into_iter().fold(Pcap::default(), |file, second| file.record(second, 0, &[1])).bytes
    }

    fn ids(read: &Read) -> Vec<(u16, u64)> {
        read.frames.iter().map(|frame| (frame.id.file(), frame.id.number())).collect()
    }

    #[test]
    fn frames_come_in_the_order_of_time_then_of_files() {
        let read = Folder::new(&[file([1, 3, 5]), file([2, 3, 9]), file([3])]).read();
        assert_eq!(ids(&read), [(0, 1), (1, 1), (0, 2), (1, 2), (2, 1), (0, 3), (1, 3)]);
        assert_eq!((read.info.frames, read.info.bytes, read.info.sources.len()), (7, 7, 3));
    }

    #[test]
    fn files_named_in_the_wrong_order_are_put_right() {
        assert_eq!(ids(&Folder::new(&[file([5, 6]), file([1, 2])]).read()), [(1, 1), (1, 2), (0, 1), (0, 2)]);
    }

    #[test]
    fn a_file_whose_clock_steps_back_keeps_its_own_order() {
        let read = Folder::new(&[file([5, 1]), file([3, 6])]).read();
        assert_eq!(ids(&read), [(1, 1), (0, 1), (0, 2), (1, 2)]);
    }

    #[test]
    fn damage_and_files_without_frames_do_not_disturb_the_others() {
        let cut = file([2, 4]);
        let read = Folder::new(&[file([]), cut[..cut.len() - 1].to_vec(), file([1, 3])]).read();
        assert_eq!(ids(&read), [(2, 1), (1, 1), (2, 2)]);
        assert_eq!(read.info.damaged.len(), 1);
        assert_eq!((read.info.damaged[0].after, &read.info.damaged[0].fault), (FrameId::new(1, 1), &Fault::CutOff));
    }

    #[test]
    fn secrets_of_a_file_without_frames_are_known_from_its_turn_on() {
        let secrets = pcapng(|writer, _| writer.write_secrets(b"CLIENT_RANDOM 00 11\n"));
        let read = Folder::new(&[file([1]), secrets]).read();
        assert_eq!((read.frames.len(), read.info.secrets.len()), (1, 1));
        assert_eq!(read.info.secrets[0].after, FrameId::new(1, 0));
    }

    #[test]
    fn of_many_rotated_files_only_those_that_overlap_are_open() {
        let files: Vec<_> = (0..300).map(|index| file([2 * index + 1, 2 * index + 3])).collect();
        let folder = Folder::new(&files);
        let mut merged = MergedSource::open(&folder.1).unwrap();
        let mut last = None;
        while let Some(frame) = merged.next_frame() {
            assert!(last <= Some(frame.at));
            last = Some(frame.at);
            let open = merged.files.iter().filter(|part| matches!(part, Part::Open(..))).count();
            assert!(open <= 3, "{open} files are open");
        }
        assert_eq!(merged.info.frames, 600);
    }

    #[test]
    fn a_file_that_vanishes_after_the_first_look_is_damage() {
        let folder = Folder::new(&[file([1]), file([2])]);
        let merged = MergedSource::open(&folder.1).unwrap();
        fs::remove_file(&folder.1[1]).unwrap();
        let read = read(merged);
        assert_eq!(ids(&read), [(0, 1)]);
        assert!(matches!(read.info.damaged[0].fault, Fault::Unreadable(_)));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_opened_only_once() {
        let folder = Folder::new(&[file([1, 3])]);
        let pipe = folder.0.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let writing = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::write(pipe, file([2, 4]))
        });
        let read = read(MergedSource::open(&[folder.1[0].clone(), pipe]).unwrap());
        writing.join().unwrap().unwrap();
        assert_eq!(ids(&read), [(0, 1), (1, 1), (0, 2), (1, 2)]);
    }

    #[test]
    fn no_file_at_all_is_refused() {
        assert!(matches!(MergedSource::open(&[]), Err(OpenError::NoFiles)));
    }
}
