//! Reads the golden vectors of `proto-spec/vectors/`.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::PathBuf;

use serde_json::Value;

/// The files, in the order of their names.
pub(crate) const FILES: [&str; 7] = [
    "frames",
    "handshake",
    "large",
    "malformed",
    "messages",
    "negotiation",
    "primitives",
];

/// All entries of one file.
pub(crate) fn load(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(proto_spec().join("vectors").join(name)).unwrap();
    let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!entries.is_empty(), "{name} holds no vector");
    entries
}

pub(crate) fn proto_spec() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proto-spec")
}

pub(crate) fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry[key]
        .as_str()
        .unwrap_or_else(|| panic!("no text {key:?} in {entry}"))
}

/// The bytes that an entry writes as hexadecimal digits.
pub(crate) fn hex(entry: &Value, key: &str) -> Vec<u8> {
    from_digits(text(entry, key))
}

/// The bytes of an entry that writes them in pieces, each with how often it is repeated.
pub(crate) fn pieces(entry: &Value) -> Vec<u8> {
    let parts = entry["parts"].as_array().unwrap().iter();
    parts
        .flat_map(|part| {
            let times = part["times"].as_u64().unwrap_or(1);
            hex(part, "hex").repeat(usize::try_from(times).unwrap())
        })
        .collect()
}

pub(crate) fn from_digits(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "half a byte in {digits}");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

/// The vectors of whole messages.
pub(crate) fn messages() -> Vec<Value> {
    let all = ["handshake.json", "messages.json"].map(load).concat();
    let messages = all.into_iter();
    messages
        .filter(|entry| entry.get("message").is_some())
        .collect()
}
