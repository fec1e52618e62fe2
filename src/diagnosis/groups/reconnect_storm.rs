//! A client tries again and again without waiting.
//!
//! ## What it means
//! Each attempt fails, and the next one follows at once or after a constant pause. The client spends power and data, the
//! broker spends handshakes, and after an outage all devices do it at the same time.
//!
//! ## On the wire
//! One client's connections to one server, one after the other, all failed the same way, with constant gaps or none.
//!
//! ## Likely causes
//! 1. The client has no backoff, or resets it with each attempt.
//! 2. A supervisor starts the client again at once.
//!
//! ## What to do
//! * Wait twice as long after each failure, up to some minutes, and add a random part.
//! * Reset the wait only after a session has worked for a while.
//!
//! ### AWS IoT Core
//! * The device SDKs have exponential backoff with jitter; switch it on.
//!
//! ## References
//! * AWS IoT Core developer guide, "Device communication: retry with exponential backoff and jitter"

use super::{Group, Members, Source, source};
use crate::connection::Record;
use crate::diagnosis::reading::{count, span};
use crate::diagnosis::{Outcome, Rule, Severity, Thresholds, Verdict};
use crate::evidence::Confidence;
use crate::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Warning,
    ..Rule::new("reconnect-storm", "MQT015", include_str!("reconnect_storm.rs"), |_| None)
};
static STATIC_RULE: Rule = RULE;

/// The most sources that are kept.
const MAX_KEPT: usize = 1024;

/// Chains of attempts, by source.
#[derive(Debug, Default)]
pub(super) struct Storms {
    by_source: BTreeMap<Source, Chain>,
    told: Vec<Group>,
}

/// Attempts that failed the same way, one after the other.
#[derive(Debug, Default)]
struct Chain {
    cause: Option<&'static str>,
    members: Members,
    starts: VecDeque<Timestamp>,
    gaps: VecDeque<Duration>,
    ended: Option<Timestamp>,
    first: Option<Timestamp>,
    bytes: u64,
    is_storm: bool,
    server_name: Option<String>,
}

impl Storms {
    pub(super) fn note(&mut self, record: &Record, verdict: &Verdict, thresholds: &Thresholds) {
        if verdict.outcome != Outcome::Failed {
            return;
        }
        let key = source(record);
        if self.by_source.len() >= MAX_KEPT && !self.by_source.contains_key(&key) {
            self.by_source.pop_first();
        }
        let cause = verdict.cause().map(|cause| cause.rule.id);
        let chain = self.by_source.entry(key).or_default();
        if !chain.goes_on_with(record, cause, thresholds) {
            let over = std::mem::take(chain);
            if self.told.len() < MAX_KEPT {
                self.told.extend(over.group(key));
            }
        }
        chain.add(record, cause, thresholds);
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = Group> + '_ {
        self.told.iter().cloned().chain(self.by_source.iter().filter_map(|(key, chain)| chain.group(*key)))
    }
}

impl Chain {
    /// Whether this attempt began behind the end of the last one, soon after it, and failed alike. Devices behind one
    /// address that fail side by side are no storm.
    fn goes_on_with(&self, record: &Record, cause: Option<&'static str>, thresholds: &Thresholds) -> bool {
        let Some(ended) = self.ended else { return true };
        let begun = record.first.at;
        self.cause == cause && begun >= ended && begun.since(ended) <= thresholds.storm_window
    }

    fn add(&mut self, record: &Record, cause: Option<&'static str>, thresholds: &Thresholds) {
        let attempts = thresholds.storm_attempts.max(2) as usize;
        let begun = record.first.at;
        if let Some(ended) = self.ended {
            self.gaps.push_back(begun.since(ended));
        }
        self.cause = cause;
        self.first.get_or_insert(begun);
        self.starts.push_back(begun);
        self.members.add(record.first.frame);
        self.bytes += record.tcp.client.stream_bytes() + record.tcp.server.stream_bytes();
        self.server_name = record.server_name().map(str::to_owned);
        self.ended = Some(record.timeline.closed.map_or(record.last.at, |closed| closed.at.at));
        while self.starts.len() > attempts {
            self.starts.pop_front();
        }
        while self.gaps.len() >= attempts {
            self.gaps.pop_front();
        }
        let is_fast = self.starts.front().is_some_and(|first| begun.since(*first) <= thresholds.storm_window);
        self.is_storm |= self.starts.len() == attempts && is_fast && !self.backs_off();
    }

    /// Whether the gaps grow: the later half is twice as long as the first.
    fn backs_off(&self) -> bool {
        let half = self.gaps.len() / 2;
        let early: Duration = self.gaps.iter().take(half).sum();
        let late: Duration = self.gaps.iter().skip(self.gaps.len() - half).sum();
        late > early * 2 && late > Duration::from_millis(100)
    }

    fn group(&self, (server, address): Source) -> Option<Group> {
        let (first, ended) = (self.first.filter(|_| self.is_storm)?, self.ended?);
        let mut gaps: Vec<Duration> = self.gaps.iter().copied().collect();
        gaps.sort_unstable();
        let usual = gaps.get(gaps.len() / 2).copied().unwrap_or_default();
        Some(Group {
            rule: &STATIC_RULE,
            confidence: Confidence::Likely,
            server,
            server_name: self.server_name.clone(),
            clients: vec![address.to_string()],
            connections: self.members.sorted(),
            message: format!(
                "{address} tried {} times in {} and failed each time, {} after the last failure",
                self.members.count,
                span(ended.since(first)),
                span(usual)
            ),
            evidence: [
                Some(format!("{} were sent both ways for nothing", count(self.bytes, "byte"))),
                self.cause.map(|cause| format!("each attempt ended with {cause}")),
            ]
            .into_iter()
            .flatten()
            .collect(),
        })
    }
}
