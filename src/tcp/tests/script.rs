//! Feeds a tracker from text. One line a segment:
//!
//! ```text
//! MILLISECONDS >|< FLAGS SEQ:END [ack N] [win N] [mss N] [wscale N] [sackok] [sack A:B] [ttl N] [cut N] [other]
//! ```
//!
//! `>` is the client. FLAGS are tcpdump's: S, F, R, P, and `.` for ACK. Numbers are relative to the sender's (`ack`: the
//! receiver's) initial sequence number; END - SEQ is the payload. `cut N` captures only N bytes of it, `other` changes
//! its bytes. Each byte's value follows from its place in the stream, so that what comes out can be checked.

use crate::frame::FrameId;
use crate::net::{Endpoint, Side};
use crate::segment::{Segment, SeqNumber, TcpFlags, TcpOptions};
use crate::stream::{Chunk, Moment};
use crate::tcp::{Event, Facts, Limits, Sink, Tracker};
use crate::time::Timestamp;
use std::net::Ipv4Addr;

/// A tracker, and all that came out of it.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) tracker: Tracker,
    pub(crate) out: Out,
    isns: [u32; 2],
    frames: u64,
    midstream: bool,
}

/// What came out, checked against the bytes that went in.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) events: Vec<(u64, Side, Event)>,
    /// Pieces of each stream: `1:101` for data, `gap 100`, with the frame that made them readable.
    pieces: [Vec<(String, u64)>; 2],
    next: [u64; 2],
}

impl Sink for Out {
    fn event(&mut self, at: Moment, by: Side, event: Event) {
        self.events.push((at.frame.number(), by, event));
    }

    fn chunk(&mut self, side: Side, at: Moment, chunk: Chunk<'_>) {
        let next = &mut self.next[side as usize];
        let from = (*next).max(1);
        let text = match chunk {
            Chunk::Data(data) => {
                for (offset, &byte) in (from..).zip(data) {
                    assert!(byte == byte_at(offset) || byte == !byte_at(offset), "byte {offset} is another one");
                }
                *next = from + data.len() as u64;
                format!("{from}:{next}")
            }
            Chunk::Gap(len) => {
                *next = from + len;
                format!("gap {len}")
            }
        };
        self.pieces[side as usize].push((text, at.frame.number()));
    }
}

fn byte_at(offset: u64) -> u8 {
    u8::try_from(offset % 251).unwrap()
}

impl Script {
    /// A fresh tracker.
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self { tracker: Tracker::new(limits), out: Out::default(), isns: [1_000, 700_000], frames: 0, midstream: false }
    }

    /// A fresh tracker that is fed `text`.
    pub(crate) fn of(text: &str) -> Self {
        let mut script = Self::new();
        script.run(text);
        script
    }

    /// Sets the initial sequence numbers that the following lines are relative to.
    pub(crate) fn isns(mut self, client: u32, server: u32) -> Self {
        self.isns = [client, server];
        self
    }

    /// Feeds the lines of `text`.
    pub(crate) fn run(&mut self, text: &str) -> &mut Self {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.frames += 1;
            self.begin_midstream(line);
            let Self { tracker, out, isns, frames, .. } = self;
            with_segment(line, *isns, *frames, |side, segment| tracker.handle_segment(side, segment, out));
        }
        self
    }

    /// A stream whose start is not in the script begins with its first segment.
    fn begin_midstream(&mut self, line: &str) {
        with_segment(line, self.isns, 0, |side, segment| {
            self.midstream |= self.frames == 1 && !segment.flags.contains(TcpFlags::SYN);
            let next = &mut self.out.next[side as usize];
            if self.midstream && *next == 0 {
                *next = u64::from(segment.seq.0.wrapping_sub(self.isns[side as usize]));
            }
        });
    }

    /// Whether the segment of this line belongs to a new connection.
    pub(crate) fn starts_anew(&self, line: &str) -> bool {
        let mut anew = false;
        with_segment(line, self.isns, 0, |side, segment| anew = self.tracker.starts_anew(side, segment));
        anew
    }

    pub(crate) fn finish(&mut self) -> &mut Self {
        self.tracker.finish(&mut self.out);
        self
    }

    pub(crate) fn facts(&self) -> Facts {
        self.tracker.facts()
    }

    /// The story so far: `1 client syn`, a line each.
    pub(crate) fn story(&self) -> Vec<String> {
        self.out.events.iter().map(|(frame, by, event)| format!("{frame} {by} {}", event.name())).collect()
    }

    /// The last event, with its detail.
    pub(crate) fn last_event(&self) -> String {
        self.out
            .events
            .last()
            .map(|(frame, by, event)| format!("{frame} {by} {} {event}", event.name()))
            .unwrap_or_default()
    }

    /// What came out of one stream: `1:101, gap 100, 201:301`.
    pub(crate) fn stream(&self, side: Side) -> String {
        self.out.pieces[side as usize].iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The frames that made the pieces of one stream readable.
    pub(crate) fn readable_by(&self, side: Side) -> Vec<u64> {
        self.out.pieces[side as usize].iter().map(|&(_, frame)| frame).collect()
    }

    /// The states of client and server.
    pub(crate) fn states(&self) -> String {
        let facts = self.facts();
        format!("{} {}", facts.client.state, facts.server.state)
    }
}

fn with_segment(line: &str, isns: [u32; 2], frame: u64, mut with: impl FnMut(Side, &Segment<'_>)) {
    let mut words = line.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("too short: {line}"));
    let millis: f64 = word().parse().unwrap();
    let side = if word() == ">" { Side::Client } else { Side::Server };
    let flags = flags(word());
    let (seq, end) = range(word());
    let len = u32::try_from(end - seq).unwrap();
    let (mine, theirs) = (isns[side as usize], isns[side.peer() as usize]);
    let data_from = seq + u64::from(flags.contains(TcpFlags::SYN));
    let mut segment = Segment {
        frame: FrameId::new(0, frame),
        at: Timestamp::from_secs(1_700_000_000) + std::time::Duration::from_secs_f64(millis / 1000.0),
        source: endpoint(side),
        destination: endpoint(side.peer()),
        ttl: 64,
        seq: SeqNumber(mine.wrapping_add(wrapped(seq))),
        ack: SeqNumber(0),
        flags,
        window: 1000,
        options: TcpOptions(&[]),
        payload: &[],
        payload_len: len,
    };
    let mut options = Vec::new();
    let (mut captured, mut other) = (len, false);
    while let Some(key) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("no value: {line}"));
        match key {
            "ack" => segment.ack = SeqNumber(theirs.wrapping_add(wrapped(number(value())))),
            "win" => segment.window = value().parse().unwrap(),
            "ttl" => segment.ttl = value().parse().unwrap(),
            "cut" => captured = value().parse().unwrap(),
            "other" => other = true,
            "sackok" => options.extend([4, 2]),
            "wscale" => options.extend([3, 3, value().parse().unwrap()]),
            "mss" => {
                options.extend([2, 4]);
                options.extend(value().parse::<u16>().unwrap().to_be_bytes());
            }
            "sack" => {
                let (left, right) = range(value());
                options.extend([5, 10]);
                options.extend(theirs.wrapping_add(wrapped(left)).to_be_bytes());
                options.extend(theirs.wrapping_add(wrapped(right)).to_be_bytes());
            }
            _ => panic!("unknown word {key}: {line}"),
        }
    }
    let payload: Vec<u8> =
        (data_from..).take(captured as usize).map(|at| if other { !byte_at(at) } else { byte_at(at) }).collect();
    segment.payload = &payload;
    segment.options = TcpOptions(&options);
    with(side, &segment);
}

/// An offset as sequence numbers count it.
fn wrapped(offset: u64) -> u32 {
    u32::try_from(offset % (1 << 32)).unwrap()
}

fn flags(text: &str) -> TcpFlags {
    let mut flags = TcpFlags::default();
    for letter in text.chars() {
        flags |= match letter {
            'S' => TcpFlags::SYN,
            'F' => TcpFlags::FIN,
            'R' => TcpFlags::RST,
            'P' => TcpFlags::PSH,
            '.' => TcpFlags::ACK,
            _ => panic!("unknown flag {letter}"),
        };
    }
    flags
}

fn range(text: &str) -> (u64, u64) {
    let (from, to) = text.split_once(':').unwrap_or_else(|| panic!("no range: {text}"));
    (number(from), number(to))
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

fn endpoint(side: Side) -> Endpoint {
    match side {
        Side::Client => Endpoint::new(Ipv4Addr::new(192, 0, 2, 10).into(), 40_000),
        Side::Server => Endpoint::new(Ipv4Addr::new(192, 0, 2, 20).into(), 8883),
    }
}
