"""From a started process to the socket of its host (section 1.2)."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from typing import NoReturn

from . import exits

HIGH_DESCRIPTOR = 64
"""Out of the way of the low numbers that programs and shells hand on."""


def host_socket() -> socket.socket:
    """The host's socket, away from standard input. Ends the process if there is none."""
    # Taken out, so that a program started from here does not believe to be a worker.
    if os.environ.pop("GREENROOM_WORKER", None) != "1":
        by_hand("GREENROOM_WORKER is not set to 1")
    try:
        # A copy that no program inherits: one that did would hide this end from the host.
        descriptor = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
        connection = socket.socket(fileno=descriptor)
    except OSError as error:
        by_hand(f"standard input is no socket: {error.strerror}")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # A forked child has it too, exec or not.
    os.register_at_fork(after_in_child=connection.close)
    return connection


def by_hand(why: str) -> NoReturn:
    name = os.path.basename(sys.argv[0])
    print(
        f"{name} is a Greenroom worker: a host starts it and gives it jobs ({why}).\n"
        f"Run it for example with: greenroom map --worker {sys.argv[0]} INPUT...",
        file=sys.stderr,
    )
    sys.exit(exits.BY_HAND)
