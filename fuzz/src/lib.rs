//! What is fuzzed: any bytes in, and nothing may panic, hang or come out wrong.
//!
//! Each function is one target; `fuzz_targets/` holds a shim for each, and `tests/fuzz_corpus.rs` runs them with a stable
//! compiler over the corpus and the fixtures. Nothing here knows a fuzzer.

#![allow(clippy::must_use_candidate, reason = "shared with a test")]

use iotcap::analyzer::{Analyzer, Config, Stats};
use iotcap::config::ConfigFile;
use iotcap::connection::{Record, Settings};
use iotcap::decode::{Decoder, Interest, Limits};
use iotcap::diagnosis::{CaptureState, Desk, Thresholds, Verdict};
use iotcap::evidence::Seen;
use iotcap::flow;
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::lab::Scenario;
use iotcap::mqtt;
use iotcap::net::Side;
use iotcap::report::build::{self, CaptureFacts};
use iotcap::report::{Format, Json, JsonLines, Text, TextOptions, escape};
use iotcap::source::{FileSource, Source};
use iotcap::stream::{Chunk, End, Moment};
use iotcap::time::Timestamp;
use iotcap::tls::keylog::KeyLog;
use iotcap::tls::{self, Certificate, CertificateStore};
use std::io::Cursor;

/// A target: it takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: [(&str, Target); 11] = [
    ("reader", reader),
    ("decode", decode),
    ("capture", capture),
    ("tls", tls),
    ("certificate", certificate),
    ("keylog", keylog),
    ("decrypt", decrypt),
    ("mqtt", mqtt),
    ("scenario", scenario),
    ("config", config),
    ("report", report),
];

/// A capture file, read to its end: frames are numbered upwards, and no more bytes come out than a snaplen allows.
pub fn reader(data: &[u8]) {
    let Ok(mut source) = FileSource::from_reader("fuzz", Cursor::new(data.to_vec())) else { return };
    let mut last = 0;
    let mut frames = 0_u64;
    while let Some(frame) = source.next_frame() {
        assert!(frame.id.number() > last, "frame {} after {last}", frame.id.number());
        last = frame.id.number();
        frames += 1;
    }
    assert_eq!(source.info().frames, frames);
    for damage in &source.info().damaged {
        assert!(!damage.to_string().is_empty());
    }
}

/// Frames: `link type (2), cut (1), length (2), bytes`, again and again.
pub fn decode(data: &[u8]) {
    let interest = Interest { ports: vec![8883, 443], ipv6: true, dns: true };
    let mut decoders =
        [Decoder::new(interest, Limits::default()), Decoder::new(Interest::default(), Limits::default())];
    let mut number = 0;
    let mut rest = data;
    while let Some(([link_high, link_low, cut, high, low], after)) = rest.split_first_chunk() {
        let (bytes, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])).min(after.len()));
        rest = after;
        number += 1;
        let frame = Frame {
            id: FrameId::new(0, number),
            at: Timestamp::from_nanos(i64::try_from(number).unwrap_or(i64::MAX) * 1_000_000),
            link_type: LinkType(u16::from_be_bytes([*link_high, *link_low])),
            original_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX).saturating_add((*cut).into()),
            data: bytes,
        };
        for decoder in &mut decoders {
            let _ = decoder.decode(&frame);
        }
    }
}

/// A whole capture up to its verdicts, within the usual bounds and within very narrow ones.
pub fn capture(data: &[u8]) {
    let narrow = flow::Limits { connections: 2, remembered: 2, ..flow::Limits::default() };
    for limits in [flow::Limits::default(), narrow] {
        let most = limits.connections;
        let mut told = 0;
        let (analyzer, _) = analyze(data, limits, |_, _| told += 1);
        let table = analyzer.stats().table;
        assert_eq!(table.opened, told, "every connection is told once");
        assert!(table.most <= most);
    }
}

/// TLS as two streams of bytes, without keys: steps, see [`Steps`].
pub fn tls(data: &[u8]) {
    follow_tls(data, None, |_, _| {});
}

/// One certificate.
pub fn certificate(data: &[u8]) {
    let certificate = Certificate::parse(data);
    let _ = certificate.covers("broker.example");
    let _ = certificate.may_be_issued_by(&certificate);
    let _ = certificate.is_valid_at(1_700_000_000);
    for name in certificate.names() {
        assert_harmless(&escape(&name));
    }
    let mut store = CertificateStore::new(1);
    assert_eq!(store.intern(data).sha256, store.intern(data).sha256);
}

/// A key log, whole and in two pieces; what was read is what is written again.
pub fn keylog(data: &[u8]) {
    let mut whole = KeyLog::with_limit(16);
    whole.add_block(data);
    let (first, second) = data.split_at(data.len() / 2);
    let mut pieces = KeyLog::with_limit(16);
    for piece in [first, second] {
        pieces.add_text(piece);
    }
    pieces.finish();
    assert_eq!(whole.len(), pieces.len());
    assert!(whole.len() <= 16);
    assert!(whole.used_text().is_empty(), "nothing was used");
}

/// `length (2), a key log of that length`, then the steps of [`tls`].
pub fn decrypt(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let (keys, steps) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
    let mut key_log = KeyLog::with_limit(64);
    key_log.add_block(keys);
    follow_tls(steps, Some(&key_log), |_, _| {});
}

/// MQTT as two streams of bytes, or of encrypted records, within the usual bounds and within very narrow ones.
pub fn mqtt(data: &[u8]) {
    let narrow = mqtt::Limits { packet: 16, payload_preview: 4, in_flight: 2, topics: 2 };
    for limits in [mqtt::Limits::default(), narrow] {
        let mut tracker = mqtt::Tracker::new(limits);
        let mut sink = Events(0);
        let mut last = moment(0);
        for step in Steps::new(data) {
            last = step.at;
            match step.what {
                What::Bytes(bytes) => tracker.handle_plaintext(step.side, step.at, bytes, &mut sink),
                What::Gap(0) => tracker.alerts_are_visible(),
                What::Gap(missing) if missing % 2 == 0 => tracker.handle_gap(step.side),
                What::Gap(sealed) => {
                    let min = u32::from(sealed);
                    let len = tls::PlaintextLen { min, max: min + u32::from(sealed % 16) };
                    let len = mqtt::PlaintextLen { min: len.min, max: len.max };
                    tracker.handle_sealed(step.side, step.at, len, &mut sink);
                }
                What::Close => {
                    let how = if step.at.frame.number() % 2 == 0 { End::Fin } else { End::Reset };
                    tracker.handle_close(step.side, step.at, how, &mut sink);
                }
            }
        }
        tracker.finish(last, &mut sink);
    }
}

/// A scenario of the lab, as text.
pub fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = Scenario::from_toml(text, "fuzz") {
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

/// A configuration, as text.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = ConfigFile::parse(text, "fuzz") {
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

/// A whole capture in every format: JSON that is JSON, and text that a terminal can be given.
pub fn report(data: &[u8]) {
    let formats: [Box<dyn Format>; 3] =
        [Box::<Json>::default(), Box::<JsonLines>::default(), Box::new(Text::new(TextOptions::default()))];
    let mut outputs = formats.map(|format| (format, Vec::new()));
    for (format, out) in &mut outputs {
        format.begin(out).expect("memory");
    }
    let mut summary = iotcap::report::model::Summary::default();
    let (analyzer, groups) = analyze(data, flow::Limits::default(), |record, verdict| {
        let glance = build::glance(record, verdict);
        summary.count(&glance);
        let connection = build::connection(record, verdict);
        for (format, out) in &mut outputs {
            if !format.passes_over(&glance) {
                format.connection(&connection, out).expect("memory");
            }
        }
    });
    let facts = facts(&analyzer.stats());
    let capture = build::capture(facts, &analyzer.stats(), analyzer.skipped());
    for (format, out) in &mut outputs {
        format.finish(&capture, &summary, &groups, out).expect("memory");
    }
    let [(_, json), (_, lines), (_, text)] = &outputs;
    let json: serde_json::Value = serde_json::from_slice(json).expect("JSON");
    assert_eq!(json["schema"], "iotcap.report/1");
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        serde_json::from_slice::<serde_json::Value>(line).expect("a line of JSON");
    }
    assert_harmless(std::str::from_utf8(text).expect("UTF-8"));
}

/// Neither control characters nor those that turn the direction of writing.
fn assert_harmless(text: &str) {
    let harmful =
        |c: &char| (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert_eq!(text.chars().find(harmful), None);
}

fn facts(stats: &Stats) -> CaptureFacts {
    CaptureFacts {
        sources: vec!["fuzz".to_owned()],
        kind: iotcap::report::model::CaptureKind::File,
        link_types: Vec::new(),
        frames: stats.frames,
        filter: None,
        dropped: iotcap::report::model::Dropped { kernel: None, interface: None },
        damaged: None,
        secrets: 0,
    }
}

/// Runs a capture through all stages below the report; any port, with the secrets that the capture itself holds.
fn analyze(
    data: &[u8],
    flow: flow::Limits,
    mut told: impl FnMut(&Record, &Verdict),
) -> (Analyzer, Vec<iotcap::report::model::Group>) {
    let connection = Settings { ports: vec![8883], any_port: true, ..Settings::default() };
    let interest = Interest { ports: Vec::new(), ipv6: true, dns: true };
    let mut analyzer = Analyzer::new(Config { interest, flow, connection, ..Config::default() });
    let mut desk = Desk::new(Thresholds::default());
    let mut tell = |analyzer: &mut Analyzer, desk: &mut Desk| {
        while let Some(record) = analyzer.poll() {
            desk.push(record);
        }
        while let Some(arrival) = analyzer.poll_arrival() {
            desk.arrived(arrival);
        }
        if let Some(now) = analyzer.now() {
            desk.advance(now);
        }
        while let Some((record, verdict)) = desk.poll(CaptureState::default()) {
            told(&record, &verdict);
        }
    };
    if let Ok(mut source) = FileSource::from_reader("fuzz", Cursor::new(data.to_vec())) {
        let mut secrets = 0;
        while let Some(frame) = source.next_frame() {
            analyzer.push(&frame);
            for block in source.info().secrets.iter().skip(secrets) {
                analyzer.add_secrets(&block.bytes);
            }
            secrets = source.info().secrets.len();
            tell(&mut analyzer, &mut desk);
        }
    }
    analyzer.finish();
    desk.finish();
    tell(&mut analyzer, &mut desk);
    let groups = desk.groups().iter().map(build::group).collect();
    (analyzer, groups)
}

/// Runs the steps through TLS; what can be read of its application data goes to `told`.
pub fn follow_tls(data: &[u8], key_log: Option<&KeyLog>, told: impl FnMut(Side, &[u8])) {
    let mut tracker = tls::Tracker::default();
    let (mut known, mut plaintext) = (tls::Known::new(4), Vec::new());
    let mut sink = Plaintext(told);
    let mut last = moment(0);
    for step in Steps::new(data) {
        last = step.at;
        let mut context = tls::Context { known: &mut known, key_log, plaintext: &mut plaintext };
        let chunk = match step.what {
            What::Bytes(bytes) => Chunk::Data(bytes),
            What::Gap(missing) => Chunk::Gap(missing.into()),
            What::Close => {
                tracker.handle_close(step.side, step.at, &mut sink);
                continue;
            }
        };
        tracker.handle_chunk(step.side, step.at, chunk, &mut context, &mut sink);
    }
    tracker.finish(last, &mut sink);
}

/// What two sides do, one after the other: `kind (1), length (2), bytes`. The lowest bit of the kind is the side; the rest
/// says bytes (0), a gap of `length` bytes (1), or the end of the side (2). Any bytes are steps.
pub struct Steps<'a> {
    rest: &'a [u8],
    number: u64,
}

/// One step.
pub struct Step<'a> {
    /// Whose.
    pub side: Side,
    /// When.
    pub at: Moment,
    /// What it is.
    pub what: What<'a>,
}

/// What a side does.
pub enum What<'a> {
    /// It says so.
    Bytes(&'a [u8]),
    /// So many bytes of it are missing.
    Gap(u16),
    /// It ends.
    Close,
}

impl<'a> Steps<'a> {
    /// The steps that these bytes are.
    pub const fn new(rest: &'a [u8]) -> Self {
        Self { rest, number: 0 }
    }

    /// The bytes of a step in which a side says something.
    pub fn said(side: Side, bytes: &[u8]) -> Vec<u8> {
        let pieces = bytes.chunks(usize::from(u16::MAX));
        let step = |piece: &[u8]| {
            let length = u16::try_from(piece.len()).unwrap_or(u16::MAX).to_be_bytes();
            [&[u8::from(side == Side::Server)][..], &length, piece].concat()
        };
        pieces.flat_map(step).collect()
    }
}

impl<'a> Iterator for Steps<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        let ([kind, high, low], rest) = self.rest.split_first_chunk()?;
        let length = u16::from_be_bytes([*high, *low]);
        self.number += 1;
        let (what, rest) = match kind / 2 % 3 {
            0 => {
                let (bytes, rest) = rest.split_at(usize::from(length).min(rest.len()));
                (What::Bytes(bytes), rest)
            }
            1 => (What::Gap(length), rest),
            _ => (What::Close, rest),
        };
        self.rest = rest;
        let side = if kind % 2 == 0 { Side::Client } else { Side::Server };
        Some(Step { side, at: moment(self.number), what })
    }
}

fn moment(number: u64) -> Moment {
    let at = Timestamp::from_nanos(i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(10_000_000));
    Moment::new(at, FrameId::new(0, number + 1))
}

struct Plaintext<F>(F);

impl<F: FnMut(Side, &[u8])> tls::Sink for Plaintext<F> {
    fn event(&mut self, _: Seen, event: tls::Event) {
        let _ = event.to_string();
    }

    fn application_data(&mut self, side: Side, _: Moment, data: tls::ApplicationData<'_>) {
        if let tls::ApplicationData::Plaintext(bytes) = data {
            (self.0)(side, bytes);
        }
    }
}

struct Events(u64);

impl mqtt::Sink for Events {
    fn event(&mut self, _: Seen, event: mqtt::Event) {
        self.0 += 1;
        let _ = event.to_string();
    }
}
