//! The analysis of the daemon without input and output: frames and the passing of time in, finished connections with their
//! verdicts and frames out. It asks no clock.

use super::evidence::{Keeper, Kept, MemoryLimits};
use crate::analyzer::{Analyzer, Config, Taken};
use crate::connection::Record;
use crate::diagnosis::{CaptureState, Desk, Group, Outcome, Thresholds, Verdict};
use crate::frame::{Frame, FrameId};
use crate::net::FlowKey;
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// A frame cannot come from further ahead than this: its stamp was made before the clock was set back.
const AHEAD: Duration = Duration::from_secs(1);
/// Times at which frames were dropped that are remembered.
const DROPS: usize = 1024;

/// A connection whose verdict is final.
#[derive(Debug)]
pub(super) struct Finished {
    /// The connection.
    pub(super) record: Record,
    /// What became of it.
    pub(super) verdict: Verdict,
    /// Its frames, where they are to be saved and are still there.
    pub(super) frames: Option<Kept>,
}

/// Which connections leave their frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EvidenceOf {
    /// Those that failed.
    pub(super) failed: bool,
    /// Those that were degraded.
    pub(super) degraded: bool,
}

/// What can be changed while it works.
#[derive(Clone, Debug)]
pub(super) struct Tuning {
    pub(super) thresholds: Thresholds,
    pub(super) memory: MemoryLimits,
    pub(super) evidence: EvidenceOf,
}

/// Analyzer, desk and the frames of their connections.
///
/// ```text
/// push(interface, frame, wall) … advance(wall) … poll() … finish() … poll()
/// ```
#[derive(Debug)]
pub(super) struct Engine {
    config: Config,
    tuning: Tuning,
    analyzer: Analyzer,
    desk: Desk,
    keeper: Keeper,
    drops: Drops,
    truncated: bool,
    number: u64,
}

impl Engine {
    pub(super) fn new(config: Config, tuning: Tuning) -> Self {
        Self {
            analyzer: Analyzer::new(config.clone()),
            desk: Desk::new(tuning.thresholds.clone()),
            keeper: Keeper::new(tuning.memory),
            drops: Drops::default(),
            truncated: false,
            number: 0,
            config,
            tuning,
        }
    }

    /// Takes a frame that came while the wall clock showed `wall`.
    pub(super) fn push(&mut self, interface: usize, frame: &Frame<'_>, wall: Timestamp) {
        self.number += 1;
        let frame = Frame { id: FrameId::new(0, self.number), at: frame.at.min(wall + AHEAD), ..*frame };
        self.truncated |= frame.is_cut();
        let opened = self.analyzer.stats().table.opened;
        let taken = self.analyzer.push(&frame);
        // What this frame ended may have had the key that it begins anew.
        self.take_records();
        match taken {
            Taken::Connection(key) => {
                let is_first = self.analyzer.stats().table.opened > opened;
                self.keeper.keep(key, interface, &frame, is_first);
            }
            Taken::Supporting => self.keeper.keep_supporting(interface, &frame),
            Taken::PassedOver => {}
        }
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.analyzer.advance(now);
        self.take_records();
        while let Some(arrival) = self.analyzer.poll_arrival() {
            self.desk.arrived(arrival);
        }
        if let Some(now) = self.analyzer.now() {
            self.desk.advance(now);
        }
    }

    /// The next connection whose verdict is final.
    pub(super) fn poll(&mut self) -> Option<Finished> {
        let since = self.desk.next_record()?.first.at;
        let capture = CaptureState { dropped: Some(self.drops.since(since)), truncated: self.truncated };
        let (record, verdict) = self.desk.poll(capture)?;
        let is_wanted = match verdict.outcome {
            Outcome::Failed => self.tuning.evidence.failed,
            Outcome::Degraded => self.tuning.evidence.degraded,
            Outcome::Ok | Outcome::Open | Outcome::Inconclusive => false,
        };
        let mut frames = self.keeper.take(record.ordinal).filter(|_| is_wanted);
        if let (Some(frames), Some(resolution)) = (&mut frames, &record.resolution) {
            let messages = resolution.query.iter().chain([&resolution.answer]);
            self.keeper.add_supporting(frames, messages.map(|message| message.frame));
        }
        Some(Finished { record, verdict, frames })
    }

    /// The findings that span connections, since they were forgotten.
    pub(super) fn groups(&self) -> Vec<Group> {
        self.desk.groups()
    }

    /// Begins to look for them anew.
    pub(super) fn forget_groups(&mut self) {
        self.desk.forget_groups();
    }

    /// Frames were dropped before they could be read.
    pub(super) fn dropped(&mut self, at: Timestamp, frames: u64) {
        self.drops.note(at, frames);
    }

    /// Ends all connections and all waiting.
    pub(super) fn finish(&mut self) {
        self.analyzer.finish();
        self.take_records();
        self.desk.finish();
    }

    /// To be called when the wall clock was set, after [`Self::finish`] and [`Self::poll`]: nothing that was timed by the old
    /// time can be compared with the new one.
    pub(super) fn begin_anew(&mut self) {
        self.analyzer = Analyzer::new(self.config.clone());
        self.desk = Desk::new(self.tuning.thresholds.clone());
        self.drops = Drops::default();
    }

    /// Goes on with other thresholds and limits.
    pub(super) fn tune(&mut self, tuning: Tuning) {
        self.desk.set_thresholds(tuning.thresholds.clone());
        self.keeper.set_limits(tuning.memory);
        self.tuning = tuning;
    }

    /// The analyzer that is at work.
    pub(super) const fn analyzer(&self) -> &Analyzer {
        &self.analyzer
    }

    /// The frames that are kept.
    pub(super) const fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    fn take_records(&mut self) {
        while let Some(record) = self.analyzer.poll() {
            let key = FlowKey::new(record.endpoints.client, record.endpoints.server);
            self.keeper.end(&key, record.ordinal);
            self.desk.push(record);
        }
    }
}

/// When frames were dropped, so that only connections are doubted that were there.
#[derive(Debug, Default)]
struct Drops {
    /// The latest at the end.
    at: VecDeque<(Timestamp, u64)>,
}

impl Drops {
    fn note(&mut self, at: Timestamp, frames: u64) {
        // Of two that are long ago the earlier one is told with the time of the later one: never too few are doubted.
        if self.at.len() == DROPS
            && let Some((_, oldest)) = self.at.pop_front()
            && let Some((_, next)) = self.at.front_mut()
        {
            *next += oldest;
        }
        self.at.push_back((at, frames));
    }

    fn since(&self, begin: Timestamp) -> u64 {
        self.at.iter().rev().take_while(|(at, _)| *at >= begin).map(|(_, frames)| frames).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{FileSource, Source};
    use etherparse::PacketBuilder;
    use std::path::Path;

    const HEALTHY: &str = "paho-tls12/capture.pcapng";
    const FAILED: &str = "client-cert-expired-tls12/capture.pcapng";
    const EVERYTHING: EvidenceOf = EvidenceOf { failed: true, degraded: true };

    fn engine() -> Engine {
        let memory = MemoryLimits { first: 1 << 16, last: 1 << 16, all: 1 << 20 };
        let tuning = Tuning { thresholds: Thresholds::default(), memory, evidence: EVERYTHING };
        let mut config = Config::default();
        config.interest.ports = vec![8883];
        config.interest.dns = true;
        config.connection.ports = vec![8883];
        Engine::new(config, tuning)
    }

    fn frames(fixture: &str) -> Vec<(Timestamp, crate::frame::LinkType, u32, Vec<u8>)> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
        let mut source = FileSource::open(&path).unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = source.next_frame() {
            frames.push((frame.at, frame.link_type, frame.original_len, frame.data.to_vec()));
        }
        frames
    }

    fn push(engine: &mut Engine, fixture: &str, shift: i64, wall: Option<Timestamp>) -> usize {
        let frames = frames(fixture);
        for (at, link_type, original_len, data) in &frames {
            let at = Timestamp::from_nanos(at.as_nanos() + shift);
            let frame = Frame { id: FrameId::new(0, 0), at, link_type: *link_type, original_len: *original_len, data };
            engine.push(0, &frame, wall.unwrap_or(at));
        }
        frames.len()
    }

    fn all(engine: &mut Engine) -> Vec<(Outcome, Option<usize>)> {
        let outcome =
            |finished: Finished| (finished.verdict.outcome, finished.frames.map(|kept| kept.frames().count()));
        std::iter::from_fn(|| engine.poll()).map(outcome).collect()
    }

    #[test]
    fn a_failed_connection_comes_with_its_frames_and_a_healthy_one_without() {
        let mut engine = engine();
        let count = push(&mut engine, FAILED, 0, None);
        engine.finish();
        assert_eq!(all(&mut engine), [(Outcome::Failed, Some(count))]);
        engine.begin_anew();
        push(&mut engine, HEALTHY, 0, None);
        engine.finish();
        assert_eq!(all(&mut engine), [(Outcome::Ok, None)]);
        assert_eq!(engine.keeper().bytes(), 0);
    }

    #[test]
    fn the_answer_of_dns_that_led_to_the_server_comes_with_the_frames() {
        // example.org is at 203.0.113.1, which is put in the place of a server's address (RFC 1035, 4.1).
        const ANSWER: &[u8] =
            b"\0\x07\x81\x80\0\x01\0\x01\0\0\0\0\x07example\x03org\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04";
        let recorded = frames(FAILED);
        let (at, link_type, _, first) = &recorded[0];
        assert_eq!(*link_type, crate::frame::LinkType::ETHERNET);
        let (client, server): ([u8; 4], [u8; 4]) =
            (first[26..30].try_into().unwrap(), first[30..34].try_into().unwrap());
        let mut engine = engine();
        for address in [[203, 0, 113, 9], server] {
            let mut answer = Vec::new();
            let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([203, 0, 113, 53], client, 64).udp(53, 50_000);
            builder.write(&mut answer, &[ANSWER, &address].concat()).unwrap();
            let original_len = u32::try_from(answer.len()).unwrap();
            let frame = Frame { id: FrameId::new(0, 0), at: *at, link_type: *link_type, original_len, data: &answer };
            engine.push(0, &frame, *at);
        }
        push(&mut engine, FAILED, 0, None);
        engine.finish();
        let kept = engine.poll().and_then(|finished| finished.frames).unwrap();
        let numbers: Vec<u64> = kept.frames().map(|frame| frame.id.number()).collect();
        // The first answer leads elsewhere.
        assert_eq!(numbers, (2..=u64::try_from(recorded.len()).unwrap() + 2).collect::<Vec<_>>());
    }

    #[test]
    fn after_the_clock_was_set_back_verdicts_come_in_time() {
        let mut engine = engine();
        push(&mut engine, HEALTHY, 0, None);
        engine.finish();
        assert_eq!(all(&mut engine).len(), 1);
        engine.begin_anew();
        // An hour earlier by the clock, and the kernel still hands over frames of before.
        let hour = 3_600_000_000_000;
        let first = frames(HEALTHY)[0].0;
        let wall = Timestamp::from_nanos(first.as_nanos() - hour);
        push(&mut engine, HEALTHY, 1, Some(wall));
        push(&mut engine, FAILED, 0, Some(wall));
        engine.advance(wall + Duration::from_secs(20));
        assert_eq!(all(&mut engine).len(), 2);
    }

    #[test]
    fn only_connections_that_were_there_are_doubted_for_dropped_frames() {
        let mut drops = Drops::default();
        let at = Timestamp::from_secs;
        drops.note(at(10), 3);
        drops.note(at(20), 4);
        assert_eq!([5, 10, 11, 20, 21].map(|begin| drops.since(at(begin))), [7, 7, 4, 4, 0]);
        for second in 21..3000 {
            drops.note(at(second), 1);
        }
        assert_eq!((drops.at.len(), drops.since(at(0))), (DROPS, 7 + 2979));
    }
}
