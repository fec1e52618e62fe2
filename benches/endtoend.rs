//! The whole program beside programs that do less: captures of four kinds, each read by all of them in turn, in one run.
//!
//! `cargo bench --bench endtoend` makes the captures with the lab (IOTCAP_BENCH_SCALE=1 for small ones; 10 is usual) and prints
//! for each program its wall time, its processor time, its peak memory, and its wall time as a multiple of that of a loop over
//! libpcap that does nothing: the median over rounds of pairs, since machines are disturbed.
//!
//! The program starts itself again for each measurement: a process that runs one child knows what that child took.

use iotcap::lab;
use nix::sys::resource::{UsageWho, getrusage};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 3;

/// The captures: name, scenario, copies at scale 1.
const CAPTURES: [(&str, &str, u32); 3] = [
    ("handshakes", "healthy-rsa-aes128-tls12", 6_000),
    ("telemetry", "healthy-long-session-tls12", 800),
    ("bulk", "healthy-big-payload-tls12", 400),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("measure") => measure_here(&arguments[1..]),
        Some("no-op") => no_op(Path::new(&arguments[1])),
        _ => compare(),
    }
}

/// Reads a capture with libpcap and does nothing.
fn no_op(path: &Path) {
    let mut capture = pcap::Capture::from_file(path).expect("a capture");
    let mut frames = 0_u64;
    while let Ok(packet) = capture.next_packet() {
        frames += u64::from(std::hint::black_box(packet).header.len > 0);
    }
    assert!(frames > 0, "no frames in {}", path.display());
}

/// What a program took.
#[derive(Clone, Copy, Debug)]
struct Taken {
    wall: f64,
    processor: f64,
    megabytes: f64,
}

/// Runs a command and prints what it took.
#[expect(clippy::disallowed_methods, reason = "a bench measures the clock's time")]
fn measure_here(command: &[String]) {
    let [program, arguments @ ..] = command else { panic!("no command") };
    let start = Instant::now();
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let wall = start.elapsed().as_secs_f64();
    assert!(status.expect("a program").success(), "{program} failed");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let processor = seconds(usage.user_time()) + seconds(usage.system_time());
    println!("{wall} {processor} {}", usage.max_rss() as f64 / 1024.0);
}

fn measure(command: &[String]) -> Taken {
    let own = std::env::current_exe().expect("this program");
    let output = Command::new(own).arg("measure").args(command).output().expect("this program again");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [wall, processor, megabytes] = numbers[..] else { panic!("{text}") };
    Taken { wall, processor, megabytes }
}

fn compare() {
    let scale = std::env::var("IOTCAP_BENCH_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(10);
    let folder = tempfile::tempdir().expect("a folder");
    println!(
        "{:<12} {:<22} {:>8} {:>8} {:>8} {:>12} {:>9}",
        "capture", "program", "wall s", "cpu s", "MB", "MB/s", "x no-op"
    );
    for (name, path) in captures(folder.path(), scale) {
        let size = fs::metadata(&path).expect("a capture").len() as f64 / 1e6;
        let programs = programs(name, &path);
        let rounds: Vec<Vec<Taken>> =
            (0..ROUNDS).map(|_| programs.iter().map(|(_, command)| measure(command)).collect()).collect();
        for (index, (program, _)) in programs.iter().enumerate() {
            let of = |value: fn(&Taken) -> f64| median(rounds.iter().map(|round| value(&round[index])));
            let ratio = median(rounds.iter().map(|round| round[index].wall / round[0].wall));
            let (wall, processor, megabytes) = (of(|t| t.wall), of(|t| t.processor), of(|t| t.megabytes));
            println!(
                "{name:<12} {program:<22} {wall:>8.3} {processor:>8.3} {megabytes:>8.0} {:>12.0} {ratio:>9.2}",
                size / wall
            );
        }
    }
}

/// The programs that read a capture; the first one is what the others are compared with.
fn programs(name: &str, path: &Path) -> Vec<(&'static str, Vec<String>)> {
    let own = std::env::current_exe().expect("this program").display().to_string();
    let iotcap = env!("CARGO_BIN_EXE_iotcap");
    let path = path.display().to_string();
    let command = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut programs = vec![
        ("libpcap, no-op", command(&[&own, "no-op", &path])),
        ("iotcap, 1 thread", command(&[iotcap, "--threads=1", &path])),
        ("iotcap, 2 threads", command(&[iotcap, "--threads=2", &path])),
        ("iotcap, 2, json", command(&[iotcap, "--threads=2", "--format=json", &path])),
    ];
    if is_there("tcpdump") {
        programs.push(("tcpdump -w /dev/null", command(&["tcpdump", "-r", &path, "-w", "/dev/null"])));
    }
    // Minutes on the others.
    if name == "bulk" && is_there("tshark") {
        programs.push(("tshark conversations", command(&["tshark", "-r", &path, "-q", "-z", "conv,tcp"])));
    }
    programs
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Makes the captures. Noise is the first one with the broker on another port in 99 of 100 frames.
fn captures(folder: &Path, scale: u32) -> Vec<(&'static str, PathBuf)> {
    let mut made = Vec::new();
    for (name, scenario, copies) in CAPTURES {
        let path = folder.join(name);
        let entry = lab::find(scenario).expect("a scenario");
        let recording = lab::run(&entry.scenario().expect("a scenario")).expect("a recording");
        let file = BufWriter::new(File::create(&path).expect("a file"));
        lab::multiply(&[recording], copies * scale, 1, file).expect("copies");
        made.push((name, path));
    }
    let noise = folder.join("noise");
    write_noise(&made[0].1, &noise);
    made.push(("noise", noise));
    made
}

/// Copies a capture of Ethernet and IPv4 with port 8883 changed to 443 for all clients but every hundredth.
fn write_noise(from: &Path, to: &Path) {
    const PORT: [u8; 2] = 8883_u16.to_be_bytes();
    let mut source = pcap::Capture::from_file(from).expect("a capture");
    let mut sink = source.savefile(to).expect("a file");
    while let Ok(packet) = source.next_packet() {
        let mut data = packet.data.to_vec();
        let is_kept = data
            .get(26..34)
            .is_some_and(|addresses| addresses.iter().map(|byte| u32::from(*byte)).sum::<u32>() % 100 == 0);
        for at in [34, 36] {
            if let Some(port) = data.get_mut(at..at + 2).filter(|port| !is_kept && **port == PORT) {
                port.copy_from_slice(&443_u16.to_be_bytes());
            }
        }
        sink.write(&pcap::Packet { header: packet.header, data: &data });
    }
}
