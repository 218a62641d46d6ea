//! Words for people.

use std::time::Duration;

/// Some text with its control characters escaped: what comes from a worker may command a terminal.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// `1 job`, `2 jobs`.
pub(super) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A time with as much precision as interests.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_command_the_terminal() {
        assert_eq!(
            one_line("a\x1b[2Jb\nc\u{9b}d é"),
            "a\\u{1b}[2Jb\\nc\\u{9b}d é"
        );
    }

    #[test]
    fn times_are_readable() {
        for (millis, text) in [
            (87, "87 ms"),
            (6_440, "6.4 s"),
            (125_000, "2 min 5 s"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(time(Duration::from_millis(millis)), text);
        }
    }
}
