//! The face of the core: frames in, finished connections out.
//!
//! ```text
//! push(frame) … advance(now) … poll() → finished connection … finish() … poll() … stats()
//! ```
//!
//! [`Analyzer::push`] takes the frames in the order of the capture; [`Analyzer::poll`] gives the connections that are
//! over, in the order of their ends, and [`Analyzer::poll_event`] what happens meanwhile, where connections are followed. [`Analyzer::advance`] lets time pass on a quiet link. Nothing here asks a clock.

use crate::connection::{Arrival, Connection, Context, Ending, Record, Settings};
use crate::decode::{Decoded, Decoder, DnsMessage, IcmpError, Interest, Skip, SkipCounts};
use crate::event::Event;
use crate::flow::{self, Left, Table};
use crate::frame::Frame;
use crate::names::Names;
use crate::net::{Endpoint, FlowKey, PerSide};
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
const MAX_ARRIVED: usize = 4096;

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
    table: Table,
    context: Context,
    finished: VecDeque<Record>,
    arrived: VecDeque<Arrival>,
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
        let core = Core {
            table: Table::new(config.flow),
            context: Context::new(config.connection),
            finished: VecDeque::new(),
            arrived: VecDeque::new(),
            happened: VecDeque::new(),
            stats: Stats::default(),
            now: None,
        };
        Self { decoder: Decoder::new(config.interest, config.decode), core }
    }

    /// Takes the next frame of the capture.
    pub fn push(&mut self, frame: &Frame<'_>) -> Taken {
        let Self { decoder, core } = self;
        core.count(frame);
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
        self.core.arrived.pop_front()
    }

    /// The next connection that is over.
    pub fn poll(&mut self) -> Option<Record> {
        self.core.finished.pop_front()
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

    /// Ends the capture: all connections that are left are told.
    pub fn finish(&mut self) {
        for left in self.core.table.drain() {
            self.core.tell(left);
        }
    }

    /// What went through so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { table: *self.core.table.counts(), ..self.core.stats }
    }

    /// The frames that were passed over, by reason.
    #[must_use]
    pub const fn skipped(&self) -> &SkipCounts {
        self.decoder.skipped()
    }
}

impl Core {
    fn count(&mut self, frame: &Frame<'_>) {
        self.stats.frames += 1;
        self.stats.bytes += frame.data.len() as u64;
        self.stats.first.get_or_insert(frame.at);
        self.stats.last = Some(frame.at);
        self.advance(frame.at);
    }

    fn advance(&mut self, now: Timestamp) {
        if self.now.is_some_and(|latest| now <= latest) {
            return;
        }
        self.now = Some(now);
        while let Some(left) = self.table.poll_expired(now) {
            self.tell(left);
        }
    }

    fn handle_segment(&mut self, segment: &Segment<'_>) -> Taken {
        self.stats.frames_matched += 1;
        let key = FlowKey::new(segment.source, segment.destination);
        self.handle_segment_of(key, segment);
        Taken::Connection(key)
    }

    fn handle_segment_of(&mut self, key: FlowKey, segment: &Segment<'_>) {
        let Some(slot) = self.table.find(&key) else { return self.open(key, segment) };
        let Some(connection) = self.table.connection(slot) else { return };
        if connection.starts_anew(segment) {
            if let Some(left) = self.table.replace(&key) {
                self.tell(left);
            }
            return self.open(key, segment);
        }
        let was_closed = connection.is_closed();
        connection.handle_segment(segment, &mut self.context);
        note_fresh(&mut self.happened, connection);
        if self.arrived.len() < MAX_ARRIVED {
            self.arrived.extend(connection.take_arrival());
        }
        if connection.is_closed() && !was_closed {
            self.table.note_closed(slot);
        }
    }

    fn open(&mut self, key: FlowKey, segment: &Segment<'_>) {
        if !segment.flags.contains(TcpFlags::SYN) && self.table.is_straggler(&key) {
            return;
        }
        let mut connection = Connection::open(segment, self.stats.frames, &mut self.context);
        note_fresh(&mut self.happened, &mut connection);
        if let Some(left) = self.table.insert(key, connection) {
            self.tell(left);
        }
    }

    fn handle_icmp(&mut self, error: IcmpError) -> Taken {
        let key = FlowKey::new(error.quoted_source, error.quoted_destination);
        if let Some(slot) = self.table.find(&key)
            && let Some(connection) = self.table.connection(slot)
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

    fn tell(&mut self, (connection, ending): Left) {
        debug_assert!(ending != Ending::Closed || connection.is_closed());
        self.finished.push_back(connection.finish(ending, &mut self.context));
    }
}

/// Takes out what has just happened on a connection that is followed.
fn note_fresh(happened: &mut VecDeque<Happening>, connection: &mut Connection) {
    let (endpoints, start) = (connection.endpoints(), connection.first().at);
    happened.extend(connection.take_fresh().into_iter().map(|event| Happening { endpoints, start, event }));
}
