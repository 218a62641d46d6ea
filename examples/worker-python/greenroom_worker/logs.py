"""Log records as JSON lines on standard error (section 6), and the host's filter for them."""

from __future__ import annotations

import logging
import os
import select
import time
from contextvars import ContextVar

BEGAN = time.monotonic()
TRACE = 5
OFF = 100
LEVELS = {
    "off": OFF,
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": TRACE,
}
STANDARD_KEYS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
PIPE_ATOMIC = 4096
"""What a pipe that is ready to be written to takes at once (PIPE_BUF on Linux)."""

span: ContextVar[str | None] = ContextVar("greenroom_span", default=None)


class Filter:
    """`LEVEL` and `TARGET=LEVEL`, with commas between; the longest target that fits decides.

    A directive that is none of this is passed over: a host may know more forms than this library.
    """

    def __init__(self, text: str) -> None:
        self.default = logging.INFO if not text.strip() else OFF
        self.targets: dict[str, int] = {}
        for directive in text.split(","):
            target, _, level = directive.strip().rpartition("=")
            number = LEVELS.get(level.strip().lower())
            if number is not None and target:
                self.targets[target.strip().replace("::", ".")] = number
            elif number is not None:
                self.default = number

    def least(self) -> int:
        return min(self.default, *self.targets.values(), OFF)

    def level_for(self, target: str) -> int:
        while target:
            if target in self.targets:
                return self.targets[target]
            target = target.rpartition(".")[0]
        return self.default

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= self.level_for(record.name)


class JsonLines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            write(line_of(record))
        except Exception:  # As every handler of `logging` does: a bad record is no reason to die.
            self.handleError(record)


def line_of(record: logging.LogRecord) -> bytes:
    fields = {key: value for key, value in vars(record).items() if key not in STANDARD_KEYS}
    if record.exc_info:
        fields["exception"] = logging.Formatter().formatException(record.exc_info)
    return json_line(record.levelno, record.name, record.getMessage(), fields)


def json_line(level: int, target: str, message: str, fields: dict[str, object]) -> bytes:
    import json  # Only who logs pays for it.

    record: dict[str, object] = {"level": level_name(level), "target": target, "message": message}
    record["fields"] = fields
    if (name := span.get()) is not None:
        record["span"] = name
    record["elapsed_us"] = int((time.monotonic() - BEGAN) * 1_000_000)
    return json.dumps(record, default=str).encode() + b"\n"


def level_name(level: int) -> str:
    for name in ("error", "warn", "info", "debug"):
        if level >= LEVELS[name]:
            return name.upper()
    return "TRACE"


def write(line: bytes) -> None:
    """In one call where the pipe has room, so that lines of two threads do not mix."""
    while line:
        line = line[os.write(2, line) :]


def last_words(message: str) -> None:
    """An error that must not wait for whoever should read it, because the process is to end."""
    line = json_line(logging.ERROR, "greenroom_worker", message[:1000], {})
    ready = select.poll()
    ready.register(2, select.POLLOUT)
    if ready.poll(0) and len(line) <= PIPE_ATOMIC:
        write(line)


def install(log_filter: str) -> None:
    chosen = Filter(log_filter)
    handler = JsonLines()
    handler.addFilter(chosen)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(chosen.least(), TRACE))
