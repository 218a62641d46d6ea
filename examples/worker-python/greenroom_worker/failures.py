"""How a job fails, and what of it the host is told."""

from __future__ import annotations

import os

from .messages import KIND_ERROR, KIND_INVALID_INPUT, KIND_PANIC, JobFailure
from .wire import shortened

MESSAGE_MAX = 16_384
"""The most bytes of a failure's message; the rest is cut off, so that it fits in any frame."""


class Failure(Exception):
    """The job failed, as its handler foresaw: kind 1 (`error`).

    `retryable` says whether the same job may succeed another time.
    """

    kind = KIND_ERROR

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class InvalidInput(Failure):
    """The input is wrong, and will be so another time: kind 3 (`invalid input`)."""

    kind = KIND_INVALID_INPUT


class CallRefused(Failure):
    """The host answered a call with an error. A handler that lets it pass fails with kind 1."""


def failure_of(error: BaseException) -> JobFailure:
    """What the host is told of an exception that left the handler.

    A `Failure` was foreseen and is kind 1 or 3. Anything else is what the handler "does not catch",
    which section 9.1 calls kind 2 (`panic`): a bug of the handler's. Its message has the type, the
    text, and the place in the handler's file.
    """
    if isinstance(error, Failure):
        return JobFailure(error.kind, shortened(str(error), MESSAGE_MAX), error.retryable)
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    message = shortened(message, MESSAGE_MAX)
    place = handler_place(error)
    return JobFailure(KIND_PANIC, f"{message} ({place})" if place else message, False)


def handler_place(error: BaseException) -> str:
    """`file:line` of the innermost frame in the file where the handler begins."""
    own = os.path.dirname(__file__)
    handler_file = place = ""
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not handler_file and os.path.dirname(file) != own:
            handler_file = file
        if file == handler_file:
            place = f"{os.path.basename(file)}:{step.tb_lineno}"
        step = step.tb_next
    return place
