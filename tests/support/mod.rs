//! Real peers for the tests: programs of this machine, started on loopback and ended with the test. Nothing here waits
//! by the clock.

// Each test binary uses the part that it needs.
#![allow(dead_code, reason = "shared by several test binaries")]

use iotcap::pki::Pki;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// No peer takes longer than this for anything that a test asks of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Whether a peer is there; if not, the test says so and is skipped, or fails where CI promises all peers.
#[must_use]
pub(crate) fn is_missing(peer: &str, found: bool) -> bool {
    if !found {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{peer} is missing, and CI promises it");
        eprintln!("skipped: {peer} is not installed");
    }
    !found
}

/// A program by name: on the PATH, or among the system's own, which are not on everybody's.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    directories.into_iter().map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// A Python with paho-mqtt 2: IOTCAP_PAHO_PYTHON, the virtual environment in target/paho, or the system's.
pub(crate) async fn paho() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/paho/bin/python");
    let candidates = [std::env::var_os("IOTCAP_PAHO_PYTHON").map(PathBuf::from), Some(own), program("python3")];
    for python in candidates.into_iter().flatten() {
        let check = Command::new(&python).args(["-c", "from paho.mqtt.enums import CallbackAPIVersion"]).output().await;
        if check.is_ok_and(|output| output.status.success()) {
            return Some(python);
        }
    }
    None
}

/// Runs a program to its end.
pub(crate) async fn run(command: &mut Command) -> Output {
    command.kill_on_drop(true).stdin(Stdio::null());
    tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("the peer ends in time")
        .expect("the peer can be started")
}

/// Standard output of a program that must succeed.
pub(crate) async fn succeed(command: &mut Command) -> String {
    let output = run(command).await;
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{:?} ended with {}:\n{stdout}\n{stderr}", command.as_std(), output.status);
    stdout
}

/// A mosquitto with mutual TLS on loopback, ended when dropped.
pub(crate) struct Mosquitto {
    pub(crate) port: u16,
    process: Child,
    directory: tempfile::TempDir,
}

impl Mosquitto {
    /// Starts it with these lines of configuration besides its listener and its certificates; returns when it takes
    /// connections.
    pub(crate) async fn start(program: &Path, pki: &Pki, lines: &str) -> Self {
        Self::start_on(free_port().await, program, pki, lines).await
    }

    /// As [`Mosquitto::start`], on a port that is known to be free.
    pub(crate) async fn start_on(port: u16, program: &Path, pki: &Pki, lines: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (server, ca) = (pki.server(), pki.ca_certificate());
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\nlog_type all\ncafile {}\ncertfile {}\n\
             keyfile {}\nrequire_certificate true\n{lines}\n",
            ca.display(),
            server.certificate.display(),
            server.key.display(),
        );
        let file = directory.path().join("mosquitto.conf");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true);
        let process = command.spawn().expect("mosquitto can be started");
        let mut mosquitto = Self { port, process, directory };
        mosquitto.ready().await;
        mosquitto
    }

    /// Connects until it is let in; each refusal takes a turn of the scheduler and no more.
    async fn ready(&mut self) {
        let connected = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                assert_eq!(self.process.try_wait().unwrap(), None, "mosquitto has ended: {}", self.log());
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, connected).await.expect("mosquitto listens in time");
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Ends it at once, as a crash would.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}

/// Passes bytes between clients and a port of loopback until it is told to cut, as a network would.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    cut: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(Notify::new());
        let told = Arc::clone(&cut);
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                    () = told.notified() => {}
                }
            }
        });
        Self { port, cut, task }
    }

    /// Ends the connection that there is, without a word from either side.
    pub(crate) fn cut(&self) {
        self.cut.notify_one();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A port of loopback that nobody listens on.
pub(crate) async fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port()
}
