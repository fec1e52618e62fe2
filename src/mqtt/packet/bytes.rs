//! Reads the fields of a packet one after the other (MQTT 5.0, 1.5). Comes in: a packet's body; goes out: numbers and slices,
//! or `None` where the body is too short. Never panics, never copies.

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

    /// Bytes behind a length of two bytes: a string or binary data.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let taken = ahead.u16().and_then(|length| ahead.take(usize::from(length)))?;
        *self = ahead;
        Some(taken)
    }

    /// A variable byte integer (MQTT 5.0, 1.5.5).
    pub(super) fn varint(&mut self) -> Option<u32> {
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

    /// The properties of a packet of MQTT 5.0, behind their length (2.2.2).
    pub(super) fn properties(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let taken = ahead.varint().and_then(|length| ahead.take(length as usize))?;
        *self = ahead;
        Some(taken)
    }

    /// What is left.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }
}
