"""How late the event loop was at its worst since the last pong (section 5.2)."""

from __future__ import annotations

import asyncio

TICK = 0.1


class Lag:
    """Every event from the link measures it; between events a tick does while jobs run."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.worst = 0.0
        self.timer: asyncio.TimerHandle | None = None

    def late(self, seconds: float) -> None:
        self.worst = max(self.worst, seconds)

    def watch(self) -> None:
        """A job runs."""
        if self.timer is None:
            self.timer = self.loop.call_at(self.loop.time() + TICK, self.tick)

    def rest(self) -> None:
        """No job runs any more: an idle loop needs no tick."""
        if self.timer is not None:
            self.late(self.loop.time() - self.timer.when())
            self.timer.cancel()
            self.timer = None

    def tick(self) -> None:
        self.rest()
        self.watch()

    def take_us(self) -> int:
        if self.timer is not None:
            self.late(self.loop.time() - self.timer.when())
        worst, self.worst = self.worst, 0.0
        return int(max(worst, 0.0) * 1_000_000)
