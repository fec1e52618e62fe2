//! The lab's scenarios: all of them can be played, the same twice, and tshark finds in them what they promise.

use iotcap::lab::{self, Entry};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn record(entry: &Entry) -> Vec<u8> {
    let scenario = entry.scenario().unwrap_or_else(|error| panic!("{error}"));
    let recording = lab::run(&scenario).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
    let mut bytes = Vec::new();
    recording.write_pcapng(&mut bytes).unwrap();
    bytes
}

/// Two workers share the scenarios: tshark takes most of a second to start.
fn for_each(check: impl Fn(&Entry) -> Vec<String> + Sync) -> Vec<String> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut complaints = Vec::new();
        while let Some(entry) = lab::catalogue().get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            complaints.extend(check(entry));
        }
        complaints
    };
    std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn the_binary_carries_every_scenario_of_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let on_disk: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("wire.toml").exists())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let carried: BTreeSet<String> = lab::catalogue().iter().map(|entry| entry.name.to_owned()).collect();
    assert_eq!(carried, on_disk);
}

#[test]
fn two_runs_give_identical_files() {
    let differing = for_each(|entry| {
        let same = record(entry) == record(entry);
        if same { Vec::new() } else { vec![entry.name.to_owned()] }
    });
    assert_eq!(differing, Vec::<String>::new());
}

#[test]
fn every_expectation_is_in_the_words_of_the_contract() {
    for entry in lab::catalogue() {
        let scenario = entry.scenario().unwrap_or_else(|error| panic!("{error}"));
        for expect in &scenario.expect {
            let known = ["ok", "degraded", "failed", "open", "inconclusive"].contains(&expect.outcome.as_str())
                && expect.stopped_in.as_deref().is_none_or(|phase| {
                    ["tcp-handshake", "tls-hello", "tls-authentication", "mqtt-connect", "mqtt-session"]
                        .contains(&phase)
                })
                && expect.closed_by.as_deref().is_none_or(|by| ["client", "server", "path"].contains(&by))
                && expect.how.as_deref().is_none_or(|how| ["fin", "rst", "alert"].contains(&how))
                && expect.confidence.as_deref().is_none_or(|how| ["proven", "likely", "possible"].contains(&how))
                && (expect.stopped_in.is_some() == (expect.outcome == "failed"));
            assert!(known, "{}: {expect:?}", entry.name);
        }
    }
}

#[test]
fn every_finding_of_the_catalogue_has_a_scenario() {
    let mut shown = BTreeSet::new();
    for entry in lab::catalogue() {
        let scenario = entry.scenario().unwrap();
        shown.extend(scenario.expect_groups);
        for expect in scenario.expect {
            shown.extend(expect.cause);
            shown.extend(expect.also);
        }
    }
    let missing: Vec<&&str> = FINDINGS.iter().filter(|id| !shown.contains(**id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let unknown: Vec<&String> = shown.iter().filter(|id| !FINDINGS.contains(&id.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn healthy_scenarios_promise_that_all_is_well() {
    for entry in lab::catalogue().iter().filter(|entry| entry.name.starts_with("healthy-")) {
        for expect in entry.scenario().unwrap().expect {
            assert_eq!(
                (expect.outcome.as_str(), expect.cause, expect.also),
                ("ok", None, Vec::new()),
                "{}",
                entry.name
            );
        }
    }
}

#[test]
fn tshark_finds_what_each_scenario_promises() {
    if Command::new("tshark").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "tshark is missing");
        eprintln!("skipped: tshark is not installed");
        return;
    }
    // IOTCAP_LAB_KEEP names a folder where the recordings stay for a look.
    let scratch = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("IOTCAP_LAB_KEEP").map_or_else(|| scratch.path().to_owned(), PathBuf::from);
    let complaints = for_each(|entry| {
        let path = folder.join(format!("{}.pcapng", entry.name));
        std::fs::write(&path, record(entry)).unwrap();
        let dissected = Dissected::of(&path);
        let scenario = entry.scenario().unwrap();
        let missing =
            scenario.messages.iter().filter(|message| !dissected.shows(message)).map(|message| format!("no {message}"));
        let malformed = dissected.malformed.iter().map(|frame| format!("frame {frame} is malformed"));
        missing.chain(malformed).map(|complaint| format!("{}: {complaint}", entry.name)).collect()
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What tshark read in a recording.
struct Dissected {
    /// `field=value` as often as not.
    seen: BTreeSet<String>,
    malformed: Vec<String>,
}

impl Dissected {
    const FIELDS: [&str; 11] = [
        "frame.number",
        "_ws.malformed",
        "tcp.flags",
        "tls.handshake.type",
        "tls.handshake.random",
        "tls.alert_message.desc",
        "mqtt.msgtype",
        "icmp.type",
        "dns.flags.response",
        "tcp.analysis.retransmission",
        "tcp.analysis.zero_window",
    ];

    fn of(path: &Path) -> Self {
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(path).args(["-T", "fields", "-E", "separator=|", "-d", "tls.port==443,mqtt"]);
        tshark.args(["-o", "tcp.reassemble_out_of_order:TRUE", "-o", "ip.defragment:TRUE"]);
        for field in Self::FIELDS {
            tshark.args(["-e", field]);
        }
        let output = tshark.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (mut seen, mut malformed) = (BTreeSet::new(), Vec::new());
        for line in text.lines() {
            let columns: Vec<&str> = line.split('|').collect();
            for (field, column) in Self::FIELDS.iter().zip(&columns) {
                seen.extend(
                    column.split(',').filter(|value| !value.is_empty()).map(|value| format!("{field}={value}")),
                );
            }
            if columns.get(1).is_some_and(|column| !column.is_empty()) {
                malformed.push(columns[0].to_owned());
            }
        }
        Self { seen, malformed }
    }

    fn shows(&self, message: &str) -> bool {
        let (layer, name) = message.split_once(": ").unwrap_or((message, ""));
        let number = |field: &str, table: &[(&str, u8)]| {
            table.iter().any(|(known, number)| *known == name && self.seen.contains(&format!("{field}={number}")))
        };
        // Flags are masked: PSH may come with any of them.
        let flags = |mask: u16, wanted: u16| {
            self.seen
                .iter()
                .filter_map(|seen| seen.strip_prefix("tcp.flags=0x"))
                .any(|flags| u16::from_str_radix(flags, 16).is_ok_and(|flags| flags & mask == wanted))
        };
        match (layer, name) {
            ("tcp", "syn") => flags(0x12, 0x02),
            ("tcp", "syn_ack") => flags(0x12, 0x12),
            ("tcp", "fin") => flags(0x01, 0x01),
            ("tcp", "rst") => flags(0x04, 0x04),
            ("tcp", "retransmission") => self.seen.contains("tcp.analysis.retransmission=1"),
            ("tcp", "zero_window") => self.seen.contains("tcp.analysis.zero_window=1"),
            // RFC 8446, 4.1.3: this random makes a ServerHello a HelloRetryRequest.
            ("tls", "hello_retry_request") => {
                self.seen.iter().any(|seen| seen.starts_with("tls.handshake.random=cf21ad74e59a6111be1d8c021e65b891"))
            }
            ("tls", _) => number("tls.handshake.type", &HANDSHAKE_TYPES),
            ("alert", _) => number("tls.alert_message.desc", &ALERTS),
            ("mqtt", _) => number("mqtt.msgtype", &CONTROL_PACKETS),
            ("icmp", "unreachable") => self.seen.contains("icmp.type=3"),
            ("dns", "query") => self.seen.contains("dns.flags.response=0"),
            ("dns", "answer") => self.seen.contains("dns.flags.response=1"),
            _ => false,
        }
    }
}

/// RFC 8446, 4 and RFC 5246, 7.4.
const HANDSHAKE_TYPES: [(&str, u8); 12] = [
    ("client_hello", 1),
    ("server_hello", 2),
    ("new_session_ticket", 4),
    ("encrypted_extensions", 8),
    ("certificate", 11),
    ("server_key_exchange", 12),
    ("certificate_request", 13),
    ("server_hello_done", 14),
    ("certificate_verify", 15),
    ("client_key_exchange", 16),
    ("finished", 20),
    ("certificate_status", 22),
];

/// RFC 8446, 6.
const ALERTS: [(&str, u8); 18] = [
    ("close_notify", 0),
    ("bad_record_mac", 20),
    ("handshake_failure", 40),
    ("bad_certificate", 42),
    ("certificate_revoked", 44),
    ("certificate_expired", 45),
    ("certificate_unknown", 46),
    ("illegal_parameter", 47),
    ("unknown_ca", 48),
    ("access_denied", 49),
    ("decrypt_error", 51),
    ("protocol_version", 70),
    ("insufficient_security", 71),
    ("internal_error", 80),
    ("user_canceled", 90),
    ("unrecognized_name", 112),
    ("certificate_required", 116),
    ("no_application_protocol", 120),
];

/// MQTT 5.0, 2.1.2.
const CONTROL_PACKETS: [(&str, u8); 13] = [
    ("connect", 1),
    ("connack", 2),
    ("publish", 3),
    ("puback", 4),
    ("pubrec", 5),
    ("pubrel", 6),
    ("pubcomp", 7),
    ("subscribe", 8),
    ("suback", 9),
    ("unsubscribe", 10),
    ("pingreq", 12),
    ("pingresp", 13),
    ("disconnect", 14),
];

/// The ids of the findings that a wire can show, in the order of their codes.
#[rustfmt::skip]
const FINDINGS: [&str; 80] = [
    "syn-unanswered", "connection-refused", "icmp-unreachable", "syn-ack-unanswered", "probe-only",
    "accept-then-close", "client-silent", "packet-loss", "path-mtu-black-hole", "on-path-reset",
    "idle-timeout-reset", "path-died", "zero-window-stall", "client-aborted", "server-aborted", "slow-network",
    "plaintext-on-tls-port", "server-not-tls", "no-sni", "sni-refused", "alpn-refused", "alpn-missing",
    "version-mismatch", "no-common-parameters", "client-hello-unanswered", "client-hello-lost",
    "large-client-hello-dropped", "closed-on-client-hello", "hello-retry", "other-alert", "server-flight-incomplete",
    "server-certificate-untrusted", "server-chain-incomplete", "server-certificate-expired",
    "server-certificate-not-yet-valid", "client-clock-wrong", "server-name-mismatch", "tls-interception",
    "client-gave-up", "server-certificate-expires-soon", "client-certificate-missing", "client-certificate-refused",
    "client-certificate-expired", "client-certificate-revoked", "client-key-mismatch", "server-silent-in-handshake",
    "bad-record-mac", "slow-client", "slow-server", "weak-parameters", "closed-on-connect", "connect-refused",
    "connack-missing", "sent-before-connack", "closed-on-publish", "payload-too-large", "closed-on-subscribe",
    "puback-missing", "protocol-error", "session-taken-over", "keepalive-expired", "pingresp-missing", "throttled",
    "server-closed", "reconnect-storm", "slow-connack", "server-silent", "midstream-start", "capture-gap",
    "one-direction", "truncated-snaplen", "capture-ended-first", "frames-dropped", "duplicate-frames", "not-tls",
    "nothing-seen", "went-over-ipv6", "name-not-found", "name-unanswered", "slow-name",
];
