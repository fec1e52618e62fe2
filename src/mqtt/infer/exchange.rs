//! The session behind CONNACK: which record of the client an answer of the server belongs to, and what both are by that.

use super::acks::{MAX_RUN, Open};
use super::{Output, Reading, Record};
use crate::evidence::Confidence::{Likely, Possible};
use crate::mqtt::Sink;
use crate::mqtt::codes::Version;
use crate::net::{PerSide, Side};
use crate::pack::packed;
use std::collections::VecDeque;
use std::time::Duration;

/// The most records that wait for their answer.
pub(super) const MAX_HELD: usize = 64;
/// The most messages of the server that are thought to wait for an acknowledgement.
const MAX_PUSHES: u32 = 64;
/// The most records of two bytes that wait for theirs.
pub(super) const MAX_TWOS: usize = 8;
/// PINGREQ, PINGRESP, a bare DISCONNECT, an alert.
pub(super) const TWO: u32 = 2;
/// A DISCONNECT of 5.0 with a reason only: nothing else has three bytes.
const THREE: u32 = 3;
/// PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK before 5.0.
pub(super) const FOUR: u32 = 4;
/// Two records so close are of one thought: DISCONNECT and close_notify.
pub(super) const PROMPT: Duration = Duration::from_secs(1);
/// The least time that a server is given for its answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// From here on a record was cut by TLS itself (RFC 8446, 5.1: 2^14), and the next one goes on with its packet.
const FULL_RECORD: u32 = 16_384;
/// A message of this length cannot well be a SUBSCRIBE.
pub(super) const LARGE: u32 = 1024;
/// Sizes that are remembered.
const MAX_SIZES: usize = 8;

pub(super) const OR_SUBSCRIBE: &str = "SUBSCRIBE, if its answer shares a record with a message or is missing";

/// What is asked and not answered.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) version: Option<Version>,
    /// How long the server took for its first answer.
    pub(super) latency: Duration,
    /// How long the client took to go on after it; beside the server that is a round trip at least.
    pub(super) reaction: Option<Duration>,
    /// The client's records that may be answered, in their order.
    pub(super) held: VecDeque<Held>,
    /// Records of the length of an acknowledgement that are not explained yet.
    pub(super) run: Vec<Waiting>,
    /// What was open in front of the run; the client's messages are counted in `held`.
    pub(super) open: Open,
    /// Messages of the server since the last record of the run.
    pub(super) new_down: u32,
    /// What is open is one of several possibilities.
    pub(super) is_guess: bool,
    /// The client's records of two bytes that are not answered.
    pub(super) twos: Vec<Two>,
    /// A record of two bytes and the server's answer of two.
    pub(super) pair: Option<(Two, Record)>,
    /// The server's last message, while it may be its farewell.
    pub(super) last_push: Option<Record>,
    /// The lengths of the SUBSCRIBE packets.
    pub(super) subscribes: Vec<u32>,
    /// The lengths of messages that are known to be some.
    pub(super) sizes: PerSide<VecDeque<u32>>,
    pub(super) previous: Option<Record>,
    /// The last record that is no ping, no bare DISCONNECT and no alert.
    pub(super) last_word: Option<Record>,
    pub(super) server_closed: bool,
}

packed! {
    struct Exchange {
        version, latency, reaction, held, run, open, new_down, is_guess, twos, pair, last_push, subscribes, sizes,
        previous, last_word, server_closed,
    }
}

/// A record that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) record: Record,
    /// A record came since that may hold a SUBACK and a message.
    pub(super) doubtful: bool,
}

packed! { struct Held { record, doubtful } }

/// A record of the length of an acknowledgement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) record: Record,
    /// Messages of the server since the one before it.
    pub(super) new_down: u32,
}

packed! { struct Waiting { record, new_down } }

/// A record of two bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Two {
    pub(super) record: Record,
    /// The client went on afterwards: this was no farewell.
    pub(super) is_ping: bool,
    /// For so long nobody had spoken.
    pub(super) silence: Duration,
}

packed! { struct Two { record, is_ping, silence } }

impl Exchange {
    /// The server accepted, and took so long for that.
    pub(super) fn begin(&mut self, connack: Record, latency: Duration) {
        self.latency = latency;
        self.previous = Some(connack);
        self.reaction = None;
    }

    pub(super) fn handle(&mut self, record: Record, alerts_visible: bool, out: &mut Output<'_, impl Sink>) {
        let previous = self.previous.replace(record);
        if let (Some(previous), Side::Client) = (previous, record.by) {
            self.reaction.get_or_insert(record.at.at.since(previous.at.at));
        }
        if !record.len.is(TWO) {
            self.last_word = Some(record);
        }
        if is_continuation(previous, record) {
            return self.lengthen(record);
        }
        self.settle_push(false, out);
        self.settle_pair(record, out);
        if !record.len.is_exact() {
            return self.vague(record, out);
        }
        let silence = previous.map(|previous| record.at.at.since(previous.at.at)).unwrap_or_default();
        match (record.by, record.len.min) {
            // Behind the server's farewell it can only be the client's close_notify.
            (Side::Client, TWO) if self.server_closed && !alerts_visible => {}
            (Side::Client, TWO) => self.client_two(record, silence, out),
            (Side::Server, TWO) => self.server_two(record, alerts_visible, out),
            (_, THREE) => self.disconnect(record, out),
            (_, FOUR) => self.ack(record, out),
            // With a reason; a SUBACK of one filter has one byte more.
            (_, 5) if self.version == Some(Version::V5_0) => self.ack(record, out),
            (Side::Client, 6) if self.version == Some(Version::V5_0) && self.has_down() => self.ack(record, out),
            (Side::Client, _) => self.request(record, out),
            (Side::Server, _) if self.suback(record, out) => {}
            (Side::Server, _) => self.push(record, out),
        }
    }

    /// A record goes on with the packet of the one before it.
    fn lengthen(&mut self, record: Record) {
        let open = match record.by {
            Side::Client => self.held.back_mut().map(|held| &mut held.record),
            Side::Server => self.last_push.as_mut(),
        };
        if let Some(open) = open {
            open.at = record.at;
            open.len.min = open.len.min.saturating_add(record.len.min);
            open.len.max = open.len.max.saturating_add(record.len.max);
        }
    }

    /// A record of the client that may be answered: PUBLISH, SUBSCRIBE, UNSUBSCRIBE.
    fn request(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        self.settle_run(record, out);
        self.settle_old(record, out);
        for two in &mut self.twos {
            two.is_ping = true;
        }
        if self.held.len() == MAX_HELD
            && let Some(oldest) = self.held.pop_front()
        {
            // So many records without an answer are a stream of messages.
            self.tell_unanswered(oldest, out);
        }
        self.held.push_back(Held { record, doubtful: false });
    }

    fn client_two(&mut self, record: Record, silence: Duration, out: &mut Output<'_, impl Sink>) {
        self.settle_old(record, out);
        if self.twos.len() == MAX_TWOS {
            let oldest = self.twos.remove(0).record;
            out.tell_ping(oldest, None, Likely, "");
        }
        self.twos.push(Two { record, is_ping: false, silence });
    }

    /// A server says two bytes in answer to a ping, or as an alert.
    fn server_two(&mut self, record: Record, alerts_visible: bool, out: &mut Output<'_, impl Sink>) {
        self.settle_run(record, out);
        let is_farewell = !alerts_visible && self.twos.len() > 1 && !self.twos.iter().any(|two| two.is_ping);
        if is_farewell || self.twos.is_empty() {
            return;
        }
        let asked = self.twos.remove(0);
        if asked.is_ping || alerts_visible {
            self.answered_ping(asked.record, record, out);
        } else {
            self.pair = Some((asked, record));
        }
    }

    /// A ping was answered: all that stands before it and needed an answer would have got it.
    fn answered_ping(&mut self, asked: Record, answer: Record, out: &mut Output<'_, impl Sink>) {
        while self.run.is_empty()
            && let Some(held) = self.held.pop_front_if(|held| held.record.at <= asked.at)
        {
            self.tell_unanswered(held, out);
        }
        out.tell_ping(asked, Some(answer), Likely, "");
    }

    fn disconnect(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        self.settle_run(record, out);
        let is_possible = matches!(self.version, None | Some(Version::V5_0));
        let confidence = if is_possible { Likely } else { Possible };
        out.tell_disconnect(record, confidence, "");
    }

    fn ack(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        self.settle_run(record, out);
        if self.run.len() == MAX_RUN {
            self.shorten_run(out);
        }
        let new_down = std::mem::take(&mut self.new_down);
        self.run.push(Waiting { record, new_down });
        if record.by == Side::Client {
            for two in &mut self.twos {
                two.is_ping = true;
            }
        }
    }

    /// Whether the server's record is a SUBACK: one code a filter behind the identifier.
    fn suback(&mut self, record: Record, out: &mut Output<'_, impl Sink>) -> bool {
        let is_v5 = self.version == Some(Version::V5_0);
        let header = if is_v5 { 5 } else { 4 };
        let filters = record.len.min.saturating_sub(header);
        if !(1..=8).contains(&filters) {
            return false;
        }
        self.settle_run(record, out);
        self.settle_old(record, out);
        // Two bytes of length, at least one of text and the options for each filter.
        let least = header + 4 * filters;
        let fits = |held: &&Held| held.record.len.min >= least && !self.is_known(held.record);
        let candidates = self.held.iter().filter(fits).count();
        let Some(index) = self.held.iter().position(|held| fits(&held)) else { return false };
        let Some(asked) = self.held.remove(index) else { return false };
        // In 5.0 a PUBACK with its reason is as long; four and more codes are as long as two acknowledgements.
        let is_sure = !is_v5 && filters < 4;
        let (asked_or, answer_or) = match (is_v5, is_sure) {
            (true, _) => ("PUBLISH of QoS 1", "PUBACK with its reason, or UNSUBACK"),
            (_, false) => ("PUBLISH", "a message, or several acknowledgements in one record"),
            _ => ("", ""),
        };
        let sure = if is_sure { Likely } else { Possible };
        let asked_or =
            if is_sure && candidates > 1 { "PUBLISH, and one next to it is the SUBSCRIBE" } else { asked_or };
        let asked_sure = if candidates > 1 { Possible } else { sure };
        out.tell(asked.record, Reading::Subscribe, asked_sure, asked_or);
        out.tell(record, Reading::Suback { filters }, sure, answer_or);
        if sure == Likely && out.is_certain {
            out.facts.first_ack.get_or_insert((asked.record.at, record.at));
        }
        if self.subscribes.len() < MAX_SIZES {
            self.subscribes.push(asked.record.len.min);
        }
        true
    }

    /// A record of the server that answers nothing: a message.
    pub(super) fn push(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        self.settle_run(record, out);
        self.settle_old(record, out);
        self.new_down = self.new_down.saturating_add(1).min(MAX_PUSHES);
        let echoes = self.held.iter().any(|held| held.record.len == record.len);
        if !echoes && !self.is_known(record) {
            for held in &mut self.held {
                held.doubtful = true;
            }
        }
        // What it is may show when the server closes behind it.
        self.last_push = Some(record);
    }

    /// The server's last message is told; `is_last`: the server closed behind it.
    pub(super) fn settle_push(&mut self, is_last: bool, out: &mut Output<'_, impl Sink>) {
        let Some(record) = self.last_push.take() else { return };
        let may_share = self.subscribes.is_empty() && !self.held.is_empty() && !self.is_known(record);
        let (confidence, or) = if record.len.max <= 16 {
            (Possible, "several acknowledgements in one record")
        } else if is_last && self.version != Some(Version::V3_1_1) && record.len.max < LARGE {
            (Possible, "DISCONNECT with its reason")
        } else if may_share {
            (Possible, "SUBACK and a message in one record")
        } else {
            (Likely, "")
        };
        if confidence == Likely {
            self.remember(record);
        }
        out.tell(record, Reading::Publish, confidence, or);
    }

    /// A ping and its answer are told when it shows that neither was a farewell.
    fn settle_pair(&mut self, next: Record, out: &mut Output<'_, impl Sink>) {
        let Some((asked, answer)) = self.pair else { return };
        let may_be_farewell = next.len.can_be(TWO) && next.at.at.since(answer.at.at) < PROMPT;
        if !may_be_farewell {
            self.pair = None;
            self.answered_ping(asked.record, answer, out);
        }
    }

    /// Records whose answer would have come by now are messages of QoS 0.
    pub(super) fn settle_old(&mut self, now: Record, out: &mut Output<'_, impl Sink>) {
        let patience = self.patience();
        while self.run.is_empty()
            && let Some(held) = self.held.pop_front_if(|held| now.at.at.since(held.record.at.at) >= patience)
        {
            self.tell_unanswered(held, out);
        }
    }

    pub(super) fn patience(&self) -> Duration {
        self.latency.saturating_mul(8).max(PATIENCE)
    }

    /// A record that the server did not answer, though it had the time: a SUBSCRIBE it would have answered.
    pub(super) fn tell_unanswered(&mut self, held: Held, out: &mut Output<'_, impl Sink>) {
        let record = held.record;
        if !held.doubtful || record.len.min >= LARGE || self.is_known(record) {
            self.remember(record);
            out.tell(record, Reading::Publish, Likely, "");
        } else {
            out.tell(record, Reading::Publish, Possible, OR_SUBSCRIBE);
        }
    }

    /// Whether a record has the length of a message that this side sent before.
    pub(super) fn is_known(&self, record: Record) -> bool {
        self.sizes[record.by].contains(&record.len.max)
    }

    pub(super) fn remember(&mut self, record: Record) {
        if self.is_known(record) {
            return;
        }
        let sizes = &mut self.sizes[record.by];
        if sizes.len() == MAX_SIZES {
            sizes.pop_front();
        }
        sizes.push_back(record.len.max);
    }
}

/// Whether a record goes on with the packet of a full record in front of it.
fn is_continuation(previous: Option<Record>, record: Record) -> bool {
    previous.is_some_and(|previous| {
        previous.by == record.by
            && previous.len.max >= FULL_RECORD - 64
            && record.at.at.since(previous.at.at) < PATIENCE
    })
}
