//! Floods: what a stranger can send in masses. Memory stays within its bounds, time grows with the input and no faster, what
//! gave way is counted, and the one healthy connection in between is told right.
//!
//! The sizes here are small; `make soak` runs the full ones (`--ignored`), and prints what it measured.
#![cfg(target_os = "linux")]

#[path = "../captures/mod.rs"]
mod captures;
mod wire;

use iotcap::analyzer::{Analyzer, Config, Stats};
use iotcap::connection::Record;
use iotcap::diagnosis::{CaptureState, Desk, Outcome, Thresholds};
use iotcap::flow;
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::pcapng::{Interface, Section, Writer};
use iotcap::source;
use iotcap::time::Timestamp;
use iotcap::timeline::Rung;
use std::io::{BufRead, BufReader, BufWriter, Read};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use wire::{BEGIN, Flood};

/// The table of the small floods.
const TABLE: usize = 2_000;
const MIB: u64 = 1 << 20;

/// Peak memory and processor time are the process's: one measurement at a time.
static MEASURING: Mutex<()> = Mutex::new(());

/// What came of a flood.
struct Told {
    stats: Stats,
    connections: u64,
    healthy: Vec<(Outcome, Option<Rung>)>,
    flooded: Option<Record>,
    memory: u64,
    time: Duration,
}

/// Runs a flood with a healthy connection in it through the analysis.
fn tell(flood: Flood, count: u64, table: usize) -> Told {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let limits = flow::Limits { connections: table, ..flow::Limits::default() };
    let mut analyzer = Analyzer::new(Config { flow: limits, ..Config::default() });
    let mut told = Told {
        stats: Stats::default(),
        connections: 0,
        healthy: Vec::new(),
        flooded: None,
        memory: 0,
        time: Duration::ZERO,
    };
    let mut desk = Desk::new(Thresholds::default());
    let mut watch = Watch::start();
    mixed(flood, count, |frame| {
        analyzer.push(frame);
        told.take(&mut analyzer, &mut desk);
    });
    analyzer.finish();
    desk.finish();
    told.take(&mut analyzer, &mut desk);
    (told.memory, told.time) = watch.stop();
    told.stats = analyzer.stats();
    told
}

impl Told {
    fn take(&mut self, analyzer: &mut Analyzer, desk: &mut Desk) {
        while let Some(record) = analyzer.poll() {
            desk.push(record);
        }
        if let Some(now) = analyzer.now() {
            desk.advance(now);
        }
        while let Some((record, verdict)) = desk.poll(CaptureState::default()) {
            self.connections += 1;
            if record.endpoints.client.address.to_string().starts_with("10.") {
                self.flooded = Some(record);
            } else {
                self.healthy.push((verdict.outcome, record.timeline.reached));
            }
        }
    }

    /// What holds for any flood.
    #[track_caller]
    fn holds(&self, flood: Flood, table: usize, memory: u64) {
        println!("{flood:?}: {} connections, {} KiB, {:?}", self.connections, self.memory / 1024, self.time);
        let counts = self.stats.table;
        assert_eq!(self.healthy, [(Outcome::Ok, Some(Rung::MqttSession))], "the healthy connection");
        assert_eq!(counts.opened, self.connections, "each connection is told once");
        assert!(counts.most <= table);
        assert!(self.memory <= memory, "{} KiB of memory", self.memory / 1024);
    }
}

/// The frames of a flood, and those of a healthy connection in the middle of it, in the order of time.
fn mixed(flood: Flood, count: u64, mut push: impl FnMut(&Frame<'_>)) {
    let healthy = healthy(BEGIN + 1_000_000);
    let mut healthy = healthy.iter().peekable();
    let mut number = 0;
    let mut send = |at, link_type, original_len, data: &[u8]| {
        number += 1;
        let id = FrameId::new(0, number);
        push(&Frame { id, at: Timestamp::from_nanos(at), link_type, original_len, data });
    };
    flood.play(count, |packet| {
        while let Some((at, link_type, data)) = healthy.next_if(|(at, ..)| *at <= packet.at) {
            send(*at, *link_type, u32::try_from(data.len()).expect("a frame"), data);
        }
        send(packet.at, LinkType::RAW, packet.original_len, packet.data);
    });
    for (at, link_type, data) in healthy {
        send(*at, *link_type, u32::try_from(data.len()).expect("a frame"), data);
    }
}

/// A recorded connection, moved to this time and made a hundred times as fast, so that it lies within a short flood.
fn healthy(begin: i64) -> Vec<(i64, LinkType, Vec<u8>)> {
    let capture = captures::fixtures().join("paho-tls12/capture.pcapng");
    let mut source = source::open(&[capture]).expect("a capture");
    let mut frames = Vec::new();
    let mut first = None;
    while let Some(frame) = source.next_frame() {
        let since = frame.at.as_nanos() - *first.get_or_insert(frame.at.as_nanos());
        frames.push((begin + since / 100, frame.link_type, frame.data.to_vec()));
    }
    frames
}

/// Peak memory and processor time of this thread from a moment on.
struct Watch {
    memory: u64,
    time: Duration,
}

impl Watch {
    fn start() -> Self {
        // 5: the peak of resident memory begins anew (proc(5)).
        std::fs::write("/proc/self/clear_refs", "5").expect("the peak can be reset");
        Self { memory: status("VmRSS:"), time: thread_time() }
    }

    fn stop(&mut self) -> (u64, Duration) {
        (status("VmHWM:").saturating_sub(self.memory), thread_time().saturating_sub(self.time))
    }
}

/// A field of this process's status, in bytes.
fn status(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// What the processor spent on this thread: unlike the clock on the wall it does not grow with other people's work.
fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("procfs");
    Duration::from_nanos(text.split(' ').next().and_then(|word| word.parse().ok()).expect("a number"))
}

#[test]
fn floods_of_connections_keep_to_the_table() {
    for flood in [Flood::Syns, Flood::HalfOpen, Flood::Idle] {
        let count = 20_000;
        let told = tell(flood, count, TABLE);
        told.holds(flood, TABLE, 64 * MIB);
        let counts = told.stats.table;
        let evicted = counts.evicted_unestablished + counts.evicted_established;
        assert_eq!(counts.opened - counts.expired - evicted, TABLE as u64, "{flood:?}: what gave way is counted");
        // Unestablished ones go first, and there are none among the idle.
        assert_eq!(counts.evicted_established > 0, flood == Flood::Idle, "{flood:?}");
    }
}

#[test]
fn ten_times_the_flood_takes_ten_times_as_long() {
    for (flood, count) in [
        (Flood::Syns, 10_000),
        (Flood::HalfOpen, 10_000),
        (Flood::Idle, 10_000),
        (Flood::Folding, 10_000),
        (Flood::Huge, 10_000),
        (Flood::OutOfOrder, 10_000),
        (Flood::TinyRecords, 6_553),
        (Flood::LongMessage, 100),
        (Flood::Chain, 1_000),
    ] {
        let (one, ten) = (tell(flood, count, 1_000).time, tell(flood, count * 10, 1_000).time);
        println!("{flood:?}: {one:?}, ten times as much {ten:?}");
        // A quadratic analysis would take 100 times as long. Caches and neighbours cost what they cost.
        assert!(ten < one * 20, "{flood:?}: {one:?}, ten times as much {ten:?}");
    }
}

#[test]
fn flows_that_are_meant_to_collide_do_not() {
    let (plain, folding) = (tell(Flood::Idle, 20_000, 1 << 16), tell(Flood::Folding, 20_000, 1 << 16));
    folding.holds(Flood::Folding, 1 << 16, 256 * MIB);
    assert!(folding.time < plain.time * 3, "{:?}, else {:?}", folding.time, plain.time);
}

#[test]
fn one_connection_may_be_as_long_as_it_likes() {
    // 6 GB: sequence numbers pass their end.
    let told = tell(Flood::Huge, 100_000, TABLE);
    told.holds(Flood::Huge, TABLE, 32 * MIB);
    let tcp = told.flooded.expect("the connection").tcp;
    assert_eq!(tcp.server.stream_bytes(), 6_000_000_000);
}

#[test]
fn records_of_one_byte_are_a_handshake_all_the_same() {
    let told = tell(Flood::TinyRecords, 65_535, TABLE);
    told.holds(Flood::TinyRecords, TABLE, 32 * MIB);
    let record = told.flooded.expect("the connection");
    assert_eq!(record.tcp.client.stream_bytes(), 65_535 * 6);
    assert!(record.tls.is_some_and(|tls| tls.is_tls()));
}

#[test]
fn a_message_of_16_megabytes_is_not_kept() {
    let told = tell(Flood::LongMessage, 1_024, TABLE);
    told.holds(Flood::LongMessage, TABLE, 32 * MIB);
    let record = told.flooded.expect("the connection");
    assert!(record.tcp.client.stream_bytes() > 16_000_000);
}

#[test]
fn segments_behind_holes_are_kept_within_bounds() {
    let told = tell(Flood::OutOfOrder, 200_000, TABLE);
    told.holds(Flood::OutOfOrder, TABLE, 64 * MIB);
    // Each of the 200,000 holes has ten bytes, and each is told: given up early, or at the end.
    let tcp = told.flooded.expect("the connection").tcp;
    assert_eq!(tcp.client.given_up_bytes + tcp.client.lost_bytes, 2_000_000);
}

/// 360 kB are longer than any message that is kept; a third of them is not.
#[test]
fn a_chain_of_a_thousand_certificates_is_told() {
    for (count, kept) in [(1_000, 0), (333, 16)] {
        let told = tell(Flood::Chain, count, TABLE);
        told.holds(Flood::Chain, TABLE, 32 * MIB);
        let record = told.flooded.expect("the connection");
        assert!(record.tcp.server.stream_bytes() > 300 * count, "{} bytes", record.tcp.server.stream_bytes());
        let tls = record.tls.expect("TLS");
        let chain = tls.certificates.server.as_deref().unwrap_or_default();
        assert!(tls.is_tls() && chain.len() == kept, "{} certificates are kept of {count}", chain.len());
    }
}

/// What the binary said of a flood.
#[derive(Default)]
struct Report {
    lines: u64,
    first: Vec<String>,
    last: String,
    /// The line that counts by outcome.
    summary: String,
    /// What it said of the healthy connection.
    healthy: Vec<String>,
}

impl Report {
    fn read(from: impl Read) -> Self {
        let mut report = Self::default();
        for line in BufReader::new(from).lines().map(|line| line.expect("text")) {
            report.lines += 1;
            if report.first.len() < 12 {
                report.first.push(line.clone());
            }
            if line.contains(" connections · ") {
                report.summary.clone_from(&line);
            }
            if line.contains("192.0.2.10") {
                report.healthy.push(line.clone());
            }
            report.last = line;
        }
        report
    }
}

/// The same through the binary: a flood on its standard input. Its report, and its peak memory in bytes.
fn piped(flood: Flood, count: u64, arguments: &[&str]) -> (Report, u64) {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new(env!("CARGO_BIN_EXE_iotcap"));
    command.args(arguments).args(["-r", "-"]).env("NO_COLOR", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("iotcap runs");
    let to = BufWriter::with_capacity(1 << 16, child.stdin.take().expect("a pipe"));
    let out = child.stdout.take().expect("a pipe");
    let reader = std::thread::spawn(move || Report::read(out));
    let mut writer = Writer::new(to, &Section::default()).expect("the pipe");
    let describe = |link_type| Interface { link_type, snaplen: 0, name: "", description: "", filter: "" };
    let interfaces = [LinkType::RAW, LinkType::ETHERNET]
        .map(|link| (link, writer.add_interface(&describe(link)).expect("the pipe")));
    mixed(flood, count, |frame| {
        let (_, interface) = interfaces.iter().find(|(link, _)| *link == frame.link_type).expect("its interface");
        writer.write_frame(*interface, frame, &[]).expect("the pipe");
    });
    writer.flush().expect("the pipe");
    drop(writer);
    let report = reader.join().expect("a report");
    assert!(child.wait().expect("its end").success());
    (report, children_peak())
}

/// The most memory that a child of this process ever had, in bytes.
fn children_peak() -> u64 {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN).expect("the usage");
    u64::try_from(usage.max_rss()).expect("a size") * 1024
}

#[test]
fn a_flood_is_told_from_standard_input() {
    let count = 20_000;
    let (report, memory) = piped(Flood::Syns, count, &["--format", "jsonl"]);
    let [healthy] = &report.healthy[..] else { panic!("{:?}", report.healthy) };
    let healthy: serde_json::Value = serde_json::from_str(healthy).expect("JSON");
    assert_eq!(healthy["outcome"], "ok", "{healthy:#}");
    let last: serde_json::Value = serde_json::from_str(&report.last).expect("JSON");
    assert_eq!(last["summary"]["connections"], report.lines - 1);
    println!("{count} SYNs: {} MiB", memory / MIB);
    assert!(memory < 256 * MIB, "{} MiB", memory / MIB);
}

/// The full size, through the binary; `make soak` builds it for speed.
#[track_caller]
fn soak(flood: Flood, count: u64) {
    let begun = thread_time();
    let (report, memory) = piped(flood, count, &[]);
    println!("{flood:?} {count}: {} MiB; sending took {:?}", memory / MIB, thread_time().saturating_sub(begun));
    println!("{}\n{}", report.first.join("\n"), report.summary);
    // The table's 256 MiB, and as much again for what is told at the end.
    assert!(memory < 512 * MIB, "{} MiB", memory / MIB);
    // It is told where there are few, and counted in any case.
    let mut verdicts = report.healthy.iter().filter(|line| !line.starts_with(' '));
    assert!(verdicts.all(|line| line.starts_with("✔ ok")), "{:#?}", report.healthy);
    assert!(report.summary.contains("✔ 1 ok"), "{}", report.summary);
}

#[test]
#[ignore = "minutes: make soak"]
fn ten_million_syns() {
    soak(Flood::Syns, 10_000_000);
}

#[test]
#[ignore = "minutes: make soak"]
fn a_million_half_open() {
    soak(Flood::HalfOpen, 1_000_000);
}

#[test]
#[ignore = "minutes: make soak"]
fn a_million_idle() {
    soak(Flood::Idle, 1_000_000);
}

/// A daemon that is given the memory keeps all of them.
#[test]
#[ignore = "minutes: make soak"]
fn a_million_idle_take_1200_mib() {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let flow = flow::Limits { connections: 1 << 21, bytes: 1200 << 20, ..flow::Limits::default() };
    let mut analyzer = Analyzer::new(Config { flow, ..Config::default() });
    let mut watch = Watch::start();
    mixed(Flood::Idle, 1_000_000, |frame| {
        analyzer.push(frame);
        while analyzer.poll().is_some() || analyzer.poll_arrival().is_some() {}
    });
    let (memory, time) = watch.stop();
    println!("{} MiB, {time:?}, {:?}", memory / MIB, analyzer.sleepers());
    let counts = analyzer.stats().table;
    assert_eq!(counts.evicted_established + counts.evicted_unestablished, 0, "all are kept");
    assert!(analyzer.connections() >= 1_000_000, "{} connections", analyzer.connections());
    assert!(memory <= 1200 * MIB, "{} MiB", memory / MIB);
}

#[test]
#[ignore = "minutes: make soak"]
fn a_million_that_are_meant_to_collide() {
    soak(Flood::Folding, 1_000_000);
}

#[test]
#[ignore = "minutes: make soak"]
fn a_hundred_gigabytes() {
    soak(Flood::Huge, 1_700_000);
}
