"""What two sides agree on in the handshake (sections 4.2 to 4.5)."""

from __future__ import annotations

from collections.abc import Iterable

from .messages import Extension, Limits
from .violation import Violation

VERSIONS = (1, 1)
"""The lowest and the highest version that this library speaks."""

OWN_LIMITS = Limits(max_frame=262_144, max_payload=67_108_864, output_window=1_048_576)

FRAME_RANGE = (65_536, 16_777_216)
WINDOW_LEAST = 65_536


def version(host: tuple[int, int], worker: tuple[int, int] = VERSIONS) -> int | None:
    """The highest version that both sides speak."""
    highest = min(host[1], worker[1])
    return highest if highest >= max(host[0], worker[0]) else None


def limits(host: Limits, worker: Limits = OWN_LIMITS) -> Limits:
    return Limits(*map(min, host, worker))


def out_of_range(announced: Limits) -> str | None:
    """The first limit that lies outside of its range."""
    if not FRAME_RANGE[0] <= announced.max_frame <= FRAME_RANGE[1]:
        return "max_frame"
    return "output_window" if announced.output_window < WINDOW_LEAST else None


def check_limits(announced: Limits) -> None:
    name = out_of_range(announced)
    if name:
        what = f"{name} = {getattr(announced, name)} is out of range"
        raise Violation("OutOfRange", "GR-4.3-1", what)


def check_extensions(extensions: Iterable[Extension]) -> None:
    numbers = [extension.number for extension in extensions]
    if len(set(numbers)) != len(numbers):
        raise Violation("Repeated", "GR-4.5-2", "an extension is listed twice")
