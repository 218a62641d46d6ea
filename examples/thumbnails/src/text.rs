//! Names, times and sizes in words. What comes from a file or a worker may hold anything, also
//! sequences that command a terminal.

use std::path::Path;
use std::time::Duration;

/// A path on one line, whatever is in it.
pub(crate) fn name(path: &Path) -> String {
    one_line(&path.to_string_lossy())
}

/// Some text with its control characters escaped.
pub(crate) fn one_line(text: &str) -> String {
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

/// A time in the unit that suits it.
pub(crate) fn time(time: Duration) -> String {
    match time {
        _ if time < Duration::from_millis(1) => format!("{} µs", time.as_micros()),
        _ if time < Duration::from_millis(10) => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        _ if time < Duration::from_secs(1) => format!("{} ms", time.as_millis()),
        _ if time.subsec_millis() < 50 => format!("{} s", time.as_secs()),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// Bytes as MiB.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// `1 worker`, `2 workers`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_command_the_terminal() {
        let path = Path::new("a\x1b[2Jb\nc\u{9b}d é.jpg");
        assert_eq!(name(path), "a\\u{1b}[2Jb\\nc\\u{9b}d é.jpg");
    }

    #[test]
    fn times_are_readable() {
        let readable = [
            (Duration::from_micros(62), "62 µs"),
            (Duration::from_micros(1_540), "1.5 ms"),
            (Duration::from_millis(87), "87 ms"),
            (Duration::from_secs(5), "5 s"),
            (Duration::from_millis(6_440), "6.4 s"),
        ];
        for (duration, text) in readable {
            assert_eq!(time(duration), text);
        }
    }
}
