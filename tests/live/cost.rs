//! What live capture takes of the processor beside a tcpdump that throws everything away: `make cost` prints the ratio. It asks
//! for a release build and a quiet machine.

use crate::captures::have;
use crate::net::{Net, Running, Stream, can_run, finish};
use crate::{Signal, json};
use iotcap::lab;
use nix::sys::resource::{UsageWho, getrusage};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;

const ROUNDS: usize = 5;
/// The buffer of both, in KiB.
const BUFFER: &str = "32768";
/// Both have to pass over what is not theirs.
const FILTER: &str = "tcp port 8883";

/// Name, scenario of the lab, copies.
const LOADS: [(&str, &str, u32); 2] =
    [("short connections", "healthy-rsa-aes128-tls12", 20_000), ("long sessions", "healthy-long-session-tls12", 5_000)];

/// What one program took for one load.
struct Taken {
    seconds: f64,
    dropped: u64,
}

#[test]
#[ignore = "minutes, and a quiet machine: make cost"]
fn the_processor_time_of_a_capture_beside_tcpdump() {
    if !can_run() || !have("tcpdump") || !have("tcpreplay") {
        return;
    }
    let (net, folder) = (Net::new(), tempfile::tempdir().unwrap());
    println!("load, frames, frames/s | iotcap: seconds, dropped | tcpdump: seconds, dropped | ratio");
    for (name, scenario, copies) in LOADS {
        let load = folder.path().join(scenario);
        let recording = lab::run(&lab::find(scenario).unwrap().scenario().unwrap()).unwrap();
        let frames =
            lab::multiply(&[recording], copies, 1, BufWriter::new(File::create(&load).unwrap())).unwrap().frames;
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let (rate, iotcap) = by_iotcap(&net, &load, frames);
            let tcpdump = by_tcpdump(&net, &load);
            let ratio = iotcap.seconds / tcpdump.seconds;
            println!(
                "{name}, {frames}, {rate} | {:.3}, {} | {:.3}, {} | {ratio:.1}",
                iotcap.seconds, iotcap.dropped, tcpdump.seconds, tcpdump.dropped
            );
            ratios.push(ratio);
        }
        ratios.sort_by(f64::total_cmp);
        println!("{name}: {:.1} times the processor time of tcpdump, the median of {ROUNDS} pairs", ratios[ROUNDS / 2]);
    }
}

/// Replays it to a capture; the frames a second, and what the capture took.
fn by_iotcap(net: &Net, load: &Path, frames: u64) -> (String, Taken) {
    let capture = Running::capturing(&mut net.iotcap(&["-i", "en0", "--format", "jsonl"]));
    let rate = replay(net, load);
    let (seconds, out, _) = ended(capture);
    let summary = json(out.lines().last().unwrap());
    let count = |name: &str| summary["capture"].pointer(name).and_then(serde_json::Value::as_u64).unwrap();
    let dropped = count("/dropped/kernel");
    assert_eq!(count("/frames") + dropped, frames, "every frame is either seen or counted: {summary}");
    (rate, Taken { seconds, dropped })
}

fn by_tcpdump(net: &Net, load: &Path) -> Taken {
    let mut command: Command = net.at_client("tcpdump");
    command.args(["-n", "-i", "en0", "-B", BUFFER, "-w", "/dev/null", FILTER]);
    let mut capture = Running::start(&mut command);
    capture.line(Stream::Error, "listening on");
    replay(net, load);
    let (seconds, _, said) = ended(capture);
    let dropped = said.lines().find_map(|line| line.strip_suffix(" packets dropped by kernel"));
    Taken { seconds, dropped: dropped.expect("its counts").parse().unwrap() }
}

/// Sends all frames as fast as it goes; how many a second that were.
fn replay(net: &Net, load: &Path) -> String {
    let output = finish(net.at_server("tcpreplay").args(["--topspeed", "-K", "-i", "en0"]).arg(load));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    let rate = said.split(", ").find_map(|part| part.trim().split(" pps").next().filter(|_| part.contains(" pps")));
    rate.expect("its rate").to_owned()
}

/// Ends a capture: the processor time that it took in all, and what it said.
fn ended(capture: Running) -> (f64, String, String) {
    let before = of_children();
    capture.signal(Signal::SIGINT);
    let (status, out, error) = capture.wait();
    assert!(status.success(), "{status}: {error}");
    (of_children() - before, out, error)
}

/// Of the programs that were waited for so far.
fn of_children() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    [usage.user_time(), usage.system_time()].iter().map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).sum()
}
