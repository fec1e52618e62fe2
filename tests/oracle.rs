//! iotcap against tshark: the same handshake messages in the same frames, the same versions, suites, names and alerts.
//!
//! Runs over all recorded fixtures, and over the folder of public captures that IOTCAP_CORPUS names. Differences that
//! stand in docs/oracle.md with their reason are listed in [`KNOWN_DIFFERENCES`], frame by frame; any other one fails.

mod captures;

use captures::{corpus, have, recorded_fixtures, report, tshark};
use iotcap::tls::{AlertDescription, CipherSuite, Version};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A difference that docs/oracle.md explains: in these frames of this capture one of the two tells less, in this way.
struct Known {
    /// A part of the capture's path.
    capture: &'static str,
    frames: RangeInclusive<u64>,
    only: Only,
}

/// How two tellings of a frame differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    /// iotcap tells nothing of the frame.
    Tshark,
    /// tshark tells nothing of the frame.
    Iotcap,
    /// tshark tells this message besides.
    TsharkBesides(&'static str),
}

const fn known(capture: &'static str, frames: RangeInclusive<u64>, only: Only) -> Known {
    Known { capture, frames, only }
}

/// Whatever else differs fails, and so does what differs no longer.
const KNOWN_DIFFERENCES: [Known; 31] = [
    // Data behind a hole that was never filled is told at the end.
    known("/mtu-blackhole/", 9..=9, Only::Iotcap),
    // TLS that begins inside of another protocol.
    known("imap-starttls", 14..=22, Only::Tshark),
    known("ldap-starttls", 8..=9, Only::Tshark),
    known("pop3-starttls", 11..=17, Only::Tshark),
    known("smtp-starttls", 13..=21, Only::Tshark),
    known("__xmpp-starttls", 13..=19, Only::Tshark),
    known("xmpp-dialback-starttls", 11..=20, Only::Tshark),
    known("socks-with-ssl", 10..=20, Only::Tshark),
    known("psql-aws-ssl-preferred", 8..=15, Only::Tshark),
    known("psql-aws-ssl-require.", 8..=15, Only::Tshark),
    known("psql-aws-ssl-require-15432", 8..=15, Only::Tshark),
    known("mysql__tls-12-amazon-rds", 7..=13, Only::Tshark),
    known("mysql__tls-13-amazon-rds", 7..=10, Only::Tshark),
    known("mysql__encrypted", 8..=12, Only::Tshark),
    known("connect-with-header", 9..=11, Only::Tshark),
    known("ftp-auth-tls", 22..=23, Only::Tshark),
    // TLS inside of a tunnel.
    known("gtp6_gtp_0x32", 5..=7, Only::Tshark),
    known("geneve-47101", 4..=12, Only::Tshark),
    known("wireguard-ping-tcp-dsb", 20..=20, Only::Tshark),
    // The ServerHello of drafts of TLS 1.3, and what follows a hello of SSL 2.0.
    known("tls13draft16-ff52.a01.pcap", 6..=21, Only::Tshark),
    known("tls13draft16-chrome55.0.2879.0-canary.pcap", 6..=19, Only::Tshark),
    known("ssl-v2", 6..=8, Only::Tshark),
    // A plain listener answered a ClientHello: tshark goes by the port.
    known("ssl-to-http-server", 3..=3, Only::Iotcap),
    known("https-to-http", 4..=4, Only::Iotcap),
    // Broken on purpose: a record header is overwritten, a Certificate is longer than what is kept, hellos are in shreds.
    known("tls1.2-protocol-violation", 8..=8, Only::Tshark),
    known("tls-fragmented-handshake.", 25..=25, Only::Iotcap),
    known("tls-fragmented-handshakes.", 239..=282, Only::Tshark),
    // A suite without encryption: Finished can be read.
    known("globus-url-copy.", 48..=48, Only::TsharkBesides("20")),
    known("globus-url-copy.", 50..=50, Only::TsharkBesides("20")),
    known("globus-url-copy-bad-encoding.", 48..=48, Only::TsharkBesides("20")),
    known("globus-url-copy-bad-encoding.", 50..=50, Only::TsharkBesides("20")),
];

/// What the two tell of a frame, where it differs.
struct Difference {
    frame: u64,
    theirs: Vec<String>,
    ours: Vec<String>,
}

impl Known {
    fn explains(&self, difference: &Difference) -> bool {
        let Difference { frame, theirs, ours } = difference;
        let fits = match self.only {
            Only::Tshark => ours.is_empty(),
            Only::Iotcap => theirs.is_empty(),
            Only::TsharkBesides(message) => {
                theirs.split_last().is_some_and(|(last, rest)| last == message && rest == ours)
            }
        };
        fits && self.frames.contains(frame)
    }
}

/// What is wrong with a capture: differences that nobody has explained, and explanations of what does not differ.
fn unexplained(capture: &Path, differences: &[Difference]) -> Vec<String> {
    let path = capture.display().to_string();
    let known: Vec<_> = KNOWN_DIFFERENCES.iter().filter(|known| path.contains(known.capture)).collect();
    let new = differences.iter().filter(|difference| !known.iter().any(|known| known.explains(difference)));
    let new =
        new.map(|Difference { frame, theirs, ours }| format!("frame {frame}: tshark {theirs:?}, iotcap {ours:?}"));
    let old = known.iter().filter(|known| !differences.iter().any(|difference| known.explains(difference)));
    new.chain(old.map(|known| format!("{:?} differ no longer: {:?}", known.frames, known.only))).collect()
}

#[test]
fn handshakes_of_the_fixtures_agree_with_tshark() {
    if have("tshark") {
        let captures = recorded_fixtures().into_iter().map(|folder| folder.join("capture.pcapng")).collect();
        assert_agreement(captures);
    }
}

#[test]
fn handshakes_of_the_corpus_agree_with_tshark() {
    if let Some(captures) = corpus().filter(|_| have("tshark")) {
        assert_agreement(captures);
    }
}

#[test]
fn times_and_fingerprints_of_healthy_connections_agree_with_tshark() {
    if !have("tshark") {
        return;
    }
    let mut compared = 0;
    for folder in recorded_fixtures() {
        let label: Value = serde_json::from_slice(&std::fs::read(folder.join("label.json")).unwrap()).unwrap();
        let labels = label["connections"].as_array().map_or(0, Vec::len);
        if labels != 1 || label["connections"][0]["outcome"] != "ok" {
            continue;
        }
        let capture = folder.join("capture.pcapng");
        let report = report([capture.as_os_str()]);
        let connection = &report["connections"][0];
        let Some(wanted) = Wanted::by_tshark(&capture) else { continue };
        for (name, wanted) in
            [("tcp_handshake", wanted.tcp_handshake), ("tls_hello", wanted.tls_hello), ("total", wanted.total)]
        {
            let told =
                connection["timings"][name].as_f64().unwrap_or_else(|| panic!("{}: no {name}", folder.display()));
            assert!((told - wanted).abs() < 0.001, "{}: {name} {told} ms, tshark {wanted} ms", folder.display());
        }
        assert_eq!(connection["tls"]["ja3"].as_str(), Some(wanted.ja3.as_str()), "{}", folder.display());
        compared += 1;
    }
    assert!(compared >= 10, "only {compared} connections were compared");
}

/// What tshark says of the only connection of a capture; milliseconds.
struct Wanted {
    tcp_handshake: f64,
    tls_hello: f64,
    total: f64,
    ja3: String,
}

impl Wanted {
    /// Nothing for captures that do not show the whole handshake.
    fn by_tshark(capture: &Path) -> Option<Self> {
        let fields = [
            "frame.time_relative",
            "tcp.flags.syn",
            "tcp.flags.ack",
            "tls.handshake.type",
            "tls.handshake.ja3",
            "tcp.len",
        ];
        let rows = tshark(capture, &[], "tcp", &fields);
        let at = |row: &Vec<String>| row.first()?.parse::<f64>().ok();
        let find = |wanted: &dyn Fn(&[String]) -> bool| rows.iter().find(|row| wanted(row)).and_then(at);
        let syn = find(&|row| row[1] == "1" && row[2] == "0")?;
        let syn_ack = rows.iter().position(|row| row[1] == "1" && row[2] == "1")?;
        let established = rows.iter().skip(syn_ack + 1).find(|row| row[1] == "0" && row[2] == "1").and_then(at)?;
        // A HelloRetryRequest is a ServerHello to tshark.
        if rows.iter().filter(|row| row[3].split(',').any(|kind| kind == "2")).count() != 1 {
            return None;
        }
        // The phase begins with the first byte of the hello, which may span two segments.
        let hello = find(&|row| row[5] != "0")?;
        let answer = find(&|row| row[3].split(',').any(|kind| kind == "2"))?;
        let total = at(rows.last()?)? - at(rows.first()?)?;
        let ja3 = rows.iter().map(|row| row[4].clone()).find(|ja3| !ja3.is_empty())?;
        let ms = |from: f64, to: f64| (to - from) * 1e3;
        Some(Self { tcp_handshake: ms(syn, established), tls_hello: ms(hello, answer), total: total * 1e3, ja3 })
    }
}

/// What one frame shows of TLS: the messages in order, the alerts.
type Frames = BTreeMap<u64, Vec<String>>;

fn assert_agreement(captures: Vec<PathBuf>) {
    let total = captures.len();
    let queue = Mutex::new(captures);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(capture) = queue.lock().unwrap().pop() else { return };
                    let problems =
                        compare(&capture).map_or_else(|sentence| vec![sentence], |found| unexplained(&capture, &found));
                    if !problems.is_empty() {
                        wrong.lock().unwrap().push(format!("{}:\n  {}", capture.display(), problems.join("\n  ")));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {total} captures differ\n{}", wrong.len(), wrong.join("\n"));
}

/// The frames of which the two tell something else; a sentence where only tshark reads the capture.
fn compare(capture: &Path) -> Result<Vec<Difference>, String> {
    let mut theirs = told_by_tshark(capture);
    let mut ours = match told_by_iotcap(capture) {
        Ok(ours) => ours,
        Err(_) if theirs.is_empty() => return Ok(Vec::new()),
        Err(sentence) => return Err(format!("tshark reads it, iotcap says: {sentence}")),
    };
    let frames: BTreeSet<_> = theirs.keys().chain(ours.keys()).copied().collect();
    let of = |frame, told: &mut Frames| told.remove(&frame).unwrap_or_default();
    let pairs = frames.into_iter().map(|frame| Difference {
        frame,
        theirs: of(frame, &mut theirs),
        ours: of(frame, &mut ours),
    });
    Ok(pairs.filter(|Difference { theirs, ours, .. }| theirs != ours).collect())
}

fn told_by_iotcap(capture: &Path) -> Result<Frames, String> {
    let arguments = ["-r".as_ref(), capture.as_os_str(), "--filter".as_ref(), "".as_ref(), "--ipv6".as_ref()];
    let output = captures::iotcap(arguments.into_iter().chain(["--format".as_ref(), "json".as_ref()]));
    match output.status.code() {
        Some(0) => {}
        Some(2) => return Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        other => panic!("{}: exit status {other:?}", capture.display()),
    }
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut frames = Frames::new();
    let readable = |alert: &&Value| alert["observed"] == true && !alert["description"].is_null();
    for connection in report["connections"].as_array().expect("connections") {
        let tls = &connection["tls"];
        let mut alerts = tls["alerts"].as_array().into_iter().flatten().filter(readable);
        for event in connection["events"].as_array().expect("events") {
            if event["layer"] != "tls" || event["observed"] != true || is_cut(event) {
                continue;
            }
            let said = match event["kind"].as_str().expect("a kind") {
                "client_hello" => format!("1 {}", tls["server_name"].as_str().unwrap_or("")),
                "server_hello" => {
                    let text = |key: &str| tls[key].as_str().unwrap_or("").to_owned();
                    format!("2 {} {}", text("version"), text("cipher"))
                }
                "hello_retry_request" => "2 hello retry".to_owned(),
                "alert" => {
                    format!("alert {}", alerts.next().map_or("", |alert| alert["description"].as_str().unwrap_or("")))
                }
                kind => match handshake_type(kind) {
                    Some(number) => number.to_string(),
                    None => continue,
                },
            };
            frames.entry(event["frame"].as_u64().expect("a frame")).or_default().push(said);
        }
    }
    // tshark prints the messages of a frame and its alerts in separate columns.
    for said in frames.values_mut() {
        said.sort_by_key(|text| text.starts_with("alert"));
    }
    Ok(frames)
}

/// Whether the capture has but a part of a message: tshark then shows none.
fn is_cut(event: &Value) -> bool {
    event["detail"].as_str().is_some_and(|detail| detail.contains("the capture lacks a part of it"))
}

/// RFC 8446, 4 and RFC 5246, 7.4.
fn handshake_type(kind: &str) -> Option<u8> {
    Some(match kind {
        "hello_request" => 0,
        "new_session_ticket" => 4,
        "end_of_early_data" => 5,
        "encrypted_extensions" => 8,
        "certificate" => 11,
        "server_key_exchange" => 12,
        "certificate_request" => 13,
        "server_hello_done" => 14,
        "certificate_verify" => 15,
        "client_key_exchange" => 16,
        "finished" => 20,
        "certificate_status" => 22,
        "key_update" => 24,
        _ => return None,
    })
}

fn told_by_tshark(capture: &Path) -> Frames {
    let fields = [
        "frame.number",
        "tls.handshake.type",
        "tls.handshake.extensions_server_name",
        "tls.handshake.ciphersuite",
        "tls.handshake.version",
        "tls.handshake.extensions.supported_version",
        "tls.handshake.random",
        "tls.alert_message.desc",
    ];
    let mut frames = Frames::new();
    for row in tshark(capture, &[], "tcp && tls", &fields) {
        let [number, types, name, cipher, version, supported, random, alerts] = &row[..] else { continue };
        let said = frames.entry(number.parse().expect("a frame number")).or_default();
        for kind in types.split(',').filter(|kind| !kind.is_empty()) {
            said.push(match kind {
                "1" => format!("1 {name}"),
                "2" if random.starts_with(HELLO_RETRY_RANDOM) => "2 hello retry".to_owned(),
                "2" => {
                    let version = if supported.is_empty() { version } else { supported };
                    format!("2 {} {}", Version(hex(version)), CipherSuite(hex(cipher)))
                }
                other => other.to_owned(),
            });
        }
        let alerts = alerts.split(',').filter_map(|alert| alert.parse().ok());
        said.extend(alerts.map(|alert| format!("alert {}", AlertDescription(alert))));
    }
    frames.retain(|_, said| !said.is_empty());
    frames
}

/// The first bytes of the random that makes a ServerHello a HelloRetryRequest (RFC 8446, 4.1.3).
const HELLO_RETRY_RANDOM: &str = "cf21ad74";

/// The last of the numbers that tshark prints for a frame.
fn hex(numbers: &str) -> u16 {
    let last = numbers.rsplit(',').next().unwrap_or_default();
    u16::from_str_radix(last.trim_start_matches("0x"), 16).unwrap_or_default()
}
