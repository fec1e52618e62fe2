//! Reads the fields of a message one after the other. Comes in: a message's body; goes out: numbers and slices, or `None`
//! where the body is too short. Never panics, never copies.

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
