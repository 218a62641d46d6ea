"""What the user of this library writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .job import Job
from .messages import DEADLINE_INITIALIZE, ExtendDeadline, InitializeRequest
from .outbox import Outbox

Result = bytes | bytearray | memoryview | str | None
Handle = Callable[[Job], Awaitable[Result]]


class Start:
    """What the host says before the first job.

    - `arguments`: the user's arguments for the preparation
    - `host`: name, version and settings of the host, as in `InitializeRequest`
    """

    def __init__(self, host: InitializeRequest, arguments: bytes, outbox: Outbox) -> None:
        self.host = host
        self.arguments = arguments
        self._outbox = outbox

    def extend_deadline(self, extra_ms: int) -> None:
        """Asks for more time. The host does not answer, and may grant less or nothing."""
        self._outbox.put(ExtendDeadline(DEADLINE_INITIALIZE, 0, extra_ms))


class Handler:
    """A base for handlers that are more than one function. Every part may be left as it is."""

    slots = 1
    """How many jobs run at a time, 1 to 65,536. Read after `initialize`."""

    name = ""
    """For people; by default the program's file name."""

    version = ""
    """For people."""

    async def initialize(self, start: Start) -> None:
        """Prepares the worker. An exception makes it unusable, and is told to the host."""

    async def handle(self, job: Job) -> Result:
        """Does a job. What it returns is the end of the job's output."""
        raise NotImplementedError

    async def shutdown(self, reason: int) -> None:
        """Tidies up after the last job, or when the host has gone (reason 4)."""


class FunctionHandler(Handler):
    def __init__(self, function: Handle) -> None:
        self.function = function

    async def handle(self, job: Job) -> Result:
        return await self.function(job)


def as_handler(handler: Handler | Handle) -> Handler:
    return handler if isinstance(handler, Handler) else FunctionHandler(handler)


def as_bytes(result: Result) -> bytes:
    if result is None:
        return b""
    if isinstance(result, str):
        return result.encode("utf-8", "surrogateescape")
    if isinstance(result, bytes | bytearray | memoryview):
        return bytes(result)
    raise TypeError(f"a handler returns bytes, str or None, not {type(result).__name__}")
