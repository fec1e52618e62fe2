//! The two clocks of the daemon: the wall's, by which the kernel stamps frames and which may be set, and one that only goes on.

use crate::time::Timestamp;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A wall clock that went back by more than this was set.
const BACK: Duration = Duration::from_secs(2);
/// And one that went forward by more: below it, no connection is over for it.
const FORWARD: Duration = Duration::from_secs(60);

/// What both clocks show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// The wall's.
    pub(super) wall: Timestamp,
    /// The steady one's.
    pub(super) steady: Instant,
}

impl Now {
    /// Reads both.
    pub(super) fn read() -> Self {
        Self { wall: wall(), steady: steady() }
    }
}

/// Notices that the wall clock was set. Slow corrections are followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    last: Now,
}

impl Steps {
    pub(super) const fn new(now: Now) -> Self {
        Self { last: now }
    }

    /// Whether the clock was set since the last call.
    pub(super) fn notice(&mut self, now: Now) -> bool {
        let passed = now.steady.saturating_duration_since(self.last.steady);
        let expected = self.last.wall + passed;
        self.last = now;
        expected.since(now.wall) > BACK || now.wall.since(expected) > FORWARD
    }
}

#[expect(clippy::disallowed_methods, reason = "a live capture passes in real time")]
pub(super) fn steady() -> Instant {
    Instant::now()
}

/// The clock that the kernel stamps frames with.
#[expect(clippy::disallowed_methods, reason = "time passes for a live capture while no frame comes")]
pub(super) fn wall() -> Timestamp {
    Timestamp::default() + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_noticed_once() {
        let start = Now { wall: Timestamp::from_secs(1_000_000), steady: steady() };
        let at = |wall: i64, steady: u64| Now {
            wall: Timestamp::from_secs(1_000_000 + wall),
            steady: start.steady + Duration::from_secs(steady),
        };
        let mut steps = Steps::new(start);
        assert!(!steps.notice(at(10, 10)));
        assert!(!steps.notice(at(9, 10)), "a correction by a second");
        assert!(!steps.notice(at(60, 11)), "forward by less than any connection waits");
        assert!(steps.notice(at(-3600, 12)), "an hour back");
        assert!(!steps.notice(at(-3599, 13)));
        assert!(steps.notice(at(3600, 14)), "and forward again");
    }
}
