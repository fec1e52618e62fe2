//! Clients and brokers that others wrote, and our own, captured live: the verdict must agree with what both sides said.
//!
//! Each client publishes once to each broker, over TLS 1.2 and 1.3: as it should, with a certificate that the broker does not
//! know, and with an authority that the broker's certificate is not from. Needs root and what `make peers` installs.
#![cfg(all(feature = "live", target_os = "linux"))]

#[path = "../captures/mod.rs"]
mod captures;
#[path = "../live/net.rs"]
mod net;

use iotcap::broker::{Broker, BrokerOptions};
use iotcap::pki::{CertifiedFiles, Pki};
use net::{Net, Running, SERVER, Stream, can_run, finish};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PORT: &str = "8883";
const VERSIONS: [&str; 2] = ["1.2", "1.3"];
/// Tells the child that is our broker where its certificates are.
const VARIABLE: &str = "IOTCAP_TEST_PKI";

/// A client that publishes once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    MosquittoPub,
    Paho,
    Aws,
    MqttJs,
    Ours,
}

/// A broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Mosquitto,
    Ours,
}

/// How a client comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// As it should.
    Good,
    /// With a certificate of an authority that the broker does not know.
    Stranger,
    /// Knowing only an authority that the broker's certificate is not from.
    Distrustful,
}

const CASES: [Case; 3] = [Case::Good, Case::Stranger, Case::Distrustful];

#[test]
fn mosquitto_pub() {
    agrees(Client::MosquittoPub);
}

#[test]
fn paho_mqtt() {
    agrees(Client::Paho);
}

#[test]
fn aws_iot_sdk() {
    agrees(Client::Aws);
}

#[test]
fn mqtt_js() {
    agrees(Client::MqttJs);
}

#[test]
fn our_publisher() {
    agrees(Client::Ours);
}

/// One publication of each kind to each broker.
#[track_caller]
fn agrees(client: Client) {
    if !can_run() || !captures::have("mosquitto") || !client.is_there() {
        return;
    }
    let directory = tempfile::tempdir().expect("a folder");
    let pki = Pki::load_or_create(directory.path(), &[SERVER.to_owned()]).expect("certificates");
    for peer in [Peer::Mosquitto, Peer::Ours] {
        for version in VERSIONS {
            // Nothing but the broker tells this SDK a version, and ours speaks both.
            if client == Client::Aws && peer == Peer::Ours && version == "1.2" {
                continue;
            }
            talk(client, peer, version, &pki, directory.path());
        }
    }
}

fn talk(client: Client, peer: Peer, version: &str, pki: &Pki, folder: &Path) {
    let net = Net::new();
    let broker = peer.start(&net, pki, folder, version);
    let capture = Running::capturing(&mut net.iotcap(&["-i", "en0", "--format", "jsonl"]));
    let outputs = CASES.map(|case| client.publish(&net, pki, case, version, folder));
    capture.signal(Signal::SIGINT);
    let (status, out, error) = capture.wait();
    assert!(status.success(), "{error}");
    let mut lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    lines.pop();
    lines.sort_by_key(|connection| connection["started"].to_string());
    let what = format!("{client:?} to {peer:?} over TLS {version}");
    let said: Vec<_> = outputs.iter().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).collect();
    let headlines: Vec<_> = lines.iter().map(|line| line["headline"].to_string()).collect();
    assert_eq!(lines.len(), CASES.len(), "{what}: {headlines:#?}\n{said:#?}");
    for ((case, output), told) in CASES.into_iter().zip(&outputs).zip(&lines) {
        let what = format!("{what}, {case:?}: {}\n{}", told["headline"], String::from_utf8_lossy(&output.stderr));
        // The client's own word.
        assert_eq!(output.status.success(), case == Case::Good, "{what}");
        let verdict = (told["outcome"].as_str(), told["cause"].as_str(), told["closed"]["by"].as_str());
        match (case, verdict) {
            (Case::Good, (Some("ok"), None, _))
            | (Case::Stranger, (Some("failed"), Some("client-certificate-refused"), Some("server")))
            | (Case::Distrustful, (Some("failed"), Some("server-certificate-untrusted"), Some("client"))) => {}
            // These two say no alert: Node hangs up after the handshake, the SDK falls silent for as long as it takes to hide
            // what it did not like. The wire says no more than that.
            (Case::Distrustful, (Some("failed"), None | Some("client-gave-up"), Some(_)))
                if matches!(client, Client::MqttJs | Client::Aws) => {}
            _ => panic!("{what}\n{verdict:?}"),
        }
        assert_eq!(told["tls"]["version"], version, "{what}");
        assert_eq!(told["server"]["address"], SERVER, "{what}");
    }
    // And the broker's: one client was let in, and only one.
    broker.signal(Signal::SIGTERM);
    let (_, out, error) = broker.wait();
    assert_eq!(peer.let_in(&out, &error), 1, "{what}: {out}\n{error}");
}

impl Client {
    fn is_there(self) -> bool {
        let own = |path: &str, what: &str| {
            let found = Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists();
            assert!(found || std::env::var_os("CI").is_none(), "{what} is missing: run `make peers`");
            if !found {
                println!("skipped: {what} is not installed (make peers)");
            }
            found
        };
        match self {
            Self::MosquittoPub => captures::have("mosquitto_pub"),
            Self::Paho => own("target/paho/bin/python", "paho-mqtt"),
            Self::Aws => own("target/paho/bin/python", "the AWS IoT SDK") && python_has("awsiot"),
            Self::MqttJs => captures::have("node") && own("target/node/node_modules/mqtt", "mqtt.js"),
            Self::Ours => true,
        }
    }

    fn publish(self, net: &Net, pki: &Pki, case: Case, version: &str, folder: &Path) -> Output {
        let identity = match case {
            Case::Stranger => pki.foreign_device("stranger").expect("a certificate"),
            Case::Good | Case::Distrustful => pki.device("sensor").expect("a certificate"),
        };
        let ca = match case {
            Case::Distrustful => pki.foreign_ca_certificate().expect("an authority"),
            Case::Good | Case::Stranger => pki.ca_certificate(),
        };
        // A client that hangs is one that failed.
        let mut command = net.at_client("timeout");
        command.arg("30");
        self.arguments(&mut command, &ca, &identity, version);
        finish(command.env("OPENSSL_CONF", openssl_conf(folder, version)))
    }

    fn arguments(self, command: &mut Command, ca: &Path, identity: &CertifiedFiles, version: &str) {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = here.join("target/paho/bin/python");
        let script = |name: &str| here.join("tests/peers").join(name);
        match self {
            Self::MosquittoPub => {
                command.args(["mosquitto_pub", "-h", SERVER, "-p", PORT, "-q", "1", "-t", "a/b", "-m", "hello"]);
                command.arg("--cafile").arg(ca).arg("--cert").arg(&identity.certificate);
                command.arg("--key").arg(&identity.key);
            }
            Self::Ours => {
                command.arg(env!("CARGO_BIN_EXE_iotcap")).args(["publish", "--endpoint", SERVER, "--port", PORT]);
                command.args(["--tls", version, "--client-id", "ours", "--topic", "a/b"]);
                command.arg("--ca").arg(ca).arg("--cert").arg(&identity.certificate).arg("--key").arg(&identity.key);
            }
            Self::Paho | Self::Aws | Self::MqttJs => {
                match self {
                    Self::Paho => command.arg(python).arg(script("paho_pub.py")),
                    Self::Aws => command.arg(python).arg(script("aws_pub.py")),
                    _ => command.arg("node").arg(script("mqttjs_pub.cjs")),
                };
                command.args([SERVER, PORT]).arg(ca).arg(&identity.certificate).arg(&identity.key).arg(version);
                command.env("NODE_PATH", here.join("target/node/node_modules"));
            }
        }
    }
}

fn python_has(module: &str) -> bool {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/paho/bin/python");
    let found = Command::new(python).args(["-c", &format!("import {module}")]).output();
    let found = found.is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("CI").is_none(), "{module} is missing: run `make peers`");
    if !found {
        println!("skipped: {module} is not installed (make peers)");
    }
    found
}

/// OpenSSL's own configuration, for programs whose options set only the lowest version.
fn openssl_conf(folder: &Path, version: &str) -> PathBuf {
    let path = folder.join(format!("openssl-{version}.cnf"));
    let lines = format!("openssl_conf=a\n[a]\nssl_conf=b\n[b]\nsystem_default=c\n[c]\nMaxProtocol=TLSv{version}\n");
    std::fs::write(&path, lines).expect("a file");
    path
}

impl Peer {
    fn start(self, net: &Net, pki: &Pki, folder: &Path, version: &str) -> Running {
        match self {
            Self::Mosquitto => {
                let (server, ca) = (pki.server(), pki.ca_certificate());
                let config = format!(
                    "listener {PORT} {SERVER}\nallow_anonymous true\nuser root\nlog_type all\nrequire_certificate true\n\
                     cafile {}\ncertfile {}\nkeyfile {}\n",
                    ca.display(),
                    server.certificate.display(),
                    server.key.display()
                );
                let path = folder.join("mosquitto.conf");
                std::fs::write(&path, config).expect("a file");
                let program =
                    if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
                let mut command = net.at_server(program);
                command.arg("-c").arg(path).env("OPENSSL_CONF", openssl_conf(folder, version));
                let mut running = Running::start(&mut command);
                running.line(Stream::Error, " running");
                running
            }
            Self::Ours => {
                let mut command = net.at_server(std::env::current_exe().expect("this program"));
                command.args(["--exact", "the_child_that_is_our_broker", "--ignored", "--nocapture"]);
                let mut running = Running::start(command.env(VARIABLE, folder));
                running.line(Stream::Out, "our broker listens");
                running
            }
        }
    }

    /// How many clients it says that it let in.
    fn let_in(self, out: &str, error: &str) -> usize {
        match self {
            Self::Mosquitto => error.matches("New client connected from").count(),
            Self::Ours => out.matches("clients let in: 1").count(),
        }
    }
}

#[test]
#[ignore = "started by the tests above"]
fn the_child_that_is_our_broker() {
    let Some(folder) = std::env::var_os(VARIABLE) else { return };
    let pki = Pki::load_or_create(Path::new(&folder), &[SERVER.to_owned()]).expect("certificates");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let address = SERVER.parse().expect("an address");
        let port = PORT.parse().expect("a port");
        let loopback = BrokerOptions::loopback(pki.server(), pki.ca_certificate());
        let broker = Broker::bind(BrokerOptions { address, port, ..loopback }).await.expect("a broker");
        println!("our broker listens");
        let mut terminated =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("a signal");
        let stats = broker
            .run(async move {
                terminated.recv().await;
            })
            .await;
        println!("clients let in: {}", stats.accepted);
    });
}
