//! The server refuses connects that come too fast.
//!
//! ## What it means
//! Many connections of one source were closed on CONNECT within a short time. Brokers and cloud accounts limit how many
//! clients may connect in a second, and how many from one address.
//!
//! ## On the wire
//! closed-on-connect again and again, at many connects a second from one source.
//!
//! ## Likely causes
//! 1. All devices behind one address come back at once, after an outage.
//! 2. A limit of the broker for connects per second, or for one address.
//! 3. The connects are refused for another reason, and the client tries again without waiting.
//!
//! ### AWS IoT Core
//! 1. The account's quota of connects per second; or one client id connects more than once a second.
//!
//! ## What to do
//! * Spread reconnects: wait longer and longer, by a random time.
//! * Have the limit raised.
//!
//! ## References
//! * AWS IoT Core endpoints and quotas, "Connect requests per second"

use super::{Group, Members, Source, source};
use crate::connection::Record;
use crate::diagnosis::{Rule, Severity, Thresholds, Verdict};
use crate::evidence::Confidence;
use crate::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule =
    Rule { severity: Severity::Warning, ..Rule::new("throttled", "MQT013", include_str!("throttled.rs"), |_| None) };
static STATIC_RULE: Rule = RULE;

/// The most sources that are kept.
const MAX_KEPT: usize = 1024;

/// A source is fast that keeps up the threshold's number of refused connects for so long.
const WINDOW: Duration = Duration::from_secs(2);

/// Refused connects, by source.
#[derive(Debug, Default)]
pub(super) struct Throttles {
    by_source: BTreeMap<Source, Refusals>,
    /// The threshold, as it was when the last one was noted.
    fast: usize,
}

#[derive(Debug, Default)]
struct Refusals {
    recent: VecDeque<Timestamp>,
    members: Members,
    most: usize,
    server_name: Option<String>,
}

impl Throttles {
    pub(super) fn note(&mut self, record: &Record, verdict: &Verdict, thresholds: &Thresholds) {
        self.fast = thresholds.throttled_connects as usize;
        let is_refused = verdict.cause().is_some_and(|cause| cause.rule.id == "closed-on-connect");
        let asked = record.mqtt.as_ref().and_then(|mqtt| mqtt.connect_at).filter(|_| is_refused);
        let key = source(record);
        let Some(asked) = asked else { return };
        if self.by_source.len() >= MAX_KEPT && !self.by_source.contains_key(&key) {
            self.by_source.pop_first();
        }
        let refusals = self.by_source.entry(key).or_default();
        refusals.server_name = record.server_name().map(str::to_owned);
        refusals.members.add(record.first.frame);
        refusals.recent.push_back(asked.at);
        while refusals.recent.front().is_some_and(|first| asked.at.since(*first) > WINDOW) {
            refusals.recent.pop_front();
        }
        refusals.most = refusals.most.max(refusals.recent.len());
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = Group> + '_ {
        let fast = |(_, refusals): &(&Source, &Refusals)| refusals.most >= self.fast;
        self.by_source.iter().filter(fast).map(|((server, address), refusals)| Group {
            rule: &STATIC_RULE,
            confidence: Confidence::Possible,
            server: *server,
            server_name: refusals.server_name.clone(),
            clients: vec![address.to_string()],
            connections: refusals.members.sorted(),
            message: format!(
                "the server closed {} connections of {address} on CONNECT, up to {} of them within {} s",
                refusals.members.count,
                refusals.most,
                WINDOW.as_secs()
            ),
            evidence: vec!["or each of them was refused for a reason of its own".to_owned()],
        })
    }
}
