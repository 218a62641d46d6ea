"""Its jobs show what a handler is told; its last words go to standard output."""

import asyncio

from support_path import FOLDER  # noqa: F401

from greenroom_worker import CallRefused, Handler, Job, Result, run


class Notices(Handler):
    name = "notices"
    version = "3"
    slots = 4

    async def handle(self, job: Job) -> Result:
        work = getattr(self, job.name)
        result: Result = await work(job)
        return result

    async def until_shutdown(self, job: Job) -> Result:
        await job.output(b"begun")
        return f"shutdown for reason {await job.shutdown}"

    async def after_cancel(self, job: Job) -> Result:
        await job.output(b"begun")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        return f"cancelled for reason {await job.cancelled}"

    async def in_thread(self, job: Job) -> Result:
        await job.output(b"begun")
        return await job.run_blocking(lambda: self.spin(job))

    def spin(self, job: Job) -> str:
        while not job.cancelled:
            pass
        return "seen"

    async def own_cancel(self, job: Job) -> Result:
        raise asyncio.CancelledError

    async def leave(self, job: Job) -> Result:
        raise SystemExit(3)

    async def interrupted(self, job: Job) -> Result:
        raise KeyboardInterrupt

    async def wrong_type(self, job: Job) -> Result:
        return 7  # type: ignore[return-value]

    async def refused(self, job: Job) -> Result:
        try:
            await job.call("m", b"")
        except CallRefused as error:
            return f"refused: {error}"
        return "answered"

    async def too_long_a_call(self, job: Job) -> Result:
        return await job.call("m", bytes(1 << 20))

    async def large(self, job: Job) -> Result:
        return bytes(300_000)

    async def shutdown(self, reason: int) -> None:
        print(f"shutdown {reason}", flush=True)


run(Notices())
