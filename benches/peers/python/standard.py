"""Python's own pools: concurrent.futures.ProcessPoolExecutor and multiprocessing.Pool."""

from __future__ import annotations

import multiprocessing
import platform
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from multiprocessing.pool import Pool as MultiprocessingPool
from typing import Any

from measure import Pool, Wait, closing

# Safe beside threads, the default from Python 3.14 on, and several times faster than "spawn".
CONTEXT = multiprocessing.get_context("forkserver")
# What a worker needs is imported once, in the server, as the documentation advises.
CONTEXT.set_forkserver_preload(["work", "concurrent.futures.process", "multiprocessing.pool"])


class Executor:
    version = platform.python_version()
    start_method = "forkserver, preloaded"

    def open(self, workers: int) -> AbstractContextManager[Pool]:
        return self._open(workers, None)

    def open_one_shot(self, workers: int) -> AbstractContextManager[Pool]:
        return self._open(workers, 1)

    def _open(self, workers: int, jobs_each: int | None) -> AbstractContextManager[Pool]:
        executor = ProcessPoolExecutor(workers, mp_context=CONTEXT, max_tasks_per_child=jobs_each)
        return closing(Futures(executor.submit), executor.shutdown)


class Futures:
    """A pool with the interface of concurrent.futures."""

    def __init__(self, submit: Callable[..., Any]) -> None:
        self._submit = submit

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Wait:
        return self._submit(function, *arguments).result


class Multiprocessing:
    version = platform.python_version()
    start_method = "forkserver, preloaded"

    def open(self, workers: int) -> AbstractContextManager[Pool]:
        return self._open(workers, None)

    def open_one_shot(self, workers: int) -> AbstractContextManager[Pool]:
        return self._open(workers, 1)

    def _open(self, workers: int, jobs_each: int | None) -> AbstractContextManager[Pool]:
        pool = CONTEXT.Pool(workers, maxtasksperchild=jobs_each)

        def close() -> None:
            pool.close()
            pool.join()

        return closing(AsyncResults(pool), close)


class AsyncResults:
    """`apply_async` is the way to submit one job; `map` and `imap` would put several in one message."""

    def __init__(self, pool: MultiprocessingPool) -> None:
        self._pool = pool

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Wait:
        return self._pool.apply_async(function, arguments).get
