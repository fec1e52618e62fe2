//! Capture files: pcap and pcapng, plain or in gzip or zstd, from a path, standard input or any reader.
//!
//! Frames are borrowed from one buffer that is read into in large pieces: none is copied, none is allocated. Frames are
//! numbered as Wireshark does, up to the first damage: there Wireshark ends, while this goes on where the next good frame
//! is found, and counts a frame that is damaged in itself as one.

mod ahead;
mod bytes;
mod input;
mod merge;
mod pcap;
mod pcapng;
#[cfg(test)]
mod testing;

pub use merge::MergedSource;

use super::error::{LooksLike, OpenError, display_name};
use super::info::{CaptureInfo, Damage, Fault};
use super::{Filled, Source, Taker};
use crate::frame::{Frame, FrameId, LinkType};
use crate::time::Timestamp;
use input::Input;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

/// Bytes that are read at once: half of a usual second-level cache, so that they are still there when they are looked at.
const READ: usize = 256 << 10;

/// One capture file.
pub struct FileSource {
    reader: Reader,
    info: CaptureInfo,
    /// The first frame of the next buffer, where buffers are handed over.
    ahead: Option<Located>,
}

impl FileSource {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// An [`OpenError`] where it is not a readable capture.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let name = display_name(path);
        let input = open_input(path, &name)?;
        Self::begin(name, input)
    }

    /// Reads from anything, which messages call `name`.
    ///
    /// # Errors
    /// An [`OpenError`] where its first bytes are not those of a capture.
    pub fn from_reader(name: &str, reader: impl Read + Send + 'static) -> Result<Self, OpenError> {
        Self::begin(name.to_owned(), Box::new(reader))
    }

    fn begin(name: String, input: Box<dyn Read + Send>) -> Result<Self, OpenError> {
        let mut info = CaptureInfo::default();
        let reader = Reader::begin(Place::start_of(0, Numbering::OfFile), &name, input, READ, &mut info)?;
        info.sources.push(name);
        Ok(Self { reader, info, ahead: None })
    }
}

impl Source for FileSource {
    fn next_frame(&mut self) -> Option<Frame<'_>> {
        let located = self.ahead.take().or_else(|| self.reader.advance(&mut self.info))?;
        self.info.add_frame(located.data.len());
        Some(self.reader.frame(located))
    }

    fn info(&self) -> &CaptureInfo {
        &self.info
    }

    /// Nothing is copied but a frame that a buffer's end cuts.
    fn fill(&mut self, spare: Vec<u8>, taker: &mut dyn Taker) -> Filled {
        let Self { reader, info, ahead } = self;
        reader.input.keep(spare);
        let mut kept = 0_usize;
        loop {
            let located = ahead.take().or_else(|| reader.advance(info));
            if let Some(left) = reader.input.take_left() {
                if kept > 0 {
                    *ahead = located;
                    return Filled { bytes: left, more: true };
                }
                reader.input.keep(left);
            }
            let is_over = located.is_none();
            if let Some(located) = located {
                info.add_frame(located.data.len());
                let start = located.data.start;
                kept += usize::from(taker.take(&reader.frame(located), start));
            }
            if !taker.note(info) {
                return Filled { bytes: Vec::new(), more: false };
            }
            if is_over {
                return Filled { bytes: reader.input.take_last(), more: false };
            }
        }
    }
}

/// Where a frame lies in the buffer of its [`Reader`], until that advances.
#[derive(Clone, Debug)]
struct Located {
    id: FrameId,
    at: Timestamp,
    link_type: LinkType,
    original_len: u32,
    data: Range<usize>,
}

/// One file, whatever its format.
struct Reader {
    input: Input,
    format: Format,
    place: Place,
}

enum Format {
    Pcap(pcap::Records),
    Pcapng(pcapng::Blocks),
}

impl Reader {
    /// Unpacks, recognizes the format, and reads a pcap file's header; a pcapng file's is a block like others.
    fn begin(
        place: Place,
        name: &str,
        input: Box<dyn Read + Send>,
        read_size: usize,
        info: &mut CaptureInfo,
    ) -> Result<Self, OpenError> {
        let Place { file, .. } = place;
        let (mut input, compression) =
            input::unpack(input, read_size).map_err(|error| OpenError::from_io(name, error))?;
        // No more than it takes: a capture that is piped in may have no frame yet.
        input.fill(12);
        if let Some(error) = input.take_failure_at_start() {
            return Err(OpenError::from_io(name, error));
        }
        let format = if pcapng::is_section_header(input.bytes()) {
            Format::Pcapng(pcapng::Blocks::default())
        } else if pcap::has_magic(input.bytes()) {
            let records = pcap::Records::begin(&mut input, file, info);
            Format::Pcap(records.ok_or_else(|| OpenError::CutInHeader(name.to_owned()))?)
        } else {
            input.fill(64);
            return Err(no_capture(name, compression, input.bytes()));
        };
        Ok(Self { input, format, place })
    }

    /// Goes to the next frame; what else there is on the way goes into `info`.
    fn advance(&mut self, info: &mut CaptureInfo) -> Option<Located> {
        match &mut self.format {
            Format::Pcap(records) => records.next(&mut self.input, &mut self.place, info),
            Format::Pcapng(blocks) => blocks.next(&mut self.input, &mut self.place, info),
        }
    }

    fn frame(&self, located: Located) -> Frame<'_> {
        Frame {
            id: located.id,
            at: located.at,
            link_type: located.link_type,
            original_len: located.original_len,
            data: self.input.slice(located.data),
        }
    }
}

/// Which file this is, and how many of its frames were counted: the place that damage is reported at.
#[derive(Clone, Copy, Debug)]
struct Place {
    file: u16,
    number: u64,
    numbering: Numbering,
}

/// How frames are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbering {
    /// By their place in this file.
    OfFile,
    /// By their place in the capture that they were copied from, where the file says so.
    OfOrigin,
}

impl Place {
    /// Before the first frame.
    const fn start_of(file: u16, numbering: Numbering) -> Self {
        Self { file, number: 0, numbering }
    }

    fn id(self) -> FrameId {
        FrameId::new(self.file, self.number)
    }

    fn damage(self, offset: u64, fault: Fault, skipped: Option<u64>) -> Damage {
        Damage { after: self.id(), offset, fault, skipped }
    }

    /// Tells why the input ended before another piece: well, within its header, or by a failure.
    fn tell_end(self, input: &mut Input, info: &mut CaptureInfo) {
        let failure = input.take_failure();
        if failure.is_some() || !input.bytes().is_empty() {
            info.add_damage(self.damage(input.offset(), end_fault(failure), None));
            input.consume(input.bytes().len());
        }
    }

    /// Tells of a damaged piece after the search for the next good one, which starts where the input is now unless that
    /// has ended. A piece that reaches beyond the end is a cut-off one, unless others were found behind its beginning.
    fn tell_bad(self, bad: Bad, found: bool, input: &mut Input, info: &mut CaptureInfo) {
        let fault = if bad.reaches_beyond_end && !found { end_fault(input.take_failure()) } else { bad.fault };
        info.add_damage(self.damage(bad.offset, fault, found.then(|| input.offset() - bad.offset)));
        if !found {
            self.tell_end(input, info);
        }
    }
}

/// A piece that cannot be taken for what it claims to be.
struct Bad {
    offset: u64,
    fault: Fault,
    reaches_beyond_end: bool,
}

fn end_fault(failure: Option<io::Error>) -> Fault {
    failure.map_or(Fault::CutOff, |error| Fault::Unreadable(error.to_string()))
}

/// The link type of a number in a file's header: some systems write their own number for raw IP, as in libpcap's
/// `pcap-common.c`.
fn link_type(number: u16) -> LinkType {
    match number {
        12 | 14 => LinkType::RAW,
        number => LinkType(number),
    }
}

fn open_input(path: &Path, name: &str) -> Result<Box<dyn Read + Send>, OpenError> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let opened = File::open(path).map_err(|error| OpenError::from_io(name, error))?;
    match opened.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(OpenError::Directory(name.to_owned())),
        _ => Ok(Box::new(opened)),
    }
}

fn no_capture(name: &str, compression: Option<&'static str>, bytes: &[u8]) -> OpenError {
    let name = name.to_owned();
    let looks_like = LooksLike::from_bytes(bytes);
    match compression {
        _ if bytes.is_empty() => OpenError::Empty(name),
        _ if pcapng::is_cut_section_header(bytes) => OpenError::CutInHeader(name),
        Some(compression) => OpenError::NoCaptureInside { name, compression, looks_like },
        None => OpenError::NotACapture { name, looks_like },
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Pcap, read, read_bytes};
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::{Cursor, Write};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn refusal(bytes: &[u8]) -> String {
        FileSource::from_reader("x", Cursor::new(bytes.to_vec())).err().unwrap().to_string()
    }

    /// Gives its bytes, then fails.
    struct Failing(Cursor<Vec<u8>>);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("the disk is gone")),
                count => Ok(count),
            }
        }
    }

    #[test]
    fn gzip_of_several_members_and_zstd_of_several_frames_are_one_capture() {
        let file = Pcap::default().record(1, 0, b"one").record(2, 0, b"two").bytes;
        let (first, second) = file.split_at(30);
        let zstd = |bytes| zstd::encode_all(bytes, 1).unwrap();
        for packed in [[gzip(first), gzip(second)].concat(), [zstd(first), zstd(second)].concat()] {
            let read = read_bytes(&packed);
            assert_eq!((read.data(), read.info.damaged), (vec![b"one".to_vec(), b"two".to_vec()], vec![]));
        }
    }

    #[test]
    fn a_cut_off_archive_is_read_as_far_as_it_goes() {
        // Numbers that do not compress: several blocks of 128 KiB in either format.
        let noise: Vec<u8> =
            (0..100_000_u64).flat_map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).to_be_bytes()).collect();
        let file = noise.chunks(800).fold(Pcap::default(), |file, data| file.record(1, 0, data));
        for packed in [gzip(&file.bytes), zstd::encode_all(&file.bytes[..], 1).unwrap()] {
            let read = read_bytes(&packed[..packed.len() - 1]);
            assert!(matches!(read.info.damaged[..], [Damage { fault: Fault::Unreadable(_), skipped: None, .. }]));
            assert!(read.frames.len() > 500, "{} frames of 1000", read.frames.len());
        }
        // The last byte of gzip is of its length: all frames came before it.
        let packed = gzip(&file.bytes);
        assert_eq!(read_bytes(&packed[..packed.len() - 1]).frames.len(), 1_000);
    }

    #[test]
    fn a_failing_disk_ends_the_capture() {
        let file = Pcap::default().record(1, 0, b"one").record(2, 0, b"two").bytes;
        let cut = Cursor::new(file[..file.len() - 2].to_vec());
        let read = read(FileSource::from_reader("x", Failing(cut)).unwrap());
        let fault = Fault::Unreadable("the disk is gone".to_owned());
        assert_eq!(read.data(), [b"one"]);
        assert_eq!(read.info.damaged, [Damage { after: FrameId::new(0, 1), offset: 43, fault, skipped: None }]);
    }

    #[test]
    fn a_disk_that_fails_behind_damage_is_told_as_well() {
        let file = Pcap::default().record(1, 0, b"one").record_of([2, 0, u32::MAX, 3], b"two").bytes;
        let read = read(FileSource::from_reader("x", Failing(Cursor::new(file))).unwrap());
        let faults: Vec<_> = read.info.damaged.into_iter().map(|damage| damage.fault).collect();
        assert_eq!(faults, [Fault::RecordLength(u32::MAX), Fault::Unreadable("the disk is gone".to_owned())]);
    }

    #[test]
    fn what_is_no_capture_is_refused_by_what_it_is() {
        assert_eq!(refusal(b""), "x: is empty: nothing was captured, or the capture was not yet written out");
        assert!(refusal(b"{}").starts_with("x: is not a capture but JSON"));
        assert!(refusal(&gzip(b"Frame 1\n")).starts_with("x: its gzip holds no capture but text"));
        assert!(refusal(&gzip(b"")).starts_with("x: is empty"));
        assert!(refusal(&Pcap::default().bytes[..23]).starts_with("x: is cut off within its header"));
        assert!(refusal(&[0x0a, 0x0d, 0x0d]).starts_with("x: is cut off within its header"));
        let failing = FileSource::from_reader("x", Failing(Cursor::default())).err().unwrap();
        assert_eq!(failing.to_string(), "x: cannot be read: the disk is gone");
    }

    #[test]
    fn paths_that_cannot_be_opened_say_why() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(FileSource::open(folder.path()), Err(OpenError::Directory(_))));
        assert!(matches!(FileSource::open(&folder.path().join("missing")), Err(OpenError::NotFound(_))));
    }

    #[test]
    fn bytes_that_come_one_at_a_time_make_the_same_frames() {
        struct Trickle(Cursor<Vec<u8>>);
        impl Read for Trickle {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let end = buffer.len().min(1);
                self.0.read(&mut buffer[..end])
            }
        }
        let file = Pcap::default().record(1, 0, b"one").record(2, 0, b"two").bytes;
        let trickled = read(FileSource::from_reader("x", Trickle(Cursor::new(file.clone()))).unwrap());
        assert_eq!(trickled.frames, read_bytes(&file).frames);
    }
}
