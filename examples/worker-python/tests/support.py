"""The specification's files, and a host that plays opposite a real worker process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent
SPEC = FOLDER.parent.parent / "proto-spec"
sys.path.insert(0, str(FOLDER))

from greenroom_worker import agreement  # noqa: E402
from greenroom_worker.codec import decode  # noqa: E402
from greenroom_worker.frames import Decoder, frame  # noqa: E402
from greenroom_worker.messages import (  # noqa: E402
    STACK_DUMP,
    FromHost,
    InitializeRequest,
    InitializeResponse,
    JobAccepted,
    JobFinished,
    JobOutput,
    Message,
    Pair,
    Shutdown,
    ShuttingDown,
    StartJob,
)
from greenroom_worker.session import KINDS  # noqa: E402

HANG = 30.0
"""Seconds that nothing here takes unless it hangs."""

CONFORMANCE = FOLDER / "conformance_worker.py"
M = TypeVar("M", bound=Message)


def vectors(name: str) -> list[dict[str, Any]]:
    text = (SPEC / "vectors" / f"{name}.json").read_text(encoding="utf-8")
    return cast(list[dict[str, Any]], json.loads(text))


def request(**changes: Any) -> InitializeRequest:
    plain = InitializeRequest(
        protocol_min=1,
        protocol_max=1,
        capabilities=STACK_DUMP,
        slot=0,
        generation=0,
        host_name="test",
        host_version="1",
        limits=agreement.OWN_LIMITS,
        ping_interval_ms=1000,
        ping_timeout_ms=60_000,
        high_ping_ms=500,
        initialize_timeout_ms=30_000,
        close_timeout_ms=10_000,
        log_filter="info",
        extensions=(),
    )
    return plain._replace(**changes)


def start_job(job: int, name: str, metadata: dict[str, str] | None = None) -> StartJob:
    pairs = tuple(Pair(key, value) for key, value in (metadata or {}).items())
    return StartJob(job, f"id-{job}", name, pairs, "", 0, 1, last=True)


class Host:
    """Starts a program as a host does. Used as a context; all of its waits are bounded."""

    def __init__(
        self, *program: str | Path, own_group: bool = False, stdout: int | None = None
    ) -> None:
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(HANG)
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self.output = tempfile.TemporaryFile()  # noqa: SIM115
        kept = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")
        environment = {key: os.environ[key] for key in kept if key in os.environ}
        environment |= {"GREENROOM_WORKER": "1", "GREENROOM_HOST_PID": str(os.getpid())}
        with theirs:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                [sys.executable, *map(str, program or (CONFORMANCE,))],
                stdin=theirs.fileno(),
                stdout=self.output if stdout is None else stdout,
                stderr=self.errors,
                env=environment,
                start_new_session=own_group,
            )
        self.decoder = Decoder(agreement.FRAME_RANGE[1])
        self.frames: list[tuple[Any, bytes]] = []

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        if error is not None and hasattr(error, "add_note"):
            error.add_note(f"standard error of the worker:\n{self.stderr()}")
        self.socket.close()
        self.errors.close()
        self.output.close()

    def send(self, message: FromHost, data: bytes = b"") -> None:
        self.socket.sendall(frame(message, data, agreement.FRAME_RANGE[1]))

    def receive(self) -> tuple[Any, bytes] | None:
        """The next message of the worker, or None at the end of the stream."""
        while not self.frames:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not piece:
                self.decoder.finish()
                return None
            for number, body in self.decoder.feed(piece):
                self.frames.append(decode(KINDS[number], body))
        return self.frames.pop(0)

    def expect(self, kind: type[M]) -> tuple[M, bytes]:
        received = self.receive()
        if received is None or not isinstance(received[0], kind):
            raise AssertionError(f"expected {kind.__name__}, got {received}")
        return received[0], received[1]

    def initialize(self, arguments: bytes = b"", **changes: Any) -> InitializeResponse:
        self.send(request(**changes), arguments)
        return self.expect(InitializeResponse)[0]

    def run_job(
        self, name: str, data: bytes = b"", metadata: dict[str, str] | None = None, job: int = 1
    ) -> tuple[JobFinished, bytes]:
        """Start to end of a job that fits in its window, with its whole output."""
        self.send(start_job(job, name, metadata), data)
        self.expect(JobAccepted)
        output = b""
        while True:
            received = self.receive()
            assert received is not None, "the worker left in the middle of a job"
            message, data = received
            output += data
            if isinstance(message, JobFinished):
                return message, output
            assert isinstance(message, JobOutput), message

    def shut_down(self, grace_ms: int = 20_000, reason: int = 1) -> ShuttingDown:
        self.send(Shutdown(reason, grace_ms))
        return self.expect(ShuttingDown)[0]

    def exit_code(self) -> int:
        return self.process.wait(HANG)

    def stderr(self) -> str:
        return read_all(self.errors)

    def stdout(self) -> str:
        return read_all(self.output)


def read_all(file: Any) -> str:
    file.seek(0)
    return cast(bytes, file.read()).decode(errors="replace")


class WorkerTest(unittest.TestCase):
    """A test against the worker under test of the protocol's section 9.1."""

    def ready(self, arguments: bytes = b"", **changes: Any) -> Host:
        host = self.enterContext(Host())
        response = host.initialize(arguments, **changes)
        self.assertIsNone(response.error)
        return host
