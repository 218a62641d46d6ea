//! An implementation that shares no code with this crate's agrees with every vector: wincode, with
//! integers of variable length, and frames that are cut here by hand.
//!
//! It writes each value as the vector has it and reads it back, and it refuses what is malformed for
//! the same reason. What the crate makes of the vectors is looked at in `vectors.rs`.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod layouts;
mod registry_file;
mod vector_file;

use layouts::{
    CallRequest, CallResponse, CancelJob, DumpStacks, Exiting, ExtendDeadline, InitializeRequest,
    InitializeResponse, JobAccepted, JobFinished, JobInput, JobOutput, JobWindow, Limits, Pair,
    Ping, Pong, Retire, Shutdown, ShuttingDown, StackDump, StartJob,
};
use registry_file::{Direction, Registry, registry};
use serde::de::DeserializeOwned;
use serde_json::Value;
use vector_file::{hex, load, pieces, text};
use wincode::config::{Configuration, DEFAULT_PREALLOCATION_SIZE_LIMIT};
use wincode::int_encoding::{LittleEndian, VarInt};
use wincode::len::BincodeLen;
use wincode::{SchemaRead, SchemaWrite};

/// GR-3.1-1 and GR-2.2-2.
const MAX_FIELDS: usize = 131_072;
const HANDSHAKE: usize = 65_536;

type Varint =
    Configuration<true, DEFAULT_PREALLOCATION_SIZE_LIMIT, BincodeLen, LittleEndian, VarInt>;

/// How one type is written and read.
#[derive(Clone, Copy)]
struct Layout {
    /// The bytes of a value that is written in JSON.
    write: fn(&Value) -> Vec<u8>,
    read: fn(&[u8]) -> Option<Seen>,
}

/// The value at the front: how many bytes it takes, and which bytes it should take.
type Seen = (usize, Vec<u8>);

impl Layout {
    const fn of<T>() -> Self
    where
        T: DeserializeOwned + SchemaWrite<Varint, Src = T>,
        T: for<'a> SchemaRead<'a, Varint, Dst = T>,
    {
        Self {
            write: |value| {
                let fields: T = serde_json::from_value(value.clone()).unwrap();
                written(&fields)
            },
            read: |bytes| {
                let mut rest = bytes;
                let fields = T::get(&mut rest).ok()?;
                Some((bytes.len() - rest.len(), written(&fields)))
            },
        }
    }

    fn of_type(kind: &str) -> Self {
        match kind {
            "u8" => Self::of::<u8>(),
            "u16" => Self::of::<u16>(),
            "u32" => Self::of::<u32>(),
            "u64" => Self::of::<u64>(),
            "i64" => Self::of::<i64>(),
            "bool" => Self::of::<bool>(),
            "String" => Self::of::<String>(),
            "bytes" => Self::of::<Vec<u8>>(),
            "Option<String>" => Self::of::<Option<String>>(),
            "Vec<Pair>" => Self::of::<Vec<Pair>>(),
            "Limits" => Self::of::<Limits>(),
            other => panic!("no type {other}"),
        }
    }

    fn of_message(name: &str) -> Self {
        match name {
            "InitializeRequest" => Self::of::<InitializeRequest>(),
            "InitializeResponse" => Self::of::<InitializeResponse>(),
            "Ping" => Self::of::<Ping>(),
            "Pong" => Self::of::<Pong>(),
            "Shutdown" => Self::of::<Shutdown>(),
            "ShuttingDown" => Self::of::<ShuttingDown>(),
            "Exiting" => Self::of::<Exiting>(),
            "ExtendDeadline" => Self::of::<ExtendDeadline>(),
            "Retire" => Self::of::<Retire>(),
            "StartJob" => Self::of::<StartJob>(),
            "JobInput" => Self::of::<JobInput>(),
            "CancelJob" => Self::of::<CancelJob>(),
            "JobWindow" => Self::of::<JobWindow>(),
            "JobAccepted" => Self::of::<JobAccepted>(),
            "JobOutput" => Self::of::<JobOutput>(),
            "JobFinished" => Self::of::<JobFinished>(),
            "CallRequest" => Self::of::<CallRequest>(),
            "CallResponse" => Self::of::<CallResponse>(),
            "DumpStacks" => Self::of::<DumpStacks>(),
            "StackDump" => Self::of::<StackDump>(),
            other => panic!("no message {other}"),
        }
    }

    /// What is left after a value, or what is wrong with it.
    fn judge(self, bytes: &[u8]) -> Result<&[u8], &'static str> {
        let (consumed, canonical) = (self.read)(bytes).ok_or("Malformed")?;
        if bytes[..consumed] != canonical {
            return Err("NotCanonical");
        }
        Ok(&bytes[consumed..])
    }
}

fn written<T: SchemaWrite<Varint, Src = T>>(value: &T) -> Vec<u8> {
    let varint = Configuration::default().with_varint_encoding();
    wincode::config::serialize(value, varint).unwrap()
}

#[test]
fn every_primitive() {
    for entry in load("primitives.json") {
        let layout = Layout::of_type(text(&entry, "type"));
        let bytes = hex(&entry, "hex");
        let judged = layout.judge(&bytes);
        if let Some(error) = entry["error"].as_str() {
            assert_eq!(judged, Err(error), "{entry}");
        } else {
            assert_eq!((layout.write)(&entry["value"]), bytes, "{entry}");
            assert_eq!(judged, Ok(&[][..]), "{entry}");
        }
    }
}

#[test]
fn every_message() {
    let registry = registry();
    for file in ["handshake.json", "messages.json"] {
        for entry in load(file) {
            let bytes = hex(&entry, "hex");
            if entry.get("skipped").is_some() {
                let read = read(&registry, side(&entry), HANDSHAKE, &bytes);
                assert_eq!(read, Ok(Vec::new()), "{entry}");
                continue;
            }
            let name = text(&entry, "message");
            let data = entry
                .get("data_hex")
                .map_or_else(Vec::new, |_| hex(&entry, "data_hex"));
            let fields = (Layout::of_message(name).write)(&entry["fields"]);
            assert_eq!(bytes[6..], [fields, data.clone()].concat(), "{entry}");

            let to = registry.message(name).direction;
            let read = read(&registry, to, HANDSHAKE, &bytes);
            assert_eq!(read, Ok(vec![(name.to_owned(), data)]), "{entry}");
        }
    }
}

#[test]
fn every_malformed_stream() {
    let registry = registry();
    for entry in load("malformed.json") {
        let refused = read(&registry, side(&entry), HANDSHAKE, &hex(&entry, "hex")).err();
        assert_eq!(refused, entry["error"].as_str(), "{entry}");
    }
}

#[test]
fn every_frame() {
    for entry in load("frames.json") {
        let limit = usize::try_from(entry["max_frame"].as_u64().unwrap()).unwrap();
        let bytes = hex(&entry, "hex");
        let mut rest = &bytes[..];
        let mut failure = None;
        for expected in entry["frames"].as_array().unwrap() {
            let (number, body) = next_frame(&mut rest, limit).unwrap().unwrap();
            assert_eq!(u64::from(number), expected["type"].as_u64().unwrap());
            assert_eq!(body, hex(expected, "body_hex"));
        }
        match next_frame(&mut rest, limit) {
            Ok(None) => {}
            Ok(Some(frame)) => panic!("{frame:?} is too much: {entry}"),
            Err(error) => failure = Some(error),
        }
        assert_eq!(failure, entry["error"].as_str(), "{entry}");
    }
}

#[test]
fn everything_large() {
    let registry = registry();
    for entry in load("large.json") {
        let bytes = pieces(&entry);
        if let Some(kind) = entry["type"].as_str() {
            let (consumed, canonical) = (Layout::of_type(kind).read)(&bytes).unwrap();
            assert_eq!(consumed, bytes.len(), "{entry}");
            assert!(canonical == bytes, "{entry}");
            continue;
        }
        let limit = usize::try_from(entry["max_frame"].as_u64().unwrap()).unwrap();
        match read(&registry, side(&entry), limit, &bytes) {
            Ok(messages) => {
                let names: Vec<_> = messages.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names, [text(&entry, "message")]);
            }
            Err(error) => assert_eq!(Some(error), entry["error"].as_str(), "{entry}"),
        }
    }
}

/// Whose ears a vector is for.
fn side(entry: &Value) -> Direction {
    match text(entry, "to") {
        "host" => Direction::WorkerToHost,
        "worker" => Direction::HostToWorker,
        other => panic!("no side {other}"),
    }
}

/// Name and data of each message of a stream, or the first thing that is wrong with it.
fn read(
    registry: &Registry,
    to: Direction,
    limit: usize,
    stream: &[u8],
) -> Result<Vec<(String, Vec<u8>)>, &'static str> {
    let mut rest = stream;
    let mut messages = Vec::new();
    while let Some((number, body)) = next_frame(&mut rest, limit)? {
        let known = registry.message.iter().find(|one| one.number == number);
        let Some(message) = known else {
            if number & 0x8000 == 0 {
                return Err("UnknownType");
            }
            continue;
        };
        if message.direction != to {
            return Err("WrongDirection");
        }
        let layout = Layout::of_message(&message.name);
        let after = layout.judge(body)?;
        if body.len() - after.len() > MAX_FIELDS {
            return Err("Malformed");
        }
        // GR-5.4-12
        if message.name == "JobFinished" {
            let fields = <JobFinished as SchemaRead<Varint>>::get(body).unwrap();
            if fields.cancelled && fields.failure.is_some() {
                return Err("Malformed");
            }
        }
        if !message.data && !after.is_empty() {
            return Err("Trailing");
        }
        messages.push((message.name.clone(), after.to_vec()));
    }
    Ok(messages)
}

/// Number and body of the frame at the front, or nothing at the end.
fn next_frame<'a>(
    rest: &mut &'a [u8],
    limit: usize,
) -> Result<Option<(u16, &'a [u8])>, &'static str> {
    let Some((head, after)) = rest.split_first_chunk::<4>() else {
        return if rest.is_empty() {
            Ok(None)
        } else {
            Err("Truncated")
        };
    };
    let length = u32::from_le_bytes(*head) as usize;
    if length > limit {
        return Err("TooLarge");
    }
    if length < 2 {
        return Err("TooShort");
    }
    let (frame, after) = after.split_at_checked(length).ok_or("Truncated")?;
    *rest = after;
    let (number, body) = frame.split_first_chunk::<2>().unwrap();
    Ok(Some((u16::from_le_bytes(*number), body)))
}
