//! Whether the daemon does its work: what each thread last said of itself. Written by those, read by HTTP and the watchdog.

use super::clock::steady;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// An analysis that has not moved for so long hangs.
const STILL: Duration = Duration::from_secs(5);

/// What is known of the capture and the analysis.
#[derive(Debug)]
pub(super) struct Health {
    began: Instant,
    /// When the analysis last moved, in milliseconds since the beginning.
    moved: AtomicU64,
    interfaces: Vec<(String, AtomicBool)>,
}

/// The answer to "are you well?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    /// Whether frames of at least one interface can come and are analysed.
    pub(super) healthy: bool,
    /// What is wrong; healthy or not.
    pub(super) problems: Vec<String>,
}

impl Health {
    pub(super) fn new(interfaces: &[String]) -> Self {
        let interfaces = interfaces.iter().map(|name| (name.clone(), AtomicBool::new(true))).collect();
        Self { began: steady(), moved: AtomicU64::new(0), interfaces }
    }

    /// The analysis moves.
    pub(super) fn note_move(&self, now: Instant) {
        self.moved.store(self.millis(now), Ordering::Relaxed);
    }

    /// An interface came or went.
    pub(super) fn set_up(&self, interface: usize, up: bool) {
        if let Some((_, state)) = self.interfaces.get(interface) {
            state.store(up, Ordering::Relaxed);
        }
    }

    /// Whether the analysis moves.
    pub(super) fn is_moving(&self, now: Instant) -> bool {
        let still = self.millis(now).saturating_sub(self.moved.load(Ordering::Relaxed));
        u128::from(still) < STILL.as_millis()
    }

    pub(super) fn answer(&self, now: Instant) -> Answer {
        let down: Vec<_> = self.interfaces.iter().filter(|(_, up)| !up.load(Ordering::Relaxed)).collect();
        let moves = self.is_moving(now);
        let mut problems: Vec<String> = down.iter().map(|(name, _)| format!("{name} is down or gone")).collect();
        if !moves {
            problems.push(format!("the analysis has not moved for {} s", STILL.as_secs()));
        }
        Answer { healthy: moves && down.len() < self.interfaces.len(), problems }
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ill_without_an_interface_and_without_an_analysis() {
        let health = Health::new(&["eth0".to_owned(), "eth1".to_owned()]);
        let now = health.began;
        assert_eq!(health.answer(now), Answer { healthy: true, problems: Vec::new() });
        health.set_up(0, false);
        let half = health.answer(now);
        assert_eq!((half.healthy, half.problems.join("")), (true, "eth0 is down or gone".to_owned()));
        health.set_up(1, false);
        assert!(!health.answer(now).healthy);
        health.set_up(1, true);
        assert!(!health.answer(now + STILL).healthy);
        health.note_move(now + STILL);
        assert!(health.answer(now + STILL).healthy);
    }
}
