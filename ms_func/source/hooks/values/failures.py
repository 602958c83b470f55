"""Exceptions on values known only at run time, which become checks.

If an exception of the user's program leaves a branch that is being recorded - by `raise`, `assert`
or because of what Python does: `[].pop()`, a key that is not there - the branch ends in a check
that always fails, and the value of the choice is that of the other branches. Errors of the
recording itself, which have classes of their own, and errors of array operations end it.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from ms_func import config, tree
from ms_func.errors import LocatedError, StagingError, UnsupportedError
from ms_func.execution.array import Array
from ms_func.ir.host import identity_of
from ms_func.ir.loc import Loc, is_internal, user_loc
from ms_func.ir.primitive import current
from ms_func.primitives.effects import check_raising
from ms_func.source.hooks import above
from ms_func.source.hooks.heap.anatomy import exception_of, own_names
from ms_func.source.hooks.heap.undefined import Unsure
from ms_func.source.hooks.values.choice import Choice, Unreachable
from ms_func.source.hooks.values.truths import asked, at_hand, truth
from ms_func.tracing.tracer import Tracer


class _Raised(threading.local):
    """What is raised in this thread, and the `try` statements around the line that runs."""

    marked: Any = None
    refusal: Exception | None = None

    def __init__(self) -> None:
        self.catchers: list[Catcher] = []


class Catcher:
    """A `try` around what is being run.

    Args:
        kinds: gives the exceptions that its handlers catch; None for a border, across which no
            handler can get at an exception that data decide.
        native: whether Python runs it.
    """

    __slots__ = ("kinds", "native")

    def __init__(self, kinds: Callable[[], Any] | None, native: bool = False) -> None:
        self.kinds = kinds
        self.native = native

    def __enter__(self) -> None:
        _raised.catchers.append(self)

    def __exit__(self, *exc: object) -> None:
        around = _raised.catchers
        del around[max(i for i, x in enumerate(around) if x is self)]

    def catches(self, error: Exception) -> bool:
        """Whether a handler means to catch it."""
        return self.kinds is not None and isinstance(error, self.kinds())


class _Ending(Catcher):
    """The body of a `try` whose `finally` ends with a jump, which ends exceptions as well."""

    __slots__ = ()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        if isinstance(exc[1], StagingError | UnsupportedError):
            _raised.refusal = exc[1]


_raised = _Raised()
catching = Catcher(lambda: BaseException, native=True)
"""Context of the body of a `try` with handlers that Python runs."""
ending = _Ending(lambda: BaseException, native=True)
"""Context of the body of a `try` whose `finally` ends with a jump; see `refuse`."""
passing = Catcher(tuple, native=True)
"""Context of the body of a `with` that Python runs, whose end has to be told of exceptions."""
catching_all = Catcher(lambda: Exception)
"""Context of what is recorded without knowing by whom its exceptions are caught."""
border = Catcher(None)
"""Context of a program that is recorded by itself."""


def refuse() -> None:
    """Raise the refusal on that ended the body of a `try`, before its `finally` jumps away."""
    refusal, _raised.refusal = _raised.refusal, None
    if refusal is not None:
        raise refusal


def may_catch() -> bool:
    """Whether a `try` around this line may catch what data raise."""
    around = _raised.catchers
    return bool(around) and around[-1] is not border


def around() -> tuple[Catcher, ...]:
    """The `try` statements around this line."""
    return tuple(_raised.catchers)


def is_awaited() -> bool:
    """Whether a `try` around this line, or around a transform that is at work, has handlers."""
    return any(c.kinds is not None for c in _raised.catchers)


def is_wanted(error: Exception) -> bool:
    """Whether a `try` around this line catches an exception that arithmetic raises in Python.

    Elsewhere arithmetic raises nothing, as in NumPy. Not what the user's lines compute counts.
    """
    if not _raised.catchers or config.jax_rules() or not _is_on_users_line():
        return False
    for catcher in reversed(_raised.catchers):
        if catcher.native or catcher is border:
            return False
        if catcher.catches(error):
            return True
    return False


def _is_on_users_line() -> bool:
    """Whether it is a line of the user's that calls the hook, and not the library."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_HOOKS):
        frame = frame.f_back
    return frame is not None and not is_internal(frame.f_code.co_filename)


def is_caught(error: Exception) -> bool:
    """Whether a `try` around this line catches an exception that data raise.

    Raises:
        UnsupportedError: one means to catch it, but cannot.
    """
    beyond = False
    for catcher in reversed(_raised.catchers):
        beyond = beyond or catcher.native or catcher is border
        if any(map(catcher.catches, alternatives(error))):
            if beyond:
                raise _uncatchable(error)
            return True
    return False


def alternatives(error: Exception) -> Sequence[Exception]:
    """What an exception stands for where data chose one of several."""
    if type(error) is not Chosen:
        return (error,)
    return [x for x in error.choice.left().values() if x is not None]


def _uncatchable(error: Exception) -> UnsupportedError:
    return UnsupportedError(
        f"a {type(alternatives(error)[0]).__name__} raised under a run-time condition cannot be "
        "caught by the `try` around it: whether it is raised is known only when the program runs\n"
        "fix: put the `try` inside the branch, or return a value that tells",
        user_loc(4),
    )


class Chosen(Exception):
    """One of several exceptions, known only at run time.

    Attributes:
        choice: the exceptions.
    """

    def __init__(self, choice: Any) -> None:
        self.choice = choice


@above.enter
def raise_(exception: Any, *causes: Any) -> Any:
    """The exception that a `raise` statement of converted code raises, marked as such.

    Args:
        exception: it, or its class.
        *causes: what stands after `from`, if there is anything.
    """
    made = exception() if isinstance(exception, type) else exception
    if causes and isinstance(made, BaseException):
        made = _from(made, *causes)
    if type(made) is Choice:
        made = Chosen(made)
    if isinstance(made, Exception):
        _raised.marked = made
    return made


def _from(error: Any, cause: Any) -> Any:
    """An exception with a cause; one of several where data chose the cause."""
    if type(cause) is not Choice:
        error.__cause__ = cause() if isinstance(cause, type) else cause
        return error
    made = [exception_of(type(error), error.args, _fields(error)) for _ in cause.alternatives]
    return Choice(cause.index, tuple(map(_from, made, cause.alternatives)))


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
    return len(a) == len(b) and all(map(_is_same, a, b))


def _is_same(x: Any, y: Any) -> bool:
    return x is y or (type(x) is type(y) is str and x == y)


def leave(error: Exception) -> bool:
    """Record that a region ends by raising `error`; False where the recording itself failed.

    Raises:
        UnsupportedError: a `try` around the region means to catch it.
    """
    if not is_users(error):
        return False
    _raised.marked = None
    if isinstance(error, Unreachable):
        return True
    if is_caught(error):
        raise _uncatchable(error) from error
    if isinstance(error, StopIteration) and _function_of(error) == "__next__":
        raise StagingError(
            "MS180 whether this iterator ends is known only when the program runs, and it is "
            "Python that takes its elements here\nfix: go through it with a `for` loop",
            user_loc(3),
        ) from error
    with _placed(error):
        fail(error)
    return True


def is_users(error: Exception) -> bool:
    """Whether the user's program raised an exception, and not the recording of it."""
    return is_raised(error) or _is_pythons(error)


def is_taken(error: Exception) -> bool:
    """Whether an exception of the user's program is what a `try` around this line waits for."""
    return is_users(error) and not isinstance(error, Unreachable) and is_caught(error)


def again(error: Exception) -> Exception:
    """An exception that left a region, to be raised around it."""
    _raised.marked = error
    return error


def let_go() -> None:
    """Know nothing any more of the exception that was raised last, which is caught."""
    _raised.marked = None


def is_raised(error: Exception) -> bool:
    """Whether a `raise` of converted code raised this exception, the last one to do so."""
    return _raised.marked is error


_HOOKS = __file__.rpartition("/values/")[0] + "/"
_OWN = (
    "'Choice'", "'Perhaps'", "'Portion'", "'Growing'", "'_Rows'", "'Running'", "'Once'", "'Taken'",
    "'Generated'", "'Nested'",
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
    in_hooks = file.startswith(_HOOKS) and not _is_slip(error)
    return not is_internal(file) or in_hooks or type(error) is IndexError


def _is_slip(error: Exception) -> bool:
    """Whether Python missed a name in a hook itself, or an attribute of one of its objects."""
    if isinstance(error, NameError):
        return error.name is not None  # Python says which name; those that hooks raise do not
    missed = type(getattr(error, "obj", None)).__module__
    return isinstance(error, AttributeError) and missed.startswith("ms_func.source.")


def _function_of(error: Exception) -> str:
    """Name of the user's function that raised an exception."""
    tb, name = error.__traceback__, ""
    while tb is not None:
        code, tb = tb.tb_frame.f_code, tb.tb_next
        name = name if is_internal(code.co_filename) else code.co_name
    return name


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


def fail(error: Exception, holds: Any = False) -> None:
    """Record that the program raises `error` when it gets here and a condition does not hold."""
    if type(error) is Chosen:
        error.choice.each(fail)
        return
    chain = list(_causes(error))
    held = above.leaving([(tuple(map(_in_words, e.args)), _fields(e)) for e in chain])
    kinds = [type(e) for e in chain]
    key = ("raise", *map(identity_of, kinds))
    check_raising(holds, functools.partial(_made, kinds), held, key=key)


def _causes(error: BaseException | None) -> Iterator[Exception]:
    """An exception, what it was raised from, and so on."""
    while isinstance(error, Exception):
        yield error
        error = error.__cause__


def _fields(error: Exception) -> dict[str, Any]:
    """The attributes of an exception, those that are there for certain."""
    held = {n: getattr(error, n, None) for n in own_names(error)}
    return {n: v for n, v in held.items() if type(v) is not Unsure}


def _made(kinds: Sequence[type[Exception]], held: Sequence[Any]) -> Any:
    """An exception with its causes, with what they held where the program raised it."""
    made = None
    held = tree.map(lambda x: as_number(x) if getattr(x, "weak_type", False) else x, list(held))
    for kind, (args, fields) in zip(reversed(kinds), reversed(held), strict=True):
        made = exception_of(kind, args, fields, made)
    return made


def as_number(x: Any) -> Any:
    """What an array of no dimensions is in Python."""
    if type(x) is not Array or x.shape:
        return x
    return float(str(x)) if x.dtype.kind == "f" else x.item()


def _in_words(x: Any) -> Any:
    """What Python says, in words that users know."""
    return x.replace("'Tracer'", "'Array'") if type(x) is str else x


@above.enter
def assert_raising(holds: Any, error: Exception) -> None:
    """Raise `error` where a condition does not hold, at run time if it is traced."""
    if type(holds) is bool:
        if not holds:
            raise raise_(error)
        return
    if may_catch() and is_caught(error):
        above.unless(holds, lambda: error)
        return
    fail(error, holds)


def assert_(test: Any, message: Callable[[], Any] | None = None) -> None:
    """`assert test, message`."""

    def error() -> Exception:
        return AssertionError() if message is None else AssertionError(message())

    test = at_hand(asked(test))
    if type(test) is not Tracer:
        if not test:
            raise raise_(error())
        return
    if may_catch() and is_caught(AssertionError()):
        above.unless(truth(test), error)
        return
    args = () if message is None else (message(),)
    check_raising(truth(test), lambda args: AssertionError(*args), args, key="assert")
