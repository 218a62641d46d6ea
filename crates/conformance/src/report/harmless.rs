//! Words of the program under test, on their way to a person.

use crate::fields::count;

/// The first `limit` bytes of a text on one line, without what could command a terminal or turn the
/// direction of the text around it: that, and all else that cannot be seen, is escaped as in Rust.
/// What is left out is counted.
pub fn harmless(text: &str, limit: usize) -> String {
    let end = text.floor_char_boundary(limit);
    let mut line = String::with_capacity(end);
    for c in text[..end].chars() {
        // They would be escaped too, to no purpose.
        if matches!(c, '"' | '\'' | '\\') {
            line.push(c);
        } else {
            line.extend(c.escape_debug());
        }
    }
    if end < text.len() {
        let more = count(text.len() - end, "byte");
        line += &format!("… ({more} more)");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_command_or_turn_what_is_around_it() {
        let hostile = "say \"it's\"\x1b[2J\n\r\u{9b}\u{202e}\u{2066}\0é ü 漢";
        let expected = "say \"it's\"\\u{1b}[2J\\n\\r\\u{9b}\\u{202e}\\u{2066}\\0é ü 漢";
        assert_eq!(harmless(hostile, 100), expected);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(harmless("äöü", 3), "ä… (4 bytes more)");
        assert_eq!(harmless("äöü", 6), "äöü");
    }
}
