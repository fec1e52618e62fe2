//! How long to wait before the next attempt to connect: twice as long each time, never longer than a limit, and never
//! the same for two devices, so that a fleet does not come back all at once.

use std::time::Duration;

/// The waits between attempts, and how many attempts are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// How many times in a row nothing may come of it: no message acknowledged.
    pub attempts: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(30), attempts: 4 }
    }
}

impl Backoff {
    /// The wait before attempt `number`, from 1; None when there are no more. `chance` in 0..=255 picks a point in the
    /// upper half of the wait.
    pub(super) fn wait(&self, number: u32, chance: u8) -> Option<Duration> {
        if number > self.attempts {
            return None;
        }
        let doubled = 2_u32.saturating_pow(number.saturating_sub(1));
        let full = self.first.saturating_mul(doubled).min(self.longest);
        Some(full / 2 + full * u32::from(chance) / (2 * u32::from(u8::MAX)))
    }
}

/// A number that nobody can guess; 128 if the system has none to give.
pub(super) fn chance() -> u8 {
    let mut byte = [128];
    let _ = aws_lc_rs::rand::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(5), attempts: 5 };

    #[test]
    fn waits_double_up_to_the_longest_and_end_with_the_attempts() {
        let waits: Vec<_> = (1..=6).map(|number| BACKOFF.wait(number, 255).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(1), Some(2), Some(4), Some(5), Some(5), None]);
    }

    #[test]
    fn chance_moves_a_wait_within_its_upper_half() {
        assert_eq!(BACKOFF.wait(2, 0), Some(Duration::from_secs(1)));
        assert!(BACKOFF.wait(2, 100).unwrap() < BACKOFF.wait(2, 200).unwrap());
    }
}
