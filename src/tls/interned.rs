//! What was seen before, by its bytes: the same ones are parsed once, and what they mean is shared. Bytes come in, a shared
//! value goes out. Bounded: the oldest leaves first. Nothing here knows what the bytes mean.

use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// Longer ones are not kept, so that the bound on their number is one on memory: a certificate has one or two kilobytes.
const MAX_LEN: usize = 8 * 1024;

/// Values by the bytes that they were made of.
#[derive(Debug)]
pub(super) struct Interned<T> {
    known: HashMap<Arc<[u8]>, Arc<T>, foldhash::fast::RandomState>,
    order: VecDeque<Arc<[u8]>>,
    capacity: usize,
    evicted: u64,
}

impl<T> Interned<T> {
    /// Room for at most `capacity` values.
    pub(super) fn new(capacity: usize) -> Self {
        Self { known: HashMap::default(), order: VecDeque::new(), capacity: capacity.max(1), evicted: 0 }
    }

    /// What was made of these bytes before.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<Arc<T>> {
        self.known.get(bytes).map(Arc::clone)
    }

    /// Keeps what these bytes, which are not yet known, mean.
    pub(super) fn keep(&mut self, bytes: &[u8], value: T) -> Arc<T> {
        let value = Arc::new(value);
        if bytes.len() > MAX_LEN {
            return value;
        }
        while self.order.len() >= self.capacity {
            let Some(oldest) = self.order.pop_front() else { break };
            self.known.remove(&oldest);
            self.evicted += 1;
        }
        let key: Arc<[u8]> = bytes.into();
        self.order.push_back(Arc::clone(&key));
        self.known.insert(key, Arc::clone(&value));
        value
    }

    /// How many values are held.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// How many had to leave.
    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ones_are_given_and_not_kept() {
        let mut numbers = Interned::new(4);
        assert_eq!(*numbers.keep(&[7; MAX_LEN + 1], 1), 1);
        assert!(numbers.find(&[7; MAX_LEN + 1]).is_none());
        numbers.keep(&[7; MAX_LEN], 2);
        assert_eq!(numbers.find(&[7; MAX_LEN]).as_deref(), Some(&2));
        assert_eq!((numbers.len(), numbers.evicted()), (1, 0));
    }
}
