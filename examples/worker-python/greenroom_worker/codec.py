"""Bodies of messages from and to bytes, after the annotations in `messages.py` (section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Any, get_args

from .messages import NUMBERS, WITH_DATA, Message
from .violation import Violation
from .wire import (
    FIELDS_MAX,
    Reader,
    TooLong,
    malformed,
    put_bytes,
    put_i64,
    put_integer,
    put_text,
)

Read = Callable[[Reader], Any]
Write = Callable[[bytearray, Any], None]
Codec = tuple[Read, Write]


def integer(width: int) -> Codec:
    return lambda r: r.integer(width), lambda out, value: put_integer(out, value, width)


U16, U32, U64 = integer(2), integer(4), integer(8)

NAMED: dict[str, Codec] = {
    "u8": (Reader.u8, bytearray.append),
    "u16": U16,
    "u32": U32,
    "u64": U64,
    "i64": (Reader.i64, put_i64),
    "ShutdownReason": U16,
    "CancelReason": U16,
    "DeadlineKind": U16,
    "FailureKind": U16,
    "InitializeCode": U16,
    "Capabilities": U64,
}
PLAIN: dict[object, Codec] = {
    bool: (Reader.flag, bytearray.append),
    str: (Reader.text, put_text),
    bytes: (Reader.bytes, put_bytes),
}


def codec_of(annotation: Any) -> Codec:
    """How a value of this annotation is read and written."""
    if annotation in PLAIN:
        return PLAIN[annotation]
    if hasattr(annotation, "__metadata__"):
        return NAMED[annotation.__metadata__[0]]
    if isinstance(annotation, UnionType):
        return option(codec_of(get_args(annotation)[0]))
    if getattr(annotation, "__origin__", None) is tuple:
        return items(codec_of(get_args(annotation)[0]))
    return struct(annotation)


def option(inner: Codec) -> Codec:
    read, write = inner

    def write_option(out: bytearray, value: Any) -> None:
        out.append(value is not None)
        if value is not None:
            write(out, value)

    return lambda r: read(r) if r.flag() else None, write_option


def items(inner: Codec) -> Codec:
    read, write = inner

    def write_items(out: bytearray, values: Any) -> None:
        put_integer(out, len(values), 8)
        for value in values:
            write(out, value)

    return lambda r: tuple([read(r) for _ in range(r.count())]), write_items


def struct(kind: Any) -> Codec:
    fields = [codec_of(annotation) for annotation in kind.__annotations__.values()]

    def write_struct(out: bytearray, value: Any) -> None:
        for (_, write), field in zip(fields, value, strict=True):
            write(out, field)

    return lambda r: kind(*[read(r) for read, _ in fields]), write_struct


CODECS: dict[type[Message], Codec] = {kind: struct(kind) for kind in NUMBERS}


def decode(kind: type[Message], body: bytes) -> tuple[Any, bytes]:
    """The message in `body`, and the data after its fields."""
    reader = Reader(body)
    message = CODECS[kind][0](reader)
    if getattr(message, "cancelled", False) and getattr(message, "failure", None) is not None:
        raise malformed("a job both cancelled and failed (GR-5.4-12)")
    if not reader.canonical:
        raise Violation("NotCanonical", "GR-3.1-3", f"{kind.__name__} with a number too long")
    data = body[reader.at :]
    if data and kind not in WITH_DATA:
        raise Violation("Trailing", "GR-3.1-2", f"{len(data)} bytes after {kind.__name__}")
    return message, data


def encode(message: Message) -> bytes:
    """The fields of `message`. Raises `TooLong` if they take more than a receiver accepts."""
    out = bytearray()
    CODECS[type(message)][1](out, message)
    if len(out) > FIELDS_MAX:
        what = type(message).__name__
        raise TooLong(f"the fields of {what} take {len(out)} bytes, {FIELDS_MAX} are allowed")
    return bytes(out)
