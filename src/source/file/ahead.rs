//! Unpacking in a thread of its own: a decoder goes in, the same bytes come out, unpacked while those before are looked at.
//!
//! The thread is ahead by a fixed number of pieces. It ends with its bytes, with a failure, or when nobody wants more of them.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Bytes that are unpacked at once. A decoder that fails gives nothing of the piece that it failed in.
const PIECE: usize = 64 << 10;

/// Pieces that wait at most.
const WAITING: usize = 8;

/// What another thread reads.
pub(super) struct Ahead {
    /// An empty piece is the end.
    pieces: Receiver<io::Result<Vec<u8>>>,
    /// Pieces that were looked at, to be used again.
    spares: Sender<Vec<u8>>,
    piece: Vec<u8>,
    /// How much of the piece was given.
    given: usize,
    ended: bool,
}

impl Ahead {
    /// Starts to read.
    ///
    /// # Errors
    /// The system's, when it has no thread left.
    pub(super) fn new(from: impl Read + Send + 'static) -> io::Result<Self> {
        let (piece_to, pieces) = sync_channel(WAITING);
        let (spares, spares_there) = channel();
        thread::Builder::new().name("unpack".to_owned()).spawn(move || read_on(from, &piece_to, &spares_there))?;
        Ok(Self { pieces, spares, piece: Vec::new(), given: 0, ended: false })
    }

    fn next_piece(&mut self) -> io::Result<()> {
        let received = self.pieces.recv();
        let piece = received.unwrap_or_else(|_| Err(io::Error::other("the thread that unpacks has died")));
        let looked_at = std::mem::take(&mut self.piece);
        self.ended = piece.as_ref().map_or(true, Vec::is_empty);
        (self.piece, self.given) = (piece?, 0);
        // It may have read all that there is, and want none.
        let _ = self.spares.send(looked_at);
        Ok(())
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.piece.len() && !self.ended {
            self.next_piece()?;
        }
        let mut rest = self.piece.get(self.given..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.given += count;
        Ok(count)
    }
}

/// The thread's work.
fn read_on(mut from: impl Read, to: &SyncSender<io::Result<Vec<u8>>>, spares: &Receiver<Vec<u8>>) {
    loop {
        let mut piece = spares.try_recv().unwrap_or_default();
        piece.resize(PIECE, 0);
        let read = from.read(&mut piece);
        if read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
            continue;
        }
        let is_last = !matches!(read, Ok(1..));
        let read = read.map(|count| {
            piece.truncate(count);
            piece
        });
        if to.send(read).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn the_same_bytes_come_out() {
        let bytes: Vec<u8> = (0..1_000_003_u32).map(|i| i.to_le_bytes()[i as usize % 3]).collect();
        let mut ahead = Ahead::new(Cursor::new(bytes.clone())).unwrap();
        let mut read = Vec::new();
        ahead.read_to_end(&mut read).unwrap();
        assert!(read == bytes);
        assert_eq!(ahead.read(&mut [0; 8]).unwrap(), 0, "the end stays the end");
    }

    #[test]
    fn a_failure_comes_behind_the_bytes_before_it() {
        struct Failing(bool);
        impl Read for Failing {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("the archive is damaged"));
                }
                buffer[..3].copy_from_slice(b"abc");
                Ok(3)
            }
        }
        let mut ahead = Ahead::new(Failing(false)).unwrap();
        let mut read = Vec::new();
        let error = ahead.read_to_end(&mut read).unwrap_err();
        assert_eq!((read.as_slice(), error.to_string().as_str()), (&b"abc"[..], "the archive is damaged"));
        assert_eq!(ahead.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn a_decoder_that_panics_is_no_end() {
        struct Panicking;
        impl Read for Panicking {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("a decoder's bug");
            }
        }
        assert!(Ahead::new(Panicking).unwrap().read(&mut [0; 8]).is_err());
    }

    #[test]
    fn nobody_reads_on_for_a_reader_that_is_gone() {
        let (gone_to, gone) = channel();
        struct Endless(Sender<()>);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                Ok(buffer.len())
            }
        }
        impl Drop for Endless {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        drop(Ahead::new(Endless(gone_to)).unwrap());
        // The reader is dropped when its thread ends.
        gone.recv().unwrap();
    }
}
