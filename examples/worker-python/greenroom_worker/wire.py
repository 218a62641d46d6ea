"""The encodings of section 3.2: integers, text, bytes; strict in what they accept."""

from __future__ import annotations

from .violation import Violation

FIELDS_MAX = 131_072
"""The most bytes that the fields of one message may take (GR-3.1-1)."""


class TooLong(ValueError):
    """What is to be sent is over a limit of the protocol."""


def malformed(what: str) -> Violation:
    return Violation("Malformed", "GR-3.1-1", what)


class Reader:
    """Takes values from the front of a body.

    A number in a longer form than need be is remembered and not raised at once, because a body is
    judged in this order: malformed, not canonical, trailing (section 3.1).
    """

    __slots__ = ("at", "body", "canonical", "end")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0
        # Nothing past this is a field, so no length inside a body can claim more.
        self.end = min(len(body), FIELDS_MAX)
        self.canonical = True

    def take(self, count: int) -> bytes:
        if count > self.end - self.at:
            raise malformed(f"{count} bytes claimed, {self.end - self.at} there")
        start = self.at
        self.at += count
        return self.body[start : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def integer(self, width: int) -> int:
        """An integer of at most `width` bytes: 2, 4 or 8."""
        marker = self.u8()
        if marker < 0xFB:
            return marker
        size = {0xFB: 2, 0xFC: 4, 0xFD: 8}.get(marker)
        if size is None or size > width:
            raise malformed(f"marker {marker:#x} in an integer of {8 * width} bits")
        value = int.from_bytes(self.take(size), "little")
        least = 0xFB if size == 2 else 1 << (4 * size)
        if value < least:
            self.canonical = False
        return value

    def i64(self) -> int:
        value = self.integer(8)
        return (value >> 1) ^ -(value & 1)

    def flag(self) -> bool:
        value = self.u8()
        if value > 1:
            raise malformed(f"{value} where only 0 and 1 are allowed")
        return value == 1

    def count(self) -> int:
        """How many items follow. Each takes a byte at least, which bounds what is allocated."""
        value = self.integer(8)
        if value > self.end - self.at:
            raise malformed(f"{value} items claimed, {self.end - self.at} bytes there")
        return value

    def bytes(self) -> bytes:
        return self.take(self.integer(8))

    def text(self) -> str:
        try:
            return self.bytes().decode()
        except UnicodeDecodeError as error:
            raise malformed(f"text that is not UTF-8: {error}") from None


def put_integer(out: bytearray, value: int, width: int) -> None:
    if not 0 <= value < 1 << (8 * width):
        raise TooLong(f"{value} does not fit in {8 * width} bits")
    if value < 0xFB:
        out.append(value)
        return
    marker, size = next(m for m in ((0xFB, 2), (0xFC, 4), (0xFD, 8)) if value >> (8 * m[1]) == 0)
    out.append(marker)
    out += value.to_bytes(size, "little")


def put_i64(out: bytearray, value: int) -> None:
    put_integer(out, 2 * value if value >= 0 else -2 * value - 1, 8)


def put_bytes(out: bytearray, value: bytes) -> None:
    put_integer(out, len(value), 8)
    out += value


def put_text(out: bytearray, value: str) -> None:
    # Names of files may hold lone surrogates, which UTF-8 has no bytes for.
    put_bytes(out, value.encode("utf-8", "replace"))


def shortened(text: str, limit: int) -> str:
    """`text`, or as much of its beginning as takes `limit` bytes of UTF-8."""
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= limit else encoded[:limit].decode("utf-8", "ignore")
