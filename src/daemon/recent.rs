//! Connections that were over of late, for the API: in come connections as the report tells them, out go their bytes, the
//! latest first. Number and memory are bounded; the kind of which there are the most gives way first, so that a flood of one
//! kind leaves the others to be seen.

use crate::report::model::{Connection, Outcome};
use crate::time::Timestamp;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// What bounds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections.
    pub(super) connections: usize,
    /// Bytes of their JSON.
    pub(super) bytes: usize,
}

/// Connections that were over of late.
#[derive(Debug)]
pub(super) struct Recent {
    limits: Limits,
    /// In the order in which they were told.
    entries: BTreeMap<u64, Entry>,
    by_kind: HashMap<Kind, VecDeque<u64>>,
    bytes: usize,
    next: u64,
}

/// Connections of one kind can stand for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    outcome: Outcome,
    cause: Option<String>,
}

#[derive(Clone, Debug)]
struct Entry {
    kind: Kind,
    id: String,
    client: String,
    started: Timestamp,
    json: Arc<str>,
}

/// Which connections are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// Only these.
    pub(super) outcome: Option<Outcome>,
    /// Only those with this cause.
    pub(super) cause: Option<String>,
    /// Only those of this client's address.
    pub(super) client: Option<String>,
    /// Only those that began then or later.
    pub(super) since: Option<Timestamp>,
    /// Only those that were told before the one with this number: where the last page ended.
    pub(super) before: Option<u64>,
    /// The most of them.
    pub(super) limit: usize,
}

/// A page of connections, and where the next page begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub(super) connections: Vec<Arc<str>>,
    pub(super) next: Option<u64>,
}

impl Recent {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, entries: BTreeMap::new(), by_kind: HashMap::new(), bytes: 0, next: 1 }
    }

    /// Adds a connection and its JSON.
    pub(super) fn add(&mut self, connection: &Connection, started: Timestamp, json: Arc<str>) {
        let kind = Kind { outcome: connection.outcome, cause: connection.cause.clone() };
        self.bytes += json.len();
        self.by_kind.entry(kind.clone()).or_default().push_back(self.next);
        let (id, client) = (connection.id.clone(), connection.client.address.clone());
        self.entries.insert(self.next, Entry { kind, id, client, started, json });
        self.next += 1;
        while self.entries.len() > self.limits.connections || self.bytes > self.limits.bytes {
            if !self.forget_one() {
                break;
            }
        }
    }

    /// The connection with this id.
    pub(super) fn find(&self, id: &str) -> Option<Arc<str>> {
        self.entries.values().rev().find(|entry| entry.id == id).map(|entry| Arc::clone(&entry.json))
    }

    /// Those that are asked for, the latest first.
    pub(super) fn page(&self, query: &Query) -> Page {
        let mut page = Page::default();
        let mut last = None;
        for (number, entry) in self.entries.range(..query.before.unwrap_or(u64::MAX)).rev() {
            if !entry.fits(query) {
                continue;
            }
            if page.connections.len() == query.limit {
                page.next = last;
                break;
            }
            page.connections.push(Arc::clone(&entry.json));
            last = Some(*number);
        }
        page
    }

    fn forget_one(&mut self) -> bool {
        let Some(most) = self.by_kind.values_mut().max_by_key(|numbers| (numbers.len(), numbers.front().copied()))
        else {
            return false;
        };
        let Some(entry) = most.pop_front().and_then(|number| self.entries.remove(&number)) else { return false };
        self.bytes -= entry.json.len();
        if self.by_kind.get(&entry.kind).is_some_and(VecDeque::is_empty) {
            self.by_kind.remove(&entry.kind);
        }
        true
    }
}

impl Entry {
    fn fits(&self, query: &Query) -> bool {
        query.outcome.is_none_or(|outcome| outcome == self.kind.outcome)
            && query.cause.as_ref().is_none_or(|cause| Some(cause) == self.kind.cause.as_ref())
            && query.client.as_ref().is_none_or(|client| *client == self.client)
            && query.since.is_none_or(|since| self.started >= since)
    }
}
