//! Messages of both sides under one name, built from what the vectors say and read from streams.
#![allow(dead_code, reason = "each test program uses a part of it")]

use bytes::{Bytes, BytesMut};
use greenroom_protocol::{
    DecodeError, EncodedFrame, Frame, FrameCodec, FrameError, HANDSHAKE_FRAME, HostMessage,
    MessageType, WorkerMessage,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::vector_file::text;

/// A message of either side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    Host(HostMessage),
    Worker(WorkerMessage),
}

impl Message {
    /// From what a vector says about it.
    pub(crate) fn build(name: &str, fields: &Value, data: Bytes) -> Self {
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

    pub(crate) fn name(&self) -> &'static str {
        let kind = match self {
            Self::Host(message) => message.kind(),
            Self::Worker(message) => message.kind(),
        };
        kind.name().unwrap()
    }

    pub(crate) fn receiver(&self) -> Receiver {
        match self {
            Self::Host(_) => Receiver::Worker,
            Self::Worker(_) => Receiver::Host,
        }
    }

    pub(crate) fn encode(&self) -> BytesMut {
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
pub(crate) enum Receiver {
    Host,
    Worker,
}

impl Receiver {
    pub(crate) fn of(entry: &Value) -> Self {
        match text(entry, "to") {
            "host" => Self::Host,
            "worker" => Self::Worker,
            other => panic!("no side {other}"),
        }
    }

    pub(crate) fn decode(self, frame: Frame) -> Result<Option<Message>, DecodeError> {
        Ok(match self {
            Self::Host => WorkerMessage::decode(frame)?.map(Message::Worker),
            Self::Worker => HostMessage::decode(frame)?.map(Message::Host),
        })
    }
}

/// What is wrong with a stream.
#[derive(Debug)]
pub(crate) enum Failure {
    Frame(FrameError),
    Decode(DecodeError),
}

/// Everything in a stream that ends after `bytes`.
pub(crate) fn read_stream(limit: u32, bytes: &[u8]) -> (Vec<Frame>, Option<FrameError>) {
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

/// An error is called as its variant in the crate is, and names its requirement.
fn named(failure: Option<&Failure>) -> (Option<String>, Option<&'static str>) {
    let (debug, requirement) = match failure {
        None => return (None, None),
        Some(Failure::Frame(error)) => (format!("{error:?}"), error.requirement()),
        Some(Failure::Decode(error)) => (format!("{error:?}"), error.requirement()),
    };
    let name = debug.split([' ', '(']).next().map(str::to_owned);
    (name, Some(requirement))
}

/// What a receiver refuses first in a stream.
pub(crate) fn refusal(
    receiver: Receiver,
    frames: Vec<Frame>,
    failure: Option<FrameError>,
) -> (Option<String>, Option<&'static str>) {
    let refused = frames
        .into_iter()
        .find_map(|frame| receiver.decode(frame).err());
    let failure = refused.map(Failure::Decode).or(failure.map(Failure::Frame));
    named(failure.as_ref())
}

pub(crate) fn assert_failure(failure: Option<&Failure>, entry: &Value) {
    let (name, requirement) = named(failure);
    assert_eq!(name.as_deref(), entry["error"].as_str(), "{entry}");
    assert_eq!(requirement, entry["requirement"].as_str(), "{entry}");
}

/// A value that says exactly what the JSON says: no key is missing and none is left over.
pub(crate) fn read<T: DeserializeOwned + Serialize>(value: &Value) -> T {
    let parsed = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&parsed).unwrap(), *value);
    parsed
}

pub(crate) fn number(name: &str) -> MessageType {
    (0..=u16::MAX)
        .map(MessageType)
        .find(|kind| kind.name() == Some(name))
        .unwrap_or_else(|| panic!("no message {name}"))
}

/// The frame of a stream that holds one.
pub(crate) fn only_frame(bytes: &[u8]) -> Frame {
    let (mut frames, failure) = read_stream(HANDSHAKE_FRAME, bytes);
    assert_eq!((frames.len(), failure), (1, None));
    frames.remove(0)
}
