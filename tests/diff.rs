//! `iotcap diff` on pairs of recordings whose one difference is known.

mod captures;

use captures::{common_junit_form, fixtures, hold_against_form, iotcap};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    fixtures().join(name).join("capture.pcapng")
}

fn recorded(folder: &Path, scenario: &str) -> PathBuf {
    let path = folder.join(format!("{scenario}.pcapng"));
    assert!(iotcap(["lab".as_ref(), scenario.as_ref(), "-w".as_ref(), path.as_os_str()]).status.success());
    path
}

fn diff(a: &Path, b: &Path, options: &[&str]) -> (Option<i32>, String) {
    let arguments = ["diff".as_ref(), a.as_os_str(), b.as_os_str()].into_iter();
    let output = iotcap(arguments.chain(options.iter().map(AsRef::as_ref)));
    (output.status.code(), String::from_utf8(output.stdout).expect("text"))
}

fn in_json(a: &Path, b: &Path) -> Value {
    serde_json::from_str(&diff(a, b, &["--format", "json"]).1).expect("JSON")
}

fn difference<'v>(diff: &'v Value, what: &str) -> &'v Value {
    let mut all = diff["pairs"].as_array().expect("pairs").iter().filter_map(|pair| pair["differences"].as_array());
    let found = all.find_map(|differences| differences.iter().find(|one| one["what"] == what));
    found.unwrap_or_else(|| panic!("{what} does not differ in {diff:#}"))
}

#[test]
fn the_first_line_says_the_difference_that_matters() {
    let (status, text) = diff(&fixture("paho-tls12"), &fixture("client-cert-foreign-tls12"), &[]);
    assert_eq!(status, Some(0));
    assert_eq!(
        text.lines().next(),
        Some(
            "A works, B fails: both reach client-flight; then in A the server sends change_cipher_spec (frame 11), \
             in B the alert fatal unknown_ca (48) (frame 11)."
        )
    );
    assert!(text.contains("O=Elsewhere, CN=Foreign Root"), "{text}");
}

#[test]
fn silence_is_a_difference_too() {
    let folder = tempfile::tempdir().unwrap();
    let works = recorded(folder.path(), "healthy-tls13");
    let silent = in_json(&works, &recorded(folder.path(), "connack-missing-tls13"));
    assert_eq!(silent["pairs"][0]["parting"]["by"], "server");
    assert_eq!(silent["pairs"][0]["parting"]["a"]["kind"], "connack");
    assert_eq!(silent["pairs"][0]["parting"]["b"], Value::Null);
    let unanswered = in_json(&works, &recorded(folder.path(), "syn-unanswered"));
    assert_eq!(unanswered["pairs"][0]["parting"]["a"]["kind"], "syn_ack");
    assert_eq!(unanswered["pairs"][0]["parting"]["both_reach"], "syn");
}

#[test]
fn parameters_differ_where_both_are_known() {
    let (a, b) = (fixture("paho-tls12"), fixture("paho-tls13"));
    let diff = in_json(&a, &b);
    let version = difference(&diff, "TLS version");
    assert_eq!((&version["a"], &version["b"]), (&"1.2".into(), &"1.3".into()));
    assert_eq!(diff["pairs"][0]["parting"], Value::Null, "both work");
}

#[test]
fn a_capture_does_not_differ_from_itself() {
    for name in ["paho-tls12", "fleet", "client-cert-foreign-tls12", "midstream"] {
        let diff = in_json(&fixture(name), &fixture(name));
        assert_eq!(diff["headline"], "Nothing differs that matters.", "{name}");
        assert!(diff["pairs"].as_array().unwrap().is_empty() && diff["alike"].as_u64() > Some(0), "{name}: {diff:#}");
    }
}

#[test]
fn what_only_one_has_is_named() {
    let diff = in_json(&fixture("paho-tls12"), &fixture("resumption"));
    let only = diff["only_b"].as_array().unwrap();
    assert_eq!(only.len(), 1);
    assert!(diff["only_a"].as_array().unwrap().is_empty());
}

#[test]
fn exit_status_1_only_where_b_is_worse() {
    let (works, fails) = (fixture("paho-tls12"), fixture("client-cert-foreign-tls12"));
    let status = |a: &Path, b: &Path, options: &[&str]| diff(a, b, options).0;
    assert_eq!(status(&works, &fails, &["--fail-on", "failed"]), Some(1));
    assert_eq!(status(&fails, &works, &["--fail-on", "failed"]), Some(0));
    assert_eq!(status(&fails, &fails, &["--fail-on", "degraded"]), Some(0));
    assert_eq!(status(&works, &fails, &[]), Some(0));
    assert_eq!(status(&works, Path::new("missing.pcapng"), &[]), Some(2));
}

/// Every format, and what it says of this pair.
const FORMATS: [(&str, &str); 7] = [
    ("text", "  client certificate    A  C=US"),
    ("markdown", "| client certificate | C=US"),
    ("github", "::error title=iotcap diff::A works, B fails: both reach client-flight"),
    ("json", "\"schema\":\"iotcap.diff/1\""),
    ("jsonl", "\"schema\":\"iotcap.diff/1\""),
    ("junit", "<failure message=\"A works, B fails: both reach client-flight"),
    ("html", "<h1>A works, B fails: both reach client-flight"),
];

#[test]
fn every_format_says_it_on_standard_output_and_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let (works, fails) = (fixture("paho-tls12"), fixture("client-cert-foreign-tls12"));
    let targets = FORMATS.map(|(format, _)| format!("--report={format}={}", folder.path().join(format).display()));
    diff(&works, &fails, &targets.each_ref().map(String::as_str));
    for (format, part) in FORMATS {
        let text = diff(&works, &fails, &["--format", format]).1;
        assert!(text.contains(part), "{format}:\n{text}");
        assert_eq!(std::fs::read_to_string(folder.path().join(format)).unwrap(), text, "{format}");
    }
}

#[test]
fn a_line_a_pair_and_then_the_rest() {
    let text = diff(&fixture("paho-tls12"), &fixture("client-cert-foreign-tls12"), &["--format", "jsonl"]).1;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut whole = in_json(&fixture("paho-tls12"), &fixture("client-cert-foreign-tls12"));
    assert_eq!(whole["pairs"].as_array().unwrap(), &lines[..lines.len() - 1]);
    whole.as_object_mut().unwrap().remove("pairs");
    assert_eq!(Some(&whole), lines.last());
}

#[test]
fn a_pair_is_a_test_case_that_fails_where_b_is_worse() {
    let (works, fails) = (fixture("paho-tls12"), fixture("client-cert-foreign-tls12"));
    let cases = |a: &Path, b: &Path| {
        let report = diff(a, b, &["--format", "junit"]).1;
        if let Some(form) = common_junit_form() {
            hold_against_form(&report, &form);
        }
        ["<testcase ", "<failure ", "<skipped "].map(|element| report.matches(element).count())
    };
    assert_eq!(cases(&works, &fails), [1, 1, 0]);
    assert_eq!(cases(&fails, &works), [1, 0, 0], "better is no failure");
    assert_eq!(cases(&works, &works), [1, 0, 0], "one case for all that are alike");
    assert_eq!(cases(&works, &fixture("resumption")), [2, 0, 1], "one has no counterpart");
}

/// Both captures name one server, one client and one device: so do the pseudonyms, in every format.
#[test]
fn pseudonyms_are_the_same_in_both_and_nothing_else_is_told() {
    let (works, fails) = (fixture("paho-tls12"), fixture("client-cert-foreign-tls12"));
    for (format, _) in FORMATS {
        let text = diff(&works, &fails, &["--redact", "--format", format]).1;
        for original in [
            "192.0.2.10",
            "a1lab0example",
            "sensor-17",
            "Lab Devices",
            "Foreign Root",
            "paho-tls12",
            "client-cert-foreign",
        ] {
            assert!(!text.contains(original), "{original} in {format}:\n{text}");
        }
    }
    let text = diff(&works, &fails, &["--redact", "--format", "json"]).1;
    let redacted: Value = serde_json::from_str(&text).unwrap();
    let what = |diff: &Value| -> Vec<String> {
        diff["pairs"][0]["differences"].as_array().unwrap().iter().map(|one| one["what"].to_string()).collect()
    };
    assert_eq!(what(&redacted), what(&in_json(&works, &fails)), "neither more nor less differs");
    assert_eq!((&redacted["a"]["source"], &redacted["b"]["source"]), (&"capture A".into(), &"capture B".into()));
}
