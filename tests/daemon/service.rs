//! The daemon as a service: what systemd is told, what root leaves, what a reload takes over, and the files of the package.

use crate::captures::have;
use crate::net::{Net, can_run};
use crate::started::{Started, configure};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

fn iotcap(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iotcap")).args(arguments).output().unwrap()
}

fn package(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file)
}

#[test]
fn the_service_manager_hears_all_it_asked_for() {
    if !can_run() {
        return;
    }
    let (net, folder) = (Net::new(), tempfile::tempdir().unwrap());
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    // As systemd's is: everybody may write to it.
    for path in [folder.path(), &path] {
        Command::new("chmod").arg("777").arg(path).status().unwrap();
    }
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let told = |what: &str| {
        let mut seen = Vec::new();
        loop {
            let mut buffer = [0; 1024];
            let Ok(length) = socket.recv(&mut buffer) else { panic!("no {what} after {seen:?}") };
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|line| line == what) {
                return message;
            }
            seen.push(message);
        }
    };
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "300000")];
    let daemon = Started::with(&net, "", &environment);
    assert!(told("READY=1").contains("STATUS=capturing on en0"));
    told("WATCHDOG=1");
    told("WATCHDOG=1");
    daemon.signal(Signal::SIGHUP);
    assert!(told("RELOADING=1").contains("MONOTONIC_USEC="));
    told("READY=1");
    daemon.signal(Signal::SIGTERM);
    told("STOPPING=1");
    assert!(daemon.end(Signal::SIGTERM).0.success());
}

#[test]
fn every_thread_has_left_root() {
    if !can_run() {
        return;
    }
    let net = Net::new();
    let daemon = Started::new(&net, "");
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.id())).unwrap();
    let statuses: Vec<_> = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap()).collect();
    assert!(statuses.len() >= 5, "main, capture, analysis, teller, evidence, log");
    for status in statuses {
        // CAP_NET_RAW is number 13.
        for line in ["Uid:\t65534\t65534", "CapEff:\t0000000000002000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"] {
            assert!(status.contains(line), "{line}: {status}");
        }
    }
}

#[test]
fn a_reload_takes_over_what_it_can_and_says_what_it_cannot() {
    if !can_run() {
        return;
    }
    let net = Net::new();
    let mut daemon = Started::new(&net, "");
    configure(daemon.folder(), "ports = [443]\n[daemon.log]\nhealthy = false\n");
    daemon.signal(Signal::SIGHUP);
    assert!(daemon.logged("takes a restart").contains("daemon.ports"));
    daemon.logged("the configuration was read again");
    configure(daemon.folder(), "[daemon.lok]\n");
    daemon.signal(Signal::SIGHUP);
    let refused = daemon.logged("the configuration stays as it was");
    assert!(refused.contains("lok"), "{refused}");
    assert!(daemon.end(Signal::SIGINT).0.success());
}

#[test]
fn a_configuration_is_printed_and_checked() {
    let printed = iotcap(&["daemon", "--print-config"]);
    assert_eq!(printed.stdout, fs::read(package("iotcap.toml")).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("iotcap.toml");
    let check = |text: &[u8]| {
        fs::write(&path, text).unwrap();
        iotcap(&["daemon", "--check-config", "--config", path.to_str().unwrap()])
    };
    assert_eq!(check(&printed.stdout).status.code(), Some(0));
    for (text, problem) in [
        ("[daemon]\n", "daemon.interfaces is empty"),
        ("[daemon]\ninterfaces = [\"a\"]\n\n[daemon.http]\nport = 1\n", "line 5"),
        ("[daemon]\ninterfaces = [\"a\"]\n[daemon.http]\nlisten = \"0.0.0.0:80\"\n", "token_file"),
    ] {
        let output = check(text.as_bytes());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(problem), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn systemd_takes_the_unit_and_finds_it_safe() {
    if !have("systemd-analyze") {
        return;
    }
    let unit = fs::read_to_string(package("iotcap.service")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("iotcap.service");
    // The program is where it was built; the user is made by the package.
    let unit = unit.replace("/usr/bin/iotcap", env!("CARGO_BIN_EXE_iotcap"));
    fs::write(&path, unit).unwrap();
    let analyze = |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).arg(&path).output().unwrap();
    let verified = analyze(&["verify", "--man=no"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("iotcap.service"), "{said}");
    // From 0 (safe) to 100, tenths of what it prints.
    let safe = analyze(&["security", "--offline=yes", "--threshold=20"]);
    assert!(safe.status.success(), "{}", String::from_utf8_lossy(&safe.stdout));
}

#[test]
fn prometheus_takes_the_rules_and_the_dashboard_is_json() {
    if !have("promtool") {
        return;
    }
    let checked =
        Command::new("promtool").args(["check", "rules"]).arg(package("prometheus-rules.yml")).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let dashboard = fs::read_to_string(package("grafana-dashboard.json")).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&dashboard).unwrap()["panels"].is_array());
}
