"""The stacks of all threads and tasks as text (section 5.9)."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterable
from types import FrameType

from .wire import FIELDS_MAX, shortened

OVERHEAD = 2 + 5
"""The frame's type, and the length of a text that does not fit in 16 bits."""


def dump(loop: asyncio.AbstractEventLoop, max_frame: int) -> str:
    """May be called from any thread; it is cut to what fits in a `StackDump`."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = []
    for ident, frame in sys._current_frames().items():
        parts.append(f"thread {names.get(ident, ident)}:\n{lines(outwards(frame))}")
    for task in asyncio.all_tasks(loop):
        parts.append(f"task {task.get_name()}:\n{lines(reversed(task.get_stack()))}")
    return shortened("\n".join(parts), min(FIELDS_MAX, max_frame) - OVERHEAD)


def outwards(frame: FrameType | None) -> Iterable[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def lines(frames: Iterable[FrameType]) -> str:
    """The innermost frame first."""
    return "".join(
        f"  {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}\n"
        for frame in frames
    )
