//! Round-trip times: smallest, largest, and an estimate of the median in constant memory.

use crate::pack::packed;
use std::time::Duration;

/// A summary of the round trips from the capture to the peer and back, of segments that were sent once (Karn).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// How many were measured.
    pub samples: u64,
    /// The shortest.
    pub min: Duration,
    /// The median; an estimate from the sixth sample on.
    pub median: Duration,
    /// The longest.
    pub max: Duration,
}

packed! { struct RoundTrip { samples, min, median, max } }

/// The P² algorithm (Jain and Chlamtac, 1985) for the median: five markers, of which the first and last are the extremes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Samples {
    count: u64,
    /// Heights of the markers, in nanoseconds.
    heights: [f64; 5],
    /// Positions of the inner markers, from 1.
    positions: [f64; 3],
}

packed! { struct Samples { count, heights, positions } }

impl Samples {
    /// Adds a measurement.
    pub(super) fn add(&mut self, sample: Duration) {
        let sample = sample.as_secs() as f64 * 1e9 + f64::from(sample.subsec_nanos());
        let filled = usize::try_from(self.count).unwrap_or(usize::MAX);
        self.count += 1;
        if let Some(free) = self.heights.get_mut(filled) {
            *free = sample;
            if filled == 4 {
                self.heights.sort_by(f64::total_cmp);
                self.positions = [2.0, 3.0, 4.0];
            }
            return;
        }
        let [low, inner @ .., high] = &mut self.heights;
        *low = low.min(sample);
        *high = high.max(sample);
        for (height, position) in inner.iter().zip(&mut self.positions) {
            if sample < *height {
                *position += 1.0;
            }
        }
        self.adjust();
    }

    /// The summary; none before the first sample.
    pub(super) fn summary(&self) -> Option<RoundTrip> {
        let mut first = self.heights;
        let filled = usize::try_from(self.count).unwrap_or(usize::MAX).min(first.len());
        let seen = first.get_mut(..filled)?;
        seen.sort_by(f64::total_cmp);
        let (min, median, max) = (seen.first()?, seen.get((filled - 1) / 2)?, seen.last()?);
        Some(RoundTrip { samples: self.count, min: nanos(*min), median: nanos(*median), max: nanos(*max) })
    }

    /// Moves each inner marker that is more than one place away from where it should be, along a parabola.
    fn adjust(&mut self) {
        let last = self.count as f64;
        for (i, quantile) in [0.25, 0.5, 0.75].into_iter().enumerate() {
            let wanted = 1.0 + (last - 1.0) * quantile;
            let before = if i == 0 { 1.0 } else { self.positions[i - 1] };
            let here = self.positions[i];
            let after = if i == 2 { last } else { self.positions[i + 1] };
            let off = wanted - here;
            let step = if off >= 1.0 && after - here > 1.0 {
                1.0
            } else if off <= -1.0 && before - here < -1.0 {
                -1.0
            } else {
                continue;
            };
            let (low, height, high) = (self.heights[i], self.heights[i + 1], self.heights[i + 2]);
            let curved = height
                + step / (after - before)
                    * ((here - before + step) * (high - height) / (after - here)
                        + (after - here - step) * (height - low) / (here - before));
            let straight = if step > 0.0 {
                height + (high - height) / (after - here)
            } else {
                height - (low - height) / (before - here)
            };
            self.heights[i + 1] = if low < curved && curved < high { curved } else { straight };
            self.positions[i] = here + step;
        }
    }
}

fn nanos(height: f64) -> Duration {
    Duration::try_from_secs_f64(height / 1e9).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(millis: impl IntoIterator<Item = u64>) -> RoundTrip {
        let mut samples = Samples::default();
        millis.into_iter().for_each(|sample| samples.add(Duration::from_millis(sample)));
        samples.summary().unwrap()
    }

    #[test]
    fn few_samples_are_exact() {
        assert!(Samples::default().summary().is_none());
        let three = summary([30, 10, 20]);
        assert_eq!(three.samples, 3);
        assert_eq!([three.min, three.median, three.max].map(|time| time.as_millis()), [10, 20, 30]);
    }

    #[test]
    fn many_samples_give_the_extremes_and_about_the_median() {
        // 1 … 1008 ms in a scattered order: 11 generates all residues modulo the prime 1009.
        let scattered = std::iter::successors(Some(1_u64), |last| Some(last * 11 % 1009)).take(1008);
        let all = summary(scattered);
        assert_eq!((all.min.as_millis(), all.max.as_millis()), (1, 1008));
        let median = all.median.as_millis();
        assert!((450..=560).contains(&median), "{median}");
    }

    #[test]
    fn equal_samples_stay_equal() {
        let same = summary([7; 100]);
        assert_eq!([same.min, same.median, same.max].map(|time| time.as_millis()), [7, 7, 7]);
    }
}
