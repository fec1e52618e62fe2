//! What a capture says about itself, and what was wrong with it. All of it is bounded, and what did not fit is counted.

use crate::frame::{FrameId, LinkType};
use crate::pcapng::{InterfaceStatistics, SecretsType};
use std::fmt;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// Places of damage that are kept.
const MAX_DAMAGES: usize = 100;
/// Interfaces that are kept.
const MAX_INTERFACES: usize = 1_000;
/// Bytes of decryption secrets that are kept: some hundred thousand connections.
const MAX_SECRETS: usize = 64 << 20;
/// Names of addresses that are kept.
const MAX_NAMES: usize = 10_000;
/// Comments on sections that are kept.
const MAX_SECTION_COMMENTS: usize = 100;

/// What is known of a capture beside its frames.
#[derive(Clone, Debug, Default)]
pub struct CaptureInfo {
    /// The files in the order they were named, `standard input` or the interfaces. The index is [`FrameId::file`].
    pub sources: Vec<String>,
    /// The link types of its interfaces, each once, in order of appearance.
    pub link_types: Vec<LinkType>,
    /// Frames that were read.
    pub frames: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Frames that the capture itself lost.
    pub dropped: Dropped,
    /// Where the capture is damaged, in the order it was found.
    pub damaged: Vec<Damage>,
    /// Decryption secrets, in the order of the capture.
    pub secrets: Vec<Secrets>,
    /// The memory that they take, in bytes.
    pub secrets_size: usize,
    /// Names of addresses.
    pub names: Vec<(IpAddr, String)>,
    /// Interfaces, in order of appearance.
    pub interfaces: Vec<InterfaceInfo>,
    /// Comments on the capture as a whole.
    pub section_comments: Vec<String>,
    /// How many comments there are on frames.
    pub frame_comments: u64,
    /// How many of the above did not fit their limits.
    pub omitted: Omitted,
}

/// What a [`CaptureInfo`] has no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Omitted {
    /// Places of damage.
    pub damaged: u64,
    /// Blocks of secrets.
    pub secrets: u64,
    /// Names of addresses.
    pub names: u64,
    /// Interfaces.
    pub interfaces: u64,
    /// Comments on sections.
    pub section_comments: u64,
}

/// Frames that were lost while capturing, summed over all interfaces; `None` where no capture said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// By the operating system, for want of buffer.
    pub kernel: Option<u64>,
    /// By the interface.
    pub interface: Option<u64>,
}

/// A place where a capture is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The last good frame before it; its number is 0 where there was none.
    pub after: FrameId,
    /// Bytes from the beginning of the file (of what is inside, where it is compressed).
    pub offset: u64,
    /// What is wrong.
    pub fault: Fault,
    /// Bytes that are lost, from there to where reading went on; `None` where it did not.
    pub skipped: Option<u64>,
}

/// What is wrong with a piece of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file ends within a frame or a block.
    CutOff,
    /// Reading failed, or the compressed data is damaged; the text is the system's.
    Unreadable(String),
    /// A block claims a length that no block can have.
    BlockLength(u32),
    /// The length at the end of a block is not the one at its beginning.
    BlockEnd {
        /// The length at the beginning.
        first: u32,
        /// The length at the end.
        last: u32,
    },
    /// A section header has no byte-order magic.
    SectionHeader,
    /// A frame's block is too short for what it claims to hold.
    FrameBlock,
    /// A frame names an interface that was not described.
    UnknownInterface(u32),
    /// A block of this type, not a frame's, is too short for what it claims to hold.
    Block(u32),
    /// The options of a block do not fit it; those before are taken.
    Options,
    /// A record of a pcap file claims to hold so many bytes.
    RecordLength(u32),
    /// A record of a pcap file is nothing but zeros.
    EmptyRecord,
}

/// Decryption secrets from within a capture.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// What the bytes are.
    pub kind: SecretsType,
    /// The bytes, as they were in the file; wiped when they are dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The last frame before them; its number is 0 where there was none.
    pub after: FrameId,
}

/// An interface that a capture describes; texts are empty where it does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceInfo {
    /// The index of the file that describes it.
    pub file: u16,
    /// What its frames begin with.
    pub link_type: LinkType,
    /// The most bytes that were kept of a frame; 0 for no limit.
    pub snaplen: u32,
    /// The device's name.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// The capture filter.
    pub filter: String,
    /// The operating system of the machine that it is in.
    pub os: String,
    /// Its counters, the latest.
    pub statistics: InterfaceStatistics,
}

impl InterfaceInfo {
    /// One that nothing else is known of.
    pub(super) fn new(file: u16, link_type: LinkType) -> Self {
        Self {
            file,
            link_type,
            snaplen: 0,
            name: String::new(),
            description: String::new(),
            filter: String::new(),
            os: String::new(),
            statistics: InterfaceStatistics::default(),
        }
    }
}

impl CaptureInfo {
    pub(super) fn add_frame(&mut self, captured_len: usize) {
        self.frames += 1;
        self.bytes += captured_len as u64;
    }

    pub(super) fn add_link_type(&mut self, link_type: LinkType) {
        if !self.link_types.contains(&link_type) {
            self.link_types.push(link_type);
        }
    }

    pub(super) fn add_damage(&mut self, damage: Damage) {
        push_bounded(&mut self.damaged, damage, MAX_DAMAGES, &mut self.omitted.damaged);
    }

    pub(super) fn add_secrets(&mut self, secrets: Secrets) {
        let size = self.secrets_size + size_of::<Secrets>() + secrets.bytes.len();
        if size <= MAX_SECRETS {
            self.secrets_size = size;
            self.secrets.push(secrets);
        } else {
            self.omitted.secrets += 1;
        }
    }

    pub(super) fn add_name(&mut self, address: IpAddr, name: String) {
        push_bounded(&mut self.names, (address, name), MAX_NAMES, &mut self.omitted.names);
    }

    pub(super) fn add_section_comment(&mut self, comment: String) {
        push_bounded(&mut self.section_comments, comment, MAX_SECTION_COMMENTS, &mut self.omitted.section_comments);
    }

    /// Its index among the interfaces, where there was room.
    pub(super) fn add_interface(&mut self, interface: InterfaceInfo) -> Option<usize> {
        let index = self.interfaces.len();
        push_bounded(&mut self.interfaces, interface, MAX_INTERFACES, &mut self.omitted.interfaces);
        (index < self.interfaces.len()).then_some(index)
    }

    /// Takes the latest counters of an interface: they count from the beginning, so that they replace earlier ones.
    pub(super) fn set_statistics(&mut self, index: usize, statistics: InterfaceStatistics) {
        let Some(interface) = self.interfaces.get_mut(index) else { return };
        let known = interface.statistics;
        interface.statistics = InterfaceStatistics {
            received: statistics.received.or(known.received),
            dropped_by_interface: statistics.dropped_by_interface.or(known.dropped_by_interface),
            dropped_by_os: statistics.dropped_by_os.or(known.dropped_by_os),
        };
        self.dropped = Dropped {
            kernel: self.sum(|statistics| statistics.dropped_by_os),
            interface: self.sum(|statistics| statistics.dropped_by_interface),
        };
    }

    fn sum(&self, counter: impl Fn(&InterfaceStatistics) -> Option<u64>) -> Option<u64> {
        let known = self.interfaces.iter().filter_map(|interface| counter(&interface.statistics));
        known.reduce(u64::saturating_add)
    }
}

fn push_bounded<T>(list: &mut Vec<T>, item: T, max: usize, omitted: &mut u64) {
    if list.len() < max {
        list.push(item);
    } else {
        *omitted += 1;
    }
}

/// For people: what and where, and what it cost.
impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.fault, self.offset)?;
        match self.after.number() {
            0 => f.write_str(", before the first frame")?,
            _ => write!(f, ", after frame {}", self.after)?,
        }
        match self.skipped {
            Some(0) => Ok(()),
            Some(bytes) => write!(f, "; {bytes} bytes are lost"),
            None => f.write_str("; the rest is not read"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff => f.write_str("the capture is cut off"),
            Self::Unreadable(error) => write!(f, "the capture cannot be read further ({error})"),
            Self::BlockLength(len) => write!(f, "a block claims to be {len} bytes long"),
            Self::BlockEnd { first, last } => write!(f, "a block of {first} bytes ends as one of {last}"),
            Self::SectionHeader => f.write_str("a section header has no byte order"),
            Self::FrameBlock => f.write_str("a frame is longer than its block"),
            Self::UnknownInterface(id) => write!(f, "a frame is of interface {id}, which is not described"),
            Self::Block(kind) => write!(f, "a block of type {kind:#x} is malformed"),
            Self::Options => f.write_str("an option is longer than its block"),
            Self::RecordLength(len) => write!(f, "a frame claims to be {len} bytes long"),
            Self::EmptyRecord => f.write_str("a frame is nothing but zeros"),
        }
    }
}

/// Secrets stay out of logs.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, bytes, after } = self;
        f.debug_struct("Secrets").field("kind", kind).field("len", &bytes.len()).field("after", after).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_unknown_until_an_interface_tells() {
        let mut info = CaptureInfo::default();
        let (one, other) = (
            info.add_interface(InterfaceInfo::new(0, LinkType::ETHERNET)).unwrap(),
            info.add_interface(InterfaceInfo::new(0, LinkType::ETHERNET)).unwrap(),
        );
        assert_eq!(info.dropped, Dropped { kernel: None, interface: None });
        let os = |dropped| InterfaceStatistics { dropped_by_os: Some(dropped), ..InterfaceStatistics::default() };
        info.set_statistics(one, os(3));
        info.set_statistics(other, os(4));
        info.set_statistics(one, os(5));
        assert_eq!(info.dropped, Dropped { kernel: Some(9), interface: None });
    }

    #[test]
    fn damage_says_where_and_what_it_cost() {
        let damage = Damage { after: FrameId::new(0, 7), offset: 512, fault: Fault::CutOff, skipped: None };
        assert_eq!(damage.to_string(), "the capture is cut off at byte 512, after frame 7; the rest is not read");
    }

    #[test]
    fn lists_are_bounded_and_count_the_rest() {
        let mut info = CaptureInfo::default();
        for _ in 0..MAX_DAMAGES + 2 {
            info.add_damage(Damage { after: FrameId::new(0, 0), offset: 0, fault: Fault::CutOff, skipped: None });
        }
        assert_eq!((info.damaged.len(), info.omitted.damaged), (MAX_DAMAGES, 2));
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let secrets = Secrets {
            kind: SecretsType::TLS_KEY_LOG,
            bytes: b"CLIENT_RANDOM".to_vec().into(),
            after: FrameId::new(0, 0),
        };
        assert!(!format!("{secrets:?}").contains("67"));
    }
}
