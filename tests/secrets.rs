//! Secrets stay with their owner: files that hold them, and what the program's own values print of themselves.

mod captures;

use iotcap::analyzer::{Analyzer, Config};
use iotcap::pipeline::Plan;
use iotcap::source;
use std::path::Path;
use zeroize::ZeroizeOnDrop;

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("the file").permissions().mode() & 0o777
}

#[cfg(unix)]
#[test]
fn a_recording_of_the_lab_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recorded.pcapng");
    let output = captures::iotcap(["lab".as_ref(), "healthy-tls13".as_ref(), "-w".as_ref(), path.as_os_str()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut source = source::open(std::slice::from_ref(&path)).expect("a capture");
    while source.next_frame().is_some() {}
    assert!(!source.info().secrets.is_empty(), "it holds secrets");
    assert_eq!(mode(&path), 0o600);
}

#[cfg(unix)]
#[test]
fn the_publisher_s_key_log_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pki = iotcap::pki::Pki::load_or_create(&folder.path().join("pki"), &[]).expect("certificates");
    let path = folder.path().join("keys.log");
    let ca = pki.ca_certificate();
    // Nobody listens there; the key log is opened before anything is said.
    let output = captures::iotcap([
        "publish".as_ref(),
        "--endpoint".as_ref(),
        "127.0.0.1".as_ref(),
        "--port".as_ref(),
        "1".as_ref(),
        "--ca".as_ref(),
        ca.as_os_str(),
        "--keylog".as_ref(),
        path.as_os_str(),
    ]);
    assert!(!output.status.success());
    assert_eq!(mode(&path), 0o600);
}

/// What holds secrets wipes them when it goes: from a capture on their way to whoever decrypts, and on their way out again.
#[test]
fn secrets_are_wiped_when_they_are_dropped() {
    fn is_wiped<T: ZeroizeOnDrop>(_: &T) {}
    let recording = captures::fixtures().join("paho-tls13");
    let mut source = source::open(&[recording.join("capture.pcapng")]).expect("a capture");
    let mut analyzer = Analyzer::new(Config::default());
    let plan = Plan {
        config: Config::default(),
        secrets: vec![std::fs::read(recording.join("capture.keys")).expect("keys").into()],
        threads: 1,
    };
    plan.secrets.iter().for_each(is_wiped);
    plan.secrets.iter().for_each(|text| analyzer.add_secrets(text));
    while let Some(frame) = source.next_frame() {
        analyzer.push(&frame);
    }
    source.info().secrets.iter().for_each(|block| is_wiped(&block.bytes));
    let used = analyzer.used_secrets();
    is_wiped(&used);
    assert!(!used.is_empty());
}

/// Whoever logs the analyzer with `{:?}` logs no secret: neither as hex nor as numbers.
#[test]
fn what_is_printed_for_debugging_holds_no_secret() {
    for name in ["paho-tls12", "paho-tls13", "cbc-sha256"] {
        let folder = captures::fixtures().join(name);
        let keys = std::fs::read_to_string(folder.join("capture.keys")).expect("keys");
        let mut analyzer = Analyzer::new(Config::default());
        analyzer.add_secrets(keys.as_bytes());
        let mut source = source::open(&[folder.join("capture.pcapng")]).expect("a capture");
        let mut printed = 0;
        while let Some(frame) = source.next_frame() {
            analyzer.push(&frame);
            let text = format!("{analyzer:?}").to_lowercase();
            printed += text.len();
            for secret in keys.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').nth(2)) {
                let bytes: Vec<u8> = (0..8)
                    .map(|place| u8::from_str_radix(&secret[2 * place..2 * place + 2], 16).expect("hex"))
                    .collect();
                let numbers = format!("{bytes:?}");
                assert!(!text.contains(&secret[..16].to_lowercase()), "{name}: a secret is printed as hex");
                assert!(!text.contains(numbers.trim_matches(['[', ']'])), "{name}: a secret is printed as numbers");
            }
        }
        assert!(analyzer.secrets_used() > 0 && printed > 10_000, "{name}");
    }
}
