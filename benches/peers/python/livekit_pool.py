"""livekit-agents' ProcPool, driven directly: its own server is asked for nothing.

A job says that it has begun by one datagram with its clock, since this pool has no results.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import struct
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path

from livekit.agents import JobContext, JobExecutorType, JobProcess
from livekit.agents.ipc.proc_pool import ProcPool
from livekit.agents.job import JobAcceptArguments, RunningJobInfo
from livekit.protocol import agent, models

from measure import ARRIVAL, PATIENCE, Figures, Plan, Unable, clock

# Its default on Linux, with the modules that its own server preloads.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["livekit_pool", "livekit.agents.ipc._preload", "livekit.agents.ipc._preload_freeze"])

VERSION = version("livekit-agents")
START_METHOD = "forkserver, preloaded"


def measure(plan: Plan) -> tuple[Figures, str]:
    measurement = {"launch": launch, "spawn": spawn}.get(plan.what)
    if measurement is None:
        raise Unable(f"livekit-agents' ProcPool has no {plan.what}: a job has a process of its own and no result")
    with answers() as (address, answered):
        figures, note = asyncio.run(measurement(plan, address, answered))
    return figures, f"{note}; no room is joined; start method: {START_METHOD}"


async def launch(plan: Plan, address: str, answered: socket.socket) -> tuple[Figures, str]:
    times = []
    async with pool(plan.workers) as (launcher, ready):
        for _ in range(plan.warm_up + plan.jobs):
            await asyncio.sleep(ARRIVAL)
            await asyncio.wait_for(ready.get(), PATIENCE)
            times.append(await launch_one(launcher, plan, address, answered))
    return Figures.of_times(times[plan.warm_up :]), f"launch_job until the entrypoint; a job every {ARRIVAL:g} s"


async def spawn(plan: Plan, address: str, answered: socket.socket) -> tuple[Figures, str]:
    times = []
    for _ in range(plan.warm_up + plan.jobs):
        begin = clock()
        async with pool(workers=1) as (launcher, _):
            await launch_one(launcher, plan, address, answered)
            times.append(clock() - begin)
    return Figures.of_times(times[plan.warm_up :]), "a new pool of one idle process until its first entrypoint"


@asynccontextmanager
async def pool(workers: int) -> AsyncIterator[tuple[ProcPool, asyncio.Queue[None]]]:
    """A pool, and a queue that holds one item for each process that became ready."""
    launcher = ProcPool(
        initialize_process_fnc=initialize,
        job_entrypoint_fnc=entrypoint,
        session_end_fnc=None,
        simulation_end_fnc=None,
        num_idle_processes=workers,
        initialize_timeout=60,
        close_timeout=10,
        session_end_timeout=10,
        inference_executor=None,
        job_executor_type=JobExecutorType.PROCESS,
        mp_ctx=CONTEXT,
        memory_warn_mb=0,
        memory_limit_mb=0,
        http_proxy=None,
        loop=asyncio.get_running_loop(),
    )
    ready: asyncio.Queue[None] = asyncio.Queue()
    launcher.on("process_ready", lambda _: ready.put_nowait(None))
    await launcher.start()
    try:
        yield launcher, ready
    finally:
        await launcher.aclose()


async def launch_one(launcher: ProcPool, plan: Plan, address: str, answered: socket.socket) -> int:
    """Nanoseconds from `launch_job` until the entrypoint runs."""
    job = agent.Job(
        id="job",
        room=models.Room(name="room"),
        metadata=json.dumps({"answer": address, "content": "x" * plan.payload}),
    )
    info = RunningJobInfo(
        accept_arguments=JobAcceptArguments(name="", identity="", metadata=""),
        job=job,
        url="",
        token="",
        worker_id="",
        # A fake job gets a mocked room, which takes tens of milliseconds to make.
        fake_job=False,
    )
    submitted = clock()
    await launcher.launch_job(info)
    answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(answered, 8), PATIENCE)
    return struct.unpack("<q", answer)[0] - submitted


def initialize(_: JobProcess) -> None:
    pass


async def entrypoint(context: JobContext) -> None:
    now = time.monotonic_ns()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(struct.pack("<q", now), json.loads(context.job.metadata)["answer"])
    context.shutdown()


@contextmanager
def answers() -> Iterator[tuple[str, socket.socket]]:
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        address = str(Path(directory) / "answers")
        receiver.bind(address)
        receiver.setblocking(False)
        yield address, receiver
