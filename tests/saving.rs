//! `-w`: what is saved tells the same story as what was read, to iotcap and to Wireshark.

mod captures;

use captures::{fixtures, have, iotcap, recorded_fixtures, report, tshark};
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::saving::LiveFile;
use iotcap::source::{FileSource, Source};
use iotcap::time::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const PORTS: [&str; 4] = ["-p", "8883", "-p", "443"];

#[test]
fn a_saved_capture_tells_the_same_story() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.pcapng");
    let mut differing = Vec::new();
    for fixture in recorded_fixtures() {
        for keys in [None, Some(fixture.join("capture.keys"))] {
            let Some(original) = save(&fixture, keys.as_deref(), &saved) else { continue };
            // The keys are in the file.
            let again = report(PORTS.map(Path::new).into_iter().chain([saved.as_path()]));
            assert!(again["capture"]["damaged"].is_null(), "{}", fixture.display());
            let same = |field: &str| original["capture"][field] == again["capture"][field];
            let whole = ["link_types", "frames_matched", "dropped", "secrets"].iter().all(|field| same(field));
            if !whole || story(&original["connections"]) != story(&again["connections"]) {
                differing.push(format!("{} (keyed: {})", fixture.display(), keys.is_some()));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn wireshark_shows_findings_at_their_frames() {
    if !have("tshark") || !have("capinfos") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.pcapng");
    let mut findings = 0;
    for fixture in recorded_fixtures() {
        let Some(original) = save(&fixture, Some(&fixture.join("capture.keys")), &saved) else { continue };
        // Numbers differ where frames were left out.
        if original["capture"]["frames"] != original["capture"]["frames_matched"] {
            continue;
        }
        let comments = comments(&saved);
        for connection in original["connections"].as_array().unwrap() {
            for finding in connection["findings"].as_array().unwrap() {
                findings += 1;
                assert_is_told(finding, &comments, &fixture);
            }
        }
        let info = Command::new("capinfos").arg(&saved).output().unwrap();
        let info = String::from_utf8_lossy(&info.stdout).into_owned();
        let count = original["connections"].as_array().unwrap().len();
        assert!(info.contains(&format!("Capture comment:     {count} connection")), "{}: {info}", fixture.display());
    }
    assert!(findings > 40, "only {findings} findings");
}

/// Each frame of a finding carries its code; the first of them its words.
fn assert_is_told(finding: &Value, comments: &BTreeMap<u64, String>, fixture: &Path) {
    let frames: Vec<u64> = finding["frames"].as_array().unwrap().iter().map(|frame| frame.as_u64().unwrap()).collect();
    let label = format!("{} {}", finding["code"].as_str().unwrap(), finding["id"].as_str().unwrap());
    let nothing = String::new();
    let told: Vec<&String> = frames.iter().map(|frame| comments.get(frame).unwrap_or(&nothing)).collect();
    assert!(told.iter().all(|comment| comment.contains(&label)), "{}: {label} at {frames:?}", fixture.display());
    let first = comments.get(frames.iter().min().unwrap()).unwrap();
    for part in [&finding["message"], &finding["severity"], &finding["confidence"]] {
        assert!(first.contains(part.as_str().unwrap()), "{}: {part} is not in {first}", fixture.display());
    }
}

/// What tshark reads of the comments, by frame.
fn comments(capture: &Path) -> BTreeMap<u64, String> {
    tshark(capture, &[], "frame.comment", &["frame.number", "frame.comment"])
        .into_iter()
        .map(|row| (row[0].parse().unwrap(), row[1..].join("\t")))
        .collect()
}

#[test]
fn wireshark_decrypts_a_saved_capture_without_a_key_file() {
    if !have("tshark") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.pcapng");
    let mut packets = 0;
    for name in ["paho-tls12", "paho-tls13", "early-data", "resumption", "fleet", "cbc-sha256"] {
        let (fixture, keys) = (fixtures().join(name), fixtures().join(name).join("capture.keys"));
        save(&fixture, Some(&keys), &saved).unwrap();
        let fields = ["tcp.srcport", "mqtt.msgtype", "mqtt.topic", "mqtt.clientid"];
        let keylog = format!("tls.keylog_file:{}", keys.display());
        let original = tshark(&fixture.join("capture.pcapng"), &[&keylog], "mqtt", &fields);
        assert_eq!(tshark(&saved, &[], "mqtt", &fields), original, "{name}");
        packets += original.len();
    }
    assert!(packets > 50, "only {packets} frames with MQTT");
}

#[test]
fn servers_have_their_names_in_a_saved_capture() {
    if !have("tshark") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.pcapng");
    save(&fixtures().join("early-data"), None, &saved).unwrap();
    let output = Command::new("tshark").args(["-N", "n", "-q", "-z", "hosts", "-r"]).arg(&saved).output().unwrap();
    let hosts = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(hosts.contains("192.0.2.20\tbroker.example"), "{hosts}");
}

#[test]
fn secrets_can_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.pcapng");
    let (saved_path, fixture) = (saved.to_str().unwrap(), fixtures().join("paho-tls13"));
    let (capture, keys) = (fixture.join("capture.pcapng"), fixture.join("capture.keys"));
    let arguments = [capture.to_str().unwrap(), "--keylog", keys.to_str().unwrap(), "-w", saved_path, "--no-secrets"];
    let original = report(arguments);
    assert_eq!(original["connections"][0]["tls"]["decrypted"], true);
    let again = report([saved_path]);
    assert_eq!(again["connections"][0]["tls"]["decrypted"], false);
    let bytes = std::fs::read(&saved).unwrap();
    let secrets = std::fs::read_to_string(&keys).unwrap();
    for secret in secrets.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').nth(2)) {
        assert!(!holds(&bytes, secret.as_bytes()));
    }
}

#[cfg(unix)]
#[test]
fn a_file_with_secrets_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.pcapng");
    let mode = || std::fs::metadata(&saved).unwrap().permissions().mode() & 0o777;
    let fixture = fixtures().join("paho-tls13");
    save(&fixture, None, &saved).unwrap();
    assert_ne!(mode() & 0o044, 0, "without secrets it is a file like others");
    save(&fixture, Some(&fixture.join("capture.keys")), &saved).unwrap();
    assert_eq!(mode(), 0o600);
}

#[test]
fn a_capture_is_not_overwritten_while_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("capture.pcapng");
    std::fs::copy(fixtures().join("any-interface/capture.pcapng"), &capture).unwrap();
    let before = std::fs::read(&capture).unwrap();
    let path = capture.to_str().unwrap();
    let output = iotcap([path, "-w", path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is being read: save to another file"));
    assert_eq!(std::fs::read(&capture).unwrap(), before);
}

#[test]
fn what_fails_leaves_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved.pcapng");
    std::fs::write(&saved, "of old").unwrap();
    let capture = fixtures().join("paho-tls13/capture.pcapng");
    let unwritable = format!("json={}", folder.path().join("missing/report.json").display());
    let arguments = [capture.to_str().unwrap(), "-w", saved.to_str().unwrap(), "--report", &unwritable];
    assert_eq!(iotcap(arguments).status.code(), Some(2));
    assert_eq!(std::fs::read(&saved).unwrap(), b"of old");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing else is left behind");
}

#[test]
fn a_live_capture_that_is_cut_off_anywhere_loses_its_last_frame_at_most() {
    const FRAMES: u64 = 5;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.pcapng");
    let mut saving = LiveFile::create(&path, 65_535, "tcp port 8883").unwrap();
    let mut ends = Vec::new();
    for number in 1..=FRAMES {
        let (id, at) = (FrameId::new(0, number), Timestamp::from_secs(1_700_000_000));
        let data = &[0x45; 21];
        let frame = Frame { id, at, link_type: LinkType::RAW, original_len: 21, data };
        saving.add((0, "tun0"), &frame).unwrap();
        saving.flush().unwrap();
        ends.push(std::fs::metadata(&path).unwrap().len());
    }
    let whole = std::fs::read(&path).unwrap();
    let [.., before, end] = ends[..] else { panic!("several frames") };
    let cut = folder.path().join("cut.pcapng");
    let have_tshark = have("tshark");
    for len in before..end {
        std::fs::write(&cut, &whole[..usize::try_from(len).unwrap()]).unwrap();
        let mut source = FileSource::open(&cut).unwrap();
        let mut frames = 0;
        while source.next_frame().is_some() {
            frames += 1;
        }
        assert_eq!(frames, FRAMES - 1, "cut to {len} bytes");
        assert_eq!(source.info().damaged.len(), usize::from(len > before), "cut to {len} bytes");
        // It takes a quarter of a second each time.
        if have_tshark && len % 4 == 1 {
            let rows = tshark(&cut, &[], "frame", &["frame.number"]);
            assert_eq!(rows.len() as u64, FRAMES - 1, "tshark, cut to {len} bytes");
        }
    }
}

/// Saves a fixture, and gives what was told meanwhile; `None` where there are no such keys.
fn save(fixture: &Path, keys: Option<&Path>, saved: &Path) -> Option<Value> {
    if keys.is_some_and(|keys| !keys.exists()) {
        return None;
    }
    let mut arguments: Vec<PathBuf> = PORTS.map(PathBuf::from).to_vec();
    arguments.extend([fixture.join("capture.pcapng"), "-w".into(), saved.to_owned()]);
    arguments.extend(keys.into_iter().flat_map(|keys| ["--keylog".into(), keys.to_owned()]));
    Some(report(arguments))
}

/// All but the numbers of frames.
fn story(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(story).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !["id", "frame", "frames", "connections"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), story(value)))
            .collect(),
        Value::String(text) if text.contains("frame") => {
            text.chars().filter(|character| !character.is_ascii_digit()).collect::<String>().into()
        }
        other => other.clone(),
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
