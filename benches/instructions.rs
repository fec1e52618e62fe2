//! Instructions a frame, from the bytes of a capture to verdicts, held to committed figures.
//!
//! `make instructions` runs this program under callgrind, once for each capture, and compares what one frame costs with
//! `instructions.toml`: more than 5 % above it fails. Unlike times, counts do not depend on the machine or on what else runs
//! there. `cargo bench --bench instructions -- --write` commits to what is measured.
//!
//! Only [`measured`] is counted: captures are made before it, and the start of the program is no part of it. Without
//! valgrind it says so and passes, but where CI promises all tools.

#[path = "support/multiplied.rs"]
mod multiplied;

use iotcap::analyzer::{Analyzer, Config};
use iotcap::decode::Interest;
use iotcap::diagnosis::{CaptureState, Desk, Thresholds};
use iotcap::report::build;
use iotcap::report::model::Summary;
use iotcap::source::{FileSource, Source};
use multiplied::multiplied;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Cursor;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much more than the committed figure is let pass.
const TOLERANCE: f64 = 1.05;

/// Short connections, long sessions of small messages, sessions with large payloads; fixtures that are copied until they
/// have about so many frames.
const CAPTURES: [(&str, &str); 3] =
    [("handshakes", "paho-tls12"), ("telemetry", "telemetry"), ("bulk", "payload-too-large")];
const FRAMES: usize = 40_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, name, ..] = &arguments[..]
        && mode == "--measure"
    {
        measure(name);
        return ExitCode::SUCCESS;
    }
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "valgrind is missing, and CI promises it");
        println!("skipped: valgrind is not installed");
        return ExitCode::SUCCESS;
    }
    let measured: Figures = CAPTURES.iter().map(|(name, _)| ((*name).to_owned(), counted(name))).collect();
    if arguments.iter().any(|argument| argument == "--write") {
        write(&measured);
        return ExitCode::SUCCESS;
    }
    compare(&measured, &committed())
}

/// Instructions a frame, by capture.
type Figures = BTreeMap<String, u64>;

fn compare(measured: &Figures, committed: &Figures) -> ExitCode {
    let mut exit_code = ExitCode::SUCCESS;
    println!("{:<12} {:>18} {:>10} {:>8}", "capture", "instructions/frame", "committed", "change");
    for (name, count) in measured {
        let allowed = committed.get(name).copied().unwrap_or_default();
        let change = *count as f64 / allowed as f64;
        let verdict = if change > TOLERANCE { "too many" } else { "" };
        println!("{name:<12} {count:>18} {allowed:>10} {:>+7.1}% {verdict}", (change - 1.0) * 100.0);
        if change > TOLERANCE {
            exit_code = ExitCode::FAILURE;
        }
    }
    exit_code
}

/// Runs this program under callgrind, which counts what [`measured`] does.
fn counted(name: &str) -> u64 {
    let own = std::env::current_exe().expect("this program's path");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured*"])
        .arg(own)
        .args(["--measure", name])
        .output()
        .expect("valgrind starts");
    let (said, frames) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{said}");
    let count = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok());
    let frames: u64 = frames.trim().parse().expect("the number of frames");
    count.expect("callgrind's count") / frames
}

fn measure(name: &str) {
    let (_, fixture) = CAPTURES.iter().find(|(known, _)| *known == name).expect("a capture of this bench");
    let source = FileSource::from_reader("memory", Cursor::new(multiplied(fixture, FRAMES))).expect("a capture");
    let interest = Interest { ports: vec![8883], dns: true, ipv6: false };
    let analyzer = Analyzer::new(Config { interest, ..Config::default() });
    println!("{}", measured(source, analyzer));
}

/// All that is done with a capture whose connections are only counted, as most are in a large one.
#[inline(never)]
fn measured(mut source: FileSource, mut analyzer: Analyzer) -> u64 {
    let mut desk = Desk::new(Thresholds::default());
    let mut summary = Summary::default();
    let mut goes_on = true;
    while goes_on {
        if let Some(frame) = source.next_frame() {
            analyzer.push(&frame);
        } else {
            analyzer.finish();
            goes_on = false;
        }
        while let Some(record) = analyzer.poll() {
            desk.push(record);
        }
        while let Some(arrival) = analyzer.poll_arrival() {
            desk.arrived(arrival);
        }
        if let Some(now) = analyzer.now() {
            desk.advance(now);
        }
        if !goes_on {
            desk.finish();
        }
        while let Some((record, verdict)) = desk.poll(CaptureState::default()) {
            summary.count(&build::glance(&record, &verdict));
        }
    }
    black_box(summary);
    analyzer.stats().frames
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.toml")
}

fn committed() -> Figures {
    toml::from_str(&std::fs::read_to_string(path()).expect("instructions.toml")).expect("figures")
}

fn write(figures: &Figures) {
    let head = "# Instructions a frame, as `make instructions` counts them. Written by `cargo bench --bench instructions -- --write`.\n";
    let lines: Vec<String> = figures.iter().map(|(name, count)| format!("{name} = {count}\n")).collect();
    std::fs::write(path(), format!("{head}{}", lines.concat())).expect("instructions.toml can be written");
}
