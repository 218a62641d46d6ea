"""How a worker spends the time that it has left (GR-5.3-4)."""

from __future__ import annotations

from typing import NamedTuple


class Plan(NamedTuple):
    """Seconds after `Shutdown` was read."""

    cancel: float
    """Handlers that still run are cancelled."""

    force: float
    """Jobs that still run are reported as cancelled, and the process ends."""

    exit: float
    """The process ends, whoever may not have read its last words."""


def plan(grace_ms: int) -> Plan:
    grace = grace_ms / 1000
    return Plan(
        cancel=grace - min(grace / 4, 1.0),
        force=grace - min(grace / 8, 0.25),
        # However short the grace is, the last words have a moment to be written.
        exit=max(grace - min(grace / 20, 0.05), 0.02),
    )
