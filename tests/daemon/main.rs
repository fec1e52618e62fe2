//! The daemon on real interfaces, in network namespaces that each test makes for itself, with a real broker, real clients and a
//! real Prometheus. Needs root and `ip`.
#![cfg(all(feature = "live", target_os = "linux"))]

#[allow(dead_code, reason = "shared with the tests of the HTML report")]
#[path = "../html/browser.rs"]
mod browser;
#[path = "../captures/mod.rs"]
mod captures;
mod flood;
#[path = "../live/net.rs"]
mod net;
mod page;
#[path = "../live/peers.rs"]
mod peers;
mod service;
mod soak;
mod started;

use captures::have;
use net::{CLIENT, Net, SERVER, can_run, finish};
use nix::sys::signal::Signal;
use peers::{Certificates, mosquitto, publish};
use started::{Started, instant};
use std::fs;
use std::process::Stdio;
use std::time::Duration;

fn has_peers() -> bool {
    can_run() && have("mosquitto") && have("mosquitto_pub") && have("curl")
}

#[test]
fn good_and_bad_clients_are_told_in_every_way() {
    if !has_peers() || !have("promtool") || !have("tshark") {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let _broker = mosquitto(&net, &certificates);
    let mut daemon = Started::new(&net, "[daemon.log]\nformat = \"json\"\n");
    assert!(publish(&net, &certificates, "client", "1.2").success());
    let good = daemon.logged("\"outcome\":\"ok\"");
    assert!(good.contains(CLIENT), "{good}");
    assert!(!publish(&net, &certificates, "stranger", "1.2").success());
    let bad: serde_json::Value = serde_json::from_str(&daemon.logged("\"outcome\":\"failed\"")).unwrap();
    let cause = bad["cause"].as_str().unwrap().to_owned();
    daemon.logged("\"finding\":");

    let failed = daemon.api("/api/connections?outcome=failed");
    assert_eq!(failed["schema"], "iotcap.report/1");
    assert_eq!(failed["connections"].as_array().map(Vec::len), Some(1));
    let connection = &failed["connections"][0];
    assert_eq!(
        (connection["cause"].as_str(), connection["closed"]["by"].as_str()),
        (Some(cause.as_str()), Some("server"))
    );
    let id = connection["id"].as_str().unwrap();
    assert_eq!(daemon.api(&format!("/api/connections/{id}")), *connection);
    let first = daemon.api("/api/connections?limit=1");
    let rest = daemon.api(&format!("/api/connections?limit=1&before={}", first["next"]));
    assert_eq!([&first, &rest].map(|page| page["connections"][0]["outcome"].as_str()), [Some("failed"), Some("ok")]);
    assert_eq!(rest["next"], serde_json::Value::Null);
    assert_eq!(daemon.api("/api/connections?client=192.0.2.99")["connections"].as_array().map(Vec::len), Some(0));
    assert_eq!(daemon.status("/api/connections?colour=red"), "400");

    let metrics = daemon.get("/metrics");
    assert!(metrics.contains("iotcap_connections_total{outcome=\"ok\",cause=\"\"} 1\n"), "{metrics}");
    assert!(
        metrics.contains(&format!("iotcap_connections_total{{outcome=\"failed\",cause=\"{cause}\"}} 1\n")),
        "{metrics}"
    );
    started::check_metrics(&metrics);

    // The evidence is there a moment after the log line: when its metric says so.
    daemon.metric_reaches("iotcap_evidence_written_total", 1);
    let files = daemon.evidence();
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].file_name().unwrap().to_str().unwrap().contains(&cause));
    let rows = captures::tshark(&files[0], &[], "tcp", &["ip.src"]);
    assert_eq!(rows.len() as u64, connection["frames"].as_u64().unwrap());
    let comments = captures::tshark(&files[0], &[], "frame.comment", &["frame.comment"]);
    assert!(comments.concat().concat().contains(&cause), "{comments:?}");
    let again = captures::iotcap([std::ffi::OsStr::new("--format"), "json".as_ref(), files[0].as_os_str()]);
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["connections"][0]["cause"], cause.as_str());

    let asked = instant();
    let (status, _, error) = daemon.end(Signal::SIGTERM);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(0), "{error}");
}

#[test]
fn what_is_open_at_the_end_is_told_before_it() {
    if !has_peers() {
        return;
    }
    let net = Net::new();
    let daemon = Started::new(&net, "");
    let mut client = net.at_client("bash");
    // Nobody listens on the other address: its SYN is resent for longer than this test takes.
    client.args(["-c", &format!("exec 3<>/dev/tcp/{}/8883", "198.51.100.77")]).stderr(Stdio::null());
    net.ip(&["neigh", "add", "198.51.100.77", "lladdr", "02:00:00:00:00:77", "dev", "en0"]);
    let mut client = client.spawn().unwrap();
    daemon.metric_reaches("iotcap_table_connections", 1);
    let (status, _, error) = daemon.end(Signal::SIGTERM);
    client.kill().unwrap();
    client.wait().unwrap();
    assert!(status.success() && error.contains("198.51.100.77:8883"), "{error}");
}

#[test]
fn an_interface_may_go_down_and_away() {
    if !has_peers() {
        return;
    }
    let net = Net::new();
    let mut daemon = Started::new(&net, "");
    assert_eq!(daemon.status("/healthz"), "200");
    for (change, back) in [
        (&["link", "set", "en0", "down"][..], &["link", "set", "en0", "up"][..]),
        (&["link", "del", "en0"], &["link", "add", "en0", "type", "veth", "peer", "name", "en1"]),
    ] {
        net.ip(change);
        daemon.logged("an interface went away");
        assert_eq!(daemon.status("/healthz"), "503");
        net.ip(back);
        net.ip(&["link", "set", "en0", "up"]);
        daemon.logged("an interface is back");
        assert_eq!(daemon.status("/healthz"), "200");
    }
    net.ip(&["link", "set", "en1", "up"]);
    net.ip(&["addr", "add", &format!("{CLIENT}/24"), "dev", "en0"]);
    net.ip(&["neigh", "add", SERVER, "lladdr", "02:00:00:00:00:77", "dev", "en0"]);
    let mut client = net.at_client("bash");
    let mut client = client.args(["-c", &format!("exec 3<>/dev/tcp/{SERVER}/8883")]).spawn().unwrap();
    daemon.metric_reaches("iotcap_table_opened_total", 1);
    client.kill().unwrap();
    client.wait().unwrap();
}

#[test]
fn an_interface_may_get_another_name() {
    if !has_peers() {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let _broker = mosquitto(&net, &certificates);
    let mut daemon = Started::new(&net, "");
    for (from, to) in [("en0", "wan0"), ("wan0", "en0")] {
        net.ip(&["link", "set", from, "down"]);
        daemon.logged("an interface went away");
        net.ip(&["link", "set", from, "name", to]);
        net.ip(&["link", "set", to, "up"]);
        let back = daemon.logged("an interface is back");
        assert!(back.contains("interface=\"en0\"") && back.contains(&format!("called=\"{to}\"")), "{back}");
        assert_eq!(daemon.status("/healthz"), "200");
        assert!(publish(&net, &certificates, "client", "1.3").success());
        daemon.logged("outcome=\"ok\"");
    }
}

#[test]
fn what_several_connections_have_in_common_is_told() {
    if !has_peers() {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let _broker = mosquitto(&net, &certificates);
    let mut daemon = Started::new(&net, "");
    let mut reader = daemon.reader("/api/events");
    daemon.metric_reaches("iotcap_event_readers", 1);
    // A client that tries again at once, whatever happens.
    for _ in 0..12 {
        assert!(!publish(&net, &certificates, "stranger", "1.2").success());
    }
    let line = daemon.logged("reconnect-storm");
    assert!(line.contains(CLIENT) && line.contains(&format!("{SERVER}:8883")), "{line}");
    reader.line(net::Stream::Out, "event: group");
    let event: serde_json::Value = {
        let line = reader.line(net::Stream::Out, "data: ");
        serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap()
    };
    assert_eq!((event["id"].as_str(), event["clients"][0].as_str()), (Some("reconnect-storm"), Some(CLIENT)));
    let groups = &daemon.api("/api/groups")["groups"];
    assert_eq!(groups.as_array().map(Vec::len), Some(1), "{groups:#}");
    assert_eq!((&groups[0]["key"], &groups[0]["code"]), (&event["key"], &"MQT015".into()));
    assert!(groups[0]["connections"].as_array().unwrap().len() >= 5, "{groups:#}");
}

#[test]
fn killed_in_the_middle_it_leaves_whole_files() {
    if !has_peers() || !have("tshark") {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let _broker = mosquitto(&net, &certificates);
    let daemon = Started::new(&net, "");
    for _ in 0..3 {
        assert!(!publish(&net, &certificates, "stranger", "1.3").success());
    }
    daemon.metric_reaches("iotcap_evidence_written_total", 2);
    let (_, folder, _) = daemon.kill();
    let files = started::files(&folder.path().join("evidence"));
    assert!(files.len() >= 2, "{files:?}");
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "pcapng")) {
        assert!(!captures::tshark(file, &[], "tls.handshake.type == 1", &["frame.number"]).is_empty(), "{file:?}");
    }
}

#[test]
fn a_full_disk_stops_the_evidence_and_nothing_else() {
    if !has_peers() || !have("mount") {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let _broker = mosquitto(&net, &certificates);
    let disk = started::Disk::new("16k");
    let evidence = format!("[daemon.evidence]\nfolder = {:?}\n", disk.path());
    let mut daemon = Started::new(&net, &evidence);
    fs::write(disk.path().join("filling"), [0; 16 << 10]).unwrap();
    for _ in 0..2 {
        assert!(!publish(&net, &certificates, "stranger", "1.2").success());
        daemon.logged("failed");
    }
    daemon.metric_reaches("iotcap_evidence_passed_over_total{reason=\"error\"}", 2);
    assert_eq!(daemon.status("/healthz"), "200");
    assert_eq!(started::files(disk.path()).len(), 1, "half a file was left");
    fs::remove_file(disk.path().join("filling")).unwrap();
    assert!(!publish(&net, &certificates, "stranger", "1.2").success());
    daemon.logged("evidence can be written again");
    let (_, _, error) = daemon.end(Signal::SIGTERM);
    assert_eq!(error.matches("evidence cannot be written").count(), 1, "{error}");
}

#[test]
fn only_who_should_gets_an_answer() {
    if !can_run() || !have("curl") {
        return;
    }
    let net = Net::new();
    let daemon = Started::new(&net, "");
    assert_eq!(daemon.status("/metrics"), "200");
    let stranger = ["-H", "Host: evil.example"];
    assert_eq!(daemon.curl(&[&stranger[..], &["-o", "/dev/null", "-w", "%{http_code}"]].concat(), "/metrics"), "403");
    drop(daemon);

    let folder = tempfile::tempdir().unwrap();
    let (token, socket) = (folder.path().join("token"), folder.path().join("socket"));
    fs::write(&token, "s3cret\n").unwrap();
    let http = |listen: &str| format!("[daemon.http]\nlisten = \"{listen}\"\ntoken_file = {token:?}\n");
    let daemon = Started::new(&net, &http("0.0.0.0:9464"));
    let code = |extra: &[&str]| daemon.curl(&[extra, &["-o", "/dev/null", "-w", "%{http_code}"]].concat(), "/metrics");
    assert_eq!(code(&[]), "401");
    assert_eq!(code(&["-H", "Authorization: Bearer wrong"]), "401");
    assert_eq!(code(&["-H", "Authorization: Bearer s3cret"]), "200");
    assert_eq!(code(&["-u", "iotcap:s3cret"]), "200");
    assert_eq!(daemon.status("/healthz"), "200");
    drop(daemon);

    let listen = format!("[daemon.http]\nlisten = \"unix:{}\"\n", socket.display());
    // Twice: the second one finds the socket of the first, which was killed.
    for _ in 0..2 {
        let daemon = Started::new(&net, &listen);
        assert!(daemon.curl(&["--unix-socket", socket.to_str().unwrap()], "/metrics").contains("iotcap_build_info"));
    }
}

#[test]
fn the_page_listens_to_events() {
    if !has_peers() {
        return;
    }
    let (net, certificates) = (Net::new(), Certificates::new());
    let _broker = mosquitto(&net, &certificates);
    let daemon = Started::new(&net, "");
    assert!(daemon.get("/").contains("/live.js"));
    let mut reader = daemon.reader("/api/events");
    daemon.metric_reaches("iotcap_event_readers", 1);
    assert!(!publish(&net, &certificates, "stranger", "1.3").success());
    assert_eq!(reader.line(net::Stream::Out, "event: "), "event: connection");
    let event = reader.line(net::Stream::Out, "data: ");
    let event: serde_json::Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((event["outcome"].as_str(), event["client"]["address"].as_str()), (Some("failed"), Some(CLIENT)));
    drop(reader);
    daemon.metric_reaches("iotcap_event_readers", 0);
}

#[test]
fn a_real_prometheus_scrapes_it() {
    if !has_peers() || !have("prometheus") {
        return;
    }
    let net = Net::new();
    let daemon = Started::new(&net, "");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let scrape = "scrape_configs:\n- job_name: iotcap\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\n  \
                  static_configs:\n  - targets: ['127.0.0.1:9464']\n";
    fs::write(&config, scrape).unwrap();
    let mut command = net.at_client("prometheus");
    command.arg(format!("--config.file={}", config.display())).arg("--web.listen-address=127.0.0.1:9090");
    let mut prometheus = net::Running::start(command.arg(format!("--storage.tsdb.path={}", folder.path().display())));
    prometheus.line(net::Stream::Error, "Server is ready to receive web requests");
    let query = "http://127.0.0.1:9090/api/v1/query?query=iotcap_build_info";
    let deadline = instant() + Duration::from_secs(20);
    loop {
        let answer = finish(net.at_client("curl").args(["-s", query]));
        let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
        if answer["data"]["result"][0]["metric"]["job"] == "iotcap" {
            break;
        }
        assert!(instant() < deadline, "{answer}");
    }
    let (_, _, error) = daemon.end(Signal::SIGTERM);
    assert!(!error.contains("ERROR"), "{error}");
}
