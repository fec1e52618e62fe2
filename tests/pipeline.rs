//! Whatever the number of threads, the report is the same, and the same as one analyzer gives that is driven by hand.

mod captures;

use captures::recorded_fixtures;
use clap::Parser;
use etherparse::PacketBuilder;
use iotcap::analyzer::{Analyzer, Config};
use iotcap::cli::Cli;
use iotcap::decode::Interest;
use iotcap::diagnosis::{CaptureState, Desk, Thresholds};
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::lab;
use iotcap::net::FlowKey;
use iotcap::pcapng::{Interface, Section, Writer};
use iotcap::pipeline::{self, Batch, Dealer, Plan};
use iotcap::report::build;
use iotcap::source::{self, CaptureInfo, FileSource, Source, Taker};
use iotcap::time::Timestamp;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The text and the JSON of a capture, analysed by so many threads. Nothing goes to standard output.
fn reports(capture: &Path, threads: &str, more: &[&str]) -> [String; 3] {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = ["text", "json", "jsonl"].map(|format| (format, folder.path().join(format)));
    let mut arguments = vec!["iotcap".to_owned(), "-q".to_owned(), format!("--threads={threads}")];
    arguments.extend(paths.iter().map(|(format, path)| format!("--report={format}={}", path.display())));
    arguments.extend(more.iter().map(ToString::to_string));
    arguments.push(capture.display().to_string());
    let cli = Cli::try_parse_from(arguments).expect("arguments");
    iotcap::analyze::analyze(&cli.analyze).expect("a report");
    paths.map(|(_, path)| fs::read_to_string(path).expect("a report that was written"))
}

/// The connections of the JSON, as they stand there.
fn connections(json: &str) -> Vec<serde_json::Value> {
    let report: serde_json::Value = serde_json::from_str(json).expect("JSON");
    report["connections"].as_array().expect("connections").clone()
}

/// The connections that one analyzer and one desk give, in the order of their first frames.
fn by_hand(capture: &Path) -> Vec<serde_json::Value> {
    let interest = Interest { ports: vec![8883], ipv6: false, dns: true };
    let mut analyzer = Analyzer::new(Config { interest, ..Config::default() });
    let mut desk = Desk::new(Thresholds::default());
    let mut told = Vec::new();
    let mut source = source::open(&[capture.to_owned()]).expect("a capture");
    let mut is_over = false;
    while !is_over {
        if let Some(frame) = source.next_frame() {
            analyzer.push(&frame);
        } else {
            analyzer.finish();
            is_over = true;
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
        if is_over {
            desk.finish();
        }
        told.extend(std::iter::from_fn(|| desk.poll(CaptureState::default())));
    }
    told.sort_by_key(|(record, _)| record.ordinal);
    let as_json = |connection| serde_json::to_value(connection).expect("JSON");
    told.iter().map(|(record, verdict)| as_json(build::connection(record, verdict))).collect()
}

/// Many copies of scenarios that have in them whatever the threads have to agree on.
fn mixture(folder: &Path) -> std::path::PathBuf {
    const SCENARIOS: [&str; 11] = [
        "healthy-port-reuse-tls13",
        "healthy-rsa-aes128-tls12",
        "healthy-with-name-tls13",
        "name-not-found",
        "icmp-unreachable-prohibited",
        "client-certificate-expired-tls12",
        "client-gave-up-tls13",
        "syn-unanswered",
        "session-taken-over-tls13",
        "healthy-link-vlan",
        "went-over-ipv6",
    ];
    let recordings: Vec<_> = SCENARIOS
        .iter()
        .map(|name| lab::find(name).unwrap_or_else(|| panic!("no scenario {name}")))
        .map(|entry| lab::run(&entry.scenario().expect("a scenario")).expect("a recording"))
        .collect();
    let path = folder.join("mixture.pcapng");
    lab::multiply(&recordings, 40, 7, fs::File::create(&path).expect("a file")).expect("copies");
    path
}

#[test]
fn every_fixture_reads_alike_by_any_number_of_threads() {
    for fixture in recorded_fixtures() {
        let capture = fixture.join("capture.pcapng");
        let more = ["-p=8883", "-p=443", "--limit=1000"];
        let alone = reports(&capture, "1", &more);
        for threads in ["2", "7"] {
            assert_eq!(reports(&capture, threads, &more), alone, "{} by {threads} threads", capture.display());
        }
    }
}

#[test]
fn many_connections_read_alike_by_any_number_of_threads_and_by_hand() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = mixture(folder.path());
    let alone = reports(&capture, "1", &[]);
    for threads in ["2", "7"] {
        assert!(reports(&capture, threads, &[]) == alone, "another report by {threads} threads");
    }
    let (told, expected) = (connections(&alone[1]), by_hand(&capture));
    assert!(told.len() >= 300, "{} connections", told.len());
    assert!(told == expected, "another report by hand");
}

#[test]
fn several_files_and_filters_read_alike_by_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let (capture, copy) = (mixture(folder.path()), folder.path().join("copy.pcapng"));
    fs::copy(&capture, &copy).expect("a copy");
    let more = [copy.to_str().expect("a path"), "--filter=tcp port 8883 and greater 60"];
    assert_eq!(reports(&capture, "2", &more[..1]), reports(&capture, "1", &more[..1]));
    if cfg!(feature = "live") {
        assert_eq!(reports(&capture, "7", &more), reports(&capture, "1", &more));
    }
}

/// SYNs from ever other ports, more than a small table holds, and noise between them.
fn flood(connections: u16) -> Vec<u8> {
    let section = Section { hardware: "", os: "", application: "", comment: "" };
    let mut writer = Writer::new(Vec::new(), &section).expect("memory");
    let interface = Interface { link_type: LinkType::ETHERNET, snaplen: 0, name: "", description: "", filter: "" };
    let id = writer.add_interface(&interface).expect("memory");
    for number in 0..connections {
        for port in [8883, 443] {
            let mut data = Vec::new();
            PacketBuilder::ethernet2([2; 6], [3; 6])
                .ipv4([192, 0, 2, (number % 200) as u8], [192, 0, 2, 250], 64)
                .tcp(number + 20_000, port, 7, 64_000)
                .syn()
                .write(&mut data, &[])
                .expect("memory");
            let at = Timestamp::from_secs(1_700_000_000) + Duration::from_micros(u64::from(number));
            let original_len = u32::try_from(data.len()).expect("a short frame");
            let frame = Frame { id: FrameId::new(0, 1), at, link_type: LinkType::ETHERNET, original_len, data: &data };
            writer.write_frame(id, &frame, &[]).expect("memory");
        }
    }
    writer.into_inner()
}

/// Deals all frames of a source.
struct Dealing<'a>(&'a mut Dealer, &'a mut Batch);

impl Taker for Dealing<'_> {
    fn take(&mut self, frame: &Frame<'_>, start: usize) -> bool {
        self.0.deal(self.1, frame, start)
    }

    fn note(&mut self, _: &CaptureInfo) -> bool {
        true
    }
}

/// The smallest table that is divided among threads.
const SMALL_TABLE: usize = 64 * 512;

/// What becomes of a capture where the table is small: each connection with its ending, in the order that it was told, and the
/// figures.
fn endings(capture: &[u8], threads: usize) -> (Vec<String>, String) {
    let mut config = Config { interest: Interest { ports: vec![8883], ..Interest::default() }, ..Config::default() };
    config.flow.connections = SMALL_TABLE;
    let plan = Plan { config, secrets: Vec::new(), threads };
    let mut source = FileSource::from_reader("memory", std::io::Cursor::new(capture.to_vec())).expect("a capture");
    let fill = |dealer: &mut Dealer, batch: &mut Batch| {
        let filled = source.fill(batch.take_bytes(), &mut Dealing(dealer, batch));
        batch.put_bytes(filled.bytes);
        filled.more
    };
    let mut told = Vec::new();
    let judge = |record: Box<iotcap::connection::Record>| format!("{:?} {:?}", record.endpoints, record.ending);
    let analyzer = pipeline::run(&plan, fill, judge, |news| {
        told.push(format!("{:?}", news.what));
        Ok::<_, std::convert::Infallible>(())
    })
    .expect("nothing fails");
    (told, format!("{:?} {:?}", analyzer.stats(), analyzer.skipped().other_ports(3)))
}

#[test]
fn what_a_full_table_evicts_does_not_depend_on_the_threads() {
    let capture = flood(40_000);
    let (told, figures) = endings(&capture, 1);
    assert_eq!(told.len(), 40_000);
    assert!(told.iter().filter(|connection| connection.contains("Evicted")).count() >= 40_000 - SMALL_TABLE);
    assert!(figures.contains("frames: 80000") && figures.contains("(443, 40000)"), "{figures}");
    for threads in [2, 7] {
        assert!(endings(&capture, threads) == (told.clone(), figures.clone()), "otherwise by {threads} threads");
    }
}

#[test]
fn a_report_that_cannot_be_written_ends_all_threads() {
    let capture = flood(9_000);
    let mut config = Config { interest: Interest { ports: vec![8883], ..Interest::default() }, ..Config::default() };
    config.flow.connections = 64;
    let plan = Plan { config, secrets: Vec::new(), threads: 3 };
    let mut source = FileSource::from_reader("memory", std::io::Cursor::new(capture)).expect("a capture");
    let fill = |dealer: &mut Dealer, batch: &mut Batch| {
        let filled = source.fill(batch.take_bytes(), &mut Dealing(dealer, batch));
        batch.put_bytes(filled.bytes);
        filled.more
    };
    assert_eq!(pipeline::run(&plan, fill, |_| (), |_| Err("the disk is full")).err(), Some("the disk is full"));
}

#[test]
fn flows_spread_evenly_over_the_tables() {
    let capture = flood(6_400);
    let mut source = FileSource::from_reader("memory", std::io::Cursor::new(capture)).expect("a capture");
    let mut decoder = iotcap::decode::FirstLook::new(Interest { ports: vec![8883], ..Interest::default() });
    let limits = iotcap::flow::Limits::default();
    let mut shards = vec![0_u32; 64];
    while let Some(frame) = source.next_frame() {
        if let iotcap::decode::Look::Segment(key) = decoder.look(&frame) {
            shards[limits.shard(&key)] += 1;
            let [one, other] = key.endpoints();
            assert_eq!(FlowKey::new(other, one).spread(), key.spread());
        }
    }
    // A hundred each by chance; ten is the standard deviation.
    assert!(shards.iter().all(|flows| (50..=150).contains(flows)), "{shards:?}");
}
