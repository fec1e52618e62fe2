//! What several tests share: running iotcap and tshark, finding captures, saying what is skipped.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod hostile;
pub(crate) mod rotated;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folder of the fixtures.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The fixture folders that hold a recorded capture.
pub(crate) fn recorded_fixtures() -> Vec<PathBuf> {
    let mut folders: Vec<_> = std::fs::read_dir(fixtures())
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("capture.pcapng").exists())
        .collect();
    folders.sort();
    assert!(folders.len() >= 59, "only {} recorded fixtures", folders.len());
    folders
}

/// The captures of the public corpus, where the variable IOTCAP_CORPUS names its folder.
pub(crate) fn corpus() -> Option<Vec<PathBuf>> {
    let Some(folder) = std::env::var_os("IOTCAP_CORPUS") else {
        println!("skipped: IOTCAP_CORPUS names no folder of public captures");
        return None;
    };
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Some(files)
}

/// Runs the binary under test.
pub(crate) fn iotcap<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iotcap")).args(arguments).env("NO_COLOR", "1").output().expect("iotcap runs")
}

/// The JSON report of the binary under test.
pub(crate) fn report<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Value {
    let arguments: Vec<_> = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
    let output = iotcap(
        arguments.iter().map(std::ffi::OsString::as_os_str).chain(["--format", "json"].map(std::ffi::OsStr::new)),
    );
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

/// Whether a program is there. With CI=true a missing one fails the test; elsewhere the test says that it was skipped.
pub(crate) fn have(program: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).chain(["/usr/sbin".into()]).any(|folder| folder.join(program).exists())
    });
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{program} is missing: run `make peers`");
        println!("skipped: {program} is not installed (make peers)");
    }
    found
}

/// The form of JUnit reports as Jenkins' xUnit plugin publishes it, where `make peers` has brought it.
#[allow(dead_code, reason = "not all tests write test cases")]
pub(crate) fn common_junit_form() -> Option<PathBuf> {
    let form = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/junit/junit-10.xsd");
    if !form.exists() {
        assert!(std::env::var_os("CI").is_none(), "junit-10.xsd is missing: run `make peers`");
        println!("skipped: junit-10.xsd is not there (make peers)");
        return None;
    }
    Some(form)
}

/// Holds a JUnit report against a form. A report that is no XML fails as well.
#[track_caller]
#[allow(dead_code, reason = "not all tests write test cases")]
pub(crate) fn hold_against_form(report: &str, form: &Path) {
    if !have("xmllint") {
        return;
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), report).expect("written");
    let output =
        Command::new("xmllint").args(["--noout", "--schema"]).arg(form).arg(file.path()).output().expect("xmllint");
    assert!(output.status.success(), "{}\n{report}", String::from_utf8_lossy(&output.stderr));
}

/// Rows of fields that tshark prints for the frames of a capture; fields of one frame that repeat are joined by commas.
pub(crate) fn tshark(capture: &Path, options: &[&str], filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command
        .args(["-n", "-o", "tcp.reassemble_out_of_order:TRUE", "-o", "tcp.analyze_sequence_numbers:TRUE", "-r"])
        .arg(capture);
    for option in options {
        command.args(["-o", option]);
    }
    command.args(["-Y", filter, "-T", "fields", "-E", "separator=/t"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark runs");
    // tshark fails on damaged captures after it printed what it could read; that much is compared.
    String::from_utf8_lossy(&output.stdout).lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}
