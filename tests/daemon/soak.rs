//! The daemon under load for long: `make soak`. It prints the daemon's memory every ten seconds, and it has to be flat.

use crate::captures::have;
use crate::has_peers;
use crate::net::{Net, Running};
use crate::peers::{Certificates, mosquitto, publish};
use crate::started::{Started, instant};
use iotcap::lab;
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(10);
/// What may come and go all the same: buffers, and what the allocator keeps.
const TOLERANCE: f64 = 8.0;
/// Kinds of connections, good and bad.
const KINDS: [&str; 4] = [
    "healthy-rsa-aes128-tls12",
    "client-certificate-expired-tls12",
    "closed-on-publish-tls12",
    "client-certificate-refused-silent-close-tls12",
];

/// How long: `IOTCAP_SOAK` in seconds, or ten minutes.
fn looks() -> usize {
    let seconds = std::env::var("IOTCAP_SOAK").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(600_u64);
    usize::try_from(seconds / EVERY.as_secs()).unwrap().max(6)
}

#[test]
#[ignore = "ten minutes: make soak"]
fn memory_is_flat_under_load() {
    if !has_peers() || !have("tcpreplay") {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let _broker = mosquitto(&net, &certificates);
    let daemon = Started::new(&net, "[daemon.log]\nhealthy = false\n");
    let load = daemon.folder().join("load.pcapng");
    write_load(&load, 4_000);
    let mut replay = net.at_server("tcpreplay");
    let _replay = Running::start(replay.args(["-q", "-K", "--pps=10000", "--loop=0", "-i", "en0"]).arg(&load));
    println!("seconds, MiB, connections in the table, frames, dropped, untold");
    let begun = instant();
    let memory: Vec<f64> = (1..=u32::try_from(looks()).unwrap())
        .map(|look| {
            assert!(publish(&net, &certificates, "client", "1.3").success());
            assert!(!publish(&net, &certificates, "stranger", "1.2").success());
            pause((EVERY * look).saturating_sub(begun.elapsed()));
            look_at(&daemon, look)
        })
        .collect();
    let third = memory.len() / 3;
    let most = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    let (middle, last) = (most(&memory[third..2 * third]), most(&memory[2 * third..]));
    let is_flat = last <= middle * 1.02 + TOLERANCE;
    println!(
        "most in the middle third {middle:.1} MiB, in the last {last:.1} MiB: {}",
        if is_flat { "flat" } else { "not flat" }
    );
    assert!(is_flat);
    assert_eq!(daemon.status("/healthz"), "200");
    assert!(daemon.end(Signal::SIGTERM).0.success());
}

/// Prints how it is; its memory in MiB.
fn look_at(daemon: &Started<'_>, look: u32) -> f64 {
    let metrics = daemon.get("/metrics");
    let sum = |name: &str| -> f64 {
        let values = metrics.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next());
        values.filter_map(|value| value.parse::<f64>().ok()).sum()
    };
    let memory = sum("iotcap_resident_memory_bytes ") / f64::from(1 << 20);
    println!(
        "{}, {memory:.1}, {}, {}, {}, {}",
        EVERY.as_secs() * u64::from(look),
        sum("iotcap_table_connections "),
        sum("iotcap_frames_total"),
        sum("iotcap_frames_dropped_total"),
        sum("iotcap_connections_untold_total")
    );
    memory
}

/// Connections of all kinds, as many of each.
pub(crate) fn write_load(path: &Path, copies: u32) {
    let recordings = KINDS.map(|kind| lab::run(&lab::find(kind).unwrap().scenario().unwrap()).unwrap());
    lab::multiply(&recordings, copies, 1, BufWriter::new(File::create(path).unwrap())).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the memory is looked at as time passes")]
fn pause(time: Duration) {
    thread::sleep(time);
}
