//! The worst few of many: in come connections with their outcomes, kept are as many as there is room for, the failed ones
//! first; the others are counted.

use super::model::Outcome;
use std::collections::BTreeMap;

/// The worst connections, each as a `T`.
#[derive(Debug)]
pub(super) struct Worst<T> {
    kept: BTreeMap<(u8, u64), T>,
    room: usize,
    left_out: u64,
}

impl<T> Worst<T> {
    /// Nothing yet, with room for so many.
    pub(super) const fn new(room: usize) -> Self {
        Self { kept: BTreeMap::new(), room, left_out: 0 }
    }

    /// Whether a connection of this outcome would find no room. Those that came first stay, of the same outcome.
    pub(super) fn is_full_for(&self, outcome: Outcome) -> bool {
        let last = self.kept.last_key_value();
        self.kept.len() >= self.room && last.is_none_or(|((rank, _), _)| *rank <= badness(outcome))
    }

    /// Counts one that is not kept.
    pub(super) const fn pass_over(&mut self) {
        self.left_out += 1;
    }

    /// Keeps one if there is room, or if it is worse than another, which goes.
    pub(super) fn keep(&mut self, outcome: Outcome, ordinal: u64, told: impl FnOnce() -> T) {
        if self.is_full_for(outcome) {
            return self.pass_over();
        }
        self.kept.insert((badness(outcome), ordinal), told());
        if self.kept.len() > self.room {
            self.kept.pop_last();
            self.pass_over();
        }
    }

    /// How many are not kept.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The kept ones, the worst first, of the same outcome in the capture's order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.kept.values()
    }

    /// The kept ones in the order of their first frames.
    pub(super) fn into_capture_order(self) -> impl Iterator<Item = T> {
        let mut kept: Vec<_> = self.kept.into_iter().collect();
        kept.sort_by_key(|((_, ordinal), _)| *ordinal);
        kept.into_iter().map(|(_, told)| told)
    }
}

/// How badly somebody wants to read of it; 0 is the worst.
pub(crate) const fn badness(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Failed => 0,
        Outcome::Degraded => 1,
        Outcome::Inconclusive => 2,
        Outcome::Open => 3,
        Outcome::Ok => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_find_room_and_the_rest_is_counted() {
        let mut worst = Worst::new(2);
        for (ordinal, outcome) in
            [(1, Outcome::Ok), (2, Outcome::Ok), (3, Outcome::Failed), (4, Outcome::Degraded), (5, Outcome::Failed)]
        {
            worst.keep(outcome, ordinal, || ordinal);
        }
        assert_eq!(worst.iter().copied().collect::<Vec<_>>(), [3, 5]);
        assert_eq!(worst.left_out(), 3);
        assert!(worst.is_full_for(Outcome::Failed) && Worst::<u8>::new(0).is_full_for(Outcome::Failed));
    }

    #[test]
    fn they_come_out_in_the_order_of_the_capture() {
        let mut worst = Worst::new(3);
        for (ordinal, outcome) in [(9, Outcome::Failed), (2, Outcome::Ok), (5, Outcome::Degraded)] {
            worst.keep(outcome, ordinal, || ordinal);
        }
        assert_eq!(worst.into_capture_order().collect::<Vec<_>>(), [2, 5, 9]);
    }
}
