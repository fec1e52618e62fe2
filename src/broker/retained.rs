//! Retained messages: the last one of each topic, for those who subscribe later (MQTT 3.1.1 and 5.0, 3.3.1.3).

use super::filter::matches;
use super::session::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;

/// The last retained message of each topic, up to a limit.
#[derive(Debug)]
pub(super) struct Retained {
    messages: BTreeMap<String, Arc<Message>>,
    limit: usize,
}

impl Retained {
    pub(super) const fn new(limit: usize) -> Self {
        Self { messages: BTreeMap::new(), limit }
    }

    /// Takes the topic's place; without a payload, leaves it empty. False if there is no room for another topic.
    #[must_use]
    pub(super) fn keep(&mut self, message: &Arc<Message>) -> bool {
        let topic = &message.publish.topic;
        if message.publish.payload.is_empty() {
            self.messages.remove(topic);
            return true;
        }
        let room = self.messages.len() < self.limit || self.messages.contains_key(topic);
        if room {
            self.messages.insert(topic.clone(), Arc::clone(message));
        }
        room
    }

    /// What a subscriber of that filter gets, in the order of the topics.
    pub(super) fn matching(&mut self, filter: &str, now: Instant) -> Vec<Arc<Message>> {
        self.messages.retain(|_, message| !message.is_expired(now));
        self.messages
            .iter()
            .filter(|(topic, _)| matches(filter, topic))
            .map(|(_, message)| Arc::clone(message))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::clock;
    use crate::broker::codec::{Publish, QoS};
    use std::time::Duration;

    fn message(topic: &str, payload: &str, expires: Option<Instant>) -> Arc<Message> {
        Arc::new(Message { publish: Publish::new(topic, QoS::AtMostOnce, payload), expires })
    }

    #[test]
    fn the_last_message_of_a_topic_stays_until_it_is_taken_away_or_expires() {
        let (mut retained, now) = (Retained::new(2), clock::now());
        assert!(retained.keep(&message("a/1", "old", None)) && retained.keep(&message("a/1", "new", None)));
        assert!(retained.keep(&message("a/2", "short", Some(now + Duration::from_secs(1)))));
        assert!(!retained.keep(&message("a/3", "no room", None)));
        let payloads =
            |messages: Vec<Arc<Message>>| -> Vec<_> { messages.iter().map(|it| it.publish.payload.clone()).collect() };
        assert_eq!(payloads(retained.matching("a/+", now)), ["new", "short"]);
        assert_eq!(payloads(retained.matching("a/+", now + Duration::from_secs(1))), ["new"]);
        assert!(retained.keep(&message("a/1", "", None)));
        assert!(retained.matching("#", now).is_empty());
    }
}
