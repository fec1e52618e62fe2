//! The job of examples/spark with `--format parquet`: its dataset has the rows that one run over all captures of a sensor writes.

use super::{captures, files, read_by_python, target};
use captures::rotated::cut;
use iotcap::lab;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders of captures, and what they are called as sensors: a name of the dataset is a part of its path.
const SENSORS: [(&str, &str); 2] = [("gateway 1", "gateway_1"), ("gw-2", "gw-2")];

#[test]
fn the_tables_of_the_job_are_those_of_one_run() {
    let spark = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/spark/bin");
    let is_installed = spark.join("spark-submit").exists();
    assert!(is_installed || std::env::var_os("CI").is_none(), "pyspark is missing: run `make peers`");
    if !is_installed || !captures::have("java") {
        println!("skipped: pyspark is not installed (make peers)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [archive, dataset, expected] = ["archive", "dataset", "expected"].map(|name| folder.path().join(name));
    for ((inside, sensor), seed) in SENSORS.into_iter().zip(1..) {
        let captures = rotated(&archive.join(inside), seed);
        let mut options = vec![target(&expected, true), format!("--sensor={sensor}"), "--part=all".to_owned()];
        options.extend(["-q", "--events", "--no-dns"].map(str::to_owned));
        let output =
            captures::iotcap(options.iter().map(AsRef::as_ref).chain(captures.iter().map(|path| path.as_os_str())));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    submit(&spark, &archive, &dataset);
    let first = files(&dataset);
    assert!(first.contains("_SUCCESS"), "{first:?}");
    let parts = first.iter().filter(|file| file.starts_with("connections/date="));
    let mut named = parts.map(|file| file.split_once("/sensor=").expect("a sensor").1);
    assert!(
        named.all(|part| ["gateway_1/part-0000", "gw-2/part-0000"].iter().any(|name| part.starts_with(name))),
        "{first:?}"
    );
    // The same again replaces it, file by file.
    submit(&spark, &archive, &dataset);
    assert_eq!(files(&dataset), first);
    let Some(rows) = read_by_python(&["same", &dataset.display().to_string(), &expected.display().to_string()]) else {
        return;
    };
    let rows: Vec<u64> = rows.split_whitespace().map(|count| count.parse().expect("a count")).collect();
    assert!(rows.len() == 3 && rows.iter().all(|count| *count > 50), "{rows:?}");
}

/// Ten rotated captures of a sensor, in a folder of that name.
fn rotated(folder: &Path, seed: u64) -> Vec<PathBuf> {
    let names = ["healthy-with-name-tls13", "session-taken-over-tls12", "client-gave-up-tls13"];
    let entries = names.iter().map(|name| lab::find(name).unwrap_or_else(|| panic!("no scenario {name}")));
    let recordings: Vec<_> =
        entries.map(|entry| lab::run(&entry.scenario().expect("a scenario")).expect("a recording")).collect();
    let mut capture = Vec::new();
    let frames = lab::multiply(&recordings, 20, seed, &mut capture).expect("copies").frames;
    fs::create_dir_all(folder).expect("a folder");
    let frames = usize::try_from(frames).expect("a number of frames");
    cut(&capture, &(1..10).map(|file| file * frames / 10).collect::<Vec<_>>(), folder)
}

/// The job on this machine alone: how it spreads over workers is told by tests/spark.rs.
fn submit(spark: &Path, archive: &Path, dataset: &Path) {
    let mut command = Command::new(spark.join("spark-submit"));
    command.env("PYSPARK_PYTHON", spark.join("python")).env("SPARK_LOCAL_IP", "127.0.0.1").env_remove("SPARK_HOME");
    command.args(["--master", "local[2]", "--conf", "spark.ui.enabled=false"]);
    command.args(["--driver-java-options", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"]);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/spark/archive.py")).arg(archive).arg(dataset);
    command.args(["--iotcap", env!("CARGO_BIN_EXE_iotcap"), "--group-bytes", "100000", "--shares", "3"]);
    command.args(["--format", "parquet", "--events", "--", "--no-dns"]);
    let output = command.output().expect("spark-submit runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
