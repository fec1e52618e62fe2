//! One direction of an MQTT connection in clear: its bytes in order come in; what is to be overwritten goes out. Fixed headers, flags,
//! codes, numbers and lengths stay; ids, topics, texts, passwords and payloads go (MQTT 5.0, 2 and 3).

use super::edit::{Edit, fit};
use crate::redact::Pseudonyms;
use crate::redact::pseudonyms::Sort;

/// So much of a packet is looked at: any topic and any usual properties fit. The rest is blanked.
const LOOKED_AT: usize = 80_000;
/// What payloads and passwords become.
const FILLER: u8 = b'x';

/// Where the reading of packets stands.
#[derive(Debug, Default)]
pub(super) struct Packets {
    packet: Vec<u8>,
    /// Bytes that are still to come and to be blanked.
    blank: u64,
    /// The version that CONNECT named; 5 has properties.
    pub(super) level: Option<u8>,
    /// Nothing can be read any more.
    lost: bool,
}

impl Packets {
    /// For a direction of a connection whose CONNECT named this level.
    pub(super) fn of_level(level: Option<u8>) -> Self {
        Self { level, ..Self::default() }
    }

    /// The next bytes, which begin at `at`.
    pub(super) fn feed(&mut self, mut at: u64, mut bytes: &[u8], pseudonyms: &mut Pseudonyms, edits: &mut Vec<Edit>) {
        while !bytes.is_empty() {
            if self.lost || self.blank > 0 {
                let len = if self.lost { bytes.len() as u64 } else { self.blank.min(bytes.len() as u64) };
                edits.push(Edit::fill(at, len, FILLER));
                self.blank = self.blank.saturating_sub(len);
                bytes = bytes.get(usize::try_from(len).unwrap_or(usize::MAX)..).unwrap_or_default();
                at += len;
                continue;
            }
            let wanted = self.wanted();
            let (taken, rest) = bytes.split_at(wanted.saturating_sub(self.packet.len()).clamp(1, bytes.len()));
            self.packet.extend_from_slice(taken);
            (at, bytes) = (at + taken.len() as u64, rest);
            match length(&self.packet) {
                Length::Malformed => self.lose(at, edits),
                Length::Is { head, total } if self.packet.len() >= total.min(LOOKED_AT) => {
                    let packet = std::mem::take(&mut self.packet);
                    let start = at - packet.len() as u64;
                    self.edit(&packet, head, start, pseudonyms, edits);
                    self.blank = (total - packet.len()) as u64;
                }
                // More of it is needed.
                Length::Unknown | Length::Is { .. } => {}
            }
        }
    }

    /// Bytes are missing: nobody knows where the next packet begins.
    pub(super) fn gap(&mut self, at: u64, edits: &mut Vec<Edit>) {
        self.lose(at, edits);
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, at: u64, edits: &mut Vec<Edit>) {
        self.lose(at, edits);
    }

    /// How many bytes the packet needs before it can be looked at.
    fn wanted(&self) -> usize {
        match length(&self.packet) {
            Length::Is { total, .. } => total.min(LOOKED_AT),
            _ => self.packet.len() + 1,
        }
    }

    fn lose(&mut self, at: u64, edits: &mut Vec<Edit>) {
        let packet = std::mem::take(&mut self.packet);
        if packet.len() > 2 {
            let rest = packet.len() as u64 - 2;
            edits.push(Edit::fill(at - rest, rest, FILLER));
        }
        self.lost = true;
    }

    fn edit(&mut self, packet: &[u8], head: usize, start: u64, pseudonyms: &mut Pseudonyms, edits: &mut Vec<Edit>) {
        let kind = packet.first().map_or(0, |first| first >> 4);
        if kind == 1 {
            self.level = level(packet, head);
        }
        let mut fields = Fields { packet, at: head, start, is_v5: self.level == Some(5), pseudonyms, edits };
        let read = match kind {
            1 => fields.connect(),
            3 => fields.publish(),
            8 | 10 => fields.filters(kind == 8),
            2 | 4..=7 | 9 | 11 | 14 | 15 => fields.short(kind),
            _ => Some(()),
        };
        if read.is_none() {
            fields.blank_rest();
        }
    }
}

enum Length {
    Unknown,
    Malformed,
    Is { head: usize, total: usize },
}

/// The length of the packet that begins here (2.1.4).
fn length(packet: &[u8]) -> Length {
    let mut value = 0;
    for (index, byte) in packet.iter().skip(1).take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Length::Is { head: index + 2, total: index + 2 + value };
        }
    }
    if packet.len() > 4 { Length::Malformed } else { Length::Unknown }
}

/// The protocol level in CONNECT: it stands behind the protocol's name.
fn level(packet: &[u8], head: usize) -> Option<u8> {
    let name = usize::from(u16::from_be_bytes(*packet.get(head..)?.first_chunk()?));
    packet.get(head + 2 + name).map(|level| level & 0x7f)
}

/// The fields of one packet, one after the other.
struct Fields<'a> {
    packet: &'a [u8],
    at: usize,
    /// Where the packet is in its stream.
    start: u64,
    is_v5: bool,
    pseudonyms: &'a mut Pseudonyms,
    edits: &'a mut Vec<Edit>,
}

#[derive(Clone, Copy)]
enum Field {
    Id,
    Topic,
    Words,
    Secret,
}

impl Fields<'_> {
    fn connect(&mut self) -> Option<()> {
        self.skip_field()?; // the protocol's name
        let flags = *self.packet.get(self.at + 1)?;
        self.at += 4;
        self.properties()?;
        self.field(Field::Id)?;
        if flags & 0x04 != 0 {
            self.properties()?;
            self.field(Field::Topic)?;
            self.field(Field::Secret)?;
        }
        if flags & 0x80 != 0 {
            self.field(Field::Id)?;
        }
        if flags & 0x40 != 0 {
            self.field(Field::Secret)?;
        }
        Some(())
    }

    fn publish(&mut self) -> Option<()> {
        let qos = self.packet.first()? >> 1 & 3;
        self.field(Field::Topic)?;
        self.at += if qos > 0 { 2 } else { 0 };
        self.properties()?;
        self.blank_rest();
        Some(())
    }

    fn filters(&mut self, with_options: bool) -> Option<()> {
        self.at += 2;
        self.properties()?;
        while self.at < self.packet.len() {
            self.field(Field::Topic)?;
            self.at += usize::from(with_options);
        }
        Some(())
    }

    /// Packets with a code or an identifier, and properties in 5.0; nothing else of them is text.
    fn short(&mut self, kind: u8) -> Option<()> {
        if !self.is_v5 {
            return Some(());
        }
        self.at += match kind {
            14 | 15 => 1,
            4..=7 => 3,
            _ => 2,
        };
        if self.at >= self.packet.len() {
            return Some(());
        }
        self.properties()
    }

    /// The properties of 5.0 (2.2.2).
    fn properties(&mut self) -> Option<()> {
        if !self.is_v5 {
            return Some(());
        }
        let len = self.varint()?;
        let end = self.at.checked_add(len).filter(|end| *end <= self.packet.len())?;
        while self.at < end {
            match self.varint()? {
                1 | 23 | 25 | 36 | 37 | 40 | 41 | 42 => self.at += 1,
                19 | 33 | 34 | 35 => self.at += 2,
                2 | 17 | 24 | 39 => self.at += 4,
                11 => _ = self.varint()?,
                8 => self.field(Field::Topic)?,
                18 => self.field(Field::Id)?,
                // The method of authentication is a registered name.
                21 => self.skip_field()?,
                3 | 28 | 31 => self.field(Field::Words)?,
                9 | 22 => self.field(Field::Secret)?,
                38 => {
                    self.field(Field::Words)?;
                    self.field(Field::Words)?;
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn varint(&mut self) -> Option<usize> {
        let mut value = 0;
        for index in 0..4 {
            let byte = *self.packet.get(self.at)?;
            self.at += 1;
            value |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn skip_field(&mut self) -> Option<()> {
        let len = u16::from_be_bytes(*self.packet.get(self.at..)?.first_chunk()?);
        self.at += 2 + usize::from(len);
        Some(())
    }

    /// A text or bytes behind their length.
    fn field(&mut self, field: Field) -> Option<()> {
        let from = self.at + 2;
        self.skip_field()?;
        let bytes = self.packet.get(from..self.at)?;
        let text = String::from_utf8_lossy(bytes);
        let place = self.start + from as u64;
        let pseudonym = match field {
            Field::Id => self.pseudonyms.text(Sort::Id, &text),
            Field::Topic => self.pseudonyms.topic(&text),
            Field::Words => self.pseudonyms.text(Sort::Words, &text),
            Field::Secret => String::new(),
        };
        self.edits.push(Edit::bytes(place, fit(&pseudonym, bytes.len())));
        Some(())
    }

    fn blank_rest(&mut self) {
        let from = self.at.min(self.packet.len());
        let rest = (self.packet.len() - from) as u64;
        if rest > 0 {
            self.edits.push(Edit::fill(self.start + from as u64, rest, FILLER));
        }
    }
}
