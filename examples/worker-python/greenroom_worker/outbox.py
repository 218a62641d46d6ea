"""What the event loop gives the link's thread to send, in order.

It is bounded by those who can wait: they ask for room first.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

from .messages import FromWorker

HIGH = 1 << 20
"""From so many bytes on, whoever can wait has to: `room`."""

PER_MESSAGE = 64
"""What a message counts besides its data, so that small ones are bounded as well."""


class Letter(NamedTuple):
    message: FromWorker
    data: bytes
    written: Callable[[], None] | None
    """Called on the link's thread when the system has taken the last byte."""

    @property
    def cost(self) -> int:
        return PER_MESSAGE + len(self.data)


class Outbox:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.letters: deque[Letter] = deque()
        self.lock = Lock()
        self.size = 0
        self.waiting: list[asyncio.Future[None]] = []
        self.wake_end, self.ring_end = os.pipe()
        os.set_blocking(self.wake_end, False)
        os.set_blocking(self.ring_end, False)

    # On the event loop.

    def put(
        self, message: FromWorker, data: bytes = b"", written: Callable[[], None] | None = None
    ) -> None:
        letter = Letter(message, data, written)
        with self.lock:
            self.size += letter.cost
        self.letters.append(letter)
        self.ring()

    def ring(self) -> None:
        try:
            os.write(self.ring_end, b"!")
        except BlockingIOError:
            pass  # It has been rung often enough.

    async def room(self) -> None:
        """Waits until less than `HIGH` is on its way."""
        while True:
            with self.lock:
                if self.size < HIGH:
                    return
                future: asyncio.Future[None] = self.loop.create_future()
                self.waiting.append(future)
            await future

    # On the link's thread.

    def silence(self) -> None:
        """Takes back what `ring` did."""
        try:
            os.read(self.wake_end, 4096)
        except BlockingIOError:
            pass

    def done(self, cost: int) -> None:
        """A letter that counted so much has left."""
        with self.lock:
            self.size -= cost
            free = [] if self.size >= HIGH else self.waiting
            self.waiting = self.waiting if self.size >= HIGH else []
        for future in free:
            self.later(future)

    def later(self, future: asyncio.Future[None]) -> None:
        try:
            self.loop.call_soon_threadsafe(resolve, future)
        except RuntimeError:
            pass  # The loop is closed, and with it whoever waited.


def resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
