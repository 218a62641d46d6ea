//! Times and sizes, short enough for a table.

use std::fmt;
use std::time::Duration;

/// A time in its two largest units: `250ms`, `2.5s`, `4m10s`, `3h02m`, `12d04h`.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let seconds = self.0.as_secs();
        match seconds {
            0 => write!(f, "{millis}ms"),
            1..10 => write!(f, "{}.{}s", seconds, self.0.subsec_millis() / 100),
            10..60 => write!(f, "{seconds}s"),
            60..3_600 => write!(f, "{}m{:02}s", seconds / 60, seconds % 60),
            3_600..86_400 => write!(f, "{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
            _ => write!(f, "{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
        }
    }
}

impl Time {
    pub(crate) fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

/// A size in the largest unit that it fills: `512 B`, `4.0 MiB`.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bytesize::ByteSize(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_show_their_two_largest_units() {
        for (millis, shown) in [
            (0, "0ms"),
            (250, "250ms"),
            (2_540, "2.5s"),
            (59_999, "59s"),
            (250_000, "4m10s"),
            (10_920_000, "3h02m"),
            (1_051_200_000, "12d04h"),
        ] {
            assert_eq!(Time::millis(millis).to_string(), shown);
        }
    }
}
