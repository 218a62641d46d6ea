//! Reads `proto-spec/messages.toml`, and writes values as it and section 3 of the text say.
#![allow(dead_code, reason = "each test program uses a part of it")]

use serde::Deserialize;
use serde_json::Value;

use crate::vector_file::proto_spec;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registry {
    pub(crate) message: Vec<Message>,
    pub(crate) r#struct: Vec<Struct>,
    pub(crate) enumeration: Vec<Enumeration>,
    pub(crate) bitset: Vec<Bitset>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) number: u16,
    pub(crate) name: String,
    pub(crate) direction: Direction,
    pub(crate) since: u16,
    pub(crate) capability: Option<String>,
    pub(crate) data: bool,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Direction {
    HostToWorker,
    WorkerToHost,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) r#type: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Enumeration {
    pub(crate) name: String,
    pub(crate) r#type: String,
    pub(crate) values: Vec<Named>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) number: u16,
    pub(crate) name: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bitset {
    pub(crate) name: String,
    pub(crate) r#type: String,
    pub(crate) bits: Vec<Bit>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bit {
    pub(crate) bit: u32,
    pub(crate) name: String,
}

pub(crate) fn registry_text() -> String {
    std::fs::read_to_string(proto_spec().join("messages.toml")).unwrap()
}

pub(crate) fn registry() -> Registry {
    toml::from_str(&registry_text()).unwrap()
}

/// One part of a message's fields: a value, the tag of an option or the count of a list.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// For example `metadata[0].key`.
    pub(crate) path: String,
    /// A primitive type, `Option` or `Vec`.
    pub(crate) kind: &'static str,
    /// As the blocks of bytes in the text say it: `metadata[0].key = "a"`.
    pub(crate) says: String,
    pub(crate) bytes: Vec<u8>,
}

impl Registry {
    pub(crate) fn message(&self, name: &str) -> &Message {
        self.message
            .iter()
            .find(|message| message.name == name)
            .unwrap_or_else(|| panic!("messages.toml has no {name}"))
    }

    /// The type that an enumeration or a bit set is written as.
    pub(crate) fn integer_of(&self, name: &str) -> Option<&str> {
        let enumerations = self.enumeration.iter().map(|one| (&one.name, &one.r#type));
        let bitsets = self.bitset.iter().map(|one| (&one.name, &one.r#type));
        let mut all = enumerations.chain(bitsets);
        all.find(|(known, _)| *known == name)
            .map(|(_, integer)| integer.as_str())
    }

    pub(crate) fn struct_of(&self, name: &str) -> Option<&Struct> {
        self.r#struct.iter().find(|layout| layout.name == name)
    }

    /// A whole frame.
    pub(crate) fn frame(&self, message: &Message, fields: &Value, data: &[u8]) -> Vec<u8> {
        let mut body = bytes_of(&self.parts(message, fields));
        body.extend(data);
        frame(message.number, &body)
    }

    /// All parts of a message's fields, in wire order.
    pub(crate) fn parts(&self, message: &Message, fields: &Value) -> Vec<Part> {
        let mut parts = Vec::new();
        self.add_fields(&mut parts, "", &message.fields, fields);
        parts
    }

    /// The bytes of one value.
    pub(crate) fn value(&self, kind: &str, value: &Value) -> Vec<u8> {
        let mut parts = Vec::new();
        self.add(&mut parts, String::new(), kind, value);
        bytes_of(&parts)
    }

    fn add_fields(&self, parts: &mut Vec<Part>, prefix: &str, fields: &[Field], values: &Value) {
        let named = values.as_object().unwrap();
        assert_eq!(named.len(), fields.len(), "{values}");
        for field in fields {
            let path = format!("{prefix}{}", field.name);
            self.add(parts, path, &field.r#type, &named[&field.name]);
        }
    }

    /// Section 3 of the protocol, word for word.
    fn add(&self, parts: &mut Vec<Part>, path: String, kind: &str, value: &Value) {
        if let Some(inner) = argument(kind, "Option") {
            if value.is_null() {
                let says = format!("{path} = null");
                return push(parts, path, "Option", says, vec![0]);
            }
            let says = format!("{path}: present");
            push(parts, path.clone(), "Option", says, vec![1]);
            return self.add(parts, path, inner, value);
        }
        if let Some(inner) = argument(kind, "Vec") {
            let items = value.as_array().unwrap();
            let says = match items.len() {
                0 => format!("{path} = []"),
                count => format!("{path}: {count}"),
            };
            let count = integer(items.len() as u64);
            push(parts, path.clone(), "Vec", says, count);
            for (at, item) in items.iter().enumerate() {
                self.add(parts, format!("{path}[{at}]"), inner, item);
            }
            return;
        }
        if let Some(layout) = self.struct_of(kind) {
            return self.add_fields(parts, &format!("{path}."), &layout.fields, value);
        }
        let (kind, bytes) = match self.integer_of(kind).unwrap_or(kind) {
            "u8" => ("u8", vec![u8::try_from(value.as_u64().unwrap()).unwrap()]),
            "u16" => ("u16", integer(value.as_u64().unwrap())),
            "u32" => ("u32", integer(value.as_u64().unwrap())),
            "u64" => ("u64", integer(value.as_u64().unwrap())),
            "i64" => ("i64", integer(zigzag(value.as_i64().unwrap()))),
            "bool" => ("bool", vec![u8::from(value.as_bool().unwrap())]),
            "String" => ("String", counted(value.as_str().unwrap().as_bytes())),
            "bytes" => ("bytes", counted(&bytes_in(value))),
            other => panic!("messages.toml has no type {other}"),
        };
        let says = format!("{path} = {value}");
        push(parts, path, kind, says, bytes);
    }
}

fn push(parts: &mut Vec<Part>, path: String, kind: &'static str, says: String, bytes: Vec<u8>) {
    parts.push(Part {
        path,
        kind,
        says,
        bytes,
    });
}

pub(crate) fn bytes_of(parts: &[Part]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.bytes.clone()).collect()
}

pub(crate) fn frame(number: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(2 + body.len()).unwrap();
    [&length.to_le_bytes()[..], &number.to_le_bytes(), body].concat()
}

/// `T` of `outer<T>`.
pub(crate) fn argument<'a>(kind: &'a str, outer: &str) -> Option<&'a str> {
    kind.strip_prefix(outer)?
        .strip_prefix('<')?
        .strip_suffix('>')
}

fn bytes_in(value: &Value) -> Vec<u8> {
    let numbers = value.as_array().unwrap().iter();
    numbers
        .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
        .collect()
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [&integer(bytes.len() as u64), bytes].concat()
}

fn zigzag(value: i64) -> u64 {
    if value >= 0 {
        2 * value.unsigned_abs()
    } else {
        2 * (value.unsigned_abs() - 1) + 1
    }
}

pub(crate) fn integer(value: u64) -> Vec<u8> {
    let bytes = value.to_le_bytes();
    let (marker, width) = match value {
        0..=250 => return vec![bytes[0]],
        251..=0xffff => (0xfb, 2),
        0x1_0000..=0xffff_ffff => (0xfc, 4),
        _ => (0xfd, 8),
    };
    [&[marker], &bytes[..width]].concat()
}
