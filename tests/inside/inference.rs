//! Inferred packets against those that are there: counts by cipher suite and by kind, as the tables of docs/inference.md.

use super::analysis::{self, connections, mqtt_events, tls_events};
use super::captures::recorded_fixtures;
use super::{PORTS, keys_of};
use iotcap::connection::Record;
use iotcap::evidence::Confidence;
use iotcap::mqtt::{Event, PacketType};
use iotcap::net::Side;
use iotcap::tls;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

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
            wrong.extend(wrong_about_tls(name, read, inferred));
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

/// How the readings of some packets turned out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Score {
    /// Control packets that are there.
    packets: u64,
    likely_right: u64,
    likely_wrong: u64,
    possible_right: u64,
    possible_wrong: u64,
}

impl Score {
    fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.likely_right += other.likely_right;
        self.likely_wrong += other.likely_wrong;
        self.possible_right += other.possible_right;
        self.possible_wrong += other.possible_wrong;
    }

    fn found(&self) -> u64 {
        self.likely_right + self.possible_right
    }

    /// The share of the packets that was found, in percent.
    fn share(&self) -> f64 {
        if self.packets == 0 { 100.0 } else { self.found() as f64 * 100.0 / self.packets as f64 }
    }

    fn row(&self, name: &str, text: &mut String) {
        let silent = self.packets - self.found();
        let Self { packets, likely_right, likely_wrong, possible_right, possible_wrong } = self;
        let share = self.share();
        writeln!(
            text,
            "| {name} | {packets} | {likely_right} | {likely_wrong} | {possible_right} | {possible_wrong} | {silent} | {share:.1} % |"
        )
        .expect("a string");
    }
}

/// All scores so far.
#[derive(Debug, Default)]
struct Scores {
    /// By version and suite of TLS.
    by_suite: BTreeMap<(tls::Version, String), (bool, Score)>,
    by_kind: BTreeMap<u8, Score>,
    /// Each reading that is wrong although it was called likely.
    wrong: Vec<String>,
    /// Packets that no reading told, for whoever improves the readings.
    silent: Vec<String>,
}

impl Scores {
    /// Compares what was read of a connection with what was inferred of it without secrets.
    fn compare(&mut self, name: &str, read: &Record, inferred: &Record) {
        let Some((version, suite)) = read.tls.as_ref().and_then(|tls| tls.version().zip(tls.cipher())) else { return };
        if !read.tls.as_ref().is_some_and(|tls| tls.decrypted) {
            return;
        }
        let is_aead = suite.parameters().is_some_and(iotcap::tls::suite::Parameters::is_aead);
        let mut left = there(read);
        let mut total = Score { packets: left.values().map(|kinds| kinds.len() as u64).sum(), ..Score::default() };
        for kind in left.values().flatten() {
            self.by_kind.entry(kind.0).or_default().packets += 1;
        }
        for (side, frame, event) in mqtt_events(inferred) {
            let Event::Inferred(inference) = event else { continue };
            let kind = inference.reading.kind();
            if began(read, side, kind).is_some_and(|began| began <= frame) {
                continue;
            }
            let there = left.entry((side, frame)).or_default();
            let place = there.iter().position(|there| *there == kind);
            let score = match (place.map(|place| there.remove(place)), inference.confidence) {
                (Some(_), Confidence::Possible) => Score { possible_right: 1, ..Score::default() },
                (Some(_), _) => Score { likely_right: 1, ..Score::default() },
                (None, Confidence::Possible) => Score { possible_wrong: 1, ..Score::default() },
                (None, _) => {
                    self.wrong
                        .push(format!("{name}: frame {frame}: {side} {kind:?} ({event}), but there is {there:?}"));
                    Score { likely_wrong: 1, ..Score::default() }
                }
            };
            total.add(score);
            self.by_kind.entry(kind.0).or_default().add(score);
        }
        for ((side, frame), kinds) in left.into_iter().filter(|(_, kinds)| !kinds.is_empty()) {
            self.silent.push(format!("{name}: frame {frame}: {side} {kinds:?}"));
        }
        let entry = self.by_suite.entry((version, suite.to_string())).or_insert((is_aead, Score::default()));
        entry.1.add(total);
    }

    /// The share of the packets under AEAD suites that was found, in percent.
    fn aead_share(&self) -> f64 {
        let mut all = Score::default();
        self.by_suite.values().filter(|(is_aead, _)| *is_aead).for_each(|(_, score)| all.add(*score));
        all.share()
    }

    /// The tables, in Markdown.
    fn tables(&self) -> String {
        const COLUMNS: &str =
            "packets | likely, right | likely, wrong | possible, right | possible, wrong | silent | found |";
        const LINE: &str = "|---|---:|---:|---:|---:|---:|---:|---:|\n";
        let mut text = format!("| TLS and suite | {COLUMNS}\n{LINE}");
        let mut all = Score::default();
        for ((version, suite), (_, score)) in &self.by_suite {
            score.row(&format!("{version} {suite}"), &mut text);
            all.add(*score);
        }
        all.row("all", &mut text);
        write!(text, "\n| packet | {COLUMNS}\n{LINE}").expect("a string");
        for (kind, score) in &self.by_kind {
            score.row(&PacketType(*kind).to_string(), &mut text);
        }
        text
    }
}

/// The packets that are there, by their sender and the frame that they end in.
fn there(read: &Record) -> BTreeMap<(Side, u64), Vec<PacketType>> {
    let mut there: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (side, frame, event) in mqtt_events(read) {
        if let Event::Packet(packet) = event {
            there.entry((side, frame)).or_default().push(packet.kind());
        }
    }
    there
}

/// The frame in which a packet begins whose end the connection does not have.
fn began(read: &Record, side: Side, kind: PacketType) -> Option<u64> {
    mqtt_events(read).find_map(|(by, _, event)| match event {
        Event::Incomplete(packet) if by == side && packet.kind == kind => Some(packet.began.frame.number()),
        _ => None,
    })
}

/// What TLS 1.3 hides of its own that was called likely and is something else.
fn wrong_about_tls(name: &str, read: &Record, inferred: &Record) -> Vec<String> {
    let names: Vec<_> = tls_events(read).map(|(side, frame, event)| (side, frame, event.name())).collect();
    let is_there = |side, frame, name: &str| {
        names.iter().any(|(by, at, there)| {
            let same = *there == name
                || name == "encrypted_alert" && *there == "alert"
                || name == "encrypted_handshake"
                    && !["alert", "application_data", "change_cipher_spec"].contains(there);
            (*by, *at) == (side, frame) && same
        })
    };
    tls_events(inferred)
        .filter_map(|(side, frame, event)| match event {
            tls::Event::Inferred(inference) if inference.confidence > Confidence::Possible => {
                Some((side, frame, event.name(), inference))
            }
            _ => None,
        })
        .filter(|(side, frame, event, _)| !is_there(*side, *frame, event))
        .map(|(side, frame, event, inference)| format!("{name}: frame {frame}: {side} {event} {inference}"))
        .collect()
}
