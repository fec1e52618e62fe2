//! Pieces of a report that come in one order and are wanted in another: kept in memory while they are few, in a
//! temporary file when they are many, so that memory does not grow with the capture.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// What is kept in memory, in bytes.
const IN_MEMORY: usize = 16 << 20;

/// Pieces of bytes, each with the number by which they are sorted.
#[derive(Debug, Default)]
pub(super) struct Spool {
    /// Bytes that are not in the file.
    memory: Vec<u8>,
    file: Option<File>,
    /// How much of the pieces is in the file: all before this offset.
    in_file: u64,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    order: u64,
    start: u64,
    len: usize,
}

impl Spool {
    /// Keeps the bytes that `write` makes.
    ///
    /// # Errors
    /// When `write` or the temporary file fails.
    pub(super) fn add(&mut self, order: u64, write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
        let before = self.memory.len();
        write(&mut self.memory)?;
        self.pieces.push(Piece { order, start: self.in_file + before as u64, len: self.memory.len() - before });
        if self.memory.len() > IN_MEMORY { self.move_to_file() } else { Ok(()) }
    }

    /// Gives every piece in the order of their numbers, and forgets them.
    ///
    /// # Errors
    /// When `give` or the temporary file fails.
    pub(super) fn drain_sorted(&mut self, mut give: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.pieces.sort_by_key(|piece| piece.order);
        let mut buffer = Vec::new();
        for piece in std::mem::take(&mut self.pieces) {
            if piece.start >= self.in_file {
                let start = usize::try_from(piece.start - self.in_file).unwrap_or(usize::MAX);
                give(self.memory.get(start..start.saturating_add(piece.len)).unwrap_or_default())?;
            } else if let Some(file) = &mut self.file {
                buffer.resize(piece.len, 0);
                file.seek(SeekFrom::Start(piece.start))?;
                file.read_exact(&mut buffer)?;
                give(&buffer)?;
            }
        }
        *self = Self::default();
        Ok(())
    }

    fn move_to_file(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        file.write_all(&self.memory)?;
        self.in_file += self.memory.len() as u64;
        self.memory.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_out_sorted_from_memory_and_from_the_file() {
        let mut spool = Spool::default();
        let large = vec![b'x'; IN_MEMORY / 3];
        for order in [5, 1, 4, 0, 6, 3, 2] {
            spool
                .add(order, |bytes| {
                    bytes.extend_from_slice(order.to_string().as_bytes());
                    bytes.extend_from_slice(&large);
                    Ok(())
                })
                .unwrap();
        }
        assert!(spool.file.is_some() && !spool.memory.is_empty(), "both places are in use");
        let mut firsts = String::new();
        spool
            .drain_sorted(|piece| {
                assert_eq!(piece.len(), large.len() + 1);
                firsts.push(char::from(piece[0]));
                Ok(())
            })
            .unwrap();
        assert_eq!(firsts, "0123456");
    }
}
