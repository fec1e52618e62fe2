//! The number of the next record of one direction, and how it is found again after a gap.

/// So many numbers are tried in one go.
const WINDOW: u64 = 64;

/// So many records may be missing; with more of them gone there is no finding them again.
const REACH: u64 = 64 * WINDOW;

/// The number of the next record. Every record is sealed with its number, so after a gap a wrong guess shows.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The next record's number; after a gap the least that it can be.
    next: u64,
    /// After a gap: how far beyond `next` was searched already.
    searched: Option<u64>,
}

impl Sequence {
    /// Tries to open a record: with its number, or after a gap with all that it may have, `hint` first.
    ///
    /// After a gap each record tries the nearest numbers and, one window further each time, those beyond: a hole of
    /// thousands of records is crossed after some dozens, and one that is no record (a wrong boundary) harms none after it.
    pub(super) fn search(&mut self, hint: Option<u64>, mut attempt: impl FnMut(u64) -> bool) -> bool {
        let Some(searched) = self.searched else {
            let opened = attempt(self.next);
            self.next = self.next.saturating_add(1);
            return opened;
        };
        let near = self.next..self.next.saturating_add(WINDOW);
        let far = self.next.saturating_add(searched)..self.next.saturating_add(searched + WINDOW);
        let numbers = hint.filter(|number| *number >= self.next).into_iter().chain(near).chain(far);
        for number in numbers.take(if self.is_hopeless() { 0 } else { usize::MAX }) {
            if attempt(number) {
                *self = Self { next: number.saturating_add(1), searched: None };
                return true;
            }
        }
        self.searched = Some((searched + WINDOW).min(REACH));
        false
    }

    /// Records are missing.
    pub(super) fn lose(&mut self) {
        self.searched = Some(WINDOW);
    }

    /// Whether the number is unknown, because records are missing.
    pub(super) fn is_lost(&self) -> bool {
        self.searched.is_some()
    }

    /// Whether the search was given up until the next gap: it must not cost without end.
    pub(super) fn is_hopeless(&self) -> bool {
        self.searched.is_some_and(|searched| searched >= REACH)
    }

    /// Whether no record has been counted.
    pub(super) fn is_start(&self) -> bool {
        self.next == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_gap_each_record_has_the_next_number() {
        let mut sequence = Sequence::default();
        for expected in 0..3 {
            assert!(sequence.search(Some(99), |number| number == expected));
        }
        assert!(!sequence.search(None, |_| false));
        assert!(sequence.search(None, |number| number == 4), "a bad record counts");
    }

    #[test]
    fn after_a_gap_the_number_is_found_and_trusted_again() {
        let mut sequence = Sequence::default();
        assert!(sequence.search(None, |number| number == 0));
        sequence.lose();
        assert!(sequence.search(None, |number| number == 41));
        let mut tries = 0;
        assert!(sequence.search(None, |number| {
            tries += 1;
            number == 42
        }));
        assert_eq!(tries, 1);
    }

    #[test]
    fn a_wide_gap_is_crossed_after_some_records() {
        let mut sequence = Sequence::default();
        sequence.lose();
        let mut real = 1000;
        while !sequence.search(None, |number| number == real) {
            real += 1;
            assert!(real < 1020);
        }
    }

    #[test]
    fn a_hint_reaches_any_distance() {
        let mut sequence = Sequence::default();
        sequence.lose();
        assert!(sequence.search(Some(1 << 40), |number| number == 1 << 40));
        assert!(!sequence.is_lost());
    }

    #[test]
    fn the_search_is_given_up() {
        let mut sequence = Sequence::default();
        sequence.lose();
        let mut tries = 0;
        for _ in 0..10_000 {
            assert!(!sequence.search(None, |_| {
                tries += 1;
                false
            }));
        }
        assert!(tries <= 2 * REACH && sequence.is_hopeless());
        sequence.lose();
        assert!(!sequence.is_hopeless(), "a new gap is a new chance");
    }
}
