//! An archive that is cut into files, dealt out to shares and analysed share by share gives the same connections as one run over
//! all of its files.

mod captures;

use captures::recorded_fixtures;
use captures::rotated::{Cut, cut};
use clap::Parser;
use etherparse::PacketBuilder;
use iotcap::cli::{Cli, Command};
use iotcap::commands::split;
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::lab;
use iotcap::source;
use iotcap::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The connections of a run, by their ids.
fn rows(arguments: &[String]) -> Vec<Value> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let report = format!("--report=json={}", file.path().display());
    let words = ["iotcap".to_owned(), "-q".to_owned(), report].into_iter().chain(arguments.iter().cloned());
    let cli = Cli::try_parse_from(words).expect("arguments");
    iotcap::analyze::analyze(&cli.analyze).expect("a report");
    let report: Value = serde_json::from_slice(&fs::read(file.path()).expect("a report")).expect("JSON");
    sorted(report["connections"].as_array().expect("connections").clone())
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(|row| row["id"].as_str().expect("an id").to_owned());
    rows
}

fn words<'a>(more: &[&str], paths: impl IntoIterator<Item = &'a PathBuf>) -> Vec<String> {
    let paths = paths.into_iter().map(|path| path.display().to_string());
    more.iter().map(ToString::to_string).chain(paths).collect()
}

/// The same connections, from groups of consecutive files that are split into shares.
fn rows_by_shares(groups: &[&[PathBuf]], shares: usize, more: &[&str]) -> Vec<Value> {
    rows_alone_and_together(groups, shares, more)[1].clone()
}

/// The same, before the shares know of one another, and then.
fn rows_alone_and_together(groups: &[&[PathBuf]], shares: usize, more: &[&str]) -> [Vec<Value>; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let folders: Vec<_> = (0..groups.len()).map(|index| folder.path().join(index.to_string())).collect();
    let mut first_file = 0;
    for (group, folder) in groups.iter().zip(&folders) {
        let to =
            [format!("--into={shares}"), format!("--to={}", folder.display()), format!("--first-file={first_file}")];
        let arguments = ["iotcap", "split"].map(str::to_owned).into_iter().chain(to).chain(words(more, *group));
        let Some(Command::Split(arguments)) = Cli::try_parse_from(arguments).expect("arguments").command else {
            panic!("no split")
        };
        split::run(&arguments).expect("pieces");
        first_file += group.len();
    }
    let carry = |share: usize| folder.path().join(format!("carry-{share}"));
    let of_share = |share: usize| {
        let pieces: Vec<_> = folders.iter().map(|folder| folder.join(format!("{share}.pcapng"))).collect();
        let mut arguments = words(more, &pieces);
        arguments.extend([format!("--share={share}/{shares}"), "--pieces".to_owned()]);
        arguments
    };
    let alone = |share: usize| {
        let out = format!("--carry-out={}", carry(share).display());
        rows(&of_share(share).into_iter().chain([out]).collect::<Vec<_>>())
    };
    let alone = (1..=shares).flat_map(alone).collect();
    let with_the_others = |share: usize| {
        let others =
            (1..=shares).filter(|other| *other != share).map(|other| format!("--carry-in={}", carry(other).display()));
        rows(&of_share(share).into_iter().chain(others).collect::<Vec<_>>())
    };
    [alone, (1..=shares).flat_map(with_the_others).collect()].map(sorted)
}

/// Groups of consecutive files, cut at places of their list.
fn grouped(files: &[PathBuf], size: usize) -> Vec<&[PathBuf]> {
    files.chunks(size.max(1)).collect()
}

fn frames_of(capture: &Path) -> usize {
    let mut source = source::open(&[capture.to_owned()]).expect("a capture");
    std::iter::from_fn(|| source.next_frame().map(|_| ())).count()
}

#[test]
fn every_fixture_cut_after_each_few_frames_reads_alike_by_shares() {
    let options = ["-p=8883", "-p=443", "-p=1883", "--ipv6"];
    let mut connections = 0;
    for (index, fixture) in recorded_fixtures().into_iter().enumerate() {
        let folder = tempfile::tempdir().expect("a folder");
        let capture = fixture.join("capture.pcapng");
        // Ever other places, so that each phase is cut in some of them.
        let places: Vec<usize> = (index % 5 + 1..frames_of(&capture)).step_by(11 + index % 7).collect();
        let files = cut(&fs::read(&capture).expect("a capture"), &places, folder.path());
        let whole = rows(&words(&options, &files));
        connections += whole.len();
        let by_shares = rows_by_shares(&grouped(&files, 1 + index % 3), 2 + index % 3, &options);
        assert!(by_shares == whole, "another report by shares: {}", fixture.display());
    }
    assert!(connections > 90, "only {connections} connections");
}

/// Many copies of scenarios that have in them whatever shares have to agree on.
fn mixture(copies: u32) -> Vec<u8> {
    const SCENARIOS: [&str; 9] = [
        "healthy-port-reuse-tls13",
        "healthy-with-name-tls13",
        "icmp-unreachable-prohibited",
        "client-certificate-expired-tls12",
        "syn-unanswered",
        "session-taken-over-tls12",
        "session-taken-over-tls13",
        "healthy-link-vlan",
        "healthy-long-session-tls13",
    ];
    let recordings: Vec<_> = SCENARIOS
        .iter()
        .map(|name| lab::find(name).unwrap_or_else(|| panic!("no scenario {name}")))
        .map(|entry| lab::run(&entry.scenario().expect("a scenario")).expect("a recording"))
        .collect();
    let mut capture = Vec::new();
    lab::multiply(&recordings, copies, 7, &mut capture).expect("copies");
    capture
}

#[test]
fn sessions_that_another_share_took_over_are_told_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = cut(&mixture(8), &[100, 300, 700], folder.path());
    let is_taken_over = |row: &&Value| row["cause"] == "session-taken-over";
    let whole = rows(&words(&[], &files));
    assert!(whole.iter().filter(is_taken_over).count() >= 8, "takeovers in one run");
    let [alone, together] = rows_alone_and_together(&grouped(&files, 1), 8, &[]);
    assert!(alone.iter().filter(is_taken_over).count() < whole.iter().filter(is_taken_over).count());
    assert!(together == whole, "another report by shares");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn a_fleet_cut_anywhere_reads_alike_by_any_number_of_shares(
        places in vec(any::<Index>(), 1..20),
        in_a_group in 1_usize..5,
        shares in 1_usize..10,
    ) {
        let capture = mixture(6);
        let frames = 6 * 9 * 20;
        let places: Vec<usize> = places.iter().map(|place| 1 + place.index(frames)).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let files = cut(&capture, &places, folder.path());
        let whole = rows(&words(&[], &files));
        prop_assert!(whole.len() >= 54);
        prop_assert!(rows_by_shares(&grouped(&files, in_a_group), shares, &[]) == whole);
    }
}

/// A SYN of a client, so many milliseconds after the first one.
fn syn(client: u16, millis: u64) -> (u64, Vec<u8>) {
    let mut data = Vec::new();
    PacketBuilder::ethernet2([2; 6], [3; 6])
        .ipv4([192, 0, 2, 1], [192, 0, 2, 250], 64)
        .tcp(client, 8883, 7, 64_000)
        .syn()
        .write(&mut data, &[])
        .expect("memory");
    (millis, data)
}

fn capture_of(frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut file = Cut::begin();
    for (millis, data) in frames {
        let at = Timestamp::from_secs(1_700_000_000) + Duration::from_millis(*millis);
        let original_len = u32::try_from(data.len()).expect("a short frame");
        file.add(&Frame { id: FrameId::new(0, 1), at, link_type: LinkType::ETHERNET, original_len, data });
    }
    file.into_bytes()
}

#[test]
fn what_has_expired_depends_on_the_clock_of_the_whole_capture() {
    // A client whose clock stands still in its own share: others go on, step far ahead and back again, and only then it
    // comes again, with the same sequence number. By its own frames it is one connection, by the capture's clock two.
    let others: Vec<u16> = (20_000..20_020).collect();
    let mut frames: Vec<_> = others.iter().map(|client| syn(*client, 0)).collect();
    frames.push(syn(30_000, 10));
    frames.push(syn(others[0], 400_000));
    frames.push(syn(30_000, 20));
    frames.extend(others.iter().map(|client| syn(*client, 30)));
    let folder = tempfile::tempdir().expect("a folder");
    let file = cut(&capture_of(&frames), &[], folder.path());
    let whole = rows(&words(&[], &file));
    let of_client = whole.iter().filter(|row| row["client"]["port"] == 30_000).count();
    assert_eq!(of_client, 2);
    for shares in [1, 2, 7, 64] {
        assert!(rows_by_shares(&grouped(&file, 1), shares, &[]) == whole, "{shares} shares");
    }
}
