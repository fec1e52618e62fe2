//! Damaged captures: whatever was done to them, iotcap comes to an end in time and within its memory, with a report that can be
//! read or with one sentence.
//!
//! A few damages of each kind run always; `make soak` does thousands, and all captures of IOTCAP_CORPUS.
#![cfg(unix)]

mod captures;
#[path = "support/random.rs"]
mod random;
#[path = "support/mod.rs"]
mod support;

use clap::ValueEnum;
use iotcap::cli::FormatName;
use random::Random;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::process::Command;

/// What is done to a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    BitsTurned,
    BytesChanged,
    EndCutOff,
    BytesTakenOut,
    BytesOfAnother,
    BlockTwice,
    BlockTakenOut,
    BlockMoved,
    LengthChanged,
}

const DAMAGES: [Damage; 9] = [
    Damage::BitsTurned,
    Damage::BytesChanged,
    Damage::EndCutOff,
    Damage::BytesTakenOut,
    Damage::BytesOfAnother,
    Damage::BlockTwice,
    Damage::BlockTakenOut,
    Damage::BlockMoved,
    Damage::LengthChanged,
];

/// No damage makes iotcap need more, in bytes: the captures have but a few connections each.
const MEMORY: u64 = 256 << 20;

/// The largest captures that are damaged, in bytes: small ones have as many places to damage that matter.
const LARGEST: u64 = 1 << 20;

/// The recorded fixtures, and each so-many-th of the public captures where there are any.
fn to_damage(step: usize) -> Vec<PathBuf> {
    let fixtures = captures::recorded_fixtures().into_iter().map(|folder| folder.join("capture.pcapng"));
    let public = captures::corpus().unwrap_or_default().into_iter().step_by(step);
    let small = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|metadata| metadata.len() < LARGEST);
    fixtures.chain(public).filter(small).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_captures_come_to_an_end_with_a_sentence() {
    let refused = damage_all(to_damage(20), 0..DAMAGES.len()).await;
    assert!(refused > 0, "no damage was so bad that a capture was refused");
}

/// IOTCAP_DAMAGES says how many copies of each capture there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make soak"]
async fn captures_that_are_damaged_by_the_thousand_come_to_an_end() {
    let copies = std::env::var("IOTCAP_DAMAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    // Other damages than those of the test above.
    damage_all(to_damage(1), DAMAGES.len()..DAMAGES.len() + copies).await;
}

/// Damages each capture in so many ways; how many were refused.
async fn damage_all(captures: Vec<PathBuf>, copies: Range<usize>) -> usize {
    assert!(captures.len() >= 59);
    let other = Arc::new(std::fs::read(&captures[0]).unwrap());
    let (total, captures) = (captures.len(), Arc::new(Mutex::new(captures.into_iter().enumerate())));
    let (runs, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let (captures, other, copies) = (Arc::clone(&captures), Arc::clone(&other), copies.clone());
            let (runs, refused) = (Arc::clone(&runs), Arc::clone(&refused));
            tokio::spawn(async move {
                let folder = tempfile::tempdir().unwrap();
                loop {
                    let next = captures.lock().unwrap().next();
                    let Some((number, capture)) = next else { return };
                    let whole = std::fs::read(&capture).unwrap();
                    for copy in copies.clone() {
                        let seed = (number + 1) as u64 * 100_003 + copy as u64;
                        let damage = DAMAGES[copy % DAMAGES.len()];
                        let damaged = Random(seed).damage(&whole, &other, damage);
                        let what = format!("{} damaged: {damage:?}, {seed}", capture.display());
                        let is_refused = !come_to_an_end(&capture, &damaged, copy, folder.path(), &what).await;
                        runs.fetch_add(1, Ordering::Relaxed);
                        refused.fetch_add(usize::from(is_refused), Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("every damage came to an end");
    }
    let (runs, refused) = (runs.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
    println!("{runs} damages of {total} captures, {refused} refused, {} MiB at most", memory() >> 20);
    assert_eq!(runs, total * copies.len());
    refused
}

/// One damaged capture through the whole program; whether it was analysed.
async fn come_to_an_end(capture: &Path, damaged: &[u8], copy: usize, folder: &Path, what: &str) -> bool {
    let path = folder.join("damaged");
    std::fs::write(&path, damaged).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_iotcap"));
    command.args(["--format", "json", "--ipv6", "-p", "8883", "-p", "1883"]).arg(&path).env("NO_COLOR", "1");
    let keys = capture.with_extension("keys");
    if keys.exists() {
        command.arg("--keylog").arg(keys);
    }
    // Ever so often all else that iotcap writes, too.
    if copy.is_multiple_of(7) {
        command.args(everything_else(folder));
    }
    // It ends in time, or this does.
    let output = support::run(&mut command).await;
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(memory() < MEMORY, "{what}: {} MiB", memory() >> 20);
    match output.status.code() {
        Some(0) => {
            serde_json::from_slice::<serde_json::Value>(&output.stdout)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            true
        }
        Some(2) => {
            assert_eq!(error.trim_end().lines().count(), 1, "{what}: {error}");
            false
        }
        status => panic!("{what}: {status:?}: {error}"),
    }
}

/// The other formats, and a recording.
fn everything_else(folder: &Path) -> Vec<OsString> {
    let names = FormatName::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let reports = names.flat_map(|name| {
        let to = folder.join(name.get_name());
        [OsString::from("--report"), format!("{}={}", name.get_name(), to.display()).into()]
    });
    reports.chain(["-w".into(), folder.join("written.pcapng").into()]).collect()
}

/// The most memory that a child of this process ever had, in bytes.
fn memory() -> u64 {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN).expect("the usage");
    // Linux counts in KiB, macOS in bytes.
    u64::try_from(usage.max_rss()).expect("a size") * if cfg!(target_os = "macos") { 1 } else { 1024 }
}

impl Random {
    fn part(&mut self, of: usize) -> Range<usize> {
        let start = self.below(of);
        start..start + self.below(of - start)
    }

    fn damage(&mut self, whole: &[u8], other: &[u8], damage: Damage) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        if bytes.is_empty() {
            return bytes;
        }
        // The first numbers of small seeds are alike.
        (0..8).for_each(|_| _ = self.below(1));
        match damage {
            Damage::BitsTurned => {
                for _ in 0..=self.below(32) {
                    let place = self.below(bytes.len());
                    bytes[place] ^= 1 << self.below(8);
                }
            }
            Damage::BytesChanged => {
                for _ in 0..=bytes.len() / 200 {
                    let place = self.below(bytes.len());
                    bytes[place] = bytes[place].wrapping_add(self.below(256).to_le_bytes()[0]);
                }
            }
            Damage::EndCutOff => bytes.truncate(self.below(whole.len())),
            Damage::BytesTakenOut => _ = bytes.drain(self.part(whole.len())),
            Damage::BytesOfAnother => {
                let place = self.below(bytes.len());
                bytes.splice(place..place, other[self.part(other.len())].iter().copied());
            }
            Damage::BlockTwice | Damage::BlockTakenOut | Damage::BlockMoved => self.damage_block(&mut bytes, damage),
            Damage::LengthChanged => self.change_length(&mut bytes),
        }
        bytes
    }

    fn damage_block(&mut self, bytes: &mut Vec<u8>, damage: Damage) {
        let blocks = blocks(bytes);
        if blocks.is_empty() {
            return;
        }
        let block = blocks[self.below(blocks.len())].clone();
        let copy = bytes[block.clone()].to_vec();
        let to = blocks[self.below(blocks.len())].start;
        if damage == Damage::BlockTakenOut || damage == Damage::BlockMoved && to <= block.start {
            bytes.drain(block.clone());
        }
        if damage != Damage::BlockTakenOut {
            bytes.splice(to..to, copy);
        }
        if damage == Damage::BlockMoved && to > block.start {
            bytes.drain(block);
        }
    }

    /// The length of a block or of what was captured in it: a little wrong, very wrong, or at an end of its range.
    fn change_length(&mut self, bytes: &mut [u8]) {
        let blocks = blocks(bytes);
        if blocks.is_empty() {
            return;
        }
        let block = blocks[self.below(blocks.len())].clone();
        // pcapng, 4.1 and 4.3: block total length, its copy at the end, captured length, original length. pcap: both lengths.
        let places: &[usize] = if is_pcapng(bytes) { &[4, block.len().saturating_sub(4), 20, 24] } else { &[8, 12] };
        let place = block.start + places[self.below(places.len())];
        let Some(field) = bytes.get_mut(place..place + 4) else { return };
        let length = u32::from_le_bytes([field[0], field[1], field[2], field[3]]);
        let wrong = [0, 1, length.wrapping_sub(1), length.wrapping_add(4), length << 1, 0x7fff_ffff, u32::MAX];
        field.copy_from_slice(&wrong[self.below(wrong.len())].to_le_bytes());
    }
}

fn is_pcapng(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a])
}

/// The blocks of a pcapng file, or the records of a pcap file; none where it is compressed or no capture.
fn blocks(bytes: &[u8]) -> Vec<Range<usize>> {
    let is_ng = is_pcapng(bytes);
    let is_little = match bytes.get(if is_ng { 8..12 } else { 0..4 }) {
        Some([0x4d, 0x3c, 0x2b, 0x1a] | [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1]) => true,
        Some([0x1a, 0x2b, 0x3c, 0x4d] | [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d]) => false,
        _ => return Vec::new(),
    };
    let (mut at, field, header) = if is_ng { (0, 4, 0) } else { (24, 8, 16) };
    let mut blocks = Vec::new();
    while let Some(length) = bytes.get(at + field..at + field + 4) {
        let length: [u8; 4] = length.try_into().expect("four bytes");
        let length = if is_little { u32::from_le_bytes(length) } else { u32::from_be_bytes(length) };
        let end = at + header + length as usize;
        if end <= at || end > bytes.len() {
            break;
        }
        blocks.push(at..end);
        at = end;
    }
    blocks
}
