//! Which verdict, phase, finding, parameter or time of two connections differs.

use super::{Difference, Sort};
use crate::report::model::{
    Certificate, ClientCertificate, Connection, Finding, Millis, Mqtt, Phase, PhaseOutcome, Tls,
};
use crate::report::phrases::{self, host_and_port};
use crate::report::units;
use std::time::Duration;

/// A time differs where one is so many times the other …
const TIMES: u32 = 2;
/// … and by as much as somebody would notice.
const LEAST: Duration = Duration::from_millis(20);

/// All that differs, the weightiest first.
pub(super) fn differences(a: &Connection, b: &Connection) -> Vec<Difference> {
    let mut found = Vec::new();
    if a.outcome != b.outcome || a.cause != b.cause {
        found.push(both(Sort::Outcome, "outcome", verdict(a), verdict(b)));
    }
    found.extend(phases(a, b));
    found.extend(findings(a, b));
    found.extend(parameters(a, b));
    found.extend(times(a, b));
    found
}

fn both(sort: Sort, what: &str, a: String, b: String) -> Difference {
    Difference { sort, what: what.to_owned(), a: Some(a), b: Some(b) }
}

fn verdict(connection: &Connection) -> String {
    format!("{}: {}", connection.outcome, connection.headline)
}

/// The first phase that ended otherwise; what follows from it is no news.
fn phases(a: &Connection, b: &Connection) -> Option<Difference> {
    let is_known = |phase: &Phase| phase.outcome != PhaseOutcome::Unknown;
    let mut both_have =
        a.phases.iter().zip(&b.phases).filter(|(a, b)| a.phase == b.phase && is_known(a) && is_known(b));
    let (a, b) = both_have.find(|(a, b)| a.outcome != b.outcome)?;
    Some(both(Sort::Phase, a.phase.name(), a.outcome.to_string(), b.outcome.to_string()))
}

/// Findings that only one has; the causes stand in the verdicts already.
fn findings(a: &Connection, b: &Connection) -> Vec<Difference> {
    let only = |one: &Connection, other: &Connection| -> Vec<(String, String)> {
        let has = |connection: &Connection, id: &str| connection.findings.iter().any(|finding| finding.id == id);
        let is_news = |finding: &&Finding| !has(other, &finding.id) && one.cause.as_deref() != Some(&*finding.id);
        one.findings.iter().filter(is_news).map(|finding| (phrases::rule(finding), finding.message.clone())).collect()
    };
    let of_a = only(a, b).into_iter().map(|(what, told)| (what, Some(told), None));
    let of_b = only(b, a).into_iter().map(|(what, told)| (what, None, Some(told)));
    of_a.chain(of_b).map(|(what, a, b)| Difference { sort: Sort::Finding, what, a, b }).collect()
}

type Parameter = (&'static str, fn(&Connection) -> Option<String>);

/// What was asked for or agreed on. What is not known of one of the two is not compared.
const PARAMETERS: &[Parameter] = &[
    ("server", |connection| connection.server.name.clone()),
    ("server address", |connection| Some(host_and_port(&connection.server.address, connection.server.port))),
    ("server name (SNI)", |connection| offered(connection, |tls| tls.server_name.clone())),
    ("TLS version", |connection| tls(connection)?.version.clone()),
    ("TLS versions offered", |connection| offered(connection, |tls| Some(tls.offered_versions.join(", ")))),
    ("cipher", |connection| tls(connection)?.cipher.clone()),
    ("key exchange group", |connection| tls(connection)?.group.clone()),
    ("ALPN offered", |connection| offered(connection, |tls| some(tls.alpn_offered.join(", ")))),
    ("ALPN", |connection| tls(connection)?.alpn.clone()),
    ("client hello (JA4)", |connection| tls(connection)?.ja4.clone()),
    ("session resumed", |connection| tls(connection)?.resumed.map(yes_or_no)),
    ("hello retried", |connection| tls(connection)?.hello_retry.map(yes_or_no)),
    ("server certificate", |connection| tls(connection)?.certificates.server.first().map(certificate)),
    ("server chain", |connection| {
        some(tls(connection)?.certificates.server.len()).map(|len| units::counted(len as u64, "certificate"))
    }),
    ("client certificate", client_certificate),
    ("MQTT version", |connection| mqtt(connection)?.version.clone()),
    ("client id", |connection| mqtt(connection)?.client_id.clone()),
    ("user name", |connection| mqtt(connection)?.username.clone()),
    ("keep-alive", |connection| mqtt(connection)?.keep_alive.map(|seconds| format!("{seconds} s"))),
    ("clean start", |connection| mqtt(connection)?.clean_start.map(yes_or_no)),
    ("will", |connection| mqtt(connection)?.will.map(yes_or_no)),
    ("CONNACK", |connection| mqtt(connection)?.connack_code.map(|code| code.to_string())),
    ("client MSS", |connection| connection.tcp.mss.client.map(|mss| mss.to_string())),
    ("server MSS", |connection| connection.tcp.mss.server.map(|mss| mss.to_string())),
    ("closed by", |connection| connection.closed.by.map(|by| by.to_string())),
];

fn parameters(a: &Connection, b: &Connection) -> Vec<Difference> {
    let differing = |(what, of): &Parameter| {
        let (a, b) = (of(a)?, of(b)?);
        (a != b).then(|| both(Sort::Parameter, what, a, b))
    };
    PARAMETERS.iter().filter_map(differing).collect()
}

const fn tls(connection: &Connection) -> Option<&Tls> {
    connection.tls.as_ref()
}

const fn mqtt(connection: &Connection) -> Option<&Mqtt> {
    connection.mqtt.as_ref()
}

/// What the client's hello says; where there was a hello, silence is an answer too.
fn offered(connection: &Connection, of: fn(&Tls) -> Option<String>) -> Option<String> {
    let tls = tls(connection).filter(|tls| !tls.offered_versions.is_empty())?;
    Some(of(tls).unwrap_or_else(|| "none".to_owned()))
}

fn client_certificate(connection: &Connection) -> Option<String> {
    let tls = tls(connection).filter(|tls| tls.client_certificate != ClientCertificate::Unknown)?;
    tls.certificates.client.first().map(certificate).or_else(|| Some(tls.client_certificate.to_string()))
}

fn certificate(certificate: &Certificate) -> String {
    let Certificate { subject, issuer, not_after, sha256, .. } = certificate;
    let until = not_after.map_or_else(String::new, |end| format!(", valid until {}", end.date()));
    let digest = sha256.get(..8).unwrap_or(sha256);
    format!("{subject}, issued by {issuer}{until}, SHA-256 {digest}…")
}

fn yes_or_no(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn some<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

fn times(a: &Connection, b: &Connection) -> Vec<Difference> {
    let of = |connection: &Connection| {
        let timings = connection.timings;
        [
            ("round trip", timings.rtt),
            ("tcp-handshake", timings.tcp_handshake),
            ("tls-hello", timings.tls_hello),
            ("tls-authentication", timings.tls_authentication),
            ("mqtt-connect", timings.mqtt_connect),
            ("first-ack", timings.first_ack),
        ]
    };
    let differing = |what: &str, a: Option<Millis>, b: Option<Millis>| {
        let (a, b) = (a?.0, b?.0);
        let is_other = a.max(b) >= a.min(b) * TIMES && a.abs_diff(b) >= LEAST;
        is_other.then(|| both(Sort::Time, what, units::human(a), units::human(b)))
    };
    of(a).into_iter().zip(of(b)).filter_map(|((what, a), (_, b))| differing(what, a, b)).collect()
}
