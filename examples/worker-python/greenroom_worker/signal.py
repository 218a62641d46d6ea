"""Something that happens at most once and has a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Generator


class Signal:
    """Test it (`if job.cancelled`) from any thread, or await it on the event loop: its reason."""

    __slots__ = ("_event", "reason")

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason: int | None = None

    def __bool__(self) -> bool:
        return self._event.is_set()

    def __await__(self) -> Generator[object, None, int]:
        yield from self._event.wait().__await__()
        return self.reason or 0

    def fire(self, reason: int) -> None:
        """Only the first reason counts."""
        if not self:
            self.reason = reason
            self._event.set()
