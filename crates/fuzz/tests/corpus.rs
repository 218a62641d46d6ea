//! The committed corpus and the vectors of `proto-spec/`, through each target.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The inputs in a folder of the corpus.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = root().join("corpus").join(target);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = files.map(|file| file.unwrap().path());
    paths
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// What stands on the wire in each vector of a file.
fn vectors(file: &str) -> Vec<Vec<u8>> {
    let path = root().join("../../proto-spec/vectors").join(file);
    let text = fs::read_to_string(path).unwrap();
    let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
    let hex = entries.iter().filter_map(|entry| entry["hex"].as_str());
    hex.map(unhex).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text
        .chars()
        .map(|digit| digit.to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// Runs a target over its corpus; a panic names the file.
fn over_the_corpus(target: &str, run: fn(&[u8])) {
    let inputs = corpus(target);
    assert!(
        inputs.len() >= 8,
        "the corpus of {target} has {} inputs",
        inputs.len()
    );
    for (path, bytes) in inputs {
        if std::panic::catch_unwind(|| run(&bytes)).is_err() {
            panic!("a promise is broken by {}", path.display());
        }
    }
}

#[test]
fn frames_hold_over_the_corpus() {
    over_the_corpus("frames", greenroom_fuzz::frames);
}

#[test]
fn messages_hold_over_the_corpus() {
    over_the_corpus("messages", greenroom_fuzz::messages);
}

#[test]
fn a_host_holds_over_the_corpus() {
    over_the_corpus("host", greenroom_fuzz::host);
}

#[test]
fn all_vectors_hold_too() {
    for file in [
        "frames.json",
        "handshake.json",
        "messages.json",
        "malformed.json",
    ] {
        for wire in vectors(file) {
            for cut in [1, 3, 255] {
                greenroom_fuzz::frames(&[&[0, cut], &wire[..]].concat());
            }
            greenroom_fuzz::messages(wire.get(4..).unwrap_or_default());
            // As the only thing that a worker says, and as what it says once it is ready.
            let pieces = wire.chunks(255).flat_map(|piece| {
                let length = u8::try_from(piece.len()).unwrap();
                [&[0, length], piece].concat()
            });
            let wire: Vec<u8> = pieces.collect();
            greenroom_fuzz::host(&[&[0], &wire[..]].concat());
            let ready = [0, 23, 0, 0];
            greenroom_fuzz::host(&[&ready, &wire[..]].concat());
        }
    }
}
