//! `proto-spec/vectors/` leaves out nothing that is wrong: each field of each message in each way, and
//! each error for each side. What is missing is named.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod registry_file;
mod vector_file;

use std::collections::BTreeSet;

use greenroom_protocol::MessageType;
use registry_file::{Direction, Message, Part, bytes_of, frame, integer, registry};
use serde_json::Value;
use vector_file::{hex, load, messages, text};

/// Who reads it.
fn to(message: &Message) -> &'static str {
    match message.direction {
        Direction::HostToWorker => "worker",
        Direction::WorkerToHost => "host",
    }
}

/// What can be wrong with the bytes of one part, with the error that it must give.
fn spoilt(part: &Part) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let after_length = || part.bytes[1..].to_vec();
    let claim = [integer(1 << 33), after_length()].concat();
    let longer = [vec![0xfb, part.bytes[0], 0], after_length()].concat();
    let reserved = [vec![0xff], after_length()].concat();
    let wide = |marker: u8, width: usize| {
        let mut bytes = vec![0; 1 + width];
        (bytes[0], bytes[1]) = (marker, 5);
        bytes
    };
    let marker = |marker: u8| [vec![marker, 1], vec![0; 15]].concat();
    let mut ways = match part.kind {
        "u16" | "u32" | "u64" => vec![
            ("longer than need be", wide(0xfb, 2), "NotCanonical"),
            ("fe", marker(0xfe), "Malformed"),
            ("ff", marker(0xff), "Malformed"),
        ],
        "bool" => vec![("2", vec![2], "Malformed"), ("255", vec![255], "Malformed")],
        "Option" => vec![("tag 2", vec![2], "Malformed")],
        "String" | "bytes" => vec![
            ("length longer than need be", longer, "NotCanonical"),
            ("length ff", reserved, "Malformed"),
            ("length 2^33", claim, "Malformed"),
        ],
        "Vec" => vec![
            ("count longer than need be", longer, "NotCanonical"),
            ("count ff", reserved, "Malformed"),
            ("count 2^33", claim, "Malformed"),
        ],
        other => panic!("no message has a {other}"),
    };
    match part.kind {
        "u16" => {
            ways.push(("fc in a u16", wide(0xfc, 4), "Malformed"));
            ways.push(("fd in a u16", wide(0xfd, 8), "Malformed"));
        }
        "u32" => ways.push(("fd in a u32", wide(0xfd, 8), "Malformed")),
        "String" => ways.push(("not UTF-8", vec![2, 0xc3, 0x28], "Malformed")),
        _ => {}
    }
    ways
}

#[test]
fn every_way_to_get_every_field_wrong() {
    let registry = registry();
    let entries = messages();
    let malformed: BTreeSet<(String, Vec<u8>, String)> = load("malformed.json")
        .iter()
        .map(|entry| {
            let [to, error] = ["to", "error"].map(|key| text(entry, key).to_owned());
            (to, hex(entry, "hex"), error)
        })
        .collect();
    let mut missing = Vec::new();
    for message in &registry.message {
        let mut expect = |what: String, body: Vec<u8>, error: &str| {
            let frame = frame(message.number, &body);
            let vector = (to(message).to_owned(), frame, error.to_owned());
            if !malformed.contains(&vector) {
                missing.push(format!(
                    "{} {what}: {error}, {:02x?}",
                    message.name, vector.1
                ));
            }
        };
        // `vectors_are_complete.rs` sees that there is one.
        let own = format!("{} with a value of its own in each field", message.name);
        let full = entries.iter().find(|entry| entry["description"] == own);
        let Some(entry) = full else {
            assert!(message.fields.is_empty(), "no vector: {own}");
            expect("trailing".into(), vec![0], "Trailing");
            continue;
        };
        let data = if message.data {
            hex(entry, "data_hex")
        } else {
            Vec::new()
        };
        let parts = registry.parts(message, &entry["fields"]);
        for (at, part) in parts.iter().enumerate() {
            let path = &part.path;
            // The second item of a list is as the first.
            if path.contains("[1]") {
                continue;
            }
            let before = bytes_of(&parts[..at]);
            let after = [bytes_of(&parts[at + 1..]), data.clone()].concat();
            expect(format!("ends before {path}"), before.clone(), "Malformed");
            if part.bytes.len() > 1 {
                let inside = &part.bytes[..part.bytes.len() - 1];
                let body = [&before[..], inside].concat();
                expect(format!("ends inside {path}"), body, "Malformed");
            }
            for (way, bytes, error) in spoilt(part) {
                let body = [&before[..], &bytes, &after].concat();
                expect(format!("{path}: {way}"), body, error);
            }
        }
        if !message.data {
            let body = [bytes_of(&parts), vec![0]].concat();
            expect("trailing".into(), body, "Trailing");
        }
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn every_error_for_each_side() {
    let registry = registry();
    let malformed = load("malformed.json");
    let is_there = |to: &str, error: &str, number: Option<u16>| {
        malformed.iter().any(|entry| {
            let bytes = hex(entry, "hex");
            let kind = bytes
                .get(4..6)
                .map(|kind| u16::from_le_bytes([kind[0], kind[1]]));
            entry["to"] == to && entry["error"] == error && (number.is_none() || number == kind)
        })
    };
    for to in ["host", "worker"] {
        for error in errors() {
            assert!(is_there(to, error, None), "no {error} to the {to}");
        }
        // The numbers that are nearest to those of messages.
        for number in 0..0x8000 {
            let known = |number| MessageType(number).name().is_some();
            let next_to_one = known(number + 1) || (number > 0 && known(number - 1));
            if (next_to_one && !known(number)) || number == 0x7fff {
                assert!(
                    is_there(to, "UnknownType", Some(number)),
                    "{number} to the {to}"
                );
            }
        }
        let skipped = load("messages.json");
        let mut skipped = skipped
            .iter()
            .filter(|entry| entry.get("skipped").is_some());
        assert!(
            skipped.any(|entry| entry["to"] == to),
            "nothing to skip for the {to}"
        );
    }
    for message in &registry.message {
        let other = if to(message) == "host" {
            "worker"
        } else {
            "host"
        };
        let is_there = is_there(other, "WrongDirection", Some(message.number));
        assert!(is_there, "{} to the {other}", message.name);
    }
    // GR-5.4-12: with both set, and nothing else wrong.
    let both = |entry: &Value| hex(entry, "hex").get(4..8) == Some(&[22, 0, 1, 1]);
    assert!(
        malformed
            .iter()
            .any(|entry| both(entry) && entry["section"] == "5.4")
    );

    let large = load("large.json");
    for to in ["host", "worker"] {
        for error in [Some("TooLarge"), Some("Malformed"), None] {
            let mut found = large.iter();
            let is_there = found.any(|entry| entry["to"] == to && entry["error"].as_str() == error);
            assert!(is_there, "nothing large that is {error:?} for the {to}");
        }
    }
}

/// What the variants of the crate's errors are called. A new one does not compile here.
fn errors() -> Vec<&'static str> {
    use greenroom_protocol::{DecodeError as Decode, FrameError as Frame};
    let kind = MessageType::PING;
    let (length, max) = (0, 0);
    let detail = String::new();
    let frames = [
        Frame::TooLarge { length, max },
        Frame::TooShort { length },
        Frame::Truncated { have: 0, need: 0 },
    ];
    let bodies = [
        Decode::UnknownType(kind),
        Decode::WrongDirection(kind),
        Decode::Malformed { kind, detail },
        Decode::Trailing { kind, extra: 0 },
        Decode::NotCanonical { kind },
    ];
    let frames = frames.iter().map(|error| match error {
        Frame::TooLarge { .. } => "TooLarge",
        Frame::TooShort { .. } => "TooShort",
        Frame::Truncated { .. } => "Truncated",
    });
    let bodies = bodies.iter().map(|error| match error {
        Decode::UnknownType(_) => "UnknownType",
        Decode::WrongDirection(_) => "WrongDirection",
        Decode::Malformed { .. } => "Malformed",
        Decode::Trailing { .. } => "Trailing",
        Decode::NotCanonical { .. } => "NotCanonical",
    });
    frames.chain(bodies).collect()
}
