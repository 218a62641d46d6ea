"""What the process's exit status says (after sysexits.h, where it has a word for it)."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from typing import NoReturn

LEFT = 0
"""It left in order, after a `Shutdown`."""

NOT_READY = 1
"""Its preparation failed, or it speaks no version of the host's."""

BY_HAND = 64
"""It was started by a person and not by a host."""

HOST_GONE = 69
"""The stream has ended, and nobody had told it to leave."""

LIBRARY_FAULT = 70
"""This library has a bug; standard error has the traceback."""

TOO_LATE = 75
"""It was told to leave, and the host did not read its last messages in time."""

HOST_VIOLATION = 76
"""The host broke a requirement; standard error says which."""


def at_once(code: int, *, with_children: bool) -> NoReturn:
    """Ends the process, whatever its other threads do.

    With what it has started, if nobody else will do that; but only in a process group of its own,
    because another one holds programs that are not its children.
    """
    if with_children and leads_group():
        os.killpg(0, signal.SIGKILL)
    os._exit(code)


def leads_group() -> bool:
    return os.getpgrp() == os.getpid()


def with_group() -> NoReturn:
    """What `sys.exit` does, and at the very end the end of the process group, this process included."""
    # Nothing that is registered comes behind the functions of `atexit`, so they are run here.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # Its reader has gone as well, or it is closed.
    at_once(HOST_GONE, with_children=True)
