//! Deflate (RFC 1951) for short pieces: one state for all of them, made when it is first needed.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::fmt;

/// More effort gains nothing in pieces of a few KiB.
const EFFORT: u32 = 6;

/// Nothing that was deflated is longer when it is inflated again, in bytes.
const LONGEST: usize = 64 << 20;

/// What deflates and inflates.
#[derive(Default)]
pub(super) struct Deflated {
    compress: Option<Compress>,
    decompress: Option<Decompress>,
    room: Vec<u8>,
}

impl Deflated {
    /// The bytes deflated; none where they are too many.
    pub(super) fn deflate(&mut self, bytes: &[u8]) -> Option<Box<[u8]>> {
        if bytes.len() > LONGEST {
            return None;
        }
        let compress = self.compress.get_or_insert_with(|| Compress::new(Compression::new(EFFORT), false));
        compress.reset();
        self.room.clear();
        // Stored bytes take five more for each 16 KiB or so.
        self.room.reserve(bytes.len() + bytes.len() / 1024 + 64);
        let status = compress.compress_vec(bytes, &mut self.room, FlushCompress::Finish).ok()?;
        (status == Status::StreamEnd).then(|| self.room.as_slice().into())
    }

    /// Adds the inflated bytes; none where these were not deflated.
    pub(super) fn inflate(&mut self, bytes: &[u8], to: &mut Vec<u8>) -> Option<()> {
        let decompress = self.decompress.get_or_insert_with(|| Decompress::new(false));
        decompress.reset(false);
        to.reserve(bytes.len() * 4);
        loop {
            let taken = usize::try_from(decompress.total_in()).ok()?;
            let before = to.len();
            let status = decompress.decompress_vec(bytes.get(taken..)?, to, FlushDecompress::None).ok()?;
            if status == Status::StreamEnd {
                return Some(());
            }
            let is_stuck = to.len() == before && decompress.total_in() == taken as u64 && to.capacity() > before;
            if is_stuck || to.len() > LONGEST {
                return None;
            }
            to.reserve(to.len().max(1024));
        }
    }
}

impl fmt::Debug for Deflated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflated").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(prop_oneof![4 => Just(0_u8), 1 => any::<u8>()], 0..5000)) {
            let mut deflated = Deflated::default();
            for _ in 0..2 {
                let short = deflated.deflate(&bytes).expect("a short piece");
                let mut again = Vec::new();
                prop_assert_eq!(deflated.inflate(&short, &mut again), Some(()));
                prop_assert_eq!(&again, &bytes);
            }
        }
    }

    #[test]
    fn half_a_piece_is_none() {
        let mut deflated = Deflated::default();
        let short = deflated.deflate(&[7; 5000]).expect("a short piece");
        assert_eq!(deflated.inflate(&short[..short.len() / 2], &mut Vec::new()), None);
        assert_eq!(deflated.inflate(&[], &mut Vec::new()), None);
    }
}
