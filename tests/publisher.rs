//! The publisher against a real mosquitto with mutual TLS, and where a broker must misbehave on purpose, against the
//! embedded one.

mod support;

use iotcap::broker::{Broker, BrokerOptions, ConnectCode, Login, MqttVersion, Policy, ReasonCode};
use iotcap::pki::Pki;
use iotcap::publisher::{
    Backoff, ConnectCause, Options, PublishError, PublishReport, QoS, SessionCause, TlsCause, TlsVersion, fleet,
    run_until,
};
use std::future::pending;
use std::io::{self, Write};
use std::num::NonZeroU16;
use std::time::Duration;
use support::{Mosquitto, PATIENCE, Proxy, free_port, is_missing, program, succeed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;

const VERSIONS: [(MqttVersion, &str); 2] = [(MqttVersion::V311, "311"), (MqttVersion::V5, "5")];
const TLS: [(TlsVersion, &str); 2] = [(TlsVersion::V12, "1.2"), (TlsVersion::V13, "1.3")];
const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// A directory with made certificates.
struct Certificates {
    pki: Pki,
    directory: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { pki: Pki::load_or_create(directory.path(), &[]).unwrap(), directory }
    }

    /// Options of a device with a good certificate that does not wait.
    fn options(&self, port: u16) -> Options {
        let device = self.pki.device("sensor").unwrap();
        Options {
            port,
            cert: Some(device.certificate),
            key: Some(device.key),
            client_id: Some("sensor".into()),
            interval: Duration::ZERO,
            reconnect: Backoff { first: Duration::from_millis(20), longest: Duration::from_millis(100), attempts: 3 },
            ..Options::new("127.0.0.1", self.pki.ca_certificate())
        }
    }

    async fn embedded(&self, change: impl FnOnce(&mut BrokerOptions)) -> u16 {
        let mut options =
            BrokerOptions { port: 0, ..BrokerOptions::loopback(self.pki.server(), self.pki.ca_certificate()) };
        change(&mut options);
        let broker = Broker::bind(options).await.unwrap();
        let port = broker.local_addr().unwrap().port();
        tokio::spawn(broker.run(pending()));
        port
    }
}

/// Runs the publisher to its end: its report and what it printed.
async fn publish(options: Options) -> (PublishReport, String) {
    let mut output = Vec::new();
    let report =
        timeout(PATIENCE, run_until(options, &mut output, pending())).await.expect("it ends").expect("it begins");
    (report, String::from_utf8(output).unwrap())
}

/// Runs it to the error that it must end with.
async fn fail(options: Options) -> PublishError {
    let (mut report, output) = publish(options).await;
    assert!(!report.all_acknowledged());
    let error = report.devices.remove(0).error.unwrap_or_else(|| panic!("an error, not\n{output}"));
    assert!(output.contains(&format!("Failed: {error}")), "{output}");
    error
}

/// Both versions of MQTT, both of TLS, all QoS: what mosquitto's own subscriber got, and what mosquitto says of the
/// connection.
#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_gets_every_message_whatever_the_version_and_qos() {
    let (server, subscriber) = (program("mosquitto"), program("mosquitto_sub"));
    if is_missing("mosquitto", server.is_some() && subscriber.is_some()) {
        return;
    }
    let certificates = Certificates::new();
    let mosquitto = Mosquitto::start(&server.unwrap(), &certificates.pki, "queue_qos0_messages true").await;
    let reader = |id: &str| {
        let identity = certificates.pki.device("reader").unwrap();
        let mut command = Command::new(subscriber.clone().unwrap());
        command.args(["-h", "127.0.0.1", "-p", &mosquitto.port.to_string(), "-i", &format!("reader-{id}"), "-c"]);
        command.args(["-q", "2", "-t", &format!("plant/{id}")]);
        command.arg("--cafile").arg(certificates.pki.ca_certificate());
        command.arg("--cert").arg(identity.certificate).arg("--key").arg(identity.key);
        command
    };
    for (mqtt, mqtt_name) in VERSIONS {
        for (tls, tls_name) in TLS {
            for qos in QOS {
                let id = format!("{mqtt_name}-{tls_name}-{}", qos as u8);
                succeed(reader(&id).arg("-E")).await;
                let topic = format!("plant/{id}");
                let (client_id, topic_option) = (Some(id.clone()), topic.clone());
                let options = certificates.options(mosquitto.port);
                let options =
                    Options { mqtt, tls: Some(tls), qos, count: 3, client_id, topic: topic_option, ..options };
                let (report, output) = publish(options).await;
                assert!(report.all_acknowledged(), "{id}: {output}");
                let device = &report.devices[0];
                assert_eq!((device.published, device.acknowledged, device.attempts.len()), (3, 3, 1));
                assert_eq!(device.attempts[0].tls.as_ref().map(|tls| tls.version), Some(tls_name));
                let times = device.attempts[0].timings;
                assert!([times.dns, times.tcp, times.tls, times.mqtt, times.total].iter().all(Option::is_some));
                assert_eq!(times.first_ack.is_some(), qos != QoS::AtMostOnce);
                let received = succeed(reader(&id).args(["-C", "3", "-W", "20", "-F", "%q %p"])).await;
                let expected = [1, 2, 3].map(|number| format!("{} Hello World! [{number}]\n", qos as u8));
                assert_eq!(received, expected.concat());
                let log = mosquitto.log();
                let level = if mqtt == MqttVersion::V5 { 5 } else { 2 };
                assert!(log.contains(&format!("as {id} (p{level}, c1, k60")), "{log}");
                assert!(log.contains(&format!("Received DISCONNECT from {id}")), "{log}");
            }
        }
    }
}

// The order and the words of the AWS IoT SDK's sample.
#[tokio::test(flavor = "multi_thread")]
async fn it_prints_what_happens_and_the_times() {
    let certificates = Certificates::new();
    let port = certificates.embedded(|_| ()).await;
    let options =
        Options { subscribe: Some("test/+".into()), message: Some("hello".into()), ..certificates.options(port) };
    let (report, output) = publish(options).await;
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(
        lines[..9],
        [
            "Connecting to 127.0.0.1 with client ID 'sensor'...",
            "Connected!",
            "Subscribing to topic 'test/+'...",
            "Subscribed with QoS 1",
            "Publishing message to topic 'test/topic': hello",
            "Received message from topic 'test/topic': hello",
            "Disconnecting...",
            "Disconnected!",
            "",
        ]
    );
    assert_eq!(lines[9], "1 published, 1 acknowledged");
    assert!(lines[11].starts_with("ms ") && lines[12].starts_with("sensor "), "{output}");
    assert_eq!((report.devices[0].received, report.devices[0].interruptions), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_devices_publish_at_once() {
    let certificates = Certificates::new();
    let port = certificates.embedded(|_| ()).await;
    for mqtt in [MqttVersion::V311, MqttVersion::V5] {
        let devices = NonZeroU16::new(25).unwrap();
        let options =
            Options { devices, mqtt, count: 40, size: Some(300), qos: QoS::ExactlyOnce, ..certificates.options(port) };
        let (report, output) = publish(options).await;
        assert!(report.all_acknowledged(), "{output}");
        assert_eq!(report.devices.iter().map(|device| device.acknowledged).sum::<u64>(), 1000);
        assert!(output.contains("sensor-25: Connected!\n") && output.contains("\nmedian "), "{output}");
    }
}

/// A broker that crashes and comes back: the interruption and the resumption are told, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn it_comes_back_when_the_broker_does() {
    let server = program("mosquitto");
    if is_missing("mosquitto", server.is_some()) {
        return;
    }
    let server = server.unwrap();
    let certificates = Certificates::new();
    let mosquitto = Mosquitto::start(&server, &certificates.pki, "").await;
    let port = mosquitto.port;
    let reconnect = Backoff { first: Duration::from_millis(20), longest: Duration::from_millis(200), attempts: 100 };
    let (count, interval) = (0, Duration::from_millis(20));
    let options = Options { count, interval, persistent_session: true, reconnect, ..certificates.options(port) };
    let (mut output, mut lines) = line_channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let script = async {
        until_line(&mut lines, "Publishing message").await;
        mosquitto.kill().await;
        until_line(&mut lines, "Connection interrupted. error: ").await;
        let again = Mosquitto::start_on(port, &server, &certificates.pki, "").await;
        until_line(&mut lines, "Connection resumed. return_code: 0 session_present: false").await;
        until_line(&mut lines, "Publishing message").await;
        stop.send(()).unwrap();
        until_line(&mut lines, "Disconnected!").await;
        again
    };
    let running = run_until(options, &mut output, async {
        let _ = stopped.await;
    });
    let (report, _) = timeout(PATIENCE, async { tokio::join!(running, script) }).await.expect("it comes back");
    let device = &report.unwrap().devices[0];
    assert!(device.error.is_none() && device.interruptions == 1 && device.attempts.len() >= 2);
    assert!(device.published >= 2 && device.acknowledged == device.published, "{device:?}");
}

/// Exactly once, though the network fails twice in the midst of it: QoS 2 over a session that the broker keeps.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_network_fails() {
    let (server, subscriber) = (program("mosquitto"), program("mosquitto_sub"));
    if is_missing("mosquitto", server.is_some() && subscriber.is_some()) {
        return;
    }
    let certificates = Certificates::new();
    let mosquitto = Mosquitto::start(&server.unwrap(), &certificates.pki, "").await;
    let proxy = Proxy::start(mosquitto.port).await;
    for (mqtt, name) in VERSIONS {
        let reader = || {
            let identity = certificates.pki.device("reader").unwrap();
            let mut command = Command::new(subscriber.clone().unwrap());
            command.args(["-h", "127.0.0.1", "-p", &mosquitto.port.to_string(), "-i", &format!("reader-{name}"), "-c"]);
            command.args(["-q", "2", "-t", name]).arg("--cafile").arg(certificates.pki.ca_certificate());
            command.arg("--cert").arg(identity.certificate).arg("--key").arg(identity.key);
            command
        };
        succeed(reader().arg("-E")).await;
        let options = certificates.options(proxy.port);
        let (qos, interval, client_id) = (QoS::ExactlyOnce, Duration::from_millis(5), Some(format!("writer-{name}")));
        let options = Options {
            mqtt,
            qos,
            count: 20,
            interval,
            client_id,
            persistent_session: true,
            topic: name.into(),
            ..options
        };
        let (mut output, mut lines) = line_channel();
        let script = async {
            for number in [5, 15] {
                until_line(&mut lines, &format!("Publishing message to topic '{name}': Hello World! [{number}]")).await;
                proxy.cut();
                until_line(&mut lines, "Connection interrupted. error: ").await;
                until_line(&mut lines, "Connection resumed. return_code: 0 session_present: true").await;
            }
        };
        let running = run_until(options, &mut output, pending());
        let (report, ()) = timeout(PATIENCE, async { tokio::join!(running, script) }).await.expect("it comes back");
        let report = report.unwrap();
        assert!(report.all_acknowledged() && report.devices[0].interruptions == 2, "{report:?}");
        let received = succeed(reader().args(["-C", "20", "-W", "20", "-F", "%p"])).await;
        let expected: Vec<String> = (1..=20).map(|number| format!("Hello World! [{number}]\n")).collect();
        assert_eq!(received, expected.concat());
    }
}

/// With a keep-alive of a second and longer pauses, only pings keep the connection.
#[tokio::test(flavor = "multi_thread")]
async fn pings_keep_a_quiet_connection() {
    let server = program("mosquitto");
    if is_missing("mosquitto", server.is_some()) {
        return;
    }
    let certificates = Certificates::new();
    let mosquitto = Mosquitto::start(&server.unwrap(), &certificates.pki, "").await;
    let options = Options {
        keep_alive: 1,
        count: 2,
        interval: Duration::from_millis(2500),
        ..certificates.options(mosquitto.port)
    };
    let (report, output) = publish(options).await;
    assert!(report.all_acknowledged() && report.devices[0].attempts.len() == 1, "{output}");
    assert!(mosquitto.log().contains("Received PINGREQ from sensor"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persistent_session_is_found_again() {
    let certificates = Certificates::new();
    let port = certificates.embedded(|_| ()).await;
    for mqtt in [MqttVersion::V311, MqttVersion::V5] {
        for (persistent_session, present) in [(true, false), (true, true), (false, false)] {
            let (report, _) = publish(Options { mqtt, persistent_session, ..certificates.options(port) }).await;
            assert_eq!(report.devices[0].attempts[0].session_present, present);
        }
    }
}

/// The same refusals, at the hands of OpenSSL (mosquitto) for both versions of TLS.
#[tokio::test(flavor = "multi_thread")]
async fn refused_certificates_are_named_by_their_alert() {
    let server = program("mosquitto");
    if is_missing("mosquitto", server.is_some()) {
        return;
    }
    let certificates = Certificates::new();
    let mosquitto = Mosquitto::start(&server.unwrap(), &certificates.pki, "").await;
    let expired = certificates.pki.expired_device("old").unwrap();
    let foreign = certificates.pki.foreign_device("stranger").unwrap();
    for (tls, _) in TLS {
        // RFC 8446, 6.2; before 1.3 there is no alert for a missing certificate.
        let missing = if tls == TlsVersion::V13 { 116 } else { 40 };
        for (identity, expected) in [(Some(&expired), 45), (Some(&foreign), 48), (None, missing)] {
            let (cert, key) = (identity.map(|it| it.certificate.clone()), identity.map(|it| it.key.clone()));
            let error = fail(Options { tls: Some(tls), cert, key, ..certificates.options(mosquitto.port) }).await;
            let PublishError::TlsHandshake { cause, .. } = &error else { panic!("a TLS error, not {error:?}") };
            assert_eq!(*cause, TlsCause::Alert(expected), "{tls:?} {identity:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_trusted_is_refused() {
    let certificates = Certificates::new();
    let port = certificates.embedded(|_| ()).await;
    let foreign = certificates.pki.foreign_ca_certificate().unwrap();
    let error = fail(Options { ca: foreign, ..certificates.options(port) }).await;
    assert!(error.to_string().contains("issued by none of the authorities in --ca"), "{error}");
    let other = certificates.embedded(|options| options.identity = certificates.pki.expired_server().unwrap()).await;
    let error = fail(certificates.options(other)).await;
    assert!(error.to_string().contains("it has expired"), "{error}");
    assert_eq!(error.step(), "TLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_tls_is_told_apart() {
    let certificates = Certificates::new();
    let error = fail(certificates.options(free_port().await)).await;
    assert!(
        matches!(error, PublishError::TcpConnect { .. }) && error.to_string().contains("connection refused"),
        "{error}"
    );
    let error = fail(Options { endpoint: "no-such-host.invalid".into(), ..certificates.options(8883) }).await;
    assert_eq!(error.step(), "DNS");
    for (answer, expected) in
        [(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], TlsCause::NotTls), (b"", TlsCause::ClosedByServer)]
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // All of the ClientHello is read, so that the close is a FIN and no reset.
            let mut header = [0; 5];
            stream.read_exact(&mut header).await.unwrap();
            let mut body = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
            stream.read_exact(&mut body).await.unwrap();
            stream.write_all(answer).await.unwrap();
        });
        let error = fail(certificates.options(port)).await;
        assert!(matches!(&error, PublishError::TlsHandshake { cause, .. } if *cause == expected), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connect_is_told_with_its_code() {
    let certificates = Certificates::new();
    let login = Login { username: "user".into(), password: "word".into() };
    let policy = Policy { denied_clients: vec!["intruder".into()], login: Some(login.clone()), ..Policy::default() };
    let port = certificates.embedded(|options| options.policy = policy).await;
    for (mqtt, denied, wrong_login) in [(MqttVersion::V311, 5, 4), (MqttVersion::V5, 0x87, 0x86)] {
        let good = Options { mqtt, login: Some(login.clone()), ..certificates.options(port) };
        assert!(publish(good.clone()).await.0.all_acknowledged());
        for (options, code) in [
            (Options { client_id: Some("intruder".into()), ..good.clone() }, denied),
            (Options { login: None, ..good.clone() }, wrong_login),
        ] {
            let error = fail(options).await;
            let PublishError::MqttConnect { cause: ConnectCause::Refused { code: found, .. }, .. } = error else {
                panic!("a refusal, not {error:?}")
            };
            assert_eq!(found, ConnectCode(code));
        }
    }
    let only_311 = Policy { versions: vec![MqttVersion::V311], ..Policy::default() };
    let port = certificates.embedded(|options| options.policy = only_311).await;
    let error = fail(Options { mqtt: MqttVersion::V5, ..certificates.options(port) }).await;
    assert!(error.to_string().contains("try the other --mqtt version"), "{error}");
}

/// AWS IoT closes the connection of a client that publishes where its policy does not let it; so does the embedded
/// broker in 3.1.1.
#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_topic_is_named() {
    let certificates = Certificates::new();
    let policy = Policy { denied_topics: vec!["secret/#".into()], ..Policy::default() };
    let port = certificates.embedded(|options| options.policy = policy).await;
    let forbidden = Options { topic: "secret/a".into(), ..certificates.options(port) };
    let error = fail(forbidden.clone()).await;
    let PublishError::Session(SessionCause::ClosedByServer { unacknowledged }) = &error else {
        panic!("closed, not {error:?}")
    };
    assert_eq!(unacknowledged.as_deref(), Some("secret/a"));
    let error = fail(Options { mqtt: MqttVersion::V5, ..forbidden }).await;
    assert!(matches!(error, PublishError::Publish { reason: ReasonCode::NOT_AUTHORIZED, .. }), "{error:?}");
    let error = fail(Options { subscribe: Some("secret/#".into()), ..certificates.options(port) }).await;
    assert!(matches!(error, PublishError::Subscribe { .. }), "{error:?}");
}

/// Of two devices with the same client id the first is sent away, and is told why where MQTT can say it.
#[tokio::test(flavor = "multi_thread")]
async fn a_takeover_is_told() {
    let certificates = Certificates::new();
    let port = certificates.embedded(|_| ()).await;
    let options =
        Options { mqtt: MqttVersion::V5, count: 0, interval: Duration::from_secs(1), ..certificates.options(port) };
    let (mut output, mut lines) = line_channel();
    let second = async {
        until_line(&mut lines, "Connected!").await;
        publish(certificates.options(port)).await.0
    };
    let (first, second) = tokio::join!(run_until(options, &mut output, pending()), second);
    assert!(second.all_acknowledged());
    let error = first.unwrap().devices.remove(0).error.unwrap();
    let taken_over = SessionCause::Disconnected(ReasonCode::SESSION_TAKEN_OVER);
    assert!(matches!(&error, PublishError::Session(cause) if *cause == taken_over), "{error:?}");
}

/// A broker that stops says so, and the publisher gives up only when nobody is there any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stops_says_goodbye() {
    let certificates = Certificates::new();
    let options = BrokerOptions {
        port: 0,
        ..BrokerOptions::loopback(certificates.pki.server(), certificates.pki.ca_certificate())
    };
    let broker = Broker::bind(options).await.unwrap();
    let port = broker.local_addr().unwrap().port();
    let (mut output, mut lines) = line_channel();
    let broker = tokio::spawn(broker.run(async move { until_line(&mut lines, "Connected!").await }));
    let options =
        Options { mqtt: MqttVersion::V5, count: 0, interval: Duration::from_secs(1), ..certificates.options(port) };
    let mut report = timeout(PATIENCE, run_until(options, &mut output, pending())).await.unwrap().unwrap();
    let device = report.devices.remove(0);
    let first = device.attempts[0].error.as_deref().unwrap();
    assert_eq!(first, "the broker ended the session: server shutting down (0x8b)");
    assert!(matches!(device.error, Some(PublishError::TcpConnect { .. })), "{:?}", device.error);
    assert_eq!(broker.await.unwrap().accepted, 1);
}

/// Every device of the fleet ends as it is meant to, by its own account.
#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_is_as_broken_as_it_says() {
    let certificates = Certificates::new();
    let port = certificates.embedded(|options| options.policy = fleet::policy()).await;
    let devices = fleet::fleet(&certificates.pki, port).unwrap();
    let results = timeout(PATIENCE, fleet::run(devices)).await.unwrap();
    let mut steps: Vec<(&str, Option<&str>)> = Vec::new();
    for result in &results {
        let error = result.report.as_ref().unwrap().error();
        assert_eq!(error.is_some(), result.device.defect.is_some(), "{}: {}", result.device.name, result.output);
        steps.push((result.device.name, error.map(PublishError::step)));
    }
    assert_eq!(
        steps,
        [
            ("thermometer", None),
            ("press", None),
            ("pump", Some("TLS")),
            ("visitor", Some("TLS")),
            ("blank", Some("TLS")),
            ("sceptic", Some("TLS")),
            ("intruder", Some("MQTT connect")),
            ("gossip", Some("session")),
            ("twin", Some("session")),
            ("other-twin", None),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_log_has_the_secrets_of_both_versions() {
    let certificates = Certificates::new();
    let port = certificates.embedded(|_| ()).await;
    let keylog = certificates.directory.path().join("keys.log");
    for (tls, _) in TLS {
        publish(Options { tls: Some(tls), keylog: Some(keylog.clone()), ..certificates.options(port) }).await;
    }
    let text = std::fs::read_to_string(&keylog).unwrap();
    let labels: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    for label in [
        "CLIENT_RANDOM",
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ] {
        assert!(labels.contains(&label), "{text}");
    }
}

/// The ClientHello itself: SNI on and off, ALPN.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_hello_names_what_the_options_say() {
    let certificates = Certificates::new();
    let hello = async |options: Options| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let options = Options { endpoint: "localhost".into(), port: listener.local_addr().unwrap().port(), ..options };
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let hello =
                tokio_rustls::LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await.unwrap();
            let hello = hello.client_hello();
            let alpn: Vec<Vec<u8>> = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
            (hello.server_name().map(str::to_owned), alpn)
        };
        tokio::join!(server, fail(options)).0
    };
    let options = certificates.options(0);
    assert_eq!(hello(options.clone()).await, (Some("localhost".into()), Vec::new()));
    let options = Options { no_sni: true, alpn: Some("x-amzn-mqtt-ca".into()), ..options };
    assert_eq!(hello(options).await, (None, vec![b"x-amzn-mqtt-ca".to_vec()]));
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let certificates = Certificates::new();
    let good = certificates.options(8883);
    let begin = async |options: Options| {
        run_until(options, &mut io::sink(), pending()).await.expect_err("cannot begin").to_string()
    };
    let missing = begin(Options { ca: "/no/such/ca.pem".into(), ..good.clone() }).await;
    assert!(missing.starts_with("cannot read /no/such/ca.pem: No such file"), "{missing}");
    let other_key = certificates.pki.device("other").unwrap().key;
    let mismatch = begin(Options { key: Some(other_key), ..good }).await;
    assert!(mismatch.contains("check that it belongs to the key"), "{mismatch}");
}

/// An output whose lines a test can wait for.
struct Lines {
    sender: mpsc::UnboundedSender<String>,
    line: Vec<u8>,
}

fn line_channel() -> (Lines, mpsc::UnboundedReceiver<String>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Lines { sender, line: Vec::new() }, receiver)
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            let _ = self.sender.send(String::from_utf8_lossy(&line).into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn until_line(lines: &mut mpsc::UnboundedReceiver<String>, beginning: &str) {
    while !lines.recv().await.expect("the publisher goes on").starts_with(beginning) {}
}
