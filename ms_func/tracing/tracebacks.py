"""Tracebacks without the library's own frames.

They are left out where they tell the user nothing: of errors that name the user's line, and of
errors raised by the user's own functions while these were recorded. All others keep them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import ParamSpec, TypeVar

from ms_func import config
from ms_func.errors import LocatedError
from ms_func.ir.loc import is_internal

P = ParamSpec("P")
T = TypeVar("T")


def user_traceback(function: Callable[P, T]) -> Callable[P, T]:
    """Decorator of a function that users call: its errors show the frames of the user's code.

    `config.traceback` set to "full", or the environment variable MS_FUNC_TRACEBACK, shows all.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if config.traceback.value == "short":
                error.__traceback__ = _shortened(error)
            raise

    return call


def _shortened(error: Exception) -> TracebackType | None:
    entries = []
    at = error.__traceback__
    while at is not None:
        entries.append(at)
        at = at.tb_next
    hidden = [is_internal(e.tb_frame.f_code.co_filename) for e in entries]
    if hidden[-1] and not isinstance(error, LocatedError):
        return error.__traceback__
    for entry, hide in zip(reversed(entries), reversed(hidden), strict=True):
        if not hide:
            at = TracebackType(at, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return at
