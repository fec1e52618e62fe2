//! Secrets: read wherever they stand, shown nowhere; and payloads, which are shown on demand only.

use super::{captures, keys_of};
use clap::ValueEnum;
use iotcap::cli::FormatName;
use std::ffi::OsString;

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
        let (keys, capture) = (folder.join("capture.keys"), folder.join("capture.pcapng"));
        let formats = FormatName::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let reports: Vec<_> = formats
            .map(|format| {
                (format.get_name().to_owned(), temporary.path().join(format!("{name}.{}", format.get_name())))
            })
            .collect();
        let mut arguments: Vec<OsString> = ["-vv", "--payload", "64", "--keylog"].map(OsString::from).into();
        arguments.extend([keys.into_os_string(), capture.into_os_string()]);
        for (format, path) in &reports {
            arguments.extend(["--report".into(), format!("{format}={}", path.display()).into()]);
        }
        let output = captures::iotcap(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut printed =
            vec![("standard output".to_owned(), output.stdout), ("standard error".to_owned(), output.stderr)];
        for (format, path) in reports {
            printed.push((format, std::fs::read(path).expect("a report")));
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
