//! What Prometheus is told. Counted as it happens or set from time to time; encoded when somebody asks.
//!
//! Names and units follow Prometheus's conventions. Every label has a bounded number of values: ids of the catalogue, fixed
//! words, the interfaces of the configuration, and the first server names that were proven, then `other`.

use super::evidence::Keeper;
use crate::analyzer::{Analyzer, Stats};
use crate::connection::Record;
use crate::decode::Skip;
use crate::diagnosis::Verdict;
use crate::source::live::Counters;
use crate::timeline::Timings;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// From a millisecond to half a minute: a LAN's round trip to a handshake that timers end.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The label of server names beyond those that have one of their own.
const OTHER: &str = "other";

type Labels<const N: usize> = [(&'static str, String); N];
type Counters1 = Family<Labels<1>, Counter>;
type Counters2 = Family<Labels<2>, Counter>;

/// Makes the histograms of phases.
#[derive(Clone, Copy, Debug)]
struct Phases;

impl MetricConstructor<Histogram> for Phases {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    connections: Counters2,
    findings: Counters2,
    servers: Counters2,
    phases: Family<Labels<1>, Histogram, Phases>,
    certificates: Family<Labels<1>, Gauge>,
    frames: Counter,
    frames_matched: Counter,
    bytes: Counter,
    skipped: Counters1,
    dropped: Counters2,
    interfaces: Family<Labels<1>, Gauge>,
    table: Gauge,
    table_most: Gauge,
    table_opened: Counter,
    table_left: Counters1,
    stragglers: Counter,
    untold: Counter,
    clock_steps: Counter,
    evidence_memory: Gauge,
    evidence_given_up: Counter,
    evidence_written: Counter,
    evidence_passed_over: Counters1,
    evidence_removed: Counter,
    evidence_files: Gauge,
    evidence_bytes: Gauge,
    log_dropped: Counter,
    otlp_messages: Counters1,
    otlp_waiting: Gauge,
    readers: Gauge,
    readers_lagged: Counter,
    resident: Gauge,
    names: Mutex<Names>,
}

/// Server names that have a label of their own.
#[derive(Debug)]
struct Names {
    known: BTreeSet<String>,
    most: usize,
}

/// What became of the messages for a collector.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) taken: u64,
    pub(super) failed: u64,
    pub(super) dropped: u64,
    pub(super) waiting: u64,
}

/// What an analyzer had done the last time that somebody looked.
#[derive(Debug, Default)]
pub(super) struct Seen {
    stats: Stats,
    skipped: [u64; Skip::ALL.len()],
    given_up: u64,
}

impl Metrics {
    /// Nothing counted yet; so many server names get labels of their own.
    #[expect(clippy::too_many_lines, reason = "one line a metric, with its help")]
    pub(super) fn new(server_names: usize) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("iotcap"),
            connections: Family::default(),
            findings: Family::default(),
            servers: Family::default(),
            phases: Family::new_with_constructor(Phases),
            certificates: Family::default(),
            frames: Counter::default(),
            frames_matched: Counter::default(),
            bytes: Counter::default(),
            skipped: Family::default(),
            dropped: Family::default(),
            interfaces: Family::default(),
            table: Gauge::default(),
            table_most: Gauge::default(),
            table_opened: Counter::default(),
            table_left: Family::default(),
            stragglers: Counter::default(),
            untold: Counter::default(),
            clock_steps: Counter::default(),
            evidence_memory: Gauge::default(),
            evidence_given_up: Counter::default(),
            evidence_written: Counter::default(),
            evidence_passed_over: Family::default(),
            evidence_removed: Counter::default(),
            evidence_files: Gauge::default(),
            evidence_bytes: Gauge::default(),
            log_dropped: Counter::default(),
            otlp_messages: Family::default(),
            otlp_waiting: Gauge::default(),
            readers: Gauge::default(),
            readers_lagged: Counter::default(),
            resident: Gauge::default(),
            names: Mutex::new(Names { known: BTreeSet::new(), most: server_names }),
        };
        let mut registry = std::mem::take(&mut metrics.registry);
        let m = &metrics;
        let build = Family::<Labels<1>, Gauge>::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION").to_owned())]).set(1);
        registry.register("build_info", "The version that runs; always 1", build);
        registry.register("connections", "Finished connections by outcome and cause", m.connections.clone());
        registry.register("findings", "Findings by id and severity", m.findings.clone());
        registry.register("server_connections", "Finished connections by server name and outcome", m.servers.clone());
        registry.register_with_unit("phase_duration", "How long each phase took", Unit::Seconds, m.phases.clone());
        registry.register_with_unit(
            "server_certificate_not_after_timestamp",
            "When the certificate that a server showed last ends, in Unix time",
            Unit::Seconds,
            m.certificates.clone(),
        );
        registry.register("frames", "Captured frames", m.frames.clone());
        registry.register("frames_matched", "Frames of connections that are looked at", m.frames_matched.clone());
        registry.register_with_unit("captured", "Captured bytes", Unit::Bytes, m.bytes.clone());
        registry.register("frames_skipped", "Frames that were not looked at, by reason", m.skipped.clone());
        registry.register(
            "frames_dropped",
            "Frames that were lost before they could be read, by interface and place",
            m.dropped.clone(),
        );
        registry.register("interface_up", "Whether the interface can be captured on", m.interfaces.clone());
        registry.register("table_connections", "Connections in the table", m.table.clone());
        registry.register(
            "table_connections_most",
            "The most connections that were in the table",
            m.table_most.clone(),
        );
        registry.register("table_opened", "Connections that were put into the table", m.table_opened.clone());
        registry.register(
            "table_evicted",
            "Connections that left the table before their end, by reason",
            m.table_left.clone(),
        );
        registry.register("stragglers", "Segments of connections that were over", m.stragglers.clone());
        registry.register(
            "connections_untold",
            "Finished connections that were counted only, because they came too fast",
            m.untold.clone(),
        );
        registry.register("clock_steps", "How often the clock was set", m.clock_steps.clone());
        registry.register_with_unit("evidence_memory", "Frames in memory", Unit::Bytes, m.evidence_memory.clone());
        registry.register(
            "evidence_given_up",
            "Connections whose frames had to make room in memory",
            m.evidence_given_up.clone(),
        );
        registry.register("evidence_written", "Evidence files that were written", m.evidence_written.clone());
        registry.register(
            "evidence_passed_over",
            "Bad connections without a file, by reason",
            m.evidence_passed_over.clone(),
        );
        registry.register("evidence_removed", "Evidence files that were removed", m.evidence_removed.clone());
        registry.register("evidence_files", "Evidence files in the folder", m.evidence_files.clone());
        registry.register_with_unit("evidence_folder", "Their size", Unit::Bytes, m.evidence_bytes.clone());
        registry.register("log_lines_dropped", "Log lines that nobody took in time", m.log_dropped.clone());
        registry.register(
            "otlp_messages",
            "Connections for the collector, by what became of them",
            m.otlp_messages.clone(),
        );
        registry.register("otlp_waiting", "Connections that wait for the collector", m.otlp_waiting.clone());
        registry.register("event_readers", "Who reads /api/events", m.readers.clone());
        registry.register("event_readers_lagged", "How often one was too slow", m.readers_lagged.clone());
        registry.register_with_unit("resident_memory", "Resident memory", Unit::Bytes, m.resident.clone());
        // A rate needs its counter to be there before it counts.
        for reason in ["busy", "rate", "error"] {
            drop(m.evidence_passed_over.get_or_create(&[("reason", reason.to_owned())]));
        }
        for outcome in ["ok", "degraded", "failed", "open", "inconclusive"] {
            drop(m.connections.get_or_create(&[("outcome", outcome.to_owned()), ("cause", String::new())]));
        }
        metrics.sent(Sent::default());
        metrics.registry = registry;
        metrics
    }

    /// In the OpenMetrics format.
    pub(super) fn open_metrics(&self) -> String {
        let mut text = String::new();
        let written = encode(&mut text, &self.registry);
        debug_assert!(written.is_ok(), "writing to a string does not fail");
        text
    }

    /// In Prometheus's own format, for those who do not ask for the other one.
    pub(super) fn prometheus(&self) -> String {
        plain(&self.open_metrics())
    }

    /// A connection is over.
    pub(super) fn finished(&self, record: &Record, verdict: &Verdict) {
        let outcome = verdict.outcome.name();
        let cause = verdict.cause().map_or("", |judged| judged.rule.id);
        count(&self.connections, [("outcome", outcome), ("cause", cause)]);
        for judged in &verdict.findings {
            count(&self.findings, [("id", judged.rule.id), ("severity", judged.severity().name())]);
        }
        for (phase, duration) in durations(&record.timeline.timings) {
            self.phases.get_or_create(&[("phase", phase.to_owned())]).observe(duration.as_secs_f64());
        }
        self.server(record, outcome);
    }

    fn server(&self, record: &Record, outcome: &'static str) {
        let tls = record.tls.as_deref();
        let is_proven = tls.is_some_and(crate::tls::Facts::is_established);
        let Some(name) = record.server_name() else { return };
        let name = self.names.lock().unwrap_or_else(PoisonError::into_inner).label(name, is_proven);
        count(&self.servers, [("server_name", &name), ("outcome", outcome)]);
        let leaf = tls.and_then(|tls| tls.certificates.server.as_ref()).and_then(|chain| chain.first());
        if let Some(leaf) = leaf.filter(|_| name != OTHER) {
            self.certificates.get_or_create(&[("server_name", name)]).set(leaf.not_after);
        }
    }

    /// Frames of an interface were dropped; how many since the last time.
    pub(super) fn dropped(&self, interface: &str, more: Counters) {
        for (place, frames) in [("kernel", more.kernel), ("interface", more.interface)] {
            self.dropped
                .get_or_create(&[("interface", interface.to_owned()), ("place", place.to_owned())])
                .inc_by(frames);
        }
    }

    pub(super) fn interface(&self, name: &str, up: bool) {
        self.interfaces.get_or_create(&[("interface", name.to_owned())]).set(up.into());
    }

    /// Counts what an analyzer did since it was `seen`.
    pub(super) fn analyzed(&self, analyzer: &Analyzer, keeper: &Keeper, seen: &mut Seen) {
        let (now, before) = (analyzer.stats(), seen.stats);
        let since = |field: fn(&Stats) -> u64| field(&now).saturating_sub(field(&before));
        self.frames.inc_by(since(|s| s.frames));
        self.frames_matched.inc_by(since(|s| s.frames_matched));
        self.bytes.inc_by(since(|s| s.bytes));
        self.table_opened.inc_by(since(|s| s.table.opened));
        self.stragglers.inc_by(since(|s| s.table.stragglers));
        for (reason, more) in [
            ("idle", since(|s| s.table.expired)),
            ("full-unestablished", since(|s| s.table.evicted_unestablished)),
            ("full-established", since(|s| s.table.evicted_established)),
        ] {
            self.table_left.get_or_create(&[("reason", reason.to_owned())]).inc_by(more);
        }
        for (skip, seen) in Skip::ALL.iter().zip(&mut seen.skipped) {
            let count = analyzer.skipped().count(*skip);
            if count > *seen {
                self.skipped.get_or_create(&[("reason", skip.name().to_owned())]).inc_by(count - *seen);
                *seen = count;
            }
        }
        self.table.set(gauge(analyzer.connections()));
        self.table_most.set(self.table_most.get().max(gauge(now.table.most)));
        self.evidence_memory.set(gauge(keeper.bytes()));
        self.evidence_given_up.inc_by(keeper.given_up().saturating_sub(seen.given_up));
        seen.given_up = keeper.given_up();
        seen.stats = now;
    }

    pub(super) fn untold(&self) {
        self.untold.inc();
    }

    pub(super) fn clock_was_set(&self) {
        self.clock_steps.inc();
    }

    pub(super) fn evidence_written(&self) {
        self.evidence_written.inc();
    }

    pub(super) fn evidence_passed_over(&self, reason: &'static str) {
        count(&self.evidence_passed_over, [("reason", reason)]);
    }

    pub(super) fn evidence_folder(&self, files: usize, bytes: u64, removed: u64) {
        self.evidence_files.set(gauge(files));
        self.evidence_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.evidence_removed.inc_by(removed);
    }

    /// All lines that were dropped so far.
    pub(super) fn log_dropped(&self, lines: u64) {
        self.log_dropped.inc_by(lines.saturating_sub(self.log_dropped.get()));
    }

    /// What became of all messages for the collector so far.
    pub(super) fn sent(&self, Sent { taken, failed, dropped, waiting }: Sent) {
        for (result, count) in [("sent", taken), ("failed", failed), ("dropped", dropped)] {
            let counter = self.otlp_messages.get_or_create(&[("result", result.to_owned())]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
        self.otlp_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub(super) fn reader_came(&self) {
        self.readers.inc();
    }

    pub(super) fn reader_went(&self) {
        self.readers.dec();
    }

    pub(super) fn reader_lagged(&self) {
        self.readers_lagged.inc();
    }

    pub(super) fn resident(&self, bytes: i64) {
        self.resident.set(bytes);
    }
}

impl Seen {
    /// The analyzer was replaced; what is kept was not.
    pub(super) fn begin_anew(&mut self) {
        *self = Self { given_up: self.given_up, ..Self::default() };
    }
}

impl Names {
    /// The label of a name. One that was not proven by a handshake gets none: anybody can ask for any name.
    fn label(&mut self, name: &str, is_proven: bool) -> String {
        if !self.known.contains(name) {
            if !is_proven || self.known.len() >= self.most {
                return OTHER.to_owned();
            }
            self.known.insert(name.to_owned());
        }
        name.to_owned()
    }
}

fn count<const N: usize>(family: &Family<Labels<N>, Counter>, labels: [(&'static str, &str); N]) {
    family.get_or_create(&labels.map(|(name, value)| (name, value.to_owned()))).inc();
}

fn gauge(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn durations(timings: &Timings) -> impl Iterator<Item = (&'static str, Duration)> {
    let Timings { tcp_handshake, tls_hello, tls_authentication, mqtt_connect, first_ack, session, .. } = *timings;
    [
        ("tcp-handshake", tcp_handshake),
        ("tls-hello", tls_hello),
        ("tls-authentication", tls_authentication),
        ("mqtt-connect", mqtt_connect),
        ("first-ack", first_ack),
        ("mqtt-session", session),
    ]
    .into_iter()
    .filter_map(|(phase, duration)| Some((phase, duration?)))
}

/// OpenMetrics as Prometheus's text format 0.0.4: there a counter's own name ends with `_total`, and there are no units.
fn plain(open_metrics: &str) -> String {
    let mut plain = String::with_capacity(open_metrics.len());
    let mut counters = BTreeSet::new();
    for line in open_metrics.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ").and_then(|line| line.strip_suffix(" counter")) {
            counters.insert(name);
        }
    }
    for line in open_metrics.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(word), Some(name), Some(rest)) if counters.contains(name) => {
                plain.extend(["# ", word, " ", name, "_total ", rest]);
            }
            _ => plain.push_str(line),
        }
        plain.push('\n');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_name_metrics_that_exist() {
        let metrics = Metrics::new(1);
        // A family is printed once it has a member.
        for family in [&metrics.skipped, &metrics.table_left] {
            drop(family.get_or_create(&[("reason", String::new())]));
        }
        for family in [&metrics.findings, &metrics.servers, &metrics.dropped] {
            drop(family.get_or_create(&[("a", String::new()), ("b", String::new())]));
        }
        drop(metrics.phases.get_or_create(&[("phase", String::new())]));
        drop(metrics.certificates.get_or_create(&[("server_name", String::new())]));
        metrics.interface("eth0", true);
        let printed = metrics.prometheus();
        let examples = concat!(
            include_str!("../../packaging/prometheus-rules.yml"),
            include_str!("../../packaging/grafana-dashboard.json")
        );
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let named = examples.match_indices("iotcap_").map(|(at, _)| &examples[at..]);
        let names: BTreeSet<_> = named.filter_map(|text| text.split(|c| !is_part(c)).next()).collect();
        assert!(names.len() > 8);
        for name in names.iter().map(|name| name.trim_end_matches("_bucket")) {
            assert!(printed.contains(&format!("# TYPE {name} ")), "{name} is no metric");
        }
    }

    #[test]
    fn a_name_that_nobody_proved_gets_no_label() {
        let mut names = Names { known: BTreeSet::new(), most: 2 };
        let labels = [("a", false), ("a", true), ("a", false), ("b", true), ("c", true)];
        assert_eq!(labels.map(|(name, proven)| names.label(name, proven)), ["other", "a", "a", "b", "other"]);
    }

    #[test]
    fn counters_end_with_total_in_the_plain_format() {
        let open =
            "# HELP x Help.\n# TYPE x counter\n# UNIT x bytes\nx_total{a=\"# b\"} 1\n# TYPE y gauge\ny 2\n# EOF\n";
        let expected = "# HELP x_total Help.\n# TYPE x_total counter\nx_total{a=\"# b\"} 1\n# TYPE y gauge\ny 2\n";
        assert_eq!(plain(open), expected);
    }
}
