//! Frames, secrets, names and counters in; a pcapng section out, little-endian and with nanoseconds.
//!
//! Each block goes to the underlying writer whole, in one call: a file whose writing is stopped between two blocks is a
//! good file. The same calls give the same bytes.

use super::{BYTE_ORDER_MAGIC, BlockType, InterfaceStatistics, NameRecord, OptionCode, SecretsType, padding};
use crate::frame::{Frame, LinkType};
use crate::time::Timestamp;
use std::io::{self, Write};
use std::net::IpAddr;

/// Who made a section; empty strings are left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Section<'a> {
    /// The hardware it was captured on.
    pub hardware: &'a str,
    /// The operating system.
    pub os: &'a str,
    /// The program that writes it.
    pub application: &'a str,
    /// A comment on all of it.
    pub comment: &'a str,
}

/// An interface that frames were captured on; empty strings are left out.
#[derive(Clone, Copy, Debug)]
pub struct Interface<'a> {
    /// What its frames begin with.
    pub link_type: LinkType,
    /// The most bytes that were kept of a frame; 0 for no limit.
    pub snaplen: u32,
    /// The device's name, such as `eth0`.
    pub name: &'a str,
    /// What it is, for people.
    pub description: &'a str,
    /// The capture filter, in libpcap's language.
    pub filter: &'a str,
}

/// An interface of one [`Writer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InterfaceId(u32);

/// Writes one section. Call [`Writer::new`], then [`Writer::add_interface`] before the first frame of that interface, then
/// the others in any order; secrets come before the frames that they decrypt.
#[derive(Debug)]
pub struct Writer<W> {
    inner: W,
    link_types: Vec<LinkType>,
    /// The block in the making; kept for its allocation.
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a section (4.1) of unspecified length.
    ///
    /// # Errors
    /// Those of the underlying writer, here and in all methods.
    pub fn new(inner: W, section: &Section<'_>) -> io::Result<Self> {
        let mut writer = Self { inner, link_types: Vec::new(), block: Vec::new() };
        writer.begin(BlockType::SECTION_HEADER);
        writer.put_u32(BYTE_ORDER_MAGIC);
        writer.put_u16(1); // major version
        writer.put_u16(0); // minor version
        writer.put_u64(u64::MAX); // section length: not specified
        writer.put_text(OptionCode::COMMENT, section.comment);
        writer.put_text(OptionCode::SECTION_HARDWARE, section.hardware);
        writer.put_text(OptionCode::SECTION_OS, section.os);
        writer.put_text(OptionCode::SECTION_APPLICATION, section.application);
        writer.end_options(16);
        writer.end()?;
        Ok(writer)
    }

    /// Describes an interface (4.2). Its timestamps are in nanoseconds.
    ///
    /// # Errors
    /// Those of the underlying writer.
    pub fn add_interface(&mut self, interface: &Interface<'_>) -> io::Result<InterfaceId> {
        let id = u32::try_from(self.link_types.len()).map_err(|_| invalid("too many interfaces"))?;
        self.begin(BlockType::INTERFACE_DESCRIPTION);
        self.put_u16(interface.link_type.0);
        self.put_u16(0); // reserved
        self.put_u32(interface.snaplen);
        self.put_text(OptionCode::INTERFACE_NAME, interface.name);
        self.put_text(OptionCode::INTERFACE_DESCRIPTION, interface.description);
        self.put_option(OptionCode::INTERFACE_RESOLUTION, &[9]); // 10^-9 s
        if !interface.filter.is_empty() {
            let filter = prefix(interface.filter, MAX_OPTION - 1);
            self.put_option(OptionCode::INTERFACE_FILTER, &[&[0], filter.as_bytes()].concat());
        }
        self.end_options(8);
        self.end()?;
        self.link_types.push(interface.link_type);
        Ok(InterfaceId(id))
    }

    /// Writes a frame (4.3) with any number of comments. A time before 1970 cannot be told and becomes 1970.
    ///
    /// # Errors
    /// `InvalidInput` where the frame's link type is not its interface's; else those of the underlying writer.
    pub fn write_frame(&mut self, interface: InterfaceId, frame: &Frame<'_>, comments: &[&str]) -> io::Result<()> {
        self.begin_frame(interface, frame)?;
        for comment in comments {
            self.put_text(OptionCode::COMMENT, comment);
        }
        self.end_frame(frame)
    }

    /// Writes a frame (4.3) and which one it is, so that it keeps its number among other frames.
    ///
    /// # Errors
    /// As [`Self::write_frame`].
    pub fn write_frame_with_id(&mut self, interface: InterfaceId, frame: &Frame<'_>) -> io::Result<()> {
        self.begin_frame(interface, frame)?;
        self.put_option(OptionCode::PACKET_ID, &frame.id.to_bits().to_le_bytes());
        self.end_frame(frame)
    }

    fn begin_frame(&mut self, interface: InterfaceId, frame: &Frame<'_>) -> io::Result<()> {
        if self.link_types.get(interface.0 as usize) != Some(&frame.link_type) {
            return Err(invalid("the frame's link type is not that of its interface"));
        }
        let captured_len = u32::try_from(frame.data.len()).map_err(|_| invalid("the frame is too large"))?;
        self.begin(BlockType::ENHANCED_PACKET);
        self.put_u32(interface.0);
        self.put_time(frame.at);
        self.put_u32(captured_len);
        self.put_u32(frame.original_len);
        self.put_padded(frame.data);
        Ok(())
    }

    fn end_frame(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        self.end_options(20 + frame.data.len() + padding(frame.data.len()));
        self.end()
    }

    /// Writes a TLS key log (4.7), before the frames that need it.
    ///
    /// # Errors
    /// Those of the underlying writer.
    pub fn write_secrets(&mut self, key_log: &[u8]) -> io::Result<()> {
        let len = u32::try_from(key_log.len()).map_err(|_| invalid("the key log is too large"))?;
        self.begin(BlockType::DECRYPTION_SECRETS);
        self.put_u32(SecretsType::TLS_KEY_LOG.0);
        self.put_u32(len);
        self.put_padded(key_log);
        self.end()
    }

    /// Writes the names of addresses (4.5); empty names are left out.
    ///
    /// # Errors
    /// Those of the underlying writer.
    pub fn write_names(&mut self, names: &[(IpAddr, &str)]) -> io::Result<()> {
        self.begin(BlockType::NAME_RESOLUTION);
        for (address, name) in names.iter().filter(|(_, name)| !name.is_empty()) {
            let name = prefix(name, MAX_OPTION - 17).as_bytes();
            match address {
                IpAddr::V4(address) => self.put_name(NameRecord::IPV4, &address.octets(), name),
                IpAddr::V6(address) => self.put_name(NameRecord::IPV6, &address.octets(), name),
            }
        }
        self.put_u16(NameRecord::END.0);
        self.put_u16(0);
        self.end()
    }

    /// Writes the counters of an interface (4.6) as they were at a time; those that are not known are left out.
    ///
    /// # Errors
    /// Those of the underlying writer.
    pub fn write_interface_statistics(
        &mut self,
        interface: InterfaceId,
        at: Timestamp,
        statistics: &InterfaceStatistics,
    ) -> io::Result<()> {
        self.begin(BlockType::INTERFACE_STATISTICS);
        self.put_u32(interface.0);
        self.put_time(at);
        let counters = [
            (OptionCode::STATISTICS_RECEIVED, statistics.received),
            (OptionCode::STATISTICS_DROPPED_BY_INTERFACE, statistics.dropped_by_interface),
            (OptionCode::STATISTICS_DROPPED_BY_OS, statistics.dropped_by_os),
        ];
        for (code, counter) in counters {
            if let Some(counter) = counter {
                self.put_option(code, &counter.to_le_bytes());
            }
        }
        self.end_options(12);
        self.end()
    }

    /// Flushes the underlying writer.
    ///
    /// # Errors
    /// Those of the underlying writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }

    /// The underlying writer.
    pub const fn inner(&self) -> &W {
        &self.inner
    }

    /// The underlying writer, not flushed.
    pub fn into_inner(self) -> W {
        self.inner
    }

    fn begin(&mut self, kind: BlockType) {
        self.block.clear();
        self.put_u32(kind.0);
        self.put_u32(0); // the length, put in by end()
    }

    fn end(&mut self) -> io::Result<()> {
        let len = u32::try_from(self.block.len() + 4).map_err(|_| invalid("the block is too large"))?;
        self.put_u32(len);
        if let Some(field) = self.block.get_mut(4..8) {
            field.copy_from_slice(&len.to_le_bytes());
        }
        self.inner.write_all(&self.block)
    }

    /// Closes the list of options, where there is one: `body` is the length of what comes before it.
    fn end_options(&mut self, body: usize) {
        if self.block.len() > HEAD + body {
            self.put_option(OptionCode::END, &[]);
        }
    }

    fn put_text(&mut self, code: OptionCode, text: &str) {
        if !text.is_empty() {
            self.put_option(code, prefix(text, MAX_OPTION).as_bytes());
        }
    }

    fn put_option(&mut self, code: OptionCode, value: &[u8]) {
        self.put_u16(code.0);
        self.put_len(value.len());
        self.put_padded(value);
    }

    fn put_name(&mut self, kind: NameRecord, address: &[u8], name: &[u8]) {
        self.put_u16(kind.0);
        self.put_len(address.len() + name.len() + 1);
        self.put_padded(&[address, name, &[0]].concat());
    }

    /// The length of an option or a record; the callers keep it below [`MAX_OPTION`].
    fn put_len(&mut self, len: usize) {
        self.put_u16(u16::try_from(len).unwrap_or(u16::MAX));
    }

    fn put_time(&mut self, at: Timestamp) {
        let nanos = u64::try_from(at.as_nanos()).unwrap_or(0);
        // The high half first, each in the section's byte order (4.3).
        self.put_u32((nanos >> 32) as u32);
        #[expect(clippy::cast_possible_truncation, reason = "the low half")]
        self.put_u32(nanos as u32);
    }

    fn put_padded(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
        self.block.extend_from_slice(&[0; 3][..padding(bytes.len())]);
    }

    fn put_u16(&mut self, value: u16) {
        self.block.extend_from_slice(&value.to_le_bytes());
    }

    fn put_u32(&mut self, value: u32) {
        self.block.extend_from_slice(&value.to_le_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.block.extend_from_slice(&value.to_le_bytes());
    }
}

/// The bytes before a block's body: type and length.
const HEAD: usize = 8;
/// The longest option that fits its sixteen-bit length.
const MAX_OPTION: usize = u16::MAX as usize;

/// The text, or as many of its characters as fit into `max` bytes.
fn prefix(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameId;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const ETHERNET: Interface<'static> = Interface {
        link_type: LinkType::ETHERNET,
        snaplen: 262_144,
        name: "eth0",
        description: "",
        filter: "tcp port 8883",
    };

    fn frame(nanos: i64, data: &[u8]) -> Frame<'_> {
        let (id, at) = (FrameId::new(0, 1), Timestamp::from_nanos(nanos));
        Frame { id, at, link_type: LinkType::ETHERNET, original_len: 1500, data }
    }

    /// Every block's type; asserts that the lengths at both ends agree and are multiples of four.
    fn blocks(mut file: &[u8]) -> Vec<u32> {
        let word = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let mut found = Vec::new();
        while !file.is_empty() {
            let len = word(file, 4) as usize;
            assert_eq!((word(file, len - 4) as usize, len % 4), (len, 0));
            found.push(word(file, 0));
            file = &file[len..];
        }
        found
    }

    #[test]
    fn a_frame_is_laid_out_as_specified() {
        let mut writer = Writer::new(Vec::new(), &Section::default()).unwrap();
        let interface = writer.add_interface(&ETHERNET).unwrap();
        let before = writer.inner.len();
        writer.write_frame(interface, &frame(0x1_0000_0002, b"abcde"), &["why"]).unwrap();
        let expected: &[&[u8]] = &[
            &[6, 0, 0, 0, 52, 0, 0, 0],            // type, length
            &[0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0], // interface, time: high, low
            &[5, 0, 0, 0, 0xdc, 5, 0, 0],          // captured, original
            b"abcde\0\0\0",                        // padded to 32 bits
            &[1, 0, 3, 0, b'w', b'h', b'y', 0],    // opt_comment
            &[0, 0, 0, 0, 52, 0, 0, 0],            // opt_endofopt, length
        ];
        assert_eq!(writer.inner[before..], expected.concat());
    }

    #[test]
    fn every_kind_of_block_is_well_formed() {
        let section = Section { hardware: "board", os: "Linux", application: "test", comment: "all of it" };
        let mut writer = Writer::new(Vec::new(), &section).unwrap();
        let interface = writer.add_interface(&ETHERNET).unwrap();
        writer.write_secrets(b"CLIENT_RANDOM 00 11\n").unwrap();
        let names = [
            (Ipv4Addr::LOCALHOST.into(), "broker"),
            (Ipv6Addr::LOCALHOST.into(), "broker.example"),
            (Ipv4Addr::UNSPECIFIED.into(), ""),
        ];
        writer.write_names(&names).unwrap();
        writer.write_frame(interface, &frame(1, &[]), &[]).unwrap();
        writer.write_frame(interface, &frame(-1, &[1]), &["one", "", "two"]).unwrap();
        let statistics = InterfaceStatistics { received: Some(2), dropped_by_interface: None, dropped_by_os: Some(0) };
        writer.write_interface_statistics(interface, Timestamp::from_nanos(2), &statistics).unwrap();
        assert_eq!(blocks(&writer.into_inner()), [0x0a0d_0d0a, 1, 10, 4, 6, 6, 5]);
    }

    #[test]
    fn a_text_too_long_for_an_option_is_cut_between_characters() {
        let comment = "é".repeat(40_000);
        let section = Section { comment: &comment, ..Section::default() };
        let file = Writer::new(Vec::new(), &section).unwrap().into_inner();
        assert_eq!(blocks(&file), [0x0a0d_0d0a]);
        assert_eq!(file[24..28], [1, 0, 0xfe, 0xff]);
    }

    #[test]
    fn a_frame_of_another_link_type_is_refused() {
        let mut writer = Writer::new(Vec::new(), &Section::default()).unwrap();
        let interface = writer.add_interface(&Interface { link_type: LinkType::RAW, ..ETHERNET }).unwrap();
        let error = writer.write_frame(interface, &frame(1, &[1]), &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn each_block_is_one_write() {
        struct Calls(Vec<usize>);
        impl Write for Calls {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(bytes.len());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = Writer::new(Calls(Vec::new()), &Section::default()).unwrap();
        let interface = writer.add_interface(&Interface { filter: "", name: "", ..ETHERNET }).unwrap();
        writer.write_frame(interface, &frame(1, &[0; 6]), &[]).unwrap();
        assert_eq!(writer.into_inner().0, [28, 32, 40]);
    }
}
