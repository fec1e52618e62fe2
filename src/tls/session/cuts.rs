//! Encrypted records that a side cut out of one message: small devices send none above some hundred bytes (RFC 6066, 4;
//! RFC 8449). How long such records are shows in the clear part of the handshake; behind it they are joined again. Lengths
//! come in and go out; no content is looked at.

use crate::net::{PerSide, Side};
use crate::stream::Moment;
use crate::tls::infer::Sealed;
use std::time::Duration;

/// A record goes on with the one before it within this time.
const PROMPT: Duration = Duration::from_secs(1);

/// How both sides cut their messages.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    sides: PerSide<Cut>,
}

#[derive(Debug, Default)]
struct Cut {
    /// The length at which messages are cut.
    at: At,
    /// What was cut off so far, while the rest is missing.
    open: Option<Sealed>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// No message was seen that needed more than one record.
    #[default]
    Unknown,
    /// At so many bytes.
    Length(u32),
    /// Here and there: it says nothing about later records.
    Anywhere,
}

impl Cuts {
    /// A record of so many bytes ended within a message of the handshake.
    pub(super) fn learn(&mut self, side: Side, length: u32) {
        let at = &mut self.sides[side].at;
        *at = match *at {
            At::Unknown => At::Length(length),
            At::Length(known) if known == length => *at,
            At::Length(_) | At::Anywhere => At::Anywhere,
        };
    }

    /// Joins the next record to what is open. `None`: it ends where messages are cut, so that the next one may go on.
    pub(super) fn join(&mut self, record: Sealed) -> Option<Sealed> {
        let cut = &mut self.sides[record.by];
        let goes_on = matches!(cut.at, At::Length(at) if record.plaintext.min <= at && at <= record.plaintext.max);
        let joined = match cut.open.take() {
            Some(open) => open.joined(&record),
            None => record,
        };
        if goes_on {
            cut.open = Some(joined);
            return None;
        }
        Some(joined)
    }

    /// What is open on a side and will not go on, because something else came at this moment.
    pub(super) fn give_up(&mut self, side: Side) -> Option<Sealed> {
        self.sides[side].open.take()
    }

    /// What is open on a side and came too long before `now` to go on.
    pub(super) fn give_up_old(&mut self, side: Side, now: Moment) -> Option<Sealed> {
        self.sides[side].open.take_if(|open| now.at.since(open.ended.at) > PROMPT)
    }
}
