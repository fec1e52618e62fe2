//! Connections that sleep are told as if they had been awake: every recording, with sleep between all its frames and without.

mod captures;
#[path = "support/recorded.rs"]
mod recorded;

use etherparse::PacketBuilder;
use iotcap::analyzer::{Analyzer, Config};
use iotcap::connection::Settings;
use iotcap::decode::Interest;
use iotcap::diagnosis::{CaptureState, Thresholds, diagnose};
use iotcap::flow::{Counts, Limits, Sleepers};
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::report::build;
use iotcap::source;
use iotcap::time::Timestamp;
use recorded::recorded;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is told of a capture.
#[derive(Default)]
struct Told {
    /// As JSON, in the order in which they were told.
    connections: Vec<String>,
    /// The most that slept at once.
    slept: usize,
    /// Those that could not be woken.
    lost: u64,
    opened: u64,
    /// Those that went to make room.
    gave_way: u64,
}

/// Sleeps as soon as the capture's time moves on.
const SLEEPY: Limits = Limits { quiet: Duration::ZERO, ..LIMITS };
/// Never sleeps.
const SLEEPLESS: Limits = Limits { quiet: Duration::from_hours(24 * 365), ..LIMITS };
const LIMITS: Limits = Limits {
    connections: 1 << 16,
    bytes: usize::MAX,
    quiet: Duration::ZERO,
    awake: usize::MAX,
    unestablished_idle: Duration::from_secs(130),
    established_idle: Duration::from_hours(1),
    closed_linger: Duration::from_secs(5),
    remembered: 1 << 16,
};

fn told(capture: &Path, flow: Limits) -> Told {
    let interest = Interest { ports: Vec::new(), ipv6: true, dns: true };
    let connection = Settings { any_port: true, ..Settings::default() };
    let mut analyzer = Analyzer::new(Config { interest, flow, connection, ..Config::default() });
    let mut told = Told::default();
    let Ok(mut source) = source::open(&[capture.to_owned()]) else { return told };
    let thresholds = Thresholds::default();
    let mut take = |analyzer: &mut Analyzer| {
        while let Some(record) = analyzer.poll() {
            let verdict = diagnose(&record, CaptureState::default(), &thresholds);
            let connection = build::connection(&record, &verdict);
            told.connections.push(serde_json::to_string(&connection).expect("JSON"));
        }
        told.slept = told.slept.max(analyzer.sleepers().asleep);
    };
    while let Some(frame) = source.next_frame() {
        analyzer.advance(frame.at);
        take(&mut analyzer);
        analyzer.push(&frame);
    }
    analyzer.finish();
    take(&mut analyzer);
    let counts = analyzer.stats().table;
    told.lost = counts.lost;
    told.gave_way = counts.evicted_established + counts.evicted_unestablished;
    told.opened = analyzer.opened();
    told
}

#[track_caller]
fn tells_the_same(capture: &Path) -> Told {
    let (awake, asleep) = (told(capture, SLEEPLESS), told(capture, SLEEPY));
    assert_eq!(awake.slept, 0, "{}", capture.display());
    assert_eq!(asleep.lost, 0, "{}", capture.display());
    assert_eq!(awake.connections, asleep.connections, "{}", capture.display());
    assert_eq!(asleep.connections.len() as u64, asleep.opened, "{}", capture.display());
    asleep
}

#[test]
fn every_recording_tells_the_same_with_sleep() {
    let mut slept = 0;
    let recordings: Vec<PathBuf> =
        captures::recorded_fixtures().into_iter().map(|folder| folder.join("capture.pcapng")).collect();
    for recording in &recordings {
        let told = tells_the_same(recording);
        assert!(told.opened > 0, "{}", recording.display());
        slept += usize::from(told.slept > 0);
        println!("{}: {} of {} connections slept at once", recording.display(), told.slept, told.opened);
    }
    assert!(slept * 10 >= recordings.len() * 9, "connections slept in but {slept} of {}", recordings.len());
}

#[test]
fn a_table_that_is_short_of_room_tells_the_same() {
    for recording in captures::recorded_fixtures() {
        let recording = recording.join("capture.pcapng");
        let (awake, pressed) = (told(&recording, SLEEPLESS), told(&recording, Limits { awake: 1, ..SLEEPLESS }));
        assert_eq!(awake.connections, pressed.connections, "{}", recording.display());
    }
}

#[test]
fn what_gives_way_to_the_budget_is_told_and_counted() {
    let mut gave_way = 0;
    for recording in captures::recorded_fixtures() {
        let told = told(&recording.join("capture.pcapng"), Limits { bytes: 0, ..SLEEPLESS });
        assert_eq!(told.connections.len() as u64, told.opened, "{}", recording.display());
        gave_way += told.gave_way;
    }
    assert!(gave_way > 0, "no recording has two connections at once");
}

#[test]
fn every_public_capture_tells_the_same_with_sleep() {
    let Some(corpus) = captures::corpus() else { return };
    let opened: u64 = corpus.iter().map(|capture| tells_the_same(capture).opened).sum();
    println!("{opened} connections");
    assert!(opened > 0, "none of {} captures has a connection", corpus.len());
}

/// A session's first messages, once each period; many sessions take turns.
const ROUNDS: usize = 18;
const PERIOD: Duration = Duration::from_secs(15);

/// What the table did in sessions that take turns.
fn in_turns(sessions: u32, flow: Limits) -> Counts {
    let interest = Interest { ports: vec![8883], ipv6: false, dns: false };
    let mut analyzer = Analyzer::new(Config { interest, flow, ..Config::default() });
    let mut number = 0;
    for (frame, round) in recorded("telemetry").iter().take(ROUNDS).zip(0..) {
        for session in 0..sessions {
            let mut frame = frame.of_client(session);
            number += 1;
            frame.number = number;
            frame.at = Timestamp::from_secs(1_772_366_400) + PERIOD * round + PERIOD * session / sessions;
            frame.push(&mut analyzer);
        }
    }
    let counts = analyzer.stats().table;
    assert_eq!((counts.opened, analyzer.connections()), (sessions.into(), sessions as usize));
    println!("{sessions} sessions: {counts:?}");
    counts
}

#[test]
fn nobody_sleeps_between_messages() {
    let counts = in_turns(4_000, Limits::default());
    assert_eq!((counts.slept, counts.woken), (0, 0));
}

#[test]
fn a_table_that_is_full_of_those_awake_does_not_wake_one_for_every_frame() {
    const AWAKE: u32 = 2_048;
    let flow = Limits { awake: AWAKE as usize, ..Limits::default() };
    // A little more than the bound, half as many more, and four times as many; each is sent to sleep at most twice.
    for sessions in [AWAKE + 64, AWAKE * 3 / 2, AWAKE * 4] {
        let counts = in_turns(sessions, flow);
        assert!(counts.slept > 0, "more than may be awake");
        assert!(counts.slept <= 2 * u64::from(sessions), "{sessions} sessions of {ROUNDS} frames: {counts:?}");
        assert!(counts.woken <= counts.slept);
    }
}

#[test]
fn a_budget_that_is_nearly_used_up_sends_everybody_to_sleep_before_anybody_gives_way() {
    const SESSIONS: u32 = 400;
    // 4 KiB for each: too little for all to be awake.
    let flow = Limits { bytes: SESSIONS as usize * 4096, ..Limits::default() };
    let counts = in_turns(SESSIONS, flow);
    assert_eq!(counts.evicted_established + counts.evicted_unestablished, 0);
    assert!(counts.slept > u64::from(SESSIONS));
}

/// A segment of nothing but a flag, of the client with this number.
fn push_segment(analyzer: &mut Analyzer, client: u16, at: Timestamp, flag: fn(Tcp) -> Tcp) {
    let [a, b] = client.to_be_bytes();
    let builder = PacketBuilder::ipv4([10, 0, a, b], [192, 0, 2, 1], 64).tcp(40_000, 8883, 1, 64_240);
    let mut data = Vec::new();
    flag(builder).write(&mut data, &[]).unwrap();
    let original_len = u32::try_from(data.len()).unwrap();
    analyzer.push(&Frame { id: FrameId::new(0, 1), at, link_type: LinkType::RAW, original_len, data: &data });
}

type Tcp = etherparse::PacketBuilderStep<etherparse::TcpHeader>;

#[test]
fn who_wakes_makes_no_room_for_himself() {
    let flow = Limits { awake: 1, ..SLEEPLESS };
    let mut analyzer = Analyzer::new(Config { flow, ..Config::default() });
    // All at one time, so that nobody has been quiet for longer than another.
    let at = Timestamp::from_secs(1);
    for client in [1, 2, 1, 2, 1] {
        push_segment(&mut analyzer, client, at, Tcp::syn);
        assert!(analyzer.sleepers().asleep <= 1);
    }
    for client in [1, 2] {
        push_segment(&mut analyzer, client, at, Tcp::rst);
    }
    analyzer.advance(at + Duration::from_hours(48));
    assert_eq!(std::iter::from_fn(|| analyzer.poll()).count(), 2);
    assert_eq!(analyzer.sleepers(), Sleepers::default());
}

#[test]
fn a_table_that_is_not_full_has_room_for_everybody() {
    const ROOM: u16 = 10_000;
    let flow = Limits { connections: usize::from(ROOM), ..Limits::default() };
    let mut analyzer = Analyzer::new(Config { flow, ..Config::default() });
    for client in 0..ROOM {
        push_segment(&mut analyzer, client, Timestamp::from_nanos(client.into()), Tcp::syn);
    }
    assert_eq!(analyzer.stats().table.evicted_unestablished, 0);
    push_segment(&mut analyzer, ROOM, Timestamp::from_nanos(ROOM.into()), Tcp::syn);
    assert_eq!(analyzer.stats().table.evicted_unestablished, 1);
}
