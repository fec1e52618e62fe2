//! iotcap as a gate: expectations and budgets on recordings of the lab, and docs/ci.md, whose commands are run as they stand.

mod captures;

use captures::iotcap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Records a scenario of the lab.
fn recorded(folder: &TempDir, scenario: &str) -> PathBuf {
    let path = folder.path().join(format!("{scenario}.pcapng"));
    let output = iotcap(["lab".as_ref(), scenario.as_ref(), "-w".as_ref(), path.as_os_str()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}

/// Holds a scenario against expectations.
fn expecting(scenario: &str, expectations: &str, options: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let (capture, file) = (recorded(&folder, scenario), folder.path().join("expect.toml"));
    std::fs::write(&file, expectations).unwrap();
    let arguments = [capture.as_os_str(), "--expect".as_ref(), file.as_os_str()];
    iotcap(arguments.into_iter().chain(options.iter().map(AsRef::as_ref)))
}

#[track_caller]
fn told(output: &Output, status: i32) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(status), "{text}{}", String::from_utf8_lossy(&output.stderr));
    // Lines are wrapped where they must be; what they say is not.
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_as_expected_exits_with_0() {
    let all = "[[connection]]\nsni = \"broker.*\"\nclient = \"192.0.2.10\"\nclient_id = \"device-7\"\ntopic = \"devices/+/state\"\n\
               count = 1\nreaches = \"mqtt-session\"\ntls = \"1.3\"\noutcome = \"ok\"\nwithin = { total = \"1s\" }\n";
    assert!(told(&expecting("healthy-tls13", all, &[]), 0).contains("✔ met"));
    let refused = "[[connection]]\nfails_with = \"TLS031\"\n";
    told(&expecting("client-certificate-refused-tls12", refused, &[]), 0);
    // What is expected to fail does not fail the job.
    let others = "[default]\nno_other_failures = true\n[[connection]]\nfails_with = \"syn-unanswered\"\n";
    told(&expecting("syn-unanswered", others, &[]), 0);
}

#[test]
fn a_mismatch_is_a_sentence_with_its_proof() {
    let sentence =
        |scenario: &str, wish: &str| told(&expecting(scenario, &format!("[[connection]]\n{wish}\n"), &[]), 1);
    for (scenario, wish, part) in [
        ("healthy-tls12", "tls = \"1.3\"", "TLS 1.2, not TLS 1.3 (frame "),
        (
            "healthy-tls13",
            "within = { tcp-handshake = \"1ms\" }",
            "tcp-handshake took 40 ms, 1.0 ms are allowed (frames 1, ",
        ),
        ("healthy-tls13", "outcome = \"failed\"", "ok, not failed: Connected"),
        ("healthy-tls13", "fails_with = \"TLS031\"", "did not fail with client-certificate-refused, but is ok"),
        (
            "client-certificate-refused-tls12",
            "reaches = \"mqtt-session\"",
            "failed with TLS031 client-certificate-refused",
        ),
        (
            "client-certificate-refused-tls12",
            "fails_with = \"TLS032\"",
            "and not with client-certificate-expired (frames ",
        ),
        ("healthy-tls13", "count = 2", "1 connection (all connections) among 1 connection"),
        ("healthy-tls13", "count = 0", "1 connection (all connections) among 1 connection"),
        ("healthy-tls13", "server_name = \"other.example\"", "the servers were broker.example:8883"),
    ] {
        let text = sentence(scenario, wish);
        assert!(text.contains("✘ not met") && text.contains(part), "{wish}\n{text}");
    }
}

#[test]
fn a_failure_that_nobody_expected_is_one_of_the_others() {
    let text = told(
        &expecting("client-certificate-refused-tls12", "[default]\nno_other_failures = true\n", &["--format", "json"]),
        1,
    );
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["summary"]["unmet_expectations"], 1);
    assert_eq!(report["expectations"][0]["name"], "no other failures");
    assert_eq!(report["expectations"][0]["mismatches"][0]["connection"], report["connections"][0]["id"]);
    assert_eq!(report["expectations"][0]["mismatches"][0]["frames"], report["connections"][0]["findings"][0]["frames"]);
}

#[test]
fn a_wrong_file_of_expectations_is_one_sentence_with_its_line() {
    let output = expecting("healthy-tls13", "[[connection]]\n\nservername = \"x\"\n", &[]);
    assert_eq!(output.status.code(), Some(2));
    let sentence = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(sentence.contains("line 3: unknown key 'servername'; did you mean 'server_name'?"), "{sentence}");
}

#[test]
fn a_phase_over_its_budget_is_degraded() {
    let folder = tempfile::tempdir().unwrap();
    let capture = recorded(&folder, "healthy-tls13");
    let judged = |budget: &str| {
        let arguments = ["--budget", budget, "--fail-on", "degraded", "--format", "json"].map(std::ffi::OsStr::new);
        let output = iotcap(arguments.into_iter().chain([capture.as_os_str()]));
        (output.status.code(), serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap())
    };
    // The lab's path takes 20 ms each way, so that a round trip is 40 ms.
    let (status, report) = judged("mqtt-connect=39");
    assert_eq!((status, &report["connections"][0]["cause"]), (Some(1), &"budget-exceeded".into()));
    assert_eq!(report["connections"][0]["outcome"], "degraded");
    let (status, report) = judged("mqtt-connect=45");
    assert_eq!((status, &report["connections"][0]["outcome"]), (Some(0), &"ok".into()));
}

#[test]
fn the_commands_of_the_documentation_do_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_iotcap"));
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ci.md")).unwrap();
    let blocks = blocks(&page);
    for (file, text) in blocks.iter().filter_map(|(info, text)| Some((info.strip_prefix("toml file=")?, text))) {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    let of_shell = blocks.iter().filter(|(info, _)| info == "sh").map(|(_, text)| text.clone());
    // What captures needs rights that a test may not have (tests/live.rs has them): a recording of the lab takes its place.
    let capture = "iotcap lab healthy-tls13 -w capture.pcapng".to_owned();
    let of_servers = blocks.iter().filter(|(info, _)| info == "yaml").flat_map(|(_, text)| server_commands(text));
    let of_servers: Vec<String> = of_servers
        .filter(|command| !command.contains("cargo install"))
        .map(|command| if command.starts_with("sudo ") { capture.clone() } else { command })
        .collect();
    assert!(of_servers.len() >= 4, "{of_servers:?}");
    let script: Vec<String> = of_shell.chain(of_servers).collect();
    assert!(script.iter().map(|text| text.matches("iotcap ").count()).sum::<usize>() > 15, "{script:#?}");
    let path = std::env::join_paths(
        std::iter::once(binary.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    let output = Command::new("sh")
        .args(["-eux", "-c", &script.join("\n")])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("GITHUB_STEP_SUMMARY", folder.path().join("step.md"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for file in ["iotcap.xml", "step.md", "summary.md", "report.json"] {
        assert!(folder.path().join(file).metadata().is_ok_and(|file| file.len() > 0), "{file} was not written");
    }
}

/// The fenced blocks of a page: what stands after the fence, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = page.split("\n```").collect();
    assert!(parts.len() % 2 == 1, "a fence is not closed");
    let inside = parts.into_iter().skip(1).step_by(2);
    inside.filter_map(|block| block.split_once('\n')).map(|(info, text)| (info.to_owned(), text.to_owned())).collect()
}

/// The commands in a workflow: of `run:` in GitHub's form, of `script:` in GitLab's.
fn server_commands(workflow: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut block = None;
    for line in workflow.lines() {
        let indent = line.len() - line.trim_start().len();
        let text = line.trim_start();
        if block.is_some_and(|outer| indent > outer) {
            commands.last_mut().expect("the block's own").extend([text, "\n"]);
            continue;
        }
        block = None;
        if text == "run: |" {
            block = Some(indent);
            commands.push(String::new());
        } else if let Some(command) = text.strip_prefix("run: ") {
            commands.push(command.to_owned());
        } else if let Some(command) =
            text.strip_prefix("- ").filter(|text| text.contains("iotcap ") && !text.contains("name:"))
        {
            commands.push(command.to_owned());
        }
    }
    commands
}
