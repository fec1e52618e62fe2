//! A captured frame, borrowed from the source that read it.

use crate::time::Timestamp;
use std::fmt;

/// Which frame of which file: the file's own number from 1, so that it is Wireshark's.
///
/// Ordered by file, then by number. A single capture is file 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(u64);

impl FrameId {
    const NUMBER_BITS: u32 = 48;

    /// The frame `number` (from 1) of the file with index `file` (from 0).
    #[must_use]
    pub const fn new(file: u16, number: u64) -> Self {
        Self((file as u64) << Self::NUMBER_BITS | (number & ((1 << Self::NUMBER_BITS) - 1)))
    }

    /// All of it in one number, for files that keep it.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The frame that [`Self::to_bits`] made this number of.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The index of the file among those that were merged, from 0.
    #[must_use]
    pub const fn file(self) -> u16 {
        (self.0 >> Self::NUMBER_BITS) as u16
    }

    /// The number of the frame in its file, from 1.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0 & ((1 << Self::NUMBER_BITS) - 1)
    }
}

/// `14` in the first file, `2:14` in the second: files count from 1 for people.
impl fmt::Display for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file() {
            0 => write!(f, "{}", self.number()),
            file => write!(f, "{}:{}", file + 1, self.number()),
        }
    }
}

/// What a frame begins with: a LINKTYPE value of the tcpdump registry (files), to which live captures map their DLT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: a four-byte protocol family in host order.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without HDLC framing.
    pub const PPP: Self = Self(9);
    /// PPP in HDLC-like framing (RFC 1662).
    pub const PPP_HDLC: Self = Self(50);
    /// PPP over Ethernet, without the Ethernet header.
    pub const PPP_ETHER: Self = Self(51);
    /// Raw IP: the version nibble tells which.
    pub const RAW: Self = Self(101);
    /// IEEE 802.11 without radio information.
    pub const IEEE802_11: Self = Self(105);
    /// OpenBSD loopback: the family in network order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// IEEE 802.11 behind a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// The registry's name, where this tool decodes the type.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NULL => "NULL",
            Self::ETHERNET => "ETHERNET",
            Self::PPP => "PPP",
            Self::PPP_HDLC => "PPP_HDLC",
            Self::PPP_ETHER => "PPP_ETHER",
            Self::RAW => "RAW",
            Self::IEEE802_11 => "IEEE802_11",
            Self::LOOP => "LOOP",
            Self::LINUX_SLL => "LINUX_SLL",
            Self::IEEE802_11_RADIOTAP => "IEEE802_11_RADIOTAP",
            Self::IPV4 => "IPV4",
            Self::IPV6 => "IPV6",
            Self::LINUX_SLL2 => "LINUX_SLL2",
            _ => return None,
        })
    }
}

/// The registry's name, or `LINKTYPE_147` for a type that is not decoded.
impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "LINKTYPE_{}", self.0),
        }
    }
}

/// One captured frame. Its bytes belong to the source and are valid until the next one is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which frame of which file.
    pub id: FrameId,
    /// When it was captured.
    pub at: Timestamp,
    /// What its first bytes are.
    pub link_type: LinkType,
    /// Its length on the wire, in bytes; more than `data` holds where the snaplen cut it.
    pub original_len: u32,
    /// The captured bytes.
    pub data: &'a [u8],
}

impl Frame<'_> {
    /// Whether the capture kept less of the frame than was on the wire.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.data.len() < self.original_len as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_keeps_its_files_own_number() {
        let id = FrameId::new(1, 14);
        assert_eq!((id.file(), id.number(), id.to_string().as_str()), (1, 14, "2:14"));
        assert_eq!(FrameId::new(0, 14).to_string(), "14");
    }

    #[test]
    fn an_unknown_link_type_is_shown_by_its_number() {
        assert_eq!(LinkType::ETHERNET.to_string(), "ETHERNET");
        assert_eq!(LinkType(147).to_string(), "LINKTYPE_147");
    }
}
