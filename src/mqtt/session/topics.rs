//! The topics of a connection: how many messages and bytes each had. The first ones are told apart, the others together.

use crate::pack::packed;
use hashbrown::HashMap;
use std::sync::Arc;

/// Messages and their payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// PUBLISH packets.
    pub packets: u64,
    /// The bytes of their payloads.
    pub bytes: u64,
}

packed! { struct Volume { packets, bytes } }

/// The topics of a connection.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    by_name: HashMap<Arc<str>, Volume>,
    others: Volume,
}

packed! { struct Topics { by_name, others } }

impl Topics {
    /// The topics with the most packets first, `most` of them; equal ones by name.
    #[must_use]
    pub fn top(&self, most: usize) -> Vec<(Arc<str>, Volume)> {
        let mut all: Vec<_> = self.by_name.iter().map(|(name, volume)| (Arc::clone(name), *volume)).collect();
        all.sort_by(|(a, x), (b, y)| y.packets.cmp(&x.packets).then_with(|| a.cmp(b)));
        all.truncate(most);
        all
    }

    /// How many topics are told apart.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there was no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The messages of topics that are not told apart: there were too many.
    #[must_use]
    pub const fn others(&self) -> Volume {
        self.others
    }

    /// The shared form of a name.
    pub(in crate::mqtt) fn name(&self, bytes: &[u8]) -> Arc<str> {
        let known = std::str::from_utf8(bytes).ok().and_then(|name| self.by_name.get_key_value(name));
        known.map_or_else(|| String::from_utf8_lossy(bytes).into(), |(name, _)| Arc::clone(name))
    }

    pub(in crate::mqtt) fn count(&mut self, name: &Arc<str>, payload: u64, most: usize) {
        let is_full = self.by_name.len() >= most;
        let volume = match self.by_name.get_mut(name) {
            Some(volume) => volume,
            None if !is_full => self.by_name.entry(Arc::clone(name)).or_default(),
            None => &mut self.others,
        };
        volume.packets += 1;
        volume.bytes += payload;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_beyond_the_bound_are_counted_together() {
        let mut topics = Topics::default();
        for (name, payload) in [("b", 1), ("a", 2), ("c", 4), ("a", 8), ("d", 16)] {
            let name = topics.name(name.as_bytes());
            topics.count(&name, payload, 2);
        }
        let top: Vec<_> = topics.top(9).into_iter().map(|(name, v)| (name.to_string(), v.packets, v.bytes)).collect();
        assert_eq!(top, [("a".to_owned(), 2, 10), ("b".to_owned(), 1, 1)]);
        assert_eq!(topics.others(), Volume { packets: 2, bytes: 20 });
    }
}
