"""What is measured, for any pool whose jobs are submitted one by one."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from work import began, echo

PATIENCE = 120.0
"""No job of a healthy pool takes this long (seconds); a lost one must not hang us."""
ARRIVAL = 0.5
"""Seconds between two launches: time enough for each peer to warm the next process."""

clock = time.monotonic_ns

Wait = Callable[[float], Any]
"""Awaits a job's result for at most these seconds."""


@dataclass(frozen=True)
class Plan:
    peer: str
    what: str
    payload: int
    workers: int
    depth: int
    jobs: int
    warm_up: int

    @staticmethod
    def read(text: str) -> Plan:
        return Plan(**json.loads(text))

    def content(self) -> bytes:
        return (bytes(range(251)) * (self.payload // 251 + 1))[: self.payload]


@dataclass(frozen=True)
class Figures:
    p50_us: float | None = None
    p99_us: float | None = None
    per_second: float | None = None

    @staticmethod
    def of_times(times_ns: list[int]) -> Figures:
        times = sorted(times_ns)
        return Figures(nearest_rank(times, 0.50) / 1e3, nearest_rank(times, 0.99) / 1e3)


class Unable(Exception):
    """The peer has nothing that could be measured this way."""


class Pool(Protocol):
    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Wait: ...


class Peer(Protocol):
    version: str
    start_method: str

    def open(self, workers: int) -> AbstractContextManager[Pool]: ...

    def open_one_shot(self, workers: int) -> AbstractContextManager[Pool]:
        """A pool whose processes serve one job each; raises `Unable`."""
        ...


def measure(peer: Peer, plan: Plan) -> tuple[Figures, str]:
    measurement = {"round_trip": round_trip, "throughput": throughput, "launch": launch, "spawn": spawn}[plan.what]
    figures, note = measurement(peer, plan)
    return figures, f"{note}; start method: {peer.start_method}"


def round_trip(peer: Peer, plan: Plan) -> tuple[Figures, str]:
    content = plan.content()
    with peer.open(workers=1) as pool:
        times = []
        for _ in range(plan.warm_up + plan.jobs):
            submitted = clock()
            answer = pool.submit(echo, content)(PATIENCE)
            times.append(clock() - submitted)
            expect(plan, answer)
    times = times[plan.warm_up :]
    return replace(Figures.of_times(times), per_second=1e9 * plan.jobs / sum(times)), "bytes, pickled"


def throughput(peer: Peer, plan: Plan) -> tuple[Figures, str]:
    content = plan.content()
    with peer.open(plan.workers) as pool:
        # Each worker has a job at least, so that none starts while the clock runs.
        echo_in_flight(pool, content, max(plan.warm_up, 4 * plan.workers), max(plan.depth, plan.workers))
        begin = clock()
        answer = echo_in_flight(pool, content, plan.jobs, plan.depth)
        per_second = 1e9 * plan.jobs / (clock() - begin)
        expect(plan, answer)
    return Figures(per_second=per_second), "bytes, pickled; each job submitted by itself"


def echo_in_flight(pool: Pool, content: bytes, jobs: int, depth: int) -> bytes:
    """Awaits the oldest: cheaper than a callback for each, and with equal jobs the first to end."""
    answer = b""
    waiting: deque[Wait] = deque()
    for _ in range(jobs):
        if len(waiting) == depth:
            answer = waiting.popleft()(PATIENCE)
        waiting.append(pool.submit(echo, content))
    while waiting:
        answer = waiting.popleft()(PATIENCE)
    return answer


def launch(peer: Peer, plan: Plan) -> tuple[Figures, str]:
    content = plan.content()
    with peer.open_one_shot(plan.workers) as pool:
        times = []
        for _ in range(plan.warm_up + plan.jobs):
            time.sleep(ARRIVAL)
            submitted = clock()
            # Linux has one monotonic clock for all processes.
            times.append(pool.submit(began, content)(PATIENCE) - submitted)
    return Figures.of_times(times[plan.warm_up :]), f"submit until the job's code has begun; a job every {ARRIVAL:g} s"


def spawn(peer: Peer, plan: Plan) -> tuple[Figures, str]:
    content = plan.content()
    times = []
    for _ in range(plan.warm_up + plan.jobs):
        begin = clock()
        with peer.open(workers=1) as pool:
            answer = pool.submit(echo, content)(PATIENCE)
            times.append(clock() - begin)
        expect(plan, answer)
    return Figures.of_times(times[plan.warm_up :]), "a new pool until its first result"


def expect(plan: Plan, answer: bytes) -> None:
    if answer != plan.content():
        raise RuntimeError(f"{plan.peer} gave back {len(answer)} bytes that are not the {plan.payload} it was sent")


def nearest_rank(ordered: list[int], quantile: float) -> int:
    return ordered[math.ceil(quantile * len(ordered)) - 1]


@contextmanager
def closing(pool: Pool, close: Callable[[], None]) -> Iterator[Pool]:
    try:
        yield pool
    finally:
        close()


def report(plan: Plan, version: str, figures: Figures, note: str) -> None:
    line = {key: value for key, value in asdict(plan).items() if key != "warm_up"}
    rounded = {key: value and round(value, 3) for key, value in asdict(figures).items()}
    print(json.dumps({**line, "version": version, "kind": "process", **rounded, "note": note}))
