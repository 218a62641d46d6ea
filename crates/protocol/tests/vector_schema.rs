//! Each file of `proto-spec/vectors/` has the shape that `schema.json` says, and the schema is strict
//! enough to notice when one has not.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod vector_file;

use jsonschema::Validator;
use serde_json::{Value, json};
use vector_file::{FILES, load, proto_spec};

fn schema() -> Value {
    let text = std::fs::read_to_string(proto_spec().join("vectors/schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What the schema says of one file.
fn validator(file: &str) -> Validator {
    let mut schema = schema();
    schema["$ref"] = format!("#/$defs/{file}").into();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[test]
fn the_schema_is_one() {
    jsonschema::meta::validate(&schema()).unwrap();
    assert_eq!(
        schema()["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
}

#[test]
fn every_file_is_valid() {
    for file in FILES {
        let validator = validator(file);
        // One by one, so that the message names the entry.
        for entry in load(&format!("{file}.json")) {
            let list = json!([entry]);
            let mut errors = validator.iter_errors(&list);
            if let Some(error) = errors.next() {
                panic!("{file}.json: {error}");
            }
        }
    }
}

/// Every key is needed, none is of any type that comes, and no other key is allowed.
#[test]
fn a_spoilt_entry_is_not_valid() {
    for file in FILES {
        let validator = validator(file);
        let entries = load(&format!("{file}.json"));
        let with_error = entries.iter().find(|entry| entry.get("error").is_some());
        for entry in entries.iter().take(1).chain(with_error) {
            let keys = entry.as_object().unwrap().keys();
            for key in keys {
                let refused = |value: Value| {
                    let mut spoilt = entry.clone();
                    spoilt[key] = value;
                    assert!(!validator.is_valid(&json!([spoilt])), "{spoilt}");
                };
                let mut spoilt = entry.clone();
                spoilt.as_object_mut().unwrap().remove(key);
                // Only a registry knows which messages have data.
                if key != "data_hex" {
                    assert!(!validator.is_valid(&json!([spoilt])), "{spoilt}");
                }
                // No key has a fraction.
                refused(json!(1.5));
            }
            let mut spoilt = entry.clone();
            spoilt["more"] = true.into();
            assert!(!validator.is_valid(&json!([spoilt])), "{spoilt}");
        }
        assert!(!validator.is_valid(&json!([])), "{file} may not be empty");
    }
}

#[test]
fn hex_has_two_small_digits_for_each_byte() {
    let validator = validator("frames");
    for (hex, is_valid) in [
        ("", true),
        ("0a", true),
        ("0", false),
        ("0A", false),
        ("0x0a", false),
    ] {
        let entry = json!({
            "description": "any", "section": "2.1", "max_frame": 8, "hex": hex, "frames": [],
        });
        assert_eq!(validator.is_valid(&json!([entry])), is_valid, "{hex:?}");
    }
}
