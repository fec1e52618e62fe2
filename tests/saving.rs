//! `-w`: what is saved from a capture tells the same story as the capture.

mod captures;

use serde_json::Value;

#[test]
fn a_saved_capture_tells_the_same_story() {
    let folder = tempfile::tempdir().unwrap();
    for fixture in ["aws-sdk-publish", "any-interface", "bad-credentials"] {
        let capture = captures::fixtures().join(fixture).join("capture.pcapng");
        let saved = folder.path().join(format!("{fixture}.pcapng"));
        let (capture, saved) = (capture.to_str().unwrap(), saved.to_str().unwrap());
        let original = captures::report([capture, "-w", saved]);
        let again = captures::report([saved]);
        assert!(again["capture"]["damaged"].is_null());
        assert!(again["capture"]["frames"].as_u64() <= original["capture"]["frames"].as_u64());
        assert_eq!(again["capture"]["frames_matched"], original["capture"]["frames_matched"], "{fixture}");
        assert_eq!(again["capture"]["link_types"], original["capture"]["link_types"], "{fixture}");
        assert_eq!(story(&again), story(&original), "{fixture}");
    }
}

#[test]
fn a_capture_is_not_overwritten_while_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("capture.pcapng");
    std::fs::copy(captures::fixtures().join("any-interface/capture.pcapng"), &capture).unwrap();
    let before = std::fs::read(&capture).unwrap();
    let path = capture.to_str().unwrap();
    let output = captures::iotcap([path, "-w", path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is being read: save to another file"));
    assert_eq!(std::fs::read(&capture).unwrap(), before);
}

/// All that does not name frames, whose numbers change.
fn story(report: &Value) -> Vec<[String; 6]> {
    let connections = report["connections"].as_array().expect("connections");
    assert!(!connections.is_empty());
    let fields = ["client", "server", "started", "outcome", "headline", "timings"];
    connections.iter().map(|connection| fields.map(|field| connection[field].to_string())).collect()
}
