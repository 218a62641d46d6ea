//! `proto-spec/messages.toml` says the same as the crate and as the vectors: numbers, names,
//! directions, layouts.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod vector_file;

use std::collections::BTreeMap;

use bytes::Bytes;
use greenroom_protocol::{
    CancelReason, Capabilities, DeadlineKind, DecodeError, FailureKind, Frame, HostMessage,
    InitializeCode, MessageType, ShutdownReason, WorkerMessage, version,
};
use serde::Deserialize;
use serde_json::Value;
use vector_file::{hex, load, proto_spec, text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registry {
    message: Vec<Message>,
    r#struct: Vec<Struct>,
    enumeration: Vec<Enumeration>,
    bitset: Vec<Bitset>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    number: u16,
    name: String,
    direction: Direction,
    since: u16,
    data: bool,
    fields: Vec<Field>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Direction {
    HostToWorker,
    WorkerToHost,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Struct {
    name: String,
    fields: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    name: String,
    r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enumeration {
    name: String,
    r#type: String,
    values: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    number: u16,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bitset {
    name: String,
    r#type: String,
    bits: Vec<Bit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bit {
    bit: u32,
    name: String,
}

fn registry() -> Registry {
    let text = std::fs::read_to_string(proto_spec().join("messages.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

/// The names of all numbers that have one.
fn names(name: impl Fn(u16) -> Option<&'static str>) -> BTreeMap<u16, String> {
    (0..=u16::MAX)
        .filter_map(|number| Some((number, name(number)?.to_owned())))
        .collect()
}

#[test]
fn numbers_and_names() {
    let registry = registry();
    let registered: BTreeMap<_, _> = registry
        .message
        .iter()
        .map(|message| (message.number, message.name.clone()))
        .collect();
    assert_eq!(registered.len(), registry.message.len(), "a number twice");
    assert_eq!(registered, names(|number| MessageType(number).name()));
}

#[test]
fn every_message_is_of_a_version_that_is_spoken() {
    for message in registry().message {
        assert!(
            version::SUPPORTED.contains(&message.since),
            "{}",
            message.name
        );
    }
}

#[test]
fn directions() {
    for message in registry().message {
        let kind = MessageType(message.number);
        let body = Bytes::new();
        let frame = Frame { kind, body };
        let refused = Err(DecodeError::WrongDirection(kind));
        let by_host = WorkerMessage::decode(frame.clone()).map(drop) == refused;
        let by_worker = HostMessage::decode(frame).map(drop) == refused;
        let to_worker = message.direction == Direction::HostToWorker;
        assert_eq!((by_host, by_worker), (to_worker, !to_worker), "{kind}");
    }
}

#[test]
fn enumerations() {
    for enumeration in registry().enumeration {
        let known = match enumeration.name.as_str() {
            "ShutdownReason" => names(|number| ShutdownReason(number).name()),
            "CancelReason" => names(|number| CancelReason(number).name()),
            "DeadlineKind" => names(|number| DeadlineKind(number).name()),
            "FailureKind" => names(|number| FailureKind(number).name()),
            "InitializeCode" => names(|number| InitializeCode(number).name()),
            other => panic!("the crate has no enumeration {other}"),
        };
        let registered: BTreeMap<_, _> = enumeration
            .values
            .into_iter()
            .map(|value| (value.number, value.name))
            .collect();
        assert_eq!(registered, known, "{}", enumeration.name);
    }
}

#[test]
fn capabilities() {
    let bits: Vec<_> = registry()
        .bitset
        .iter()
        .flat_map(|set| &set.bits)
        .map(|bit| (Capabilities(1 << bit.bit), bit.name.clone()))
        .collect();
    assert_eq!(bits, [(Capabilities::STACK_DUMP, "stack dump".to_owned())]);
}

/// `vectors.rs` shows that the crate agrees with the vectors; so it agrees with these layouts too.
#[test]
fn layouts() {
    let registry = registry();
    for file in ["handshake.json", "messages.json"] {
        for entry in load(file) {
            if entry.get("skipped").is_some() {
                continue;
            }
            let message = registry.message(text(&entry, "message"));
            let has_data = entry.get("data_hex").is_some();
            assert_eq!(message.data, has_data, "{entry}");

            let mut body = registry.fields(&message.fields, &entry["fields"]);
            if has_data {
                body.extend(hex(&entry, "data_hex"));
            }
            let length = u32::try_from(2 + body.len()).unwrap();
            let frame = [
                &length.to_le_bytes()[..],
                &message.number.to_le_bytes(),
                &body,
            ]
            .concat();
            assert_eq!(frame, hex(&entry, "hex"), "{entry}");
        }
    }
}

#[test]
fn every_message_has_a_vector() {
    let entries = load("messages.json");
    for message in registry().message {
        let name = Value::String(message.name);
        assert!(
            entries.iter().any(|entry| entry["message"] == name),
            "messages.json has no {name}"
        );
    }
}

impl Registry {
    fn message(&self, name: &str) -> &Message {
        self.message
            .iter()
            .find(|message| message.name == name)
            .unwrap_or_else(|| panic!("messages.toml has no {name}"))
    }

    fn fields(&self, fields: &[Field], values: &Value) -> Vec<u8> {
        let named = values.as_object().unwrap();
        assert_eq!(named.len(), fields.len(), "{values}");
        fields
            .iter()
            .flat_map(|field| self.value(&field.r#type, &named[&field.name]))
            .collect()
    }

    /// Section 3 of the protocol, word for word.
    fn value(&self, kind: &str, value: &Value) -> Vec<u8> {
        if let Some(inner) = argument(kind, "Option") {
            return match value {
                Value::Null => vec![0],
                some => [vec![1], self.value(inner, some)].concat(),
            };
        }
        if let Some(inner) = argument(kind, "Vec") {
            let items = value.as_array().unwrap();
            let encoded = items.iter().flat_map(|item| self.value(inner, item));
            return integer(items.len() as u64)
                .into_iter()
                .chain(encoded)
                .collect();
        }
        match kind {
            "u16" | "u32" | "u64" => integer(value.as_u64().unwrap()),
            "bool" => vec![u8::from(value.as_bool().unwrap())],
            "String" => counted(value.as_str().unwrap().as_bytes().to_vec()),
            "bytes" => counted(
                value
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
                    .collect(),
            ),
            name => self.named(name, value),
        }
    }

    fn named(&self, name: &str, value: &Value) -> Vec<u8> {
        if let Some(layout) = self.r#struct.iter().find(|layout| layout.name == name) {
            return self.fields(&layout.fields, value);
        }
        let enumerations = self.enumeration.iter().map(|one| (&one.name, &one.r#type));
        let bitsets = self.bitset.iter().map(|one| (&one.name, &one.r#type));
        let (_, integer) = enumerations
            .chain(bitsets)
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("messages.toml has no type {name}"));
        self.value(integer, value)
    }
}

/// `T` of `outer<T>`.
fn argument<'a>(kind: &'a str, outer: &str) -> Option<&'a str> {
    kind.strip_prefix(outer)?
        .strip_prefix('<')?
        .strip_suffix('>')
}

fn counted(bytes: Vec<u8>) -> Vec<u8> {
    [integer(bytes.len() as u64), bytes].concat()
}

fn integer(value: u64) -> Vec<u8> {
    let bytes = value.to_le_bytes();
    let (marker, width) = match value {
        0..=250 => return vec![bytes[0]],
        251..=0xffff => (0xfb, 2),
        0x1_0000..=0xffff_ffff => (0xfc, 4),
        _ => (0xfd, 8),
    };
    [&[marker], &bytes[..width]].concat()
}
