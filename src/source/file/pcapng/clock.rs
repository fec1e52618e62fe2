//! The unit and the offset of an interface's timestamps (pcapng 4.2, if_tsresol and if_tsoffset).

use crate::time::Timestamp;

/// Makes nanoseconds of an interface's own unit; what is outside of a [`Timestamp`]'s range becomes its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    unit: Unit,
    offset: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// So many nanoseconds.
    Nanos(i128),
    /// One so manieth of a nanosecond.
    OfNano(i128),
    /// 2^-n seconds.
    Binary(u32),
}

impl Default for Clock {
    /// Microseconds, where an interface does not say.
    fn default() -> Self {
        Self { unit: Unit::Nanos(1_000), offset: 0 }
    }
}

impl Clock {
    /// The unit that if_tsresol tells.
    pub(super) fn set_resolution(&mut self, resolution: u8) {
        let exponent = u32::from(resolution & 0x7f);
        self.unit = match exponent {
            _ if resolution & 0x80 != 0 => Unit::Binary(exponent),
            0..=9 => Unit::Nanos(10_i128.pow(9 - exponent)),
            // 64 bits of a unit below 10^-29 s do not make a nanosecond.
            _ => Unit::OfNano(10_i128.pow((exponent - 9).min(20))),
        };
    }

    /// The seconds that if_tsoffset tells.
    pub(super) fn set_offset(&mut self, seconds: i64) {
        self.offset = i128::from(seconds) * 1_000_000_000;
    }

    #[inline]
    pub(super) fn at(&self, units: u64) -> Timestamp {
        let units = i128::from(units);
        let nanos = match self.unit {
            Unit::Nanos(nanos) => units * nanos,
            Unit::OfNano(parts) => units / parts,
            Unit::Binary(exponent) => (units * 1_000_000_000) >> exponent,
        };
        let nanos = (nanos + self.offset).clamp(i64::MIN.into(), i64::MAX.into());
        Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(resolution: u8, offset: i64, units: u64) -> i64 {
        let mut clock = Clock::default();
        clock.set_resolution(resolution);
        clock.set_offset(offset);
        clock.at(units).as_nanos()
    }

    #[test]
    fn microseconds_where_nothing_is_said() {
        assert_eq!(Clock::default().at(1_700_000_000_000_001), Timestamp::from_nanos(1_700_000_000_000_001_000));
    }

    #[test]
    fn decimal_units() {
        assert_eq!(nanos(0, 0, 3), 3_000_000_000);
        assert_eq!(nanos(9, 0, 3), 3);
        assert_eq!(nanos(12, 0, 3_999), 3);
        assert_eq!(nanos(127, 0, u64::MAX), 0);
    }

    #[test]
    fn binary_units() {
        assert_eq!(nanos(0x8a, 0, 512), 500_000_000);
        assert_eq!(nanos(0x80, 0, 2), 2_000_000_000);
        assert_eq!(nanos(0xff, 0, u64::MAX), 0);
        assert_eq!(nanos(0xc0, 0, 1 << 63), 500_000_000);
    }

    #[test]
    fn offsets_and_saturation() {
        assert_eq!(nanos(9, -1, 0), -1_000_000_000);
        assert_eq!(nanos(0, 0, u64::MAX), i64::MAX);
        assert_eq!(nanos(9, i64::MIN, 0), i64::MIN);
        // Neither the units nor the offset fit alone; the sum does.
        assert_eq!(nanos(0, -9_000_000_000_000_000_000, 9_000_000_000_000_000_001), 1_000_000_000);
    }
}
