"""The protocol's state between the handshake and the end, without any input or output.

The link's thread owns it. Bytes from the host go in and come out as events; what the worker says
goes through `send`, which makes it bytes. All that the host must not do is found here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from . import agreement
from .codec import decode
from .frames import HANDSHAKE_FRAME, IGNORABLE_BIT, Decoder, frame
from .messages import (
    KIND_REJECTED,
    NUMBERS,
    STACK_DUMP,
    CallRequest,
    CallResponse,
    CancelJob,
    DumpStacks,
    Exiting,
    ExtendDeadline,
    FromHost,
    FromWorker,
    InitializeRequest,
    InitializeResponse,
    JobAccepted,
    JobFailure,
    JobFinished,
    JobInput,
    JobOutput,
    JobWindow,
    Message,
    Ping,
    Pong,
    Shutdown,
    ShuttingDown,
    StartJob,
)
from .violation import Violation

KINDS: dict[int, type[Message]] = {number: kind for kind, number in NUMBERS.items()}
FROM_HOST = frozenset(FromHost.__args__)

REMEMBERED = 4096
"""How many finished jobs are remembered to find a number that is used twice."""


class Started(NamedTuple):
    """A job whose input is here as a whole."""

    start: StartJob
    input: bytes
    window: int


class Heard(NamedTuple):
    """A message that the place where handlers run has to hear of."""

    message: InitializeRequest | Ping | Shutdown | CancelJob | JobWindow | CallResponse
    data: bytes


class Reply(NamedTuple):
    """What is answered at once, whatever the handler is doing."""

    message: FromWorker | DumpStacks


Event = Started | Heard | Reply


class Arriving:
    """A job whose input has not all come yet."""

    __slots__ = ("parts", "size", "start", "window")

    def __init__(self, start: StartJob, window: int) -> None:
        self.start = start
        self.window = window
        self.parts: list[bytes] = []
        self.size = 0


class Session:
    def __init__(self) -> None:
        self.decoder = Decoder()
        self.request: InitializeRequest | None = None
        self.ready = False
        self.shutting_down = False
        self.exited = False
        self.frame_limit = HANDSHAKE_FRAME
        self.limits = agreement.OWN_LIMITS
        self.capabilities = 0
        self.slots = 0
        self.running: dict[int, Arriving | None] = {}
        self.finished: dict[int, None] = {}
        self.calls: set[int] = set()

    def receive(self, piece: bytes) -> Iterator[Event]:
        """What the host's bytes mean. Raises `Violation`; nothing may be fed after that."""
        for number, body in self.decoder.feed(piece):
            kind = KINDS.get(number)
            if kind is None:
                if number & IGNORABLE_BIT:
                    continue
                raise Violation("UnknownType", "GR-2.4-2", f"a frame of type {number}")
            if kind not in FROM_HOST:
                raise Violation("WrongDirection", "GR-2.4-1", f"{kind.__name__} from the host")
            message, data = decode(kind, body)
            yield from self.judge(message, data)

    def judge(self, message: FromHost, data: bytes) -> Iterator[Event]:
        if self.request is None:
            yield self.requested(message, data)
        elif isinstance(message, InitializeRequest):
            raise Violation("Repeated", "GR-4.1-2", "a second InitializeRequest")
        elif not self.ready and not isinstance(message, Shutdown):
            what = f"{type(message).__name__} before InitializeResponse"
            raise Violation("TooEarly", "GR-4.1-3", what)
        elif isinstance(message, Shutdown):
            self.shutting_down = True
            yield Reply(ShuttingDown(jobs=0))
            yield from self.reject_arriving()
            yield Heard(message, data)
        elif isinstance(message, StartJob):
            yield from self.started(message, data)
        elif isinstance(message, JobInput):
            yield from self.add_input(message.job, data, message.last)
        elif isinstance(message, CancelJob | JobWindow):
            yield from self.job_told(message)
        elif isinstance(message, DumpStacks):
            if not self.capabilities & STACK_DUMP:
                raise Violation("NotAgreed", "GR-5.9-1", "DumpStacks without the capability")
            yield Reply(message)
        else:
            if isinstance(message, CallResponse):
                self.answered(message.call)
            yield Heard(message, data)

    def reject_arriving(self) -> Iterator[Event]:
        """Jobs whose input is not here never start, so another worker may have them (GR-5.4-5)."""
        for job, arriving in list(self.running.items()):
            if arriving is not None:
                failure = JobFailure(KIND_REJECTED, "the worker has to leave", True)
                yield Reply(JobFinished(job, cancelled=False, failure=failure))

    def requested(self, message: FromHost, data: bytes) -> Event:
        if not isinstance(message, InitializeRequest):
            raise Violation("TooEarly", "GR-4.1-2", f"{type(message).__name__} came first")
        self.request = message
        # A host of another version is told so, whatever its limits mean there.
        if agreement.version((message.protocol_min, message.protocol_max)) is not None:
            agreement.check_limits(message.limits)
            agreement.check_extensions(message.extensions)
        return Heard(message, data)

    def started(self, start: StartJob, data: bytes) -> Iterator[Event]:
        if self.shutting_down:
            raise Violation("TooLate", "GR-5.3-3", f"StartJob {start.job} after Shutdown")
        if start.job in self.running or start.job in self.finished:
            raise Violation("Repeated", "GR-5.4-7", f"job number {start.job} a second time")
        if len(self.running) >= self.slots:
            what = f"job {start.job} when {len(self.running)} ran in {self.slots} slots"
            raise Violation("TooMany", "GR-5.4-6", what)
        self.running[start.job] = Arriving(start, self.limits.output_window)
        yield from self.add_input(start.job, data, start.last)

    def add_input(self, job: int, data: bytes, last: bool) -> Iterator[Event]:
        if job not in self.running:
            return  # It can have crossed the job's JobFinished (GR-5.4-10).
        arriving = self.running[job]
        if arriving is None:
            raise Violation("TooLate", "GR-5.4-8", f"input of job {job} after its last")
        arriving.size += len(data)
        if arriving.size > self.limits.max_payload:
            what = f"job {job} has more than {self.limits.max_payload} bytes of input"
            raise Violation("TooLarge", "GR-5.4-9", what)
        if data:
            arriving.parts.append(data)
        if last:
            self.running[job] = None
            yield Started(arriving.start, b"".join(arriving.parts), arriving.window)

    def job_told(self, message: CancelJob | JobWindow) -> Iterator[Event]:
        if message.job not in self.running:
            return  # It can have crossed the job's JobFinished (GR-5.4-10).
        arriving = self.running[message.job]
        if arriving is None:
            yield Heard(message, b"")
        elif isinstance(message, CancelJob):
            # No handler has seen it, so nobody else could end it (GR-5.4-5).
            yield Reply(JobFinished(message.job, cancelled=True, failure=None))
        else:
            arriving.window += message.bytes

    def answered(self, call: int) -> None:
        if call not in self.calls:
            raise Violation("Repeated", "GR-5.6-2", f"an answer to call {call}, which is not open")
        self.calls.remove(call)

    def send(self, message: FromWorker, data: bytes = b"") -> bytes:
        """The frame of what the worker says, or nothing if it may no longer say it.

        Raises `TooLong`.
        """
        if self.exited:
            return b""
        if isinstance(message, JobAccepted | JobOutput | JobFinished):
            if message.job not in self.running:
                return b""
        elif isinstance(message, ExtendDeadline):
            if message.job and message.job not in self.running:
                return b""
        elif isinstance(message, Pong | ShuttingDown):
            message = message._replace(jobs=len(self.running))
        encoded = frame(message, data, self.frame_limit)
        self.sent(message)
        return encoded

    def sent(self, message: FromWorker) -> None:
        if isinstance(message, JobFinished):
            del self.running[message.job]
            self.finished[message.job] = None
            if len(self.finished) > REMEMBERED:
                del self.finished[next(iter(self.finished))]
        elif isinstance(message, CallRequest):
            self.calls.add(message.call)
        elif isinstance(message, Exiting):
            self.exited = True
        elif isinstance(message, InitializeResponse) and message.error is None:
            self.agree(message)

    def agree(self, response: InitializeResponse) -> None:
        assert self.request is not None, "a response has a request"
        self.limits = agreement.limits(self.request.limits, response.limits)
        self.frame_limit = self.decoder.limit = self.limits.max_frame
        self.capabilities = self.request.capabilities & response.capabilities
        self.slots = response.slots
        self.ready = True
