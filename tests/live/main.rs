//! Live capture on real interfaces, in network namespaces that each test makes for itself. Needs root and `ip`.
#![cfg(all(feature = "live", target_os = "linux"))]

#[path = "../captures/mod.rs"]
mod captures;
mod cost;
mod net;
mod peers;

use net::{CLIENT, Net, Running, SERVER, Stream, can_run, finish, wait_for};
use nix::sys::signal::Signal;
use peers::{Certificates, mosquitto, publish};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn the_verdict_agrees_with_the_client() {
    if !can_run() || !captures::have("mosquitto") || !captures::have("mosquitto_pub") {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let _broker = mosquitto(&net, &certificates);
    let saved = certificates.path("saved.pcapng");
    let arguments = ["-i", "en0", "--format", "jsonl", "-w", saved.to_str().unwrap()];
    let mut capture = Running::capturing(&mut net.iotcap(&arguments));
    let mut frames = 0;
    for version in ["1.2", "1.3"] {
        assert!(publish(&net, &certificates, "client", version).success());
        let good = json(&capture.line(Stream::Out, "\"outcome\""));
        assert_eq!(good["outcome"], "ok", "{version}: {good:#}");
        assert_eq!(good["client"]["address"], CLIENT);
        assert_eq!(good["tls"]["version"], version);

        assert!(!publish(&net, &certificates, "stranger", version).success());
        let refused = json(&capture.line(Stream::Out, "\"outcome\""));
        assert_eq!(refused["outcome"], "failed", "{version}: {refused:#}");
        assert_eq!(refused["closed"]["by"], "server", "{version}");
        frames += good["frames"].as_u64().unwrap() + refused["frames"].as_u64().unwrap();
    }
    // The file can be read while the capture goes on.
    if captures::have("tshark") {
        let rows = captures::tshark(&saved, &[], "tcp", &["frame.number"]);
        assert_eq!(rows.len() as u64, frames);
    }
    capture.signal(Signal::SIGINT);
    let (status, out, error) = capture.wait();
    assert!(status.success(), "{error}");
    let last = json(out.lines().last().unwrap());
    assert_eq!(last["summary"]["ok"], 2);
    assert_eq!(last["summary"]["failed"], 2);
    assert_eq!(last["capture"]["kind"], "live");
    assert_eq!(last["capture"]["source"], "en0");
    assert_eq!(last["capture"]["dropped"]["kernel"], 0);
    assert_eq!(last["capture"]["frames_matched"].as_u64(), Some(frames));
}

#[test]
fn steps_are_shown_while_the_connection_is_still_open() {
    if !can_run() || !captures::have("mosquitto") || !captures::have("openssl") {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let _broker = mosquitto(&net, &certificates);
    let mut capture = Running::capturing(&mut net.iotcap(&["-i", "en0", "--events"]));
    let mut client = net.at_client("openssl");
    client
        .args(["s_client", "-connect", &format!("{SERVER}:8883"), "-quiet", "-cert"])
        .arg(certificates.path("client.pem"));
    let _client = Running::start(client.arg("-key").arg(certificates.path("client.key")));
    for step in ["syn ", "syn_ack", "established", "client_hello", "server_hello"] {
        capture.line(Stream::Out, step);
    }
    capture.signal(Signal::SIGTERM);
    let (_, out, _) = capture.wait();
    assert!(out.contains("1 connection"), "{out}");
}

#[test]
fn what_is_stuck_is_told_with_keys_that_came_late() {
    // CONNECT of MQTT 3.1.1 (3.1) with the client identifier `stuck-1`.
    const CONNECT: &[u8] = b"\x10\x13\0\x04MQTT\x04\x02\0\x3c\0\x07stuck-1";
    if !can_run() || !captures::have("openssl") {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let path = |name: &str| certificates.path(name).to_str().unwrap().to_owned();
    // It answers to whole lines of text, and to nothing else.
    let mut server = net.at_server("openssl");
    server.args(["s_server", "-rev", "-accept", "8883", "-cert", &path("server.pem"), "-key", &path("server.key")]);
    let mut server = Running::start(&mut server);
    server.line(Stream::Out, "ACCEPT");
    fs::write(path("connect"), CONNECT).unwrap();
    fs::write(path("growing.log"), "").unwrap();
    let mut capture = Running::capturing(&mut net.iotcap(&["-i", "en0", "--keylog", &path("growing.log")]));
    let client = "exec openssl s_client -connect $0 -tls1_3 -quiet -keylogfile $1 < $2";
    let to = format!("{SERVER}:8883");
    let _client =
        Running::start(net.at_client("bash").args(["-c", client, &to, &path("client.log"), &path("connect")]));
    // Its keys are not there when it sends its CONNECT; they are when it is looked at again.
    capture.line(Stream::Out, "connect  client id of at most 7 bytes");
    fs::copy(path("client.log"), path("growing.log")).unwrap();
    capture.line(Stream::Out, "Not over yet");
    capture.line(Stream::Out, "client id stuck-1");
    capture.signal(Signal::SIGTERM);
    assert!(capture.wait().0.success());
}

#[test]
fn a_signal_ends_a_silent_capture_within_a_second() {
    if !can_run() {
        return;
    }
    for (signal, extra) in [(Signal::SIGTERM, None), (Signal::SIGINT, None), (Signal::SIGINT, Some("--immediate"))] {
        let net = Net::new();
        let arguments: Vec<_> = ["-i", "en0", "-i", "lo"].into_iter().chain(extra).collect();
        let capture = Running::capturing(&mut net.iotcap(&arguments));
        #[expect(clippy::disallowed_methods, reason = "the time that a user waits")]
        let asked = Instant::now();
        capture.signal(signal);
        let (status, out, error) = capture.wait();
        assert!(asked.elapsed() < Duration::from_secs(1), "{signal}: {:?}", asked.elapsed());
        assert_eq!(status.code(), Some(0), "{error}");
        assert!(out.contains("0 connections") && out.contains("captured on en0 lo"), "{out}");
        assert!(error.contains("no connection was seen on en0 and lo"), "{error}");
    }
}

#[test]
fn two_signals_end_it_at_once() {
    if !can_run() {
        return;
    }
    let net = Net::new();
    let capture = Running::capturing(&mut net.iotcap(&["-i", "en0"]));
    // Both are there before it can do anything about the first.
    capture.signal(Signal::SIGSTOP);
    capture.signal(Signal::SIGINT);
    capture.signal(Signal::SIGTERM);
    capture.signal(Signal::SIGCONT);
    let (status, out, _) = capture.wait();
    assert!([Some(130), Some(143)].contains(&status.code()) && out.is_empty(), "{status} {out}");

    // A command that does not heed Ctrl-C keeps the first one waiting.
    let deaf = "trap '' INT; echo $$; exec sleep 20 > /dev/null 2>&1";
    let mut capture = Running::start(&mut net.iotcap(&["run", "-i", "lo", "--", "sh", "-c", deaf]));
    let command = nix::unistd::Pid::from_raw(capture.line(Stream::Out, "").parse().unwrap());
    capture.signal(Signal::SIGINT);
    // Two that wait to be taken are one.
    let process = format!("/proc/{}/status", capture.id());
    wait_for("the first signal to be taken", || {
        let status = fs::read_to_string(&process).unwrap();
        status.contains("ShdPnd:\t0000000000000000") && status.contains("SigPnd:\t0000000000000000")
    });
    capture.signal(Signal::SIGINT);
    let (status, out, error) = capture.wait();
    nix::sys::signal::kill(command, Signal::SIGKILL).unwrap();
    assert_eq!((status.code(), out.lines().count()), (Some(130), 1), "{out}{error}");
}

#[test]
fn a_signal_before_the_command_runs_is_not_lost() {
    if !can_run() {
        return;
    }
    let net = Net::new();
    let folder = tempfile::tempdir().unwrap();
    let (pipe, saved) = (folder.path().join("keys"), folder.path().join("saved.pcapng"));
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let [keys, save] = [&pipe, &saved].map(|path| path.to_str().unwrap());
        let arguments = ["run", "-i", "lo", "--keylog", keys, "-w", save, "--", "sleep", "20"];
        let capture = Running::start(&mut net.iotcap(&arguments));
        // It waits for somebody to write keys, once it has made the file.
        wait_for("the saved file", || saved.exists());
        capture.signal(signal);
        drop(fs::OpenOptions::new().write(true).open(&pipe).unwrap());
        let (status, out, error) = capture.wait();
        assert_eq!(status.code(), Some(128 + signal as i32), "{signal}: {error}");
        assert!(out.contains("0 connections"), "{signal}: {out}{error}");
        fs::remove_file(&saved).unwrap();
    }
}

#[test]
fn on_any_a_frame_of_loopback_is_one_frame() {
    if !can_run() || !captures::have("mosquitto") || !captures::have("mosquitto_pub") {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let _broker = mosquitto(&net, &certificates);
    // The server's own address: its packets go over loopback. In TLS 1.2 alerts have a type of their own, so that without keys a
    // farewell as quick as here cannot be mistaken.
    let mut capture = Running::capturing(&mut net.iotcap_at_server(&["-i", "any", "--format", "jsonl"]));
    assert!(peers::publish_from(net.at_server("mosquitto_pub"), &certificates, "client", "1.2").success());
    let good = json(&capture.line(Stream::Out, "\"outcome\""));
    assert_eq!((&good["outcome"], &good["findings"]), (&"ok".into(), &serde_json::json!([])), "{good:#}");
    for side in ["client", "server"] {
        assert_eq!(good["tcp"]["retransmissions"][side], 0, "{:#}", good["tcp"]);
    }
    assert_eq!(good["tcp"]["duplicate_acks"], 0, "{:#}", good["tcp"]);
    capture.signal(Signal::SIGINT);
    assert!(capture.wait().0.success());
}

#[test]
fn nothing_of_root_is_left_once_it_captures() {
    if !can_run() {
        return;
    }
    let net = Net::new();
    let sudo = [("SUDO_UID", "4711"), ("SUDO_GID", "4712"), ("SUDO_USER", "caller")];
    let cases = [(&["-i", "en0", "-v"][..], &sudo[..0], "65534"), (&["-i", "en0", "-v"], &sudo, "4711")];
    for (arguments, environment, uid) in cases {
        let mut command = net.iotcap(arguments);
        let mut capture = Running::capturing(command.envs(environment.iter().copied()));
        for task in fs::read_dir(format!("/proc/{}/task", capture.id())).unwrap() {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
            assert_eq!(field("Uid:"), [uid; 4].join("\t"));
            assert!(!field("Groups:").split(' ').any(|group| group == "0"));
            for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
                assert_eq!(field(set), "0000000000000000", "{set}");
            }
            assert_eq!(field("NoNewPrivs:"), "1");
        }
        // It still captures.
        drop(finish(net.at_client("bash").args(["-c", &format!("exec 3<>/dev/tcp/{SERVER}/8883")])));
        capture.line(Stream::Out, "syn ");
        capture.signal(Signal::SIGTERM);
        assert!(capture.wait().0.success());
    }
}

#[test]
fn by_sudo_an_ordinary_user_gets_his_own_capture() {
    const UID: &str = "4711";
    if !can_run() || !captures::have("sudo") || !captures::have("setpriv") {
        return;
    }
    let (net, folder) = (Net::new(), tempfile::tempdir().unwrap());
    let mine = |path: &std::path::Path| std::os::unix::fs::chown(path, Some(4711), Some(4711)).unwrap();
    mine(folder.path());
    // Sudo asks who calls it, and wants to know him: a user of this test alone, in a view of /etc that is its own.
    let etc = folder.path().join("etc");
    fs::create_dir(&etc).unwrap();
    let program = folder.path().join("iotcap");
    fs::copy(env!("CARGO_BIN_EXE_iotcap"), &program).unwrap();
    let saved = folder.path().join("saved.pcapng");
    let passwd = fs::read_to_string("/etc/passwd").unwrap() + "iotcap-test:x:4711:4711::/:/bin/sh\n";
    fs::write(etc.join("passwd"), passwd).unwrap();
    fs::write(etc.join("shadow"), "root:*:20000::::::\niotcap-test:*:20000::::::\n").unwrap();
    fs::write(etc.join("sudoers"), "iotcap-test ALL=(root) NOPASSWD: ALL\n").unwrap();
    fs::set_permissions(etc.join("sudoers"), fs::Permissions::from_mode(0o440)).unwrap();
    let script = format!(
        "mount --bind {etc}/passwd /etc/passwd && mount --bind {etc}/shadow /etc/shadow && \
         mount --bind {etc}/sudoers /etc/sudoers && \
         exec setpriv --reuid {UID} --regid {UID} --clear-groups sudo {program} -i en0 -v -w {saved}",
        etc = etc.display(),
        program = program.display(),
        saved = saved.display()
    );
    let mut capture = Running::capturing(net.at_client("unshare").args(["-m", "sh", "-c", &script]));
    drop(finish(net.at_client("bash").args(["-c", &format!("exec 3<>/dev/tcp/{SERVER}/8883")])));
    capture.line(Stream::Out, "syn ");
    // Sudo itself stays root; what it started does not.
    let process = net::processes(&program);
    assert_eq!(process.len(), 1, "{process:?}");
    let status = fs::read_to_string(format!("/proc/{}/status", process[0])).unwrap();
    assert!(status.contains(&format!("Uid:\t{UID}\t{UID}\t{UID}\t{UID}")), "{status}");
    assert!(status.contains("CapEff:\t0000000000000000") && status.contains("CapPrm:\t0000000000000000"), "{status}");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process[0]), Signal::SIGINT).unwrap();
    let (status, out, error) = capture.wait();
    assert!(status.success() && out.contains("1 connection"), "{out}{error}");
    let metadata = fs::metadata(&saved).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (4711, 4711));
}

#[test]
fn the_right_to_open_again_is_all_that_is_kept() {
    if !can_run() {
        return;
    }
    let net = Net::new();
    let mut capture = Running::capturing(&mut net.iotcap(&["-i", "en0", "--reopen"]));
    let status = fs::read_to_string(format!("/proc/{}/status", capture.id())).unwrap();
    // CAP_NET_RAW is number 13.
    assert!(status.contains("CapEff:\t0000000000002000") && status.contains("Uid:\t65534"), "{status}");
    net.ip(&["link", "set", "en0", "down"]);
    capture.line(Stream::Error, "en0 went away");
    net.ip(&["link", "set", "en0", "up"]);
    capture.line(Stream::Error, "en0 is back");
    drop(finish(net.at_client("bash").args(["-c", &format!("exec 3<>/dev/tcp/{SERVER}/8883")])));
    capture.line(Stream::Out, "syn ");
    net.ip(&["link", "del", "en0"]);
    capture.line(Stream::Error, "en0 went away");
    net.ip(&["link", "add", "en0", "type", "veth", "peer", "name", "en1"]);
    net.ip(&["link", "set", "en0", "up"]);
    capture.line(Stream::Error, "en0 is back");
    capture.signal(Signal::SIGTERM);
    let (status, out, _) = capture.wait();
    assert!(status.success() && out.contains("1 connection"), "{out}");
}

#[test]
fn an_interface_that_goes_away_ends_the_capture_with_its_summary() {
    if !can_run() {
        return;
    }
    for change in [&["link", "set", "en0", "down"][..], &["link", "del", "en0"]] {
        let net = Net::new();
        let mut capture = Running::capturing(&mut net.iotcap(&["-i", "en0"]));
        drop(finish(net.at_client("bash").args(["-c", &format!("exec 3<>/dev/tcp/{SERVER}/8883")])));
        capture.line(Stream::Out, "syn ");
        net.ip(change);
        let (status, out, error) = capture.wait();
        assert!(status.success() && error.contains("en0 went away"), "{error}");
        assert!(out.contains("1 connection"), "{out}");
    }
}

#[test]
fn a_syn_that_nobody_answers_is_told_before_the_capture_ends() {
    const NOBODY: &str = "198.51.100.9";
    if !can_run() {
        return;
    }
    let net = Net::new();
    net.ip(&["neigh", "add", NOBODY, "lladdr", "02:00:00:00:00:09", "dev", "en0"]);
    let mut capture = Running::capturing(&mut net.iotcap(&["-i", "en0"]));
    let mut client = net.at_client("bash");
    let _client = Running::start(client.args(["-c", &format!("exec 3<>/dev/tcp/{NOBODY}/8883")]));
    capture.line(Stream::Out, "Not over yet");
    capture.line(Stream::Out, "failed");
    capture.signal(Signal::SIGTERM);
    let (_, out, _) = capture.wait();
    assert!(out.contains("syn-unanswered"), "{out}");
}

#[test]
fn what_the_kernel_drops_is_counted_and_told() {
    if !can_run() {
        return;
    }
    for interface in ["lo", "any"] {
        drops_on(interface);
    }
}

fn drops_on(interface: &str) {
    let net = Net::new();
    let arguments = ["-i", interface, "--buffer", "1", "--format", "jsonl"];
    let capture = Running::capturing(&mut net.iotcap(&arguments));
    capture.signal(Signal::SIGSTOP);
    // Some two frames each, and some 200 bytes of buffer a frame.
    let knock = "for ((i = 0; i < 10000; i++)); do : < /dev/tcp/127.0.0.1/8883; done 2> /dev/null";
    finish(net.at_client("bash").args(["-c", knock]));
    capture.signal(Signal::SIGCONT);
    capture.signal(Signal::SIGINT);
    let (status, out, error) = capture.wait();
    assert!(status.success(), "{error}");
    let capture = &json(out.lines().last().unwrap())["capture"];
    let (frames, dropped) = (capture["frames"].as_u64().unwrap(), capture["dropped"]["kernel"].as_u64().unwrap());
    assert!(frames > 1000 && dropped > 1000, "{capture}");
    // On loopback the kernel counts each of them twice, which may leave one at the edge; and on `any` it does not say which.
    let tolerance = if interface == "lo" { 10 } else { 500 };
    assert!((frames + dropped).abs_diff(20_000) < tolerance, "every frame is either seen or counted: {capture}");
}

#[test]
fn when_nothing_comes_it_says_what_came_instead() {
    if !can_run() {
        return;
    }
    let net = Net::new();
    let capture = Running::capturing(&mut net.iotcap(&["-i", "en0", "--duration", "2"]));
    let knock = format!("while :; do exec 3<>/dev/tcp/{SERVER}/4433; done");
    let _knocking = Running::start(net.at_client("bash").args(["-c", &knock]));
    let (status, out, error) = capture.wait();
    assert!(status.success() && out.contains("0 connections"), "{out}");
    assert!(error.contains("on TCP ports 4433"), "{error}");
}

#[test]
fn run_reports_after_the_command_and_exits_with_its_status() {
    if !can_run() {
        return;
    }
    let net = Net::new();
    let run = |options: &[&str], script: &str| {
        let arguments = [&["run", "-i", "lo"], options, &["--", "bash", "-c", script]].concat();
        let output = finish(&mut net.iotcap(&arguments));
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, out) = run(&[], "printf 'of the command\\n'; exit 3");
    assert_eq!(code, Some(3));
    assert!(out.starts_with("of the command\n") && out.contains("0 connections"), "{out}");

    let refused = "exec 3<>/dev/tcp/127.0.0.1/8883 2>/dev/null; true";
    let (code, out) = run(&[], &format!("({refused}); true"));
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("1 connection"), "{out}");
    assert_eq!(run(&["--fail-on", "never"], &format!("({refused}); true")).0, Some(0));
    assert_eq!(run(&[], "kill -TERM $$").0, Some(128 + 15));

    let output = finish(&mut net.iotcap(&["run", "-i", "lo", "--", "/no/such/program"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot start /no/such/program"));
}

#[test]
fn the_command_runs_as_the_user_who_called_and_with_all_its_rights() {
    if !can_run() {
        return;
    }
    let net = Net::new();
    let ids = "id -u; id -g; grep -E 'NoNewPrivs|CapBnd' /proc/self/status; ls / | wc -l";
    let mut command = net.iotcap(&["run", "-i", "lo", "-q", "--", "sh", "-c", ids]);
    let output = finish(command.envs([("SUDO_UID", "4711"), ("SUDO_GID", "4712"), ("SUDO_USER", "caller")]));
    let out = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[..2], ["4711", "4712"], "{out}");
    assert!(lines.contains(&"NoNewPrivs:\t0"), "{out}");
    assert!(!lines.contains(&"CapBnd:\t0000000000000000"), "{out}");
    assert!(lines.last().unwrap().trim().parse::<u32>().unwrap() > 3, "the sandbox is not the command's: {out}");
}

#[test]
fn a_wrong_name_suggests_the_near_one() {
    if !can_run() {
        return;
    }
    let net = Net::new();
    let output = finish(&mut net.iotcap(&["-i", "eno"]));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "iotcap: there is no interface eno: did you mean en0?\n");
    net.ip(&["link", "set", "en0", "down"]);
    let output = finish(&mut net.iotcap(&["-i", "en0"]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("en0 is down: bring it up"));
    let listed = String::from_utf8(finish(&mut net.iotcap(&["interfaces"])).stdout).unwrap();
    assert!(listed.lines().any(|line| line.starts_with("lo ") && line.contains("up    127.0.0.1")), "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("en0 ") && line.contains("down")), "{listed}");
}

#[test]
fn the_publisher_lays_the_packets_beside_its_own_view() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pki = iotcap::pki::Pki::load_or_create(folder.path(), &[]).unwrap();
    // A port on which nobody listens any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let ca = pki.ca_certificate();
    let arguments = ["publish", "--endpoint", "127.0.0.1", "--port", &port, "--capture", "lo", "--ca"];
    let output = captures::iotcap(arguments.iter().map(std::ffi::OsStr::new).chain([ca.as_os_str()]));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{printed}");
    let said =
        |who: &str| printed.lines().find(|line| line.trim_start().starts_with(who)).unwrap_or_default().to_owned();
    assert!(said("the client says").contains("connection refused"), "{printed}");
    assert!(said("the packets say").contains("refused the connection with a reset"), "{printed}");
    assert!(printed.contains("TCP002 connection-refused"), "{printed}");
}
