"""Starts a process that outlives its job, and says in which order it ends itself."""

import atexit
import os

from support_path import FOLDER  # noqa: F401

from greenroom_worker import Handler, Job, Result, run


class Parent(Handler):
    async def handle(self, job: Job) -> Result:
        return str(os.posix_spawnp("sleep", ["sleep", "60"], os.environ))  # noqa: ASYNC221

    async def shutdown(self, reason: int) -> None:
        print("shutdown")


atexit.register(print, "atexit")
run(Parent())
