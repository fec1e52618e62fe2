//! The tracker from outside: bytes in, events out. Messages are those of RFC 8448 where they can be.

mod inference;
mod messages;
mod opened;
mod streams;

use super::keylog::KeyLog;
use super::{ApplicationData, Context, Event, Facts, Known, PlaintextLen, Sink, Tracker};
use crate::evidence::Seen;
use crate::frame::FrameId;
use crate::net::Side;
use crate::stream::{Chunk, Moment};
use crate::time::Timestamp;

/// RFC 8448, 3: ClientHello.
const CLIENT_HELLO: &str = "010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302\
    010000910000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d\
    002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e0403050306030203080408\
    0508060401050106010201040205020602020200\
    2d00020101001c00024001";
/// RFC 8448, 3: ServerHello.
const SERVER_HELLO: &str = "020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e0033\
    0024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304";

/// One connection under test; each call is a frame of its own, a millisecond after the one before.
struct Lab {
    tracker: Tracker,
    known: Known,
    key_log: Option<KeyLog>,
    plaintext: Vec<u8>,
    seen: Collected,
    frame: u64,
}

#[derive(Default)]
struct Collected {
    events: Vec<(Seen, Event)>,
    data: Vec<(Side, PlaintextLen)>,
    plaintext: Vec<(Side, Vec<u8>)>,
    gaps: usize,
}

impl Sink for Collected {
    fn event(&mut self, seen: Seen, event: Event) {
        self.events.push((seen, event));
    }

    fn application_data(&mut self, side: Side, _at: Moment, data: ApplicationData<'_>) {
        match data {
            ApplicationData::Plaintext(bytes) => self.plaintext.push((side, bytes.to_vec())),
            ApplicationData::Sealed(len) => self.data.push((side, len)),
            ApplicationData::Gap => self.gaps += 1,
        }
    }
}

impl Lab {
    fn new() -> Self {
        Self {
            tracker: Tracker::default(),
            known: Known::new(16),
            key_log: None,
            plaintext: Vec::new(),
            seen: Collected::default(),
            frame: 0,
        }
    }

    fn chunk(&mut self, side: Side, chunk: Chunk<'_>) -> &mut Self {
        let at = self.tick();
        let (known, plaintext) = (&mut self.known, &mut self.plaintext);
        let mut context = Context { known, key_log: self.key_log.as_ref(), plaintext };
        self.tracker.handle_chunk(side, at, chunk, &mut context, &mut self.seen);
        self
    }

    fn client(&mut self, bytes: &[u8]) -> &mut Self {
        self.chunk(Side::Client, Chunk::Data(bytes))
    }

    fn server(&mut self, bytes: &[u8]) -> &mut Self {
        self.chunk(Side::Server, Chunk::Data(bytes))
    }

    fn close(&mut self, side: Side) -> &mut Self {
        let at = self.tick();
        self.tracker.handle_close(side, at, &mut self.seen);
        self
    }

    fn finish(&mut self) -> &mut Self {
        let at = self.tick();
        self.tracker.finish(at, &mut self.seen);
        self
    }

    /// The hellos of RFC 8448, 3: what follows is encrypted by TLS_AES_128_GCM_SHA256.
    fn tls13() -> Self {
        let mut lab = Self::new();
        lab.client(&handshake(CLIENT_HELLO)).server(&handshake(SERVER_HELLO));
        lab.seen.events.clear();
        lab
    }

    /// Encrypted records of these lengths, in one frame.
    fn sealed(&mut self, side: Side, lengths: &[u16]) -> &mut Self {
        let bytes: Vec<u8> = lengths.iter().flat_map(|length| record(23, &vec![0xab; usize::from(*length)])).collect();
        self.chunk(side, Chunk::Data(&bytes))
    }

    fn facts(&self) -> &Facts {
        self.tracker.facts()
    }

    /// Each event as `frame sender name confidence`, in the order in which they were told.
    fn told(&self) -> Vec<String> {
        self.seen.events.iter().map(|(seen, event)| shown(seen, event)).collect()
    }

    /// Each event as `sender name detail`.
    fn details(&self) -> Vec<String> {
        let line =
            |(seen, event): &(Seen, Event)| format!("{} {} {event}", seen.by, event.name()).trim_end().to_owned();
        self.seen.events.iter().map(line).collect()
    }

    fn tick(&mut self) -> Moment {
        self.frame += 1;
        let nanos = i64::try_from(self.frame * 1_000_000).unwrap_or(i64::MAX);
        Moment::new(Timestamp::from_nanos(nanos), FrameId::new(0, self.frame))
    }
}

fn shown(seen: &Seen, event: &Event) -> String {
    let basis = if seen.basis.is_observed() { "observed" } else { seen.basis.confidence().name() };
    format!("{} {} {} {basis}", seen.ended.frame, seen.by, event.name())
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

/// A record of TLS 1.2 and later.
fn record(content_type: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[content_type, 3, 3, high, low], body].concat()
}

/// A record with one handshake message.
fn handshake(message: &str) -> Vec<u8> {
    record(22, &bytes(message))
}

/// A handshake message of this type.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, high, middle, low] = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, high, middle, low], body].concat()
}
