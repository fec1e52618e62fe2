//! What must not change does not: the same connection cut into other segments, doubled, out of order, among others, on
//! another link, in fragments, in another file format, with a short snaplen.
//!
//! Each property runs over recordings that proptest draws; `PROPTEST_CASES` says how many. What is compared is the report's
//! own words, from the recording as it is and from the changed one.

mod captures;
#[path = "support/packets.rs"]
mod packets;
#[path = "support/recording.rs"]
mod recording;
#[path = "support/wire.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod wire;

use iotcap::analyzer::{Analyzer, Config};
use iotcap::connection::Record;
use iotcap::decode::Interest;
use iotcap::diagnosis::{CaptureState, Thresholds, diagnose};
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::report::build;
use iotcap::report::model::TraceId;
use iotcap::source::{FileSource, Source};
use iotcap::time::Timestamp;
use packets::{Link, Packet};
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapTsResolution, PcapWriter};
use pcap_file::{DataLink, Endianness};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use std::io::Cursor;
use std::sync::LazyLock;
use std::time::Duration;
use wire::Captured;

/// Recordings of which every frame is a whole TCP segment in IPv4.
static RECORDINGS: LazyLock<Vec<(String, Vec<Packet>)>> = LazyLock::new(|| {
    let taken_apart = |recording: recording::Recording| {
        let packets: Option<Vec<_>> = recording.frames.iter().map(Packet::of).collect();
        Some((recording.name, packets?))
    };
    let recordings: Vec<_> = recording::recordings().into_iter().filter_map(taken_apart).collect();
    assert!(recordings.len() >= 25, "only {} recordings", recordings.len());
    recordings
});

/// What is told of a connection, by how much of it is to be the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compared {
    /// The verdict, and the facts of TLS and MQTT.
    Verdict,
    /// The facts of TLS and MQTT: what is above TCP.
    Above,
    /// Of these, what was read and not inferred: what sizes and times mean depends on the order in which they came.
    Read,
    /// All but the numbers of frames.
    Everything,
}

fn frames(packets: &[Packet]) -> Vec<Captured> {
    packets.iter().map(Packet::frame).collect()
}

fn records(frames: &[Captured]) -> Vec<Record> {
    let interest = Interest { ports: vec![8883, 443], ..Interest::default() };
    let mut analyzer = Analyzer::new(Config { interest, ..Config::default() });
    for (number, frame) in (1..).zip(frames) {
        analyzer.push(&Frame {
            id: FrameId::new(0, number),
            at: Timestamp::from_nanos(frame.at),
            link_type: frame.link_type,
            original_len: u32::try_from(frame.data.len()).expect("a frame"),
            data: &frame.data,
        });
    }
    analyzer.finish();
    let mut records: Vec<_> = std::iter::from_fn(|| analyzer.poll()).collect();
    records.sort_by_key(|record| record.ordinal);
    records
}

/// What the report says of each connection.
fn told(frames: &[Captured], compared: Compared) -> Vec<Value> {
    records(frames).iter().map(|record| story(record, compared)).collect()
}

fn story(record: &Record, compared: Compared) -> Value {
    let verdict = diagnose(record, CaptureState::default(), &Thresholds::default());
    let mut whole = serde_json::to_value(build::connection(record, &verdict)).expect("JSON");
    without_frames(&mut whole);
    match compared {
        Compared::Everything => whole,
        Compared::Verdict => json!([
            whole["outcome"],
            whole["stopped_in"],
            whole["cause"],
            whole["reached"],
            whole["closed"]["by"],
            above(&whole)
        ]),
        Compared::Above => above(&whole),
        Compared::Read => read_above(&whole),
    }
}

/// TLS and MQTT without times, and without what was inferred.
fn read_above(whole: &Value) -> Value {
    let mut tls = whole["tls"].clone();
    if let Some(alerts) = tls.get_mut("alerts").and_then(Value::as_array_mut) {
        alerts.retain(|alert| alert["observed"] == true);
    }
    let is_read = whole["mqtt"]["source"] != "inferred";
    json!([tls, is_read.then(|| above(whole)[1].clone())])
}

/// TLS and MQTT without times.
fn above(whole: &Value) -> Value {
    let mut mqtt = whole["mqtt"].clone();
    if let Some(mqtt) = mqtt.as_object_mut() {
        mqtt.retain(|key, _| key != "ack_ms");
    }
    json!([whole["tls"], mqtt])
}

/// Frame numbers are the file's own: another file has others.
fn without_frames(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields
                .retain(|key, _| !matches!(key.as_str(), "frame" | "frames" | "id" | "ordinal" | "trace_id" | "until"));
            fields.values_mut().for_each(without_frames);
        }
        Value::Array(values) => values.iter_mut().for_each(without_frames),
        Value::String(text) => *text = without_numbers(text),
        _ => {}
    }
}

/// `(FIN, frame 6)` and `between frames 6 and 7` without their numbers.
fn without_numbers(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    let mut is_listed = false;
    for word in &mut words {
        let is_number = word.trim_matches(|c: char| c.is_ascii_punctuation()).parse::<u64>().is_ok();
        if is_number && is_listed {
            *word = "N";
        }
        is_listed =
            word.trim_start_matches('(').starts_with("frame") || (is_listed && matches!(*word, "N" | "and" | "to"));
    }
    words.join(" ")
}

/// A recording and its name.
fn drawn(index: Index) -> &'static (String, Vec<Packet>) {
    index.get(&RECORDINGS)
}

/// Splits the segments that `choose` has a place for.
fn resegmented(packets: &[Packet], choices: &[Index]) -> Vec<Packet> {
    let mut choices = choices.iter().cycle();
    let split = |packet: &Packet| match packet.payload.len() {
        0 | 1 => vec![packet.clone()],
        length => {
            let place = choices.next().expect("an endless row").index(length);
            if place == 0 { vec![packet.clone()] } else { packet.split(place).to_vec() }
        }
    };
    packets.iter().flat_map(split).collect()
}

/// A file by another library's writer.
fn pcap(packets: &[Packet], endianness: Endianness, ts_resolution: PcapTsResolution) -> Vec<u8> {
    let header = PcapHeader { endianness, ts_resolution, datalink: DataLink::ETHERNET, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(Vec::new(), header).expect("memory");
    for packet in packets {
        let data = packet.on(Link::Ethernet).frame().data;
        let length = u32::try_from(data.len()).expect("a frame");
        let at = Duration::from_nanos(packet.at.unsigned_abs());
        writer.write_packet(&PcapPacket::new(at, length, &data[..]).expect("a packet")).expect("memory");
    }
    writer.into_inner()
}

/// The frames of a file.
fn read(bytes: &[u8]) -> Vec<Captured> {
    let mut source = FileSource::from_reader("memory", Cursor::new(bytes.to_vec())).expect("a capture");
    let mut frames = Vec::new();
    while let Some(frame) = source.next_frame() {
        frames.push(Captured { at: frame.at.as_nanos(), link_type: frame.link_type, data: frame.data.to_vec() });
    }
    assert!(source.info().damaged.is_empty());
    frames
}

fn some() -> impl Strategy<Value = Index> {
    any::<Index>()
}

fn row() -> impl Strategy<Value = Vec<Index>> {
    proptest::collection::vec(any::<Index>(), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn other_segments_tell_the_same(which in some(), places in row()) {
        let (name, packets) = drawn(which);
        let changed = resegmented(packets, &places);
        prop_assert_eq!(
            told(&frames(packets), Compared::Verdict), told(&frames(&changed), Compared::Verdict), "{}", name
        );
    }

    #[test]
    fn doubled_frames_tell_the_same_above_tcp(which in some(), twice in row()) {
        let (name, packets) = drawn(which);
        let mut changed = packets.clone();
        for index in twice {
            let place = index.index(changed.len());
            changed.insert(place, changed[place].clone());
        }
        prop_assert_eq!(
            told(&frames(packets), Compared::Above), told(&frames(&changed), Compared::Above), "{}", name
        );
    }

    #[test]
    fn segments_out_of_order_tell_the_same_above_tcp(which in some(), places in row(), swapped in some()) {
        let (name, packets) = drawn(which);
        // Where a capture joins in, the first segment that it has says where the connection begins.
        prop_assume!(packets[0].tcp[13] & 2 != 0);
        // More segments, so that two of a side stand behind one another.
        let mut changed = resegmented(packets, &places);
        let same_side = |pair: &[Packet]| {
            pair[0].ip[12..16] == pair[1].ip[12..16] && !pair[0].payload.is_empty() && !pair[1].payload.is_empty()
        };
        let pairs: Vec<_> = (1..changed.len()).filter(|at| same_side(&changed[at - 1..=*at])).collect();
        prop_assume!(!pairs.is_empty());
        let at = *swapped.get(&pairs);
        let times = (changed[at - 1].at, changed[at].at);
        changed.swap(at - 1, at);
        (changed[at - 1].at, changed[at].at) = times;
        prop_assert_eq!(
            told(&frames(packets), Compared::Read), told(&frames(&changed), Compared::Read), "{}", name
        );
    }

    #[test]
    fn another_connection_beside_it_changes_nothing(one in some(), other in some()) {
        let ((_, one), (_, other)) = (drawn(one), drawn(other));
        let alone = [frames(one), frames(&from_others(one, other))];
        let mut both = one.clone();
        both.extend(from_others(one, other));
        both.sort_by_key(|packet| packet.at);
        let mut expected: Vec<_> = alone.iter().flat_map(|frames| told(frames, Compared::Everything)).collect();
        let mut found = told(&frames(&both), Compared::Everything);
        // Ordered by who they are, not by when they began.
        let who = |story: &Value| format!("{} {} {}", story["client"], story["started"], story["server"]);
        expected.sort_by_key(who);
        found.sort_by_key(who);
        prop_assert_eq!(expected, found);
    }

    #[test]
    fn another_link_changes_nothing(which in some(), link in 0..Link::ALL.len()) {
        let (name, packets) = drawn(which);
        let changed: Vec<_> = packets.iter().map(|packet| packet.on(Link::ALL[link])).collect();
        prop_assert_eq!(
            told(&frames(packets), Compared::Everything), told(&frames(&changed), Compared::Everything), "{}", name
        );
    }

    #[test]
    fn fragments_change_nothing(which in some(), places in row(), reversed in any::<bool>()) {
        let (name, packets) = drawn(which);
        let mut places = places.iter().cycle();
        let mut changed = Vec::new();
        for (identification, packet) in (1..).zip(packets) {
            let whole = packet.tcp.len() + packet.payload.len();
            let place = 8 * (1 + places.next().expect("an endless row").index(whole / 8));
            if place >= whole || packet.payload.is_empty() {
                changed.push(packet.frame());
            } else {
                let mut fragments = packet.fragments(place, identification);
                if reversed {
                    fragments.reverse();
                }
                changed.extend(fragments);
            }
        }
        prop_assert_eq!(
            told(&frames(packets), Compared::Everything), told(&changed, Compared::Everything), "{}", name
        );
    }

    #[test]
    fn another_file_format_changes_nothing(which in some(), big in any::<bool>(), micros in any::<bool>()) {
        let (name, packets) = drawn(which);
        let order = if big { Endianness::Big } else { Endianness::Little };
        let unit = if micros { PcapTsResolution::MicroSecond } else { PcapTsResolution::NanoSecond };
        let mut expected = packets.clone();
        if micros {
            for packet in &mut expected {
                packet.at -= packet.at % 1_000;
            }
        }
        let found = read(&pcap(packets, order, unit));
        prop_assert_eq!(found.len(), packets.len());
        prop_assert_eq!(
            told(&frames(&expected), Compared::Everything), told(&found, Compared::Everything), "{}", name
        );
    }

    #[test]
    fn a_snaplen_that_keeps_the_headers_keeps_what_tcp_says(which in some()) {
        let (name, packets) = drawn(which);
        let whole = frames(packets);
        let mut analyzer = Analyzer::new(Config::default());
        for (number, (packet, frame)) in (1..).zip(packets.iter().zip(&whole)) {
            let kept = packet.link.len() + packet.ip.len() + packet.tcp.len();
            analyzer.push(&Frame {
                id: FrameId::new(0, number),
                at: Timestamp::from_nanos(frame.at),
                link_type: frame.link_type,
                original_len: u32::try_from(frame.data.len()).expect("a frame"),
                data: &frame.data[..kept],
            });
        }
        analyzer.finish();
        let mut cut: Vec<_> = std::iter::from_fn(|| analyzer.poll()).collect();
        cut.sort_by_key(|record| record.ordinal);
        let whole = records(&whole);
        prop_assert_eq!(whole.len(), cut.len());
        for (whole, cut) in whole.iter().zip(&cut) {
            prop_assert_eq!(tcp(whole), tcp(cut), "{}", name);
        }
    }

    #[test]
    fn both_ends_tell_the_same_identity(index: Index, hours in -9_i64..9, loses_its_answer: bool) {
        let (name, client_end) = drawn(index);
        let server_end: Vec<_> = client_end.iter().map(|packet| behind_nat(packet, hours)).collect();
        let mut client_end = client_end.clone();
        if loses_its_answer {
            // Whatever the server says after its SYN-ACK is lost on the way: the client's end never sees it.
            client_end.retain(|packet| is_from_client(packet) || packet.payload.is_empty());
        }
        prop_assert_eq!(identities(&client_end), identities(&server_end), "{}", name);
    }

    #[test]
    fn any_frames_at_all_are_survived(
        data in proptest::collection::vec((0..300_u16, proptest::collection::vec(any::<u8>(), 0..200)), 0..40),
    ) {
        let mut at = 0;
        let frames = data.into_iter().map(|(link_type, data)| {
            at += 1_000_000;
            Captured { at, link_type: LinkType(link_type), data }
        });
        told(&frames.collect::<Vec<_>>(), Compared::Everything);
    }
}

fn is_from_client(packet: &Packet) -> bool {
    packet.ip[12..16] == [192, 0, 2, 10]
}

/// The packet as it is captured behind a router that replaces the client's address and port, by a machine whose clock is wrong.
fn behind_nat(packet: &Packet, hours: i64) -> Packet {
    let mut packet = Packet { at: packet.at + hours * 3_600_000_000_000, ..packet.clone() };
    let (address, port) = if is_from_client(&packet) { (12, 0) } else { (16, 2) };
    packet.ip[address..address + 4].copy_from_slice(&[198, 51, 100, 7]);
    packet.tcp[port] ^= 0x10;
    packet
}

/// Which connections these are, of those whose start is there.
fn identities(packets: &[Packet]) -> Vec<TraceId> {
    let records = records(&frames(packets));
    let mut identities: Vec<_> = records.iter().filter(|record| !record.tcp.midstream).map(build::trace_id).collect();
    identities.sort();
    identities
}

/// The packets of another connection, from another client, begun at the same time.
fn from_others(one: &[Packet], other: &[Packet]) -> Vec<Packet> {
    let shift = one[0].at - other[0].at;
    let moved = |packet: &Packet| Packet { at: packet.at + shift, ..packet.of_another_client() };
    other.iter().map(moved).collect()
}

/// What TCP says of a connection, and does not owe to the bytes.
fn tcp(record: &Record) -> Value {
    let verdict = diagnose(record, CaptureState::default(), &Thresholds::default());
    let whole = serde_json::to_value(build::connection(record, &verdict)).expect("JSON");
    let mut tcp = whole["tcp"].clone();
    tcp.as_object_mut().expect("facts").retain(|key, _| key != "missed_bytes");
    json!([whole["frames"], whole["bytes"], whole["timings"]["tcp_handshake"], tcp])
}
