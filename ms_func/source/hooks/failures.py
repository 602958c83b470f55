"""`raise` and `assert` on values known only at run time, which become checks.

An exception that converted code raises is marked. If it leaves a branch that is being
recorded, the branch ends in a check that always fails, and the value of the choice is that of
the other branches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ms_func.errors import UnsupportedError
from ms_func.ir.host import identity_of
from ms_func.ir.loc import user_loc
from ms_func.primitives.effects import check_raising
from ms_func.source.hooks.truths import asked, at_hand, truth
from ms_func.tracing.tracer import Tracer


class _Raised(threading.local):
    depth = 0
    marked: Any = None


_raised = _Raised()


def raise_(exception: Any) -> Any:
    """The exception that a `raise` statement of converted code raises, marked as such."""
    made = exception() if isinstance(exception, type) else exception
    if isinstance(made, Exception):
        _raised.marked = made
    return made


class _Catching:
    """Context of the body of a `try` with handlers."""

    def __enter__(self) -> None:
        _raised.depth += 1

    def __exit__(self, *exc: object) -> None:
        _raised.depth -= 1


catching = _Catching()


class Unreachable(Exception):
    """The program raises on every way to this line."""


def unreachable() -> Exception:
    """What stands for the rest of the code behind a choice all of whose branches raise."""
    return raise_(
        Unreachable(
            "this function raises whatever its arguments are, so that it has no result to compile"
        )
    )


def leave(error: Exception, caught: int) -> bool:
    """Record that a region ends by raising `error`; False where converted code did not raise it.

    Raises:
        UnsupportedError: a `try` around the region means to catch it.
    """
    if _raised.marked is not error:
        return False
    _raised.marked = None
    if caught:
        raise UnsupportedError(
            f"a {type(error).__name__} raised under a run-time condition cannot be caught by the "
            "`try` around it: whether it is raised is known only when the program runs\n"
            "fix: put the `try` inside the branch, or return a value that tells",
            user_loc(3),
        ) from error
    if not isinstance(error, Unreachable):
        _fail(error)
    return True


def is_raised(error: Exception) -> bool:
    """Whether a `raise` of converted code raised this exception, the last one to do so."""
    return _raised.marked is error


def handlers() -> int:
    """Number of `try` statements with handlers of converted code around this line."""
    return _raised.depth


def _fail(error: Exception) -> None:
    """Record that the program raises `error` when it gets here."""
    kind, args = type(error), error.args
    check_raising(False, _maker(error), args, key=("raise", identity_of(kind), len(args)))


def _maker(error: Exception) -> Callable[[Any], BaseException]:
    kind = type(error)

    def make(args: Any) -> BaseException:
        try:
            return kind(*args)
        except TypeError:  # a class with an `__init__` of its own
            return error

    return make


def assert_raising(holds: Any, error: Exception) -> None:
    """Raise `error` at run time where a traced condition does not hold.

    Raises:
        UnsupportedError: a `try` around this line means to catch it.
    """
    kind, text = type(error), str(error)
    _refuse_handlers(kind.__name__)
    check_raising(holds, lambda: kind(text), key=(kind.__name__, text))


def _refuse_handlers(kind: str) -> None:
    """Refuse a check where a `try` means to catch what it raises."""
    if handlers():
        raise UnsupportedError(
            f"whether this raises {kind} is known only when the program runs, so that the `try` "
            "around it cannot catch it\nfix: test for it before, outside of the `try`",
            user_loc(3),
        )


def assert_(test: Any, message: Callable[[], Any] | None = None) -> None:
    """`assert test, message`.

    Raises:
        UnsupportedError: the test is traced, and a `try` around this line means to catch it.
    """
    test = at_hand(asked(test))
    if type(test) is not Tracer:
        if not test:
            raise raise_(AssertionError() if message is None else AssertionError(message()))
        return
    _refuse_handlers("AssertionError")
    args = () if message is None else (message(),)
    check_raising(truth(test), lambda args: AssertionError(*args), args, key="assert")
