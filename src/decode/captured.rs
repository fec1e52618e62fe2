//! Bytes as they were captured, and how long they were on the wire: what each layer hands to the next.
//!
//! All reading of headers goes through here, so that "cut by the snaplen" and "contradicts itself" are told apart in one place.

use super::skip::Skip;

/// A run of bytes of which the capture may hold only the beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Captured<'a> {
    bytes: &'a [u8],
    wire_len: usize,
}

impl<'a> Captured<'a> {
    /// `bytes` of a run that was `wire_len` bytes long; a length below what was captured is not believed.
    pub(super) fn new(bytes: &'a [u8], wire_len: usize) -> Self {
        Self { bytes, wire_len: wire_len.max(bytes.len()) }
    }

    /// What was captured.
    pub(super) const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The length on the wire, in bytes; never below that of [`bytes`](Self::bytes).
    pub(super) const fn wire_len(self) -> usize {
        self.wire_len
    }

    /// The first `N` bytes.
    pub(super) fn head<const N: usize>(self) -> Result<&'a [u8; N], Skip> {
        self.bytes.first_chunk().ok_or(self.lack_of(N))
    }

    /// The 16-bit number at `offset`, in network order.
    pub(super) fn u16_at(self, offset: usize) -> Result<u16, Skip> {
        self.after(offset)?.head().map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// What follows a header of `len` bytes.
    pub(super) fn after(self, len: usize) -> Result<Self, Skip> {
        let bytes = self.bytes.get(len..).ok_or(self.lack_of(len))?;
        Ok(Self { bytes, wire_len: self.wire_len - len })
    }

    /// The same, where a length field says that only `len` bytes belong to it: the rest is padding. A length beyond what was on
    /// the wire is not believed, as in Wireshark: a receiver would not take the packet, and bytes that do exist but were not
    /// captured show in the sequence numbers anyway.
    pub(super) fn of_len(self, len: usize) -> Self {
        Self { bytes: self.bytes.get(..len).unwrap_or(self.bytes), wire_len: self.wire_len.min(len) }
    }

    /// Why `len` bytes are not here.
    pub(super) const fn lack_of(self, len: usize) -> Skip {
        if len > self.wire_len { Skip::Malformed } else { Skip::Truncated }
    }
}
