//! The second stage of the verdict: one connection often explains another, so that a finished one waits a little.
//!
//! ```text
//! arrived(arrival) · push(record) or push_draft(draft) · advance(now) … poll() → record and verdict … finish() … poll() … groups()
//! ```
//!
//! Records come in when they are over, in any order, and go out with their final verdicts in the order of their coming.
//! Time is the capture's own. Nothing here reads traffic; memory is bounded, and what gives way is counted.

use super::groups::{self, Group, Groups};
use super::rules;
use super::{CaptureState, Case, Draft, Judged, Thresholds, Verdict};
use crate::connection::{Arrival, Record};
use crate::frame::FrameId;
use crate::net::Endpoint;
use crate::time::Timestamp;
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How long a finished record waits for what may explain it.
const WAIT: Duration = Duration::from_secs(2);

/// The most records that wait; more make the oldest one's verdict early.
const MAX_WAITING: usize = 4096;

/// The most arrivals that are kept of one server.
const MAX_ARRIVALS: usize = 1024;

/// The most servers whose arrivals are kept.
const MAX_SERVERS: usize = 256;

/// Gives final verdicts.
#[derive(Debug, Default)]
pub struct Desk {
    thresholds: Thresholds,
    waiting: VecDeque<(Timestamp, Draft)>,
    /// Never empty ones.
    arrivals: BTreeMap<Endpoint, VecDeque<Arrival>>,
    /// The same servers, by when their last clients were accepted: the first one is the least likely to explain what ends now.
    quietest: BTreeSet<(Timestamp, Endpoint)>,
    /// The first frames of their connections: each is told when it is accepted, and again when it is over.
    arrived: HashSet<FrameId, foldhash::fast::RandomState>,
    groups: Groups,
    now: Option<Timestamp>,
    is_finished: bool,
    counts: DeskCounts,
}

/// What gave way to the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeskCounts {
    /// Verdicts that were given before their time.
    pub early_verdicts: u64,
    /// Arrivals that were forgotten.
    pub forgotten_arrivals: u64,
}

impl Desk {
    /// A desk with nothing on it.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, ..Self::default() }
    }

    /// Where "slow" and "lossy" begin.
    #[must_use]
    pub const fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// Sets them anew: verdicts that are given from now on follow them.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        self.thresholds = thresholds;
    }

    /// The connection that [`Self::poll`] gives next, when it is time.
    #[must_use]
    pub fn next_record(&self) -> Option<&Record> {
        self.waiting.front().map(|(_, draft)| draft.record())
    }

    /// A server has accepted a client.
    pub fn arrived(&mut self, arrival: Arrival) {
        if !self.arrived.insert(arrival.first.frame) {
            return;
        }
        let server = arrival.endpoints.server;
        if self.arrivals.len() >= MAX_SERVERS
            && !self.arrivals.contains_key(&server)
            && let Some((_, quietest)) = self.quietest.pop_first()
            && let Some(forgotten) = self.arrivals.remove(&quietest)
        {
            for arrival in &forgotten {
                self.forget(arrival);
            }
        }
        let arrivals = self.arrivals.entry(server).or_default();
        if let Some(last) = arrivals.back() {
            self.quietest.remove(&(last.connack_at.at, server));
        }
        self.quietest.insert((arrival.connack_at.at, server));
        let oldest = if arrivals.len() == MAX_ARRIVALS { arrivals.pop_front() } else { None };
        arrivals.push_back(arrival);
        if let Some(oldest) = oldest {
            self.forget(&oldest);
        }
    }

    /// A connection is over.
    pub fn push(&mut self, record: Record) {
        self.push_draft(record.into());
    }

    /// A connection is over, and was perhaps judged by itself.
    pub fn push_draft(&mut self, draft: Draft) {
        let record = &*draft.record;
        if !self.arrived.contains(&record.first.frame)
            && let Some(arrival) = record.arrival()
        {
            self.arrived(arrival);
        }
        let now = self.now.map_or(record.last.at, |now| now.max(record.last.at));
        self.waiting.push_back((now + WAIT, draft));
    }

    /// The capture's time has come so far.
    pub fn advance(&mut self, now: Timestamp) {
        self.now = Some(self.now.map_or(now, |latest| latest.max(now)));
    }

    /// The capture is over: nothing waits any longer.
    pub const fn finish(&mut self) {
        self.is_finished = true;
    }

    /// The next connection whose verdict is final.
    pub fn poll(&mut self, capture: CaptureState) -> Option<(Record, Verdict)> {
        let (due, _) = self.waiting.front()?;
        let is_due = self.is_finished || self.now.is_some_and(|now| now >= *due);
        let is_early = !is_due && self.waiting.len() > MAX_WAITING;
        if !is_due && !is_early {
            return None;
        }
        self.counts.early_verdicts += u64::from(is_early);
        let (_, Draft { record, verdict: drafted }) = self.waiting.pop_front()?;
        let verdict = self.judge(&record, drafted, capture);
        self.groups.note(&record, &verdict, &self.thresholds);
        Some((*record, verdict))
    }

    /// The findings that span connections, so far.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        self.groups.all()
    }

    /// Forgets the findings that span connections, those that are under way too: their number is bounded, and whoever goes on
    /// for months wants those of today.
    pub fn forget_groups(&mut self) {
        self.groups = Groups::default();
    }

    /// What gave way to the bounds.
    #[must_use]
    pub const fn counts(&self) -> DeskCounts {
        self.counts
    }

    fn forget(&mut self, arrival: &Arrival) {
        self.arrived.remove(&arrival.first.frame);
        self.counts.forgotten_arrivals += 1;
    }

    fn judge(&mut self, record: &Record, drafted: Option<Verdict>, capture: CaptureState) -> Verdict {
        let case = Case::new(record, capture, &self.thresholds);
        let arrivals = self.arrivals.get(&record.endpoints.server).into_iter().flatten();
        let Some((finding, by)) = groups::taken_over(&case, arrivals) else {
            return drafted.unwrap_or_else(|| Verdict::from_findings(record, capture, rules::check_all(&case)));
        };
        self.groups.note_takeover(record, by, finding.confidence);
        let mut found = rules::check_all(&case);
        let rule = rules::find("session-taken-over");
        let is_told = found.iter().any(|judged| Some(judged.rule.id) == rule.map(|rule| rule.id));
        found.extend(rule.filter(|_| !is_told).map(|rule| Judged { rule, finding }));
        Verdict::from_findings(record, capture, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::PerSide;
    use crate::stream::Moment;

    /// A client that a server accepted, so many seconds into the capture.
    fn arrival(server: u16, second: u32) -> Arrival {
        let at = Moment::new(Timestamp::from_secs(second.into()), FrameId::new(0, second.into()));
        let endpoint = |octet, port| Endpoint::new([192, 0, 2, octet].into(), port);
        Arrival {
            endpoints: PerSide { client: endpoint(1, 40_000), server: endpoint(2, server) },
            ordinal: second.into(),
            first: at,
            connect_at: at,
            connack_at: at,
            length: None,
            client_id: None,
        }
    }

    #[test]
    fn the_server_whose_last_client_came_longest_ago_is_forgotten_first() {
        let mut desk = Desk::default();
        let servers = u16::try_from(MAX_SERVERS).unwrap();
        for number in 0..servers {
            desk.arrived(arrival(1000 + number, 1 + u32::from(number)));
        }
        // The one with the lowest address is busy; the second one is not.
        desk.arrived(arrival(1000, 500));
        desk.arrived(arrival(5000, 501));
        let is_known = |port| desk.arrivals.keys().any(|server| server.port == port);
        assert!(is_known(1000) && !is_known(1001) && is_known(1002) && is_known(5000));
        assert_eq!(desk.arrivals.len(), MAX_SERVERS);
        assert_eq!(desk.counts().forgotten_arrivals, 1);
    }
}
