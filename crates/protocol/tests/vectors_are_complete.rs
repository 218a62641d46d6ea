//! `proto-spec/vectors/` leaves out nothing that is right: each message in every field, each type at
//! its edges, each number with a name. What is missing is named.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod registry_file;
mod vector_file;

use std::collections::BTreeSet;

use registry_file::{Message, Part, registry};
use serde_json::Value;
use vector_file::{hex, load, messages, text};

fn vectors_of<'a>(entries: &'a [Value], message: &Message) -> Vec<&'a Value> {
    entries
        .iter()
        .filter(|entry| entry["message"] == *message.name)
        .collect()
}

#[test]
fn the_layouts_of_the_registry_give_these_bytes() {
    let registry = registry();
    for entry in messages() {
        let message = registry.message(text(&entry, "message"));
        assert_eq!(entry.get("data_hex").is_some(), message.data, "{entry}");
        let data = entry.get("data_hex").map(|_| hex(&entry, "data_hex"));
        let written = registry.frame(message, &entry["fields"], &data.unwrap_or_default());
        assert_eq!(written, hex(&entry, "hex"), "{entry}");
    }
}

/// Two fields that change places are noticed only if some vector has different values in them.
#[test]
fn no_two_parts_of_a_message_always_look_the_same() {
    let registry = registry();
    let entries = messages();
    for message in &registry.message {
        let vectors = vectors_of(&entries, message);
        assert!(!vectors.is_empty(), "no vector of {}", message.name);
        let told_apart = vectors.iter().any(|entry| {
            let parts = registry.parts(message, &entry["fields"]);
            let values = parts
                .iter()
                .filter(|part| part.kind.starts_with(['u', 'i', 'S']));
            let bytes: Vec<_> = values.map(|part| &part.bytes).collect();
            let different: BTreeSet<_> = bytes.iter().collect();
            // Each option holds something, each list has at least two items.
            let is_full = parts.iter().all(|part| match part.kind {
                "Option" => part.bytes == [1],
                "Vec" => part.bytes[0] >= 2,
                _ => true,
            });
            is_full && different.len() == bytes.len()
        });
        assert!(
            told_apart,
            "{}: no vector with a value of its own in each field",
            message.name
        );
    }
}

#[test]
fn every_field_of_every_message_at_its_edges() {
    let registry = registry();
    let entries = messages();
    for message in &registry.message {
        let parts: Vec<Part> = vectors_of(&entries, message)
            .into_iter()
            .flat_map(|entry| registry.parts(message, &entry["fields"]))
            .collect();
        let paths: BTreeSet<_> = parts.iter().map(|part| (&part.path, part.kind)).collect();
        // The second item of a list is as the first.
        for (path, kind) in paths.into_iter().filter(|(path, _)| !path.contains("[1]")) {
            let largest = |marker: u8, width| [vec![marker], vec![0xff; width]].concat();
            let needed = match kind {
                "bool" | "Option" => [vec![0], vec![1]],
                "Vec" => [vec![0], vec![2]],
                "u16" => [vec![0], largest(0xfb, 2)],
                "u32" => [vec![0], largest(0xfc, 4)],
                "u64" => [vec![0], largest(0xfd, 8)],
                "String" | "bytes" if !path.contains('[') => [vec![0], "\u{2}é".into()],
                _ => continue,
            };
            // What is in a list or an option may always be something.
            let inside = path.contains(['.', '[']) && !path.starts_with("limits");
            for bytes in needed.into_iter().skip(usize::from(inside)) {
                let is_there = parts
                    .iter()
                    .any(|part| part.path == *path && part.bytes == bytes);
                assert!(
                    is_there,
                    "{}: no vector with {path} = {bytes:02x?}",
                    message.name
                );
            }
        }
    }
}

#[test]
fn every_value_of_every_enumeration_and_an_unknown_one() {
    let registry = registry();
    let entries = messages();
    let mut seen: BTreeSet<(String, u64)> = BTreeSet::new();
    for entry in &entries {
        let message = registry.message(text(entry, "message"));
        let inside = registry.r#struct.iter().map(|one| &one.fields);
        let fields = inside.chain([&message.fields]).flatten();
        for field in fields {
            // The value may stand in the message or in an object inside it.
            let inner = entry["fields"].as_object().unwrap().values();
            for place in inner.chain([&entry["fields"]]) {
                if let Some(number) = place.get(&field.name).and_then(Value::as_u64) {
                    seen.insert((field.r#type.clone(), number));
                }
            }
        }
    }
    for enumeration in &registry.enumeration {
        let of_it = |number| seen.contains(&(enumeration.name.clone(), number));
        for value in &enumeration.values {
            // What is never on the wire needs no vector.
            if value.name != "host gone" {
                assert!(
                    of_it(value.number.into()),
                    "{} {}",
                    enumeration.name,
                    value.name
                );
            }
        }
        let known: BTreeSet<_> = enumeration
            .values
            .iter()
            .map(|value| value.number)
            .collect();
        let unknown = (0..=u16::MAX).any(|number| !known.contains(&number) && of_it(number.into()));
        assert!(
            unknown,
            "{}: no vector with a number nobody knows",
            enumeration.name
        );
    }
}

#[test]
fn every_type_at_its_edges() {
    let values = load("primitives.json");
    let has = |kind: &str, value: &dyn Fn(&Value) -> bool| {
        let of_kind = |entry: &&Value| entry["type"] == kind && entry.get("value").is_some();
        let mut found = values.iter().filter(of_kind);
        found.any(|entry| value(&entry["value"]))
    };
    let edges = [
        0,
        250,
        251,
        0xffff,
        0x1_0000,
        0xffff_ffff,
        0x1_0000_0000,
        u64::MAX,
    ];
    for (kind, max) in [
        ("u8", 255),
        ("u16", 0xffff),
        ("u32", 0xffff_ffff),
        ("u64", u64::MAX),
    ] {
        for edge in edges.into_iter().chain([max]).filter(|edge| *edge <= max) {
            assert!(
                has(kind, &|value| value.as_u64() == Some(edge)),
                "{kind} {edge}"
            );
        }
    }
    // Where zigzag needs another marker, on both sides of zero.
    let edges = [0, 125, 32_767, 32_768, 0x7fff_ffff, 0x8000_0000, i64::MAX];
    for edge in edges.into_iter().flat_map(|edge| [edge, -edge - 1]) {
        assert!(
            has("i64", &|value| value.as_i64() == Some(edge)),
            "i64 {edge}"
        );
    }
    for edge in [true, false] {
        assert!(
            has("bool", &|value| value.as_bool() == Some(edge)),
            "bool {edge}"
        );
    }
    for length in [0, 250, 251] {
        assert!(
            has("String", &|value| value.as_str().unwrap().len() == length),
            "String of {length}"
        );
        for kind in ["bytes", "Vec<Pair>"] {
            let is_long = |value: &Value| value.as_array().unwrap().len() == length;
            assert!(has(kind, &is_long), "{kind} of {length}");
        }
    }
    assert!(has("Option<String>", &Value::is_null) && has("Option<String>", &Value::is_string));

    let large = load("large.json");
    for kind in ["String", "bytes"] {
        for length in [65_535, 65_536] {
            let mut found = large.iter();
            let is_there = found.any(|entry| entry["type"] == kind && entry["length"] == length);
            assert!(is_there, "{kind} of {length}");
        }
    }
}
