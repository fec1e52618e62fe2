//! A flood of SYNs: memory stays bounded, and the client that matters is diagnosed all the same.

use crate::captures::have;
use crate::has_peers;
use crate::net::{CLIENT, Net, SERVER, finish};
use crate::peers::{Certificates, mosquitto, publish};
use crate::started::Started;
use etherparse::PacketBuilder;
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::pcapng::{Interface, Section, Writer};
use iotcap::time::Timestamp;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// SYNs from as many clients: `IOTCAP_FLOOD`, or enough to fill the table ten times over.
fn size() -> u32 {
    std::env::var("IOTCAP_FLOOD").ok().and_then(|size| size.parse().ok()).unwrap_or(10_000)
}

#[test]
fn a_flood_of_syns_fills_no_memory_and_hides_nobody() {
    if !has_peers() || !have("tcpreplay") {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let _broker = mosquitto(&net, &certificates);
    let bounds = "[daemon.table]\nconnections = 1000\n";
    let daemon = Started::new(&net, bounds);
    let before = daemon.metric("iotcap_resident_memory_bytes").unwrap();
    let flood = daemon.folder().join("flood.pcapng");
    write_flood(&flood, size(), Kind::Syn);
    let replay = |path: &Path| finish(net.at_client("tcpreplay").args(["-q", "-i", "en0", "--pps=40000"]).arg(path));
    std::thread::scope(|scope| {
        let flooding = scope.spawn(|| replay(&flood));
        assert!(!publish(&net, &certificates, "stranger", "1.2").success());
        assert!(flooding.join().unwrap().status.success());
    });
    daemon.metric_reaches("iotcap_table_connections_most", 1000);
    let evicted = "iotcap_table_evicted_total{reason=\"full-unestablished\"}";
    daemon.metric_reaches(evicted, size() * 9 / 10);
    let after = daemon.metric("iotcap_resident_memory_bytes").unwrap();
    // The bounds of the defaults: 64 MiB of frames, 16 MiB of recent connections, queues of records.
    assert!(after - before < f64::from(256 << 20), "{before} bytes grew to {after}");
    let failed = daemon.connections(&format!("/api/connections?outcome=failed&client={CLIENT}"), 1);
    let refused = failed["connections"].as_array().unwrap();
    assert_eq!(refused.len(), 1, "{failed:#}");
    assert_eq!(refused[0]["closed"]["by"], "server");
    assert_eq!(daemon.status("/healthz"), "200");
}

#[test]
fn all_that_end_at_once_fill_no_memory() {
    if !has_peers() || !have("tcpreplay") {
        return;
    }
    let (net, count) = (Net::new(), size().min(100_000));
    let daemon = Started::new(&net, &format!("[daemon.table]\nconnections = {}\n", count * 2));
    let replay = |name: &str, kind: Kind, pps: &str| {
        let path = daemon.folder().join(name);
        write_flood(&path, count, kind);
        let status = finish(net.at_client("tcpreplay").args(["-q", "-K", "-i", "en0", pps]).arg(&path)).status;
        assert!(status.success());
    };
    replay("begin.pcapng", Kind::Syn, "--pps=40000");
    daemon.metric_reaches("iotcap_frames_total", count);
    daemon.metric_reaches("iotcap_table_connections", count);
    let evicted = daemon.metric("iotcap_table_evicted_total{reason=\"full-unestablished\"}");
    assert!(evicted.is_none_or(|evicted| evicted < 1.0), "{evicted:?} in a table that is not full");
    let before = most_memory(&daemon);
    replay("end.pcapng", Kind::Reset, "--topspeed");
    daemon.metric_reaches("iotcap_table_connections", 0);
    let after = most_memory(&daemon);
    println!("{count} connections: at most {before} KiB while they were there, {after} KiB with their end");
    // 4,096 that wait for their verdicts, 1,024 to be told, 64 MiB of frames, 16 MiB of recent ones, 32 MiB of batches.
    assert!(after - before < 192 << 10, "{before} KiB grew to {after}");
    assert_eq!(daemon.status("/healthz"), "200");
}

/// The most memory that it ever had, in KiB.
fn most_memory(daemon: &Started<'_>) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What the clients send.
#[derive(Clone, Copy)]
enum Kind {
    Syn,
    Reset,
}

fn write_flood(path: &Path, count: u32, kind: Kind) {
    let out = BufWriter::new(File::create(path).unwrap());
    let mut writer = Writer::new(out, &Section::default()).unwrap();
    let link_type = LinkType::ETHERNET;
    let interface =
        writer.add_interface(&Interface { link_type, snaplen: 0, name: "", description: "", filter: "" }).unwrap();
    let server = SERVER.parse::<std::net::Ipv4Addr>().unwrap().octets();
    for number in 0..count {
        let [_, a, b, c] = number.to_be_bytes();
        let sequence = number.wrapping_add(u32::from(matches!(kind, Kind::Reset)));
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .ipv4([10, a, b, c], server, 64)
            .tcp(40_000, 8883, sequence, 64_240);
        let builder = match kind {
            Kind::Syn => builder.syn(),
            Kind::Reset => builder.rst(),
        };
        let mut data = Vec::new();
        builder.write(&mut data, &[]).unwrap();
        let at = Timestamp::from_nanos(i64::from(number) * 1000);
        let original_len = u32::try_from(data.len()).unwrap();
        let frame = Frame { id: FrameId::new(0, 1), at, link_type, original_len, data: &data };
        writer.write_frame(interface, &frame, &[]).unwrap();
    }
    writer.flush().unwrap();
}
