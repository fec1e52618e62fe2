//! Cuts one direction of a connection into records (RFC 8446, 5.1).
//!
//! Chunks of a stream come in; whole records go out, in place where a chunk holds all of one. Bodies that nobody wants are
//! skipped by their length. A gap inside a body costs that body only; a gap that swallows a header makes the reader look
//! for the next plausible one. Nothing is decrypted and no message is read here.

use super::bytes::Window;
use super::codes::{ContentType, Version};
use super::foreign::{self, Foreign, Opening};
use crate::stream::Moment;

/// The length of a record's header, in bytes.
pub(super) const HEADER_LEN: usize = 5;
/// The longest body: 2^14 bytes and 2,048 of expansion (RFC 5246, 6.2.3; RFC 8446 allows 256).
pub(super) const MAX_BODY_LEN: u16 = (1 << 14) + 2048;
/// How many bytes of a stream that was joined in the middle are searched for a first record.
const SEARCH_LIMIT: u64 = 256 * 1024;

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) content_type: ContentType,
    pub(super) version: Version,
    /// The length of the body, in bytes.
    pub(super) length: u16,
}

impl Header {
    fn parse([content_type, major, minor, high, low]: [u8; HEADER_LEN]) -> Option<Self> {
        let length = u16::from_be_bytes([high, low]);
        let known = (20..=24).contains(&content_type) && major == 3 && minor <= 4 && length <= MAX_BODY_LEN;
        known.then_some(Self {
            content_type: ContentType(content_type),
            version: Version(u16::from_be_bytes([major, minor])),
            length,
        })
    }

    /// The five bytes as they came.
    pub(super) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let ([major, minor], [high, low]) = (self.version.0.to_be_bytes(), self.length.to_be_bytes());
        [self.content_type.0, major, minor, high, low]
    }

    /// Whether these five bytes in the middle of nowhere may be a header; stricter than [`parse`](Self::parse).
    fn plausible(bytes: [u8; HEADER_LEN], version: Option<Version>) -> Option<Self> {
        let header = Self::parse(bytes)?;
        let length_fits = match header.content_type {
            ContentType::CHANGE_CIPHER_SPEC => header.length == 1,
            ContentType::ALERT => (2..=512).contains(&header.length),
            _ => header.length > 0,
        };
        (length_fits && version.is_none_or(|version| version == header.version)).then_some(header)
    }
}

/// What the body of a record is to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Its beginning; the capture lacks the rest.
    Cut(&'a [u8]),
    /// It was not asked for.
    Skipped,
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) header: Header,
    pub(super) body: Body<'a>,
    /// When the first byte of the header was readable.
    pub(super) began: Moment,
    /// When the last byte of the body was readable.
    pub(super) ended: Moment,
}

/// What a reader found next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'a> {
    Record(Record<'a>),
    /// The stream begins with something else; nothing more will come.
    Foreign {
        what: Foreign,
        began: Moment,
    },
    /// A ClientHello in the form of SSL 2.0 opens the stream; records follow.
    SslV2Hello {
        message: &'a [u8],
        began: Moment,
    },
    /// These five bytes should have been a header; the reader looks for the next one.
    Garbage {
        bytes: [u8; HEADER_LEN],
        began: Moment,
    },
    /// After a gap or garbage the stream is readable again.
    Resynchronised {
        skipped: u64,
    },
}

/// A record of which only a part has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialRecord {
    /// Its outer type.
    pub content_type: ContentType,
    /// The length in its header, in bytes.
    pub length: u16,
    /// How many of them have come.
    pub received: u16,
    /// When its first byte was readable.
    pub began: Moment,
}

/// Reads the records of one direction. Call [`next`](Self::next) with each chunk until it is used up.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordReader {
    state: State,
    /// A header in the making, the first bytes of a stream, or the last bytes while searching.
    header: Window<{ foreign::LOOK_LEN }>,
    /// The body in the making, where it spans chunks and somebody wants it.
    body: Vec<u8>,
    /// When the first byte of the header was readable.
    began: Option<Moment>,
    /// The version in the headers of this direction: it makes a search strict.
    version: Option<Version>,
    /// Bytes passed over since the stream was lost.
    skipped: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing was read yet: is this TLS at all?
    #[default]
    Start,
    /// Between two records.
    Header,
    /// Inside of a record; `damaged`: a part of it is missing.
    Body { header: Header, remaining: u16, wanted: bool, damaged: bool },
    /// Inside of a ClientHello of SSL 2.0.
    SslV2Hello { remaining: u16 },
    /// Looking for a header.
    Lost,
    /// No TLS.
    Stopped,
}

impl RecordReader {
    /// Takes the next piece out of `input`; `wants` says which bodies are to be kept. `None`: all was used.
    pub(super) fn next<'a, 'd: 'a>(
        &'a mut self,
        input: &mut &'d [u8],
        at: Moment,
        wants: impl Fn(Header) -> bool,
    ) -> Option<Piece<'a>> {
        loop {
            match self.state {
                State::Start => {
                    if let Opening::Foreign(what) = self.open(input, at)? {
                        return Some(Piece::Foreign { what, began: self.began.unwrap_or(at) });
                    }
                }
                State::Header => {
                    if let Some(record) = self.whole(input, at, &wants) {
                        return Some(Piece::Record(record));
                    }
                    let bytes = self.header_bytes(input, at)?;
                    let Some(header) = Header::parse(bytes) else {
                        let began = self.began.unwrap_or(at);
                        self.state = State::Lost;
                        self.skip_one();
                        return Some(Piece::Garbage { bytes, began });
                    };
                    self.enter_body(header, wants(header));
                }
                State::Body { header, remaining, wanted, damaged } => {
                    return self.body(header, remaining, wanted, damaged, input, at).map(Piece::Record);
                }
                State::SslV2Hello { remaining } => {
                    let left = self.collect(input, remaining, true);
                    self.state = if left > 0 { State::SslV2Hello { remaining: left } } else { State::Header };
                    return (left == 0)
                        .then(|| Piece::SslV2Hello { message: &self.body, began: self.began.take().unwrap_or(at) });
                }
                State::Lost => {
                    if self.version.is_none() && self.skipped > SEARCH_LIMIT {
                        self.state = State::Stopped;
                        return Some(Piece::Foreign { what: Foreign::Unknown, began: at });
                    }
                    let bytes = self.header_bytes(input, at)?;
                    match Header::plausible(bytes, self.version).filter(|header| Self::is_followed(*header, input)) {
                        Some(header) => {
                            self.began = Some(at);
                            self.enter_body(header, wants(header));
                            return Some(Piece::Resynchronised { skipped: std::mem::take(&mut self.skipped) });
                        }
                        None => self.skip_one(),
                    }
                }
                State::Stopped => {
                    *input = &[];
                    return None;
                }
            }
        }
    }

    /// So many bytes are missing (0: nobody knows how many, as where a capture begins in the middle of a connection).
    /// The record that they cut short goes out with what there is of it.
    pub(super) fn gap(&mut self, missing: u64, at: Moment) -> Option<Record<'_>> {
        match self.state {
            State::Stopped => None,
            State::Body { header, remaining, wanted, .. } => {
                let left = u64::from(remaining).saturating_sub(missing);
                if missing > 0 && left > 0 {
                    let remaining = u16::try_from(left).unwrap_or(0);
                    self.state = State::Body { header, remaining, wanted, damaged: true };
                    return None;
                }
                self.state = if missing == u64::from(remaining) { State::Header } else { State::Lost };
                let body = if wanted { Body::Cut(&self.body) } else { Body::Skipped };
                Some(Record { header, body, began: self.began.take().unwrap_or(at), ended: at })
            }
            State::Start | State::Header | State::SslV2Hello { .. } | State::Lost => {
                self.header.clear();
                self.body = Vec::new();
                self.state = State::Lost;
                None
            }
        }
    }

    /// The stream has ended: what its few first bytes were, where they did not suffice to tell while it ran.
    pub(super) fn finish(&mut self) -> Option<(Foreign, Moment)> {
        let began = self.began?;
        (self.state == State::Start && !self.header.as_slice().is_empty()).then(|| {
            self.state = State::Stopped;
            (Foreign::Unknown, began)
        })
    }

    /// Whether it is looking for a header.
    pub(super) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// The record that has begun and not ended.
    pub(super) fn partial(&self) -> Option<PartialRecord> {
        match self.state {
            State::Body { header, remaining, .. } => Some(PartialRecord {
                content_type: header.content_type,
                length: header.length,
                received: header.length.saturating_sub(remaining),
                began: self.began?,
            }),
            _ => None,
        }
    }

    /// Reads the first bytes of a stream until they tell what it is. `None`: more are needed.
    fn open(&mut self, input: &mut &[u8], at: Moment) -> Option<Opening> {
        loop {
            let opening = foreign::opening(self.header.as_slice());
            match opening {
                Opening::Unclear => {
                    let byte = take_byte(input)?;
                    self.began.get_or_insert(at);
                    self.header.push(byte);
                    continue;
                }
                Opening::Tls => self.state = State::Header,
                Opening::SslV2Hello { length } => {
                    self.body.extend_from_slice(self.header.as_slice().get(2..).unwrap_or_default());
                    let known = u16::try_from(self.body.len()).unwrap_or(u16::MAX);
                    self.header.clear();
                    self.state = State::SslV2Hello { remaining: length.saturating_sub(known) };
                }
                Opening::Foreign(_) => self.state = State::Stopped,
            }
            return Some(opening);
        }
    }

    /// A record that lies in one chunk, from its header to its end: nearly all do once the handshake is over. Nothing is
    /// kept of it, and the reader stays where it is: between two records.
    fn whole<'d>(&mut self, input: &mut &'d [u8], at: Moment, wants: &impl Fn(Header) -> bool) -> Option<Record<'d>> {
        if !self.header.is_empty() {
            return None;
        }
        let (bytes, rest) = input.split_first_chunk()?;
        let header = Header::parse(*bytes)?;
        let (body, rest) = rest.split_at_checked(usize::from(header.length))?;
        *input = rest;
        (self.began, self.version) = (None, Some(header.version));
        let wanted = wants(header);
        self.make_room(wanted);
        let body = if wanted { Body::Whole(body) } else { Body::Skipped };
        Some(Record { header, body, began: at, ended: at })
    }

    fn header_bytes(&mut self, input: &mut &[u8], at: Moment) -> Option<[u8; HEADER_LEN]> {
        if self.header.as_slice().is_empty() {
            self.began = None;
            if let Some((bytes, rest)) = input.split_first_chunk() {
                (*input, self.began) = (rest, Some(at));
                self.header.fill(*bytes);
                return Some(*bytes);
            }
        }
        loop {
            if let Some(bytes) = self.header.as_slice().first_chunk() {
                return Some(*bytes);
            }
            let byte = take_byte(input)?;
            self.began.get_or_insert(at);
            self.header.push(byte);
        }
    }

    fn enter_body(&mut self, header: Header, wanted: bool) {
        self.version = Some(header.version);
        self.header.clear();
        self.make_room(wanted);
        self.state = State::Body { header, remaining: header.length, wanted, damaged: false };
    }

    /// After the handshake no body is wanted: the buffer is given back.
    fn make_room(&mut self, wanted: bool) {
        if wanted {
            self.body.clear();
        } else if self.body.capacity() > 0 {
            self.body = Vec::new();
        }
    }

    fn body<'a, 'd: 'a>(
        &'a mut self,
        header: Header,
        remaining: u16,
        wanted: bool,
        damaged: bool,
        input: &mut &'d [u8],
        at: Moment,
    ) -> Option<Record<'a>> {
        let in_place = match input.split_at_checked(usize::from(remaining)) {
            Some((whole, rest)) if remaining == header.length => {
                *input = rest;
                Some(whole)
            }
            _ => {
                let left = self.collect(input, remaining, wanted && !damaged);
                if left > 0 {
                    self.state = State::Body { header, remaining: left, wanted, damaged };
                    return None;
                }
                None
            }
        };
        self.state = State::Header;
        let began = self.began.take().unwrap_or(at);
        let body = match in_place {
            _ if !wanted => Body::Skipped,
            Some(whole) => Body::Whole(whole),
            None if damaged => Body::Cut(&self.body),
            None => Body::Whole(&self.body),
        };
        Some(Record { header, body, began, ended: at })
    }

    /// Takes up to `remaining` bytes of a body out of `input`; says how many are still to come.
    fn collect(&mut self, input: &mut &[u8], remaining: u16, keep: bool) -> u16 {
        let (taken, rest) = input.split_at(input.len().min(usize::from(remaining)));
        if keep {
            self.body.extend_from_slice(taken);
        }
        *input = rest;
        remaining.saturating_sub(u16::try_from(taken.len()).unwrap_or(u16::MAX))
    }

    /// Whether what stands behind a candidate's body does not contradict it; the end of the chunk does not.
    fn is_followed(header: Header, input: &[u8]) -> bool {
        let next = input.get(usize::from(header.length)..).and_then(<[u8]>::first_chunk);
        next.is_none_or(|bytes| Header::plausible(*bytes, Some(header.version)).is_some())
    }

    fn skip_one(&mut self) {
        self.header.pop_front();
        self.skipped += 1;
    }
}

fn take_byte(input: &mut &[u8]) -> Option<u8> {
    let (first, rest) = input.split_first()?;
    *input = rest;
    Some(*first)
}
