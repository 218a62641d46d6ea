"""What the link's thread tells the event loop: a bounded queue, one event at a time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

FULL = 4096
"""So many events may wait for a loop that is busy; then nothing more is read from the host."""


class Inbox(Generic[T]):
    """`late` is called on the loop with the seconds that the loop took to come here."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        deliver: Callable[[T], None],
        late: Callable[[float], None],
        emptied: Callable[[], None],
    ) -> None:
        self.loop = loop
        self.deliver = deliver
        self.late = late
        self.emptied = emptied
        self.events: deque[tuple[float, T]] = deque()

    @property
    def full(self) -> bool:
        return len(self.events) >= FULL

    def post(self, event: T) -> None:
        """From the link's thread."""
        self.events.append((time.monotonic(), event))
        try:
            self.loop.call_soon_threadsafe(self.next)
        except RuntimeError:
            pass  # The loop is closed: the worker leaves, and nobody needs to hear of this.

    def next(self) -> None:
        """One event for each that was posted: handlers have their turn between two of them."""
        was_full = self.full
        posted, event = self.events.popleft()
        self.late(time.monotonic() - posted)
        self.deliver(event)
        if was_full:
            self.emptied()
