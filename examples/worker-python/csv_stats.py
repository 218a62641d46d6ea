#!/usr/bin/env python3
"""A worker that tells what is in CSV files: a summary of each column, as JSON.

The input is the path of a file, or, if it has a line break, the CSV itself. For example:

    greenroom map --worker ./csv_stats.py data/*.csv
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
from io import BytesIO
from typing import IO

from csvstats.column import Column
from csvstats.reading import NotCsv, Table
from greenroom_worker import InvalidInput, Job, run

ROWS_AT_ONCE = 500


async def handle(job: Job) -> str:
    name = "the input" if b"\n" in job.input else job.input.decode("utf-8", "surrogateescape")
    try:
        with opened(job.input) as source:
            return json.dumps(await summary(source), ensure_ascii=False)
    except OSError as error:
        raise InvalidInput(f"{name}: {error.strerror}") from None
    except NotCsv as error:
        raise InvalidInput(f"{name}: {error}") from None


def opened(data: bytes) -> IO[bytes]:
    if b"\n" in data:
        return BytesIO(data)
    if b"\0" in data or not data:
        raise InvalidInput("the input is neither a path nor CSV")
    # Before it is opened: a FIFO would wait for a writer, and a device may do anything.
    if not stat.S_ISREG(os.stat(data).st_mode):
        raise InvalidInput(f"{os.fsdecode(data)}: not a regular file")
    return open(data, "rb")


async def summary(source: IO[bytes]) -> dict[str, object]:
    table = Table(source)
    columns = [Column() for _ in table.header]
    rows = 0
    for rows, row in enumerate(table, start=1):
        for column, value in zip(columns, row, strict=True):
            column.add(value)
        if rows % ROWS_AT_ONCE == 0:
            # Between two steps pings are answered and a cancel ends the job. No thread: a pong
            # should say that the file is being read, and not only that somebody is there.
            await asyncio.sleep(0)
    return {
        "rows": rows,
        "delimiter": table.delimiter,
        "columns": {
            name: column.summary() for name, column in zip(table.header, columns, strict=True)
        },
    }


if __name__ == "__main__":
    run(handle)
