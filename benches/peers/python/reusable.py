"""loky: the reusable executor, which is the one its documentation recommends."""

from __future__ import annotations

from contextlib import AbstractContextManager

import loky

from measure import Pool, Unable, closing
from standard import Futures


class Loky:
    version = loky.__version__
    start_method = "loky (fork and exec)"

    def open(self, workers: int) -> AbstractContextManager[Pool]:
        # No timeout: an idle worker must not end between two jobs.
        executor = loky.get_reusable_executor(max_workers=workers, timeout=None, reuse=False)
        return closing(Futures(executor.submit), executor.shutdown)

    def open_one_shot(self, workers: int) -> AbstractContextManager[Pool]:
        raise Unable("loky has no limit of jobs per process: none is replaced after one job")
