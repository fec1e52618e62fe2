//! The face of the core: frames in, finished connections out.
//!
//! ```text
//! push(frame) … advance(now) … poll() → finished connection … finish() … poll() … stats()
//! ```
//!
//! [`Analyzer::push`] takes the frames in the order of the capture; [`Analyzer::poll`] gives the connections that are over, in the
//! order of their ends, and [`Analyzer::poll_event`] what happens meanwhile, where connections are followed.
//! [`Analyzer::advance`] lets time pass on a quiet link. Nothing here asks a clock.
//!
//! Several analyzers can share a capture: each is made [`Analyzer::for_share`] and sees the frames of its flows and all that are
//! of no flow, by [`Analyzer::push_placed`]. [`Analyzer::poll_news`] of all of them, sorted, is what one alone would have given.

use crate::connection::{Arrival, Connection, Context, Ending, Record, Settings};
use crate::decode::{Decoded, Decoder, DnsMessage, IcmpError, Interest, Skip, SkipCounts};
use crate::event::Event;
use crate::flow::{self, Left, Remaining, Shards, Share, Sleepers};
use crate::frame::Frame;
use crate::names::Names;
use crate::net::{Endpoint, FlowKey, PerSide};
use crate::pack::Packing;
use crate::segment::{Segment, TcpFlags};
use crate::time::Timestamp;
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// What bounds the analysis and what it looks at.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Which frames are looked at.
    pub interest: Interest,
    /// What bounds decoding.
    pub decode: crate::decode::Limits,
    /// What bounds the table.
    pub flow: flow::Limits,
    /// How a connection is analysed, and its bounds.
    pub connection: Settings,
}

/// Arrivals that wait to be taken; nobody has to take them.
const MAX_ARRIVED: usize = 1 << 16;

/// What went through the analyzer so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames that were pushed.
    pub frames: u64,
    /// Bytes captured in them.
    pub bytes: u64,
    /// Frames that belong to a connection that is told (or to what explains one).
    pub frames_matched: u64,
    /// When the first frame was captured.
    pub first: Option<Timestamp>,
    /// When the last one was.
    pub last: Option<Timestamp>,
    /// What the table of flows did.
    pub table: flow::Counts,
}

/// The place of a frame in its capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its number among all frames that are looked at, from 1.
    pub ordinal: u64,
    /// The latest time of all frames up to this one.
    pub now: Timestamp,
}

/// Something to tell, and when it was known.
#[derive(Debug)]
pub struct News<T> {
    /// Its place among all that there is to tell.
    pub order: Order,
    /// What it is.
    pub what: What<T>,
}

impl<T> News<T> {
    /// The same, where of a finished connection something else is told.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> News<U> {
        let what = match self.what {
            What::Over(record) => What::Over(make(record)),
            What::Arrived(arrival) => What::Arrived(arrival),
        };
        News { order: self.order, what }
    }
}

/// What there is to tell of a connection.
#[derive(Debug)]
pub enum What<T> {
    /// It is over.
    Over(T),
    /// Its server has accepted the client.
    Arrived(Arrival),
}

/// The order in which things are told: by time; of one time, first what time has ended, then what frames have, then what the
/// capture's end has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// When it was known, in the capture's time, which never goes back.
    pub at: Timestamp,
    by: Known,
    /// The frame that told it, or the connection's first.
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    ByTime,
    ByFrame,
    AtEnd,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It belongs to this connection.
    Connection(FlowKey),
    /// It may explain one: DNS, or a fragment that waits for the rest.
    Supporting,
    /// It was passed over.
    PassedOver,
}

/// Something that happened on a connection that is followed.
#[derive(Clone, Debug)]
pub struct Happening {
    /// Client and server.
    pub endpoints: PerSide<Endpoint>,
    /// When the connection began.
    pub start: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Puts connections together.
#[derive(Debug)]
pub struct Analyzer {
    decoder: Decoder,
    core: Core,
}

/// All but the decoder, whose buffer a segment may borrow.
#[derive(Debug)]
struct Core {
    flows: Shards,
    packing: Packing,
    context: Context,
    /// In boxes, since they go through several hands.
    finished: VecDeque<(Order, Box<Record>)>,
    arrived: VecDeque<(Order, Arrival)>,
    /// What was over at once; empty but while it is told.
    over: Vec<Left>,
    /// Those that are left at the end, until they are asked for.
    remaining: std::vec::IntoIter<Remaining>,
    opened: u64,
    /// The number of the frame that is looked at.
    ordinal: u64,
    /// What happened of late; taken out after each frame, so that it does not grow.
    happened: VecDeque<Happening>,
    stats: Stats,
    /// The latest time seen: expiry never goes back when a capture's clock does.
    now: Option<Timestamp>,
}

impl Analyzer {
    /// An analyzer that has seen nothing.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self::for_share(config, Share::WHOLE)
    }

    /// An analyzer of a share of the flows.
    #[must_use]
    pub fn for_share(config: Config, share: Share) -> Self {
        let core = Core {
            flows: Shards::new(config.flow, share),
            packing: Packing::default(),
            context: Context::new(config.connection),
            finished: VecDeque::new(),
            arrived: VecDeque::new(),
            over: Vec::new(),
            remaining: Vec::new().into_iter(),
            opened: 0,
            ordinal: 0,
            happened: VecDeque::new(),
            stats: Stats::default(),
            now: None,
        };
        Self { decoder: Decoder::new(config.interest, config.decode), core }
    }

    /// Takes the next frame of the capture.
    pub fn push(&mut self, frame: &Frame<'_>) -> Taken {
        let now = self.core.now.map_or(frame.at, |now| now.max(frame.at));
        self.core.stats.count(frame);
        self.push_placed(frame, Placed { ordinal: self.core.stats.frames, now })
    }

    /// Takes a frame that is known to be of this share, or of no flow. Frames between may be left out; they are not counted here.
    pub fn push_placed(&mut self, frame: &Frame<'_>, Placed { ordinal, now }: Placed) -> Taken {
        let Self { decoder, core } = self;
        core.ordinal = ordinal;
        core.advance(now);
        match decoder.decode(frame) {
            Decoded::Segment(segment) => core.handle_segment(&segment),
            Decoded::IcmpError(error) => core.handle_icmp(error),
            Decoded::Dns(message) => core.handle_dns(message),
            Decoded::Skipped(Skip::FragmentHeld) => Taken::Supporting,
            Decoded::Skipped(_) => Taken::PassedOver,
        }
    }

    /// Takes TLS secrets in the NSS key log format, complete lines: from a capture's secrets block.
    pub fn add_secrets(&mut self, text: &[u8]) {
        self.core.context.key_log.add_block(text);
    }

    /// Takes the next piece of a key log that may still grow.
    pub fn add_key_log(&mut self, text: &[u8]) {
        self.core.context.key_log.add_text(text);
    }

    /// How many connections were opened with secrets.
    #[must_use]
    pub fn secrets_used(&self) -> u64 {
        self.core.context.key_log.used()
    }

    /// The secrets that opened something, as a key log.
    #[must_use]
    pub fn used_secrets(&self) -> Zeroizing<String> {
        self.core.context.key_log.used_text()
    }

    /// Lets the capture's time pass without a frame: what is over by then is told.
    pub fn advance(&mut self, now: Timestamp) {
        self.core.advance(now);
    }

    /// The next client that was accepted by its server, while its connection goes on.
    pub fn poll_arrival(&mut self) -> Option<Arrival> {
        self.core.arrived.pop_front().map(|(_, arrival)| arrival)
    }

    /// The next connection that is over.
    pub fn poll(&mut self) -> Option<Record> {
        self.core.tell_remaining();
        self.core.finished.pop_front().map(|(_, record)| *record)
    }

    /// The next thing to tell, connections and arrivals in one order.
    pub fn poll_news(&mut self) -> Option<News<Box<Record>>> {
        self.core.tell_remaining();
        let Core { finished, arrived, .. } = &mut self.core;
        let is_over = match (finished.front(), arrived.front()) {
            (Some((over, _)), Some((arrived, _))) => over <= arrived,
            (over, _) => over.is_some(),
        };
        if is_over {
            finished.pop_front().map(|(order, record)| News { order, what: What::Over(record) })
        } else {
            arrived.pop_front().map(|(order, arrival)| News { order, what: What::Arrived(arrival) })
        }
    }

    /// What happened next, where connections are followed. To be asked after each frame: it is not bounded by itself.
    pub fn poll_event(&mut self) -> Option<Happening> {
        self.core.happened.pop_front()
    }

    /// What was asked of DNS, and answered.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.core.context.names
    }

    /// The capture's time so far.
    #[must_use]
    pub const fn now(&self) -> Option<Timestamp> {
        self.core.now
    }

    /// Ends the capture: all connections that are left are told, each when it is asked for.
    pub fn finish(&mut self) {
        self.core.remaining = self.core.flows.drain(self.core.now.unwrap_or_default()).into_iter();
    }

    /// Who sleeps of the connections that are being watched.
    #[must_use]
    pub fn sleepers(&self) -> Sleepers {
        self.core.flows.sleepers()
    }

    /// Analyses the frames of one connection by themselves, with the names and secrets that are known here: how it would look
    /// if nothing more came, of which there was nothing until a time. Nothing changes here but which secrets have been used.
    pub fn aside<'f>(
        &mut self,
        config: Config,
        frames: impl IntoIterator<Item = Frame<'f>>,
        until: Timestamp,
    ) -> Option<Record> {
        let mut aside = Self::new(config);
        let ours = &mut self.core.context;
        aside.core.context.lend(ours);
        for frame in frames {
            aside.push(&frame);
        }
        aside.finish();
        aside.core.context.lend(ours);
        let record = std::iter::from_fn(|| aside.poll()).last()?;
        let ending = if record.ending == Ending::CaptureEnded { Ending::Idle } else { record.ending };
        Some(Record { ending, until: until.max(record.until), ..record })
    }

    /// Connections that are being watched.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.core.flows.len()
    }

    /// What went through so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let own = self.core.flows.counts();
        Stats { table: self.core.stats.table.plus(&own), ..self.core.stats }
    }

    /// Connections that were ever seen.
    #[must_use]
    pub const fn opened(&self) -> u64 {
        self.core.opened
    }

    /// Takes over the figures of another one, which had another share of the same capture.
    pub fn join(&mut self, other: &Self) {
        let theirs = other.stats();
        self.core.stats.frames_matched += theirs.frames_matched;
        self.core.stats.table = self.core.stats.table.plus(&theirs.table);
        self.core.opened += other.core.opened;
        self.core.context.key_log.join_used(&other.core.context.key_log);
    }

    /// Takes over what was counted of the whole capture, and the frames that were passed over before they came here.
    pub fn join_reading(&mut self, all: &Stats, skipped: &SkipCounts) {
        let Stats { frames, bytes, first, last, .. } = *all;
        self.core.stats = Stats { frames, bytes, first, last, ..self.core.stats };
        self.decoder.join_skipped(skipped);
    }

    /// The frames that were passed over, by reason.
    #[must_use]
    pub const fn skipped(&self) -> &SkipCounts {
        self.decoder.skipped()
    }
}

impl Stats {
    /// Counts a frame of the capture.
    pub fn count(&mut self, frame: &Frame<'_>) {
        self.frames += 1;
        self.bytes += frame.data.len() as u64;
        self.first.get_or_insert(frame.at);
        self.last = Some(frame.at);
    }
}

impl Core {
    fn advance(&mut self, now: Timestamp) {
        if self.now.is_some_and(|latest| now <= latest) {
            return;
        }
        self.now = Some(now);
        self.flows.expire(now, &mut self.over, &mut self.packing);
        if !self.over.is_empty() {
            for left in std::mem::take(&mut self.over) {
                let number = left.connection.ordinal();
                self.tell(left, Known::ByTime, number);
            }
        }
    }

    fn handle_segment(&mut self, segment: &Segment<'_>) -> Taken {
        let key = FlowKey::new(segment.source, segment.destination);
        match self.handle_segment_of(key, segment) {
            Some(()) => Taken::Connection(key),
            None => Taken::PassedOver,
        }
    }

    /// Nothing where the flow is of another share.
    fn handle_segment_of(&mut self, key: FlowKey, segment: &Segment<'_>) -> Option<()> {
        let now = self.now?;
        let table = self.flows.table(&key)?;
        self.stats.frames_matched += 1;
        let Some((slot, connection)) =
            table.find(&key).and_then(|slot| Some((slot, table.touch(slot, now, &mut self.packing)?)))
        else {
            self.open(key, segment, now);
            return Some(());
        };
        if connection.starts_anew(segment) {
            if let Some(left) = table.replace(&key, now) {
                self.tell(left, Known::ByFrame, self.ordinal);
            }
            self.open(key, segment, now);
            return Some(());
        }
        let was_closed = connection.is_closed();
        connection.handle_segment(segment, &mut self.context);
        note_fresh(&mut self.happened, connection);
        if self.arrived.len() < MAX_ARRIVED
            && let Some(arrival) = connection.take_arrival()
        {
            self.arrived.push_back((Order { at: now, by: Known::ByFrame, number: self.ordinal }, arrival));
        }
        if connection.is_closed() && !was_closed {
            table.note_closed(slot);
            self.flows.note_changed(&key);
        }
        Some(())
    }

    fn open(&mut self, key: FlowKey, segment: &Segment<'_>, now: Timestamp) {
        let Some(table) = self.flows.table(&key) else { return };
        if !segment.flags.contains(TcpFlags::SYN) && table.is_straggler(&key) {
            return;
        }
        self.over.extend(std::iter::from_fn(|| table.make_room(now, &mut self.packing)));
        let mut connection = Connection::open(segment, self.ordinal, &mut self.context);
        note_fresh(&mut self.happened, &mut connection);
        self.opened += 1;
        table.insert(key, connection, now, &mut self.packing);
        self.flows.note_changed(&key);
        for left in std::mem::take(&mut self.over) {
            self.tell(left, Known::ByFrame, self.ordinal);
        }
    }

    fn handle_icmp(&mut self, error: IcmpError) -> Taken {
        let key = FlowKey::new(error.quoted_source, error.quoted_destination);
        if let Some(now) = self.now
            && let Some(table) = self.flows.table(&key)
            && let Some(slot) = table.find(&key)
            && let Some(connection) = table.touch(slot, now, &mut self.packing)
        {
            self.stats.frames_matched += 1;
            connection.handle_icmp(error);
            note_fresh(&mut self.happened, connection);
            return Taken::Connection(key);
        }
        Taken::PassedOver
    }

    fn handle_dns(&mut self, message: DnsMessage) -> Taken {
        self.context.names.learn(message);
        Taken::Supporting
    }

    /// Tells the next of those that are left at the end, where nothing else is to be told.
    fn tell_remaining(&mut self) {
        if self.finished.is_empty()
            && let Some(left) = self.remaining.by_ref().find_map(Remaining::wake)
        {
            let number = left.connection.ordinal();
            self.tell(left, Known::AtEnd, number);
        }
    }

    fn tell(&mut self, Left { connection, ending, at }: Left, by: Known, number: u64) {
        debug_assert!(ending != Ending::Closed || connection.is_closed());
        let record = Box::new(connection.finish(ending, at, &mut self.context));
        self.finished.push_back((Order { at, by, number }, record));
    }
}

/// Takes out what has just happened on a connection that is followed.
#[inline]
fn note_fresh(happened: &mut VecDeque<Happening>, connection: &mut Connection) {
    if !connection.events().has_fresh() {
        return;
    }
    let fresh = connection.take_fresh();
    let (endpoints, start) = (connection.endpoints(), connection.first().at);
    happened.extend(fresh.into_iter().map(|event| Happening { endpoints, start, event }));
}
