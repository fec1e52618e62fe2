//! One side's bytes: cut into packets, read, told. Finds the next packet again behind a gap.

use super::event::Event;
use super::facts::{ErrorKind, ProtocolError};
use super::packet::frame::{Frame, Framer, Header, Keep};
use super::packet::{Malformed, decode, incomplete};
use super::session::{Entry, Session};
use super::{Limits, PacketType, PlaintextLen, Sink, Version};
use crate::evidence::{Basis, Seen};
use crate::net::Side;
use crate::pack::packed;
use crate::stream::Moment;

/// The stream of one side.
#[derive(Debug, Default)]
pub(super) struct Stream {
    framer: Framer,
    state: State,
}

packed! { struct Stream { framer, state } }

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing came yet: a packet begins here.
    #[default]
    Fresh,
    /// Where packets begin is known.
    Framed,
    /// Bytes are missing: a packet may begin with any piece.
    Lost,
    /// It is not what it should be; nothing more is read.
    GivenUp,
}

packed! { enum State { Fresh, Framed, Lost, GivenUp } }

impl Stream {
    pub(super) fn handle(
        &mut self,
        side: Side,
        at: Moment,
        mut bytes: &[u8],
        session: &mut Session,
        limits: Limits,
        sink: &mut impl Sink,
    ) {
        let is_fresh = self.state == State::Fresh;
        match self.state {
            State::GivenUp => return,
            State::Lost if !begins_packet(bytes) => return,
            State::Fresh if bytes.is_empty() => return,
            State::Fresh | State::Lost | State::Framed => self.state = State::Framed,
        }
        let whole = bytes;
        let keep = Keep { body: limits.packet, payload: limits.payload_preview };
        loop {
            let version = session.facts.version.map(|(version, _)| version);
            match self.framer.next(&mut bytes, at, version, keep) {
                None => return,
                Some(Ok(frame)) => handle_frame(side, at, &frame, session, limits, sink),
                Some(Err(malformed)) => {
                    let malformed = if is_fresh && is_http(whole) { Malformed::Http } else { malformed };
                    session.facts.given_up[side] = Some((malformed, at));
                    self.state = State::GivenUp;
                    return tell_malformed(side, at, at, malformed, session, sink);
                }
            }
        }
    }

    /// The side has ended: a packet may be left that is not complete.
    pub(super) fn finish(&mut self, side: Side, at: Moment, session: &mut Session, sink: &mut impl Sink) {
        let Some(packet) = self.framer.open().map(|(frame, came)| incomplete(&frame, came)) else { return };
        let seen = Seen { began: packet.began, ended: at, by: side, basis: Basis::Observed };
        session.facts.incomplete[side] = Some(packet.clone());
        sink.event(seen, Event::Incomplete(Box::new(packet)));
        self.framer.reset();
    }

    pub(super) fn handle_gap(&mut self) {
        if self.state != State::GivenUp {
            self.framer.reset();
            self.state = State::Lost;
        }
    }
}

fn handle_frame(
    side: Side,
    at: Moment,
    frame: &Frame<'_>,
    session: &mut Session,
    limits: Limits,
    sink: &mut impl Sink,
) {
    let total = u32::try_from(frame.total()).unwrap_or(u32::MAX);
    session.facts.read = true;
    session.facts.log.add(Entry { by: side, len: PlaintextLen { min: total, max: total }, began: frame.began, at });
    if session.facts.version.is_none() && shows_version_5(frame) {
        session.facts.note_version(Version::V5_0, Basis::Observed);
    }
    let version = session.facts.version.map(|(version, _)| version);
    let topics = &session.facts.topics;
    let seen = Seen { began: frame.began, ended: at, by: side, basis: Basis::Observed };
    match decode(frame, version, limits.payload_preview, |name| topics.name(name)) {
        Ok((mut packet, malformed)) => {
            let violation = session.handle(side, at, &mut packet, limits);
            sink.event(seen, Event::Packet(packet));
            if let Some(malformed) = malformed {
                tell_malformed(side, frame.began, at, malformed, session, sink);
            }
            if let Some(violation) = violation {
                session.facts.note_error(ProtocolError { by: side, at, what: ErrorKind::Forbidden(violation) });
                sink.event(seen, Event::ProtocolError(violation));
            }
        }
        Err(malformed) => tell_malformed(side, frame.began, at, malformed, session, sink),
    }
}

fn tell_malformed(
    side: Side,
    began: Moment,
    at: Moment,
    malformed: Malformed,
    session: &mut Session,
    sink: &mut impl Sink,
) {
    session.facts.note_error(ProtocolError { by: side, at, what: ErrorKind::Malformed(malformed) });
    sink.event(Seen { began, ended: at, by: side, basis: Basis::Observed }, Event::Malformed(malformed));
}

/// Whether the length of a packet shows MQTT 5.0, in a connection whose CONNECT was not seen.
fn shows_version_5(frame: &Frame<'_>) -> bool {
    match frame.kind() {
        PacketType::CONNACK
        | PacketType::PUBACK
        | PacketType::PUBREC
        | PacketType::PUBREL
        | PacketType::PUBCOMP
        | PacketType::UNSUBACK => frame.length > 2,
        PacketType::DISCONNECT => frame.length > 0,
        PacketType::AUTH => true,
        _ => false,
    }
}

/// Whether this piece, behind a gap, begins with a packet: the headers in it lead from one to the next up to its end.
fn begins_packet(mut bytes: &[u8]) -> bool {
    let mut whole_packets = 0;
    loop {
        let Ok(Some(header)) = Header::read(bytes) else { return bytes.is_empty() && whole_packets > 0 };
        if !is_plausible(header) {
            return false;
        }
        match bytes.get(usize::from(header.size) + header.length as usize..) {
            Some(rest) => bytes = rest,
            // The last one may end in a later piece; alone it proves nothing.
            None => return whole_packets > 0,
        }
        whole_packets += 1;
    }
}

/// Whether a packet of this type can have this length (MQTT 5.0, 3).
const fn is_plausible(header: Header) -> bool {
    match PacketType(header.first >> 4) {
        PacketType::PINGREQ | PacketType::PINGRESP => header.length == 0,
        PacketType::DISCONNECT | PacketType::AUTH => true,
        PacketType::CONNECT => header.length >= 12,
        PacketType::SUBSCRIBE | PacketType::UNSUBSCRIBE => header.length >= 5,
        PacketType::PUBLISH => header.length >= 3 && (header.first >> 1) & 3 != 3,
        _ => header.length >= 2,
    }
}

fn is_http(bytes: &[u8]) -> bool {
    [&b"GET "[..], b"POST", b"HEAD", b"PUT ", b"OPTI", b"HTTP"].iter().any(|word| bytes.starts_with(word))
}
