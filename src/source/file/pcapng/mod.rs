//! The pcapng format: sections of blocks (draft-ietf-opsawg-pcapng; its numbers are [`crate::pcapng`]'s). Blocks in,
//! frames out; what else a section says goes into the [`CaptureInfo`].
//!
//! Wireshark numbers some blocks that are no frames as if they were (custom blocks, journal entries, system calls): so do
//! we, and pass over them.

mod blocks;
mod clock;
mod options;
#[cfg(test)]
mod tests;

use super::bytes::ByteOrder;
use super::input::Input;
use super::{Bad, Located, Numbering, Place, link_type};
use crate::frame::{FrameId, LinkType};
use crate::pcapng::{BlockType, InterfaceStatistics, NameRecord, OptionCode, SecretsType, padding};
use crate::source::info::{CaptureInfo, Fault, InterfaceInfo, Secrets};
use crate::time::Timestamp;
use blocks::{Block, Framing};
use clock::Clock;
use options::{Options, text};
use std::net::IpAddr;

pub(super) use blocks::{is_cut_section_header, is_section_header};

/// Interfaces that a section may describe.
const MAX_INTERFACES: usize = 1 << 16;

/// The blocks of a file.
#[derive(Default)]
pub(super) struct Blocks {
    framing: Framing,
    /// Of the section; `None` for one whose description is malformed, so that the others keep their numbers.
    interfaces: Vec<Option<Interface>>,
    /// Of the last frame: simple packets have no time of their own.
    last_at: Timestamp,
}

struct Interface {
    link_type: LinkType,
    snaplen: u32,
    clock: Clock,
    /// Where it is among all interfaces of the capture.
    index: Option<usize>,
}

/// A frame within the body of its block.
struct Packet {
    interface: u32,
    /// In the interface's unit; `None` in a simple packet.
    time: Option<u64>,
    captured_len: usize,
    original_len: u32,
    /// Where its bytes begin.
    start: usize,
}

impl Blocks {
    /// The next frame. A malformed block costs itself.
    pub(super) fn next(&mut self, input: &mut Input, place: &mut Place, info: &mut CaptureInfo) -> Option<Located> {
        loop {
            let block = self.framing.next(input, place, info)?;
            let before = *place;
            place.number += u64::from(block.is_numbered());
            let body = input.slice(block.body.clone());
            let read = match block.kind {
                BlockType::ENHANCED_PACKET | BlockType::PACKET | BlockType::SIMPLE_PACKET => {
                    match self.frame(&block, body, before, info) {
                        Ok(located) => return Some(located),
                        Err(fault) => Err(fault),
                    }
                }
                kind => self.describe(kind, body, before, info).ok_or(Fault::Block(kind.0)),
            };
            if let Err(fault) = read {
                info.add_damage(before.damage(block.offset, fault, Some(block.len)));
            }
        }
    }

    fn frame(&mut self, block: &Block, body: &[u8], before: Place, info: &mut CaptureInfo) -> Result<Located, Fault> {
        let packet = self.packet(block.kind, body).ok_or(Fault::FrameBlock)?;
        let end = packet.start + packet.captured_len;
        if end > body.len() {
            return Err(Fault::FrameBlock);
        }
        let interface = self.interface(packet.interface).ok_or(Fault::UnknownInterface(packet.interface))?;
        let (link_type, at) = (interface.link_type, packet.time.map_or(self.last_at, |time| interface.clock.at(time)));
        self.last_at = at;
        let mut id = FrameId::new(before.file, before.number + 1);
        // Simple packets have no options.
        if packet.time.is_some()
            && let Some(bytes) = body.get(end + padding(packet.captured_len)..)
            && !bytes.is_empty()
        {
            let mut options = Options::new(self.framing.order(), bytes);
            for (code, value) in options.by_ref() {
                match code {
                    OptionCode::COMMENT => info.frame_comments += 1,
                    OptionCode::PACKET_ID if before.numbering == Numbering::OfOrigin => {
                        id = self.framing.order().u64(value, 0).map_or(id, FrameId::from_bits);
                    }
                    _ => {}
                }
            }
            if options.is_malformed() {
                info.add_damage(before.damage(block.offset, Fault::Options, Some(0)));
            }
        }
        let start = block.body.start + packet.start;
        Ok(Located { id, at, link_type, original_len: packet.original_len, data: start..start + packet.captured_len })
    }

    fn packet(&self, kind: BlockType, body: &[u8]) -> Option<Packet> {
        let order = self.framing.order();
        let word = |at| order.u32(body, at);
        if kind == BlockType::SIMPLE_PACKET {
            // Its captured length is not told: it is what the snaplen and the block leave of the original (4.4).
            let original_len = word(0)?;
            let snaplen = self.interface(0).map_or(0, |interface| interface.snaplen);
            let kept = if snaplen == 0 { original_len } else { original_len.min(snaplen) };
            let captured_len = (kept as usize).min(body.len() - 4);
            return Some(Packet { interface: 0, time: None, captured_len, original_len, start: 4 });
        }
        // The obsolete block has the interface in its first half word, then a count of drops.
        let interface = if kind == BlockType::PACKET { order.u16(body, 0)?.into() } else { word(0)? };
        let (captured_len, original_len) = (word(12)? as usize, word(16)?);
        Some(Packet { interface, time: Some(order.split_u64(body, 4)?), captured_len, original_len, start: 20 })
    }

    fn interface(&self, id: u32) -> Option<&Interface> {
        self.interfaces.get(id as usize)?.as_ref()
    }

    /// Takes over what a block says that is no frame's; `None` where it is malformed.
    fn describe(&mut self, kind: BlockType, body: &[u8], place: Place, info: &mut CaptureInfo) -> Option<()> {
        match kind {
            BlockType::SECTION_HEADER => self.begin_section(body, info),
            BlockType::INTERFACE_DESCRIPTION => self.add_interface(body, place, info),
            BlockType::INTERFACE_STATISTICS => self.take_statistics(body, info),
            BlockType::NAME_RESOLUTION => self.take_names(body, info),
            BlockType::DECRYPTION_SECRETS => self.take_secrets(body, place, info),
            _ => Some(()),
        }
    }

    fn begin_section(&mut self, body: &[u8], info: &mut CaptureInfo) -> Option<()> {
        self.interfaces.clear();
        let mut options = self.options(body, 16)?;
        for (_, value) in options.by_ref().filter(|(code, _)| *code == OptionCode::COMMENT) {
            info.add_section_comment(text(value));
        }
        (!options.is_malformed()).then_some(())
    }

    fn add_interface(&mut self, body: &[u8], place: Place, info: &mut CaptureInfo) -> Option<()> {
        if self.interfaces.len() >= MAX_INTERFACES {
            info.omitted.interfaces += 1;
            return Some(());
        }
        let interface = self.interface_from(body, place, info);
        let is_good = interface.is_some();
        self.interfaces.push(interface);
        is_good.then_some(())
    }

    fn interface_from(&self, body: &[u8], place: Place, info: &mut CaptureInfo) -> Option<Interface> {
        let order = self.framing.order();
        let (link_type, snaplen) = (link_type(order.u16(body, 0)?), order.u32(body, 4)?);
        let mut described = InterfaceInfo { snaplen, ..InterfaceInfo::new(place.file, link_type) };
        let mut clock = Clock::default();
        // A malformed option costs the options behind it, not the interface's frames.
        for (code, value) in self.options(body, 8)? {
            match (code, value) {
                (OptionCode::INTERFACE_NAME, _) => described.name = text(value),
                (OptionCode::INTERFACE_DESCRIPTION, _) => described.description = text(value),
                (OptionCode::INTERFACE_FILTER, [0, filter @ ..]) => described.filter = text(filter),
                (OptionCode::INTERFACE_OS, _) => described.os = text(value),
                (OptionCode::INTERFACE_RESOLUTION, [resolution, ..]) => clock.set_resolution(*resolution),
                (OptionCode::INTERFACE_TIME_OFFSET, _) => clock.set_offset(order.u64(value, 0)?.cast_signed()),
                _ => {}
            }
        }
        info.add_link_type(link_type);
        Some(Interface { link_type, snaplen, clock, index: info.add_interface(described) })
    }

    fn take_statistics(&mut self, body: &[u8], info: &mut CaptureInfo) -> Option<()> {
        let order = self.framing.order();
        let interface = self.interface(order.u32(body, 0)?)?;
        let mut statistics = InterfaceStatistics::default();
        for (code, value) in self.options(body, 12)? {
            match code {
                OptionCode::STATISTICS_RECEIVED => statistics.received = order.u64(value, 0),
                OptionCode::STATISTICS_DROPPED_BY_INTERFACE => statistics.dropped_by_interface = order.u64(value, 0),
                OptionCode::STATISTICS_DROPPED_BY_OS => statistics.dropped_by_os = order.u64(value, 0),
                _ => {}
            }
        }
        if let Some(index) = interface.index {
            info.set_statistics(index, statistics);
        }
        Some(())
    }

    fn take_names(&mut self, body: &[u8], info: &mut CaptureInfo) -> Option<()> {
        let order = self.framing.order();
        let mut rest = body;
        loop {
            let kind = NameRecord(order.u16(rest, 0)?);
            if kind == NameRecord::END {
                return Some(());
            }
            let len = usize::from(order.u16(rest, 2)?);
            let value = rest.get(4..4 + len)?;
            rest = rest.get(4 + len + padding(len)..)?;
            let (address, names) = match kind {
                NameRecord::IPV4 => (IpAddr::from(*value.first_chunk::<4>()?), value.get(4..)?),
                NameRecord::IPV6 => (IpAddr::from(*value.first_chunk::<16>()?), value.get(16..)?),
                _ => continue,
            };
            for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
                info.add_name(address, text(name));
            }
        }
    }

    fn take_secrets(&mut self, body: &[u8], place: Place, info: &mut CaptureInfo) -> Option<()> {
        let order = self.framing.order();
        let (kind, len) = (SecretsType(order.u32(body, 0)?), order.u32(body, 4)? as usize);
        let bytes = body.get(8..)?.get(..len)?;
        info.add_secrets(Secrets { kind, bytes: bytes.to_vec().into(), after: place.id() });
        Some(())
    }

    fn options<'a>(&self, body: &'a [u8], at: usize) -> Option<Options<'a>> {
        Some(Options::new(self.framing.order(), body.get(at..)?))
    }
}
