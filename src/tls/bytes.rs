//! Bytes for the parsers above: [`Reader`] takes the fields of a message one after the other, [`Window`] holds the few bytes
//! of a stream that are not yet enough. Comes in: bytes; goes out: numbers and slices, or `None` where there are too few.

/// What is left of a body. A failed read leaves it as it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A vector behind a length of one byte.
    pub(super) fn vec8(&mut self) -> Option<&'a [u8]> {
        self.vector(|reader| reader.u8().map(usize::from))
    }

    /// A vector behind a length of two bytes.
    pub(super) fn vec16(&mut self) -> Option<&'a [u8]> {
        self.vector(|reader| reader.u16().map(usize::from))
    }

    /// A vector behind a length of three bytes.
    pub(super) fn vec24(&mut self) -> Option<&'a [u8]> {
        self.vector(|reader| reader.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]) as usize))
    }

    fn vector(&mut self, length: impl Fn(&mut Self) -> Option<usize>) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let taken = length(&mut ahead).and_then(|count| ahead.take(count))?;
        *self = ahead;
        Some(taken)
    }
}

/// The 16-bit numbers of a list; an odd last byte is left out.
pub(super) fn u16_list(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone + '_ {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

/// Up to `N` bytes in a row; more are dropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Window<N> {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(super) fn push(&mut self, byte: u8) {
        if let Some(free) = self.bytes.get_mut(self.len) {
            *free = byte;
            self.len += 1;
        }
    }

    /// Puts these in place of what it holds.
    pub(super) fn fill<const M: usize>(&mut self, bytes: [u8; M]) {
        if let Some(front) = self.bytes.first_chunk_mut() {
            *front = bytes;
            self.len = M;
        }
    }

    pub(super) fn pop_front(&mut self) {
        self.bytes.copy_within(1.., 0);
        self.len = self.len.saturating_sub(1);
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }
}

impl<const N: usize> Default for Window<N> {
    fn default() -> Self {
        Self { bytes: [0; N], len: 0 }
    }
}
