//! Findings that span connections: verdicts and arrivals come in, what they have in common goes out as [`Group`]s.
//!
//! A group is of one server. Everything is bounded; what was left out is counted.

mod reconnect_storm;
mod session_taken_over;
mod throttled;

use super::{Rule, Thresholds, Verdict};
use crate::connection::{Arrival, Record};
use crate::evidence::Confidence;
use crate::frame::FrameId;
use crate::net::Endpoint;
use reconnect_storm::Storms;
use std::net::IpAddr;
use throttled::Throttles;

pub use session_taken_over::takeover_window;
pub(super) use session_taken_over::{Takeovers, taken_over};

/// The rules of all groups, for the catalogue.
pub(super) const SESSION_TAKEN_OVER: Rule = session_taken_over::RULE;
pub(super) const THROTTLED: Rule = throttled::RULE;
pub(super) const RECONNECT_STORM: Rule = reconnect_storm::RULE;

/// The most connections that a group names.
const MAX_NAMED: usize = 256;

/// A finding that spans connections.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its rule.
    pub rule: &'static Rule,
    /// How much it can be relied on.
    pub confidence: Confidence,
    /// The server.
    pub server: Endpoint,
    /// The server's name, where it is known.
    pub server_name: Option<String>,
    /// The clients: by their ids where they are known, else by address.
    pub clients: Vec<String>,
    /// The first frames of the connections.
    pub connections: Vec<FrameId>,
    /// One sentence: what happened.
    pub message: String,
    /// The facts behind it.
    pub evidence: Vec<String>,
}

/// The connections of a group, as far as they are named.
#[derive(Clone, Debug, Default)]
struct Members {
    frames: Vec<FrameId>,
    count: u64,
}

impl Members {
    fn add(&mut self, frame: FrameId) {
        if self.frames.contains(&frame) {
            return;
        }
        self.count += 1;
        if self.frames.len() < MAX_NAMED {
            self.frames.push(frame);
        }
    }

    fn sorted(&self) -> Vec<FrameId> {
        let mut frames = self.frames.clone();
        frames.sort();
        frames
    }
}

/// One source of connections to one server.
type Source = (Endpoint, IpAddr);

fn source(record: &Record) -> Source {
    (record.endpoints.server, record.endpoints.client.address)
}

/// All groups so far.
#[derive(Debug, Default)]
pub(super) struct Groups {
    takeovers: Takeovers,
    storms: Storms,
    throttles: Throttles,
}

impl Groups {
    /// A session that ended because this client arrived.
    pub(super) fn note_takeover(&mut self, record: &Record, by: &Arrival, confidence: Confidence) {
        self.takeovers.note(record, by, confidence);
    }

    /// A verdict is final.
    pub(super) fn note(&mut self, record: &Record, verdict: &Verdict, thresholds: &Thresholds) {
        self.storms.note(record, verdict, thresholds);
        self.throttles.note(record, verdict, thresholds);
    }

    /// The groups so far, in the order of their first connections.
    pub(super) fn all(&self) -> Vec<Group> {
        let mut groups: Vec<Group> =
            self.takeovers.groups().chain(self.storms.groups()).chain(self.throttles.groups()).collect();
        groups.sort_by_key(|group| (group.connections.first().copied(), group.rule.code));
        groups
    }
}
