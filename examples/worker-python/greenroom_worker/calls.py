"""Questions of handlers to the host, and who waits for which answer (section 5.6)."""

from __future__ import annotations

import asyncio
from itertools import count

from .failures import CallRefused
from .frames import frame
from .messages import CallRequest, CallResponse
from .outbox import Outbox


class Calls:
    def __init__(self, outbox: Outbox, max_frame: int) -> None:
        self.outbox = outbox
        self.max_frame = max_frame
        self.numbers = count(1)
        self.open: dict[int, asyncio.Future[bytes]] = {}

    async def call(self, method: str, data: bytes) -> bytes:
        await self.outbox.room()
        request = CallRequest(next(self.numbers), method)
        frame(request, data, self.max_frame)  # Raises here, where the handler can see it.
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.open[request.call] = future
        self.outbox.put(request, data)
        try:
            return await future
        finally:
            del self.open[request.call]

    def answered(self, response: CallResponse, data: bytes) -> None:
        future = self.open.get(response.call)
        if future is None or future.done():
            return  # Whoever asked has been cancelled since.
        if response.error is None:
            future.set_result(data)
        else:
            future.set_exception(CallRefused(response.error))
