//! `-w FILE`: the frames that were looked at, saved as pcapng while they come. The file is complete and can be read whenever
//! [`LiveFile::flush`] has returned.

use crate::frame::{Frame, LinkType};
use crate::pcapng::{Interface, InterfaceId, Section, Writer};
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// A file that frames are saved in.
pub struct LiveFile {
    writer: Writer<WholeBlocks>,
    name: String,
    /// A source and a link type that were described in the file.
    interfaces: Vec<(usize, LinkType, InterfaceId)>,
    snaplen: u32,
    filter: String,
}

impl LiveFile {
    /// Begins the file anew.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(path: &Path, snaplen: u32, filter: &str) -> Result<Self> {
        let name = path.display().to_string();
        let begin = || {
            let section = Section { application: concat!("iotcap ", env!("CARGO_PKG_VERSION")), ..Section::default() };
            let mut writer = Writer::new(WholeBlocks::new(File::create(path)?), &section)?;
            writer.flush()?;
            Ok::<_, io::Error>(writer)
        };
        let writer = begin().with_context(|| format!("cannot write to {name}"))?;
        Ok(Self { writer, name, interfaces: Vec::new(), snaplen, filter: filter.to_owned() })
    }

    /// Saves a frame of the source with this index and name.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn add(&mut self, source: (usize, &str), frame: &Frame<'_>) -> Result<()> {
        self.write(source, frame).with_context(|| format!("cannot write to {}", self.name))
    }

    /// Brings what was saved so far into the file.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.writer.flush().with_context(|| format!("cannot write to {}", self.name))
    }

    /// The file itself.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.writer.inner().file
    }

    fn write(&mut self, (source, name): (usize, &str), frame: &Frame<'_>) -> io::Result<()> {
        let known =
            self.interfaces.iter().find(|(index, link_type, _)| (*index, *link_type) == (source, frame.link_type));
        let id = if let Some((.., id)) = known {
            *id
        } else {
            let id = self.writer.add_interface(&Interface {
                link_type: frame.link_type,
                snaplen: self.snaplen,
                name,
                description: "",
                filter: &self.filter,
            })?;
            self.interfaces.push((source, frame.link_type, id));
            id
        };
        self.writer.write_frame(id, frame, &[])
    }
}

/// Collects whole blocks and writes them at once: the file ends with a whole block, whenever the program ends.
struct WholeBlocks {
    file: File,
    pending: Vec<u8>,
}

impl WholeBlocks {
    /// Bytes after which blocks are written even unasked.
    const ENOUGH: usize = 256 << 10;

    const fn new(file: File) -> Self {
        Self { file, pending: Vec::new() }
    }
}

impl Write for WholeBlocks {
    /// Takes one block: [`Writer`] gives each in one call.
    fn write(&mut self, block: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(block);
        if self.pending.len() >= Self::ENOUGH {
            self.flush()?;
        }
        Ok(block.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameId;
    use crate::source::{FileSource, Source};
    use crate::time::Timestamp;

    #[test]
    fn what_was_flushed_can_be_read_while_the_file_is_still_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("saved.pcapng");
        let mut saving = LiveFile::create(&path, 65_535, "tcp port 8883").unwrap();
        let frame = |link_type, data| {
            let (id, at) = (FrameId::new(0, 1), Timestamp::from_secs(1));
            Frame { id, at, link_type, original_len: 60, data }
        };
        saving.add((0, "lo"), &frame(LinkType::ETHERNET, b"one")).unwrap();
        saving.add((1, "tun0"), &frame(LinkType::RAW, b"two")).unwrap();
        saving.add((0, "lo"), &frame(LinkType::ETHERNET, b"three")).unwrap();
        saving.flush().unwrap();
        let mut source = FileSource::open(&path).unwrap();
        let mut read = Vec::new();
        while let Some(frame) = source.next_frame() {
            read.push((frame.link_type, frame.data.to_vec()));
        }
        let expected = [(LinkType::ETHERNET, &b"one"[..]), (LinkType::RAW, b"two"), (LinkType::ETHERNET, b"three")];
        assert_eq!(read, expected.map(|(link_type, data)| (link_type, data.to_vec())));
        let names: Vec<_> = source.info().interfaces.iter().map(|interface| interface.name.as_str()).collect();
        assert_eq!(names, ["lo", "tun0"]);
        assert!(source.info().damaged.is_empty());
        drop(saving);
    }
}
