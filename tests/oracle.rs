//! iotcap against tshark: the same handshake messages in the same frames, the same versions, suites, names and alerts.
//!
//! Runs over all recorded fixtures, and over the folder of public captures that IOTCAP_CORPUS names. Differences that
//! stand in docs/oracle.md with their reason are listed in [`KNOWN_DIFFERENCES`]; any other one fails.

mod captures;

use captures::{corpus, have, recorded_fixtures, report, tshark};
use iotcap::tls::{AlertDescription, CipherSuite, Version};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Captures on which the two differ, each explained in docs/oracle.md.
const KNOWN_DIFFERENCES: &[&str] = &[
    // Data behind a hole that was never filled is told at the end.
    "mtu-blackhole",
    // TLS that begins inside of another protocol.
    "starttls",
    "socks-with-ssl",
    "psql-aws-ssl",
    "mysql__tls-",
    "mysql__encrypted",
    "connect-with-header",
    "ftp-auth-tls",
    // TLS inside of a tunnel.
    "gtp6_gtp_0x32",
    "geneve-47101",
    "wireguard-ping-tcp-dsb",
    // Drafts of TLS 1.3, and SSL 2.0.
    "tls13draft",
    "tls-13draft",
    "ssl-v2",
    // A plain listener answered a ClientHello: tshark goes by the port.
    "ssl-to-http-server",
    "https-to-http",
    // Broken on purpose.
    "tls1.2-protocol-violation",
    "tls1.2-late-protocol-error",
    "tls-fragmented-handshake",
    // Suites without encryption.
    "globus-url-copy",
];

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
                    let differences = compare(&capture);
                    let name = capture.display().to_string();
                    if !differences.is_empty() && !KNOWN_DIFFERENCES.iter().any(|known| name.contains(known)) {
                        wrong.lock().unwrap().push(format!("{}:\n  {}", capture.display(), differences.join("\n  ")));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {total} captures differ\n{}", wrong.len(), wrong.join("\n"));
}

fn compare(capture: &Path) -> Vec<String> {
    let theirs = told_by_tshark(capture);
    let ours = match told_by_iotcap(capture) {
        Ok(ours) => ours,
        Err(_) if theirs.is_empty() => return Vec::new(),
        Err(sentence) => return vec![format!("tshark reads it, iotcap says: {sentence}")],
    };
    let frames: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    frames
        .into_iter()
        .filter(|frame| theirs.get(frame) != ours.get(frame))
        .map(|frame| format!("frame {frame}: tshark {:?}, iotcap {:?}", theirs.get(frame), ours.get(frame)))
        .collect()
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
