"""What the host must not do, and did."""

from __future__ import annotations


class Violation(Exception):
    """A broken requirement of the host's. It ends the connection (GR-1.3-4).

    `kind` is the name that the vectors give to the class of fault.
    """

    def __init__(self, kind: str, requirement: str, what: str) -> None:
        super().__init__(f"the host broke {requirement} ({kind}): {what}")
        self.kind = kind
        self.requirement = requirement
        self.what = what
