//! The session behind CONNACK: which record of the client an answer of the server belongs to, and what both are by that.

use super::acks::{self, Half, MAX_RUN, Meaning, Open};
use super::{Output, Reading, Record};
use crate::evidence::Confidence::{Likely, Possible};
use crate::mqtt::Sink;
use crate::mqtt::codes::{PacketType, Version};
use crate::net::{PerSide, Side};
use std::collections::VecDeque;
use std::time::Duration;

/// The most records that wait for their answer.
const MAX_HELD: usize = 64;
/// The most records of two bytes that wait for theirs.
const MAX_TWOS: usize = 8;
/// PINGREQ, PINGRESP, a bare DISCONNECT, an alert.
pub(super) const TWO: u32 = 2;
/// A DISCONNECT of 5.0 with a reason only: nothing else has three bytes.
const THREE: u32 = 3;
/// PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK before 5.0.
const FOUR: u32 = 4;
/// Two records so close are of one thought: DISCONNECT and close_notify.
pub(super) const PROMPT: Duration = Duration::from_secs(1);
/// A peer of QoS 2 answers PUBREC with PUBREL at once.
const SETTLED: Duration = Duration::from_millis(20);
/// The least time that a server is given for its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// From here on a record was cut by TLS itself (RFC 8446, 5.1: 2^14), and the next one goes on with its packet.
const FULL_RECORD: u32 = 16_384;
/// A message of this length cannot well be a SUBSCRIBE.
const LARGE: u32 = 1024;
/// Sizes that are remembered.
const MAX_SIZES: usize = 8;

pub(super) const OR_SUBSCRIBE: &str = "SUBSCRIBE, if its answer shares a record with a message or is missing";
const OR_ACK_OF_QOS_2: &str = "another step of QoS 1 or 2";

/// What is asked and not answered.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) version: Option<Version>,
    /// For how long an answer may come.
    patience: Duration,
    /// The client's records that may be answered, in their order.
    pub(super) held: VecDeque<Held>,
    /// Records of the length of an acknowledgement that are not explained yet.
    run: Vec<Record>,
    up_half: Half,
    down_half: Half,
    /// Messages of the server that the client may acknowledge.
    down: u32,
    /// The client's records of two bytes that are not answered.
    pub(super) twos: Vec<Two>,
    /// A record of two bytes and the server's answer of two.
    pub(super) pair: Option<(Record, Record)>,
    /// The server's last message, while it may be its farewell.
    pub(super) last_push: Option<Record>,
    /// The lengths of the SUBSCRIBE packets.
    subscribes: Vec<u32>,
    /// The lengths of messages that are known to be some.
    sizes: PerSide<VecDeque<u32>>,
    previous: Option<Record>,
    /// A side has closed.
    is_closing: bool,
}

/// A record that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) record: Record,
    /// A record came since that may hold a SUBACK and a message.
    doubtful: bool,
}

/// A record of two bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Two {
    pub(super) record: Record,
    /// The client went on afterwards: this was no farewell.
    pub(super) is_ping: bool,
}

impl Exchange {
    /// The server took so long for its first answer.
    pub(super) fn expect_answers_after(&mut self, latency: Duration) {
        self.patience = latency.saturating_mul(8);
    }

    pub(super) fn handle(&mut self, record: Record, alerts_visible: bool, out: &mut Output<'_, impl Sink>) {
        let previous = self.previous.replace(record);
        if is_continuation(previous, record) {
            return;
        }
        self.settle_push(false, out);
        self.settle_pair(record, out);
        if !record.len.is_exact() {
            return self.vague(record, out);
        }
        match (record.by, record.len.min) {
            (Side::Client, TWO) => self.client_two(record, out),
            (Side::Server, TWO) => self.server_two(record, alerts_visible, out),
            (_, THREE) => self.disconnect(record, out),
            (_, FOUR) => self.ack(record, out),
            // With a reason; a SUBACK of one filter has one byte more.
            (_, 5) if self.version == Some(Version::V5_0) => self.ack(record, out),
            (Side::Client, 6) if self.version == Some(Version::V5_0) && self.down > 0 => self.ack(record, out),
            (Side::Client, _) => self.request(record, out),
            (Side::Server, _) if self.suback(record, out) => {}
            (Side::Server, _) => self.push(record, out),
        }
    }

    /// A record of the client that may be answered: PUBLISH, SUBSCRIBE, UNSUBSCRIBE.
    fn request(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        self.settle_run(Some(record), out);
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

    fn client_two(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        self.settle_run(Some(record), out);
        self.settle_old(record, out);
        if self.twos.len() == MAX_TWOS {
            let oldest = self.twos.remove(0).record;
            self.tell_ping(oldest, None, Likely, "", out);
        }
        self.twos.push(Two { record, is_ping: false });
    }

    /// A server says two bytes in answer to a ping, or as an alert.
    fn server_two(&mut self, record: Record, alerts_visible: bool, out: &mut Output<'_, impl Sink>) {
        self.settle_run(Some(record), out);
        let is_farewell = !alerts_visible && self.twos.len() > 1 && !self.twos.iter().any(|two| two.is_ping);
        if is_farewell || self.twos.is_empty() {
            return;
        }
        let asked = self.twos.remove(0);
        if asked.is_ping || alerts_visible {
            self.answered_ping(asked.record, record, out);
        } else {
            self.pair = Some((asked.record, record));
        }
    }

    /// A ping was answered: all that stands before it and needed an answer would have got it.
    fn answered_ping(&mut self, asked: Record, answer: Record, out: &mut Output<'_, impl Sink>) {
        while let Some(held) = self.held.front().copied().filter(|held| held.record.at <= asked.at) {
            self.held.pop_front();
            self.tell_unanswered(held, out);
        }
        self.tell_ping(asked, Some(answer), Likely, "", out);
    }

    fn disconnect(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        self.settle_run(Some(record), out);
        let is_possible = matches!(self.version, None | Some(Version::V5_0));
        let confidence = if is_possible { Likely } else { Possible };
        out.tell_disconnect(record, confidence, "");
    }

    fn ack(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        if self.run.last().is_some_and(|last| record.at.at.since(last.at.at) >= PATIENCE) {
            self.settle_run(Some(record), out);
        }
        self.run.push(record);
        if record.by == Side::Client {
            for two in &mut self.twos {
                two.is_ping = true;
            }
        }
        if self.run.len() == MAX_RUN {
            self.explain_run(false, out);
        }
    }

    /// Whether the server's record is a SUBACK: one code a filter behind the identifier.
    fn suback(&mut self, record: Record, out: &mut Output<'_, impl Sink>) -> bool {
        let is_v5 = self.version == Some(Version::V5_0);
        let header = if is_v5 { 5 } else { 4 };
        let filters = record.len.min - header;
        if record.len.min <= header || filters > 8 {
            return false;
        }
        self.settle_run(Some(record), out);
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
        if sure == Likely {
            out.facts.first_ack.get_or_insert((asked.record.at, record.at));
        }
        if self.subscribes.len() < MAX_SIZES {
            self.subscribes.push(asked.record.len.min);
        }
        true
    }

    /// A record of the server that answers nothing: a message.
    fn push(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        self.settle_run(Some(record), out);
        self.settle_old(record, out);
        self.down = self.down.saturating_add(1).min(MAX_HELD as u32);
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
            self.answered_ping(asked, answer, out);
        }
    }

    /// The acknowledgements so far are explained, if no more can belong to them.
    fn settle_run(&mut self, next: Option<Record>, out: &mut Output<'_, impl Sink>) {
        let Some(last) = self.run.last() else { return };
        if next.is_none_or(|next| next.at.at.since(last.at.at) >= SETTLED) {
            self.explain_run(true, out);
        }
    }

    /// Everything that waits is told as well as it can be; see [`super::closing`].
    pub(super) fn explain_rest(&mut self, out: &mut Output<'_, impl Sink>) {
        self.is_closing = true;
        self.settle_run(None, out);
    }

    /// Tells the acknowledgements that wait; `is_settled`: the client had the time to go on with QoS 2.
    fn explain_run(&mut self, is_settled: bool, out: &mut Output<'_, impl Sink>) {
        let run = std::mem::take(&mut self.run);
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
        let is_settled = is_settled || last.at.at.since(first.at.at) >= SETTLED;
        let waiting = self.held.iter().filter(|held| held.record.at <= last.at).count();
        let up = u32::try_from(waiting).unwrap_or(u32::MAX);
        let open = Open { up, down: self.down, up_half: self.up_half, down_half: self.down_half };
        let sides: Vec<_> = run.iter().map(|record| record.by).collect();
        let (meanings, after) = acks::explain(&sides, open);
        (self.down, self.up_half, self.down_half) = (after.down, after.up_half, after.down_half);
        for (record, meaning) in run.into_iter().zip(meanings) {
            let (kind, is_only) = match meaning {
                Meaning::Only(kind) => (kind, is_settled),
                Meaning::OneOf(kind) => (kind, false),
                Meaning::None => {
                    self.tell_unexplained(record, out);
                    continue;
                }
            };
            self.tell_ack(record, kind, is_only, out);
        }
    }

    fn tell_ack(&mut self, record: Record, kind: PacketType, is_only: bool, out: &mut Output<'_, impl Sink>) {
        let confidence = if is_only { Likely } else { Possible };
        let or = if is_only { "" } else { OR_ACK_OF_QOS_2 };
        let answers = record.by == Side::Server && matches!(kind, PacketType::PUBACK | PacketType::PUBREC);
        let Some(held) = self.held.pop_front_if(|_| answers) else {
            return out.tell(record, Reading::Ack(kind), confidence, or);
        };
        // The UNSUBSCRIBE of the same filters is as long as their SUBSCRIBE without the byte of options.
        let is_unsubscribe = kind == PacketType::PUBACK
            && self.subscribes.contains(&(held.record.len.min + 1))
            && !self.is_known(held.record);
        if is_unsubscribe {
            out.tell(held.record, Reading::Unsubscribe, Possible, "PUBLISH of QoS 1");
            return out.tell(record, Reading::Unsuback, Possible, "PUBACK");
        }
        out.tell(held.record, Reading::AcknowledgedPublish, Likely, "");
        out.tell(record, Reading::Ack(kind), confidence, or);
        self.remember(held.record);
        out.facts.first_ack.get_or_insert((held.record.at, record.at));
        out.facts.ack_latency.client.add(record.at.at.since(held.record.at.at));
    }

    /// A record of the length of an acknowledgement for which nothing waits.
    fn tell_unexplained(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        match (record.by, self.version) {
            // The last word, where nothing was to be acknowledged.
            (_, Some(Version::V5_0)) if self.is_closing && self.previous == Some(record) => {
                out.tell_disconnect(record, Likely, "");
            }
            (_, Some(Version::V5_0)) => out.tell_disconnect(record, Possible, "an acknowledgement"),
            (Side::Client, Some(_)) => {
                out.tell(record, Reading::Pingreq, Possible, "PINGREQ and DISCONNECT in one record");
            }
            _ => out.tell(record, Reading::Ack(PacketType::PUBACK), Possible, OR_ACK_OF_QOS_2),
        }
    }

    /// Records whose answer would have come by now are messages of QoS 0.
    fn settle_old(&mut self, now: Record, out: &mut Output<'_, impl Sink>) {
        let patience = self.patience();
        while self.run.is_empty()
            && let Some(held) = self.held.pop_front_if(|held| now.at.at.since(held.record.at.at) >= patience)
        {
            self.tell_unanswered(held, out);
        }
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience.max(PATIENCE)
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

    pub(super) fn tell_ping(
        &self,
        asked: Record,
        answer: Option<Record>,
        confidence: crate::evidence::Confidence,
        or: &'static str,
        out: &mut Output<'_, impl Sink>,
    ) {
        out.tell(asked, Reading::Pingreq, confidence, or);
        let is_likely = confidence == Likely;
        if is_likely {
            out.facts.pings.request(asked.at);
        }
        if let Some(answer) = answer {
            out.tell(answer, Reading::Pingresp, confidence, or);
            if is_likely {
                out.facts.pings.answer(answer.at);
            }
        }
    }

    /// With CBC suites only ranges are known: large records are messages, the small ones cannot be told apart.
    fn vague(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        let is_small = record.len.min <= FOUR;
        match record.by {
            Side::Client => {
                for two in &mut self.twos {
                    two.is_ping = true;
                }
                if is_small && self.twos.len() < MAX_TWOS {
                    self.twos.push(Two { record, is_ping: false });
                } else {
                    self.settle_old(record, out);
                    self.held.push_back(Held { record, doubtful: false });
                    if self.held.len() > MAX_HELD {
                        self.held.pop_front().into_iter().for_each(|held| self.tell_unanswered(held, out));
                    }
                }
            }
            Side::Server if is_small => self.vague_answer(record, out),
            Side::Server => self.push(record, out),
        }
    }

    /// A small answer belongs to the first record that has none.
    fn vague_answer(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
        let two = self.twos.first().map(|two| two.record);
        let held = self.held.front().map(|held| held.record);
        match (two, held) {
            (Some(asked), held) if held.is_none_or(|held| asked.at < held.at) => {
                self.twos.remove(0);
                self.tell_ping(asked, Some(record), Possible, "a small message, and its acknowledgement", out);
            }
            (_, Some(asked)) => {
                self.held.pop_front();
                if asked.len.min >= LARGE || self.is_known(asked) {
                    self.remember(asked);
                    out.tell(asked, Reading::AcknowledgedPublish, Likely, "");
                } else {
                    out.tell(asked, Reading::AcknowledgedPublish, Possible, "SUBSCRIBE or UNSUBSCRIBE");
                }
                out.tell(record, Reading::Ack(PacketType::PUBACK), Possible, "SUBACK, UNSUBACK or PUBREC");
            }
            _ => out.tell(record, Reading::Publish, Possible, "an acknowledgement"),
        }
    }

    /// Whether a record has the length of a message that this side sent before.
    fn is_known(&self, record: Record) -> bool {
        self.sizes[record.by].contains(&record.len.max)
    }

    fn remember(&mut self, record: Record) {
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
