//! The end of a session of TLS 1.3: a record of two bytes is a DISCONNECT, a PINGREQ, a PINGRESP or close_notify. What it
//! was shows when its sender closes: what stands in front of it and who spoke since.

use super::{ALERT_LEN, Sealed};
use crate::evidence::Confidence::{self, Likely, Possible};
use crate::net::{PerSide, Side};
use crate::pack::packed;

/// A last record of two bytes.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Goodbye {
    pub(in super::super) record: Sealed,
    /// That it is an alert.
    pub(in super::super) confidence: Confidence,
    /// That it is close_notify.
    pub(in super::super) close_notify: Confidence,
}

/// The last records of both sides, as far as they may be alerts.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Closing {
    tails: PerSide<Tail>,
}

packed! { struct Closing { tails } }

#[derive(Clone, Copy, Debug, Default)]
struct Tail {
    /// The last record, if it has the length of an alert.
    last: Option<Sealed>,
    /// How many of that length came in a row, without a word of the peer.
    run: u8,
    /// Whether the peer spoke after it.
    answered: bool,
    /// How many of the peer's were waiting for an answer when it came: one may have been a ping.
    in_answer_to: u8,
    /// Whether the peer had closed already.
    after_close: bool,
    closed: bool,
}

packed! { struct Tail { last, run, answered, in_answer_to, after_close, closed } }

impl Closing {
    /// A record of application data, by its looks.
    pub(in super::super) fn record(&mut self, record: &Sealed) {
        let peer = &mut self.tails[record.by.peer()];
        let waiting = if peer.answered { 0 } else { peer.run };
        let peer_closed = peer.closed;
        peer.answered = true;
        let tail = &mut self.tails[record.by];
        if record.content == ALERT_LEN {
            tail.run = if tail.answered { 1 } else { tail.run.saturating_add(1) };
            tail.in_answer_to = if tail.run == 1 { waiting } else { tail.in_answer_to };
            tail.after_close = peer_closed;
            tail.last = Some(*record);
        } else {
            (tail.last, tail.run) = (None, 0);
        }
        tail.answered = false;
    }

    /// Whether a side has said no more than two bytes since the peer closed, and has not closed itself.
    pub(in super::super) fn has_answered_close(&self, side: Side) -> bool {
        let tail = &self.tails[side];
        tail.after_close && tail.last.is_some() && !tail.closed
    }

    /// A side closes: its last record, if that may have been an alert.
    pub(in super::super) fn close(&mut self, side: Side) -> Option<Goodbye> {
        let peer_said_goodbye = self.tails[side.peer()].last.is_some();
        let tail = &mut self.tails[side];
        if std::mem::replace(&mut tail.closed, true) {
            return None;
        }
        // Of the client: DISCONNECT and close_notify, if there are two. Nothing that a server says by itself in MQTT has
        // two bytes, but the answer to a ping has.
        let by_itself = side == Side::Server && (tail.after_close || tail.in_answer_to != 1);
        let confidence = if tail.run >= 2 || by_itself { Likely } else { Possible };
        // OpenSSL answers a bare FIN with an alert too, but that one complains.
        let is_echo = tail.after_close && !peer_said_goodbye;
        let close_notify = if is_echo { Possible } else { confidence };
        tail.last.map(|record| Goodbye { record, confidence, close_notify })
    }
}
