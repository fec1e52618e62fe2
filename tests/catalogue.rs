//! Every scenario of the lab ends in the verdict that its `wire.toml` promises, with the secrets that are in the recording; and
//! without them in that verdict, in a weaker one, or in none, but never in a wrong one that calls itself proven.
//!
//! The promises are made from the catalogue of findings and are never rewritten by a test.

mod captures;

use iotcap::commands::explain;
use iotcap::diagnosis::doc::HEADINGS;
use iotcap::diagnosis::rules;
use iotcap::lab::scenario::Expect;
use iotcap::lab::{self, Scenario};
use serde_json::Value;

#[test]
fn every_scenario_ends_in_the_promised_verdict() {
    let wrong = over_all_scenarios(promised, false);
    assert!(wrong.is_empty(), "{} promises are not kept\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn without_secrets_nothing_false_is_called_proven() {
    let wrong = over_all_scenarios(false_proofs, true);
    assert!(wrong.is_empty(), "{} false proofs\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_above_a_note_on_healthy_traffic() {
    for without_secrets in [false, true] {
        let wrong = over_all_scenarios(alarms, without_secrets);
        assert!(wrong.is_empty(), "{} false alarms\n{}", wrong.len(), wrong.join("\n"));
    }
}

#[test]
fn every_finding_is_documented_once() {
    let mut seen = std::collections::BTreeSet::new();
    for rule in rules::ALL {
        assert!(seen.insert(rule.id) && seen.insert(rule.code), "{} or {} is used twice", rule.id, rule.code);
        let doc = rule.doc();
        assert!(!doc.title.is_empty(), "{} has no title", rule.id);
        for heading in HEADINGS {
            assert!(!doc.text(heading).is_empty(), "{} has no section {heading:?}", rule.id);
        }
        for heading in ["Likely causes", "What to do"] {
            assert!(!doc.items(heading, None).is_empty(), "{} lists nothing under {heading:?}", rule.id);
        }
        for superseded in rule.supersedes {
            assert!(rules::find(superseded).is_some(), "{} supersedes {superseded}, which does not exist", rule.id);
        }
    }
}

#[test]
fn the_list_of_findings_is_what_explain_prints() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/findings.md");
    let printed = explain::all();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &printed).expect("docs/findings.md is written");
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == printed,
        "UPDATE_EXPECT=1 writes docs/findings.md anew"
    );
}

/// Plays every scenario and collects what `check` finds wrong in the report of it.
fn over_all_scenarios(check: impl Fn(&Scenario, &Value) -> Vec<String>, without_secrets: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for entry in lab::catalogue() {
        let mut scenario = entry.scenario().expect("a scenario of the catalogue");
        scenario.capture.without_secrets = without_secrets;
        let mut recorded = Vec::new();
        lab::run(&scenario).expect("it plays").write_pcapng(&mut recorded).expect("memory");
        let report = match analysed(&recorded, &["-p", "8883", "-p", "443", "-p", "1883"]) {
            // On a port that nobody named, it takes a filter to look at the connection.
            report if connections(&report).is_empty() && !scenario.expect.is_empty() => {
                analysed(&recorded, &["-f", "tcp"])
            }
            report => report,
        };
        wrong.extend(check(&scenario, &report).into_iter().map(|text| format!("{}: {text}", entry.name)));
    }
    wrong
}

fn analysed(recorded: &[u8], selection: &[&str]) -> Value {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_iotcap"))
        .args(["-r", "-", "--format", "json"])
        .args(selection)
        .write_stdin(recorded)
        .unwrap();
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn promised(scenario: &Scenario, report: &Value) -> Vec<String> {
    let connections = connections(report);
    let mut wrong = Vec::new();
    if connections.len() != scenario.expect.len() {
        wrong.push(format!("{} connections, promised {}", connections.len(), scenario.expect.len()));
    }
    for (number, (promise, told)) in scenario.expect.iter().zip(connections).enumerate() {
        wrong.extend(broken(promise, told).into_iter().map(|text| format!("connection {}: {text}", number + 1)));
    }
    let groups: Vec<&str> =
        report["groups"].as_array().into_iter().flatten().filter_map(|group| group["id"].as_str()).collect();
    let missing = scenario.expect_groups.iter().filter(|id| !groups.contains(&id.as_str()));
    wrong.extend(missing.map(|id| format!("{id} is not told of the capture; told are {groups:?}")));
    wrong
}

/// What a connection was promised and is not.
fn broken(promise: &Expect, told: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut hold = |name: &str, promised: Option<&str>, told: &Value| {
        if told.as_str() != promised {
            wrong.push(format!("{name} {told}, promised {promised:?}"));
        }
    };
    hold("outcome", Some(&promise.outcome), &told["outcome"]);
    hold("stopped_in", promise.stopped_in.as_deref(), &told["stopped_in"]);
    for (name, promised, told) in [
        ("closed by", &promise.closed_by, &told["closed"]["by"]),
        ("closed how", &promise.how, &told["closed"]["how"]),
        ("confidence", &promise.confidence, &told["confidence"]),
    ] {
        if promised.is_some() {
            hold(name, promised.as_deref(), told);
        }
    }
    if !is_right_cause(promise, &told["cause"]) {
        wrong.push(format!("cause {}, promised {:?} or {:?}", told["cause"], promise.cause, promise.cause_any));
    }
    let ids: Vec<&str> = findings(told).filter_map(|finding| finding["id"].as_str()).collect();
    let missing = promise.also.iter().filter(|id| !ids.contains(&id.as_str()));
    wrong.extend(missing.map(|id| format!("{id} is not among {ids:?}")));
    wrong
}

fn false_proofs(scenario: &Scenario, report: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (promise, told) in scenario.expect.iter().zip(connections(report)) {
        for finding in
            findings(told).filter(|finding| finding["severity"] == "error" && finding["confidence"] == "proven")
        {
            if !is_right_cause(promise, &finding["id"]) && !promise.also.iter().any(|id| finding["id"] == id.as_str()) {
                wrong.push(format!("{} is called proven", finding["id"]));
            }
        }
    }
    wrong
}

fn alarms(scenario: &Scenario, report: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (promise, told) in scenario.expect.iter().zip(connections(report)) {
        let healthy = promise.outcome == "ok" && promise.cause.is_none();
        for finding in findings(told).filter(|finding| healthy && finding["severity"] != "note") {
            if !promise.also.iter().any(|id| finding["id"] == id.as_str()) {
                wrong.push(format!("{} {} ({})", finding["severity"], finding["id"], finding["message"]));
            }
        }
    }
    wrong
}

fn is_right_cause(promise: &Expect, told: &Value) -> bool {
    told.as_str() == promise.cause.as_deref() || promise.cause_any.iter().any(|id| told == id.as_str())
}

fn connections(report: &Value) -> &[Value] {
    report["connections"].as_array().expect("connections")
}

fn findings(connection: &Value) -> impl Iterator<Item = &Value> {
    connection["findings"].as_array().into_iter().flatten()
}
