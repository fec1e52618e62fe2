//! Instants of a capture. The core never asks a clock: every [`Timestamp`] comes from a frame.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Nanoseconds since the Unix epoch (UTC), as the capture's own clock gave them; 1677 to 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the Unix epoch; saturates outside of the range.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down: the unit of certificate validity.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The time since `earlier`; zero where the capture's clock stepped backwards in between.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let nanos = self.0.saturating_sub(earlier.0);
        if nanos > 0 { Duration::from_nanos(nanos.unsigned_abs()) } else { Duration::ZERO }
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339 in UTC, always with nine digits: `2026-11-22T20:05:00.000000001Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.as_secs();
        let nanos = self.0.rem_euclid(1_000_000_000);
        let (year, month, day) = civil_date(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
    }
}

/// Days since the Unix epoch to year, month, day of the Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms": eras of 400 years that begin on 1 March).
const fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Milliseconds with their decimals: the unit of every duration in reports.
#[must_use]
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc_3339_with_nine_digits() {
        let shown = |nanos| Timestamp::from_nanos(nanos).to_string();
        assert_eq!(shown(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(shown(951_782_400_000_000_001), "2000-02-29T00:00:00.000000001Z");
        assert_eq!(shown(1_795_377_900_500_000_000), "2026-11-22T20:05:00.500000000Z");
        assert_eq!(shown(-1), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_negative_time() {
        let (earlier, later) = (Timestamp::from_nanos(5), Timestamp::from_nanos(8));
        assert_eq!(later.since(earlier), Duration::from_nanos(3));
        assert_eq!(earlier.since(later), Duration::ZERO);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::from_nanos(i64::MAX) + Duration::from_secs(1), Timestamp::from_nanos(i64::MAX));
        assert_eq!(Timestamp::from_nanos(i64::MIN) - Duration::MAX, Timestamp::from_nanos(i64::MIN));
    }
}
