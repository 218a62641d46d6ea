//! What the crate does, found out from outside: names, directions, data, layouts.

use std::collections::BTreeMap;

use bytes::Bytes;
use greenroom_protocol::{
    CallRequest, CallResponse, CancelJob, DecodeError, Exiting, ExtendDeadline, Frame, HostMessage,
    InitializeRequest, InitializeResponse, JobAccepted, JobFinished, JobInput, JobOutput,
    JobWindow, MessageType, Ping, Pong, Retire, Shutdown, ShuttingDown, StackDump, StartJob,
    WorkerMessage,
};

use crate::registry_file::Direction;
use crate::struct_layout::{Fields, layout_of};
use crate::vector_file::{hex, load, text};

/// The names of all numbers that have one.
pub(crate) fn names(name: impl Fn(u16) -> Option<&'static str>) -> BTreeMap<u16, String> {
    (0..=u16::MAX)
        .filter_map(|number| Some((number, name(number)?.to_owned())))
        .collect()
}

/// The side that refuses a message knows that the other one is its receiver.
pub(crate) fn direction_of(kind: MessageType) -> Option<Direction> {
    let frame = Frame {
        kind,
        body: Bytes::new(),
    };
    let refused = Err(DecodeError::WrongDirection(kind));
    let by_host = WorkerMessage::decode(frame.clone()).map(drop) == refused;
    let by_worker = HostMessage::decode(frame).map(drop) == refused;
    match (by_host, by_worker) {
        (true, false) => Some(Direction::HostToWorker),
        (false, true) => Some(Direction::WorkerToHost),
        _ => None,
    }
}

/// Whether one more byte at the end of some frame of this message is data, or trailing.
pub(crate) fn has_data(name: &str) -> Option<bool> {
    let entries = load("messages.json");
    let entry = entries.iter().find(|entry| entry["message"] == name)?;
    let frame = Frame {
        kind: (0..=u16::MAX)
            .map(MessageType)
            .find(|kind| kind.name() == Some(text(entry, "message")))?,
        body: [&hex(entry, "hex")[6..], &[0]].concat().into(),
    };
    let decoded = match direction_of(frame.kind)? {
        Direction::HostToWorker => HostMessage::decode(frame).map(drop),
        Direction::WorkerToHost => WorkerMessage::decode(frame).map(drop),
    };
    match decoded {
        Ok(()) => Some(true),
        Err(DecodeError::Trailing { extra: 1, .. }) => Some(false),
        Err(other) => panic!("{name}: {other}"),
    }
}

pub(crate) fn struct_of(message: &str) -> Option<(Fields, Vec<(String, Fields)>)> {
    Some(match message {
        "InitializeRequest" => layout_of::<InitializeRequest>(),
        "InitializeResponse" => layout_of::<InitializeResponse>(),
        "Ping" => layout_of::<Ping>(),
        "Pong" => layout_of::<Pong>(),
        "Shutdown" => layout_of::<Shutdown>(),
        "ShuttingDown" => layout_of::<ShuttingDown>(),
        "Exiting" => layout_of::<Exiting>(),
        "ExtendDeadline" => layout_of::<ExtendDeadline>(),
        "Retire" => layout_of::<Retire>(),
        "StartJob" => layout_of::<StartJob>(),
        "JobInput" => layout_of::<JobInput>(),
        "CancelJob" => layout_of::<CancelJob>(),
        "JobWindow" => layout_of::<JobWindow>(),
        "JobAccepted" => layout_of::<JobAccepted>(),
        "JobOutput" => layout_of::<JobOutput>(),
        "JobFinished" => layout_of::<JobFinished>(),
        "CallRequest" => layout_of::<CallRequest>(),
        "CallResponse" => layout_of::<CallResponse>(),
        // The crate has no struct for nothing.
        "DumpStacks" => (Vec::new(), Vec::new()),
        "StackDump" => layout_of::<StackDump>(),
        _ => return None,
    })
}
