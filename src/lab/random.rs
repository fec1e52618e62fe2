//! Seeded random numbers: a scenario's seed goes in, the same numbers come out on every machine.
//!
//! The wire owns one generator; the TLS library asks for its random bytes without an argument, so another one waits for
//! it in the thread that runs the scenario. Nothing here is fit for keys that protect anything.

use std::cell::RefCell;
use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator; equal seeds give equal numbers.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator for one purpose among several that share a seed.
    pub(crate) fn derived(seed: u64, purpose: u64) -> Self {
        let mut parent = Self(seed ^ purpose.wrapping_mul(0xD134_2543_DE82_EF95));
        Self(parent.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 for an empty range.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// True with the given probability (0 to 1).
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits are what a double holds exactly.
        ((self.next() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// A duration in `0..bound`, in whole nanoseconds.
    pub(crate) fn duration(&mut self, bound: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX)))
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

thread_local! {
    static FOR_TLS: RefCell<Random> = const { RefCell::new(Random::new(0)) };
}

/// Starts the random bytes of this thread's TLS endpoints anew.
pub(crate) fn seed_tls(seed: u64) {
    FOR_TLS.with_borrow_mut(|random| *random = Random::derived(seed, 0x7715));
}

/// The next random bytes for a TLS endpoint.
pub(crate) fn fill_tls(bytes: &mut [u8]) {
    FOR_TLS.with_borrow_mut(|random| random.fill(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_published_sequence() {
        // Reference output of splitmix64.c (Vigna) for the seed 1234567.
        let mut random = Random::new(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn chances_at_the_ends_are_certain() {
        let mut random = Random::new(7);
        assert!((0..100).all(|_| !random.chance(0.0)));
        assert!((0..100).all(|_| random.chance(1.0)));
    }

    #[test]
    fn an_empty_range_gives_zero() {
        assert_eq!(Random::new(7).duration(Duration::ZERO), Duration::ZERO);
    }
}
