//! What a user or a script relies on: exit status, one sentence for each thing that cannot be done, formats and files.

mod captures;

use captures::{fixtures, have, iotcap, report};
use serde_json::Value;
use std::path::PathBuf;
use unicode_width::UnicodeWidthStr;

fn capture(name: &str) -> PathBuf {
    fixtures().join(name).join("capture.pcapng")
}

#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let output = iotcap(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?} printed a report");
    let sentence = String::from_utf8(output.stderr).expect("text");
    assert_eq!(sentence.trim_end().lines().count(), 1, "{sentence}");
    sentence
}

#[test]
fn what_cannot_be_read_is_one_sentence_and_exit_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("empty.pcap"), b"").unwrap();
    std::fs::write(path("notes.txt"), b"Dear diary,\n").unwrap();
    for (file, word) in [
        (path("missing.pcap"), "no such file"),
        (path(""), "is a directory"),
        (path("empty.pcap"), "is empty"),
        (path("notes.txt"), "not a capture but text"),
    ] {
        let sentence = refused(&[&file]);
        assert!(sentence.contains(word), "{sentence}");
    }
}

#[test]
fn a_bad_filter_is_refused_with_libpcaps_own_words() {
    let sentence = refused(&["--filter", "tcp prot 8883", &capture("paho-tls12").display().to_string()]);
    assert!(sentence.contains("syntax error"), "{sentence}");
}

#[test]
fn fail_on_gives_exit_status_1() {
    let status = |name: &str, level: &str| {
        iotcap(["--fail-on".as_ref(), level.as_ref(), capture(name).as_os_str()]).status.code()
    };
    assert_eq!(status("client-cert-foreign-tls12", "failed"), Some(1));
    assert_eq!(status("client-cert-foreign-tls12", "never"), Some(0));
    assert_eq!(status("paho-tls12", "failed"), Some(0));
}

#[test]
fn several_files_are_one_capture_in_the_order_of_time() {
    let (first, second) = (capture("paho-tls12"), capture("unknown-ca-tls12"));
    let report = report([second.as_os_str(), first.as_os_str()]);
    assert_eq!(report["capture"]["files"].as_array().map(Vec::len), Some(2));
    let connections = report["connections"].as_array().unwrap();
    let times: Vec<&str> = connections.iter().map(|connection| connection["started"].as_str().unwrap()).collect();
    assert_eq!(times.len(), 2);
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn standard_input_is_a_capture() {
    let bytes = std::fs::read(capture("paho-tls12")).unwrap();
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_iotcap"))
        .args(["-r", "-", "--format", "json"])
        .write_stdin(bytes)
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["summary"]["connections"], 1);
    assert_eq!(report["capture"]["source"], "standard input");
}

#[test]
fn a_capture_that_is_cut_off_is_told_up_to_there() {
    let whole = std::fs::read(capture("paho-tls12")).unwrap();
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_iotcap"))
        .args(["-", "--format", "json"])
        .write_stdin(&whole[..whole.len() * 2 / 3])
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["summary"]["connections"], 1);
    assert!(report["capture"]["damaged"]["what"].as_str().unwrap().contains("cut off"));
    assert!(report["capture"]["damaged"]["offset"].as_u64().unwrap() > 0);
}

#[test]
fn json_lines_end_with_the_summary() {
    let output = iotcap(["--format".as_ref(), "jsonl".as_ref(), capture("resumption").as_os_str()]);
    let lines: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0]["headline"].is_string() && lines[1]["headline"].is_string());
    assert_eq!(lines[2]["summary"]["connections"], 2);
}

#[test]
fn reports_go_to_files_beside_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let target = format!("json={}", path.display());
    let output = iotcap(["--report".as_ref(), target.as_ref(), capture("paho-tls12").as_os_str()]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 connection"));
    let report: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(report["schema"], "iotcap.report/1");
}

#[test]
fn every_report_keeps_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("../docs/report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for folder in captures::recorded_fixtures() {
        let report = report([
            "-p".as_ref(),
            "8883".as_ref(),
            "-p".as_ref(),
            "443".as_ref(),
            folder.join("capture.pcapng").as_os_str(),
        ]);
        let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", folder.display());
    }
}

#[test]
fn secrets_behind_their_frames_are_used_all_the_same() {
    // A capture, then its secrets in a block at the end: as tools write it that learn the secrets last.
    let mut bytes = std::fs::read(capture("paho-tls13")).unwrap();
    let keys = std::fs::read(fixtures().join("paho-tls13").join("capture.keys")).unwrap();
    let padded = keys.len().next_multiple_of(4);
    let total = u32::try_from(20 + padded).unwrap();
    bytes.extend(0x0a_u32.to_le_bytes());
    bytes.extend(total.to_le_bytes());
    bytes.extend(0x544c_534b_u32.to_le_bytes());
    bytes.extend(u32::try_from(keys.len()).unwrap().to_le_bytes());
    bytes.extend(&keys);
    bytes.resize(bytes.len() + padded - keys.len(), 0);
    bytes.extend(total.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.pcapng");
    std::fs::write(&path, bytes).unwrap();
    let report = report([path.as_os_str()]);
    assert_eq!(report["capture"]["secrets"], 1);
    assert_eq!(report["connections"][0]["mqtt"]["source"], "decrypted");
    assert_eq!(report["connections"][0]["mqtt"]["client_id"], "sensor-17");
}

#[test]
fn the_demo_needs_no_rights_on_the_virtual_wire() {
    let folder = tempfile::tempdir().unwrap();
    let output = iotcap(["demo".as_ref(), "--wire".as_ref(), "--folder".as_ref(), folder.path().as_os_str()]);
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["summary"]["connections"], 8);
    assert_eq!(report["summary"]["ok"], 2);
    assert_eq!(report["summary"]["failed"], 6);
    let said = String::from_utf8(output.stdout).unwrap();
    let (_, reports) = said.split_once("reports in ").expect("where they are");
    assert!(reports.contains("report.html"), "{reports}");
    assert!(std::fs::read_to_string(folder.path().join("report.html")).unwrap().ends_with("</html>\n"));
}

/// On a terminal of 80 columns, as util-linux's `script` makes one.
#[cfg(target_os = "linux")]
#[test]
fn no_line_is_wider_than_the_terminal_that_it_is_read_on() {
    if !have("script") {
        return;
    }
    let [a, b] = ["paho-tls12", "client-cert-foreign-tls12"].map(|name| capture(name).display().to_string());
    let program = env!("CARGO_BIN_EXE_iotcap");
    for command in [format!("{program} -v {a} {b}"), format!("{program} diff {a} {b}")] {
        for reader in ["", " | cat"] {
            let on_terminal = format!("stty cols 80 rows 24; {command}{reader}");
            let mut script = std::process::Command::new("script");
            let output = script.args(["-qec", &on_terminal, "/dev/null"]).env("NO_COLOR", "1").output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            // What has to be copied in one piece, a display filter, is never wrapped.
            let wrapped = text.lines().map(str::trim_end).filter(|line| !line.contains("ip.addr=="));
            let widest = wrapped.max_by_key(|line| line.width()).expect("lines");
            assert!((61..=80).contains(&widest.width()), "{on_terminal}: {widest}");
        }
    }
}

#[test]
fn a_wrong_configuration_is_one_sentence_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("iotcap.toml").display().to_string();
    std::fs::write(&path, "[thresholds]\nslow_rtt = 1\n").unwrap();
    let sentence = refused(&["--config", &path, &capture("paho-tls12").display().to_string()]);
    assert!(sentence.contains("line 2") && sentence.contains("slow_rtt"), "{sentence}");
}

#[test]
fn payloads_of_nobody_are_not_shown() {
    let capture = capture("paho-tls12").display().to_string();
    let output = iotcap(["--redact", "--payload", "8", &capture]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("leave out --payload") && output.stdout.is_empty(), "{said}");
}

#[test]
fn options_come_from_a_file_and_the_command_line_wins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iotcap.toml");
    std::fs::write(&file, "[selection]\nport = [8884]\n[output]\nformat = \"json\"\n").unwrap();
    let capture = capture("paho-tls12");
    let connections = |more: &[&str]| {
        let options = ["--config".as_ref(), file.as_os_str(), capture.as_os_str()];
        let output = iotcap(options.into_iter().chain(more.iter().map(AsRef::as_ref)));
        let report: Value = serde_json::from_slice(&output.stdout).expect("the format of the file");
        report["summary"]["connections"].as_u64()
    };
    assert_eq!(connections(&[]), Some(0), "the capture has nothing on the file's port");
    assert_eq!(connections(&["--port", "8883"]), Some(1));
}

#[test]
fn a_word_that_is_nearly_a_command_is_told_so() {
    let sentence = refused(&["explian"]);
    assert!(sentence.contains("did you mean 'iotcap explain'?"), "{sentence}");
}

#[test]
fn colour_is_forced_for_a_pager_and_never_where_nobody_wants_it() {
    let coloured = |options: &[&str], environment: &[(&str, &str)]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_iotcap"));
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").envs(environment.iter().copied());
        let output = command.args(options).arg(capture("paho-tls12")).output().expect("the program");
        String::from_utf8(output.stdout).expect("text").contains('\u{1b}')
    };
    assert!(!coloured(&[], &[]), "a pipe");
    assert!(coloured(&["--color", "always"], &[]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]), "the command line wins");
    assert!(coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[], &[("NO_COLOR", "1")]));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&["--color", "always", "--format", "json"], &[]), "JSON has no colours");
}

#[test]
fn each_shell_takes_its_completions() {
    let mut taken = 0;
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = iotcap(["completions", shell]).stdout;
        let text = String::from_utf8(script.clone()).expect("text");
        assert!(text.contains("fail-on") && text.contains("explain"), "{shell}");
        // bash is everywhere; the others are held where they are installed.
        if shell == "bash" || have(shell) {
            assert_cmd::Command::new(shell).arg(check).arg("/dev/stdin").write_stdin(script).assert().success();
            taken += 1;
        }
    }
    assert!(taken > 0);
}

#[test]
fn bash_completes_options_their_values_and_names() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("iotcap.bash");
    std::fs::write(&script, iotcap(["completions", "bash"]).stdout).unwrap();
    for (typed, expected) in [
        ("--fail", "--fail-on"),
        ("--format mark", "markdown"),
        ("explain connack-m", "connack-missing"),
        ("lab healthy-chacha20-t", "healthy-chacha20-tls13"),
    ] {
        // What bash itself does after the tab key.
        let press_tab = format!(
            "source {}; COMP_WORDS=(iotcap {typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _iotcap iotcap \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; echo \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        let output = std::process::Command::new("bash").args(["-c", &press_tab]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "iotcap {typed}");
    }
}

#[test]
fn the_manual_is_written_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let output = iotcap(["man".as_ref(), "--to".as_ref(), folder.path().as_os_str()]);
    assert_eq!(output.status.code(), Some(0));
    for page in ["iotcap.1", "iotcap-explain.1", "iotcap-lab.1"] {
        let text = std::fs::read_to_string(folder.path().join(page)).expect("a page");
        assert!(text.contains(".TH"), "{page}");
    }
}

#[test]
fn a_beginner_is_told_what_each_step_is() {
    let output = iotcap(["--teach".as_ref(), "-v".as_ref(), capture("paho-tls12").as_os_str()]);
    let told = String::from_utf8(output.stdout).expect("text");
    assert!(told.contains("(RFC 9293, 3.5)") && told.contains("(RFC 5246, 7.4.5)"), "{told}");
}

/// A file of options may be a pipe, which can be read but once.
#[cfg(unix)]
#[test]
fn a_configuration_may_come_from_a_pipe() {
    use std::io::Write;
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_iotcap"))
        .args(["--config", "/dev/stdin"])
        .arg(capture("paho-tls12"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let config = "[thresholds]\nslow_round_trip = 0.001\n[output]\nformat = 'json'\n";
    child.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON, as the file says");
    assert_eq!(report["connections"][0]["cause"], "slow-network", "the threshold of the file");
}

#[test]
fn the_number_of_a_system_error_is_not_told() {
    for option in ["--keylog", "--config", "--expect"] {
        let sentence = refused(&[option, "missing-file", "missing.pcap"]);
        assert!(sentence.contains("missing-file") && !sentence.contains("os error"), "{sentence}");
    }
}
