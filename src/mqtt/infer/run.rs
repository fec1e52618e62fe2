//! A run of acknowledgements in its place in the session: it waits until what belongs to it has come, then it is told, and
//! with it the messages that it acknowledges.

use super::acks::{self, MAX_RUN, Meaning, Open, Run, Step};
use super::exchange::{Exchange, Held, PATIENCE, PROMPT, Waiting};
use super::{Output, Reading, Record};
use crate::evidence::Confidence::{Likely, Possible};
use crate::mqtt::Sink;
use crate::mqtt::codes::{PacketType, Version};
use crate::net::Side;
use std::time::Duration;

/// A side goes on with QoS 2 at once: after a round trip and so long, whoever has not will not.
const REACTION: Duration = Duration::from_millis(20);

const OR_ACK_OF_QOS_2: &str = "another step of QoS 1 or 2";

impl Exchange {
    /// The acknowledgements that are old enough are told: what belongs to them has come.
    pub(super) fn settle_run(&mut self, now: Record, out: &mut Output<'_, impl Sink>) {
        let settled = self.settled();
        let is_old = |four: &&Waiting| now.at.at.since(four.record.at.at) >= settled;
        let old = self.run.iter().take_while(is_old).count();
        if old == 0 {
            return;
        }
        if self.is_plain() {
            return self.tell_plain(old, out);
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

    /// Whether this is the run of nearly every session: one side acknowledges, each record has a message in front of it that
    /// waits for one, and no exchange of QoS 2 is open. Then every record that is old enough is PUBACK and nothing else,
    /// as [`acks::explain`] finds too, only with more work.
    fn is_plain(&self) -> bool {
        let Some(by) = self.run.first().map(|four| four.record.by) else { return false };
        // The messages in front of each record are counted by their moments: that needs the records in order.
        let is_orderly =
            self.run.iter().all(|four| four.record.by == by) && self.run.is_sorted_by_key(|four| four.record.at);
        if self.is_guess || !self.open.is_idle() || !is_orderly {
            return false;
        }
        match by {
            Side::Server => {
                self.held.len() >= self.run.len()
                    && self.run.iter().zip(&self.held).all(|(four, held)| held.record.at <= four.record.at)
            }
            Side::Client => {
                let mut open = self.open;
                let answers = |four: &Waiting| open.acknowledge_once(by, four.new_down);
                self.run.iter().all(answers)
            }
        }
    }

    /// Tells the first `old` records of a plain run.
    fn tell_plain(&mut self, old: usize, out: &mut Output<'_, impl Sink>) {
        for index in 0..old {
            let Some(&four) = self.run.get(index) else { break };
            self.open.acknowledge_once(four.record.by, four.new_down);
            self.tell_ack(four.record, PacketType::PUBACK, true, out);
        }
        self.run.drain(..old);
        if self.run.is_empty() {
            self.open = Open::default();
        }
    }

    /// Too many came to wait for what belongs to them: the older half is told as well as it can be.
    pub(super) fn shorten_run(&mut self, out: &mut Output<'_, impl Sink>) {
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
        let round = self.latency.saturating_add(self.reaction.unwrap_or_default());
        round.saturating_mul(2).saturating_add(REACTION).min(PATIENCE)
    }

    /// What the run means, with the messages in front of each record.
    fn explain_run(&self, is_young: impl Fn(Record) -> bool) -> (Run<Step>, Run<Meaning>) {
        let mut previous = None;
        let new_up = |four: &Waiting| {
            let since = previous.replace(four.record.at);
            let is_new = |held: &&Held| since < Some(held.record.at) && held.record.at <= four.record.at;
            self.held.iter().filter(is_new).count()
        };
        let new_up: Run<_> = self.run.iter().map(new_up).map(|new| u32::try_from(new).unwrap_or(u32::MAX)).collect();
        let step = |(four, up): (&Waiting, &u32)| Step {
            by: four.record.by,
            up: *up,
            down: four.new_down,
            is_young: is_young(four.record),
        };
        let steps: Run<_> = self.run.iter().zip(&new_up).map(step).collect();
        let meanings = acks::explain(&steps, self.open);
        (steps, meanings)
    }

    /// Tells as much of the run as there are meanings.
    fn tell_run(
        &mut self,
        steps: Run<Step>,
        meanings: impl IntoIterator<Item = Meaning, IntoIter: ExactSizeIterator>,
        trust: Trust,
        out: &mut Output<'_, impl Sink>,
    ) {
        let meanings = meanings.into_iter();
        let told: Run<_> = self.run.drain(..meanings.len()).zip(steps).zip(meanings).collect();
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
    pub(super) fn has_down(&self) -> bool {
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
        if out.is_certain {
            out.facts.first_ack.get_or_insert((held.record.at, record.at));
            out.facts.ack_latency.client.add(record.at.at.since(held.record.at.at));
        }
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
