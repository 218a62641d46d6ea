"""The thread that reads and writes the host's socket.

It has a thread of its own so that the worker does what the protocol asks for while a handler keeps
the event loop to itself: it goes on reading while it waits to write (GR-1.3-1), acknowledges a
`Shutdown` (GR-5.3-2), shows its stacks (GR-5.9-2), and ends the process when the stream has ended
(GR-1.3-2) or the grace is over (GR-5.3-4). A `Ping` is answered by the loop only (GR-5.2-2).
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from . import exits, leaving, stacks
from .inbox import Inbox
from .logs import last_words
from .messages import (
    DumpStacks,
    Exiting,
    FromWorker,
    JobFinished,
    Shutdown,
    StackDump,
)
from .outbox import Outbox
from .session import Heard, Reply, Session, Started
from .violation import Violation

PIECE = 1 << 16
AHEAD = 1 << 18
"""So much is made into frames ahead of what the system takes."""

GONE_GRACE = 0.5
"""Seconds that handlers have to tidy up when the stream has ended."""

LEFT_GRACE = 5.0
"""Seconds until a process whose connection is closed in order must have ended."""

LONGEST_WAIT = 3600.0
HUNG_UP = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class Gone(NamedTuple):
    """The connection is closed. The process exits with `code`."""

    code: int


class Unsent(NamedTuple):
    rest: memoryview
    cost: int
    """What it counts in the outbox; 0 for a reply, which never was there."""

    written: Callable[[], None] | None


ToLoop = Started | Heard | Gone


class Link(threading.Thread):
    def __init__(self, connection: socket.socket, inbox: Inbox[ToLoop], outbox: Outbox) -> None:
        # A daemon: it stays to end the process if the rest of it does not.
        super().__init__(name="greenroom-link", daemon=True)
        connection.setblocking(False)
        self.connection = connection
        self.inbox = inbox
        self.outbox = outbox
        self.session = Session()
        self.unsent: deque[Unsent] = deque()
        self.unsent_size = 0
        self.force_at = self.exit_at = float("inf")
        self.forced = False
        self.ending: int | None = None

    def end(self, code: int) -> None:
        """From the event loop: close when all is written, and see that the process exits so."""
        self.ending = code
        self.outbox.ring()

    def run(self) -> None:
        try:
            code = self.serve()
        except Violation as violation:
            code = exits.HOST_VIOLATION
            last_words(f"{violation}; the connection is closed")
        except BaseException:
            import traceback

            code = exits.LIBRARY_FAULT
            last_words(f"a bug in the worker's library: {traceback.format_exc(limit=-3)}")
        self.connection.close()
        if not self.forced:
            self.inbox.post(Gone(code))
            # The process normally ends while this waits.
            time.sleep(self.patience())
        exits.at_once(code, with_children=code == exits.HOST_GONE)

    def patience(self) -> float:
        if self.ending is None:
            return GONE_GRACE
        return max(0.0, min(self.exit_at - time.monotonic(), LEFT_GRACE))

    def serve(self) -> int:
        """Until the connection is to be closed; the process's exit status."""
        poll = select.poll()
        poll.register(self.outbox.wake_end, select.POLLIN)
        while True:
            if not self.write():
                return self.status()
            if self.ending is not None and not self.unsent and not self.outbox.letters:
                return self.ending
            reading = 0 if self.inbox.full else select.POLLIN
            writing = select.POLLOUT if self.unsent else 0
            poll.register(self.connection, HUNG_UP | reading | writing)
            wait = min(self.force_at, self.exit_at) - time.monotonic()
            for descriptor, event in poll.poll(max(0.0, min(wait, LONGEST_WAIT)) * 1000):
                if descriptor == self.outbox.wake_end:
                    self.outbox.silence()
                elif event & select.POLLIN:
                    if not self.read():
                        return self.ended()
                elif event & HUNG_UP:
                    return self.ended()
            if time.monotonic() >= self.force_at:
                self.force()
            elif time.monotonic() >= self.exit_at:
                self.forced = True
                return exits.TOO_LATE

    def ended(self) -> int:
        self.session.decoder.finish()
        return self.status()

    def status(self) -> int:
        """A host that did not take the last words has gone, whatever was to be said."""
        if self.ending is None or self.unsent or self.outbox.letters:
            return exits.HOST_GONE
        return self.ending

    def read(self) -> bool:
        """False at the end of the stream, of which a reset is one (GR-1.3-3)."""
        try:
            piece = self.connection.recv(PIECE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        for event in self.session.receive(piece):
            if isinstance(event, Reply):
                self.reply(event.message)
                continue
            if isinstance(event, Heard) and isinstance(event.message, Shutdown):
                self.hurry(event.message.grace_ms)
            self.inbox.post(event)
        return piece != b""

    def reply(self, message: FromWorker | DumpStacks) -> None:
        if isinstance(message, DumpStacks):
            limit = self.session.limits.max_frame
            message = StackDump(stacks.dump(self.inbox.loop, limit))
        self.queue(self.session.send(message))

    def hurry(self, grace_ms: int) -> None:
        plan = leaving.plan(grace_ms)
        now = time.monotonic()
        self.force_at = min(self.force_at, now + plan.force)
        self.exit_at = min(self.exit_at, now + plan.exit)

    def force(self) -> None:
        """The grace is all but over: says what has to be said for handlers that do not end."""
        self.force_at = float("inf")
        if self.ending is not None:
            return
        self.forced = True
        for job in list(self.session.running):
            self.queue(self.session.send(JobFinished(job, cancelled=True, failure=None)))
        self.queue(self.session.send(Exiting("the grace is over")))
        self.ending = exits.LEFT

    def write(self) -> bool:
        """As much as the system takes. False if nothing more can ever be written (GR-1.3-3)."""
        while True:
            while self.outbox.letters and self.unsent_size < AHEAD:
                letter = self.outbox.letters.popleft()
                encoded = self.session.send(letter.message, letter.data)
                if encoded:
                    self.queue(encoded, letter.cost, letter.written)
                else:
                    self.outbox.done(letter.cost)
            if not self.unsent:
                return True
            try:
                sent = self.connection.send(self.unsent[0].rest)
            except BlockingIOError:
                return True
            except OSError:
                return False
            self.taken(sent)

    def queue(
        self, encoded: bytes, cost: int = 0, written: Callable[[], None] | None = None
    ) -> None:
        if encoded:
            self.unsent.append(Unsent(memoryview(encoded), cost, written))
            self.unsent_size += len(encoded)

    def taken(self, sent: int) -> None:
        first = self.unsent.popleft()
        self.unsent_size -= sent
        if sent < len(first.rest):
            self.unsent.appendleft(first._replace(rest=first.rest[sent:]))
            return
        self.outbox.done(first.cost)
        if first.written is not None:
            first.written()
