//! Bytes for the parsers of every layer: [`Reader`] takes the fields of a message one after the other, [`Window`] holds the few
//! bytes of a stream that are not yet enough. Comes in: bytes; goes out: numbers and slices, or `None` where there are too
//! few. Never panics, never copies a body.

/// What is left of a body. A failed read leaves it as it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A vector behind a length of one byte.
    pub(crate) fn vec8(&mut self) -> Option<&'a [u8]> {
        self.vector(|reader| reader.u8().map(usize::from))
    }

    /// A vector behind a length of two bytes.
    pub(crate) fn vec16(&mut self) -> Option<&'a [u8]> {
        self.vector(|reader| reader.u16().map(usize::from))
    }

    /// A vector behind a length of three bytes.
    pub(crate) fn vec24(&mut self) -> Option<&'a [u8]> {
        self.vector(|reader| reader.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]) as usize))
    }

    /// A vector behind a variable byte integer (MQTT 5.0, 2.2.2).
    pub(crate) fn vec_varint(&mut self) -> Option<&'a [u8]> {
        self.vector(|reader| reader.varint().map(|length| length as usize))
    }

    /// A variable byte integer (MQTT 5.0, 1.5.5).
    pub(crate) fn varint(&mut self) -> Option<u32> {
        let mut ahead = *self;
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = ahead.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                *self = ahead;
                return Some(value);
            }
        }
        None
    }

    /// What is left.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    fn vector(&mut self, length: impl Fn(&mut Self) -> Option<usize>) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let taken = length(&mut ahead).and_then(|count| ahead.take(count))?;
        *self = ahead;
        Some(taken)
    }
}

/// The 16-bit numbers of a list; an odd last byte is left out.
pub(crate) fn u16_list(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone + '_ {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

/// Up to `N` bytes in a row; more are dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Window<N> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn push(&mut self, byte: u8) {
        if let Some(free) = self.bytes.get_mut(self.len) {
            *free = byte;
            self.len += 1;
        }
    }

    /// Puts these in place of what it holds.
    pub(crate) fn fill<const M: usize>(&mut self, bytes: [u8; M]) {
        if let Some(front) = self.bytes.first_chunk_mut() {
            *front = bytes;
            self.len = M;
        }
    }

    pub(crate) fn pop_front(&mut self) {
        self.bytes.copy_within(1.., 0);
        self.len = self.len.saturating_sub(1);
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }
}

impl<const N: usize> Default for Window<N> {
    fn default() -> Self {
        Self { bytes: [0; N], len: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_read_takes_nothing() {
        let mut reader = Reader::new(&[0, 3, 1, 2]);
        assert_eq!(reader.vec16(), None);
        assert_eq!(reader.vec_varint(), Some(&[][..]));
        assert_eq!(reader.vec8(), None);
        assert_eq!(reader.rest(), [3, 1, 2]);
    }

    #[test]
    fn variable_byte_integers_are_those_of_the_specification() {
        // MQTT 5.0, table 1-1: the least and the greatest of each length.
        for (bytes, value) in [
            (&[0x00][..], 0),
            (&[0x7F], 127),
            (&[0x80, 0x01], 128),
            (&[0xFF, 0x7F], 16_383),
            (&[0x80, 0x80, 0x01], 16_384),
            (&[0xFF, 0xFF, 0x7F], 2_097_151),
            (&[0x80, 0x80, 0x80, 0x01], 2_097_152),
            (&[0xFF, 0xFF, 0xFF, 0x7F], 268_435_455),
        ] {
            assert_eq!(Reader::new(bytes).varint(), Some(value));
        }
        assert_eq!(Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x01]).varint(), None);
    }

    #[test]
    fn a_window_drops_what_it_cannot_hold() {
        let mut window = Window::<2>::default();
        for byte in 1..=3 {
            window.push(byte);
        }
        assert_eq!(window.as_slice(), [1, 2]);
        window.pop_front();
        assert_eq!(window.as_slice(), [2]);
    }
}
