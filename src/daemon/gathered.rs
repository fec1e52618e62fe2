//! Findings that span connections, for the log, the API and the page: in come the groups of the desk, again and again as they
//! grow, out go those that are new or have grown. Bounded; the one that was heard of longest ago gives way.

use crate::diagnosis::Group;
use crate::net::Endpoint;
use crate::report::{build, model};
use crate::time::Timestamp;
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// Groups that are kept.
const KEPT: usize = 256;
/// One that grows is told again so often.
const AGAIN: Duration = Duration::from_mins(1);

/// The groups of late.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    groups: HashMap<Key, Entry>,
}

/// What makes two groups the same one: rule, server, client.
type Key = (&'static str, Endpoint, String);

#[derive(Debug)]
struct Entry {
    told: Told,
    updated: Timestamp,
    /// When it was given out last.
    given: Timestamp,
}

/// A group as the API has it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Told {
    /// The same for the same group.
    key: String,
    /// When it was noticed.
    since: model::Time,
    /// When it grew last.
    updated: model::Time,
    #[serde(flatten)]
    pub(super) group: model::Group,
}

impl Gathered {
    /// Takes the groups as they are now; those that are to be told: the new ones, and now and then those that have grown.
    pub(super) fn update(&mut self, groups: &[Group], now: Timestamp) -> Vec<Told> {
        // Of two with one key the later one is what goes on.
        let latest: HashMap<Key, &Group> = groups.iter().map(|group| (key(group), group)).collect();
        let mut news = Vec::new();
        for (key, group) in latest {
            let known = self.groups.get(&key);
            if known.is_some_and(|entry| entry.told.group.message == group.message) {
                continue;
            }
            let since = known.map_or_else(|| now.into(), |entry| entry.told.since);
            let is_due = known.is_none_or(|entry| now.since(entry.given) >= AGAIN);
            let given = known.filter(|_| !is_due).map_or(now, |entry| entry.given);
            let told = Told { key: name(&key), since, updated: now.into(), group: build::group(group) };
            if is_due {
                news.push(told.clone());
            }
            self.groups.insert(key, Entry { told, updated: now, given });
        }
        self.keep_to_the_bound();
        news.sort_by(|one, other| one.key.cmp(&other.key));
        news
    }

    /// All of them, the one that grew last first.
    pub(super) fn all(&self) -> Vec<&Told> {
        let mut entries: Vec<_> = self.groups.values().collect();
        entries.sort_by(|one, other| (other.updated, &one.told.key).cmp(&(one.updated, &other.told.key)));
        entries.into_iter().map(|entry| &entry.told).collect()
    }

    fn keep_to_the_bound(&mut self) {
        if self.groups.len() <= KEPT {
            return;
        }
        let mut times: Vec<_> = self.groups.iter().map(|(key, entry)| (entry.updated, key.clone())).collect();
        times.sort_unstable();
        let excess = times.len() - KEPT;
        for (_, key) in times.into_iter().take(excess) {
            self.groups.remove(&key);
        }
    }
}

fn key(group: &Group) -> Key {
    (group.rule.code, group.server, group.clients.first().cloned().unwrap_or_default())
}

fn name((code, server, client): &Key) -> String {
    format!("{code} {server} {client}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::rules;
    use crate::evidence::Confidence;

    fn group(client: &str, message: &str) -> Group {
        let rule = rules::find("reconnect-storm").unwrap();
        Group {
            rule,
            confidence: Confidence::Likely,
            server: Endpoint::new([192, 0, 2, 1].into(), 8883),
            server_name: None,
            clients: vec![client.to_owned()],
            connections: Vec::new(),
            message: message.to_owned(),
            evidence: Vec::new(),
        }
    }

    fn messages(told: &[Told]) -> Vec<&str> {
        told.iter().map(|told| told.group.message.as_str()).collect()
    }

    #[test]
    fn a_group_is_told_when_it_is_new_and_a_minute_after_it_has_grown() {
        let mut gathered = Gathered::default();
        let at = Timestamp::from_secs;
        assert_eq!(messages(&gathered.update(&[group("a", "5 times")], at(100))), ["5 times"]);
        assert!(gathered.update(&[group("a", "5 times")], at(101)).is_empty());
        assert!(gathered.update(&[group("a", "9 times")], at(102)).is_empty());
        assert_eq!(
            messages(&gathered.update(&[group("a", "99 times"), group("b", "5 times")], at(160))),
            ["99 times", "5 times"]
        );
        let all: Vec<_> = gathered.all().iter().map(|told| (told.group.message.as_str(), told.since)).collect();
        assert_eq!(all, [("99 times", at(100).into()), ("5 times", at(160).into())]);
    }

    #[test]
    fn the_one_that_grew_longest_ago_gives_way() {
        let mut gathered = Gathered::default();
        for number in 0..KEPT + 10 {
            let client = format!("client-{number}");
            gathered.update(&[group(&client, "x")], Timestamp::from_secs(i64::try_from(number).unwrap()));
        }
        assert_eq!(gathered.all().len(), KEPT);
        assert_eq!(gathered.all()[0].group.clients, [format!("client-{}", KEPT + 9)]);
        assert!(gathered.all().iter().all(|told| told.group.clients != ["client-9"]));
    }
}
