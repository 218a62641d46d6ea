"""Its handler ends the process as its very first act."""

import os

from support_path import FOLDER  # noqa: F401

from greenroom_worker import Job, run


async def handle(job: Job) -> None:
    os._exit(7)


run(handle)
