//! Archives hold what the JSON report says: DuckDB, Spark and pyarrow read them, and a run that is repeated doubles nothing.

#![cfg(feature = "parquet")]

#[path = "../captures/mod.rs"]
mod captures;
mod job;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What comes of connections, and how often: `{"outcomes": {…}, "causes": {…}}`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    outcomes: BTreeMap<String, u64>,
    causes: BTreeMap<String, u64>,
}

impl Counts {
    /// Those of a report's summary.
    fn add_summary(&mut self, summary: &Value) {
        for outcome in ["ok", "degraded", "failed", "open", "inconclusive"] {
            add(&mut self.outcomes, outcome, summary[outcome].as_u64().expect("a count"));
        }
        for (cause, count) in summary["causes"].as_object().expect("causes") {
            add(&mut self.causes, cause, count.as_u64().expect("a count"));
        }
    }

    /// Those that a reader of the tables printed.
    fn printed(text: &str) -> Self {
        let read: Value = serde_json::from_str(text).expect("JSON");
        let counts = |name: &str| serde_json::from_value(read[name].clone()).expect("counts");
        Self { outcomes: counts("outcomes"), causes: counts("causes") }
    }
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    if count > 0 {
        *counts.entry(name.to_owned()).or_default() += count;
    }
}

/// What tests/archive/read.py prints; nothing where its libraries are missing, which the test says.
fn read(environment: &str, arguments: &[&str]) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(environment).join("bin/python");
    if !python.exists() {
        assert!(std::env::var_os("CI").is_none(), "{environment} is missing: run `make peers`");
        println!("skipped: {environment} is not installed (make peers)");
        return None;
    }
    let output =
        Command::new(python).arg(root.join("tests/archive/read.py")).args(arguments).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

fn read_by_python(arguments: &[&str]) -> Option<String> {
    read("target/spark", arguments)
}

/// Runs iotcap on a capture, with its keys where it has some; gives the JSON report.
fn archived(capture: &Path, options: &[&str]) -> Value {
    let mut arguments: Vec<OsString> = vec![capture.into()];
    let keys = capture.with_extension("keys");
    if keys.exists() {
        arguments.extend(["--keylog".into(), keys.into()]);
    }
    arguments.extend(["-p", "8883", "-p", "1883", "--ipv6"].map(OsString::from));
    arguments.extend(options.iter().map(OsString::from));
    captures::report(arguments)
}

fn fleet() -> PathBuf {
    captures::fixtures().join("fleet/capture.pcapng")
}

/// All files below a folder, by their paths in it.
fn files(folder: &Path) -> BTreeSet<String> {
    let (mut files, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(inside).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).expect("inside").display().to_string());
            }
        }
    }
    files
}

fn target(path: &Path, is_folder: bool) -> String {
    format!("--report=parquet={}{}", path.display(), if is_folder { "/" } else { "" })
}

#[test]
fn a_file_says_of_every_connection_what_the_report_says() {
    let folder = tempfile::tempdir().unwrap();
    let (file, report) = (folder.path().join("told.parquet"), folder.path().join("told.json"));
    let paths = [&file, &report].map(|path| path.display().to_string());
    for (capture, options) in
        captures::recorded_fixtures().iter().zip([&[][..], &["--events"], &["--redact"]].iter().cycle())
    {
        let to_file = target(&file, false);
        let options: Vec<&str> = options.iter().copied().chain([to_file.as_str()]).collect();
        let told = archived(&capture.join("capture.pcapng"), &options);
        std::fs::write(&report, told.to_string()).unwrap();
        if read_by_python(&["mirror", &paths[0], &paths[1]]).is_none() {
            return;
        }
    }
}

/// A table is data: names of strangers stand in it as they stand in the report.
#[test]
fn what_strangers_wrote_is_in_a_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let [capture, file, report] = ["hostile.pcapng", "told.parquet", "told.json"].map(|name| folder.path().join(name));
    std::fs::write(&capture, captures::hostile::capture()).unwrap();
    let told = archived(&capture, &[&target(&file, false), "--events"]);
    std::fs::write(&report, told.to_string()).unwrap();
    let _skipped = read_by_python(&["mirror", &file.display().to_string(), &report.display().to_string()]);
}

#[test]
fn duckdb_and_spark_count_in_a_dataset_what_the_reports_count() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = target(folder.path(), true);
    let mut told = Counts::default();
    for capture in captures::recorded_fixtures() {
        let sensor = format!("--sensor={}", capture.file_name().unwrap().to_str().unwrap());
        told.add_summary(&archived(&capture.join("capture.pcapng"), &[&dataset, &sensor])["summary"]);
    }
    assert!(told.outcomes.len() > 3 && told.causes.len() > 20, "{told:?}");
    let table = folder.path().join("connections").display().to_string();
    if let Some(counted) = read_by_python(&["duckdb", &table]) {
        assert_eq!(Counts::printed(&counted), told);
    }
    if let Some(counted) = read_by_python(&["joined", &folder.path().display().to_string()]) {
        let counted: Vec<&str> = counted.split_whitespace().collect();
        assert!(counted[0] == counted[1] && counted[1] != "0", "findings with their connection, and all: {counted:?}");
    }
    if captures::have("java")
        && let Some(counted) = read("target/spark", &["spark", &table])
    {
        assert_eq!(Counts::printed(&counted), told);
    }
}

#[test]
fn a_fleet_in_one_file_is_counted_as_in_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let (capture, file) = (folder.path().join("fleet.pcapng"), folder.path().join("fleet.parquet"));
    let lab = ["lab", "healthy-tls13", "client-certificate-refused-tls12", "connection-refused", "--multiply", "400"];
    let mut arguments = lab.map(OsString::from).to_vec();
    arguments.extend(["-w".into(), capture.clone().into()]);
    assert!(captures::iotcap(arguments).status.success());
    let report = archived(&capture, &[&target(&file, false)]);
    let mut told = Counts::default();
    told.add_summary(&report["summary"]);
    assert_eq!(report["summary"]["connections"], json!(1200));
    if let Some(counted) = read_by_python(&["duckdb", &file.display().to_string()]) {
        assert_eq!(Counts::printed(&counted), told);
    }
}

#[test]
fn a_run_that_is_repeated_replaces_what_it_wrote_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let to_folder = target(folder.path(), true);
    let run = |options: &[&str]| {
        archived(&fleet(), &[&[to_folder.as_str(), "--sensor=gw-1"], options].concat());
        files(folder.path())
    };
    let date = &archived(&fleet(), &[])["connections"][0]["started"].as_str().unwrap()[..10].to_owned();
    let part = |table: &str, name: &str| format!("{table}/date={date}/sensor=gw-1/part-{name}-0.parquet");
    let first = run(&["--part=a", "--events"]);
    assert_eq!(first, ["connections", "events", "findings"].map(|table| part(table, "a")).into());
    let other = run(&["--part=b"]);
    assert_eq!(other.len(), 5, "{other:?}");
    let bytes = std::fs::read(folder.path().join(part("connections", "a"))).unwrap();
    assert_eq!(run(&["--part=a", "--events"]), other);
    assert_eq!(std::fs::read(folder.path().join(part("connections", "a"))).unwrap(), bytes, "the same again");
    let fewer = run(&["--part=a"]);
    assert!(!fewer.contains(&part("events", "a")) && fewer.contains(&part("findings", "b")), "{fewer:?}");
    // A name of its own for every capture, wherever it lies.
    let copy = folder.path().join("capture.pcapng");
    std::fs::copy(fleet(), &copy).unwrap();
    let mut own = run(&[]);
    own.remove("capture.pcapng");
    assert_eq!(own.len(), fewer.len() + 2, "{own:?}");
    archived(&copy, &[&to_folder, "--sensor=gw-1"]);
    assert_eq!(files(folder.path()).len(), own.len() + 1, "{:?}", files(folder.path()));
}

#[test]
fn a_run_that_fails_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, file) = (folder.path().join("dataset"), folder.path().join("file.parquet"));
    let targets = [target(&dataset, true), target(&file, false)];
    archived(&fleet(), &[&targets[0], &targets[1]]);
    let (before, bytes) = (files(folder.path()), std::fs::read(&file).unwrap());
    assert_eq!(before.len(), 3, "{before:?}");
    let no_capture = folder.path().join("file.parquet");
    let output = captures::iotcap([no_capture.as_os_str(), targets[0].as_ref(), targets[1].as_ref()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(files(folder.path()), before);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

#[test]
fn names_that_lead_out_of_the_dataset_are_refused() {
    for option in ["--sensor=../etc", "--part=a/b", "--sensor="] {
        let output = captures::iotcap([fleet().as_os_str(), option.as_ref()]);
        assert_eq!(output.status.code(), Some(2), "{option}");
    }
}

/// The list of columns in docs/archive.md is made of the types of the report; UPDATE_EXPECT=1 writes it anew.
#[test]
fn the_documented_columns_are_those_of_the_files() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/archive.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (prose, columns) = text.split_once("\n### ").unwrap_or((text.trim_end(), ""));
    let titles = ["One file", "`connections` of a dataset", "`findings`", "`events`"];
    let tables = iotcap::archive::tables();
    let described = titles.iter().zip(&tables).map(|(title, (_, table))| format!("### {title}\n\n{table}"));
    let described = described.collect::<Vec<_>>().join("\n");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, format!("{}\n\n{described}", prose.trim_end())).unwrap();
    } else {
        assert!(format!("### {columns}") == described, "docs/archive.md: run this test with UPDATE_EXPECT=1");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.parquet");
    archived(&fleet(), &[&target(&file, false), &target(folder.path(), true), "--events", "--sensor=gw-1"]);
    for ((name, table), (title, _)) in tables.iter().zip(titles.iter().zip(&tables)) {
        let written = match *name {
            "file" => file.clone(),
            name => {
                let found = files(folder.path()).into_iter().find(|path| path.starts_with(&format!("{name}/")));
                folder.path().join(found.expect("a part"))
            }
        };
        let Some(read) = read_by_python(&["columns", &written.display().to_string()]) else { return };
        let columns = table.lines().skip(2).map(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            format!("{} | {}\n", cells[0].trim_start_matches("| "), cells[1])
        });
        assert_eq!(read, columns.collect::<String>(), "{title}");
    }
}
