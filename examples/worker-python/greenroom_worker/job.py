"""One job, as its handler sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from .calls import Calls
from .frames import frame
from .messages import (
    DEADLINE_JOB,
    ExtendDeadline,
    JobFinished,
    JobOutput,
    Limits,
    Retire,
    StartJob,
)
from .outbox import Outbox
from .signal import Signal
from .wire import TooLong, shortened

T = TypeVar("T")

LEAST_COST = 64
"""What an output counts at least towards the window (GR-5.5-1)."""

REASON_MAX = 4096


class Metadata(tuple[tuple[str, str], ...]):
    """The pairs in the host's order; a key may come more than once."""

    def get(self, key: str, default: str | None = None) -> str | None:
        """The value of the first pair with this key."""
        return next((value for name, value in self if name == key), default)


class Job:
    """All of it belongs to the event loop, but a flag may be tested from any thread.

    - `id`: the job's name for people, the same in every attempt
    - `name`: what kind of job it is
    - `attempt`: from 1
    - `metadata`: ordered pairs
    - `traceparent`: a W3C traceparent, or empty
    - `deadline_ms`: the time that it has, from when the host started it; 0 for no limit
    - `input`: the whole of it
    - `cancelled`: the host has cancelled it. The handler's task is cancelled as well, so that an
      `await` in it raises `asyncio.CancelledError`; one that catches this may end as it likes
    - `shutdown`: the worker has to leave. The job may end well until shortly before the grace is
      over; then its task is cancelled
    """

    def __init__(
        self,
        start: StartJob,
        data: bytes,
        window: int,
        limits: Limits,
        calls: Calls,
        outbox: Outbox,
    ) -> None:
        self.number = start.job
        self.id = start.id
        self.name = start.name
        self.attempt = start.attempt
        self.metadata = Metadata((pair.key, pair.value) for pair in start.metadata)
        self.traceparent = start.traceparent
        self.deadline_ms = start.deadline_ms
        self.input = data
        self.cancelled = Signal()
        self.shutdown = Signal()
        self._credit = window
        self._more_credit = asyncio.Event()
        self._output_turn = asyncio.Lock()
        self._limits = limits
        self._calls = calls
        self._outbox = outbox

    async def output(self, data: bytes) -> None:
        """Sends a piece of the output, when the host's window has room for it.

        It goes as one message if it fits in a frame and in the window; otherwise in several.
        """
        rest = memoryview(data)
        room = self._limits.max_frame - len(frame(JobOutput(self.number), b"", 64)) + 4
        async with self._output_turn:
            while True:
                cost = max(min(len(rest), room), LEAST_COST)
                # Not always for the whole: a host may give back in portions of half a window.
                await self._credit_of(min(cost, self._limits.output_window // 2))
                await self._outbox.room()
                piece = bytes(rest[: min(room, self._credit)])
                self._credit -= max(len(piece), LEAST_COST)
                self._outbox.put(JobOutput(self.number), piece)
                rest = rest[len(piece) :]
                if not rest:
                    return

    async def call(self, method: str, data: bytes = b"") -> bytes:
        """Asks the host. Raises `CallRefused`, or `ValueError` if it does not fit in a frame."""
        return await self._calls.call(method, data)

    def extend_deadline(self, extra_ms: int) -> None:
        """Asks for more time. There is no answer: the host may grant less, or nothing."""
        self._outbox.put(ExtendDeadline(DEADLINE_JOB, self.number, extra_ms))

    def retire(self, reason: str) -> None:
        """Asks the host for no more jobs: this process should be replaced."""
        self._outbox.put(Retire(shortened(reason, REASON_MAX)))

    async def run_blocking(self, function: Callable[[], T]) -> T:
        """The result of a function that blocks, run in a thread, so that other jobs go on.

        Pings are answered meanwhile and say nothing about the function (GR-5.2-2), so it should be
        one that is known to end. A handler that computes does so in steps, with an
        `await asyncio.sleep(0)` between them. A thread cannot be stopped: if the job is cancelled
        this `await` ends, and the function goes on until it returns, unless it tests
        `job.cancelled` and `job.shutdown`.
        """
        return await asyncio.to_thread(function)

    async def _credit_of(self, need: int) -> None:
        while self._credit < need:
            self._more_credit.clear()
            await self._more_credit.wait()

    def _credited(self, more: int) -> None:
        self._credit += more
        self._more_credit.set()

    async def _last_output(self, result: bytes) -> bytes:
        """What of the result goes into `JobFinished`: all of it, unless it does not fit there."""
        finished = JobFinished(self.number, cancelled=False, failure=None)
        try:
            frame(finished, result, self._limits.max_frame)
        except TooLong:
            await self.output(result)
            return b""
        return result
