//! Capture files made in tests, and what is read from them.

use super::FileSource;
use super::bytes::ByteOrder;
use crate::frame::{Frame, FrameId, LinkType};
use crate::pcapng::{Interface, InterfaceId, Section, Writer};
use crate::source::{CaptureInfo, Source};
use crate::time::Timestamp;
use std::io::{self, Cursor};

/// A frame, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) id: FrameId,
    pub(super) nanos: i64,
    pub(super) link_type: LinkType,
    pub(super) original_len: u32,
    pub(super) data: Vec<u8>,
}

/// All of a capture.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) frames: Vec<Kept>,
    pub(super) info: CaptureInfo,
}

impl Read {
    pub(super) fn data(&self) -> Vec<Vec<u8>> {
        self.frames.iter().map(|frame| frame.data.clone()).collect()
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        self.frames.iter().map(|frame| frame.id.number()).collect()
    }
}

pub(super) fn read(mut source: impl Source) -> Read {
    let mut frames = Vec::new();
    while let Some(frame) = source.next_frame() {
        let Frame { id, at, link_type, original_len, data } = frame;
        frames.push(Kept { id, nanos: at.as_nanos(), link_type, original_len, data: data.to_vec() });
    }
    assert!(source.next_frame().is_none(), "the end stays the end");
    Read { frames, info: source.info().clone() }
}

pub(super) fn read_bytes(bytes: &[u8]) -> Read {
    read(FileSource::from_reader("test", Cursor::new(bytes.to_vec())).unwrap())
}

/// A pcap file in the making.
pub(super) struct Pcap {
    order: ByteOrder,
    record_tail: usize,
    pub(super) bytes: Vec<u8>,
}

impl Default for Pcap {
    fn default() -> Self {
        Self::new(ByteOrder::Little, 0xa1b2_c3d4, 4, 1)
    }
}

impl Pcap {
    pub(super) fn new(order: ByteOrder, magic: u32, minor: u16, network: u32) -> Self {
        let mut file = Self { order, record_tail: 0, bytes: Vec::new() };
        file.bytes.extend(word(order, magic));
        file.bytes.extend([half(order, 2), half(order, minor)].concat());
        file.bytes.extend([0, 0, 65_535, network].map(|value| word(order, value)).concat());
        file
    }

    /// Bytes that follow the file's header, and how many follow each record's.
    pub(super) fn with(mut self, file_tail: &[u8], record_tail: usize) -> Self {
        self.bytes.extend(file_tail);
        self.record_tail = record_tail;
        self
    }

    pub(super) fn record(self, seconds: u32, fraction: u32, data: &[u8]) -> Self {
        let len = u32::try_from(data.len()).unwrap();
        self.record_of([seconds, fraction, len, len], data)
    }

    pub(super) fn record_of(mut self, header: [u32; 4], data: &[u8]) -> Self {
        self.bytes.extend(header.map(|value| word(self.order, value)).concat());
        self.bytes.resize(self.bytes.len() + self.record_tail, 0xee);
        self.bytes.extend(data);
        self
    }
}

/// A pcapng file of one Ethernet interface, by the crate's own writer.
pub(super) fn pcapng(fill: impl FnOnce(&mut Writer<Vec<u8>>, InterfaceId) -> io::Result<()>) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Section::default()).unwrap();
    let ethernet = Interface { link_type: LinkType::ETHERNET, snaplen: 0, name: "", description: "", filter: "" };
    let interface = writer.add_interface(&ethernet).unwrap();
    fill(&mut writer, interface).unwrap();
    writer.into_inner()
}

pub(super) fn frame(nanos: i64, data: &[u8]) -> Frame<'_> {
    let original_len = u32::try_from(data.len()).unwrap();
    Frame {
        id: FrameId::new(0, 0),
        at: Timestamp::from_nanos(nanos),
        link_type: LinkType::ETHERNET,
        original_len,
        data,
    }
}

/// A pcapng block from its words and the bytes that follow them.
pub(super) fn block(order: ByteOrder, kind: u32, words: &[u32], rest: &[u8]) -> Vec<u8> {
    let mut body: Vec<u8> = words.iter().flat_map(|value| word(order, *value)).collect();
    body.extend(rest);
    body.resize(body.len().next_multiple_of(4), 0);
    let len = word(order, u32::try_from(body.len() + 12).unwrap());
    [&word(order, kind)[..], &len, &body, &len].concat()
}

pub(super) fn word(order: ByteOrder, value: u32) -> [u8; 4] {
    match order {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    }
}

pub(super) fn half(order: ByteOrder, value: u16) -> [u8; 2] {
    match order {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    }
}
