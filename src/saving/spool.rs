//! Frames on their way to a file that can only be begun once all is known: written as they are to a temporary file, and read
//! back in the same order. What is on disk is nobody else's business, so that its form is the simplest.

use crate::frame::{Frame, FrameId, LinkType};
use crate::time::Timestamp;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

/// The bytes before a frame's own: file, number, time, link type, interface, length on the wire, length kept.
const HEAD: usize = 2 + 8 + 8 + 2 + 4 + 4 + 4;

/// Frames that wait for their file.
pub(super) struct Spool {
    file: BufWriter<File>,
}

impl Spool {
    /// An empty one in this folder, which has no name there.
    pub(super) fn create_in(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::with_capacity(256 << 10, tempfile::tempfile_in(folder)?) })
    }

    /// Takes a frame of this interface.
    pub(super) fn add(&mut self, interface: u32, frame: &Frame<'_>) -> io::Result<()> {
        let len = u32::try_from(frame.data.len()).map_err(|_| io::Error::other("the frame is too large"))?;
        let mut head = Vec::with_capacity(HEAD);
        head.extend_from_slice(&frame.id.file().to_le_bytes());
        head.extend_from_slice(&frame.id.number().to_le_bytes());
        head.extend_from_slice(&frame.at.as_nanos().to_le_bytes());
        head.extend_from_slice(&frame.link_type.0.to_le_bytes());
        head.extend_from_slice(&interface.to_le_bytes());
        head.extend_from_slice(&frame.original_len.to_le_bytes());
        head.extend_from_slice(&len.to_le_bytes());
        self.file.write_all(&head)?;
        self.file.write_all(frame.data)
    }

    /// All of them again, from the first.
    pub(super) fn into_frames(self) -> io::Result<Frames> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Frames { file: BufReader::with_capacity(256 << 10, file), data: Vec::new() })
    }
}

/// The frames of a [`Spool`].
pub(super) struct Frames {
    file: BufReader<File>,
    data: Vec<u8>,
}

impl Frames {
    /// From the first one again.
    pub(super) fn rewind(&mut self) -> io::Result<()> {
        self.file.rewind()
    }

    /// The next one and its interface; `None` behind the last.
    pub(super) fn next(&mut self) -> io::Result<Option<(u32, Frame<'_>)>> {
        let mut head = [0; HEAD];
        match self.file.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let mut head = &head[..];
        let id = FrameId::new(u16::from_le_bytes(take(&mut head)), u64::from_le_bytes(take(&mut head)));
        let at = Timestamp::from_nanos(i64::from_le_bytes(take(&mut head)));
        let link_type = LinkType(u16::from_le_bytes(take(&mut head)));
        let interface = u32::from_le_bytes(take(&mut head));
        let original_len = u32::from_le_bytes(take(&mut head));
        let len = u32::from_le_bytes(take(&mut head)) as usize;
        self.data.resize(len, 0);
        self.file.read_exact(&mut self.data)?;
        Ok(Some((interface, Frame { id, at, link_type, original_len, data: &self.data })))
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let Some((first, rest)) = bytes.split_first_chunk::<N>() else { return [0; N] };
    *bytes = rest;
    *first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::create_in(folder.path()).unwrap();
        let at = Timestamp::from_nanos(-1);
        let first =
            Frame { id: FrameId::new(3, 1 << 40), at, link_type: LinkType::RAW, original_len: 70_000, data: b"one" };
        let second = Frame { id: FrameId::new(0, 2), data: b"", link_type: LinkType(147), ..first };
        spool.add(7, &first).unwrap();
        spool.add(0, &second).unwrap();
        let mut frames = spool.into_frames().unwrap();
        assert_eq!(frames.next().unwrap(), Some((7, first)));
        assert_eq!(frames.next().unwrap(), Some((0, second)));
        assert_eq!(frames.next().unwrap(), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }
}
