"""Every message of version 1, with its fields in wire order: `messages.toml` for Python.

The annotations are the layout: `codec.py` reads them. So this file must not postpone their
evaluation (no `from __future__ import annotations`).
"""

from typing import Annotated, NamedTuple

U16 = Annotated[int, "u16"]
U32 = Annotated[int, "u32"]
U64 = Annotated[int, "u64"]

# Numbers with names. A number that nobody knows yet is kept (GR-3.3-1), so they are no `Enum`.
ShutdownReason = Annotated[int, "ShutdownReason"]
CancelReason = Annotated[int, "CancelReason"]
DeadlineKind = Annotated[int, "DeadlineKind"]
FailureKind = Annotated[int, "FailureKind"]
InitializeCode = Annotated[int, "InitializeCode"]
Capabilities = Annotated[int, "Capabilities"]

REQUESTED, RETIRED, SURPLUS, HOST_GONE = 1, 2, 3, 4  # ShutdownReason
CANCEL_REQUESTED, CANCEL_DEADLINE = 1, 2  # CancelReason
DEADLINE_INITIALIZE, DEADLINE_JOB, DEADLINE_CLOSE = 1, 2, 3  # DeadlineKind
KIND_ERROR, KIND_PANIC, KIND_INVALID_INPUT, KIND_REJECTED = 1, 2, 3, 4  # FailureKind
CODE_FAILED, CODE_VERSION = 1, 2  # InitializeCode
STACK_DUMP = 1 << 0  # Capabilities


class Limits(NamedTuple):
    max_frame: U32
    max_payload: U64
    output_window: U32


class Extension(NamedTuple):
    number: U32
    content: bytes


class InitializeError(NamedTuple):
    code: InitializeCode
    message: str


class Pair(NamedTuple):
    key: str
    value: str


class JobFailure(NamedTuple):
    kind: FailureKind
    message: str
    retryable: bool


class InitializeRequest(NamedTuple):
    protocol_min: U16
    protocol_max: U16
    capabilities: Capabilities
    slot: U32
    generation: U64
    host_name: str
    host_version: str
    limits: Limits
    ping_interval_ms: U64
    ping_timeout_ms: U64
    high_ping_ms: U64
    initialize_timeout_ms: U64
    close_timeout_ms: U64
    log_filter: str
    extensions: tuple[Extension, ...]


class InitializeResponse(NamedTuple):
    error: InitializeError | None
    protocol: U16
    capabilities: Capabilities
    limits: Limits
    slots: U32
    name: str
    version: str
    build_id: str
    sdk: str
    pid: U32
    extensions: tuple[Extension, ...]


class Ping(NamedTuple):
    seq: U64


class Pong(NamedTuple):
    seq: U64
    jobs: U32
    lag_us: U64


class Shutdown(NamedTuple):
    reason: ShutdownReason
    grace_ms: U64


class ShuttingDown(NamedTuple):
    jobs: U32


class Exiting(NamedTuple):
    reason: str


class ExtendDeadline(NamedTuple):
    which: DeadlineKind
    job: U64
    extra_ms: U64


class Retire(NamedTuple):
    reason: str


class StartJob(NamedTuple):
    job: U64
    id: str
    name: str
    metadata: tuple[Pair, ...]
    traceparent: str
    deadline_ms: U64
    attempt: U32
    last: bool


class JobInput(NamedTuple):
    job: U64
    last: bool


class CancelJob(NamedTuple):
    job: U64
    reason: CancelReason


class JobWindow(NamedTuple):
    job: U64
    bytes: U32


class JobAccepted(NamedTuple):
    job: U64


class JobOutput(NamedTuple):
    job: U64


class JobFinished(NamedTuple):
    job: U64
    cancelled: bool
    failure: JobFailure | None


class CallRequest(NamedTuple):
    call: U64
    method: str


class CallResponse(NamedTuple):
    call: U64
    error: str | None


class DumpStacks(NamedTuple):
    pass


class StackDump(NamedTuple):
    text: str


FromHost = (
    InitializeRequest
    | Ping
    | Shutdown
    | StartJob
    | JobInput
    | CancelJob
    | JobWindow
    | CallResponse
    | DumpStacks
)
FromWorker = (
    InitializeResponse
    | Pong
    | ShuttingDown
    | Exiting
    | ExtendDeadline
    | Retire
    | JobAccepted
    | JobOutput
    | JobFinished
    | CallRequest
    | StackDump
)
Message = FromHost | FromWorker

NUMBERS: dict[type[Message], int] = {
    InitializeRequest: 1,
    InitializeResponse: 2,
    Ping: 3,
    Pong: 4,
    Shutdown: 5,
    ShuttingDown: 6,
    Exiting: 7,
    ExtendDeadline: 8,
    Retire: 9,
    StartJob: 16,
    JobInput: 17,
    CancelJob: 18,
    JobWindow: 19,
    JobAccepted: 20,
    JobOutput: 21,
    JobFinished: 22,
    CallRequest: 32,
    CallResponse: 33,
    DumpStacks: 48,
    StackDump: 49,
}

WITH_DATA: frozenset[type[Message]] = frozenset(
    (InitializeRequest, StartJob, JobInput, JobOutput, JobFinished, CallRequest, CallResponse)
)
