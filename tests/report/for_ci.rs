//! The formats for CI: Markdown for a job's summary, JUnit for its tests, annotations of a GitHub workflow.

use super::{render_whole, samples, summary};
use crate::captures::{common_junit_form, hold_against_form};
use iotcap::report::model::{Connection, Expectation, FrameList, Mismatch, Outcome, Server};
use iotcap::report::{Degraded, Format, Github, Json, Junit, Markdown};
use std::path::Path;

/// Text from the wire that wants to be markup, a command, a mention, or no XML at all.
const NASTY: &str =
    "</details><script>alert(1)</script> | `x` ]]> &amp; @everyone #1 http://evil.example\n::error::x\u{fffe}\0";

fn in_markdown(connections: &[Connection]) -> String {
    render_whole(&mut Markdown::new(50), &samples::capture(), connections, &[samples::takeover()])
}

fn in_junit(connections: &[Connection]) -> String {
    render_whole(&mut Junit::new(Degraded::Passes), &samples::capture(), connections, &[samples::takeover()])
}

fn in_github(connections: &[Connection]) -> String {
    render_whole(&mut Github::default(), &samples::capture(), connections, &[samples::takeover()])
}

fn told() -> Vec<Connection> {
    vec![
        samples::healthy(),
        samples::refused(),
        samples::stuck_syn(),
        degraded(60),
        samples::open_and_decrypted(),
        samples::inconclusive(),
    ]
}

fn degraded(ordinal: u64) -> Connection {
    let slow = "tls-authentication took 734 ms, over its budget of 500 ms";
    let severity = iotcap::report::model::Severity::Warning;
    Connection {
        ordinal,
        outcome: Outcome::Degraded,
        cause: Some("budget-exceeded".to_owned()),
        headline: format!("Connected in 912 ms, but {slow}."),
        findings: vec![samples::finding("budget-exceeded", "BUD001", severity, slow, &[61, 70])],
        ..samples::healthy()
    }
}

fn hostile() -> Connection {
    let mut connection = samples::refused();
    connection.headline = format!("The name was {NASTY}");
    connection.server = Server { name: Some(NASTY.to_owned()), ..connection.server };
    NASTY.clone_into(&mut connection.display_filter.wireshark);
    for finding in &mut connection.findings {
        NASTY.clone_into(&mut finding.message);
        finding.evidence = vec![NASTY.to_owned()];
        finding.causes = vec![NASTY.into()];
        finding.remedy = vec![NASTY.into()];
    }
    connection
}

fn expectations() -> Vec<Expectation> {
    let mismatch = |message: &str, frames: &[u64]| Mismatch {
        connection: Some("1".to_owned()),
        message: message.to_owned(),
        frames: samples::frames(frames),
    };
    vec![
        Expectation {
            name: "sensors connect".to_owned(),
            expected: "at least 1 connection (to *.example), reaches mqtt-session, none fails".to_owned(),
            met: true,
            connections: 2,
            mismatches: Vec::new(),
            more_mismatches: 0,
        },
        Expectation {
            name: "in time".to_owned(),
            expected: "at least 1 connection (all connections), tls-authentication within 500 ms, none fails"
                .to_owned(),
            met: false,
            connections: 12,
            mismatches: vec![
                mismatch(
                    "connection 1 (192.0.2.10:1 → broker.example:8883): tls-authentication took 734 ms, 500 ms are allowed",
                    &[6, 11],
                ),
                Mismatch { connection: None, message: "too few".to_owned(), frames: FrameList::default() },
            ],
            more_mismatches: 3,
        },
    ]
}

fn with_expectations(format: &mut dyn Format) -> String {
    let (connections, mut out) = ([samples::healthy(), samples::refused()], Vec::new());
    let mut summary = summary(&connections);
    summary.unmet_expectations = Some(1);
    format.begin(&mut out).unwrap();
    for connection in &connections {
        format.connection(connection, &mut out).unwrap();
    }
    format.judged(&expectations());
    format.finish(&samples::capture(), &summary, &[], &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Holds a report against the form that CI servers read: the common one, and a stricter one of our own.
#[track_caller]
fn check_against_the_form(report: &str) {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/junit.xsd");
    hold_against_form(report, Path::new(own));
    if let Some(common) = common_junit_form() {
        hold_against_form(report, &common);
    }
}

#[test]
fn a_job_summary_has_the_verdicts_first() {
    insta::assert_snapshot!(in_markdown(&told()));
}

#[test]
fn nothing_from_the_wire_is_markdown() {
    let report = in_markdown(&[hostile()]);
    // In code, all of it shows itself.
    let outside: String = report.lines().map(without_code).collect::<Vec<_>>().join("\n");
    for acting in ["<script", "@everyone", "#1", "http://", "\n::"] {
        assert!(!outside.contains(acting), "{acting} in\n{report}");
    }
    assert_eq!(outside.matches("</details>").count(), 1, "{report}");
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let rows: Vec<&str> = report.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 3 && rows.iter().all(|row| cells(row) == 7), "{rows:#?}");
}

/// A line without its code: what stands between runs of as many backticks (CommonMark, 6.1).
fn without_code(line: &str) -> String {
    let (mut shown, mut rest) = (String::new(), line);
    while let Some(at) = rest.find('`') {
        let escaped = rest[..at].ends_with('\\');
        let run = if escaped { 1 } else { rest[at..].len() - rest[at..].trim_start_matches('`').len() };
        shown.push_str(&rest[..at]);
        rest = &rest[at + run..];
        if !escaped && let Some(end) = end_of_code(rest, run) {
            rest = &rest[end..];
        }
    }
    shown + rest
}

fn end_of_code(text: &str, run: usize) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].find('`') {
        let start = from + at;
        let len = text[start..].len() - text[start..].trim_start_matches('`').len();
        if len == run {
            return Some(start + len);
        }
        from = start + len;
    }
    None
}

#[test]
fn a_job_summary_keeps_to_its_limit_and_says_so() {
    let mut connections = vec![samples::healthy(); 3];
    for (ordinal, connection) in connections.iter_mut().enumerate() {
        connection.ordinal = ordinal as u64 + 100;
    }
    connections.push(samples::refused());
    let report = render_whole(&mut Markdown::new(2), &samples::capture(), &connections, &[]);
    assert_eq!(report.matches("| ✅ ok").count(), 1, "{report}");
    assert_eq!(report.matches("| ❌ failed").count(), 1, "{report}");
    assert!(report.contains("2 more connections not listed."), "{report}");
}

#[test]
fn a_connection_is_a_test_case() {
    insta::assert_snapshot!(in_junit(&told()));
}

#[test]
fn test_cases_keep_the_form_whatever_the_wire_says() {
    for connections in [&[][..], &told(), &[hostile()], &[samples::hostile()]] {
        check_against_the_form(&in_junit(connections));
    }
    check_against_the_form(&with_expectations(&mut Junit::new(Degraded::Passes)));
}

#[test]
fn a_degraded_connection_is_a_failed_case_only_on_demand() {
    let failures = |degraded| {
        let report = render_whole(&mut Junit::new(degraded), &samples::capture(), &[self::degraded(1)], &[]);
        report.matches("<failure ").count()
    };
    assert_eq!((failures(Degraded::Passes), failures(Degraded::Fails)), (0, 1));
}

#[test]
fn ten_thousand_cases_are_held_and_the_rest_is_counted() {
    let mut format = Junit::new(Degraded::Passes);
    let connections: Vec<_> =
        (1..=10_005).map(|ordinal| Connection { ordinal, ..samples::connection(ordinal, 1) }).collect();
    let report = render_whole(&mut format, &samples::capture(), &connections, &[]);
    assert_eq!(report.matches("<testcase ").count(), 10_001);
    assert!(report.contains("5 connections without a case of their own"));
}

#[test]
fn annotations_name_what_failed() {
    insta::assert_snapshot!(in_github(&told()));
}

#[test]
fn nothing_from_the_wire_is_a_command_of_the_workflow() {
    for report in [in_github(&[hostile()]), in_github(&[samples::hostile()])] {
        for line in report.lines() {
            let (command, rest) = line.strip_prefix("::").and_then(|rest| rest.split_once(' ')).expect("a command");
            assert!(["error", "warning", "notice"].contains(&command), "{line}");
            let title = rest.strip_prefix("title=").and_then(|rest| rest.split_once("::")).expect("a title").0;
            assert!(!title.contains([',', ':', '\r']), "{line}");
        }
        assert_eq!(report.lines().count(), 3, "{report}");
    }
}

#[test]
fn more_annotations_than_github_shows_are_counted() {
    let many: Vec<_> = (1..=25).map(|ordinal| Connection { ordinal, ..samples::refused() }).collect();
    let report = render_whole(&mut Github::default(), &samples::capture(), &many, &[]);
    assert_eq!(report.matches("::error ").count(), 10);
    assert!(report.ends_with("25 failed; 15 of them without an annotation\n"), "{report}");
}

#[test]
fn expectations_are_told_in_every_format() {
    insta::assert_snapshot!("expectations_in_markdown", with_expectations(&mut Markdown::new(50)));
    insta::assert_snapshot!("expectations_in_junit", with_expectations(&mut Junit::new(Degraded::Passes)));
    insta::assert_snapshot!("expectations_in_github", with_expectations(&mut Github::default()));
    let json: serde_json::Value = serde_json::from_str(&with_expectations(&mut Json::default())).unwrap();
    assert_eq!(json["expectations"][1]["mismatches"][0]["frames"], serde_json::json!([6, 11]));
    assert_eq!(json["summary"]["unmet_expectations"], 1);
    let text = with_expectations(&mut iotcap::report::Text::new(iotcap::report::TextOptions::default()));
    assert!(text.contains("✘ not met   in time: at least 1 connection"), "{text}");
    assert!(text.contains("and 3 more"), "{text}");
}
