#!/usr/bin/env python3
"""The worker under test of section 9.1 of the protocol's text: every job that it describes."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable

from greenroom_worker import CallRefused, Failure, Handler, InvalidInput, Job, Result, Start, run

PATTERN = bytes(range(251))


async def jobs(_: Job) -> Result:
    return "\n".join(["greenroom-conformance 1", *(name for name in JOBS if name != LIST), ""])


async def echo(job: Job) -> Result:
    return job.input


async def produce(job: Job) -> Result:
    total = number(job)
    piece = int(job.metadata.get("piece") or 65_536)
    if piece < 1:
        raise InvalidInput("a piece has one byte at least")
    source = PATTERN * (piece // 251 + 2)
    for begin in range(0, total, piece):
        size = min(piece, total - begin)
        await job.output(source[begin % 251 : begin % 251 + size])
    return None


async def describe(job: Job) -> Result:
    lines = [
        f"id={job.id}",
        f"name={job.name}",
        f"attempt={job.attempt}",
        f"traceparent={job.traceparent}",
        f"deadline_ms={job.deadline_ms}",
    ]
    lines += [f"meta.{key}={value}" for key, value in job.metadata]
    return "\n".join([*lines, ""])


async def wait(job: Job) -> Result:
    await job.output(b"begun")
    # A cancel raises here; a shutdown is the other way to end.
    await job.shutdown
    raise asyncio.CancelledError


async def deaf(job: Job) -> Result:
    await job.output(b"begun")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass


async def block(job: Job) -> Result:
    duration = number(job) / 1000
    await job.output(b"begun")
    time.sleep(duration)  # noqa: ASYNC251 - keeping the loop to itself is what it is for
    return "blocked"


async def fail(job: Job) -> Result:
    raise Failure(text(job), retryable=job.metadata.get("retryable") == "true")


async def crash(job: Job) -> Result:
    raise RuntimeError(text(job))


async def call(job: Job) -> Result:
    return await job.call(job.metadata.get("method") or "", job.input)


async def calls(job: Job) -> Result:
    try:
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(job.call("echo", str(index).encode()))
                for index in range(number(job))
            ]
    except* CallRefused as refused:
        raise refused.exceptions[0] from None
    return b"".join(task.result() + b"\n" for task in asked)


async def extend(job: Job) -> Result:
    job.extend_deadline(number(job))
    return "extended"


async def retire(job: Job) -> Result:
    job.retire(text(job))
    return "retired"


async def log(job: Job) -> Result:
    logging.getLogger("conformance").info("%s", text(job))
    print(text(job), flush=True)
    return "logged"


async def grandchild(_: Job) -> Result:
    # Descriptors are inherited unless they are closed on exec: `close_fds` would hide a fault.
    return str(os.posix_spawnp("sleep", ["sleep", "60"], os.environ))  # noqa: ASYNC221


async def exit(job: Job) -> Result:
    os._exit(number(job))


def text(job: Job) -> str:
    return job.input.decode()


def number(job: Job) -> int:
    try:
        return int(job.input)
    except ValueError:
        raise InvalidInput(f"{job.input[:40]!r} is no decimal number") from None


LIST = "conformance.jobs"
JOBS: dict[str, Callable[[Job], Awaitable[Result]]] = {
    LIST: jobs,
    **{
        f"conformance.{job.__name__}": job
        for job in (
            echo,
            produce,
            describe,
            wait,
            deaf,
            block,
            fail,
            crash,
            call,
            calls,
            extend,
            retire,
            log,
            grandchild,
            exit,
        )
    },
}


class Conformance(Handler):
    name = "conformance-worker-python"
    version = "1"

    async def initialize(self, start: Start) -> None:
        order, _, rest = start.arguments.decode().partition(" ")
        if order == "fail":
            raise Failure(rest)
        if order == "extend":
            start.extend_deadline(int(rest))
        elif order == "wait":
            await asyncio.Event().wait()
        elif order == "slots":
            self.slots = int(rest)
        elif order:
            raise Failure(f"the preparation {order!r} is not known")

    async def handle(self, job: Job) -> Result:
        work = JOBS.get(job.name)
        if work is None:
            raise InvalidInput(f"the job {job.name!r} is not known")
        return await work(job)


if __name__ == "__main__":
    run(Conformance())
