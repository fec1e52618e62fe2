//! The session behind CONNACK: which record of the client an answer of the server belongs to, and what both are by that.

use super::acks::{self, MAX_RUN, Meaning, Open, Step};
use super::{Output, Reading, Record};
use crate::evidence::Confidence::{Likely, Possible};
use crate::mqtt::Sink;
use crate::mqtt::codes::{PacketType, Version};
use crate::net::{PerSide, Side};
use std::collections::VecDeque;
use std::time::Duration;

/// The most records that wait for their answer.
const MAX_HELD: usize = 64;
/// The most messages of the server that are thought to wait for an acknowledgement.
const MAX_PUSHES: u32 = 64;
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
/// A side goes on with QoS 2 at once: after a round trip and so long, whoever has not will not.
const REACTION: Duration = Duration::from_millis(20);
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
    /// How long the server took for its first answer.
    latency: Duration,
    /// The client's records that may be answered, in their order.
    pub(super) held: VecDeque<Held>,
    /// Records of the length of an acknowledgement that are not explained yet.
    run: Vec<Waiting>,
    /// What was open in front of the run; the client's messages are counted in `held`.
    open: Open,
    /// Messages of the server since the last record of the run.
    new_down: u32,
    /// What is open is one of several possibilities.
    is_guess: bool,
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
    /// The last record that is no ping, no bare DISCONNECT and no alert.
    last_word: Option<Record>,
    pub(super) server_closed: bool,
}

/// A record that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) record: Record,
    /// A record came since that may hold a SUBACK and a message.
    doubtful: bool,
}

/// A record of the length of an acknowledgement.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    record: Record,
    /// Messages of the server since the one before it.
    new_down: u32,
}

/// A record of two bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Two {
    pub(super) record: Record,
    /// The client went on afterwards: this was no farewell.
    pub(super) is_ping: bool,
    /// For so long nobody had spoken.
    pub(super) silence: Duration,
}

impl Exchange {
    /// The server took so long for its first answer.
    pub(super) fn expect_answers_after(&mut self, latency: Duration) {
        self.latency = latency;
    }

    pub(super) fn handle(&mut self, record: Record, alerts_visible: bool, out: &mut Output<'_, impl Sink>) {
        let previous = self.previous.replace(record);
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
            self.tell_ping(oldest, None, Likely, "", out);
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
            self.pair = Some((asked.record, record));
        }
    }

    /// A ping was answered: all that stands before it and needed an answer would have got it.
    fn answered_ping(&mut self, asked: Record, answer: Record, out: &mut Output<'_, impl Sink>) {
        while self.run.is_empty()
            && let Some(held) = self.held.pop_front_if(|held| held.record.at <= asked.at)
        {
            self.tell_unanswered(held, out);
        }
        self.tell_ping(asked, Some(answer), Likely, "", out);
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
            self.answered_ping(asked, answer, out);
        }
    }

    /// The acknowledgements that are old enough are told: what belongs to them has come.
    fn settle_run(&mut self, now: Record, out: &mut Output<'_, impl Sink>) {
        let settled = self.settled();
        let is_old = |four: &&Waiting| now.at.at.since(four.record.at.at) >= settled;
        let old = self.run.iter().take_while(is_old).count();
        if old == 0 {
            return;
        }
        let (steps, meanings) = self.explain_run(|record| now.at.at.since(record.at.at) < settled);
        if old == self.run.len() {
            self.tell_run(steps, meanings, Trust::All, out);
            (self.open, self.is_guess) = (Open::default(), false);
        } else if !self.is_guess {
            // As far as all explanations agree, so does what is open behind it.
            let agreed = meanings.iter().take(old).take_while(|meaning| matches!(meaning, Meaning::Only(_))).count();
            self.tell_run(steps, meanings.into_iter().take(agreed), Trust::All, out);
        }
    }

    /// Too many came to wait for what belongs to them: the older half is told as well as it can be.
    fn shorten_run(&mut self, out: &mut Output<'_, impl Sink>) {
        self.is_guess = true;
        let (steps, meanings) = self.explain_run(|_| true);
        self.tell_run(steps, meanings.into_iter().take(MAX_RUN / 2), Trust::None, out);
    }

    /// The acknowledgements that are left at the end. In 5.0 the client's last word may be a DISCONNECT of the same length.
    pub(super) fn explain_rest(&mut self, out: &mut Output<'_, impl Sink>) {
        let is_last = |four: &mut Waiting| four.record.by == Side::Client && self.last_word == Some(four.record);
        // Behind a DISCONNECT of four bytes there is at most a close_notify.
        let may_follow = |four: &Waiting| match self.twos.as_slice() {
            [] => true,
            [two] => two.record.at.at.since(four.record.at.at) < PROMPT,
            _ => false,
        };
        let is_v5 = self.version == Some(Version::V5_0);
        let last = self.run.pop_if(|four| is_v5 && is_last(four) && may_follow(four));
        self.new_down += last.map_or(0, |last| last.new_down);
        let own = self.run.iter().filter(|four| four.record.by == Side::Client).count();
        let down = self.open.down + self.new_down + self.run.iter().map(|four| four.new_down).sum::<u32>();
        let is_even = self.open.is_idle() && u32::try_from(own) == Ok(down);
        // All that the server sent was acknowledged once, as the client did so far or as nothing else can be.
        let is_sure = is_even && (own == 0 || acknowledges_once(out));
        self.is_guess |= last.is_some() && !is_sure;
        let (steps, meanings) = self.explain_run(|_| false);
        self.tell_run(steps, meanings, Trust::Leaving, out);
        if let Some(last) = last {
            let or = if is_sure { "" } else { "an acknowledgement" };
            out.tell_disconnect(last.record, if is_sure { Likely } else { Possible }, or);
        }
    }

    /// A side goes on with QoS 2 within so long.
    fn settled(&self) -> Duration {
        self.latency.saturating_mul(2).saturating_add(REACTION).min(PATIENCE)
    }

    /// What the run means, with the messages in front of each record.
    fn explain_run(&self, is_young: impl Fn(Record) -> bool) -> (Vec<Step>, Vec<Meaning>) {
        let mut previous = None;
        let new_up = |four: &Waiting| {
            let since = std::mem::replace(&mut previous, Some(four.record.at));
            let is_new = |held: &&Held| since < Some(held.record.at) && held.record.at <= four.record.at;
            self.held.iter().filter(is_new).count()
        };
        let new_up: Vec<_> = self.run.iter().map(new_up).map(|new| u32::try_from(new).unwrap_or(u32::MAX)).collect();
        let step = |(four, up): (&Waiting, &u32)| Step {
            by: four.record.by,
            up: *up,
            down: four.new_down,
            is_young: is_young(four.record),
        };
        let steps: Vec<_> = self.run.iter().zip(&new_up).map(step).collect();
        let meanings = acks::explain(&steps, self.open);
        (steps, meanings)
    }

    /// Tells as much of the run as there are meanings.
    fn tell_run(
        &mut self,
        steps: Vec<Step>,
        meanings: impl IntoIterator<Item = Meaning, IntoIter: ExactSizeIterator>,
        trust: Trust,
        out: &mut Output<'_, impl Sink>,
    ) {
        let meanings = meanings.into_iter();
        let told: Vec<_> = self.run.drain(..meanings.len()).zip(steps).zip(meanings).collect();
        for ((four, step), meaning) in told {
            self.open.add(step);
            let (kind, is_only) = match meaning {
                Meaning::Only(kind) => (kind, !self.is_guess),
                Meaning::OneOf(kind) => (kind, false),
                Meaning::None => {
                    self.tell_unexplained(four.record, out);
                    continue;
                }
            };
            self.open = self.open.after(step.by, kind).unwrap_or(self.open);
            let is_trusted = match trust {
                Trust::All => true,
                Trust::None => false,
                Trust::Leaving => {
                    let may_go_on = step.by == Side::Client && matches!(kind, PacketType::PUBACK | PacketType::PUBREC);
                    !may_go_on || acknowledges_once(out)
                }
            };
            self.tell_ack(four.record, kind, is_only && is_trusted, out);
        }
        // What the client sent and still waits is counted anew.
        self.open.up = 0;
    }

    /// Whether the server sent messages that may wait for an acknowledgement.
    fn has_down(&self) -> bool {
        self.open.down > 0 || self.new_down > 0
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
            && self.subscribes.contains(&held.record.len.min.saturating_add(1))
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
                    self.twos.push(Two { record, is_ping: false, silence: Duration::ZERO });
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

/// Which acknowledgements of a run had the time to show what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    All,
    /// The client left instead of going on with QoS 2; the server may not have come to it.
    Leaving,
    None,
}

/// Whether the client acknowledged with PUBACK so far: it does not take to QoS 2 at the end.
fn acknowledges_once(out: &Output<'_, impl Sink>) -> bool {
    let packets = &out.facts.packets.client;
    packets[PacketType::PUBACK] > 0 && packets[PacketType::PUBREC] == 0
}

/// Whether a record goes on with the packet of a full record in front of it.
fn is_continuation(previous: Option<Record>, record: Record) -> bool {
    previous.is_some_and(|previous| {
        previous.by == record.by
            && previous.len.max >= FULL_RECORD - 64
            && record.at.at.since(previous.at.at) < PATIENCE
    })
}
