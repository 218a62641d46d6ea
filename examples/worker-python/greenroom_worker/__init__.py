"""A worker for Greenroom hosts, in Python's standard library alone.

Theory of operation. `run` takes the host's socket from standard input (`boot`). A thread, the
`Link`, reads and writes it; the protocol's state is a `Session` in that thread, without input or
output of its own, over `frames`, `codec`, `messages` and `wire`. Handlers run on an asyncio event
loop in the main thread (`worker`, `job`, `calls`). The two sides share no state but two queues: an
`Inbox` to the loop, an `Outbox` to the link. So a handler that blocks stops its own loop, and with
it the pongs, as it should; it stops neither the reading, nor the answer to a `Shutdown`, nor the
end of the process when its host has gone. Only code that never gives the interpreter's lock away
stops all of it.
"""

from __future__ import annotations

from typing import NoReturn

from .failures import CallRefused, Failure, InvalidInput
from .handler import Handle, Handler, Result, Start
from .job import Job, Metadata
from .signal import Signal

__all__ = [
    "CallRefused",
    "Failure",
    "Handle",
    "Handler",
    "InvalidInput",
    "Job",
    "Metadata",
    "Result",
    "Signal",
    "Start",
    "run",
]


def run(handler: Handler | Handle) -> NoReturn:
    """Is a worker until the host does not need it any more; then the process exits.

    `handler` is an `async def handler(job: Job) -> bytes | str | None`, or a `Handler`. An
    exception that it does not catch is the job's failure; see `failures.failure_of` for which kind.
    """
    import asyncio
    import sys

    from . import exits
    from .boot import host_socket
    from .handler import as_handler
    from .worker import Worker

    connection = host_socket()

    async def main() -> int:
        return await Worker(as_handler(handler), connection).run()

    # Not `asyncio.run`, which at its end waits for threads that may never end.
    loop = asyncio.new_event_loop()
    code = loop.run_until_complete(main())
    if code == exits.HOST_GONE and exits.leads_group():
        exits.with_group()
    sys.exit(code)
