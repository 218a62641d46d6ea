//! Reads the golden vectors of `proto-spec/vectors/`.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::PathBuf;

use serde_json::Value;

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
    let digits = text(entry, key);
    assert!(digits.len().is_multiple_of(2), "half a byte in {entry}");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}
