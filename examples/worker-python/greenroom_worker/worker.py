"""The event loop's side of a worker: prepares it, runs its jobs, and leaves."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Coroutine
from typing import Any

from . import agreement, exits, leaving, logs
from .calls import Calls
from .failures import failure_of
from .handler import Handler, Start, as_bytes
from .inbox import Inbox
from .job import Job
from .lag import Lag
from .link import Gone, Link, ToLoop
from .messages import (
    CODE_FAILED,
    CODE_VERSION,
    HOST_GONE,
    STACK_DUMP,
    CallResponse,
    CancelJob,
    Exiting,
    InitializeError,
    InitializeRequest,
    InitializeResponse,
    JobAccepted,
    JobFinished,
    JobWindow,
    Ping,
    Pong,
    Shutdown,
)
from .outbox import Outbox
from .session import Started
from .wire import shortened

log = logging.getLogger("greenroom_worker")

SDK = "greenroom-worker-python 0.1.0"
NAME_MAX = 256
SLOTS_MAX = 65_536


class Worker:
    def __init__(self, handler: Handler, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self.handler = handler
        self.outbox = Outbox(loop)
        self.lag = Lag(loop)
        self.inbox: Inbox[ToLoop] = Inbox(loop, self.hear, self.lag.late, self.outbox.ring)
        self.link = Link(connection, self.inbox, self.outbox)
        self.limits = agreement.OWN_LIMITS
        self.calls = Calls(self.outbox, self.limits.max_frame)
        self.jobs: dict[int, tuple[Job, asyncio.Task[bytes]]] = {}
        self.shutdown_reason: int | None = None
        self.preparing: asyncio.Task[None] | None = None
        self.parting: asyncio.Task[None] | None = None
        self.code: asyncio.Future[int] = loop.create_future()

    async def run(self) -> int:
        """Until the connection is closed; the process's exit status."""
        self.link.start()
        return await self.code

    def hear(self, event: ToLoop) -> None:
        if isinstance(event, Started):
            self.start(event)
            return
        if isinstance(event, Gone):
            self.part(self.gone(event.code))
            return
        message = event.message
        if isinstance(message, Ping):
            self.outbox.put(Pong(message.seq, 0, self.lag.take_us()))
        elif isinstance(message, JobWindow):
            if message.job in self.jobs:
                self.jobs[message.job][0]._credited(message.bytes)
        elif isinstance(message, CallResponse):
            self.calls.answered(message, event.data)
        elif isinstance(message, CancelJob):
            if message.job in self.jobs:
                self.cancel(message.job, message.reason)
        elif isinstance(message, InitializeRequest):
            self.preparing = asyncio.create_task(self.prepare(message, event.data))
        elif self.shutdown_reason is None:
            self.shutdown_reason = message.reason
            self.part(self.leave(message))

    # The handshake.

    async def prepare(self, request: InitializeRequest, arguments: bytes) -> None:
        logs.install(request.log_filter)
        error = None
        if agreement.version((request.protocol_min, request.protocol_max)) is None:
            error = InitializeError(CODE_VERSION, f"it speaks version {agreement.VERSIONS[1]}")
        else:
            error = await self.initialize(request, arguments)
        self.limits = agreement.limits(request.limits)
        self.calls.max_frame = self.limits.max_frame
        self.outbox.put(self.response(error))
        if error is not None:
            self.link.end(exits.NOT_READY)

    async def initialize(
        self, request: InitializeRequest, arguments: bytes
    ) -> InitializeError | None:
        logs.span.set("initialize")
        try:
            await self.handler.initialize(Start(request, arguments, self.outbox))
            if not 1 <= self.handler.slots <= SLOTS_MAX:
                raise ValueError(f"slots = {self.handler.slots}, allowed are 1 to {SLOTS_MAX}")
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            failure = failure_of(error)
            log.error("the preparation failed: %s", failure.message, exc_info=error)
            return InitializeError(CODE_FAILED, failure.message)
        return None

    def response(self, error: InitializeError | None) -> InitializeResponse:
        program = os.path.splitext(os.path.basename(sys.argv[0]))[0]
        return InitializeResponse(
            error=error,
            protocol=agreement.VERSIONS[1],
            capabilities=STACK_DUMP,
            limits=agreement.OWN_LIMITS,
            slots=self.handler.slots if error is None else 1,
            name=shortened(self.handler.name or program, NAME_MAX),
            version=shortened(self.handler.version, NAME_MAX),
            build_id="",
            sdk=SDK,
            pid=os.getpid(),
            extensions=(),
        )

    # Jobs.

    def start(self, event: Started) -> None:
        number = event.start.job
        job = Job(event.start, event.input, event.window, self.limits, self.calls, self.outbox)
        task = asyncio.create_task(self.work(job), name=f"job {number}")
        # Not at the end of `work`: a task that is cancelled at once does not even begin.
        task.add_done_callback(lambda task: self.finish(job, task))
        self.jobs[number] = job, task
        self.lag.watch()

    async def work(self, job: Job) -> bytes:
        logs.span.set("job")
        await self.accept(job)
        try:
            result = await self.handler.handle(job)
        except (SystemExit, KeyboardInterrupt) as error:
            # A task that these leave would end the event loop, and with it the worker.
            fault = RuntimeError(f"the handler raised {error!r}")
            raise fault.with_traceback(error.__traceback__) from error
        return await job._last_output(as_bytes(result))

    def finish(self, job: Job, task: asyncio.Task[bytes]) -> None:
        del self.jobs[job.number]
        if not self.jobs:
            self.lag.rest()
        cancelled = task.cancelled() and bool(job.cancelled or job.shutdown)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        failure = None if cancelled or error is None else failure_of(error)
        if failure is not None:
            log.debug("job %s failed: %s", job.id, failure.message, exc_info=error)
        result = b"" if error is not None else task.result()
        self.outbox.put(JobFinished(job.number, cancelled, failure), result)

    async def accept(self, job: Job) -> None:
        """Waits until the system has it: a handler that kills the process must not come first."""
        written = asyncio.get_running_loop().create_future()
        message = JobAccepted(job.number)
        self.outbox.put(message, written=lambda: self.outbox.later(written))
        await written

    def cancel(self, number: int, reason: int) -> None:
        job, task = self.jobs[number]
        if not job.cancelled:
            job.cancelled.fire(reason)
            task.cancel()

    # The end.

    def part(self, way: Coroutine[Any, Any, None]) -> None:
        """Only one way of leaving is under way; the last one told counts."""
        if self.parting is not None:
            self.parting.cancel()
        self.parting = asyncio.create_task(way)

    async def leave(self, message: Shutdown) -> None:
        """GR-5.3-5: jobs may end well for most of the grace; the link sees to the rest."""
        plan = leaving.plan(message.grace_ms)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(plan.cancel, self.cancel_all)
        if self.preparing is not None:
            self.preparing.cancel()
        for job, _ in self.jobs.values():
            job.shutdown.fire(message.reason)
        await self.all_ended()
        timer.cancel()
        await self.tidy_up(message.reason)
        self.outbox.put(Exiting("shutdown"))
        self.link.end(exits.LEFT)

    async def gone(self, code: int) -> None:
        """The stream has ended. The link ends the process soon, however long this takes."""
        if self.link.ending is None:
            if self.preparing is not None:
                self.preparing.cancel()
            for job, _ in self.jobs.values():
                job.shutdown.fire(HOST_GONE)
            self.cancel_all()
            await self.all_ended()
            await self.tidy_up(HOST_GONE)
        if not self.code.done():
            self.code.set_result(code)

    def cancel_all(self) -> None:
        for _, task in self.jobs.values():
            task.cancel()

    async def all_ended(self) -> None:
        tasks: list[asyncio.Task[Any]] = [task for _, task in self.jobs.values()]
        if self.preparing is not None:
            tasks.append(self.preparing)
        if tasks:
            await asyncio.wait(tasks)

    async def tidy_up(self, reason: int) -> None:
        logs.span.set("shutdown")
        try:
            await self.handler.shutdown(reason)
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            log.error("the handler's shutdown failed: %s", error, exc_info=error)
