//! Records of block ciphers: only a range is known of their lengths. Large ones are messages; the small ones cannot be told
//! apart, and are never more than possible.

use super::exchange::{Exchange, FOUR, Held, LARGE, MAX_HELD, MAX_TWOS, Two};
use super::{Output, Reading, Record};
use crate::evidence::Confidence::{Likely, Possible};
use crate::mqtt::Sink;
use crate::mqtt::codes::PacketType;
use crate::net::Side;
use std::time::Duration;

impl Exchange {
    /// With CBC suites only ranges are known: large records are messages, the small ones cannot be told apart.
    pub(super) fn vague(&mut self, record: Record, out: &mut Output<'_, impl Sink>) {
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
                out.tell_ping(asked, Some(record), Possible, "a small message, and its acknowledgement");
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
}
