//! A daemon that was started, and what a test asks of it.

use crate::net::{Net, Running, Stream, finish};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Nothing here takes longer on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon in the client's namespace.
pub(crate) struct Started<'a> {
    net: &'a Net,
    running: Running,
    folder: TempDir,
}

impl<'a> Started<'a> {
    /// With the defaults but for these lines of its configuration.
    pub(crate) fn new(net: &'a Net, lines: &str) -> Self {
        Self::with(net, lines, &[])
    }

    /// The same, with variables in its environment.
    pub(crate) fn with(net: &'a Net, lines: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        configure(folder.path(), lines);
        let config = folder.path().join("iotcap.toml");
        let mut command = net.iotcap(&["daemon", "--config", config.to_str().unwrap()]);
        let mut running = Running::start(command.envs(environment.iter().copied()));
        running.line(Stream::Error, "capturing");
        Self { net, running, folder }
    }

    /// Where its configuration and its evidence are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn id(&self) -> i32 {
        self.running.id()
    }

    /// Waits for a line in its log.
    pub(crate) fn logged(&mut self, text: &str) -> String {
        self.running.line(Stream::Error, text)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.curl(&[], path)
    }

    pub(crate) fn api(&self, path: &str) -> Value {
        let text = self.get(path);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The status of an answer.
    pub(crate) fn status(&self, path: &str) -> String {
        self.curl(&["-o", "/dev/null", "-w", "%{http_code}"], path)
    }

    pub(crate) fn curl(&self, options: &[&str], path: &str) -> String {
        let mut command = self.net.at_client("curl");
        let output = finish(command.args(["-s", "-g"]).args(options).arg(format!("http://127.0.0.1:9464{path}")));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Somebody who goes on reading.
    pub(crate) fn reader(&self, path: &str) -> Running {
        let mut command = self.net.at_client("curl");
        Running::start(command.args(["-s", "-N"]).arg(format!("http://127.0.0.1:9464{path}")))
    }

    /// The value of a metric, by its name and labels as they are printed.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let metrics = self.get("/metrics");
        metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Asks until a metric has this value, or more where it is not 0: what it counts takes its time.
    pub(crate) fn metric_reaches(&self, name: &str, value: u32) {
        let deadline = instant() + PATIENCE;
        loop {
            let now = self.metric(name);
            if now == Some(value.into()) || (value > 0 && now > Some(value.into())) {
                return;
            }
            assert!(instant() < deadline, "{name} is {now:?}, not {value}:\n{}", self.get("/metrics"));
        }
    }

    /// Asks until so many connections are told: one that is over waits for its verdict.
    pub(crate) fn connections(&self, path: &str, count: usize) -> Value {
        let deadline = instant() + PATIENCE;
        loop {
            let answer = self.api(path);
            if answer["connections"].as_array().is_some_and(|connections| connections.len() >= count) {
                return answer;
            }
            assert!(instant() < deadline, "{path} gives {answer:#}");
        }
    }

    /// The files of its evidence.
    pub(crate) fn evidence(&self) -> Vec<PathBuf> {
        files(&self.folder().join("evidence"))
    }

    /// Ends it; its status and its output.
    pub(crate) fn end(self, signal: Signal) -> (ExitStatus, String, String) {
        self.running.signal(signal);
        self.running.wait()
    }

    /// Ends it without a word; what it leaves stays.
    pub(crate) fn kill(self) -> (ExitStatus, TempDir, String) {
        let Self { running, folder, .. } = self;
        running.signal(Signal::SIGKILL);
        let (status, _, error) = running.wait();
        (status, folder, error)
    }
}

/// Writes a configuration with these lines beside what every test needs.
pub(crate) fn configure(folder: &Path, lines: &str) {
    let mut text = "[daemon]\ninterfaces = [\"en0\"]\n".to_owned();
    text.push_str(lines);
    if !lines.contains("[daemon.evidence]") {
        let _ = writeln!(text, "[daemon.evidence]\nfolder = \"{}\"", folder.join("evidence").display());
    }
    fs::write(folder.join("iotcap.toml"), text).unwrap();
    // It is read again by another user.
    Command::new("chmod").arg("755").arg(folder).status().unwrap();
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What Prometheus's own tool says of metrics.
pub(crate) fn check_metrics(metrics: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}\n{metrics}");
}

/// A small disk.
pub(crate) struct Disk(TempDir);

impl Disk {
    pub(crate) fn new(size: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).status();
        assert!(mounted.unwrap().success());
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

#[expect(clippy::disallowed_methods, reason = "the time that a user waits")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}
