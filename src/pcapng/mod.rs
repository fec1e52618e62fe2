//! The pcapng file format: its numbers, and a [`Writer`]. What comes in is frames and what is known about them, what goes
//! out is bytes that Wireshark reads. The reader is part of [`crate::source`]; nothing here opens a file.
//!
//! Sections are those of draft-ietf-opsawg-pcapng, "PCAP Now Generic (pcapng) Capture File Format"
//! (<https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/>).

mod writer;

pub use writer::{Interface, InterfaceId, Section, Writer};

/// The byte-order magic of a section header: 4.1. It reads `4d3c2b1a` in a section of the other byte order.
pub const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// The length of a block without a body: type, total length, and the total length again (3.1).
pub const MIN_BLOCK: u32 = 12;

/// What a block is (11.1). Types with the top bit set are for local use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockType(pub u32);

impl BlockType {
    /// Section Header Block (4.1): the same in both byte orders.
    pub const SECTION_HEADER: Self = Self(0x0a0d_0d0a);
    /// Interface Description Block (4.2).
    pub const INTERFACE_DESCRIPTION: Self = Self(1);
    /// Packet Block, obsolete (appendix A).
    pub const PACKET: Self = Self(2);
    /// Simple Packet Block (4.4).
    pub const SIMPLE_PACKET: Self = Self(3);
    /// Name Resolution Block (4.5).
    pub const NAME_RESOLUTION: Self = Self(4);
    /// Interface Statistics Block (4.6).
    pub const INTERFACE_STATISTICS: Self = Self(5);
    /// Enhanced Packet Block (4.3).
    pub const ENHANCED_PACKET: Self = Self(6);
    /// systemd Journal Export Block (11.1).
    pub const SYSTEMD_JOURNAL_EXPORT: Self = Self(9);
    /// Decryption Secrets Block (4.7).
    pub const DECRYPTION_SECRETS: Self = Self(10);
    /// Custom Block that may be copied into other files (4.8).
    pub const CUSTOM: Self = Self(0xbad);
    /// Custom Block that should not be copied (4.8).
    pub const CUSTOM_NO_COPY: Self = Self(0x4000_0bad);
}

/// What an option is (3.5). All but the first three mean something only in their own kind of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OptionCode(pub u16);

impl OptionCode {
    /// `opt_endofopt`: the list ends.
    pub const END: Self = Self(0);
    /// `opt_comment`, in any block, any number of times.
    pub const COMMENT: Self = Self(1);
    /// `shb_hardware` (4.1).
    pub const SECTION_HARDWARE: Self = Self(2);
    /// `shb_os` (4.1).
    pub const SECTION_OS: Self = Self(3);
    /// `shb_userappl` (4.1).
    pub const SECTION_APPLICATION: Self = Self(4);
    /// `if_name` (4.2).
    pub const INTERFACE_NAME: Self = Self(2);
    /// `if_description` (4.2).
    pub const INTERFACE_DESCRIPTION: Self = Self(3);
    /// `if_tsresol` (4.2): one byte; the unit is 10^-n s, or 2^-n s where the top bit is set.
    pub const INTERFACE_RESOLUTION: Self = Self(9);
    /// `if_filter` (4.2): a byte that tells the kind of filter (0: libpcap's language), then the filter.
    pub const INTERFACE_FILTER: Self = Self(11);
    /// `if_os` (4.2).
    pub const INTERFACE_OS: Self = Self(12);
    /// `if_tsoffset` (4.2): seconds to add to each timestamp, signed.
    pub const INTERFACE_TIME_OFFSET: Self = Self(14);
    /// `epb_packetid` (4.3): eight bytes that name a packet, the same wherever it is copied to.
    pub const PACKET_ID: Self = Self(5);
    /// `isb_ifrecv` (4.6): packets received, since the capture began.
    pub const STATISTICS_RECEIVED: Self = Self(4);
    /// `isb_ifdrop` (4.6): packets that the interface dropped for want of resources.
    pub const STATISTICS_DROPPED_BY_INTERFACE: Self = Self(5);
    /// `isb_osdrop` (4.6): packets that the operating system dropped.
    pub const STATISTICS_DROPPED_BY_OS: Self = Self(7);
}

/// What a name resolution record is (4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NameRecord(pub u16);

impl NameRecord {
    /// `nrb_record_end`.
    pub const END: Self = Self(0);
    /// `nrb_record_ipv4`: four bytes of address, then names that end in zero bytes.
    pub const IPV4: Self = Self(1);
    /// `nrb_record_ipv6`: sixteen bytes of address, then names that end in zero bytes.
    pub const IPV6: Self = Self(2);
}

/// What the bytes of a decryption secrets block are (4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecretsType(pub u32);

impl SecretsType {
    /// A TLS key log in NSS format: `TLSK`.
    pub const TLS_KEY_LOG: Self = Self(0x544c_534b);
}

/// The counters of an interface, since its capture began; `None` where they are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceStatistics {
    /// Packets received.
    pub received: Option<u64>,
    /// Packets that the interface dropped.
    pub dropped_by_interface: Option<u64>,
    /// Packets that the operating system dropped, between the interface and the program.
    pub dropped_by_os: Option<u64>,
}

/// How many zero bytes bring `len` to a multiple of four (3.1, 3.5).
#[must_use]
pub const fn padding(len: usize) -> usize {
    len.wrapping_neg() % 4
}
