"""Runs of programs that call Python: what happened on the host, and the exception that ended it.

Every run has a number, which the program takes as its last operand and hands to each call of
Python. A call that fails keeps its exception with the run; later calls of that run do
nothing, and when the program has ended the exception is raised. So the first failure in
program order wins, and runs in several threads do not mix.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ms_func.dtypes import narrowed
from ms_func.errors import CallbackError
from ms_func.execution.buffers import put
from ms_func.ir.types import ArrayType
from ms_func.lowering.emit import TOKEN

Host = Callable[..., Sequence[Any]]


class _Run:
    """One run of a program.

    Attributes:
        failure: the first exception.
        alone: whether nobody waits for this device, so that a failure may end the program.
    """

    __slots__ = ("alone", "failure")

    def __init__(self, alone: bool) -> None:
        self.alone = alone
        self.failure: BaseException | None = None


_runs: dict[int, _Run] = {}
_numbers = itertools.count(1)


def run(program: Callable[[list[Any]], list[Any]], placement: Any, alone: bool) -> list[Any]:
    """Results of a program that calls Python, when all of its calls have been made.

    Args:
        program: from further operands to the buffers of the results and the state of the host.
        placement: where the number of the run goes.
        alone: whether the program runs on one device.

    Raises:
        Exception: what the first call that failed raised.
    """
    number = next(_numbers) % 2**32
    state = _runs[number] = _Run(alone)
    outs: list[Any] = []
    try:
        outs = program([put(np.uint32(number), TOKEN, placement)])
        for buffer in outs:
            buffer.block_until_ready()
    except Exception:
        if state.failure is None:
            raise
    finally:
        del _runs[number]
    if state.failure is not None:
        raise state.failure
    return outs[:-1]


def entry(host: Host, types: Sequence[ArrayType], name: str, loc: Any) -> Callable[..., Any]:
    """What a program calls for a host function: from its state and arrays to the same.

    Args:
        host: from arrays to arrays.
        types: types of the results.
        name: name of the function, for messages.
        loc: the user's line.
    """

    def call(token: Any, *arrays: Any) -> tuple[Any, ...]:
        state = _runs.get(int(token))
        if state is not None and state.failure is not None:
            return (np.asarray(token), *_nothing(types))
        try:
            return (np.asarray(token), *answered(host(*arrays), types, name, loc))
        except BaseException as error:
            if state is None:
                raise
            state.failure = failure(error, name, loc)
            if state.alone:  # the runtime asks for the text, which that of users may refuse
                raise RuntimeError("a call of Python failed") from None
            return (np.asarray(token), *_nothing(types))

    return call


def _nothing(types: Sequence[ArrayType]) -> list[np.ndarray]:
    return [np.zeros(t.shape, t.dtype) for t in types]


def answered(
    outs: Sequence[Any], types: Sequence[ArrayType], name: str, loc: Any
) -> list[np.ndarray]:
    """Results of a host function, held to the types that were promised.

    Raises:
        CallbackError: their number, a shape or a dtype differs.
    """
    if len(outs) != len(types):
        raise CallbackError(
            f"callback `{name}` returned {len(outs)} arrays where {len(types)} were promised", loc
        )
    found = []
    for i, (x, t) in enumerate(zip(outs, types, strict=True)):
        array = np.asarray(x)
        if array.dtype != t.dtype and narrowed(array.dtype) == t.dtype:
            array = array.astype(t.dtype)
        if array.shape != t.shape or array.dtype != t.dtype:
            got = f"{array.dtype.name}{list(array.shape)}"
            raise CallbackError(
                f"callback `{name}` returned {got} for result {i}, where {t} was promised\n"
                "fix: return what result_shape_dtypes says, for example with .astype", loc
            )  # fmt: skip
        found.append(np.ascontiguousarray(array).reshape(t.shape))
    return found


class Raised(Exception):
    """Carries an exception that is to be raised as it is, such as that of a check."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def failure(error: BaseException, name: str, loc: Any) -> BaseException:
    """What the caller of the program gets to see of an exception on the host.

    It is of the class of the original one, so that handlers fit, and a `CallbackError`, which says
    where it happened; the original is its cause.
    """
    if isinstance(error, Raised):
        if loc is not None:
            error.error.add_note(f"{loc}\n{loc.excerpt()}")
        return error.error
    if isinstance(error, CallbackError) or not isinstance(error, Exception):
        return error
    made = _blank(type(error))
    made.__dict__.update(error.__dict__)
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    CallbackError.__init__(made, f"callback `{name}` raised {text}", loc)
    made.__cause__ = error
    return made


def _blank(kind: type[Exception]) -> CallbackError:
    """An error that is a `CallbackError` and of `kind`, still without a message."""
    try:
        return kind.__new__(_both(kind))  # type: ignore[return-value]
    except TypeError:  # classes that do not go together, or that need arguments
        return CallbackError.__new__(CallbackError)


@cache
def _both(kind: type[Exception]) -> type[CallbackError]:
    def reduce(self: CallbackError) -> Any:
        return _again, (kind, self.args), {**vars(self), "loc": None}

    words = {"__module__": kind.__module__, "__reduce__": reduce}
    return type(kind.__name__, (CallbackError, kind), words)


def _again(kind: type[Exception], args: tuple[Any, ...]) -> CallbackError:
    """An error that was pickled, of a class that pickle cannot find by its name."""
    made = _blank(kind)
    made.args = args
    return made
