//! Words of a worker that end up before people.

/// The first `limit` bytes of `text`, without what would command a terminal: control characters but
/// for tabs and the ends of lines become `\u{fffd}`.
///
/// ```
/// use greenroom_supervision::harmless;
/// assert_eq!(harmless("all is \u{1b}[2Jwell", 100), "all is \u{fffd}[2Jwell");
/// assert_eq!(harmless("too long", 3), "too");
/// ```
pub fn harmless(text: &str, limit: usize) -> String {
    let end = text.floor_char_boundary(limit);
    let commands = |c: char| c.is_control() && !matches!(c, '\t' | '\n');
    text[..end]
        .chars()
        .map(|c| if commands(c) { '\u{fffd}' } else { c })
        .collect()
}
