//! Holds the reports of the recorded fixtures against their labels, without keys and with them.
//!
//! A label (`label.json`) says what is true of a recording in the words of the report. `…_any` lists further values that are
//! right as well, `keyless_any` causes that are right without the keys, `also` a finding that must be there. Labels are never
//! rewritten by a test.

mod captures;

use captures::{recorded_fixtures, report};
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn reports_agree_with_the_labels() {
    let mut wrong = Vec::new();
    for folder in recorded_fixtures() {
        let label: Value =
            serde_json::from_slice(&std::fs::read(folder.join("label.json")).expect("a label")).expect("JSON");
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for keys in [None, Some(folder.join("capture.keys"))] {
            if keys.as_ref().is_some_and(|keys| !keys.exists()) {
                continue;
            }
            let found = compare(&label, &analysed(&folder, keys.as_deref()), keys.is_some());
            wrong.extend(
                found.into_iter().map(|text| format!("{name}{}: {text}", if keys.is_some() { " (keyed)" } else { "" })),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn analysed(folder: &Path, keys: Option<&Path>) -> Value {
    let capture = folder.join("capture.pcapng");
    let mut arguments = vec!["-p".as_ref(), "8883".as_ref(), "-p".as_ref(), "443".as_ref(), capture.as_os_str()];
    arguments.extend(keys.into_iter().flat_map(|keys| ["--keylog".as_ref(), keys.as_os_str()]));
    report(arguments)
}

fn compare(label: &Value, report: &Value, keyed: bool) -> Vec<String> {
    let mut wrong = compare_whole(label, report, keyed);
    let told = report["connections"].as_array().expect("connections");
    if let Some(labels) = label["connections"].as_array() {
        if labels.len() != told.len() {
            wrong.push(format!("{} connections, wanted {}", told.len(), labels.len()));
        }
        for (label, connection) in labels.iter().zip(told) {
            wrong.extend(compare_connection(label, connection, keyed));
        }
    }
    wrong
}

fn compare_connection(label: &Value, connection: &Value, keyed: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let causes = right_values(label, "cause", "cause_any", keyed);
    for (field, any) in [("outcome", "outcome_any"), ("stopped_in", "stopped_any"), ("cause", "cause_any")] {
        let mut right = right_values(label, field, any, keyed);
        if field == "stopped_in" && (connection["outcome"] != "failed" || causes.contains(&Value::Null)) {
            right.push(Value::Null);
        }
        if !right.contains(&connection[field]) {
            wrong.push(format!("{field} {}, wanted one of {}", connection[field], json!(right)));
        }
    }
    let fields = [
        ("closed_by", &connection["closed"]["by"]),
        ("how", &connection["closed"]["how"]),
        ("tls", &connection["tls"]["version"]),
        ("cipher", &connection["tls"]["cipher"]),
        ("resumed", &connection["tls"]["resumed"]),
        ("hello_retry", &connection["tls"]["hello_retry"]),
    ];
    let keyed_fields = [("connack", &connection["mqtt"]["connack_code"]), ("mqtt", &connection["mqtt"]["version"])];
    for (field, value) in fields.into_iter().chain(keyed_fields.into_iter().filter(|_| keyed)) {
        if !label[field].is_null() && label[field] != *value {
            wrong.push(format!("{field} {value}, wanted {}", label[field]));
        }
    }
    let names = |list: &Value, key: &str| -> Vec<Value> {
        list.as_array().into_iter().flatten().map(|item| item[key].clone()).collect()
    };
    if !label["alert"].is_null() && !names(&connection["tls"]["alerts"], "description").contains(&label["alert"]) {
        wrong.push(format!("alert {} is not told", label["alert"]));
    }
    if !label["also"].is_null() && !names(&connection["findings"], "id").contains(&label["also"]) {
        wrong.push(format!("finding {} is not told", label["also"]));
    }
    wrong.extend(false_claims(label, connection, &causes));
    wrong
}

/// Errors and proven warnings on a healthy connection, and errors that call themselves proven and are not true.
fn false_claims(label: &Value, connection: &Value, causes: &[Value]) -> Vec<String> {
    let healthy = causes == [Value::Null] && label["outcome"] == "ok";
    let mut wrong = Vec::new();
    for finding in connection["findings"].as_array().into_iter().flatten() {
        let (id, proven) = (&finding["id"], finding["confidence"] == "proven");
        let warning = finding["severity"] == "warning" && proven && *id != label["also"];
        if healthy && (finding["severity"] == "error" || warning) {
            wrong.push(format!("{} {id} on a healthy connection", finding["severity"]));
        }
        if finding["severity"] == "error" && proven && !causes.contains(id) {
            wrong.push(format!("{id} calls itself proven and is not true"));
        }
    }
    wrong
}

fn compare_whole(label: &Value, report: &Value, keyed: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (field, wanted) in label["summary"].as_object().into_iter().flatten() {
        if field == "causes" {
            for (cause, count) in wanted.as_object().into_iter().flatten() {
                if report["summary"]["causes"][cause] != *count {
                    wrong.push(format!("cause {cause} {}, wanted {count}", report["summary"]["causes"][cause]));
                }
            }
        } else if report["summary"][field] != *wanted {
            wrong.push(format!("summary {field} {}, wanted {wanted}", report["summary"][field]));
        }
    }
    let told: Vec<&Value> = report["groups"].as_array().into_iter().flatten().map(|group| &group["id"]).collect();
    let keys: &[&str] = if keyed { &["groups", "groups_keyed"] } else { &["groups"] };
    for group in keys.iter().flat_map(|key| label[*key].as_array().into_iter().flatten()) {
        if !told.contains(&group) {
            wrong.push(format!("group {group} is not told"));
        }
    }
    wrong
}

fn right_values(label: &Value, field: &str, any: &str, keyed: bool) -> Vec<Value> {
    let mut values = vec![label[field].clone()];
    values.extend(label[any].as_array().into_iter().flatten().cloned());
    if field == "cause" && !keyed {
        values.extend(label["keyless_any"].as_array().into_iter().flatten().cloned());
    }
    values
}
