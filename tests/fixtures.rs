//! Walks fixtures/: what iotcap prints for each recorded capture, without keys and with them, is what was reviewed.
//!
//! `UPDATE_EXPECT=1 cargo test --test fixtures` writes the expectations anew; read the difference before you commit it.
//! Labels are never rewritten: `tests/labels.rs` holds the reports against them.

mod captures;

use captures::{iotcap, recorded_fixtures};
use std::path::{Path, PathBuf};

#[test]
fn each_fixture_reads_as_it_was_reviewed() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut differing = Vec::new();
    for folder in recorded_fixtures() {
        for (expectation, keys) in variants(&folder) {
            let printed = printed(&folder, keys.as_deref());
            let expected = std::fs::read_to_string(&expectation).unwrap_or_default();
            if update {
                std::fs::write(&expectation, &printed).expect("the expectation is written");
            } else if printed != expected {
                differing.push(format!("{}:\n{}", expectation.display(), first_difference(&expected, &printed)));
            }
        }
    }
    assert!(differing.is_empty(), "{} differ\n{}", differing.len(), differing.join("\n"));
}

/// The expectation without keys, and the one with them where the client gave any.
fn variants(folder: &Path) -> Vec<(PathBuf, Option<PathBuf>)> {
    let mut variants = vec![(folder.join("expected.txt"), None)];
    let keys = folder.join("capture.keys");
    let has_secrets = std::fs::read_to_string(&keys).is_ok_and(|text| text.lines().any(|line| !line.starts_with('#')));
    if has_secrets {
        variants.push((folder.join("expected.keyed.txt"), Some(keys)));
    }
    variants
}

fn printed(folder: &Path, keys: Option<&Path>) -> String {
    let capture = folder.join("capture.pcapng");
    let mut arguments =
        vec!["-v".as_ref(), "-p".as_ref(), "8883".as_ref(), "-p".as_ref(), "443".as_ref(), capture.as_os_str()];
    if let Some(keys) = keys {
        arguments.extend(["--keylog".as_ref(), keys.as_os_str()]);
    }
    let output = iotcap(arguments);
    assert_eq!(output.status.code(), Some(0), "{}: {}", folder.display(), String::from_utf8_lossy(&output.stderr));
    let folder = folder.display().to_string();
    String::from_utf8(output.stdout).expect("text is UTF-8").replace(&format!("{folder}/"), "")
}

fn first_difference(expected: &str, printed: &str) -> String {
    let (mut expected, mut printed) = (expected.lines(), printed.lines());
    for number in 1.. {
        match (expected.next(), printed.next()) {
            (Some(left), Some(right)) if left == right => {}
            (None, None) => break,
            (left, right) => {
                return format!("  line {number}\n  - {}\n  + {}", left.unwrap_or(""), right.unwrap_or(""));
            }
        }
    }
    "  line endings".to_owned()
}
