//! Puts the messages of the handshake together (RFC 8446, 4; RFC 5246, 7.4).
//!
//! The bodies of handshake records come in, in clear or decrypted; whole messages go out, in place where one record holds
//! all of a message. A message that is longer than the limit is passed over and said to be. Nothing is parsed here.

use super::codes::HandshakeType;
use crate::pack::packed;
use crate::stream::Moment;

/// The length of a message's header: type and a length of three bytes.
const HEADER_LEN: usize = 4;
/// The first message after a gap must not claim more than this: else its header is taken for something else.
const PLAUSIBLE_LEN: usize = 1 << 16;

/// One message of the handshake.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: HandshakeType,
    /// Its length without its header, in bytes.
    pub(super) length: u32,
    pub(super) body: MessageBody<'a>,
    /// When its first record began.
    pub(super) began: Moment,
}

/// What there is of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageBody<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// The capture lacks the rest.
    Cut(&'a [u8]),
    /// It is longer than the limit and was not kept.
    TooLong,
}

/// Joins the messages of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Joiner {
    buffer: Vec<u8>,
    /// When the record began in which the message in the buffer begins.
    began: Option<Moment>,
    /// Bytes of an overlong message that are still to be passed over.
    skipping: usize,
    /// A record was lost: the next one may begin in the middle of a message.
    lost: bool,
    /// The message in the buffer was given out; it is dropped at the next call.
    taken: bool,
}

packed! { struct Joiner { buffer, began, skipping, lost, taken } }

impl Joiner {
    /// Takes the next message out of a record's body. `None`: all was used; what is left of it waits for the next record.
    pub(super) fn next<'a, 'd: 'a>(
        &'a mut self,
        input: &mut &'d [u8],
        began: Moment,
        limit: usize,
    ) -> Option<Message<'a>> {
        if std::mem::take(&mut self.taken) {
            self.buffer = Vec::new();
        }
        let skipped = self.skipping.min(input.len());
        self.skipping -= skipped;
        *input = input.get(skipped..).unwrap_or_default();
        if self.buffer.is_empty() {
            return self.in_place(input, began, limit);
        }
        self.fill(input, HEADER_LEN)?;
        let (kind, length) = parse_header(&self.buffer)?;
        let began = self.began.unwrap_or(began);
        if length > limit {
            self.skipping = length;
            self.buffer = Vec::new();
            return Some(too_long(kind, length, began));
        }
        self.fill(input, HEADER_LEN + length)?;
        self.taken = true;
        let body = MessageBody::Whole(self.buffer.get(HEADER_LEN..).unwrap_or_default());
        Some(Message { kind, length: length_u32(length), body, began })
    }

    /// The rest of the last record is missing. What has come of the message in it goes out.
    pub(super) fn cut(&mut self, began: Moment) -> Option<Message<'_>> {
        let is_empty = std::mem::replace(&mut self.taken, true);
        (self.lost, self.skipping) = (true, 0);
        let (kind, length) = parse_header(&self.buffer).filter(|_| !is_empty)?;
        let body = MessageBody::Cut(self.buffer.get(HEADER_LEN..).unwrap_or_default());
        Some(Message { kind, length: length_u32(length), body, began: self.began.unwrap_or(began) })
    }

    /// Whether a message has begun and goes on in the next record.
    pub(super) fn is_open(&self) -> bool {
        self.skipping > 0 || !self.buffer.is_empty() && !self.taken
    }

    /// Bytes are missing between two records.
    pub(super) fn gap(&mut self) {
        *self = Self { lost: true, ..Self::default() };
    }

    fn in_place<'a, 'd: 'a>(&mut self, input: &mut &'d [u8], began: Moment, limit: usize) -> Option<Message<'a>> {
        if input.is_empty() {
            return None;
        }
        let Some((kind, length)) = parse_header(input) else {
            self.keep(input, began);
            return None;
        };
        if std::mem::take(&mut self.lost) && (kind.name().is_none() || length > PLAUSIBLE_LEN) {
            self.lost = true;
            *input = &[];
            return None;
        }
        if length > limit {
            self.skipping = HEADER_LEN + length;
            let skipped = self.skipping.min(input.len());
            self.skipping -= skipped;
            *input = input.get(skipped..).unwrap_or_default();
            return Some(too_long(kind, length, began));
        }
        let Some((message, rest)) = input.split_at_checked(HEADER_LEN + length) else {
            self.keep(input, began);
            return None;
        };
        *input = rest;
        let body = MessageBody::Whole(message.get(HEADER_LEN..).unwrap_or_default());
        Some(Message { kind, length: length_u32(length), body, began })
    }

    fn keep(&mut self, input: &mut &[u8], began: Moment) {
        self.buffer.extend_from_slice(input);
        self.began = Some(began);
        *input = &[];
    }

    /// Moves bytes into the buffer until it holds `length` of them; `None` if there are not so many.
    fn fill(&mut self, input: &mut &[u8], length: usize) -> Option<()> {
        let missing = length.saturating_sub(self.buffer.len());
        let (taken, rest) = input.split_at(missing.min(input.len()));
        self.buffer.extend_from_slice(taken);
        *input = rest;
        (self.buffer.len() >= length).then_some(())
    }
}

fn parse_header(bytes: &[u8]) -> Option<(HandshakeType, usize)> {
    let [kind, high, middle, low] = *bytes.first_chunk::<HEADER_LEN>()?;
    Some((HandshakeType(kind), u32::from_be_bytes([0, high, middle, low]) as usize))
}

fn too_long(kind: HandshakeType, length: usize, began: Moment) -> Message<'static> {
    Message { kind, length: length_u32(length), body: MessageBody::TooLong, began }
}

fn length_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameId;
    use crate::time::Timestamp;

    const AT: Moment = Moment::new(Timestamp::from_nanos(0), FrameId::new(0, 1));

    fn messages(records: &[&[u8]], limit: usize) -> Vec<(u8, u32, Option<Vec<u8>>)> {
        let mut joiner = Joiner::default();
        let mut told = Vec::new();
        for record in records {
            let mut input = *record;
            while let Some(message) = joiner.next(&mut input, AT, limit) {
                let body = match message.body {
                    MessageBody::Whole(body) => Some(body.to_vec()),
                    _ => None,
                };
                told.push((message.kind.0, message.length, body));
            }
        }
        told
    }

    #[test]
    fn messages_may_share_a_record_and_may_span_records() {
        let stream = [14, 0, 0, 0, 20, 0, 0, 3, 1, 2, 3, 4, 0, 0, 1, 9];
        let expected = vec![(14, 0, Some(vec![])), (20, 3, Some(vec![1, 2, 3])), (4, 1, Some(vec![9]))];
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let records = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(messages(&records, 100), expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_message_above_the_limit_is_said_and_passed_over() {
        let mut stream = vec![11, 0, 0, 200];
        stream.extend([7; 200]);
        stream.extend([14, 0, 0, 0]);
        let expected = vec![(11, 200, None), (14, 0, Some(vec![]))];
        for cut in 0..=stream.len() {
            assert_eq!(messages(&[&stream[..cut], &stream[cut..]], 100), expected, "cut at {cut}");
        }
    }
}
