//! What must differ between copies of a TLS connection: hello randoms, session ids and key shares.
//!
//! In: the segments of a recording. Out: where in each segment such a value lies, however the hellos were cut into
//! segments and however often they were sent.

use super::packet::{TcpView, flag};
use super::random::Random;
use crate::net::Endpoint;
use std::ops::Range;

/// Part of a frame that holds (part of) a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    /// Where in the frame.
    at: Range<usize>,
    /// Which value, and which of its bytes come first.
    value: u64,
    skip: usize,
    len: usize,
}

impl Patch {
    /// Writes the value of one copy; `random` gives its generator.
    pub(super) fn apply(&self, frame: &mut [u8], random: impl Fn(u64) -> Random) {
        let mut bytes = vec![0; self.len];
        random(self.value).fill(&mut bytes);
        if let (P256_POINT_LEN, Some(first)) = (self.len, bytes.first_mut()) {
            *first = UNCOMPRESSED;
        }
        if let (Some(field), Some(part)) =
            (frame.get_mut(self.at.clone()), bytes.get(self.skip..self.skip + self.at.len()))
        {
            field.copy_from_slice(part);
        }
    }
}

/// An uncompressed point of a 256-bit curve begins with 4 (SEC 1, 2.3.3).
const P256_POINT_LEN: usize = 65;
const UNCOMPRESSED: u8 = 4;

/// Hellos are at the beginning: no more than this is kept of a stream.
const KEPT: usize = 32 * 1024;

/// The beginnings of the streams of a recording, one for each direction of each connection.
#[derive(Default)]
pub(super) struct Streams(Vec<Stream>);

struct Stream {
    source: Endpoint,
    destination: Endpoint,
    /// The sequence number of the first byte.
    begin: u32,
    bytes: Vec<u8>,
}

impl Streams {
    pub(super) fn add(&mut self, view: &TcpView, packet: &[u8]) {
        let known = |stream: &Stream| stream.source == view.source && stream.destination == view.destination;
        let begin = if view.has(flag::SYN) { view.seq.wrapping_add(1) } else { view.seq };
        // A SYN with another number begins anew on the same ports.
        let anew = view.has(flag::SYN) && !self.0.iter().any(|stream| known(stream) && stream.begin == begin);
        if anew || !self.0.iter().any(known) {
            self.0.push(Stream { source: view.source, destination: view.destination, begin, bytes: Vec::new() });
        }
        let payload = packet.get(view.payload.clone()).unwrap_or_default();
        let Some(stream) = self.0.iter_mut().rfind(|stream| known(stream)) else { return };
        let Some(offset) = stream.offset(view.seq).filter(|offset| offset + payload.len() <= KEPT) else { return };
        if !payload.is_empty() {
            stream.bytes.resize(stream.bytes.len().max(offset + payload.len()), 0);
            stream.bytes[offset..offset + payload.len()].copy_from_slice(payload);
        }
    }

    /// Finds the values in all streams. Equal bytes are one value: a session id comes back in the answer.
    pub(super) fn varying(self) -> Varying {
        let mut known: Vec<Vec<u8>> = Vec::new();
        let places = self.0.iter().map(|stream| {
            let places = values(&stream.bytes).into_iter().filter_map(|place| {
                let bytes = stream.bytes.get(place.clone())?;
                let value = known.iter().position(|known| known == bytes).unwrap_or_else(|| {
                    known.push(bytes.to_vec());
                    known.len() - 1
                });
                Some((place, value as u64))
            });
            places.collect()
        });
        let places: Vec<_> = places.collect();
        Varying { streams: self.0, places }
    }
}

impl Stream {
    /// Where in the stream a sequence number lies; `None` before its beginning.
    fn offset(&self, seq: u32) -> Option<usize> {
        let distance = seq.wrapping_sub(self.begin);
        if distance < 1 << 31 { usize::try_from(distance).ok() } else { None }
    }
}

/// Where the values of a recording lie.
pub(super) struct Varying {
    streams: Vec<Stream>,
    places: Vec<Vec<(Range<usize>, u64)>>,
}

impl Varying {
    /// The parts of a segment that hold values; `ip_at` is where the IP packet begins in its frame.
    pub(super) fn patches(&self, view: &TcpView, ip_at: usize) -> Vec<Patch> {
        let mut patches = Vec::new();
        for (stream, places) in self.streams.iter().zip(&self.places) {
            if stream.source != view.source || stream.destination != view.destination {
                continue;
            }
            let Some(begin) = stream.offset(view.seq) else { continue };
            let segment = begin..begin + view.payload.len();
            for (place, value) in places {
                let common = place.start.max(segment.start)..place.end.min(segment.end);
                if common.is_empty() {
                    continue;
                }
                let at = ip_at + view.payload.start + common.start - segment.start;
                patches.push(Patch {
                    at: at..at + common.len(),
                    value: *value,
                    skip: common.start - place.start,
                    len: place.len(),
                });
            }
        }
        patches
    }
}

/// The places of the values in the clear handshake messages at the beginning of a stream.
fn values(stream: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 0;
    // Records of type handshake (RFC 8446, 5.1), each with whole messages, as the lab's endpoints write them; dummy
    // ChangeCipherSpecs lie between two ClientHellos.
    while let Some(&[kind, _, _, high, low]) =
        stream.get(at..at + 5).and_then(|header| <&[u8; 5]>::try_from(header).ok())
    {
        let body = at + 5..at + 5 + usize::from(u16::from_be_bytes([high, low]));
        match kind {
            0x16 if body.end <= stream.len() => messages(stream, body.clone(), &mut places),
            0x14 => {}
            _ => break,
        }
        at = body.end;
    }
    places
}

fn messages(stream: &[u8], record: Range<usize>, places: &mut Vec<Range<usize>>) {
    let mut at = record.start;
    while let Some(&[kind, a, b, c]) = stream.get(at..at + 4).and_then(|header| <&[u8; 4]>::try_from(header).ok()) {
        let body = at + 4..at + 4 + usize::from(a) * 65_536 + usize::from(u16::from_be_bytes([b, c]));
        if body.end > record.end {
            // Cut over two records, or encrypted.
            break;
        }
        match kind {
            1 => hello(stream, body.clone(), true, places),
            2 => hello(stream, body.clone(), false, places),
            // ServerKeyExchange: named_curve, the group, and a point (RFC 8422, 5.4).
            12 => places.extend(counted(stream, body.start + 3, 1)),
            // ClientKeyExchange: a point (RFC 8422, 5.7).
            16 => places.extend(counted(stream, body.start, 1)),
            _ => {}
        }
        at = body.end;
    }
}

/// The values of a ClientHello or ServerHello (RFC 8446, 4.1.2 and 4.1.3).
fn hello(stream: &[u8], body: Range<usize>, from_client: bool, places: &mut Vec<Range<usize>>) {
    /// The random that makes a ServerHello a HelloRetryRequest begins so.
    const RETRY: [u8; 4] = [0xCF, 0x21, 0xAD, 0x74];
    let random = body.start + 2..body.start + 34;
    if stream.get(random.start..random.start + 4) != Some(&RETRY) {
        places.push(random.clone());
    }
    let Some(session_id) = counted(stream, random.end, 1) else { return };
    let mut at = session_id.end;
    places.push(session_id);
    if from_client {
        let Some(suites) = counted(stream, at, 2) else { return };
        let Some(compression) = counted(stream, suites.end, 1) else { return };
        at = compression.end;
    } else {
        at += 3;
    }
    let Some(extensions) = counted(stream, at, 2).filter(|extensions| extensions.end <= body.end) else { return };
    let mut at = extensions.start;
    while at + 4 <= extensions.end {
        let Some(extension) = counted(stream, at + 2, 2) else { return };
        // key_share (RFC 8446, 4.2.8): the client's is a list.
        if stream.get(at..at + 2) == Some(&[0, 51]) {
            key_shares(stream, extension.clone(), from_client, places);
        }
        at = extension.end;
    }
}

fn key_shares(stream: &[u8], extension: Range<usize>, from_client: bool, places: &mut Vec<Range<usize>>) {
    let mut at = if from_client { extension.start + 2 } else { extension.start };
    // A HelloRetryRequest names a group only.
    while at + 4 < extension.end {
        let Some(share) = counted(stream, at + 2, 2) else { return };
        at = share.end;
        places.push(share);
    }
}

/// The bytes behind a length of `width` bytes.
fn counted(stream: &[u8], at: usize, width: usize) -> Option<Range<usize>> {
    let length = stream.get(at..at + width)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let bytes = at + width..at + width + length;
    (bytes.end <= stream.len()).then_some(bytes)
}
