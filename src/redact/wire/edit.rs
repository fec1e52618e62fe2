//! What is to become of the bytes of a stream or a message: places and their new bytes, and how pseudonyms are made to fit.

use std::sync::Arc;

/// New bytes for a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// Where it begins.
    pub(super) start: u64,
    /// How far it reaches.
    pub(super) len: u64,
    /// What comes there.
    pub(super) what: New,
}

/// What comes in the place of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum New {
    /// These.
    Bytes(Arc<[u8]>),
    /// As many of this one.
    Fill(u8),
    /// Letters and digits become `x`, bytes of no text become zero: lines and words keep their shape.
    Mask,
}

impl Edit {
    pub(super) fn bytes(start: u64, bytes: Vec<u8>) -> Self {
        Self { start, len: bytes.len() as u64, what: New::Bytes(bytes.into()) }
    }

    pub(super) const fn fill(start: u64, len: u64, byte: u8) -> Self {
        Self { start, len, what: New::Fill(byte) }
    }

    /// The memory that it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        let bytes = if let New::Bytes(bytes) = &self.what { bytes.len() } else { 0 };
        size_of::<Self>() + bytes
    }

    /// Changes what of `bytes`, which begin at `at`, is in its place.
    pub(super) fn apply(&self, at: u64, bytes: &mut [u8]) {
        let end = at + bytes.len() as u64;
        let (from, to) = (self.start.max(at), (self.start + self.len).min(end));
        if from >= to {
            return;
        }
        let (Ok(first), Ok(last)) = (usize::try_from(from - at), usize::try_from(to - at)) else { return };
        let Some(place) = bytes.get_mut(first..last) else { return };
        match &self.what {
            New::Fill(byte) => place.fill(*byte),
            New::Mask => place.iter_mut().for_each(|byte| *byte = masked(*byte)),
            New::Bytes(new) => {
                let skip = usize::try_from(from - self.start).unwrap_or(usize::MAX);
                place.iter_mut().zip(new.iter().skip(skip)).for_each(|(byte, new)| *byte = *new);
            }
        }
    }
}

const fn masked(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => b'x',
        0x7f..=0xff => 0,
        other => other,
    }
}

/// A pseudonym in exactly so many bytes.
pub(super) fn fit(pseudonym: &str, len: usize) -> Vec<u8> {
    let mut bytes = pseudonym.as_bytes().to_vec();
    bytes.resize(len, b'x');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_changes_its_place_however_it_is_cut() {
        let edit = Edit::bytes(10, b"12345".to_vec());
        for (at, before, after) in [(8, "abcdefghij", "ab12345hij"), (12, "cdefg", "345fg"), (5, "abcdefg", "abcde12")]
        {
            let mut bytes = before.as_bytes().to_vec();
            edit.apply(at, &mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), after);
        }
        let mut bytes = *b"GET /a\r\n\xff";
        Edit { start: 4, len: 100, what: New::Mask }.apply(0, &mut bytes);
        assert_eq!(&bytes, b"GET /x\r\n\0");
    }
}
