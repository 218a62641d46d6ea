//! Reads a body field by field, in words: for bodies that the decoder refuses.
//!
//! The decoder says that a body is wrong; this says what is in it and where it goes wrong. The
//! layouts are those of `proto-spec/messages.toml`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::Deserialize;

const REGISTRY: &str = include_str!("../../../proto-spec/messages.toml");
/// Of `length` and `type`: offsets are counted from the frame's first byte, as in a dump of it.
const HEADER: usize = 6;
/// Of a text, so many characters are shown.
const TEXT: usize = 40;
/// Of the items of a list, so many are shown.
const ITEMS: u64 = 16;

/// What the body of a message of this type holds, in words: each field with its value as far as it can
/// be read, then where and why it cannot be read on, and which integers are longer than need be.
///
/// Offsets are counted from the first byte of the frame, whose header has 6. Texts of the program are
/// escaped and cut.
///
/// ```
/// # use greenroom_conformance::explain;
/// assert_eq!(explain(4, &[7, 0]), "seq=7 jobs=0; lag_us is missing: the body ends at byte 0x08");
/// ```
pub fn explain(kind: u16, body: &[u8]) -> String {
    Walk::over(kind, body, body.len()).to_string()
}

/// What was read.
pub(crate) struct Walk<'a> {
    /// Those bytes of the body that are known.
    known: &'a [u8],
    /// The size of the whole body.
    length: usize,
    at: usize,
    fields: String,
    /// What is wrong, in order.
    pub(crate) problems: Vec<String>,
}

/// It cannot be read on.
enum Stop {
    Wrong(String),
    /// The rest is not known.
    NotKept,
}

impl std::fmt::Display for Walk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.fields.trim_end())?;
        for (index, problem) in self.problems.iter().enumerate() {
            let between = if index == 0 && self.fields.is_empty() {
                ""
            } else {
                "; "
            };
            write!(f, "{between}{problem}")?;
        }
        Ok(())
    }
}

impl<'a> Walk<'a> {
    /// Of a body of this size, of which the beginning is known.
    pub(crate) fn over(kind: u16, known: &'a [u8], length: usize) -> Self {
        let mut walk = Self {
            known,
            length,
            at: 0,
            fields: String::new(),
            problems: Vec::new(),
        };
        let Some(message) = LAYOUTS.messages.get(&kind) else {
            let problem = format!("type {kind} is no message of messages.toml");
            walk.problems.push(problem);
            return walk;
        };
        match walk.all("", &message.fields) {
            Ok(()) if walk.at < length => walk.rest(message.data),
            Ok(()) => {}
            Err(Stop::Wrong(problem)) => walk.problems.push(problem),
            Err(Stop::NotKept) => walk.fields += "…",
        }
        walk
    }

    fn rest(&mut self, data: bool) {
        let rest = count(self.length - self.at, "byte");
        if data {
            let _ = write!(self.fields, "data: {rest}");
        } else {
            let at = self.offset(self.at);
            let problem = format!("{rest} too many after the last field, from byte {at} on");
            self.problems.push(problem);
        }
    }

    fn all(&mut self, path: &str, fields: &'static [Field]) -> Result<(), Stop> {
        for field in fields {
            let name = match path {
                "" => field.name.clone(),
                path => format!("{path}.{}", field.name),
            };
            self.value(&name, &field.kind)?;
        }
        Ok(())
    }

    fn value(&mut self, name: &str, kind: &'static str) -> Result<(), Stop> {
        if let Some(item) = inside(kind, "Option<") {
            return match self.flag(name, "00 for nothing or 01")? {
                false => {
                    self.told(name, "null");
                    Ok(())
                }
                true => self.value(name, item),
            };
        }
        if let Some(item) = inside(kind, "Vec<") {
            let count = self.integer(name, 8)?;
            if count == 0 {
                self.told(name, "[]");
            }
            for index in 0..count.min(ITEMS) {
                self.value(&format!("{name}[{index}]"), item)?;
            }
            // More of them would not be read, but nor would what follows.
            return if count > ITEMS {
                Err(Stop::NotKept)
            } else {
                Ok(())
            };
        }
        match kind {
            "u8" => {
                let byte = self.byte(name)?;
                self.told(name, byte);
            }
            "bool" => {
                let value = self.flag(name, "00 or 01")?;
                self.told(name, value);
            }
            "String" | "bytes" => self.text(name, kind)?,
            "i64" => {
                let zigzag = self.integer(name, 8)?;
                let value = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
                self.told(name, value);
            }
            _ => match LAYOUTS.structs.get(kind) {
                Some(fields) => self.all(name, fields)?,
                None => {
                    let value = self.integer(name, width(kind))?;
                    self.told(name, value);
                }
            },
        }
        Ok(())
    }

    fn told(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = write!(self.fields, "{name}={value} ");
    }

    fn text(&mut self, name: &str, kind: &str) -> Result<(), Stop> {
        let began = self.at;
        let length = self.integer(name, 8)?;
        let left = self.length - self.at;
        let Some(length) = usize::try_from(length).ok().filter(|it| *it <= left) else {
            return Err(Stop::Wrong(format!(
                "{name}: its length says {} at byte {}, {left} {} left: is a field missing before it?",
                count(length, "byte"),
                self.offset(began),
                if left == 1 { "is" } else { "are" },
            )));
        };
        let end = self.at + length;
        let bytes = self.known.get(self.at..end).ok_or(Stop::NotKept)?;
        let start = self.offset(self.at);
        self.at = end;
        if kind == "bytes" {
            self.told(name, format!("[{}]", count(length, "byte")));
            return Ok(());
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            let problem = format!("{name}: its text, from byte {start} on, is not UTF-8");
            return Err(Stop::Wrong(problem));
        };
        let mut shown: String = text.chars().take(TEXT).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        self.told(name, format!("{shown:?}"));
        Ok(())
    }

    fn flag(&mut self, name: &str, possible: &str) -> Result<bool, Stop> {
        match self.byte(name)? {
            0 => Ok(false),
            1 => Ok(true),
            byte => {
                let at = self.offset(self.at - 1);
                Err(Stop::Wrong(format!(
                    "{name}: {byte:02x} at byte {at}, it must be {possible}"
                )))
            }
        }
    }

    /// At most `width` bytes wide. One that is longer than need be is noted and read.
    fn integer(&mut self, name: &str, width: usize) -> Result<u64, Stop> {
        let began = self.at;
        let first = self.byte(name)?;
        let size = match first {
            0..=250 => return Ok(first.into()),
            0xfb => 2,
            0xfc => 4,
            0xfd => 8,
            0xfe | 0xff => {
                let at = self.offset(began);
                return Err(Stop::Wrong(format!(
                    "{name}: {first:02x} at byte {at} begins no integer"
                )));
            }
        };
        if size > width {
            let at = self.offset(began);
            return Err(Stop::Wrong(format!(
                "{name}: {first:02x} at byte {at} begins an integer of {size} bytes, it has at most {width}"
            )));
        }
        let mut bytes = [0; 8];
        for byte in &mut bytes[..size] {
            *byte = self.byte(name)?;
        }
        let value = u64::from_le_bytes(bytes);
        let needed = match value {
            0..=250 => 1,
            251..=0xffff => 3,
            0x1_0000..=0xffff_ffff => 5,
            _ => 9,
        };
        if size + 1 > needed {
            let problem = format!(
                "{name}: {value} is written in {} bytes at byte {}, {}, and takes {needed}",
                size + 1,
                self.offset(began),
                hex(&self.known[began..self.at]),
            );
            self.problems.push(problem);
        }
        Ok(value)
    }

    fn byte(&mut self, name: &str) -> Result<u8, Stop> {
        if self.at == self.length {
            let end = self.offset(self.at);
            let problem = format!("{name} is missing: the body ends at byte {end}");
            return Err(Stop::Wrong(problem));
        }
        let byte = *self.known.get(self.at).ok_or(Stop::NotKept)?;
        self.at += 1;
        Ok(byte)
    }

    fn offset(&self, at: usize) -> String {
        format!("0x{:02x}", HEADER + at)
    }
}

/// `1 byte`, `2 bytes`.
pub(crate) fn count(
    count: impl std::fmt::Display + Copy + PartialEq + From<u8>,
    what: &str,
) -> String {
    let plural = if count == 1.into() { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

/// `T` of `Option<T>`.
fn inside<'a>(kind: &'a str, around: &str) -> Option<&'a str> {
    kind.strip_prefix(around)?.strip_suffix('>')
}

/// Of an integer, or of an enumeration or a bit set.
fn width(kind: &str) -> usize {
    let number = LAYOUTS.numbers.get(kind).map_or(kind, String::as_str);
    match number {
        "u16" => 2,
        "u32" => 4,
        _ => 8,
    }
}

static LAYOUTS: LazyLock<Layouts> = LazyLock::new(|| {
    let registry: Registry = toml::from_str(REGISTRY).expect("messages.toml is part of this build");
    let numbers = registry.enumeration.into_iter().chain(registry.bitset);
    Layouts {
        messages: registry
            .message
            .into_iter()
            .map(|it| (it.number, it))
            .collect(),
        structs: registry
            .structs
            .into_iter()
            .map(|it| (it.name, it.fields))
            .collect(),
        numbers: numbers.map(|it| (it.name, it.kind)).collect(),
    }
});

struct Layouts {
    messages: BTreeMap<u16, Message>,
    structs: BTreeMap<String, Vec<Field>>,
    /// Numbers with names, and the integers that they are.
    numbers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Registry {
    message: Vec<Message>,
    #[serde(rename = "struct")]
    structs: Vec<Struct>,
    enumeration: Vec<Number>,
    bitset: Vec<Number>,
}

#[derive(Deserialize)]
struct Message {
    number: u16,
    data: bool,
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Struct {
    name: String,
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Number {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_body_is_told_to_its_end() {
        let finished = [&[0xfb, 0xfb, 0, 0, 1, 1, 2][..], b"no\x01data"].concat();
        let told = "job=251 cancelled=false failure.kind=1 failure.message=\"no\" failure.retryable=true data: 4 bytes";
        assert_eq!(explain(22, &finished), told);
    }

    #[test]
    fn where_it_ends_too_early_is_told() {
        let told = "job=1; last: 02 at byte 0x07, it must be 00 or 01";
        assert_eq!(explain(17, &[1, 2]), told);
        let told = "reason: its length says 7941 bytes at byte 0x06, 1 is left: is a field missing before it?";
        assert_eq!(explain(7, &[0xfb, 0x05, 0x1f, 0x00]), told);
        assert_eq!(
            explain(3, &[]),
            "seq is missing: the body ends at byte 0x06"
        );
        assert_eq!(
            explain(3, &[0xff]),
            "seq: ff at byte 0x06 begins no integer"
        );
        let told = "reason: fc at byte 0x06 begins an integer of 4 bytes, it has at most 2";
        assert_eq!(explain(5, &[0xfc, 0, 0, 1, 0, 0]), told);
        assert_eq!(
            explain(9, &[1, 0xff]),
            "reason: its text, from byte 0x07 on, is not UTF-8"
        );
    }

    #[test]
    fn what_is_longer_than_need_be_is_told_by_name() {
        let told = "seq=7 jobs=0 lag_us=0; seq: 7 is written in 3 bytes at byte 0x06, fb 07 00, and takes 1";
        assert_eq!(explain(4, &[0xfb, 7, 0, 0, 0]), told);
    }

    #[test]
    fn what_is_too_much_and_what_nobody_knows_is_told() {
        let told = "seq=7; 1 byte too many after the last field, from byte 0x07 on";
        assert_eq!(explain(3, &[7, 0]), told);
        assert_eq!(explain(77, &[]), "type 77 is no message of messages.toml");
    }

    #[test]
    fn a_body_that_was_not_kept_whole_is_told_as_far_as_it_was() {
        let walk = Walk::over(7, &[3, b'a'], 4);
        assert_eq!(walk.to_string(), "…");
        assert!(walk.problems.is_empty());
    }

    #[test]
    fn texts_of_the_program_are_escaped_and_cut() {
        let body = [&[60][..], &b"\x1b[2J".repeat(15)].concat();
        let told = explain(7, &body);
        assert!(told.starts_with("reason=\"\\u{1b}[2J"), "{told}");
        assert!(told.ends_with("…\""), "{told}");
    }

    #[test]
    fn every_type_of_the_registry_can_be_read() {
        for (number, message) in &LAYOUTS.messages {
            let told = explain(*number, &[0; 100]);
            let last = message.fields.last().map(|field| field.name.as_str());
            assert!(
                told.contains(last.unwrap_or("too many")),
                "{number}: {told}"
            );
        }
    }
}
