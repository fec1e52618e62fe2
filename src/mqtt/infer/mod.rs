//! What encrypted records of MQTT must be, without keys: by their lengths, their order and their time.
//!
//! With AEAD suites the length of the plaintext is exact, and most stacks put one control packet into one record. The lengths
//! come in, readings go out, each with its confidence and with what else it could be. Nothing here is ever proven, and
//! nothing is called likely as long as another reading explains as much.
//!
//! A record is often told late, when its answer shows what it was: the moments are its own all the same.

mod acks;
mod closing;
mod exchange;
mod reading;
mod run;
mod vague;

pub use reading::{Inference, Reading};

use super::Sink;
use super::codes::{PacketType, Version};
use super::event::Event;
use super::facts::{Facts, Mark};
use super::session::Entry;
use crate::evidence::Confidence::{self, Likely, Possible};
use crate::evidence::{Basis, Seen};
use crate::net::Side;
use crate::pack::packed;
use crate::stream::{End, Moment};
use closing::Close;
use exchange::Exchange;

/// How many bytes of plaintext an encrypted record holds: exactly so many with AEAD suites, else a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaintextLen {
    /// At least so many bytes.
    pub min: u32,
    /// At most so many bytes.
    pub max: u32,
}

packed! { struct PlaintextLen { min, max } }

impl PlaintextLen {
    /// Whether it can be `len` bytes.
    #[must_use]
    pub const fn can_be(self, len: u32) -> bool {
        self.min <= len && len <= self.max
    }

    /// Whether it is exactly known.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        self.min == self.max
    }

    /// Whether it is known to be `len` bytes.
    const fn is(self, len: u32) -> bool {
        self.min == len && self.max == len
    }
}

/// The smallest CONNECT: 3.1.1 with an empty client id (MQTT 3.1.1, 3.1).
const MIN_CONNECT: u32 = 14;
/// CONNACK before 5.0, and its smallest form in 5.0.
const CONNACK_V3: u32 = 4;
const MIN_CONNACK_V5: u32 = 5;
/// A CONNACK of 5.0 up to this length cannot well be one of 3.1.1 with a message behind it in the same record.
const SURE_CONNACK_V5: u32 = 16;
/// Longer first records of a server are hardly a CONNACK.
const MAX_CONNACK: u32 = 64;
/// Still longer ones are a ticket of TLS that was not told apart.
const MIN_TICKET: u32 = 160;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    by: Side,
    len: PlaintextLen,
    began: Moment,
    /// When it was complete, with the records that go on with its packet.
    at: Moment,
}

packed! { struct Record { by, len, began, at } }

/// Reads the records of one connection.
#[derive(Debug, Default)]
pub(super) struct Inferrer {
    phase: Phase,
    exchange: Exchange,
    /// Records were missing: what was asked may be unknown.
    has_gap: bool,
    /// Alerts have a record type of their own, so that no record here is one.
    alerts_visible: bool,
}

packed! { struct Inferrer { phase, exchange, has_gap, alerts_visible } }

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// The client has not spoken.
    #[default]
    Begin,
    /// CONNECT was sent, the server has not spoken.
    Connecting,
    Connected,
}

packed! { enum Phase { Begin, Connecting, Connected } }

impl Inferrer {
    pub(super) fn alerts_are_visible(&mut self) {
        self.alerts_visible = true;
    }

    pub(super) fn handle_gap(&mut self) {
        self.has_gap = true;
    }

    pub(super) fn handle_record(
        &mut self,
        side: Side,
        at: Moment,
        len: PlaintextLen,
        facts: &mut Facts,
        sink: &mut impl Sink,
    ) {
        // A record without content hides the length of its neighbours, or is the answer to an old attack on CBC.
        if len.max == 0 {
            return;
        }
        if !facts.sealed {
            facts.sealed = true;
            facts.publishes_told = !self.has_gap;
        }
        // Alerts are visible in every version that has CBC suites.
        self.alerts_visible |= !len.is_exact();
        facts.log.add(Entry { by: side, len, began: at, at });
        let record = Record { by: side, len, began: at, at };
        let mut out = Output { facts, sink, is_certain: !self.has_gap };
        match (self.phase, side) {
            (Phase::Begin, _) if out.facts.gaps.client > 0 => {
                // Joined in the middle: whatever it is, the session goes on.
                self.phase = Phase::Connected;
                self.exchange.handle(record, self.alerts_visible, &mut out);
            }
            (Phase::Begin, Side::Client) => self.connect(record, &mut out),
            (Phase::Begin, Side::Server) => {}
            (Phase::Connecting, Side::Client) => {
                if len.max > 2 {
                    out.facts.note_client(at);
                }
                self.exchange.handle(record, self.alerts_visible, &mut out);
            }
            (Phase::Connecting, Side::Server) => self.connack(record, &mut out),
            (Phase::Connected, _) => {
                if side == Side::Client {
                    out.facts.note_client(at);
                }
                self.exchange.handle(record, self.alerts_visible, &mut out);
            }
        }
    }

    /// A side ends: what its last records were can be told now.
    pub(super) fn handle_close(&mut self, side: Side, at: Moment, how: End, facts: &mut Facts, sink: &mut impl Sink) {
        let mut out = Output { facts, sink, is_certain: !self.has_gap };
        let close = Close { end: Some((side, how)), at, alerts_visible: self.alerts_visible };
        self.exchange.close(close, &mut out);
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, at: Moment, facts: &mut Facts, sink: &mut impl Sink) {
        let mut out = Output { facts, sink, is_certain: !self.has_gap };
        self.exchange.close(Close { end: None, at, alerts_visible: self.alerts_visible }, &mut out);
    }

    /// The client's first packet must be CONNECT (MQTT 5.0, 3.1).
    fn connect(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        if record.len.max < MIN_CONNECT {
            return;
        }
        self.phase = Phase::Connecting;
        out.facts.note_client(record.at);
        out.tell(record, Reading::Connect, Likely, "");
    }

    /// The server's first packet must be CONNACK (3.2), or AUTH in an extended authentication of 5.0.
    fn connack(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        let len = record.len;
        // An alert: the server refuses. A ticket: it has not spoken yet.
        if len.max < CONNACK_V3 || len.min >= MIN_TICKET {
            return;
        }
        self.phase = Phase::Connected;
        out.facts.note_server(record.at);
        if let Some(asked) = out.facts.connect_at {
            self.exchange.begin(record, record.at.at.since(asked.at));
        }
        let is_alone = out.facts.sent_before_connack == 0;
        let (confidence, or) = match len.min {
            0..=MAX_CONNACK if is_alone => (Likely, ""),
            0..=MAX_CONNACK => (Likely, "an answer to what was sent early may be in the same record"),
            _ => (Possible, "a ticket of TLS, or several packets in one record"),
        };
        if len.is(CONNACK_V3) {
            self.exchange.version = Some(Version::V3_1_1);
            // 3.1, which few speak any more, answers alike.
            out.facts.note_version(Version::V3_1_1, Basis::Inferred(Possible));
        } else if len.min >= MIN_CONNACK_V5 && is_alone {
            let is_sure = len.max <= SURE_CONNACK_V5 && out.is_certain;
            self.exchange.version = Some(Version::V5_0);
            out.facts.note_version(Version::V5_0, Basis::Inferred(if is_sure { Likely } else { Possible }));
        }
        out.tell(record, Reading::Connack, confidence, or);
    }
}

/// Where readings go.
struct Output<'a, S> {
    facts: &'a mut Facts,
    sink: &'a mut S,
    /// Nothing was missed: something may be called likely.
    is_certain: bool,
}

impl<S: Sink> Output<'_, S> {
    /// Tells what a record is taken for, and what it could be as well.
    fn tell(&mut self, record: Record, reading: Reading, confidence: Confidence, or: &'static str) {
        let confidence = self.capped(confidence);
        let basis = Basis::Inferred(confidence);
        if confidence >= Likely {
            self.facts.packets[record.by].count(reading.kind());
        } else if reading.kind() == PacketType::PUBLISH {
            self.facts.publishes_told = false;
        }
        let seen = Seen { began: record.began, ended: record.at, by: record.by, basis };
        let inference = Inference { reading, len: record.len, confidence, or };
        self.sink.event(seen, Event::Inferred(inference));
    }
    /// The confidence that a reading can have in this capture.
    fn capped(&self, confidence: Confidence) -> Confidence {
        if self.is_certain { confidence } else { Possible }
    }

    fn tell_disconnect(&mut self, record: Record, confidence: Confidence, or: &'static str) {
        self.tell(record, Reading::Disconnect, confidence, or);
        let confidence = self.capped(confidence);
        let mark = Mark { at: record.at, basis: Basis::Inferred(confidence) };
        self.facts.disconnect[record.by].get_or_insert(mark);
    }

    /// Tells a ping and its answer, if there was one.
    fn tell_ping(&mut self, asked: Record, answer: Option<Record>, confidence: Confidence, or: &'static str) {
        let confidence = self.capped(confidence);
        self.tell(asked, Reading::Pingreq, confidence, or);
        if confidence == Likely {
            self.facts.pings.request(asked.at);
        }
        let Some(answer) = answer else { return };
        self.tell(answer, Reading::Pingresp, confidence, or);
        if confidence == Likely {
            self.facts.pings.answer(answer.at);
        }
    }
}
