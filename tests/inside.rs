//! What is inside of TLS, against tshark with the same keys; and what is inferred without keys, against what it was.
//!
//! Runs over all recorded fixtures and all scenarios of the lab, and over Wireshark's and Zeek's own captures where
//! IOTCAP_CORPUS names their folder. `UPDATE_EXPECT=1` writes the table in docs/inference.md anew.

#[path = "inside/analysis.rs"]
mod analysis;
mod captures;
#[path = "inside/inference.rs"]
mod inference;

use analysis::{Ports, Shown, connections, shown, unread};
use captures::{have, recorded_fixtures, tshark};
use inference::Scores;
use std::path::Path;

/// The ports of the brokers in the fixtures.
const PORTS: Ports = Ports::Named(&[8883, 443]);

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

/// Where the tables stand in docs/inference.md.
const TABLES: [&str; 2] = ["<!-- tables: begin -->\n", "<!-- tables: end -->"];

#[test]
fn readings_without_keys_hold_against_what_is_inside() {
    let mut scores = Scores::default();
    let mut wrong = Vec::new();
    let mut compare = |name: &str, capture: &[u8], keys: &[u8]| {
        let read = connections(capture, Some(keys), &PORTS);
        let inferred = connections(capture, None, &PORTS);
        assert_eq!(read.len(), inferred.len(), "{name}");
        for (read, inferred) in read.iter().zip(&inferred) {
            scores.compare(name, read, inferred);
            wrong.extend(inference::wrong_about_tls(name, read, inferred));
        }
    };
    for folder in recorded_fixtures() {
        if let Some(keys) = keys_of(&folder) {
            let capture = std::fs::read(folder.join("capture.pcapng")).expect("a capture");
            compare(&folder.file_name().expect("a name").to_string_lossy(), &capture, &keys);
        }
    }
    for entry in iotcap::lab::catalogue() {
        let scenario = entry.scenario().unwrap_or_else(|error| panic!("{}: {error}", entry.name));
        let mut recording = iotcap::lab::run(&scenario).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
        let keys = std::mem::take(&mut recording.secrets);
        compare(entry.name, &analysis::pcapng(&recording), &keys);
    }
    println!("silent:\n{}", scores.silent.join("\n"));
    println!("{}", scores.tables());
    wrong.append(&mut scores.wrong);
    assert!(wrong.is_empty(), "{} are called likely and are not so\n{}", wrong.len(), wrong.join("\n"));
    assert!(scores.aead_share() >= 95.0, "{:.1} % found", scores.aead_share());
    hold_tables(&scores.tables());
}

/// Holds the tables of docs/inference.md to these, or writes them.
fn hold_tables(tables: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/inference.md");
    let text = std::fs::read_to_string(&path).expect("docs/inference.md");
    let (before, rest) = text.split_once(TABLES[0]).expect("the place of the tables");
    let (there, after) = rest.split_once(TABLES[1]).expect("the end of the tables");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let text = [before, TABLES[0], tables, TABLES[1], after].concat();
        std::fs::write(&path, text).expect("docs/inference.md is written");
    } else {
        assert_eq!(there, tables, "docs/inference.md: write it anew with UPDATE_EXPECT=1");
    }
}

/// The secrets of a fixture, where the client gave any.
fn keys_of(folder: &Path) -> Option<Vec<u8>> {
    let text = std::fs::read(folder.join("capture.keys")).ok()?;
    text.split(|byte| *byte == b'\n').any(|line| !line.is_empty() && line[0] != b'#').then_some(text)
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
fn decryption_secrets_are_read_unasked_wherever_they_stand() {
    let folder = captures::fixtures().join("paho-tls13");
    let keys = keys_of(&folder).expect("keys");
    let capture = std::fs::read(folder.join("capture.pcapng")).expect("a capture");
    let block = secrets_block(&keys);
    // Behind the section header and the interface; in the middle; behind the last frame.
    let places = block_boundaries(&capture);
    let temporary = tempfile::tempdir().expect("a folder");
    let path = temporary.path().join("capture.pcapng");
    let keyed = captures::report([
        "--keylog".as_ref(),
        folder.join("capture.keys").as_os_str(),
        folder.join("capture.pcapng").as_os_str(),
    ]);
    assert_eq!(keyed["connections"][0]["mqtt"]["source"], "decrypted");
    for place in [places[2], places[places.len() / 2], places[places.len() - 1]] {
        let whole = [&capture[..place], &block, &capture[place..]].concat();
        std::fs::write(&path, whole).expect("a file");
        let report = captures::report([&path]);
        assert_eq!(report["connections"], keyed["connections"], "secrets at byte {place}");
        assert_eq!(report["capture"]["secrets"], keyed["capture"]["secrets"]);
    }
}

/// A decryption secrets block (pcapng, 4.7) of the machine's byte order, with TLS key log as its type.
fn secrets_block(keys: &[u8]) -> Vec<u8> {
    let padded = keys.len().next_multiple_of(4);
    let total = u32::try_from(20 + padded).expect("short");
    let mut block = Vec::new();
    for word in [0x0A, total, 0x544C_534B, u32::try_from(keys.len()).expect("short")] {
        block.extend(word.to_le_bytes());
    }
    block.extend_from_slice(keys);
    block.resize(16 + padded, 0);
    block.extend(total.to_le_bytes());
    block
}

/// Where the blocks of a little-endian capture begin, and its end.
fn block_boundaries(capture: &[u8]) -> Vec<usize> {
    let mut places = vec![0];
    let mut at = 0;
    while let Some(length) = capture.get(at + 4..at + 8) {
        at += u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        places.push(at);
    }
    places
}

#[test]
fn payloads_are_shown_as_far_as_was_asked() {
    let folder = captures::fixtures().join("paho-tls13");
    let (keys, capture) = (folder.join("capture.keys"), folder.join("capture.pcapng"));
    let publishes = |payload: &str| -> Vec<String> {
        let report = captures::report([
            "--keylog".as_ref(),
            keys.as_os_str(),
            "--payload".as_ref(),
            payload.as_ref(),
            capture.as_os_str(),
        ]);
        let events = report["connections"][0]["events"].as_array().expect("events");
        let publishes = events.iter().filter(|event| event["kind"] == "publish");
        publishes.map(|event| event["detail"].as_str().expect("a detail").to_owned()).collect()
    };
    let (none, some) = (publishes("0"), publishes("3"));
    assert!(!none.is_empty());
    for (none, some) in none.iter().zip(&some) {
        let shown = some.strip_prefix(&format!("{none}: ")).unwrap_or_else(|| panic!("{some}"));
        assert_eq!(shown.len(), 3, "{some}");
    }
}

#[test]
fn secrets_appear_in_no_output() {
    let temporary = tempfile::tempdir().expect("a folder");
    for name in ["paho-tls12", "paho-tls13", "resumption", "cbc-sha256"] {
        let folder = captures::fixtures().join(name);
        let text = std::fs::read_to_string(folder.join("capture.keys")).expect("keys");
        let secrets: Vec<_> =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').nth(2)).collect();
        assert!(!secrets.is_empty(), "{name}");
        let report = |format: &str| format!("{format}={}", temporary.path().join(format!("{name}.{format}")).display());
        let (keys, capture) = (folder.join("capture.keys"), folder.join("capture.pcapng"));
        let (json, jsonl) = (report("json"), report("jsonl"));
        let mut arguments: Vec<&std::ffi::OsStr> = vec!["-vv".as_ref(), "--payload".as_ref(), "64".as_ref()];
        arguments.extend(["--keylog".as_ref(), keys.as_os_str(), "--report".as_ref(), json.as_ref()]);
        arguments.extend(["--report".as_ref(), jsonl.as_ref(), capture.as_os_str()]);
        let output = captures::iotcap(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut printed =
            vec![("standard output".to_owned(), output.stdout), ("standard error".to_owned(), output.stderr)];
        for format in ["json", "jsonl"] {
            let path = temporary.path().join(format!("{name}.{format}"));
            printed.push((path.display().to_string(), std::fs::read(&path).expect("a report")));
        }
        for (place, bytes) in &printed {
            let printed = String::from_utf8_lossy(bytes).to_lowercase();
            for secret in &secrets {
                // A part of it would be too much as well.
                assert!(!printed.contains(&secret.to_lowercase()[..32]), "{name}: a secret is in {place}");
            }
        }
    }
}
