//! Finished connections as traces: a receiver gets those of a fleet, with the times that tshark has for the same frames, also when
//! it comes up late, goes away in between, or refuses something. Takes the feature otlp.

#[path = "../captures/mod.rs"]
mod captures;
#[cfg(all(feature = "live", target_os = "linux"))]
mod daemon;
#[cfg(all(feature = "live", target_os = "linux"))]
#[path = "../live/net.rs"]
mod net;
mod receiver;
#[cfg(all(feature = "live", target_os = "linux"))]
#[allow(dead_code, reason = "the daemon's own tests use all of it")]
#[path = "../daemon/started.rs"]
mod started;

use axum::http::StatusCode;
use captures::{fixtures, have, hostile, report, tshark};
use iotcap::pki::Pki;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use receiver::{Answer, Received, Receiver};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Thirty devices, of which six fail; its label says so.
fn fleet() -> PathBuf {
    fixtures().join("fleet/capture.pcapng")
}

fn label() -> Value {
    let text = std::fs::read_to_string(fixtures().join("fleet/label.json")).expect("a label");
    serde_json::from_str(&text).expect("JSON")
}

/// iotcap, with no more in its environment than it needs.
fn clean() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iotcap"));
    let variables = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("OTEL_"));
    variables.for_each(|name| _ = command.env_remove(name));
    command.env("NO_COLOR", "1");
    command
}

/// iotcap on the fleet, sending to this address.
fn sending(url: &str) -> Command {
    let mut command = clean();
    command.args(["--otlp", url, "--format", "json"]).arg(fleet());
    command
}

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("iotcap runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

impl Received {
    fn spans(&self) -> Vec<&Span> {
        let resources = self.traces.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans).collect()
    }

    fn roots(&self) -> Vec<&Span> {
        self.spans().into_iter().filter(|span| span.parent_span_id.is_empty()).collect()
    }

    fn records(&self) -> Vec<&LogRecord> {
        let resources = self.logs.iter().flat_map(|request| &request.resource_logs);
        resources.flat_map(|resource| &resource.scope_logs).flat_map(|scope| &scope.log_records).collect()
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Any> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match attribute(attributes, key)? {
        Any::StringValue(text) => Some(text.clone()),
        other => panic!("{key} is {other:?}"),
    }
}

fn number(attributes: &[KeyValue], key: &str) -> Option<i64> {
    match attribute(attributes, key)? {
        Any::IntValue(number) => Some(*number),
        other => panic!("{key} is {other:?}"),
    }
}

/// As the report writes it.
fn trace_id(bytes: &[u8]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes.try_into().expect("16 bytes")))
}

/// Seconds with a fraction, as tshark prints them, in nanoseconds.
fn nanos(seconds: &str) -> u64 {
    let (whole, fraction) = seconds.split_once('.').expect("a fraction");
    whole.parse::<u64>().expect("seconds") * 1_000_000_000 + format!("{fraction:0<9}").parse::<u64>().expect("nanos")
}

/// The first and the last frame of each connection, by its client's port.
fn times() -> BTreeMap<i64, (u64, u64)> {
    let mut times: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    let rows = tshark(&fleet(), &[], "tcp", &["frame.time_epoch", "tcp.srcport", "tcp.dstport"]);
    for row in rows {
        let [at, from, to] = &row[..] else { panic!("{row:?}") };
        let port = if from == "8883" { to } else { from };
        let at = nanos(at);
        let span = times.entry(port.parse().expect("a port")).or_insert((at, at));
        *span = (span.0.min(at), span.1.max(at));
    }
    times
}

#[test]
fn a_fleet_arrives_with_its_own_times() {
    if !have("tshark") {
        return;
    }
    let receiver = Receiver::start(&[]);
    let output = run(&mut sending(&receiver.url()));
    assert_eq!(said(&output), "");
    let (received, label, times) = (receiver.received(), label(), times());
    let roots = received.roots();
    assert_eq!(roots.len() as u64, label["summary"]["connections"].as_u64().expect("a number"));
    let mut causes: BTreeMap<String, u64> = BTreeMap::new();
    for root in &roots {
        let port = number(&root.attributes, "client.port").expect("a port");
        assert_eq!((root.start_time_unix_nano, root.end_time_unix_nano), times[&port], "port {port}");
        assert_eq!(number(&root.attributes, "server.port"), Some(8883));
        assert_eq!(text(&root.attributes, "network.transport").as_deref(), Some("tcp"));
        let status = root.status.as_ref().expect("a status");
        match text(&root.attributes, "error.type") {
            Some(cause) => {
                assert_eq!(status.code(), SpanStatus::Error);
                assert_eq!(status.message, text(&root.attributes, "iotcap.headline").expect("a headline"));
                *causes.entry(cause).or_default() += 1;
            }
            None => assert_eq!(status.code(), SpanStatus::Ok),
        }
    }
    assert_eq!(serde_json::to_value(&causes).expect("JSON"), label["summary"]["causes"]);
}

/// Phases stand below their connection, inside of its time, with their messages inside of theirs.
#[test]
fn phases_and_messages_are_where_they_belong() {
    let receiver = Receiver::start(&[]);
    run(&mut sending(&receiver.url()));
    let received = receiver.received();
    let (roots, spans) = (received.roots(), received.spans());
    let ids: BTreeSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), spans.len(), "two spans share an id");
    assert!(spans.iter().all(|span| span.span_id.len() == 8 && span.trace_id.len() == 16));
    for root in &roots {
        let phases: Vec<_> = spans.iter().filter(|span| span.parent_span_id == root.span_id).collect();
        let names: Vec<_> = phases.iter().map(|phase| &*phase.name).collect();
        assert_eq!(names[..3], ["tcp-handshake", "tls-hello", "tls-authentication"]);
        for phase in &phases {
            assert_eq!(phase.trace_id, root.trace_id);
            let (start, end) = (phase.start_time_unix_nano, phase.end_time_unix_nano);
            assert!(root.start_time_unix_nano <= start && start <= end && end <= root.end_time_unix_nano);
            assert!(phase.events.iter().all(|event| (start..=end).contains(&event.time_unix_nano)));
        }
        let at = |name: &str| phases.iter().flat_map(|phase| &phase.events).find(|event| event.name == name);
        assert_eq!(at("tcp.syn").expect("a SYN").time_unix_nano, root.start_time_unix_nano);
        assert!(phases[1].events.iter().any(|event| event.name == "tls.client_hello"), "{:?}", phases[1].events);
    }
    assert!(
        spans
            .iter()
            .all(|span| span.parent_span_id.is_empty() || roots.iter().any(|root| root.span_id == span.parent_span_id))
    );
}

#[test]
fn findings_are_log_records_too() {
    let receiver = Receiver::start(&[]);
    let output = run(&mut sending(&receiver.url()));
    let received = receiver.received();
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let connections = report["connections"].as_array().expect("connections");
    let expected: BTreeSet<(String, String)> = connections
        .iter()
        .flat_map(|connection| {
            let trace_id = connection["trace_id"].as_str().expect("an id");
            let findings = connection["findings"].as_array().expect("findings");
            findings
                .iter()
                .map(|finding| (trace_id.to_owned(), finding["message"].as_str().expect("a text").to_owned()))
        })
        .collect();
    assert!(expected.len() >= 6);
    let roots: BTreeMap<_, _> = received.roots().into_iter().map(|root| (&root.trace_id, &root.span_id)).collect();
    let told = received.records().into_iter().filter(|record| !record.trace_id.is_empty()).map(|record| {
        assert_eq!(roots[&record.trace_id], &record.span_id);
        let Some(Any::StringValue(message)) = record.body.as_ref().and_then(|body| body.value.clone()) else {
            panic!("{record:?}")
        };
        assert!(text(&record.attributes, "iotcap.finding.code").is_some());
        (trace_id(&record.trace_id), message)
    });
    assert_eq!(told.collect::<BTreeSet<_>>(), expected);
}

#[test]
fn two_sensors_share_traces_and_no_spans() {
    let receiver = Receiver::start(&[]);
    run(sending(&receiver.url()).args(["--sensor", "gateway-7"]));
    let here = receiver.received();
    run(sending(&receiver.url()).args(["--sensor", "broker-1"]).env("OTEL_RESOURCE_ATTRIBUTES", "site=north"));
    let both = receiver.received();
    let traces =
        |received: &Received| received.spans().iter().map(|span| trace_id(&span.trace_id)).collect::<BTreeSet<_>>();
    let spans = |received: &Received| received.spans().iter().map(|span| span.span_id.clone()).collect::<BTreeSet<_>>();
    assert_eq!(traces(&here), traces(&both));
    assert_eq!(spans(&here).len() * 2, spans(&both).len());
    let sensors: BTreeSet<_> = both
        .traces
        .iter()
        .flat_map(|request| &request.resource_spans)
        .map(|spans| {
            let resource = &spans.resource.as_ref().expect("a resource").attributes;
            assert_eq!(text(resource, "service.name").as_deref(), Some("iotcap"));
            assert!(text(resource, "host.name").is_some() && text(resource, "service.instance.id").is_some());
            (text(resource, "iotcap.sensor").expect("a sensor"), text(resource, "site"))
        })
        .collect();
    let expected = [("broker-1", Some("north")), ("gateway-7", None)];
    let expected = expected.map(|(sensor, site)| (sensor.to_owned(), site.map(str::to_owned)));
    assert_eq!(sensors, expected.into());
}

/// Nobody listens when it starts to send; all arrives all the same, once.
#[test]
fn a_collector_that_comes_up_late_gets_all() {
    let port = Receiver::start(&[]).port;
    let mut sender = sending(&format!("http://127.0.0.1:{port}"));
    let mut sender = sender.arg("-v").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("iotcap runs");
    let mut log = BufReader::new(sender.stderr.take().expect("a log")).lines();
    let told = log.by_ref().map(|line| line.expect("text")).find(|line| line.contains("takes no traces"));
    assert!(told.expect("it says so").contains("refused"));
    let receiver = Receiver::start_on(port, &[]);
    let rest: Vec<_> = log.map(|line| line.expect("text")).collect();
    assert!(sender.wait().expect("it ends").success());
    assert_eq!(receiver.received().roots().len(), 30, "{rest:#?}");
    assert!(!rest.iter().any(|line| line.contains("did not reach")), "{rest:#?}");
}

/// It takes the traces and is gone before the log records; another one comes up in its place.
#[test]
fn a_collector_that_goes_away_gets_the_rest_later() {
    let first = Receiver::start(&[Answer::TakeAndGo]);
    let port = first.port;
    let mut sender = sending(&first.url());
    let mut sender = sender.arg("-v").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("iotcap runs");
    let first = first.wait_until_gone();
    let second = Receiver::start_on(port, &[Answer::Refuse(StatusCode::SERVICE_UNAVAILABLE)]);
    let mut log = String::new();
    sender.stderr.take().expect("a log").read_to_string(&mut log).expect("text");
    assert!(sender.wait().expect("it ends").success());
    assert!(!log.contains("did not reach"), "{log}");
    let second = second.received();
    assert_eq!((first.roots().len(), first.logs.len(), second.roots().len()), (30, 0, 0), "{log}");
    assert!(second.records().len() >= 6, "{log}");
}

#[test]
fn a_collector_that_is_not_there_costs_a_sentence() {
    let url = format!("http://127.0.0.1:{}", Receiver::start(&[]).port);
    let output = run(&mut sending(&url));
    let report: Value = serde_json::from_slice(&output.stdout).expect("the report is whole");
    assert_eq!(report["summary"]["connections"], 30);
    let said = said(&output);
    assert!(said.contains(&format!("did not reach the collector at {url}")) && said.contains("refused"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// With the certificate of an authority of one's own, which the variable of the specification names.
#[test]
fn a_collector_behind_https_gets_all_from_whoever_trusts_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let pki = Pki::load_or_create(folder.path(), &[]).expect("certificates");
    let receiver = Receiver::start_secured(&pki.server(), &[]);
    let trusting = |authority: PathBuf| {
        let mut command = sending(&receiver.url());
        command.env("OTEL_EXPORTER_OTLP_CERTIFICATE", authority);
        command
    };
    let output = run(&mut trusting(pki.foreign_ca_certificate().expect("an authority")));
    let said = said(&output);
    assert!(said.contains("did not reach") && said.contains("certificate"), "{said}");
    assert!(receiver.received().headers.is_empty(), "nothing is sent to a stranger, not even a header");
    let output = run(&mut trusting(pki.ca_certificate()));
    assert_eq!(self::said(&output), "");
    let received = receiver.received();
    assert_eq!(received.roots().len(), 30);
    assert!(received.records().len() >= 6);
    let host = format!("127.0.0.1:{}", receiver.port);
    assert!(received.headers.iter().all(|headers| headers["host"] == *host));
}

/// Backends show what they are sent in browsers and on terminals.
#[test]
fn what_strangers_wrote_is_sent_harmlessly() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("hostile.pcapng");
    std::fs::write(&capture, hostile::capture()).expect("a file");
    let receiver = Receiver::start(&[]);
    run(clean().args(["--otlp", &receiver.url(), "-q", "-p", "8883", "-p", "1883"]).arg(&capture));
    let received = receiver.received();
    let (mut told, mut escaped) = (0, 0);
    let mut said = |key: &str, text: &str| {
        told += 1;
        escaped += usize::from(text.contains("\\u{202e}gpj.exe"));
        assert!(!text.chars().any(hostile::is_harmful), "{key}: {text:?}");
    };
    let spans = received.spans();
    let records = received.records();
    let attributes =
        spans.iter().flat_map(|span| span.attributes.iter().chain(span.events.iter().flat_map(|e| &e.attributes)));
    for attribute in attributes.chain(records.iter().flat_map(|record| &record.attributes)) {
        texts(attribute.value.as_ref().and_then(|value| value.value.as_ref()))
            .for_each(|text| said(&attribute.key, text));
    }
    for record in &records {
        texts(record.body.as_ref().and_then(|body| body.value.as_ref())).for_each(|text| said("body", text));
    }
    for span in &spans {
        said("name", &span.name);
        span.status.iter().for_each(|status| said("status", &status.message));
    }
    assert!(told > 1_000 && escaped > 10, "{told} texts, {escaped} of what a stranger wrote");
}

/// The texts of a value: it is one, or a list of them.
fn texts(value: Option<&Any>) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Some(Any::StringValue(text)) => Box::new(std::iter::once(text.as_str())),
        Some(Any::ArrayValue(list)) => Box::new(list.values.iter().flat_map(|value| texts(value.value.as_ref()))),
        _ => Box::new(std::iter::empty()),
    }
}

#[test]
fn tokens_are_sent_and_never_told() {
    let receiver =
        Receiver::start(&[Answer::Refuse(StatusCode::UNAUTHORIZED), Answer::Refuse(StatusCode::UNAUTHORIZED)]);
    let variable = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret");
    let output = run(sending(&receiver.url()).arg("-vv").env(variable.0, variable.1));
    let received = receiver.received();
    assert!(!received.headers.is_empty());
    assert!(received.headers.iter().all(|headers| headers["authorization"] == "Bearer s3cret"));
    let said = said(&output);
    assert!(said.contains("401") && said.contains("did not reach"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

/// Nothing that names somebody is in what is sent, the name of this host included.
#[test]
fn pseudonyms_are_sent_in_place_of_names() {
    let receiver = Receiver::start(&[]);
    run(sending(&receiver.url()).arg("--redact"));
    let told = format!("{:?}", receiver.received());
    let plain = report([fleet()]);
    let connections = plain["connections"].as_array().expect("connections");
    assert_eq!(connections.len(), 30);
    for connection in connections {
        for name in [&connection["client"]["address"], &connection["server"]["name"]] {
            let Some(name) = name.as_str().filter(|name| !name.starts_with("10.") && !name.starts_with("192.168."))
            else {
                continue;
            };
            assert!(!told.contains(&format!("{name:?}")), "{name}");
        }
    }
    assert!(!told.contains("host.name"));
}

/// Whether this test may capture, and has who connects.
#[cfg(all(feature = "live", target_os = "linux"))]
fn can_capture() -> bool {
    let root = nix::unistd::Uid::effective().is_root();
    if !root {
        assert!(std::env::var_os("CI").is_none(), "the tests of live capture need root");
        println!("skipped: live capture needs root");
    }
    root && have("bash")
}

/// Root is given up and the process sealed by then: it may connect to the collector's port and to nothing else.
#[cfg(all(feature = "live", target_os = "linux"))]
#[test]
fn a_live_capture_sends_when_its_rights_are_gone() {
    if !can_capture() {
        return;
    }
    let receiver = Receiver::start(&[]);
    let nobody_listens = Receiver::start(&[]).port;
    let port = nobody_listens.to_string();
    let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
    let mut command = clean();
    command.args(["run", "-v", "-i", "lo", "-p", &port, "--otlp", &receiver.url(), "--", "bash", "-c", &connect]);
    let output = command.output().expect("iotcap runs");
    let received = receiver.received();
    let said = said(&output);
    assert!(said.contains("running as") && said.contains("no capabilities"), "{said}");
    assert_eq!(received.roots().len(), 1, "{said}");
    let status = received.roots()[0].status.as_ref().expect("a status");
    assert_eq!(status.code(), SpanStatus::Error, "nobody listens there");
}

/// Sealed like that, the daemon sends what connections have in common, and writes its evidence.
#[cfg(all(feature = "live", target_os = "linux"))]
#[test]
fn the_daemon_sends_what_connections_have_in_common() {
    use std::os::unix::fs::PermissionsExt;
    const ATTEMPTS: usize = 12;
    if !can_capture() {
        return;
    }
    let (receiver, folder) = (Receiver::start(&[]), tempfile::tempdir().expect("a folder"));
    // Another user reads and writes there.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("mine");
    let (config, evidence) = (folder.path().join("iotcap.toml"), folder.path().join("evidence"));
    let port = Receiver::start(&[]).port;
    let lines = format!(
        "[daemon]\ninterfaces = [\"lo\"]\nports = [{port}]\n[daemon.http]\nlisten = \"\"\n\
         [daemon.evidence]\nfolder = {evidence:?}\n[daemon.otlp]\nurl = \"{}\"\n",
        receiver.url()
    );
    std::fs::write(&config, lines).expect("a file");
    let mut daemon = clean().args(["daemon", "--config"]).arg(&config).stderr(Stdio::piped()).spawn().expect("iotcap");
    let mut log = BufReader::new(daemon.stderr.take().expect("its log")).lines().map(|line| line.expect("a line"));
    assert!(log.any(|line| line.contains("capturing")));
    let connect = format!("for i in {{1..{ATTEMPTS}}}; do (exec 3<>/dev/tcp/127.0.0.1/{port}); done");
    Command::new("bash").args(["-c", &connect]).stderr(Stdio::null()).status().expect("bash");
    assert_eq!(log.by_ref().filter(|line| line.contains("outcome=\"failed\"")).take(ATTEMPTS).count(), ATTEMPTS);
    let id = nix::unistd::Pid::from_raw(i32::try_from(daemon.id()).expect("an id"));
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).expect("it runs");
    let said: Vec<String> = log.collect();
    assert!(daemon.wait().expect("it ends").success(), "{said:#?}");

    let received = receiver.received();
    assert_eq!(received.roots().len(), ATTEMPTS, "{said:#?}");
    let shared: Vec<_> = received.records().into_iter().filter(|record| record.trace_id.is_empty()).collect();
    let id = |record: &&LogRecord| text(&record.attributes, "iotcap.finding.id");
    assert!(shared.iter().any(|record| id(record).as_deref() == Some("reconnect-storm")), "{shared:#?} {said:#?}");
    let files = std::fs::read_dir(evidence).expect("a folder").count();
    assert_eq!(files, ATTEMPTS, "{said:#?}");
}

#[test]
fn an_address_that_is_none_is_an_error_of_usage() {
    for url in ["collector:4318", "http://collector:4317"] {
        let output = sending(url).output().expect("iotcap runs");
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).starts_with("iotcap: --otlp: "), "{}", said(&output));
    }
}
