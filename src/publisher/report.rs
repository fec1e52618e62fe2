//! The publisher's own view of what happened, as a value: to print as a table, and to lay beside what the capture
//! shows.

use super::PublishError;
use crate::broker::ConnectCode;
use crate::net::Endpoint;
use crate::time::millis;
use std::fmt::{self, Write as _};
use std::time::Duration;

/// Devices that get a line each; more are summed up.
const LINES: usize = 20;

/// What became of all devices.
#[derive(Debug, Default)]
pub struct PublishReport {
    /// In the order of their numbers.
    pub devices: Vec<DeviceReport>,
}

impl PublishReport {
    /// Whether all that was to be published was acknowledged: the condition of exit status 0.
    pub fn all_acknowledged(&self) -> bool {
        let complete =
            |device: &DeviceReport| device.acknowledged == device.published && device.published >= device.asked;
        self.devices.iter().all(|device| device.error.is_none() && complete(device))
    }

    /// The first device's error.
    pub fn error(&self) -> Option<&PublishError> {
        self.devices.iter().find_map(|device| device.error.as_ref())
    }

    /// The table of times.
    pub fn times(&self) -> impl fmt::Display + '_ {
        Times(self)
    }
}

/// What became of one device.
#[derive(Debug, Default)]
pub struct DeviceReport {
    /// Its client id; the broker's choice if it had none.
    pub client_id: String,
    /// Its attempts to connect, in order; the first hundred.
    pub attempts: Vec<Attempt>,
    /// Messages that it was to publish; 0: as many as time allows.
    pub asked: u64,
    /// Messages sent.
    pub published: u64,
    /// Messages that the broker has acknowledged. With QoS 0: sent before a ping that it answered.
    pub acknowledged: u64,
    /// Messages that came for its subscription.
    pub received: u64,
    /// How often a session broke and was begun again.
    pub interruptions: u64,
    /// Why it gave up.
    pub error: Option<PublishError>,
}

/// One attempt to connect, and the connection that it led to.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    /// The local end, once TCP was connected.
    pub client: Option<Endpoint>,
    /// The broker's end.
    pub server: Option<Endpoint>,
    /// What the handshake agreed on.
    pub tls: Option<TlsSession>,
    /// The code of the CONNACK.
    pub connack: Option<ConnectCode>,
    /// Whether the broker still knew the session.
    pub session_present: bool,
    /// How long it all took.
    pub timings: Timings,
    /// Why it ended, if not as it should; one sentence.
    pub error: Option<String>,
}

impl Attempt {
    pub(super) fn note_tls(&mut self, session: &rustls::ClientConnection) {
        let Some(suite) = session.negotiated_cipher_suite() else { return };
        self.tls = Some(TlsSession {
            version: if suite.tls13().is_some() { "1.3" } else { "1.2" },
            // The library marks those of 1.3; IANA does not.
            cipher: format!("{:?}", suite.suite()).replace("TLS13_", "TLS_"),
            alpn: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        });
    }
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSession {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// The cipher suite by its IANA name.
    pub cipher: String,
    /// The application protocol that the server chose.
    pub alpn: Option<String>,
}

/// How long each phase of a connection took; None where it never ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// The lookup of the name.
    pub dns: Option<Duration>,
    /// SYN to connected, over all addresses that were tried.
    pub tcp: Option<Duration>,
    /// The handshake.
    pub tls: Option<Duration>,
    /// CONNECT to CONNACK.
    pub mqtt: Option<Duration>,
    /// The first PUBLISH to the first PUBACK or PUBREC.
    pub first_ack: Option<Duration>,
    /// From the lookup to the end of the connection.
    pub total: Option<Duration>,
}

impl Timings {
    const COLUMNS: [&'static str; 6] = ["DNS", "TCP", "TLS", "MQTT", "first ack", "total"];

    const fn columns(&self) -> [Option<Duration>; 6] {
        [self.dns, self.tcp, self.tls, self.mqtt, self.first_ack, self.total]
    }
}

/// A line for each device, or with many of them the least, the middle and the most of each phase. Times of first
/// connections.
struct Times<'a>(&'a PublishReport);

impl fmt::Display for Times<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = |device: &DeviceReport| device.attempts.first().map(|attempt| attempt.timings).unwrap_or_default();
        let rows: Vec<(String, [Option<Duration>; 6])> = if self.0.devices.len() <= LINES {
            self.0.devices.iter().map(|device| (shown(&device.client_id), first(device).columns())).collect()
        } else {
            let all: Vec<_> = self.0.devices.iter().map(|device| first(device).columns()).collect();
            let rank =
                |name: &str, percent: usize| (name.to_owned(), std::array::from_fn(|phase| nth(&all, phase, percent)));
            vec![rank("least", 0), rank("median", 50), rank("most", 100)]
        };
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("ms".len());
        write!(f, "{:width$}", "ms")?;
        for name in Timings::COLUMNS {
            write!(f, " {name:>10}")?;
        }
        for (name, columns) in rows {
            write!(f, "\n{name:width$}")?;
            for time in columns {
                match time {
                    Some(time) => write!(f, " {:>10.1}", millis(time))?,
                    None => write!(f, " {:>10}", "-")?,
                }
            }
        }
        Ok(())
    }
}

/// The value at that percentage of a phase's known times.
fn nth(all: &[[Option<Duration>; 6]], phase: usize, percent: usize) -> Option<Duration> {
    let mut known: Vec<Duration> = all.iter().filter_map(|columns| columns.get(phase).copied().flatten()).collect();
    known.sort_unstable();
    known.get(known.len().saturating_sub(1) * percent / 100).copied()
}

/// Text from outside for a terminal: control characters are shown, not obeyed.
pub(super) fn shown(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        if c.is_control() {
            // Writing to a string cannot fail.
            let _ = write!(safe, "{}", c.escape_default());
        } else {
            safe.push(c);
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str, tcp: Option<u64>) -> DeviceReport {
        let timings = Timings { tcp: tcp.map(Duration::from_millis), ..Timings::default() };
        DeviceReport {
            client_id: name.into(),
            attempts: vec![Attempt { timings, ..Attempt::default() }],
            ..DeviceReport::default()
        }
    }

    #[test]
    fn a_few_devices_get_a_line_each() {
        let report = PublishReport { devices: vec![device("one", Some(5)), device("\u{1b}two", None)] };
        let table = report.times().to_string();
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["ms", "DNS", "TCP", "TLS", "MQTT", "first", "ack", "total"]);
        assert_eq!(lines[1], ["one", "-", "5.0", "-", "-", "-", "-"]);
        assert_eq!(lines[2], ["\\u{1b}two", "-", "-", "-", "-", "-", "-"]);
    }

    #[test]
    fn many_devices_are_summed_up() {
        let report = PublishReport { devices: (1..=101).map(|time| device("d", Some(time))).collect() };
        let table = report.times().to_string();
        let tcp: Vec<_> = table.lines().skip(1).map(|line| line.split_whitespace().nth(2).unwrap()).collect();
        assert_eq!(tcp, ["1.0", "51.0", "101.0"]);
    }
}
