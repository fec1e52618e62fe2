//! The daemon as a sensor of a fleet: it sends what it captured to a collector, also when that goes away in between.

use super::receiver::{Receiver, listening};
use super::{captures, trace_id};
use crate::net::{Net, SERVER, can_run, finish, wait_for};
use crate::started::Started;
use iotcap::pki::{CertifiedFiles, Pki};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs::File;
use std::net::TcpListener;
use std::thread;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[test]
fn a_daemon_sends_what_it_captures_also_to_a_collector_that_went_away() {
    goes_away_and_comes_back(None, &[]);
}

#[test]
fn a_daemon_sends_by_https_to_a_collector_that_it_trusts() {
    let folder = tempfile::tempdir().expect("a folder");
    let pki = Pki::load_or_create(folder.path(), &[]).expect("certificates");
    let authority = pki.ca_certificate().display().to_string();
    goes_away_and_comes_back(Some(&pki.server()), &[("OTEL_EXPORTER_OTLP_CERTIFICATE", &authority)]);
}

/// One connection while the collector is there, one while it is not, one when it is back: each arrives once.
fn goes_away_and_comes_back(server: Option<&CertifiedFiles>, environment: &[(&str, &str)]) {
    if !can_run() || !captures::have("bash") || !captures::have("curl") {
        return;
    }
    let net = Net::new();
    let first = Receiver::start_at(listening_in(&net, 0), &[], server);
    let (port, url) = (first.port, first.url());
    let mut daemon = Started::with(&net, &format!("[daemon.otlp]\nurl = \"{url}\"\nsensor = \"gw-7\"\n"), environment);
    connect(&net);
    wait_for("the first connection", || first.holds(1));
    let before = first.received();
    drop(first);
    connect(&net);
    daemon.logged("takes no traces");
    assert_eq!(daemon.metric("iotcap_otlp_messages_total{result=\"sent\"}"), Some(1.0));
    let second = Receiver::start_at(listening_in(&net, port), &[], server);
    connect(&net);
    wait_for("both other connections", || second.holds(2));
    daemon.metric_reaches("iotcap_otlp_messages_total{result=\"sent\"}", 3);
    daemon.metric_reaches("iotcap_otlp_waiting", 0);

    let told = daemon.connections("/api/connections", 3);
    let mut told: Vec<_> = told["connections"].as_array().expect("connections").iter().map(identity).collect();
    told.sort();
    let after = second.received();
    let mut sent: Vec<_> = before
        .roots()
        .into_iter()
        .chain(after.roots())
        .map(|root| (root.start_time_unix_nano, root.end_time_unix_nano, trace_id(&root.trace_id)))
        .collect();
    sent.sort();
    assert_eq!(sent, told);
    let resource = after.traces[0].resource_spans[0].resource.as_ref().expect("a resource");
    assert_eq!(super::text(&resource.attributes, "iotcap.sensor").as_deref(), Some("gw-7"));
    let (status, _, error) = daemon.end(Signal::SIGTERM);
    assert!(status.success(), "{error}");
}

impl Receiver {
    /// Whether it has so many connections, with the finding that explains each: those are sent by themselves.
    fn holds(&self, connections: usize) -> bool {
        let received = self.received();
        (received.roots().len(), received.records().len()) == (connections, connections)
    }
}

/// When a connection of the API began and ended, in nanoseconds, and its trace.
fn identity(connection: &Value) -> (u64, u64, String) {
    let nanos = |key: &str| {
        let at = OffsetDateTime::parse(connection[key].as_str().expect("a time"), &Rfc3339).expect("RFC 3339");
        u64::try_from(at.unix_timestamp_nanos()).expect("after 1970")
    };
    (nanos("started"), nanos("ended"), connection["trace_id"].as_str().expect("an id").to_owned())
}

/// Asks for a port where nobody listens: a connection that fails at once.
fn connect(net: &Net) {
    let output = finish(net.at_client("bash").args(["-c", &format!("exec 3<>/dev/tcp/{SERVER}/8883")]));
    assert!(!output.status.success());
}

/// A socket on the loopback of the client's machine: threads may be in networks of their own, and sockets stay where they were made.
fn listening_in(net: &Net, port: u16) -> TcpListener {
    let namespace = File::open(net.client_namespace()).expect("a namespace");
    let inside = thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may change networks");
        listening(port)
    });
    inside.join().expect("a socket")
}
