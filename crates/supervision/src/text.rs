//! Words of others that end up before people, and spans of time as people write them.

use std::fmt;
use std::time::Duration;

/// The first `limit` bytes of `text`, without what would command a terminal: control characters but
/// for tabs and the ends of lines, and marks that turn the direction of what follows, become
/// `\u{fffd}`.
///
/// ```
/// use greenroom_supervision::harmless;
/// assert_eq!(harmless("all is \u{1b}[2Jwell", 100), "all is \u{fffd}[2Jwell");
/// assert_eq!(harmless("nur\u{202e}txt", 100), "nur\u{fffd}txt");
/// assert_eq!(harmless("too long", 3), "too");
/// ```
pub fn harmless(text: &str, limit: usize) -> String {
    let end = text.floor_char_boundary(limit);
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let commands = |c: char| turns(c) || c.is_control() && !matches!(c, '\t' | '\n');
    text[..end]
        .chars()
        .map(|c| if commands(c) { '\u{fffd}' } else { c })
        .collect()
}

/// A span with no more digits than a person needs: `200ms`, `1.6s`, `10m`, `1h 5m`.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis < 1_000 {
            return write!(f, "{millis}ms");
        }
        if millis < 60_000 {
            let (whole, tenth) = (millis / 1_000, millis / 100 % 10);
            return match tenth {
                0 => write!(f, "{whole}s"),
                tenth => write!(f, "{whole}.{tenth}s"),
            };
        }
        let secs = self.0.as_secs();
        let (large, small, names) = if secs < 3_600 {
            (secs / 60, secs % 60, ["m", "s"])
        } else {
            (secs / 3_600, secs / 60 % 60, ["h", "m"])
        };
        match small {
            0 => write!(f, "{large}{}", names[0]),
            small => write!(f, "{large}{} {small}{}", names[0], names[1]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        for (millis, text) in [
            (0, "0ms"),
            (173, "173ms"),
            (1_000, "1s"),
            (1_650, "1.6s"),
            (59_999, "59.9s"),
            (90_000, "1m 30s"),
            (600_000, "10m"),
            (3_900_000, "1h 5m"),
            (172_800_000, "48h"),
        ] {
            assert_eq!(Span(Duration::from_millis(millis)).to_string(), text);
        }
    }
}
