//! The fuzz targets with a stable compiler: over what the fixtures hold, over those bytes cut short, and over every input
//! that was ever found (`fuzz/corpus/`). `make fuzz` goes on from there.
//!
//! `IOTCAP_FUZZ_SEEDS=FOLDER` writes what the fixtures hold as seeds for the fuzzer.

mod captures;
#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, clippy::pedantic, reason = "a part of another crate")]
mod targets;

use iotcap::decode::{Decoded, Decoder, Interest, Limits};
use iotcap::net::Side;
use iotcap::source;
use iotcap::tls::keylog::KeyLog;
use std::collections::BTreeMap;
use std::path::Path;
use targets::{Steps, TARGETS, follow_tls};

/// Larger recordings take a fuzzer too long.
const LARGEST: usize = 64 << 10;

/// Inputs by target.
type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

#[test]
fn what_the_fixtures_hold_does_no_harm_whole_or_cut() {
    let seeds = seeds();
    if let Some(folder) = std::env::var_os("IOTCAP_FUZZ_SEEDS") {
        write(Path::new(&folder), &seeds);
    }
    for (name, target) in TARGETS {
        let seeds = &seeds[name];
        assert!(!seeds.is_empty(), "no seed for {name}");
        for seed in seeds {
            target(seed);
            target(&seed[..seed.len() * 2 / 3]);
            target(&seed[seed.len() / 3..]);
        }
    }
}

#[test]
fn what_was_found_does_no_harm_any_more() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut replayed = 0;
    for (name, target) in TARGETS {
        let Ok(inputs) = std::fs::read_dir(corpus.join(name)) else { panic!("no corpus for {name}") };
        for input in inputs {
            let path = input.expect("an entry").path();
            println!("{}", path.display());
            target(&std::fs::read(path).expect("an input"));
            replayed += 1;
        }
    }
    assert!(replayed >= TARGETS.len(), "{replayed} inputs");
}

#[test]
fn every_target_has_its_shim() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut shims: Vec<_> =
        std::fs::read_dir(folder).expect("shims").map(|entry| entry.expect("an entry").path()).collect();
    shims.sort();
    let mut names: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    let stems: Vec<_> =
        shims.iter().map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    assert_eq!(stems, names);
    for (path, name) in shims.iter().zip(names) {
        let shim = std::fs::read_to_string(path).expect("a shim");
        assert!(shim.contains(&format!("iotcap_fuzz::{name}(data)")), "{} runs another target", path.display());
    }
}

/// What the fixtures hold, in the form that each target takes.
fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    for folder in captures::recorded_fixtures() {
        let path = folder.join("capture.pcapng");
        let bytes = std::fs::read(&path).expect("a capture");
        let keys = std::fs::read(folder.join("capture.keys")).unwrap_or_default();
        if bytes.len() > LARGEST {
            continue;
        }
        let (frames, steps) = frames_and_steps(&path);
        for target in ["reader", "capture", "report"] {
            add(&mut seeds, target, bytes.clone());
        }
        add(&mut seeds, "decode", frames);
        add(&mut seeds, "tls", steps.clone());
        add(&mut seeds, "keylog", keys.clone());
        let length = u16::try_from(keys.len()).expect("a short key log").to_be_bytes();
        add(&mut seeds, "decrypt", [&length[..], &keys, &steps].concat());
        add(&mut seeds, "mqtt", plaintext(&steps, &keys));
        for der in certificates(&path) {
            add(&mut seeds, "certificate", der);
        }
    }
    add(&mut seeds, "config", include_bytes!("../docs/iotcap.toml").to_vec());
    for folder in std::fs::read_dir(captures::fixtures()).expect("the fixtures") {
        let wire = folder.expect("an entry").path().join("wire.toml");
        if let Ok(text) = std::fs::read(wire) {
            add(&mut seeds, "scenario", text);
        }
    }
    for inputs in seeds.values_mut() {
        inputs.sort();
        inputs.dedup();
    }
    seeds
}

fn add(seeds: &mut Seeds, target: &'static str, seed: Vec<u8>) {
    if !seed.is_empty() && seed.len() <= LARGEST {
        seeds.entry(target).or_default().push(seed);
    }
}

/// The frames of a capture as the target `decode` takes them, and what the sides of its first connection said.
fn frames_and_steps(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let mut source = source::open(&[path.to_owned()]).expect("a capture");
    let mut decoder = Decoder::new(Interest { ports: Vec::new(), ipv6: true, dns: true }, Limits::default());
    let (mut frames, mut steps) = (Vec::new(), Vec::new());
    let mut client = None;
    while let Some(frame) = source.next_frame() {
        let length = u16::try_from(frame.data.len()).expect("a frame").to_be_bytes();
        frames.extend([&frame.link_type.0.to_be_bytes()[..], &[0], &length, frame.data].concat());
        let Decoded::Segment(segment) = decoder.decode(&frame) else { continue };
        let client = *client.get_or_insert(segment.source);
        let side = if segment.source == client { Side::Client } else { Side::Server };
        if !segment.payload.is_empty() && (side == Side::Client || segment.destination == client) {
            steps.extend(Steps::said(side, segment.payload));
        }
    }
    (frames, steps)
}

/// What is inside of TLS, as steps; the steps themselves where nothing can be opened: plain MQTT perhaps.
fn plaintext(steps: &[u8], keys: &[u8]) -> Vec<u8> {
    let mut key_log = KeyLog::new();
    key_log.add_block(keys);
    let mut plaintext = Vec::new();
    follow_tls(steps, Some(&key_log), |side, bytes| plaintext.extend(Steps::said(side, bytes)));
    if plaintext.is_empty() { steps.to_vec() } else { plaintext }
}

/// The certificates that go over the wire in clear: the bytes between a certificate's length and its end.
fn certificates(path: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).expect("a capture");
    // DER of a certificate: SEQUENCE of two length bytes, in which a SEQUENCE of two length bytes stands first.
    let begins = |window: &[u8]| window[..2] == [0x30, 0x82] && window[4..6] == [0x30, 0x82];
    let starts = bytes.windows(8).enumerate().filter(|(_, window)| begins(window)).map(|(at, _)| at);
    let whole = starts.filter_map(|at| {
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        bytes.get(at..at + 4 + length)
    });
    whole.map(<[u8]>::to_vec).collect()
}

fn write(folder: &Path, seeds: &Seeds) {
    for (target, inputs) in seeds {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (number, input) in inputs.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:03}")), input).expect("a seed");
        }
    }
}
