//! Numbers as people read them: durations, counts, sizes. All text formats share these.

use std::time::Duration;

const MICROS_PER_MILLI: u128 = 1_000;
const MICROS_PER_SECOND: u128 = 1_000_000;

/// A duration in a sentence: `410 µs`, `2.5 ms`, `21 ms`, `7.0 s`, `2 min 05 s`, `1 h 02 min`, `3 d 04 h`.
pub fn human(duration: Duration) -> String {
    let micros = rounded(duration.as_nanos(), 1_000);
    let millis = rounded(micros, MICROS_PER_MILLI);
    let tenths = rounded(micros, MICROS_PER_SECOND / 10);
    let seconds = rounded(micros, MICROS_PER_SECOND);
    let minutes = seconds / 60;
    if micros == 0 {
        "0 ms".to_owned()
    } else if micros < MICROS_PER_MILLI {
        format!("{micros} µs")
    } else if micros < 9_950 {
        format!("{:.1} ms", micros as f64 / 1e3)
    } else if millis < 1_000 {
        format!("{millis} ms")
    } else if tenths < 600 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else if minutes < 60 {
        format!("{minutes} min {:02} s", seconds % 60)
    } else if minutes < 24 * 60 {
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    } else {
        format!("{} d {:02} h", minutes / 60 / 24, minutes / 60 % 24)
    }
}

/// A duration in a column: three decimals below a minute (`20.510 ms`, `7.032 s`), then as [`human`].
pub fn precise(duration: Duration) -> String {
    let micros = rounded(duration.as_nanos(), 1_000);
    let millis = rounded(micros, MICROS_PER_MILLI);
    if micros < MICROS_PER_SECOND {
        format!("{}.{:03} ms", micros / 1_000, micros % 1_000)
    } else if millis < 60_000 {
        format!("{}.{:03} s", millis / 1_000, millis % 1_000)
    } else {
        human(duration)
    }
}

/// Seconds with six decimals: `0.020510`.
pub fn seconds(duration: Duration) -> String {
    let micros = rounded(duration.as_nanos(), 1_000);
    format!("{}.{:06}", micros / MICROS_PER_SECOND, micros % MICROS_PER_SECOND)
}

/// A count with its thousands apart: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.char_indices() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A count and its noun, which takes an s unless it is one: `1 frame`, `1,200 frames`.
pub fn counted(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(number))
}

/// A size: `512 bytes`, `12.4 kB`, `3.1 GB` (powers of a thousand).
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 10_000 {
        return counted(bytes, "byte");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// `number / unit`, rounded half up.
const fn rounded(number: u128, unit: u128) -> u128 {
    (number + unit / 2) / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_change_their_unit_where_rounding_would_overflow_it() {
        let shown = |nanos| human(Duration::from_nanos(nanos));
        assert_eq!(shown(0), "0 ms");
        assert_eq!(shown(410_400), "410 µs");
        assert_eq!(shown(999_600), "1.0 ms");
        assert_eq!(shown(9_949_000), "9.9 ms");
        assert_eq!(shown(9_950_000), "10 ms");
        assert_eq!(shown(20_509_840), "21 ms");
        assert_eq!(shown(999_600_000), "1.0 s");
        assert_eq!(shown(7_032_000_000), "7.0 s");
        assert_eq!(shown(59_960_000_000), "1 min 00 s");
        assert_eq!(shown(125_000_000_000), "2 min 05 s");
        assert_eq!(shown(3_719_000_000_000), "1 h 01 min");
        assert_eq!(shown(273_600_000_000_000), "3 d 04 h");
        assert_eq!(human(Duration::MAX), "213503982334601 d 07 h");
    }

    #[test]
    fn columns_keep_the_precision_that_tells_frames_apart() {
        assert_eq!(precise(Duration::from_nanos(20_509_840)), "20.510 ms");
        assert_eq!(precise(Duration::from_nanos(999_999_600)), "1.000 s");
        assert_eq!(precise(Duration::from_millis(7_032)), "7.032 s");
        assert_eq!(precise(Duration::from_secs(125)), "2 min 05 s");
        assert_eq!(seconds(Duration::from_nanos(3_031_901_355)), "3.031901");
    }

    #[test]
    fn counts_and_sizes() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((counted(1, "frame"), counted(0, "frame")), ("1 frame".to_owned(), "0 frames".to_owned()));
        assert_eq!(
            [1, 5_230, 12_400, 999_960, u64::MAX].map(size),
            ["1 byte", "5,230 bytes", "12.4 kB", "1.0 MB", "18.4 EB"]
        );
    }
}
