//! What is inside of TLS, against tshark with the same keys; and what is inferred without keys, against what it was.
//!
//! Runs over all recorded fixtures and all scenarios of the lab, and over Wireshark's and Zeek's own captures where
//! IOTCAP_CORPUS names their folder. `UPDATE_EXPECT=1` writes the table in docs/inference.md anew.

mod captures;
#[path = "inside/analysis.rs"]
mod analysis;

use analysis::{Ports, Shown, connections, shown, unread};
use captures::{have, recorded_fixtures, tshark};
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

/// The secrets of a fixture, where the client gave any.
fn keys_of(folder: &Path) -> Option<Vec<u8>> {
    let text = std::fs::read(folder.join("capture.keys")).ok()?;
    text.split(|byte| *byte == b'\n').any(|line| !line.is_empty() && line[0] != b'#').then_some(text)
}

fn differences<'a>(ours: &'a Shown, theirs: &'a Shown) -> impl Iterator<Item = String> + 'a {
    let frames: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    frames.into_iter().filter(|frame| ours.get(frame) != theirs.get(frame)).map(|frame| {
        format!("frame {frame}: tshark {:?}, iotcap {:?}", theirs.get(frame), ours.get(frame))
    })
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
        let numbers = |column: &str| -> Vec<u8> { column.split(',').filter_map(|number| number.parse().ok()).collect() };
        let shows = shown.entry(frame.parse().expect("a frame number")).or_insert_with(analysis::Shows::default);
        shows.kinds = numbers(kinds);
        shows.topics = topics.split(',').filter(|topic| !topic.is_empty()).map(str::to_owned).collect();
        shows.codes = codes.iter().flat_map(|column| numbers(column)).collect();
    }
    shown.retain(|_, shows| !shows.kinds.is_empty());
    shown
}
