//! Reading real captures: every file of the folder that IOTCAP_CORPUS names, beside Wireshark's capinfos.

use iotcap::source;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a file comes to: the number of its last frame, the sum of original lengths, the earliest and latest time in
/// nanoseconds.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    frames: u64,
    bytes: u64,
    times: Option<(i64, i64)>,
}

/// What we read; or the sentence that tells of damage or of a refusal.
fn ours(path: &Path) -> Result<Sums, String> {
    let mut source = source::open(&[path.to_owned()]).map_err(|error| error.to_string())?;
    let mut sums = Sums::default();
    while let Some(frame) = source.next_frame() {
        assert!(frame.id.number() > sums.frames, "{}: frame numbers ascend", path.display());
        sums.frames = frame.id.number();
        sums.bytes += u64::from(frame.original_len);
        let at = frame.at.as_nanos();
        let (first, last) = sums.times.unwrap_or((at, at));
        sums.times = Some((first.min(at), last.max(at)));
    }
    match source.info().damaged.first() {
        Some(damage) => Err(format!("{}: {damage}", path.display())),
        None => Ok(sums),
    }
}

/// What capinfos reads, where it reads a pcap or pcapng file to its end.
fn capinfos(path: &Path) -> Option<Sums> {
    let output = Command::new("capinfos").args(["-MTrtcdaeS"]).arg(path).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let [_, kind, frames, bytes, first, last] = text.trim().split('\t').collect::<Vec<_>>().try_into().ok()?;
    let times = nanos(first).zip(nanos(last));
    let sums = Sums { frames: frames.parse().ok()?, bytes: bytes.parse().ok()?, times };
    (output.status.success() && kind.contains("pcap")).then_some(sums)
}

/// Seconds with decimals, as nanoseconds.
fn nanos(seconds: &str) -> Option<i64> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    Some(whole.parse::<i64>().ok()? * 1_000_000_000 + format!("{fraction:0<9}").parse::<i64>().ok()?)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

#[test]
fn every_file_of_the_corpus_is_read_as_wireshark_reads_it() {
    let Some(corpus) = std::env::var_os("IOTCAP_CORPUS") else {
        println!("skipped: IOTCAP_CORPUS names no folder");
        return;
    };
    if Command::new("capinfos").arg("--version").output().is_err() {
        println!("skipped: capinfos is not installed");
        return;
    }
    let mut differing = Vec::new();
    let mut compared = 0;
    for path in files_below(Path::new(&corpus)) {
        match (ours(&path), capinfos(&path)) {
            (ours, None) => {
                println!("not read by capinfos: {}", ours.map_or_else(|refusal| refusal, |sums| format!("{sums:?}")));
            }
            (ours, Some(expected)) => {
                compared += 1;
                if ours.as_ref() != Ok(&expected) {
                    differing.push(format!("{}: {ours:?}, not {expected:?}", path.display()));
                }
            }
        }
    }
    println!("{compared} files compared");
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
