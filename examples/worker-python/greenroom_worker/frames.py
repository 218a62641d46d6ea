"""Frames on the stream (section 2): a decoder that takes any pieces, and the encoder."""

from __future__ import annotations

from collections.abc import Iterator

from .codec import encode
from .messages import NUMBERS, Message
from .violation import Violation
from .wire import TooLong

HANDSHAKE_FRAME = 65_536
"""The limit up to and including `InitializeResponse` (GR-2.2-2)."""

IGNORABLE_BIT = 0x8000
"""A type with this bit may be skipped by who does not know it (GR-2.4-3)."""


class Decoder:
    """Holds at most one frame that is not whole, besides the piece just fed."""

    def __init__(self, limit: int = HANDSHAKE_FRAME) -> None:
        self.limit = limit
        self.buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames that `piece` completes, each as its type and its body.

        It is lazy: `limit` may change between two frames. Raises `Violation`.
        """
        self.buffer += piece
        at = 0
        try:
            while len(self.buffer) - at >= 4:
                length = int.from_bytes(self.buffer[at : at + 4], "little")
                if length > self.limit:
                    what = f"length {length}, limit {self.limit}"
                    raise Violation("TooLarge", "GR-2.2-1", what)
                if length < 2:
                    raise Violation("TooShort", "GR-2.1-3", f"length {length}")
                end = at + 4 + length
                if len(self.buffer) < end:
                    return
                start, at = at + 4, end
                number = int.from_bytes(self.buffer[start : start + 2], "little")
                yield number, bytes(memoryview(self.buffer)[start + 2 : end])
        finally:
            del self.buffer[:at]

    def finish(self) -> None:
        """The stream has ended. Raises `Violation` if that was inside a frame."""
        if self.buffer:
            what = f"the stream ended {len(self.buffer)} bytes into a frame"
            raise Violation("Truncated", "GR-2.3-2", what)


def frame(message: Message, data: bytes, limit: int) -> bytes:
    """The frame of a message. Raises `TooLong` if it is over `limit`."""
    fields = encode(message)
    length = 2 + len(fields) + len(data)
    if length > limit:
        what = type(message).__name__
        raise TooLong(f"a frame of {what} has {length} bytes, {limit} are allowed")
    number = NUMBERS[type(message)]
    return b"".join((length.to_bytes(4, "little"), number.to_bytes(2, "little"), fields, data))
