//! However the same bytes are cut, repeated and reordered, the same stream comes out; and whatever comes in, nothing breaks.

use crate::frame::FrameId;
use crate::net::{Endpoint, Side};
use crate::segment::{Segment, SeqNumber, TcpFlags, TcpOptions};
use crate::stream::{Chunk, Moment};
use crate::tcp::{Event, Limits, Sink, Tracker};
use crate::time::Timestamp;
use proptest::prelude::*;
use std::net::Ipv4Addr;

#[derive(Default)]
struct Streams {
    data: [Vec<u8>; 2],
    gaps: u64,
}

impl Sink for Streams {
    fn event(&mut self, _: Moment, _: Side, event: Event) {
        assert!(!event.name().is_empty());
        let _ = event.to_string();
    }

    fn chunk(&mut self, side: Side, _: Moment, chunk: Chunk<'_>) {
        match chunk {
            Chunk::Data(data) => self.data[side as usize].extend_from_slice(data),
            Chunk::Gap(len) => self.gaps += len,
        }
    }
}

/// All that came out, as text.
#[derive(Default)]
struct Told(Vec<String>);

impl Sink for Told {
    fn event(&mut self, at: Moment, by: Side, event: Event) {
        self.0.push(format!("{at:?} {by} {event:?}"));
    }

    fn chunk(&mut self, side: Side, at: Moment, chunk: Chunk<'_>) {
        self.0.push(format!("{at:?} {side} {chunk:?}"));
    }
}

fn segment(seq: u32, ack: u32, flags: u8, payload: &[u8], number: u64) -> Segment<'_> {
    Segment {
        frame: FrameId::new(0, number),
        at: Timestamp::from_nanos(i64::try_from(number).unwrap() * 1_000_000),
        source: Endpoint::new(Ipv4Addr::LOCALHOST.into(), 1),
        destination: Endpoint::new(Ipv4Addr::LOCALHOST.into(), 2),
        ttl: 64,
        seq: SeqNumber(seq),
        ack: SeqNumber(ack),
        flags: TcpFlags(flags),
        window: 500,
        options: TcpOptions(&[]),
        payload,
        payload_len: u32::try_from(payload.len()).unwrap(),
    }
}

proptest! {
    #[test]
    fn the_stream_does_not_depend_on_its_segments(
        isn in prop_oneof![any::<u32>(), (u32::MAX - 5000)..=u32::MAX],
        bytes in prop::collection::vec(any::<u8>(), 1..4000),
        // Where segments begin and end, besides those that cover it all; and in what order they come.
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 1_usize..1500), 0..20),
        order in any::<u64>(),
    ) {
        let mut parts: Vec<(usize, usize)> = (0..bytes.len()).step_by(700).map(|from| (from, bytes.len().min(from + 700))).collect();
        parts.extend(cuts.iter().map(|(from, len)| {
            let from = from.index(bytes.len());
            (from, bytes.len().min(from + len))
        }));
        // A fixed shuffle of `order`.
        let mut state = order;
        for i in (1..parts.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            parts.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
        }
        let mut tracker = Tracker::new(Limits::default());
        let mut streams = Streams::default();
        tracker.handle_segment(Side::Client, &segment(isn, 0, 0x02, &[], 1), &mut streams);
        for (number, &(from, to)) in (2..).zip(&parts) {
            let seq = isn.wrapping_add(1).wrapping_add(u32::try_from(from).unwrap());
            tracker.handle_segment(Side::Client, &segment(seq, 0, 0x08, &bytes[from..to], number), &mut streams);
        }
        tracker.finish(&mut streams);
        prop_assert_eq!(&streams.data[0], &bytes);
        prop_assert_eq!(streams.gaps, 0);
        prop_assert_eq!(tracker.facts().client.inconsistent_overlaps, 0);
    }

    /// A padding of NOPs (RFC 9293, 3.1) says nothing, but keeps a segment from the short way.
    #[test]
    fn the_short_way_leads_where_the_long_one_does(
        steps in prop::collection::vec(
            (any::<bool>(), 0_u8..16, 0_u32..3, 0_u32..4, prop_oneof![Just(500_u16), 0_u16..2000], 0_u64..3),
            0..60,
        ),
        begins_midstream in any::<bool>(),
    ) {
        let told = |options: &'static [u8]| {
            let mut tracker = Tracker::new(Limits::default());
            let mut out = Told::default();
            let payload: [u8; 200] = std::array::from_fn(|i| u8::try_from((i + 1) % 251).unwrap());
            let (mut sent, mut number) = ([1_u32; 2], 0);
            let mut take = |side: Side, segment: Segment<'_>| tracker.handle_segment(side, &segment, &mut out);
            if !begins_midstream {
                for (side, ack, flags) in [(Side::Client, 0, 0x02), (Side::Server, 1, 0x12), (Side::Client, 1, 0x10)] {
                    number += 1;
                    take(side, segment(u32::from(number == 3), ack, flags, &[], number));
                }
            }
            for &(client, what, size, back, window, pause) in &steps {
                let side = if client { Side::Client } else { Side::Server };
                let (mine, theirs) = (sent[side as usize], sent[side.peer() as usize]);
                number += 1 + pause * pause * 400;
                // Mostly the next bytes and all acknowledged; now and then a hole, something again, an old acknowledgment.
                let seq = match what { 0 => mine.saturating_sub(size), 1 => mine + size, _ => mine };
                let ack = if what == 2 { theirs.saturating_sub(back) } else { theirs + u32::from(what == 3) };
                let flags = if what == 4 && back == 3 { 0x11 } else { 0x10 };
                let bytes = &payload[..size as usize * 40];
                let bytes = if what == 5 { &bytes[..bytes.len().min(1)] } else { bytes };
                let end = seq + u32::try_from(bytes.len()).unwrap() + u32::from(flags & 1);
                sent[side as usize] = mine.max(end);
                take(side, Segment { window, options: TcpOptions(options), ..segment(seq, ack, flags, bytes, number) });
            }
            tracker.finish(&mut out);
            format!("{:?} {:?}", out.0, tracker.facts())
        };
        prop_assert_eq!(told(&[]), told(&[1, 1, 1, 1]));
    }

    #[test]
    fn nothing_breaks_and_memory_is_bounded(
        base in any::<u32>(),
        segments in prop::collection::vec(
            (any::<bool>(), any::<u8>(), prop_oneof![0_u32..4000, any::<u32>()], prop_oneof![0_u32..4000, any::<u32>()],
             0_usize..300, any::<u16>(), prop::collection::vec(any::<u8>(), 0..40), 0_u32..70_000),
            0..120,
        ),
    ) {
        let limits = Limits { buffered_bytes: 1000, buffered_segments: 5, outstanding_segments: 4 };
        let mut tracker = Tracker::new(limits);
        let mut streams = Streams::default();
        let payload = [0x5a; 300];
        for (number, (client, flags, seq, ack, len, window, options, more)) in (1..).zip(&segments) {
            let mut segment = segment(base.wrapping_add(*seq), base.wrapping_add(*ack), *flags, &payload[..*len], number);
            segment.window = *window;
            segment.options = TcpOptions(options);
            segment.payload_len += if number % 5 == 0 { *more } else { 0 };
            let side = if *client { Side::Client } else { Side::Server };
            let _ = tracker.starts_anew(side, &segment);
            tracker.handle_segment(side, &segment, &mut streams);
            let facts = tracker.facts();
            prop_assert!(facts.history.as_str().len() <= 64);
        }
        tracker.finish(&mut streams);
        let facts = tracker.facts();
        prop_assert_eq!(facts.client.frames + facts.server.frames + facts.duplicate_frames, segments.len() as u64);
        let sent: u64 = facts.client.payload_bytes + facts.server.payload_bytes;
        prop_assert!(streams.data.iter().map(|data| data.len() as u64).sum::<u64>() <= sent);
    }
}
