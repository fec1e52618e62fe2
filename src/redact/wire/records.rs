//! One direction of a TLS connection: its bytes in order come in, with holes; what is to be overwritten in the clear part of
//! the handshake goes out. Encrypted records stay as they are.

use super::edit::{Edit, New};
use super::handshake;
use crate::redact::Pseudonyms;
use crate::tls::ContentType;

/// The header of a record.
const HEAD: usize = 5;
/// The longest body (RFC 5246, 6.2.3).
const MAX_BODY: u16 = (1 << 14) + 2048;
/// The longest message that is put together; longer ones are blanked.
const MAX_MESSAGE: usize = 256 << 10;

/// Where the reading of records stands.
#[derive(Debug, Default)]
pub(super) struct Records {
    head: Vec<u8>,
    body: Option<Body>,
    /// The message in the making, and where its pieces are in the stream.
    message: Vec<u8>,
    pieces: Vec<(u64, usize)>,
    /// Encrypted records have been seen: what cannot be read is one of them.
    sealed: bool,
    /// The next header is not known to be where the bytes are.
    lost: bool,
}

/// The record that is being read.
#[derive(Clone, Copy, Debug)]
struct Body {
    content_type: ContentType,
    remaining: u64,
    /// Whether it was asked if this is a message in clear.
    judged: bool,
    clear: bool,
}

impl Records {
    /// For a stream whose beginning is missing.
    pub(super) fn joined() -> Self {
        Self { lost: true, ..Self::default() }
    }

    /// The next bytes, which begin at `at`.
    pub(super) fn feed(&mut self, mut at: u64, mut bytes: &[u8], pseudonyms: &mut Pseudonyms, edits: &mut Vec<Edit>) {
        if self.lost {
            let found = plausible_header(bytes);
            let (passed, rest) = bytes.split_at(found.unwrap_or(bytes.len()));
            self.blank_unless_sealed(at, passed.len() as u64, edits);
            (at, bytes) = (at + passed.len() as u64, rest);
            self.lost = found.is_none();
        }
        while !bytes.is_empty() {
            let Some(body) = self.body else {
                let (taken, rest) = bytes.split_at(bytes.len().min(HEAD - self.head.len()));
                self.head.extend_from_slice(taken);
                (at, bytes) = (at + taken.len() as u64, rest);
                if self.head.len() == HEAD && !self.begin_body() {
                    self.lose();
                    return self.blank_unless_sealed(at, bytes.len() as u64, edits);
                }
                continue;
            };
            let len = usize::try_from(body.remaining).unwrap_or(usize::MAX).min(bytes.len());
            let (piece, rest) = bytes.split_at(len);
            self.take_piece(body, at, piece, pseudonyms, edits);
            (at, bytes) = (at + len as u64, rest);
        }
    }

    /// So many bytes are missing, from `at` on.
    pub(super) fn gap(&mut self, len: u64, edits: &mut Vec<Edit>) {
        self.give_message_up(edits);
        match &mut self.body {
            Some(body) if body.remaining > len => {
                body.remaining -= len;
                // The rest of a message whose beginning is missing cannot be read.
                (body.judged, body.clear) = (true, false);
            }
            Some(body) if body.remaining == len => self.body = None,
            _ => self.lose(),
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, edits: &mut Vec<Edit>) {
        self.give_message_up(edits);
    }

    /// Whether bytes that were never looked at may stay.
    pub(super) const fn is_sealed(&self) -> bool {
        self.sealed
    }

    fn begin_body(&mut self) -> bool {
        let Some((content_type, len)) = header(&self.head) else { return false };
        self.head.clear();
        self.sealed |= content_type == ContentType::APPLICATION_DATA;
        let judged = content_type != ContentType::HANDSHAKE;
        self.body = (len > 0).then_some(Body { content_type, remaining: u64::from(len), judged, clear: false });
        true
    }

    fn take_piece(
        &mut self,
        mut body: Body,
        at: u64,
        piece: &[u8],
        pseudonyms: &mut Pseudonyms,
        edits: &mut Vec<Edit>,
    ) {
        if !body.judged {
            body.judged = true;
            // Behind ChangeCipherSpec handshake records are encrypted, except for the second hello of TLS 1.3.
            body.clear = !self.sealed || matches!(piece, [1, 0, _, _, 3, ..] | [1]);
        }
        if body.content_type == ContentType::HANDSHAKE {
            if body.clear {
                self.take_handshake(at, piece, pseudonyms, edits);
            } else {
                self.blank_unless_sealed(at, piece.len() as u64, edits);
            }
        }
        body.remaining -= piece.len() as u64;
        self.body = (body.remaining > 0).then_some(body);
        if body.remaining == 0 && body.content_type == ContentType::CHANGE_CIPHER_SPEC {
            self.sealed = true;
        }
    }

    fn take_handshake(&mut self, mut at: u64, mut piece: &[u8], pseudonyms: &mut Pseudonyms, edits: &mut Vec<Edit>) {
        while !piece.is_empty() {
            let wanted = self.message_len().unwrap_or(handshake::HEAD) - self.message.len();
            let (taken, rest) = piece.split_at(wanted.min(piece.len()));
            self.pieces.push((at, self.message.len()));
            self.message.extend_from_slice(taken);
            (at, piece) = (at + taken.len() as u64, rest);
            let Some(len) = self.message_len() else { continue };
            if len > MAX_MESSAGE {
                self.give_message_up(edits);
                self.lose();
                return self.blank_unless_sealed(at, piece.len() as u64, edits);
            }
            if self.message.len() >= len {
                let message = std::mem::take(&mut self.message);
                let pieces = std::mem::take(&mut self.pieces);
                for edit in handshake::edits(&message, pseudonyms) {
                    spread(&edit, &pieces, message.len(), edits);
                }
            }
        }
    }

    fn message_len(&self) -> Option<usize> {
        let [_, high, middle, low] = *self.message.first_chunk::<{ handshake::HEAD }>()?;
        Some(handshake::HEAD + (usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)))
    }

    /// A message that will not be whole: all but its head is blanked.
    fn give_message_up(&mut self, edits: &mut Vec<Edit>) {
        let message = std::mem::take(&mut self.message);
        let pieces = std::mem::take(&mut self.pieces);
        let kept = if message.first() == Some(&1) { handshake::HEAD + 2 + 32 } else { handshake::HEAD };
        let rest = message.len().saturating_sub(kept);
        if rest > 0 {
            spread(&Edit::fill(kept as u64, rest as u64, 0), &pieces, message.len(), edits);
        }
    }

    fn lose(&mut self) {
        self.head.clear();
        self.body = None;
        self.lost = true;
    }

    fn blank_unless_sealed(&self, at: u64, len: u64, edits: &mut Vec<Edit>) {
        if !self.sealed && len > 0 {
            edits.push(Edit::fill(at, len, 0));
        }
    }
}

fn header(bytes: &[u8]) -> Option<(ContentType, u16)> {
    let [content_type, 3, 0..=4, high, low] = *bytes.first_chunk::<HEAD>()? else { return None };
    let len = u16::from_be_bytes([high, low]);
    ((20..=24).contains(&content_type) && len <= MAX_BODY).then_some((ContentType(content_type), len))
}

/// Where a record begins among bytes that nobody knows: it fills them to their end, or another one follows.
fn plausible_header(bytes: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|start| {
        let Some(rest) = bytes.get(*start..) else { return false };
        let Some((content_type, len)) = header(rest) else { return false };
        let begins_well = match (content_type, rest.get(HEAD..)) {
            (ContentType::CHANGE_CIPHER_SPEC, Some(body)) => len == 1 && body.first() == Some(&1),
            (ContentType::ALERT, _) => (2..=64).contains(&len),
            (ContentType::HANDSHAKE, Some([kind, 0, ..])) => len > 3 && *kind < 25,
            (ContentType::APPLICATION_DATA, _) => len > 16,
            _ => false,
        };
        match rest.get(HEAD + usize::from(len)..) {
            // It reaches beyond: at the very beginning of a segment only.
            None => *start == 0 && begins_well,
            Some([]) => begins_well,
            Some(next) => begins_well && next.len() >= HEAD && header(next).is_some(),
        }
    })
}

/// An edit with places in a message, as edits with places in the stream that the message's pieces came from.
fn spread(edit: &Edit, pieces: &[(u64, usize)], message_len: usize, edits: &mut Vec<Edit>) {
    let ends = pieces.iter().skip(1).map(|(_, start)| *start).chain([message_len]);
    for ((at, start), end) in pieces.iter().zip(ends) {
        let (from, to) = (edit.start.max(*start as u64), (edit.start + edit.len).min(end as u64));
        if from >= to {
            continue;
        }
        let what = match &edit.what {
            New::Bytes(bytes) => {
                let range = usize::try_from(from - edit.start).ok().zip(usize::try_from(to - edit.start).ok());
                let part = range.and_then(|(from, to)| bytes.get(from..to));
                New::Bytes(part.unwrap_or_default().into())
            }
            other => other.clone(),
        };
        edits.push(Edit { start: at + (from - *start as u64), len: to - from, what });
    }
}
