//! The crate writes and reads every golden vector of `proto-spec/vectors/` as it stands there.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod both_sides;
mod vector_file;

use both_sides::{
    Failure, Message, Receiver, assert_failure, number, only_frame, read, read_stream, refusal,
};
use bytes::Bytes;
use greenroom_protocol::version::negotiate;
use greenroom_protocol::{Capabilities, Frame, Limits, MessageType};
use serde_json::{Value, json};
use vector_file::{FILES, hex, load, proto_spec, text};

#[test]
fn every_file_is_read_here() {
    let folder = std::fs::read_dir(proto_spec().join("vectors")).unwrap();
    let mut files: Vec<_> = folder
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "schema.json")
        .collect();
    files.sort();
    let expected: Vec<_> = FILES.iter().map(|name| format!("{name}.json")).collect();
    assert_eq!(files, expected);
}

#[test]
fn frames() {
    for entry in load("frames.json") {
        let limit = u32::try_from(entry["max_frame"].as_u64().unwrap()).unwrap();
        let (frames, failure) = read_stream(limit, &hex(&entry, "hex"));
        let expected: Vec<_> = entry["frames"]
            .as_array()
            .unwrap()
            .iter()
            .map(|frame| Frame {
                kind: MessageType(u16::try_from(frame["type"].as_u64().unwrap()).unwrap()),
                body: hex(frame, "body_hex").into(),
            })
            .collect();
        assert_eq!(frames, expected, "{entry}");
        assert_failure(failure.map(Failure::Frame).as_ref(), &entry);
    }
}

#[test]
fn primitives() {
    let mut carried = 0;
    for entry in load("primitives.json") {
        let kind = text(&entry, "type");
        let Some(carrier) = Carrier::of(kind) else {
            continue;
        };
        carried += 1;
        let body = [carrier.before, &hex(&entry, "hex"), carrier.after].concat();
        let frame = Frame {
            kind: number(carrier.message),
            body: body.into(),
        };
        if entry.get("error").is_some() {
            let failure = carrier.receiver.decode(frame).err();
            assert_failure(failure.map(Failure::Decode).as_ref(), &entry);
            continue;
        }
        let fields = carrier.fields(kind, &entry["value"]);
        let message = Message::build(carrier.message, &fields, Bytes::new());
        let written = message.encode();
        assert_eq!(written[6..], frame.body, "{entry}");
        assert_eq!(
            carrier.receiver.decode(frame).unwrap(),
            Some(message),
            "{entry}"
        );
    }
    assert!(carried > 0, "no primitive was checked");
}

#[test]
fn handshake() {
    for entry in load("handshake.json") {
        assert_message(&entry);
    }
}

#[test]
fn messages() {
    for entry in load("messages.json") {
        if entry.get("skipped").is_some() {
            let frame = only_frame(&hex(&entry, "hex"));
            assert_eq!(Receiver::of(&entry).decode(frame), Ok(None), "{entry}");
        } else {
            assert_message(&entry);
        }
    }
}

#[test]
fn malformed() {
    for entry in load("malformed.json") {
        let receiver = Receiver::of(&entry);
        let limit = greenroom_protocol::HANDSHAKE_FRAME;
        let (frames, failure) = read_stream(limit, &hex(&entry, "hex"));
        let (name, requirement) = refusal(receiver, frames, failure);
        assert_eq!(name.as_deref(), entry["error"].as_str(), "{entry}");
        assert_eq!(requirement, entry["requirement"].as_str(), "{entry}");
    }
}

#[test]
fn negotiation() {
    for entry in load("negotiation.json") {
        if let Some(host) = entry.get("host") {
            let (host, worker): ((u16, u16), (u16, u16)) = (read(host), read(&entry["worker"]));
            let chosen = negotiate(host.0..=host.1, worker.0..=worker.1);
            assert_eq!(chosen, read(&entry["version"]), "{entry}");
        } else if let Some(host) = entry.get("host_limits") {
            let common = read::<Limits>(host).common(read(&entry["worker_limits"]));
            assert_eq!(common, read(&entry["limits"]), "{entry}");
        } else if let Some(host) = entry.get("host_capabilities") {
            let common = read::<Capabilities>(host).common(read(&entry["worker_capabilities"]));
            assert_eq!(common, read(&entry["common"]), "{entry}");
        } else {
            let complaint = read::<Limits>(&entry["limits"]).out_of_range();
            let named = complaint
                .as_deref()
                .and_then(|words| words.split(' ').next());
            assert_eq!(named, entry["out_of_range"].as_str(), "{entry}");
        }
    }
}

/// A message that has a field of some type, and the bytes of its other fields.
struct Carrier {
    message: &'static str,
    receiver: Receiver,
    before: &'static [u8],
    after: &'static [u8],
}

impl Carrier {
    fn of(kind: &str) -> Option<Self> {
        let (message, receiver) = match kind {
            // No message of version 1 has one; `independent_encoding.rs` looks at them.
            "u8" | "i64" => return None,
            "u16" => ("CancelJob", Receiver::Worker),
            "u32" => ("ShuttingDown", Receiver::Host),
            "u64" => ("Ping", Receiver::Worker),
            "bool" => ("JobInput", Receiver::Worker),
            "String" => ("Exiting", Receiver::Host),
            "bytes" | "Limits" => ("InitializeResponse", Receiver::Host),
            "Option<String>" => ("CallResponse", Receiver::Worker),
            "Vec<Pair>" => ("StartJob", Receiver::Worker),
            _ => panic!("no message is known that has a field of type {kind}"),
        };
        // Every other field is zero or empty, which is one byte.
        let (before, after): (&[u8], &[u8]) = match kind {
            "u16" | "bool" | "Option<String>" => (&[0], &[]),
            "bytes" => (&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], &[]),
            "Vec<Pair>" => (&[0; 3], &[0; 4]),
            "Limits" => (&[0; 3], &[0; 7]),
            _ => (&[], &[]),
        };
        Some(Self {
            message,
            receiver,
            before,
            after,
        })
    }

    fn fields(&self, kind: &str, value: &Value) -> Value {
        match kind {
            "u16" => json!({"job": 0, "reason": value}),
            "u32" => json!({"jobs": value}),
            "u64" => json!({"seq": value}),
            "bool" => json!({"job": 0, "last": value}),
            "String" => json!({"reason": value}),
            "bytes" => {
                let no_limits = json!({"max_frame": 0, "max_payload": 0, "output_window": 0});
                response(&no_limits, &json!([{"number": 0, "content": value}]))
            }
            "Limits" => response(value, &json!([])),
            "Option<String>" => json!({"call": 0, "error": value}),
            "Vec<Pair>" => json!({
                "job": 0, "id": "", "name": "", "metadata": value, "traceparent": "",
                "deadline_ms": 0, "attempt": 0, "last": false,
            }),
            _ => panic!("{} does not carry {kind}", self.message),
        }
    }
}

fn response(limits: &Value, extensions: &Value) -> Value {
    json!({
        "error": null, "protocol": 0, "capabilities": 0, "limits": limits, "slots": 0, "name": "",
        "version": "", "build_id": "", "sdk": "", "pid": 0, "extensions": extensions,
    })
}

fn assert_message(entry: &Value) {
    let name = text(entry, "message");
    let data = entry
        .get("data_hex")
        .map_or_else(Vec::new, |_| hex(entry, "data_hex"));
    let message = Message::build(name, &entry["fields"], data.into());
    let bytes = hex(entry, "hex");
    assert_eq!(message.encode(), bytes, "{entry}");

    let frame = only_frame(&bytes);
    assert_eq!(frame.kind.name(), Some(name));
    let decoded = message.receiver().decode(frame);
    assert_eq!(decoded, Ok(Some(message)), "{entry}");
}
