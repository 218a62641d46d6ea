//! The messages of protocol version 1, and who may send which.
//!
//! Times are durations in milliseconds or microseconds, never points in time: the two sides share
//! no clock. Job and call numbers are chosen by whoever begins them and never used twice on a
//! connection.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::body::{MAX_FIELDS, decode, encode, split};
use crate::frame::HEADER;
use crate::{
    CancelReason, Capabilities, DeadlineKind, DecodeError, EncodeError, EncodedFrame, FailureKind,
    Frame, InitializeCode, Limits, MAX_FRAME_CEILING, MessageType, ShutdownReason,
};

/// What a host says to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMessage {
    /// The first message of a connection, with the user's arguments for the worker's preparation.
    InitializeRequest(InitializeRequest, Bytes),
    /// Are you there?
    Ping(Ping),
    /// Finish and leave.
    Shutdown(Shutdown),
    /// Run this; the data is the beginning of the job's input.
    StartJob(StartJob, Bytes),
    /// More of a job's input.
    JobInput(JobInput, Bytes),
    /// Stop a job.
    CancelJob(CancelJob),
    /// A job may send more output.
    JobWindow(JobWindow),
    /// What the host answers to a [`CallRequest`]; the data is the result if it went well.
    CallResponse(CallResponse, Bytes),
    /// Say what every thread is doing.
    DumpStacks,
}

/// What a worker says to its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerMessage {
    /// The answer to [`InitializeRequest`], once the worker is prepared.
    InitializeResponse(InitializeResponse),
    /// I am here.
    Pong(Pong),
    /// I have read [`Shutdown`].
    ShuttingDown(ShuttingDown),
    /// My last message.
    Exiting(Exiting),
    /// I need more time.
    ExtendDeadline(ExtendDeadline),
    /// Give me no more jobs and replace me.
    Retire(Retire),
    /// A job is about to run.
    JobAccepted(JobAccepted),
    /// A piece of a job's output.
    JobOutput(JobOutput, Bytes),
    /// A job's one and only end; the data is the last piece of its output.
    JobFinished(JobFinished, Bytes),
    /// A question to the host; the data is the argument.
    CallRequest(CallRequest, Bytes),
    /// The answer to [`HostMessage::DumpStacks`].
    StackDump(StackDump),
}

/// Frozen: this layout never changes, only `extensions` grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitializeRequest {
    /// The lowest protocol version that the host speaks.
    pub protocol_min: u16,
    /// The highest protocol version that the host speaks.
    pub protocol_max: u16,
    /// The host's optional features.
    pub capabilities: Capabilities,
    /// The worker's place in its pool: stable over restarts.
    pub slot: u32,
    /// How many workers stood in that place before this one.
    pub generation: u64,
    /// The host program.
    pub host_name: String,
    /// The host program's version.
    pub host_version: String,
    /// What the host is willing to receive, and how much a job may send.
    pub limits: Limits,
    /// How often the host pings.
    pub ping_interval_ms: u64,
    /// After how long a silence the host kills.
    pub ping_timeout_ms: u64,
    /// From which answer time on the host warns.
    pub high_ping_ms: u64,
    /// How long the worker may take until its response.
    pub initialize_timeout_ms: u64,
    /// How long the worker may take to leave.
    pub close_timeout_ms: u64,
    /// Which log records the host wants, for example `info` or `warn,my_crate=debug`.
    pub log_filter: String,
    /// What later versions add.
    pub extensions: Vec<Extension>,
}

/// Something that a later version adds to the handshake. Unknown numbers are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Which extension.
    pub number: u32,
    /// Its content, as that extension defines it.
    pub content: Vec<u8>,
}

/// Frozen: this layout never changes, only `extensions` grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitializeResponse {
    /// Why the worker cannot be used; `None` if it is ready.
    pub error: Option<InitializeError>,
    /// The version that the worker chose from the host's range; if it chose none, its own highest.
    pub protocol: u16,
    /// The worker's optional features.
    pub capabilities: Capabilities,
    /// What the worker is willing to receive and send.
    pub limits: Limits,
    /// How many jobs it runs at a time: at least 1 if it is ready.
    pub slots: u32,
    /// The worker program.
    pub name: String,
    /// The worker program's version.
    pub version: String,
    /// What was built; equal for equal programs, or empty.
    pub build_id: String,
    /// The library that speaks for the worker, with its version.
    pub sdk: String,
    /// The worker's own process number.
    pub pid: u32,
    /// What later versions add.
    pub extensions: Vec<Extension>,
}

/// Why a worker could not initialize.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitializeError {
    /// The kind of failure.
    pub code: InitializeCode,
    /// In words.
    pub message: String,
}

/// Are you there?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Which ping; the answer repeats it.
    pub seq: u64,
}

/// The answer to a [`Ping`], produced where the handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// The ping's number.
    pub seq: u64,
    /// Jobs that are running.
    pub jobs: u32,
    /// How late the loop that runs the handler was, at its worst since the last pong.
    pub lag_us: u64,
}

/// Finish and leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shutdown {
    /// Why.
    pub reason: ShutdownReason,
    /// How long the worker may take until it has exited.
    pub grace_ms: u64,
}

/// The acknowledgement of [`Shutdown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShuttingDown {
    /// Jobs that are still running.
    pub jobs: u32,
}

/// A worker's last message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exiting {
    /// Why it leaves, in words.
    pub reason: String,
}

/// A worker needs more time. The host grants it up to its own hard maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendDeadline {
    /// Which deadline.
    pub which: DeadlineKind,
    /// Which job, for a job's deadline; otherwise 0.
    pub job: u64,
    /// How much more time.
    pub extra_ms: u64,
}

/// Give me no more jobs and replace me.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retire {
    /// Why, in words.
    pub reason: String,
}

/// The beginning of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartJob {
    /// The job's number on this connection.
    pub job: u64,
    /// The job's identity for people and logs: the same in every attempt.
    pub id: String,
    /// What kind of job it is.
    pub name: String,
    /// What the caller wants the handler to know beside the input.
    pub metadata: Vec<Pair>,
    /// A W3C `traceparent`, or empty.
    pub traceparent: String,
    /// How long the job may take; 0 means no limit.
    pub deadline_ms: u64,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// Whether the data of this message is the whole input.
    pub last: bool,
}

/// One entry of a job's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pair {
    /// The entry's name.
    pub key: String,
    /// The entry's value.
    pub value: String,
}

/// More of a job's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobInput {
    /// Which job.
    pub job: u64,
    /// Whether the input ends with this message's data.
    pub last: bool,
}

/// Stop a job. Its end is still a [`JobFinished`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelJob {
    /// Which job.
    pub job: u64,
    /// Why.
    pub reason: CancelReason,
}

/// A job may send more output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobWindow {
    /// Which job.
    pub job: u64,
    /// How many more bytes.
    pub bytes: u32,
}

/// A job is about to run: from here on its loss is no longer harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobAccepted {
    /// Which job.
    pub job: u64,
}

/// A piece of a job's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOutput {
    /// Which job.
    pub job: u64,
}

/// A job's one and only end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFinished {
    /// Which job.
    pub job: u64,
    /// Whether it stopped because it was told to.
    pub cancelled: bool,
    /// What went wrong; `None` if nothing did. Never set together with `cancelled`.
    pub failure: Option<JobFailure>,
}

/// What went wrong in a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// In words.
    pub message: String,
    /// Whether the same job may succeed another time.
    pub retryable: bool,
}

/// A worker asks its host for something while it runs a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRequest {
    /// The call's number on this connection.
    pub call: u64,
    /// What is asked for.
    pub method: String,
}

/// The host's answer to a [`CallRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallResponse {
    /// The call's number.
    pub call: u64,
    /// What went wrong; `None` if the data is the result.
    pub error: Option<String>,
}

/// What every thread of a worker was doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackDump {
    /// For people.
    pub text: String,
}

impl HostMessage {
    /// The message's type number.
    pub const fn kind(&self) -> MessageType {
        match self {
            Self::InitializeRequest(..) => MessageType::INITIALIZE_REQUEST,
            Self::Ping(_) => MessageType::PING,
            Self::Shutdown(_) => MessageType::SHUTDOWN,
            Self::StartJob(..) => MessageType::START_JOB,
            Self::JobInput(..) => MessageType::JOB_INPUT,
            Self::CancelJob(_) => MessageType::CANCEL_JOB,
            Self::JobWindow(_) => MessageType::JOB_WINDOW,
            Self::CallResponse(..) => MessageType::CALL_RESPONSE,
            Self::DumpStacks => MessageType::DUMP_STACKS,
        }
    }

    /// The message as a frame. The peer's own limit may be lower than [`MAX_FRAME_CEILING`]:
    /// compare [`EncodedFrame::length`] with it.
    pub fn encode(&self) -> Result<EncodedFrame, EncodeError> {
        let (head, data) = match self {
            Self::InitializeRequest(fields, data) => (encode(fields), data.clone()),
            Self::Ping(fields) => (encode(fields), Bytes::new()),
            Self::Shutdown(fields) => (encode(fields), Bytes::new()),
            Self::StartJob(fields, data) => (encode(fields), data.clone()),
            Self::JobInput(fields, data) => (encode(fields), data.clone()),
            Self::CancelJob(fields) => (encode(fields), Bytes::new()),
            Self::JobWindow(fields) => (encode(fields), Bytes::new()),
            Self::CallResponse(fields, data) => (encode(fields), data.clone()),
            Self::DumpStacks => (encode(&()), Bytes::new()),
        };
        seal(self.kind(), head, data)
    }

    /// The message in a frame that a worker received; `None` if the frame is to be skipped.
    pub fn decode(frame: Frame) -> Result<Option<Self>, DecodeError> {
        let Frame { kind, body } = frame;
        Ok(Some(match kind {
            MessageType::INITIALIZE_REQUEST => with_data(Self::InitializeRequest, kind, body)?,
            MessageType::PING => Self::Ping(decode(kind, body)?),
            MessageType::SHUTDOWN => Self::Shutdown(decode(kind, body)?),
            MessageType::START_JOB => with_data(Self::StartJob, kind, body)?,
            MessageType::JOB_INPUT => with_data(Self::JobInput, kind, body)?,
            MessageType::CANCEL_JOB => Self::CancelJob(decode(kind, body)?),
            MessageType::JOB_WINDOW => Self::JobWindow(decode(kind, body)?),
            MessageType::CALL_RESPONSE => with_data(Self::CallResponse, kind, body)?,
            MessageType::DUMP_STACKS => {
                decode::<()>(kind, body)?;
                Self::DumpStacks
            }
            _ => return skip_or_refuse(kind),
        }))
    }
}

impl WorkerMessage {
    /// The message's type number.
    pub const fn kind(&self) -> MessageType {
        match self {
            Self::InitializeResponse(_) => MessageType::INITIALIZE_RESPONSE,
            Self::Pong(_) => MessageType::PONG,
            Self::ShuttingDown(_) => MessageType::SHUTTING_DOWN,
            Self::Exiting(_) => MessageType::EXITING,
            Self::ExtendDeadline(_) => MessageType::EXTEND_DEADLINE,
            Self::Retire(_) => MessageType::RETIRE,
            Self::JobAccepted(_) => MessageType::JOB_ACCEPTED,
            Self::JobOutput(..) => MessageType::JOB_OUTPUT,
            Self::JobFinished(..) => MessageType::JOB_FINISHED,
            Self::CallRequest(..) => MessageType::CALL_REQUEST,
            Self::StackDump(_) => MessageType::STACK_DUMP,
        }
    }

    /// The message as a frame. The peer's own limit may be lower than [`MAX_FRAME_CEILING`]:
    /// compare [`EncodedFrame::length`] with it.
    pub fn encode(&self) -> Result<EncodedFrame, EncodeError> {
        let (head, data) = match self {
            Self::InitializeResponse(fields) => (encode(fields), Bytes::new()),
            Self::Pong(fields) => (encode(fields), Bytes::new()),
            Self::ShuttingDown(fields) => (encode(fields), Bytes::new()),
            Self::Exiting(fields) => (encode(fields), Bytes::new()),
            Self::ExtendDeadline(fields) => (encode(fields), Bytes::new()),
            Self::Retire(fields) => (encode(fields), Bytes::new()),
            Self::JobAccepted(fields) => (encode(fields), Bytes::new()),
            Self::JobOutput(fields, data) => (encode(fields), data.clone()),
            Self::JobFinished(fields, data) => (encode(fields), data.clone()),
            Self::CallRequest(fields, data) => (encode(fields), data.clone()),
            Self::StackDump(fields) => (encode(fields), Bytes::new()),
        };
        seal(self.kind(), head, data)
    }

    /// The message in a frame that a host received; `None` if the frame is to be skipped.
    pub fn decode(frame: Frame) -> Result<Option<Self>, DecodeError> {
        let Frame { kind, body } = frame;
        Ok(Some(match kind {
            MessageType::INITIALIZE_RESPONSE => Self::InitializeResponse(decode(kind, body)?),
            MessageType::PONG => Self::Pong(decode(kind, body)?),
            MessageType::SHUTTING_DOWN => Self::ShuttingDown(decode(kind, body)?),
            MessageType::EXITING => Self::Exiting(decode(kind, body)?),
            MessageType::EXTEND_DEADLINE => Self::ExtendDeadline(decode(kind, body)?),
            MessageType::RETIRE => Self::Retire(decode(kind, body)?),
            MessageType::JOB_ACCEPTED => Self::JobAccepted(decode(kind, body)?),
            MessageType::JOB_OUTPUT => with_data(Self::JobOutput, kind, body)?,
            MessageType::JOB_FINISHED => {
                let (fields, data) = split::<JobFinished>(kind, body)?;
                if fields.cancelled && fields.failure.is_some() {
                    return Err(DecodeError::Malformed {
                        kind,
                        detail: "both cancelled and failed".into(),
                    });
                }
                Self::JobFinished(fields, data)
            }
            MessageType::CALL_REQUEST => with_data(Self::CallRequest, kind, body)?,
            MessageType::STACK_DUMP => Self::StackDump(decode(kind, body)?),
            _ => return skip_or_refuse(kind),
        }))
    }
}

/// `head` is room for the header and the fields.
fn seal(kind: MessageType, head: Vec<u8>, data: Bytes) -> Result<EncodedFrame, EncodeError> {
    let fields = head.len() - HEADER;
    if fields > MAX_FIELDS as usize {
        return Err(EncodeError::FieldsTooLarge {
            kind,
            length: fields,
            max: MAX_FIELDS,
        });
    }
    let length = size_of::<u16>() + fields + data.len();
    if length > MAX_FRAME_CEILING as usize {
        return Err(EncodeError::TooLarge {
            kind,
            length,
            max: MAX_FRAME_CEILING,
        });
    }
    Ok(EncodedFrame::new(kind, head, data))
}

fn with_data<T, M>(
    message: impl FnOnce(T, Bytes) -> M,
    kind: MessageType,
    body: Bytes,
) -> Result<M, DecodeError>
where
    T: Serialize + serde::de::DeserializeOwned,
{
    let (fields, data) = split(kind, body)?;
    Ok(message(fields, data))
}

/// For a number that is no message from this direction.
fn skip_or_refuse<M>(kind: MessageType) -> Result<Option<M>, DecodeError> {
    if kind.name().is_some() {
        Err(DecodeError::WrongDirection(kind))
    } else if kind.is_ignorable() {
        Ok(None)
    } else {
        Err(DecodeError::UnknownType(kind))
    }
}
