//! The crate writes and reads every golden vector of `proto-spec/vectors/` as it stands there.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod vector_file;

use bytes::{Bytes, BytesMut};
use greenroom_protocol::version::negotiate;
use greenroom_protocol::{
    Capabilities, DecodeError, EncodedFrame, Frame, FrameCodec, FrameError, HostMessage, Limits,
    MessageType, WorkerMessage,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use vector_file::{hex, load, proto_spec, text};

#[test]
fn every_file_is_read_here() {
    let folder = std::fs::read_dir(proto_spec().join("vectors")).unwrap();
    let mut files: Vec<_> = folder
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "frames.json",
            "handshake.json",
            "malformed.json",
            "messages.json",
            "negotiation.json",
            "primitives.json",
        ]
    );
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
    assert!(carried > 70, "only {carried} primitives were checked");
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
        let refused = frames
            .into_iter()
            .find_map(|frame| receiver.decode(frame).err());
        let failure = failure.map(Failure::Frame);
        assert_failure(failure.or(refused.map(Failure::Decode)).as_ref(), &entry);
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

/// A message of either side.
#[derive(Clone, Debug, PartialEq)]
enum Message {
    Host(HostMessage),
    Worker(WorkerMessage),
}

impl Message {
    /// From what a vector says about it.
    fn build(name: &str, fields: &Value, data: Bytes) -> Self {
        match name {
            "InitializeRequest" => Self::Host(HostMessage::InitializeRequest(read(fields), data)),
            "InitializeResponse" => Self::Worker(WorkerMessage::InitializeResponse(read(fields))),
            "Ping" => Self::Host(HostMessage::Ping(read(fields))),
            "Pong" => Self::Worker(WorkerMessage::Pong(read(fields))),
            "Shutdown" => Self::Host(HostMessage::Shutdown(read(fields))),
            "ShuttingDown" => Self::Worker(WorkerMessage::ShuttingDown(read(fields))),
            "Exiting" => Self::Worker(WorkerMessage::Exiting(read(fields))),
            "ExtendDeadline" => Self::Worker(WorkerMessage::ExtendDeadline(read(fields))),
            "Retire" => Self::Worker(WorkerMessage::Retire(read(fields))),
            "StartJob" => Self::Host(HostMessage::StartJob(read(fields), data)),
            "JobInput" => Self::Host(HostMessage::JobInput(read(fields), data)),
            "CancelJob" => Self::Host(HostMessage::CancelJob(read(fields))),
            "JobWindow" => Self::Host(HostMessage::JobWindow(read(fields))),
            "JobAccepted" => Self::Worker(WorkerMessage::JobAccepted(read(fields))),
            "JobOutput" => Self::Worker(WorkerMessage::JobOutput(read(fields), data)),
            "JobFinished" => Self::Worker(WorkerMessage::JobFinished(read(fields), data)),
            "CallRequest" => Self::Worker(WorkerMessage::CallRequest(read(fields), data)),
            "CallResponse" => Self::Host(HostMessage::CallResponse(read(fields), data)),
            "DumpStacks" => Self::Host(HostMessage::DumpStacks),
            "StackDump" => Self::Worker(WorkerMessage::StackDump(read(fields))),
            _ => panic!("no message {name}"),
        }
    }

    fn receiver(&self) -> Receiver {
        match self {
            Self::Host(_) => Receiver::Worker,
            Self::Worker(_) => Receiver::Host,
        }
    }

    fn encode(&self) -> BytesMut {
        let frame: EncodedFrame = match self {
            Self::Host(message) => message.encode().unwrap(),
            Self::Worker(message) => message.encode().unwrap(),
        };
        let mut written = BytesMut::new();
        frame.write_to(&mut written);
        assert_eq!(frame.wire_len(), written.len());
        assert_eq!(frame.length() + 4, written.len());
        written
    }
}

#[derive(Clone, Copy)]
enum Receiver {
    Host,
    Worker,
}

impl Receiver {
    fn of(entry: &Value) -> Self {
        match text(entry, "to") {
            "host" => Self::Host,
            "worker" => Self::Worker,
            other => panic!("no side {other}"),
        }
    }

    fn decode(self, frame: Frame) -> Result<Option<Message>, DecodeError> {
        Ok(match self {
            Self::Host => WorkerMessage::decode(frame)?.map(Message::Worker),
            Self::Worker => HostMessage::decode(frame)?.map(Message::Host),
        })
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

enum Failure {
    Frame(FrameError),
    Decode(DecodeError),
}

/// Everything in a stream that ends after `bytes`.
fn read_stream(limit: u32, bytes: &[u8]) -> (Vec<Frame>, Option<FrameError>) {
    let mut codec = FrameCodec::new(limit);
    let mut buffer = BytesMut::from(bytes);
    let mut frames = Vec::new();
    loop {
        match codec.decode_eof(&mut buffer) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

fn only_frame(bytes: &[u8]) -> Frame {
    let (mut frames, failure) = read_stream(greenroom_protocol::HANDSHAKE_FRAME, bytes);
    assert_eq!((frames.len(), failure), (1, None));
    frames.remove(0)
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

/// An error is called as its variant in the crate is.
fn assert_failure(failure: Option<&Failure>, entry: &Value) {
    let (name, requirement) = match failure {
        None => (None, None),
        Some(Failure::Frame(error)) => (Some(format!("{error:?}")), Some(error.requirement())),
        Some(Failure::Decode(error)) => (Some(format!("{error:?}")), Some(error.requirement())),
    };
    let name = name
        .as_deref()
        .and_then(|debug| debug.split([' ', '(']).next());
    assert_eq!(name, entry["error"].as_str(), "{entry}");
    assert_eq!(requirement, entry["requirement"].as_str(), "{entry}");
}

/// A value that says exactly what the JSON says: no key is missing and none is left over.
fn read<T: DeserializeOwned + Serialize>(value: &Value) -> T {
    let parsed = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&parsed).unwrap(), *value);
    parsed
}

fn number(name: &str) -> MessageType {
    (0..=u16::MAX)
        .map(MessageType)
        .find(|kind| kind.name() == Some(name))
        .unwrap_or_else(|| panic!("no message {name}"))
}
