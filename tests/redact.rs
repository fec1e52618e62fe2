//! `--redact`: no original in any output, captures that Wireshark finds no fault with, and the same verdicts.

mod captures;

use captures::{have, iotcap, recorded_fixtures, report, tshark};
use iotcap::diagnosis::Service;
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::pcapng::{Interface, Section, Writer};
use iotcap::source::{FileSource, Source};
use iotcap::time::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

const PORTS: [&str; 4] = ["-p", "8883", "-p", "443"];
/// The first goes to standard output.
const FORMATS: [&str; 7] = ["text", "json", "jsonl", "markdown", "junit", "github", "html"];

/// A capture under test, and its keys where it has any.
struct Case {
    name: String,
    capture: PathBuf,
    keys: Option<PathBuf>,
}

/// All recorded fixtures and all scenarios of the lab.
fn cases(folder: &Path) -> Vec<Case> {
    let mut cases: Vec<Case> = recorded_fixtures()
        .into_iter()
        .map(|fixture| Case {
            name: fixture.file_name().unwrap().to_string_lossy().into_owned(),
            capture: fixture.join("capture.pcapng"),
            keys: Some(fixture.join("capture.keys")).filter(|keys| keys.exists()),
        })
        .collect();
    for entry in iotcap::lab::catalogue() {
        let mut recording = iotcap::lab::run(&entry.scenario().unwrap()).unwrap();
        let (capture, keys) =
            (folder.join(format!("{}.pcapng", entry.name)), folder.join(format!("{}.keys", entry.name)));
        std::fs::write(&keys, std::mem::take(&mut recording.secrets)).unwrap();
        recording.write_pcapng(std::fs::File::create(&capture).unwrap()).unwrap();
        cases.push(Case { name: entry.name.to_owned(), capture, keys: Some(keys) });
    }
    cases
}

fn arguments(case: &Case, keyed: bool) -> Vec<PathBuf> {
    let mut arguments: Vec<PathBuf> = PORTS.map(PathBuf::from).to_vec();
    arguments.push(case.capture.clone());
    if let Some(keys) = case.keys.as_ref().filter(|_| keyed) {
        arguments.extend(["--keylog".into(), keys.clone()]);
    }
    arguments
}

#[test]
fn nobody_is_named_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut leaks, mut differing, mut saved_captures) = (Vec::new(), Vec::new(), Vec::new());
    let (mut known, mut words) = (0, 0);
    for case in cases(folder.path()) {
        let originals = originals(&report(arguments(&case, true)));
        known += originals.texts.len();
        let saved = folder.path().join(format!("{}.redacted.pcapng", case.name));
        let path = case.capture.to_str().expect("UTF-8");
        for (format, told) in redacted(&case, &saved, folder.path()) {
            let found = originals.in_text(&told).chain(originals.words_in(format, &told));
            let found = found.chain(told.contains(path).then(|| path.to_owned()));
            leaks.extend(found.map(|leak| format!("{} as {format}: {leak}", case.name)));
        }
        let bytes = std::fs::read(&saved).unwrap();
        let name = bytes.windows(path.len()).any(|window| window == path.as_bytes()).then(|| path.to_owned());
        leaks.extend(originals.in_bytes(&bytes).chain(name).map(|leak| format!("{} as a capture: {leak}", case.name)));
        words += originals.words.len();
        let before = verdicts(&report(arguments(&case, false)));
        let after = verdicts(&report(PORTS.map(Path::new).into_iter().chain([saved.as_path()])));
        if before != after {
            differing.push(format!("{}:\n  {}\n  {}", case.name, before.join("\n  "), after.join("\n  ")));
        }
        saved_captures.push(saved);
    }
    assert!(leaks.is_empty(), "{} originals\n{}", leaks.len(), leaks.join("\n"));
    assert!(known > 500, "only {known} originals were looked for");
    assert!(words > 5, "only {words} names that are words were looked for");
    assert!(differing.is_empty(), "{} differ\n{}", differing.len(), differing.join("\n"));
    hold_checksums(&saved_captures, folder.path());
}

/// What is told of a capture in each format, from one run that also saves it.
fn redacted(case: &Case, saved: &Path, folder: &Path) -> Vec<(&'static str, String)> {
    let mut arguments = arguments(case, true);
    arguments.extend(["--redact".into(), "-v".into(), "-w".into(), saved.to_owned()]);
    for format in &FORMATS[1..] {
        arguments.extend(["--report".into(), format!("{format}={}", folder.join(format).display()).into()]);
    }
    let output = iotcap(&arguments);
    assert!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let files = FORMATS[1..].iter().map(|format| (*format, std::fs::read_to_string(folder.join(format)).unwrap()));
    [("text", text)].into_iter().chain(files).collect()
}

/// Wireshark looks at all captures at once: it takes longest to start.
fn hold_checksums(captures: &[PathBuf], folder: &Path) {
    if !have("tshark") || !have("mergecap") {
        return;
    }
    let all = folder.join("all.pcapng");
    let merged = std::process::Command::new("mergecap").arg("-a").arg("-w").arg(&all).args(captures).output().unwrap();
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    let options = ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE"];
    let fields = ["ip", "tcp", "udp", "icmp", "icmpv6"].map(|protocol| format!("{protocol}.checksum.status"));
    let bad = fields.iter().map(|field| format!("{field}==0")).collect::<Vec<_>>().join(" || ");
    // Nobody can check the TCP checksum of a packet that an error quotes in part.
    let bad = bad.replace("tcp.checksum.status==0", "(tcp.checksum.status==0 && !icmp && !icmpv6)");
    let found = tshark(&all, &options, &bad, &["frame.number", "frame.protocols", "ip.src", "_ws.col.Info"]);
    assert!(found.is_empty(), "{} bad checksums, the first {:?}", found.len(), found[0]);
    let good = tshark(&all, &options, "tcp.checksum.status==1", &["frame.number"]).len();
    assert!(good > 1000, "only {good} checksums were looked at");
}

/// What names somebody in a report.
struct Originals {
    addresses: BTreeSet<IpAddr>,
    texts: BTreeSet<String>,
    /// Names such as `device`, which are words of our own sentences as well.
    words: BTreeSet<String>,
}

fn originals(report: &Value) -> Originals {
    let mut originals = Originals { addresses: BTreeSet::new(), texts: BTreeSet::new(), words: BTreeSet::new() };
    for connection in report["connections"].as_array().unwrap() {
        for end in ["client", "server"] {
            originals.addresses.insert(connection[end]["address"].as_str().unwrap().parse().unwrap());
        }
        let (tls, mqtt) = (&connection["tls"], &connection["mqtt"]);
        for value in [&connection["server"]["name"], &tls["server_name"], &mqtt["client_id"], &mqtt["username"]] {
            originals.text(value);
        }
        for side in ["client", "server"] {
            for certificate in tls["certificates"][side].as_array().into_iter().flatten() {
                for field in ["subject", "issuer", "serial", "sha256"] {
                    originals.text(&certificate[field]);
                }
                certificate["names"].as_array().unwrap().iter().for_each(|name| originals.text(name));
                for name in [&certificate["subject"], &certificate["issuer"]] {
                    name.as_str().unwrap().split(", ").filter_map(|part| part.strip_prefix("CN=")).for_each(|name| {
                        originals.text(&name.into());
                    });
                }
            }
        }
        for topic in mqtt["topics"].as_array().into_iter().flatten() {
            originals.text(&topic["name"]);
        }
    }
    originals.addresses.retain(|address| !address.is_loopback());
    originals
}

impl Originals {
    /// Shorter ones are in any text by chance, and a service's own wildcard is everybody's.
    fn text(&mut self, value: &Value) {
        let is_public = |text: &str| text.starts_with("*.") && Service::of(text).is_some();
        let Some(text) = value.as_str().filter(|text| text.len() > 3 && !is_public(text)) else { return };
        let is_word = text.bytes().all(|byte| byte.is_ascii_lowercase());
        if is_word { &mut self.words } else { &mut self.texts }.insert(text.to_owned());
    }

    /// Words that name somebody: where the report has names, or between quotes in a sentence.
    fn words_in(&self, format: &str, told: &str) -> Vec<String> {
        let named = match format {
            "json" => originals(&serde_json::from_str(told).expect("JSON")).words,
            "text" => self.words.iter().filter(|word| told.contains(&format!("\"{word}\""))).cloned().collect(),
            _ => BTreeSet::new(),
        };
        named.intersection(&self.words).cloned().collect()
    }

    fn in_text<'a>(&'a self, told: &'a str) -> impl Iterator<Item = String> + 'a {
        let addresses = self.addresses.iter().map(ToString::to_string);
        self.texts.iter().cloned().chain(addresses).filter(|original| told.contains(original.as_str()))
    }

    fn in_bytes<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = String> + 'a {
        let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        let texts = self.texts.iter().filter(move |text| holds(text.as_bytes())).cloned();
        let addresses = self.addresses.iter().filter(move |address| match address {
            IpAddr::V4(v4) => holds(&v4.octets()),
            IpAddr::V6(v6) => holds(&v6.octets()),
        });
        texts.chain(addresses.map(ToString::to_string))
    }
}

/// What was concluded of each connection, without words that name anybody.
fn verdicts(report: &Value) -> Vec<String> {
    let verdict = |connection: &Value| {
        let findings: Vec<_> = connection["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| format!("{} {} {}", finding["id"], finding["severity"], finding["confidence"]))
            .collect();
        let fields = ["outcome", "stopped_in", "reached", "cause", "confidence", "vantage", "timings", "bytes"];
        let fields: Vec<_> = fields.iter().map(|field| connection[field].to_string()).collect();
        let tls = &connection["tls"];
        format!("{} {} {} {}", fields.join(" "), findings.join(", "), tls["history"], tls["client_certificate"])
    };
    report["connections"].as_array().unwrap().iter().map(verdict).collect()
}

/// A client and a broker that speak MQTT 5.0 in clear: every field that can hold a name, peculiar ones among them.
const HOSTILE: [&str; 12] = [
    "cli\"ent\\id\u{202e}x",
    "us'er name",
    "pass-word-1",
    "plant/<script>/temp",
    "will/topic é",
    "will payload",
    "payload of a message",
    "user-property-key",
    "user property value",
    "reason-of-server",
    "filter/of/nobody",
    "broker-to-use.example.org",
];

fn field(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 0x4000);
    let (low, high) = (byte(body.len() % 128), byte(body.len() / 128));
    let length = if high > 0 { vec![low | 0x80, high] } else { vec![low] };
    [&[first][..], &length, body].concat()
}

fn properties(parts: &[&[u8]]) -> Vec<u8> {
    let all = parts.concat();
    assert!(all.len() < 128);
    [&[byte(all.len())][..], &all].concat()
}

fn byte(number: usize) -> u8 {
    u8::try_from(number).unwrap()
}

fn hostile_streams() -> [Vec<u8>; 2] {
    let [id, user, password, topic, will_topic, will, payload, key, value, reason, filter, reference] = HOSTILE;
    let pair = [&[38][..], &field(key), &field(value)].concat();
    let connect = [
        &field("MQTT")[..],
        &[5, 0xc6, 0, 60],
        &properties(&[&pair]),
        &field(id),
        &properties(&[]),
        &field(will_topic),
        &field(will),
        &field(user),
        &field(password),
    ]
    .concat();
    let publish = [&field(topic)[..], &[0, 1], &properties(&[&pair]), payload.as_bytes()].concat();
    let subscribe = [&[0, 2][..], &properties(&[]), &field(filter), &[1]].concat();
    let reasons = properties(&[&[31], &field(reason), &[28], &field(reference)]);
    let client = [packet(0x10, &connect), packet(0x32, &publish), packet(0x82, &subscribe)].concat();
    let connack = [&[0, 0][..], &reasons].concat();
    let server =
        [packet(0x20, &connack), packet(0x40, &[0, 1]), packet(0xe0, &[&[0x8b][..], &reasons].concat())].concat();
    [client, server]
}

/// A TCP segment between 10.1.2.3 and 10.1.2.4, raw IP, with checksums of zero.
fn segment(from_client: bool, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (client, server) = (([10, 1, 2, 3], 40_000_u16), ([10, 1, 2, 4], 1883_u16));
    let (source, destination) = if from_client { (client, server) } else { (server, client) };
    let total = u16::try_from(40 + payload.len()).unwrap().to_be_bytes();
    [
        &[0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 6, 0, 0][..],
        &source.0,
        &destination.0,
        &source.1.to_be_bytes(),
        &destination.1.to_be_bytes(),
        &seq.to_be_bytes(),
        &[0; 4],
        &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0],
        payload,
    ]
    .concat()
}

#[test]
fn mqtt_in_clear_gives_nothing_away_however_it_is_cut() {
    const PSH_ACK: u8 = 0x18;
    let folder = tempfile::tempdir().unwrap();
    let (capture, saved) = (folder.path().join("plain.pcapng"), folder.path().join("redacted.pcapng"));
    for piece in [7, 30, 1400] {
        for swapped in [false, true] {
            let mut frames = vec![segment(true, 99, 2, b""), segment(false, 499, 0x12, b"")];
            for (stream, from_client, start) in
                hostile_streams().iter().zip([true, false]).zip([100_u32, 500]).map(|((a, b), c)| (a, b, c))
            {
                let mut pieces: Vec<_> = stream
                    .chunks(piece)
                    .scan(start, |seq, part| {
                        let segment = segment(from_client, *seq, PSH_ACK, part);
                        *seq += u32::try_from(part.len()).unwrap();
                        Some(segment)
                    })
                    .collect();
                if swapped {
                    pieces.chunks_mut(2).for_each(<[_]>::reverse);
                    pieces.push(pieces[0].clone());
                }
                frames.extend(pieces);
            }
            write(&capture, &frames);
            let output = iotcap(
                ["--redact", "-v", "--events", "-p", "1883", "-w"]
                    .map(PathBuf::from)
                    .into_iter()
                    .chain([saved.clone(), capture.clone()]),
            );
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let told = String::from_utf8(output.stdout).unwrap();
            let bytes = std::fs::read(&saved).unwrap();
            for original in HOSTILE.into_iter().chain(["10.1.2.3", "10.1.2.4"]) {
                assert!(!told.contains(original), "{original} in\n{told}");
                let holds = bytes.windows(original.len()).any(|window| window == original.as_bytes());
                assert!(!holds, "{original} in the capture (pieces of {piece}, swapped {swapped})");
            }
            let again = report(["-p".as_ref(), "1883".as_ref(), saved.as_os_str()]);
            let original = report(["-p".as_ref(), "1883".as_ref(), capture.as_os_str()]);
            assert_eq!(verdicts(&again), verdicts(&original), "pieces of {piece}, swapped {swapped}");
            assert_eq!(again["connections"][0]["mqtt"]["packets"], original["connections"][0]["mqtt"]["packets"]);
            assert_eq!(lengths(&saved), lengths(&capture));
        }
    }
}

fn write(path: &Path, frames: &[Vec<u8>]) {
    let mut writer = Writer::new(std::fs::File::create(path).unwrap(), &Section::default()).unwrap();
    let interface = Interface { link_type: LinkType::RAW, snaplen: 0, name: "", description: "", filter: "" };
    let interface = writer.add_interface(&interface).unwrap();
    for (number, data) in (1..).zip(frames) {
        let at = Timestamp::from_nanos(1_700_000_000_000_000_000 + i64::try_from(number).unwrap() * 1_000_000);
        let original_len = u32::try_from(data.len()).unwrap();
        let frame = Frame { id: FrameId::new(0, number), at, link_type: LinkType::RAW, original_len, data };
        writer.write_frame(interface, &frame, &[]).unwrap();
    }
}

fn lengths(path: &Path) -> Vec<(usize, u32, Timestamp)> {
    let mut source = FileSource::open(path).unwrap();
    let mut lengths = Vec::new();
    while let Some(frame) = source.next_frame() {
        lengths.push((frame.data.len(), frame.original_len, frame.at));
    }
    lengths
}

#[test]
fn secrets_are_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("redacted.pcapng");
    let fixture = captures::fixtures().join("paho-tls13");
    let (capture, keys) = (fixture.join("capture.pcapng"), fixture.join("capture.keys"));
    let arguments: [&Path; 6] = [&capture, "--keylog".as_ref(), &keys, "--redact".as_ref(), "-w".as_ref(), &saved];
    assert_eq!(report(arguments)["capture"]["secrets"], 1);
    assert_eq!(report([&saved])["connections"][0]["tls"]["decrypted"], false);
    let output = iotcap(["--redact", "--payload", "10", "capture.pcapng"]);
    assert_eq!(output.status.code(), Some(2), "payloads cannot be shown with --redact");
}
