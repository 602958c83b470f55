"""Exceptions on values known only at run time, which become checks.

If an exception of the user's program leaves a branch that is being recorded - by `raise`, `assert`
or because of what Python does: `[].pop()`, a key that is not there - the branch ends in a check
that always fails, and the value of the choice is that of the other branches. Errors of the
recording itself, which have classes of their own, and errors of array operations end it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from ms_func.errors import LocatedError, UnsupportedError
from ms_func.ir.host import identity_of
from ms_func.ir.loc import Loc, is_internal, user_loc
from ms_func.ir.primitive import current
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


def unreachable(errors: Sequence[Exception]) -> Exception:
    """What leaves a choice all of whose branches raise: the exception itself where it is one."""
    first = errors[0]
    if all(type(e) is type(first) and _same(e.args, first.args) for e in errors):
        return again(first)
    made = Unreachable(
        "this function raises whatever its arguments are, so that it has no result to compile"
    )
    made.__cause__ = first
    return raise_(made)


def _same(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether two exceptions say the same, as far as that is known while recording."""
    return len(a) == len(b) and all(x is y or (type(x) is str and x == y) for x, y in zip(a, b))  # noqa: B905


def leave(error: Exception, caught: int) -> bool:
    """Record that a region ends by raising `error`; False where the recording itself failed.

    Raises:
        UnsupportedError: a `try` around the region means to catch it.
    """
    if not is_raised(error) and not _is_pythons(error):
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
        with _placed(error):
            _fail(error)
    return True


def again(error: Exception) -> Exception:
    """An exception that left a region, to be raised around it."""
    _raised.marked = error
    return error


def is_raised(error: Exception) -> bool:
    """Whether a `raise` of converted code raised this exception, the last one to do so."""
    return _raised.marked is error


_HOOKS = __file__.rpartition("/")[0] + "/"
_OWN = (
    "'Choice'", "'Perhaps'", "'Portion'", "'Growing'", "'_Rows'", "'Running'", "'Once'", "'Taken'",
    "'Generated'",
)  # fmt: skip
"""What Python calls our stand-ins; where it does not take one, it is we who fall short."""
_OPERANDS = ("unsupported operand type", "not supported between")


def _is_pythons(error: Exception) -> bool:
    """Whether Python, or the user's program, raised an exception because of what it computes."""
    if isinstance(error, (LocatedError, RecursionError, MemoryError, SyntaxError)):
        return False
    if isinstance(error, (TypeError, AttributeError, ValueError)):
        shown = str(error)
        if current.interpreter.strict or any(x in shown for x in _OWN):
            return False
        if "'Tracer'" in shown and not any(x in shown for x in _OPERANDS):
            return False
    file = _innermost(error.__traceback__)
    return not is_internal(file) or file.startswith(_HOOKS) or type(error) is IndexError


def _innermost(tb: TracebackType | None) -> str:
    """File of the line that raised an exception."""
    file = ""
    while tb is not None:
        file, tb = tb.tb_frame.f_code.co_filename, tb.tb_next
    return file


@contextmanager
def _placed(error: Exception) -> Iterator[None]:
    """What is recorded inside comes from the user's line that raised an exception."""
    trace, tb, found = current.interpreter, error.__traceback__, None
    while tb is not None:
        code = tb.tb_frame.f_code
        found = found if is_internal(code.co_filename) else Loc(code, tb.tb_lasti)
        tb = tb.tb_next
    error.__traceback__ = None  # it holds the values of this recording
    outer, trace.loc = trace.loc, trace.loc or found
    try:
        yield
    finally:
        trace.loc = outer


def handlers() -> int:
    """Number of `try` statements with handlers of converted code around this line."""
    return _raised.depth


def _fail(error: Exception) -> None:
    """Record that the program raises `error` when it gets here."""
    kind = type(error)
    args = tuple([_in_words(a) for a in error.args])
    check_raising(False, _maker(error), args, key=("raise", identity_of(kind), len(args)))


def _in_words(x: Any) -> Any:
    """What Python says, in words that users know."""
    return x.replace("'Tracer'", "'Array'") if type(x) is str else x


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
