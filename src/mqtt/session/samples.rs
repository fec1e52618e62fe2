//! Durations of which a few numbers are wanted: exact up to a bound, then every second, fourth, … one is kept. The same
//! durations always give the same numbers.

use crate::pack::packed;
use std::time::Duration;

/// The most durations that are kept.
const MAX_KEPT: usize = 512;

/// Durations in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    kept: Vec<Duration>,
    /// Every 2^`thinned`th one is kept.
    thinned: u32,
    count: u64,
    min: Option<Duration>,
    max: Option<Duration>,
}

packed! { struct Samples { kept, thinned, count, min, max } }

impl Samples {
    /// How many there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The shortest.
    #[must_use]
    pub const fn min(&self) -> Option<Duration> {
        self.min
    }

    /// The longest.
    #[must_use]
    pub const fn max(&self) -> Option<Duration> {
        self.max
    }

    /// The median: the lower one of two.
    #[must_use]
    pub fn median(&self) -> Option<Duration> {
        self.percentile(50)
    }

    /// The shortest that is not shorter than `percent` of all (nearest rank); 0 to 100.
    #[must_use]
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let mut sorted = self.kept.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * usize::from(percent)).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    }

    pub(in crate::mqtt) fn add(&mut self, duration: Duration) {
        self.min = Some(self.min.map_or(duration, |min| min.min(duration)));
        self.max = Some(self.max.map_or(duration, |max| max.max(duration)));
        if self.count.trailing_zeros() >= self.thinned {
            if self.kept.len() == MAX_KEPT {
                let mut nth = 0;
                self.kept.retain(|_| {
                    nth += 1;
                    nth % 2 == 1
                });
                self.thinned += 1;
            }
            if self.count.trailing_zeros() >= self.thinned {
                self.kept.push(duration);
            }
        }
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_exact() {
        let mut samples = Samples::default();
        assert_eq!(samples.median(), None);
        for millis in [5, 1, 9, 3] {
            samples.add(Duration::from_millis(millis));
        }
        assert_eq!(samples.min(), Some(Duration::from_millis(1)));
        assert_eq!(samples.median(), Some(Duration::from_millis(3)));
        assert_eq!(samples.percentile(99), Some(Duration::from_millis(9)));
        assert_eq!(samples.max(), Some(Duration::from_millis(9)));
    }

    #[test]
    fn many_stay_bounded_and_near() {
        let mut samples = Samples::default();
        for micros in 0..100_000 {
            samples.add(Duration::from_micros(micros));
        }
        assert!(samples.kept.len() <= MAX_KEPT);
        assert_eq!((samples.count(), samples.max()), (100_000, Some(Duration::from_micros(99_999))));
        let median = samples.median().expect("some").as_micros();
        assert!((49_000..51_000).contains(&median), "{median}");
    }
}
