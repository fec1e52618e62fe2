//! The job of examples/spark on a standalone master with two workers: the rows of one iotcap over all files, also when a worker
//! dies half way.

#![cfg(unix)]

mod captures;

use captures::rotated::cut;
use captures::{have, iotcap};
use iotcap::lab;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

const SENSORS: [&str; 2] = ["gateway-1", "gateway-2"];
const SHARES: usize = 4;

/// Machines that live for seconds gain nothing by optimising.
const QUICK: &str = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";

/// The rows of each sensor, sorted.
type Rows = BTreeMap<String, Vec<String>>;

#[test]
fn a_hundred_rotated_captures_give_the_rows_of_one_run() {
    let spark = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/spark/bin");
    if !have("java") || !is_installed(&spark) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("archive");
    let expected: Rows = (1..).zip(SENSORS).map(|(seed, sensor)| record(&archive.join(sensor), sensor, seed)).collect();
    assert!(expected.values().flatten().any(|row| row.contains("\"cause\":\"session-taken-over\"")));

    let mut cluster = Cluster::start(&spark, folder.path());
    let dataset = folder.path().join("dataset");
    let job = cluster.submit(&archive, &dataset);
    assert_is_good(job, &cluster.log());
    assert!(rows_of(&dataset) == expected, "other rows than of one run");

    // The same again, into the same dataset.
    fs::remove_file(dataset.join("_SUCCESS")).expect("a dataset that is complete");
    let mut job = cluster.submit(&archive, &dataset);
    while staged_parts(&dataset) < 2 {
        assert!(job.try_wait().expect("a job").is_none(), "the job was over before a worker could be killed");
        #[expect(clippy::disallowed_methods, reason = "a folder tells nobody that it got a file")]
        thread::sleep(Duration::from_millis(20));
    }
    cluster.kill_a_worker();
    let log = assert_is_good(job, &cluster.log());
    assert!(log.contains("Lost executor"), "Spark did not notice: {log}");
    assert!(rows_of(&dataset) == expected, "other rows where a worker died");
    assert!(dataset.join("_SUCCESS").exists());
}

fn is_installed(spark: &Path) -> bool {
    let found = spark.join("spark-submit").exists();
    assert!(found || std::env::var_os("CI").is_none(), "pyspark is missing: run `make peers`");
    if !found {
        println!("skipped: pyspark is not installed (make peers)");
    }
    found
}

/// Fifty rotated captures of a sensor, and the rows that one run gives over all of them.
fn record(folder: &Path, sensor: &str, seed: u64) -> (String, Vec<String>) {
    let scenarios =
        ["healthy-with-name-tls13", "session-taken-over-tls12", "session-taken-over-tls13", "client-gave-up-tls13"];
    let recordings: Vec<_> = scenarios
        .iter()
        .map(|name| lab::find(name).unwrap_or_else(|| panic!("no scenario {name}")))
        .map(|entry| lab::run(&entry.scenario().expect("a scenario")).expect("a recording"))
        .collect();
    let mut capture = Vec::new();
    let frames = lab::multiply(&recordings, 15, seed, &mut capture).expect("copies").frames;
    fs::create_dir_all(folder).expect("a folder");
    let frames = usize::try_from(frames).expect("a number of frames");
    let places: Vec<usize> = (1..50).map(|file| file * frames / 50).collect();
    let files = cut(&capture, &places, folder);
    assert_eq!(files.len(), 50);
    let output = iotcap([PathBuf::from("--format=jsonl")].iter().chain(&files));
    let text = String::from_utf8(output.stdout).expect("text");
    // The last line is of the run.
    let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
    rows.pop();
    rows.sort();
    assert!(rows.len() > 80, "{} rows", rows.len());
    (sensor.to_owned(), rows)
}

/// All lines of a dataset, by sensor; one that was written twice is there twice.
fn rows_of(dataset: &Path) -> Rows {
    let of_sensor = |sensor: &str| {
        let parts = fs::read_dir(dataset.join(format!("sensor={sensor}"))).expect("parts");
        let parts: Vec<PathBuf> = parts.map(|part| part.expect("a part").path()).collect();
        assert_eq!(parts.len(), SHARES, "{parts:?}");
        let text: String = parts.iter().map(|part| fs::read_to_string(part).expect("a part")).collect();
        let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
        rows.sort();
        (sensor.to_owned(), rows)
    };
    SENSORS.into_iter().map(of_sensor).collect()
}

/// Shares that a running job has told.
fn staged_parts(dataset: &Path) -> usize {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let named =
        |path: &PathBuf, prefix: &str| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    entries(dataset)
        .filter(|path| named(path, "_staging-"))
        .flat_map(|staging| entries(&staging).collect::<Vec<_>>())
        .filter(|path| !named(path, "_"))
        .count()
}

/// What the job said, which must have ended well.
fn assert_is_good(job: Child, log: &Path) -> String {
    let output = job.wait_with_output().expect("a job that ended");
    let log = fs::read_to_string(log).expect("a log");
    assert!(output.status.success(), "{log}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("100 captures") && said.contains("2 sensors"), "{said}");
    log
}

/// A master and its workers, on loopback, each in a process group of its own.
struct Cluster<'a> {
    spark: &'a Path,
    scratch: PathBuf,
    master: String,
    processes: Vec<Child>,
}

impl<'a> Cluster<'a> {
    fn start(spark: &'a Path, scratch: &Path) -> Self {
        let mut cluster = Self { spark, scratch: scratch.join("spark"), master: String::new(), processes: Vec::new() };
        fs::create_dir_all(&cluster.scratch).expect("a folder");
        let port = cluster.daemon(
            "org.apache.spark.deploy.master.Master",
            &["--port", "0"],
            "Successfully started service 'sparkMaster' on port ",
        );
        cluster.master = format!("spark://127.0.0.1:{}", port.trim_end_matches('.'));
        for _ in 0..2 {
            let (work, master) = (cluster.scratch.display().to_string(), cluster.master.clone());
            cluster.daemon(
                "org.apache.spark.deploy.worker.Worker",
                &["--cores", "1", "--memory", "600m", "--work-dir", &work, &master],
                "Successfully registered with master ",
            );
        }
        cluster
    }

    /// Starts a part of the cluster, and gives what it logs behind some words.
    fn daemon(&mut self, class: &str, arguments: &[&str], words: &str) -> String {
        let mut command = self.command("spark-class");
        command.args([class, "--host", "127.0.0.1", "--webui-port", "0"]).args(arguments).process_group(0);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("spark-class runs");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        self.processes.push(child);
        let mut log = Vec::new();
        let found = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let found = line.split_once(words).map(|(_, rest)| rest.to_owned());
            log.push(line);
            found
        });
        // It must not wait for a reader.
        thread::spawn(move || lines.for_each(drop));
        found.unwrap_or_else(|| panic!("{class} did not start: {}", log.join("\n")))
    }

    fn submit(&self, archive: &Path, dataset: &Path) -> Child {
        let options = format!("spark.executor.extraJavaOptions={QUICK}");
        let conf = [
            &options,
            "spark.ui.enabled=false",
            "spark.driver.host=127.0.0.1",
            "spark.executor.memory=512m",
            "spark.executor.cores=1",
            "spark.shuffle.io.maxRetries=1",
            "spark.shuffle.io.retryWait=1s",
        ];
        let mut command = self.command("spark-submit");
        command
            .args(["--master", &self.master, "--driver-java-options", QUICK])
            .args(conf.iter().flat_map(|setting| ["--conf", *setting]));
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/spark/archive.py")).arg(archive).arg(dataset);
        command.args(["--iotcap", env!("CARGO_BIN_EXE_iotcap"), "--group-bytes", "200000"]);
        command.args(["--shares", &SHARES.to_string()]);
        let log = fs::File::create(self.log()).expect("a log");
        command.stdout(Stdio::piped()).stderr(log).spawn().expect("spark-submit runs")
    }

    /// What the job logs: more than a pipe holds.
    fn log(&self) -> PathBuf {
        self.scratch.join("job.log")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.spark.join(program));
        command
            .env("SPARK_DAEMON_JAVA_OPTS", QUICK)
            .env("SPARK_LOCAL_IP", "127.0.0.1")
            .env("SPARK_LOCAL_DIRS", &self.scratch)
            .env("PYSPARK_PYTHON", self.spark.join("python"))
            .env_remove("SPARK_HOME")
            .stdin(Stdio::null());
        command
    }

    /// The one that was started last, with its executor.
    fn kill_a_worker(&mut self) {
        kill(self.processes.pop().expect("a worker"));
    }
}

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        self.processes.drain(..).rev().for_each(kill);
    }
}

fn kill(mut process: Child) {
    let group = Pid::from_raw(i32::try_from(process.id()).expect("a process id"));
    killpg(group, Signal::SIGKILL).expect("a process group");
    process.wait().expect("a process that ended");
}
