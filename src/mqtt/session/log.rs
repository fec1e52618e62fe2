//! What was said, in sizes and moments only: packets where they were read, else encrypted records. The first and the last
//! entries are kept, the rest is summed up.

use crate::mqtt::PlaintextLen;
use crate::net::{PerSide, Side};
use crate::pack::packed;
use crate::stream::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// The entries from the front that are kept.
const FIRST: usize = 64;

/// The last entries that are kept.
const LAST: usize = 32;

/// One packet or record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its sender.
    pub by: Side,
    /// How many bytes of MQTT it holds.
    pub len: PlaintextLen,
    /// When it began: a server may judge a long packet by its first bytes.
    pub began: Moment,
    /// When it was complete.
    pub at: Moment,
}

packed! { struct Entry { by, len, began, at } }

/// What was said.
#[derive(Clone, Debug, Default)]
pub struct Log {
    first: Vec<Entry>,
    last: VecDeque<Entry>,
    totals: PerSide<Total>,
    burst: Burst,
    client_first: u64,
    answers: u64,
    longest_silence: Duration,
}

packed! { struct Log { first, last, totals, burst, client_first, answers, longest_silence } }

/// One side's sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Entries.
    pub count: u64,
    /// At most so many bytes of MQTT.
    pub bytes: u64,
    /// The last one.
    pub last: Option<Entry>,
}

packed! { struct Total { count, bytes, last } }

/// What the client said since the server's last word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Burst {
    /// Entries.
    pub count: u64,
    /// At most so many bytes of MQTT.
    pub bytes: u64,
    /// The first one's moment.
    pub began: Option<Moment>,
}

packed! { struct Burst { count, bytes, began } }

impl Log {
    /// The first entries, 64 at most.
    #[must_use]
    pub fn first(&self) -> &[Entry] {
        &self.first
    }

    /// The last entries, 32 at most, in their order; they may be among the first as well.
    pub fn last(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator + '_ {
        self.last.iter()
    }

    /// One side's sum.
    #[must_use]
    pub fn total(&self, side: Side) -> Total {
        self.totals[side]
    }

    /// What the client said since the server's last word: nobody answered it.
    #[must_use]
    pub const fn unanswered(&self) -> Burst {
        self.burst
    }

    /// How many entries the client had before the server's first.
    #[must_use]
    pub const fn client_before_server(&self) -> u64 {
        self.client_first
    }

    /// How often the server spoke after the client had; the first time is the answer to CONNECT.
    #[must_use]
    pub const fn answers(&self) -> u64 {
        self.answers
    }

    /// Whether the session worked: the server answered something behind CONNECT.
    #[must_use]
    pub const fn has_worked(&self) -> bool {
        self.answers >= 2
    }

    /// The longest time in which neither side spoke.
    #[must_use]
    pub const fn longest_silence(&self) -> Duration {
        self.longest_silence
    }

    pub(in crate::mqtt) fn add(&mut self, entry: Entry) {
        if let Some(previous) = self.last.back() {
            self.longest_silence = self.longest_silence.max(entry.at.at.since(previous.at.at));
        }
        let bytes = u64::from(entry.len.max);
        match entry.by {
            Side::Client => {
                self.client_first += u64::from(self.totals.server.count == 0);
                self.burst.count += 1;
                self.burst.bytes += bytes;
                self.burst.began.get_or_insert(entry.at);
            }
            Side::Server => {
                self.answers += u64::from(self.burst.count > 0);
                self.burst = Burst::default();
            }
        }
        let total = &mut self.totals[entry.by];
        total.count += 1;
        total.bytes += bytes;
        total.last = Some(entry);
        if self.first.len() < FIRST {
            self.first.push(entry);
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(entry);
    }
}
