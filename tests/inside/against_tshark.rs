//! What is read with keys, against what tshark reads with the same keys.

use super::analysis::{Ports, Shown, connections, shown, tls_events, unread};
use super::captures::{have, recorded_fixtures, tshark};
use super::{PORTS, keys_of};
use iotcap::connection::Record;
use iotcap::tls;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Fixtures of which a capture has too little to decrypt, and why.
const CANNOT_BE_READ: &[(&str, &str)] = &[
    ("midstream", "the hellos, and with them the randoms and the suite, are not in the capture"),
    ("one-direction", "the ServerHello is not in the capture"),
    ("snaplen-96", "of each frame the capture has the first 96 bytes: no record is whole"),
];

#[test]
fn fixtures_are_read_as_tshark_reads_them() {
    if !have("tshark") {
        return;
    }
    let mut wrong = Vec::new();
    let mut packets = 0;
    for folder in recorded_fixtures() {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let capture = std::fs::read(folder.join("capture.pcapng")).expect("a capture");
        let Some(keys) = keys_of(&folder) else { continue };
        if CANNOT_BE_READ.iter().any(|(cannot, _)| *cannot == name) {
            continue;
        }
        let ours = connections(&capture, Some(&keys), &PORTS);
        for record in &ours {
            let closed = unread(record);
            let not_opened = record.tls.as_ref().map_or(0, |tls| tls.not_opened);
            if !closed.is_empty() || not_opened > 0 {
                wrong.push(format!("{name}: {not_opened} records stayed closed, events {closed:?}"));
            }
        }
        let ours = shown(&ours);
        packets += ours.values().map(|shows| shows.kinds.len()).sum::<usize>();
        let keylog = format!("tls.keylog_file:{}", folder.join("capture.keys").display());
        let theirs = shown_by_tshark(&folder.join("capture.pcapng"), &[&keylog]);
        wrong.extend(differences(&ours, &theirs).map(|line| format!("{name}: {line}")));
    }
    println!("{packets} control packets");
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
    assert!(packets > 300, "only {packets} control packets");
}

fn differences<'a>(ours: &'a Shown, theirs: &'a Shown) -> impl Iterator<Item = String> + 'a {
    let frames: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    frames
        .into_iter()
        .filter(|frame| ours.get(frame) != theirs.get(frame))
        .map(|frame| format!("frame {frame}: tshark {:?}, iotcap {:?}", theirs.get(frame), ours.get(frame)))
}

/// What tshark shows of MQTT, frame by frame.
fn shown_by_tshark(capture: &Path, options: &[&str]) -> Shown {
    const FIELDS: &[&str] = &[
        "frame.number",
        "mqtt.msgtype",
        "mqtt.topic",
        "mqtt.conack.val",
        "mqtt.connack.reason_code",
        "mqtt.suback.qos",
        "mqtt.suback.reason_code",
    ];
    let mut shown = Shown::new();
    for row in tshark(capture, options, "mqtt", FIELDS) {
        let [frame, kinds, topics, codes @ ..] = &row[..] else { continue };
        let numbers =
            |column: &str| -> Vec<u8> { column.split(',').filter_map(|number| number.parse().ok()).collect() };
        let shows = shown.entry(frame.parse().expect("a frame number")).or_default();
        shows.kinds = numbers(kinds);
        shows.topics = topics.split(',').filter(|topic| !topic.is_empty()).map(str::to_owned).collect();
        shows.codes = codes.iter().flat_map(|column| numbers(column)).collect();
    }
    shown.retain(|_, shows| !shows.kinds.is_empty());
    shown
}

#[test]
fn what_cannot_be_read_stays_closed() {
    for (name, reason) in CANNOT_BE_READ {
        let folder = super::captures::fixtures().join(name);
        let capture = std::fs::read(folder.join("capture.pcapng")).expect("a capture");
        let records = connections(&capture, keys_of(&folder).as_deref(), &PORTS);
        let decrypted = records.iter().any(|record| record.tls.as_ref().is_some_and(|tls| tls.decrypted));
        assert!(!decrypted, "{name} could be read, but {reason}");
    }
}

/// Zeek's capture of plain MQTT.
#[test]
fn plain_mqtt_is_read_as_tshark_reads_it() {
    let Some(capture) = corpus("zeek/testing__btest__Traces__mqtt.pcap").filter(|_| have("tshark")) else { return };
    let bytes = std::fs::read(&capture).expect("a capture");
    let ours = shown(&connections(&bytes, None, &Ports::Named(&[1883])));
    let theirs = shown_by_tshark(&capture, &[]);
    let wrong: Vec<_> = differences(&ours, &theirs).collect();
    assert!(wrong.is_empty() && theirs.len() > 10, "{}", wrong.join("\n"));
}

/// Captures of Wireshark's own tests, and where their keys are.
const WIRESHARK: &[(&str, Keys)] = &[
    ("tls12-aes128ccm.pcap", Keys::PreShared(WIRESHARK_PSK)),
    ("tls12-aes256gcm.pcap", Keys::PreShared(WIRESHARK_PSK)),
    ("tls12-chacha20poly1305.pcap", Keys::File("tls12-chacha20poly1305.keys")),
    ("tls12-dsb.pcapng", Keys::Inside),
    ("tls-renegotiation.pcap", Keys::Known(RENEGOTIATION_KEYS)),
    ("tls13-20-chacha20poly1305.pcap", Keys::File("tls13-20-chacha20poly1305.keys")),
    ("tls13-rfc8446.pcap", Keys::File("tls13-rfc8446.keys")),
    ("tls13-rfc8446.pcap", Keys::File("tls13-rfc8446-noearly.keys")),
    ("dhe1.pcapng.gz", Keys::File("dhe1_keylog.dat")),
    ("http2-data-reassembly.pcap", Keys::File("http2-data-reassembly.keys")),
];

/// The pre-shared key of these captures, from the tests that they are made for. iotcap gets what tshark makes of it.
const WIRESHARK_PSK: &str = "ca19e028a8a372ad2d325f950fcaceed";

/// The secrets of the five handshakes in the one connection of this capture, as tshark gives them for the server's key.
const RENEGOTIATION_KEYS: &str = "\
CLIENT_RANDOM 70a0350099bb64fc970ba324fda9e0ccedd6d0b56e1839e7b06ede23a7d7ab6e d0090dd5c2c44969cd1a72e7a94a50a67d089b64a8d4ce0b396c1f5765a97ace4a952d3c813ed89c81c38eaf837a214a
CLIENT_RANDOM cdbb85c3708e58c00796a8bb6950c30e2db403ca7d51102220c02a52073d8e87 fb5beaf3e357c3dc4b83f65e9b9a9c208500e0db5675c46fc38a2e8b6dfcd57be653ad27ed33eee720dbf21631f04151
CLIENT_RANDOM 8e799cd31dbfdac9ea40fc6278a091d0b586a291dbe08101319abecca792c564 b0783fca7063529bb2d3031018d64e0581cb242c8381660333baedb6bd3226ccad606b2a002b959cf17ef43fc166945a
CLIENT_RANDOM 64385b8f387f6c1ee3ae89218b57311ebff9ff43975713dcf5a44dd284297f02 d0090dd5c2c44969cd1a72e7a94a50a67d089b64a8d4ce0b396c1f5765a97ace4a952d3c813ed89c81c38eaf837a214a
CLIENT_RANDOM 6020f011e4133038be600d8ae89087f3852acd13ece607acbf23afa6f5c11903 d0090dd5c2c44969cd1a72e7a94a50a67d089b64a8d4ce0b396c1f5765a97ace4a952d3c813ed89c81c38eaf837a214a
";

enum Keys {
    /// These.
    Known(&'static str),
    /// In a key log of this name.
    File(&'static str),
    /// In the capture itself.
    Inside,
    /// To be made from a pre-shared key.
    PreShared(&'static str),
}

#[test]
fn captures_of_wireshark_are_read_as_tshark_reads_them() {
    let Some(folder) = corpus("wireshark").filter(|_| have("tshark")) else { return };
    let temporary = tempfile::tempdir().expect("a folder");
    let mut wrong = Vec::new();
    for (name, keys) in WIRESHARK {
        let capture = folder.join(name);
        let (option, secrets) = match keys {
            Keys::File(keys) => {
                let keys = folder.join(keys);
                (Some(format!("tls.keylog_file:{}", keys.display())), std::fs::read(&keys).expect("keys"))
            }
            Keys::Known(keys) => {
                let path = temporary.path().join("keys");
                std::fs::write(&path, keys).expect("a file");
                (Some(format!("tls.keylog_file:{}", path.display())), keys.as_bytes().to_vec())
            }
            Keys::Inside => (None, secrets_inside(&capture)),
            Keys::PreShared(psk) => {
                let option = format!("tls.psk:{psk}");
                let secrets = exported(&capture, &option);
                (Some(option), secrets)
            }
        };
        let bytes = std::fs::read(&capture).expect("a capture");
        let records = connections(&bytes, Some(&secrets), &Ports::Any);
        for record in &records {
            let not_opened = record.tls.as_ref().map_or(0, |tls| tls.not_opened);
            let closed = unread(record);
            // The second key log leaves out the early data on purpose.
            let is_left_out = matches!(keys, Keys::File(keys) if keys.contains("noearly"));
            if !is_left_out && (not_opened > 0 || !closed.is_empty()) {
                wrong.push(format!("{name}: {not_opened} records stayed closed, events {closed:?}"));
            }
        }
        let theirs = handshake_by_tshark(&capture, option.as_deref());
        let ours = handshake(&records);
        let frames: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        for frame in frames.into_iter().filter(|frame| ours.get(frame) != theirs.get(frame)) {
            let (theirs, ours) = (theirs.get(frame), ours.get(frame));
            wrong.push(format!("{name}: frame {frame}: tshark {theirs:?}, iotcap {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

/// A file or folder of the public corpus, where the variable IOTCAP_CORPUS names it.
fn corpus(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("IOTCAP_CORPUS") else {
        println!("skipped: IOTCAP_CORPUS names no folder of public captures");
        return None;
    };
    let path = Path::new(&folder).join(name);
    assert!(path.exists(), "{} is missing", path.display());
    Some(path)
}

/// The secrets blocks of a capture.
fn secrets_inside(capture: &Path) -> Vec<u8> {
    use iotcap::source::{FileSource, Source};
    let mut source = FileSource::open(capture).expect("a capture");
    while source.next_frame().is_some() {}
    source.info().secrets.iter().flat_map(|block| block.bytes.iter().copied()).collect()
}

/// What tshark makes of a pre-shared key: the master secrets of the sessions.
fn exported(capture: &Path, option: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys");
    let output = std::process::Command::new("tshark")
        .args(["-o", option, "--export-tls-session-keys"])
        .args([&path, Path::new("-r"), capture])
        .output()
        .expect("tshark runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(&path).expect("session keys")
}

/// What one frame shows of TLS: the types of its handshake messages, the descriptions of its alerts.
type Handshake = BTreeMap<u64, (Vec<u8>, Vec<u8>)>;

fn handshake(records: &[Record]) -> Handshake {
    let mut shown = Handshake::new();
    for (_, frame, event) in records.iter().flat_map(tls_events) {
        let (messages, alerts) = shown.entry(frame).or_default();
        match event {
            tls::Event::Alert(alert) => alerts.push(alert.description.0),
            event => messages.extend(handshake_type(event)),
        }
    }
    shown.retain(|_, (messages, alerts)| !messages.is_empty() || !alerts.is_empty());
    shown
}

/// RFC 8446, 4 and RFC 5246, 7.4.
fn handshake_type(event: &tls::Event) -> Option<u8> {
    Some(match event {
        tls::Event::HelloRequest => 0,
        tls::Event::ClientHello(_) => 1,
        tls::Event::ServerHello(_) | tls::Event::HelloRetryRequest(_) => 2,
        tls::Event::NewSessionTicket { .. } => 4,
        tls::Event::EndOfEarlyData => 5,
        tls::Event::EncryptedExtensions { .. } => 8,
        tls::Event::Certificate(_) => 11,
        tls::Event::ServerKeyExchange(_) => 12,
        tls::Event::CertificateRequest(_) => 13,
        tls::Event::ServerHelloDone => 14,
        tls::Event::CertificateVerify { .. } => 15,
        tls::Event::ClientKeyExchange { .. } => 16,
        tls::Event::Finished { .. } => 20,
        tls::Event::CertificateStatus { .. } => 22,
        tls::Event::KeyUpdate { .. } => 24,
        tls::Event::Handshake { kind, .. } | tls::Event::Unread { kind, .. } => kind.0,
        _ => return None,
    })
}

fn handshake_by_tshark(capture: &Path, option: Option<&str>) -> Handshake {
    let fields = ["frame.number", "tls.handshake.type", "tls.alert_message.desc"];
    let options: Vec<_> = option.into_iter().collect();
    let mut shown = Handshake::new();
    for row in tshark(capture, &options, "tls", &fields) {
        let [frame, messages, alerts] = &row[..] else { continue };
        let numbers = |column: &str| column.split(',').filter_map(|number| number.parse().ok()).collect::<Vec<u8>>();
        shown.insert(frame.parse().expect("a frame number"), (numbers(messages), numbers(alerts)));
    }
    shown.retain(|_, (messages, alerts)| !messages.is_empty() || !alerts.is_empty());
    shown
}
