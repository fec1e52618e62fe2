//! Encrypted records that a side cut out of one message: small devices send none above some hundred bytes (RFC 6066, 4;
//! RFC 8449). How long such records are shows in the clear part of the handshake; behind it they are joined again. Lengths
//! come in and go out; no content is looked at.

use crate::net::{PerSide, Side};
use crate::pack::packed;
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

packed! { struct Cuts { sides } }

#[derive(Debug, Default)]
struct Cut {
    /// The length at which messages are cut.
    at: At,
    /// What was cut off so far, while the rest is missing.
    open: Option<Sealed>,
}

packed! { struct Cut { at, open } }

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

packed! { enum At { Unknown, Length(what), Anywhere } }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameId;
    use crate::time::Timestamp;
    use crate::tls::PlaintextLen;

    /// A record of so many bytes of content, so many milliseconds after the start.
    fn record(by: Side, content: u32, millis: u64) -> Sealed {
        let at = Moment::new(Timestamp::from_secs(0) + Duration::from_millis(millis), FrameId::new(0, millis));
        let plaintext = PlaintextLen { min: content, max: content };
        Sealed { by, length: content + 17, content, plaintext, began: at, ended: at }
    }

    #[test]
    fn records_that_are_cut_are_joined() {
        let mut cuts = Cuts::default();
        cuts.learn(Side::Client, 200);
        assert!(cuts.join(record(Side::Client, 200, 1)).is_none());
        assert!(cuts.join(record(Side::Client, 200, 2)).is_none());
        let joined = cuts.join(record(Side::Client, 50, 3)).expect("a message");
        assert_eq!((joined.content, joined.length), (450, 450 + 3 * 17));
        assert_eq!((joined.began, joined.ended), (record(Side::Client, 0, 1).began, record(Side::Client, 0, 3).ended));
        // The other side cuts elsewhere.
        assert_eq!(cuts.join(record(Side::Server, 200, 4)).map(|record| record.content), Some(200));
    }

    #[test]
    fn a_message_that_ends_where_it_would_be_cut_is_not_lost() {
        let mut cuts = Cuts::default();
        cuts.learn(Side::Client, 200);
        assert!(cuts.join(record(Side::Client, 200, 1)).is_none());
        let at = |millis| record(Side::Client, 0, millis).began;
        assert!(cuts.give_up_old(Side::Client, at(900)).is_none());
        assert_eq!(cuts.give_up_old(Side::Client, at(1500)).map(|record| record.content), Some(200));
        assert!(cuts.give_up(Side::Client).is_none());
    }

    #[test]
    fn a_side_that_cuts_anywhere_says_nothing_about_later_records() {
        let mut cuts = Cuts::default();
        cuts.learn(Side::Client, 200);
        cuts.learn(Side::Client, 90);
        assert_eq!(cuts.join(record(Side::Client, 90, 1)).map(|record| record.content), Some(90));
    }
}
