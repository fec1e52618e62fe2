//! Two network namespaces joined by a wire, and programs in them whose output is read line by line.

#![allow(dead_code, reason = "shared by several test binaries")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing here takes longer on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The client's address, on its interface `en0`.
pub(crate) const CLIENT: &str = "198.51.100.1";
/// The server's address.
pub(crate) const SERVER: &str = "198.51.100.2";

/// Whether namespaces can be made here. With CI=true a missing part fails the test; elsewhere the test says that it was skipped.
pub(crate) fn can_run() -> bool {
    let root = nix::unistd::Uid::effective().is_root();
    if !root {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "the tests of live capture need root");
        println!("skipped: live capture needs root");
    }
    root && crate::captures::have("ip")
}

/// A client's machine and a server's, joined by a wire.
pub(crate) struct Net {
    client: String,
    server: String,
}

impl Net {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let net = Self { client: format!("iotcap-c{id}"), server: format!("iotcap-s{id}") };
        let (client, server) = (net.client.as_str(), net.server.as_str());
        ip(&["netns", "add", client]);
        ip(&["netns", "add", server]);
        ip(&["-n", client, "link", "add", "en0", "type", "veth", "peer", "name", "en0", "netns", server]);
        for (namespace, address) in [(client, CLIENT), (server, SERVER)] {
            ip(&["-n", namespace, "addr", "add", &format!("{address}/24"), "dev", "en0"]);
            ip(&["-n", namespace, "link", "set", "en0", "up"]);
            ip(&["-n", namespace, "link", "set", "lo", "up"]);
        }
        net
    }

    /// Where `ip` keeps the client's namespace.
    pub(crate) fn client_namespace(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.client)
    }

    /// And the server's.
    pub(crate) fn server_namespace(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.server)
    }

    /// Does something in a thread that is in the client's namespace, with all that it starts.
    pub(crate) fn be_client<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(self.client_namespace()).expect("the namespace");
        let inside = || {
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).expect("root");
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Changes something in the client's namespace.
    pub(crate) fn ip(&self, arguments: &[&str]) {
        ip(&[&["-n", self.client.as_str()], arguments].concat());
    }

    /// A program beside the client.
    pub(crate) fn at_client(&self, program: impl AsRef<Path>) -> Command {
        inside(&self.client, program.as_ref())
    }

    /// A program beside the server.
    pub(crate) fn at_server(&self, program: impl AsRef<Path>) -> Command {
        inside(&self.server, program.as_ref())
    }

    /// The binary under test, beside the client.
    pub(crate) fn iotcap(&self, arguments: &[&str]) -> Command {
        let mut command = self.at_client(env!("CARGO_BIN_EXE_iotcap"));
        command.args(arguments).env("NO_COLOR", "1").env_remove("SUDO_UID");
        command
    }

    /// The same beside the server.
    pub(crate) fn iotcap_at_server(&self, arguments: &[&str]) -> Command {
        let mut command = self.at_server(env!("CARGO_BIN_EXE_iotcap"));
        command.args(arguments).env("NO_COLOR", "1").env_remove("SUDO_UID");
        command
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for namespace in [&self.client, &self.server] {
            drop(Command::new("ip").args(["netns", "del", namespace]).output());
        }
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("ip runs");
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `ip netns exec` becomes the program: its id is the program's.
fn inside(namespace: &str, program: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).arg(program);
    command
}

/// Runs a program to its end.
pub(crate) fn finish(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("the program can be started")
}

/// The processes that run this program.
pub(crate) fn processes(program: &Path) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id: &i32| std::fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|exe| exe == program)).collect()
}

/// Asks until it is so.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = instant() + PATIENCE;
    while !is_so() {
        assert!(instant() < deadline, "still waiting for {what}");
        thread::yield_now();
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a test waits")]
fn instant() -> Instant {
    Instant::now()
}

/// A program that is running; ended when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<(Stream, String)>,
    output: Vec<(Stream, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Error,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let (send, lines) = channel();
        let (out, error) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let to = send.clone();
        thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|l| to.send((Stream::Out, l)))
        });
        thread::spawn(move || {
            BufReader::new(error).lines().map_while(Result::ok).try_for_each(|line| send.send((Stream::Error, line)))
        });
        Self { child, lines, output: Vec::new() }
    }

    /// The binary under test, once it captures.
    pub(crate) fn capturing(command: &mut Command) -> Self {
        let mut running = Self::start(command);
        running.line(Stream::Error, "iotcap: capturing on ");
        running
    }

    pub(crate) fn id(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    /// Waits for a line with this text.
    pub(crate) fn line(&mut self, stream: Stream, text: &str) -> String {
        loop {
            let Ok((from, line)) = self.lines.recv_timeout(PATIENCE) else {
                panic!("no line with {text:?}: {:#?}", self.output)
            };
            self.output.push((from, line.clone()));
            if from == stream && line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.id()), signal).expect("the program is there");
    }

    /// Waits for the end; everything that was written to a stream, and the status.
    pub(crate) fn wait(mut self) -> (ExitStatus, String, String) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.output.push(line);
        }
        let status = self.child.wait().expect("the program can be waited for");
        let text = |stream| {
            let lines = self.output.iter().filter(|(from, _)| *from == stream);
            lines.map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n")
        };
        (status, text(Stream::Out), text(Stream::Error))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be over.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
