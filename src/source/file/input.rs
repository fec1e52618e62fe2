//! A reader in, a window of its bytes out: one buffer, filled in large pieces, grown only as bytes really come.

use super::ahead::Ahead;
use crate::source::FILLED;
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufReader, Cursor, Read};
use std::ops::Range;

/// Bytes of compressed data that are read at once.
const COMPRESSED_READ: usize = 256 << 10;

/// The bytes of a file, seen through a window.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    /// The most that is read in one call.
    read_size: usize,
    buffer: Vec<u8>,
    /// The window: bytes that were read and not yet consumed.
    window: Range<usize>,
    /// The offset in the file of the window's first byte.
    offset: u64,
    ended: bool,
    failure: Option<io::Error>,
    keeping: Option<Keeping>,
}

/// Buffers are handed over whole instead of being written over.
#[derive(Default)]
struct Keeping {
    /// The buffer that was left behind first: what was handed out of it stays good.
    left: Option<Vec<u8>>,
    spare: Vec<u8>,
}

impl Input {
    fn new(reader: Box<dyn Read + Send>, buffer_size: usize, read_size: usize) -> Self {
        let buffer = vec![0; buffer_size];
        Self { reader, read_size, buffer, window: 0..0, offset: 0, ended: false, failure: None, keeping: None }
    }

    /// Whether the window holds at least `len` bytes, after reading as far as that needs. Positions that were handed out
    /// before are no longer good.
    #[inline]
    pub(super) fn fill(&mut self, len: usize) -> bool {
        self.window.len() >= len || self.refill(len)
    }

    /// The window.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.window.clone()).unwrap_or_default()
    }

    /// Where the window begins in the buffer, for positions that outlive [`Input::consume`] until the next
    /// [`Input::fill`].
    #[inline]
    pub(super) fn position(&self) -> usize {
        self.window.start
    }

    /// The bytes at such positions.
    #[inline]
    pub(super) fn slice(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Moves the window's beginning, by no more than it holds.
    #[inline]
    pub(super) fn consume(&mut self, len: usize) {
        let len = len.min(self.window.len());
        self.window.start += len;
        self.offset += len as u64;
    }

    /// The offset in the file of the window's first byte.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// From now on positions stay good, in the buffer that [`Self::take_left`] gives, until that is called; `spare` is a buffer to
    /// use then.
    pub(super) fn keep(&mut self, spare: Vec<u8>) {
        let keeping = self.keeping.get_or_insert_default();
        if spare.len() >= self.read_size {
            keeping.spare = spare;
        }
    }

    /// The buffer that had no room any more, if there was one since the last call.
    pub(super) fn take_left(&mut self) -> Option<Vec<u8>> {
        self.keeping.as_mut()?.left.take()
    }

    /// The buffer of the last positions, at the end of the input.
    pub(super) fn take_last(&mut self) -> Vec<u8> {
        self.window = 0..0;
        std::mem::take(&mut self.buffer)
    }

    /// Why reading ended, where it was by a failure; told once.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// The failure, where it left not one byte to look at.
    pub(super) fn take_failure_at_start(&mut self) -> Option<io::Error> {
        if self.window.is_empty() { self.failure.take() } else { None }
    }

    #[cold]
    fn refill(&mut self, len: usize) -> bool {
        self.make_room(len);
        while self.window.len() < len && !self.ended {
            // A claimed length is believed only as far as bytes come: the buffer at most doubles at a time. There always is
            // some room: reading into none would look like the end.
            if self.window.end == self.buffer.len() {
                self.buffer.resize((self.buffer.len() * 2).max(self.read_size), 0);
            }
            let end = self.buffer.len().min(self.window.end + self.read_size);
            let Some(free) = self.buffer.get_mut(self.window.end..end) else { break };
            match self.reader.read(free) {
                Ok(0) => self.ended = true,
                Ok(count) => self.window.end += count.min(free.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(error);
                    self.ended = true;
                }
            }
        }
        self.window.len() >= len
    }

    /// Moves what is left to the buffer's beginning, unless there is room behind it. A window of more than half of the
    /// buffer stays: moving it for each of many small steps would cost the square.
    fn make_room(&mut self, len: usize) {
        let fits = self.window.start + len <= self.buffer.len();
        if fits || self.window.len() > self.buffer.len() / 2 {
            return;
        }
        if let Some(keeping) = &mut self.keeping {
            let mut next = std::mem::take(&mut keeping.spare);
            // One that a huge record has grown is not kept.
            if next.len() < self.window.len() || next.len() > 2 * FILLED {
                next = vec![0; FILLED.max(2 * self.window.len())];
            }
            if let (Some(to), Some(rest)) = (next.get_mut(..self.window.len()), self.buffer.get(self.window.clone())) {
                to.copy_from_slice(rest);
            }
            let left = std::mem::replace(&mut self.buffer, next);
            if keeping.left.is_none() {
                keeping.left = Some(left);
            } else {
                keeping.spare = left;
            }
            self.window = 0..self.window.len();
        } else {
            self.buffer.copy_within(self.window.clone(), 0);
            self.window = 0..self.window.len();
        }
    }
}

/// The input, unpacked where it is compressed, and by what.
pub(super) fn unpack(reader: Box<dyn Read + Send>, read_size: usize) -> io::Result<(Input, Option<&'static str>)> {
    let mut input = Input::new(reader, read_size, read_size);
    input.fill(4);
    let compression = match input.bytes() {
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        _ => return Ok((input, None)),
    };
    let packed = Cursor::new(input.bytes().to_vec()).chain(input.reader);
    let packed = BufReader::with_capacity(COMPRESSED_READ, packed);
    let unpacked = match compression {
        "gzip" => Ahead::new(MultiGzDecoder::new(packed))?,
        _ => Ahead::new(zstd::Decoder::with_buffer(packed)?)?,
    };
    Ok((Input::new(Box::new(unpacked), read_size, read_size), Some(compression)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_length_takes_no_more_memory_than_what_comes() {
        let mut input = Input::new(Box::new(Cursor::new(vec![7; 3_000])), 1_024, 1_024);
        assert!(!input.fill(usize::MAX / 2));
        assert_eq!((input.bytes().len(), input.buffer.len() <= 8_192), (3_000, true));
    }

    #[test]
    fn small_steps_through_a_large_window_do_not_move_it_each_time() {
        let mut input = Input::new(Box::new(io::repeat(7)), 1_024, 1_024);
        let mut moves = 0;
        let mut last = 0;
        for _ in 0..20_000 {
            assert!(input.fill(10_000));
            input.consume(1);
            moves += u32::from(input.position() < last);
            last = input.position();
        }
        assert!(moves <= 4, "moved {moves} times");
        assert!(input.buffer.len() <= 65_536);
    }

    #[test]
    fn offsets_count_from_the_beginning_of_the_file() {
        let mut input = Input::new(Box::new(Cursor::new((0..200).collect::<Vec<u8>>())), 64, 64);
        for at in 0..20 {
            assert!(input.fill(10));
            assert_eq!((input.offset(), input.bytes().first()), (u64::from(at) * 10, Some(&(at * 10))));
            input.consume(10);
        }
        assert!(!input.fill(1) && input.bytes().is_empty());
    }

    #[test]
    fn a_piece_that_ends_with_its_buffer_is_not_the_last_one() {
        for spare in [0, 64, 4_096] {
            let mut input = Input::new(Box::new(Cursor::new((0..200).collect::<Vec<u8>>())), 64, 64);
            let mut read = 0;
            for _ in 0..4 {
                input.keep(vec![0; spare]);
                // 64 are all there is room for in the first buffer.
                while input.take_left().is_none() && input.fill(32) {
                    assert_eq!(input.bytes().first(), Some(&read));
                    input.consume(32);
                    read += 32;
                }
            }
            assert_eq!((read, input.bytes().len()), (192, 8), "with room for {spare}");
        }
    }
}
