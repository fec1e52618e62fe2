//! The embedded broker against clients that others wrote: mosquitto's and paho.

mod support;

use iotcap::broker::{Broker, BrokerOptions, BrokerStats, Policy};
use iotcap::pki::{CertifiedFiles, Pki};
use std::path::PathBuf;
use support::{is_missing, paho, program, run, succeed};
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running broker with its certificates.
struct Running {
    port: u16,
    pki: Pki,
    stop: oneshot::Sender<()>,
    broker: JoinHandle<BrokerStats>,
    _directory: tempfile::TempDir,
}

impl Running {
    async fn start(change: impl FnOnce(&mut BrokerOptions)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let pki = Pki::load_or_create(directory.path(), &[]).unwrap();
        let mut options = BrokerOptions { port: 0, ..BrokerOptions::loopback(pki.server(), pki.ca_certificate()) };
        change(&mut options);
        let broker = Broker::bind(options).await.unwrap();
        let port = broker.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel::<()>();
        let broker = tokio::spawn(broker.run(async {
            let _ = stopped.await;
        }));
        Self { port, pki, stop, broker, _directory: directory }
    }

    async fn stop(self) -> BrokerStats {
        self.stop.send(()).unwrap();
        self.broker.await.unwrap()
    }

    /// A mosquitto client with its certificate, for that version of MQTT.
    fn mosquitto(&self, program: &PathBuf, version: &str, identity: &CertifiedFiles) -> Command {
        let mut command = Command::new(program);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-V", version]);
        command.arg("--cafile").arg(self.pki.ca_certificate());
        command.arg("--cert").arg(&identity.certificate).arg("--key").arg(&identity.key);
        command
    }
}

fn mosquitto_clients() -> Option<(PathBuf, PathBuf)> {
    let clients = program("mosquitto_pub").zip(program("mosquitto_sub"));
    (!is_missing("mosquitto_pub or mosquitto_sub", clients.is_some())).then_some(clients).flatten()
}

/// A subscriber leaves its session at the broker, messages come meanwhile, it comes back and gets them: in order, each
/// once, for both versions and all QoS that a session keeps.
#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_s_clients_get_what_came_while_they_were_away() {
    let Some((publisher, subscriber)) = mosquitto_clients() else { return };
    let broker = Running::start(|_| ()).await;
    let device = broker.pki.device("sensor").unwrap();
    for version in ["311", "5"] {
        for qos in ["1", "2"] {
            let id = format!("reader-{version}-{qos}");
            let subscribe = || {
                let mut command = broker.mosquitto(&subscriber, version, &device);
                command.args(["-i", &id, "-c", "-q", qos, "-t", &format!("plant/{version}/{qos}/+")]);
                command
            };
            succeed(subscribe().arg("-E")).await;
            for payload in ["one", "two", "three"] {
                let topic = format!("plant/{version}/{qos}/{payload}");
                let mut publish = broker.mosquitto(&publisher, version, &device);
                succeed(publish.args(["-i", "writer", "-q", qos, "-t", &topic, "-m", payload])).await;
            }
            let received = succeed(subscribe().args(["-C", "3", "-W", "20", "-F", "%t %q %p"])).await;
            let expected =
                ["one", "two", "three"].map(|payload| format!("plant/{version}/{qos}/{payload} {qos} {payload}\n"));
            assert_eq!(received, expected.concat());
        }
    }
    let stats = broker.stop().await;
    assert_eq!((stats.received, stats.delivered, stats.dropped), (12, 12, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_s_clients_get_retained_messages() {
    let Some((publisher, subscriber)) = mosquitto_clients() else { return };
    let broker = Running::start(|_| ()).await;
    let device = broker.pki.device("sensor").unwrap();
    for (version, qos) in [("311", "0"), ("5", "1"), ("5", "2")] {
        let mut publish = broker.mosquitto(&publisher, version, &device);
        succeed(publish.args(["-q", qos, "-r", "-t", "state", "-m", qos])).await;
        let mut subscribe = broker.mosquitto(&subscriber, version, &device);
        let received =
            succeed(subscribe.args(["-q", "2", "-t", "#", "-C", "1", "-W", "20", "-F", "%t %q %r %p"])).await;
        assert_eq!(received, format!("state {qos} 1 {qos}\n"));
    }
    broker.stop().await;
}

/// A client of 5.0 was told the limit by CONNACK and does not even send; one of 3.1.1 is sent away.
#[tokio::test(flavor = "multi_thread")]
async fn packets_beyond_the_limit_do_not_pass() {
    let Some((publisher, _)) = mosquitto_clients() else { return };
    let broker = Running::start(|options| options.limits.packet_size = 20_000).await;
    let device = broker.pki.device("sensor").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("payload");
    for (size, version, fits) in
        [(19_000, "311", true), (19_000, "5", true), (21_000, "311", false), (21_000, "5", false)]
    {
        std::fs::write(&file, "x".repeat(size)).unwrap();
        let mut publish = broker.mosquitto(&publisher, version, &device);
        let output = run(publish.args(["-q", "1", "-t", "large", "-f"]).arg(&file)).await;
        // The client of 5.0 that does not send is content with itself.
        let content = fits || version == "5";
        assert_eq!(output.status.success(), content, "{size} {version}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(broker.stop().await.received, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_a_good_certificate_are_refused_by_tls() {
    let Some((publisher, _)) = mosquitto_clients() else { return };
    let broker = Running::start(|_| ()).await;
    let expired = broker.pki.expired_device("old").unwrap();
    let foreign = broker.pki.foreign_device("stranger").unwrap();
    for identity in [&expired, &foreign] {
        let mut publish = broker.mosquitto(&publisher, "311", identity);
        let output = run(publish.args(["-q", "1", "-t", "a", "-m", "x"])).await;
        assert!(!output.status.success());
    }
    let stats = broker.stop().await;
    assert_eq!((stats.failed_handshakes, stats.accepted, stats.refused), (2, 0, 0));
}

// mosquitto_pub ends with the code of the CONNACK.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_the_policy_forbids_learns_the_code() {
    let Some((publisher, _)) = mosquitto_clients() else { return };
    let policy = Policy { denied_clients: vec!["intruder".into()], ..Policy::default() };
    let broker = Running::start(|options| options.policy = policy).await;
    let device = broker.pki.device("sensor").unwrap();
    for (version, words) in [("311", "not authorised"), ("5", "Not authorized")] {
        let mut publish = broker.mosquitto(&publisher, version, &device);
        let output = run(publish.args(["-i", "intruder", "-t", "a", "-m", "x"])).await;
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(!output.status.success() && (stdout + &stderr).contains(words), "{version}: {stderr}");
    }
    // mosquitto's clients still speak MQTT 3.1, which this broker does not.
    let output = run(broker.mosquitto(&publisher, "31", &device).args(["-i", "old", "-t", "a", "-m", "x"])).await;
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!output.status.success() && said.contains("unacceptable protocol version"), "{said}");
    broker.stop().await;
}

/// The rest, with paho: unsubscribing, wills, takeover, keep-alive, reason codes, shutdown. The script asserts; see
/// there.
#[tokio::test(flavor = "multi_thread")]
async fn paho_finds_nothing_amiss() {
    let python = paho().await;
    if is_missing("paho-mqtt 2 for Python", python.is_some()) {
        return;
    }
    let broker = Running::start(|options| options.policy.denied_topics = vec!["secret/#".into()]).await;
    let device = broker.pki.device("paho").unwrap();
    let mut command = Command::new(python.unwrap());
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/paho_client.py"));
    command.arg(broker.port.to_string()).arg(broker.pki.ca_certificate()).arg(device.certificate).arg(device.key);
    let said = succeed(&mut command).await;
    assert!(said.ends_with("all good\n"), "{said}");
    broker.stop().await;
}
