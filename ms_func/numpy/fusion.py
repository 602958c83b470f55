"""Eager calls of functions made of several operations, run as one compiled program."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.execution.dispatch import bottom
from ms_func.ir.function import Function, Literal
from ms_func.ir.primitive import current
from ms_func.ir.types import typeof
from ms_func.numpy.promotion import HANDLES, SCALARS
from ms_func.tracing.tracer import build

_programs: dict[Any, Function] = {}
_LIMIT = 4096


def run(body: Callable[..., Any], arrays: Sequence[Any], *static: Any) -> Any:
    """`body(*arrays, *static)`: recorded as it is while tracing, one program otherwise.

    Args:
        body: a function of arrays and hashable values that captures nothing; its result is
            an array or a tuple of arrays.
        arrays: operands.
        *static: hashable values; a program is compiled for each combination.
    """
    if current.interpreter is not bottom:
        return body(*arrays, *static)
    types = tuple([a.type if type(a) in HANDLES else typeof(a) for a in arrays])
    key = (body, types, static)
    found = _programs.get(key)
    if found is None:
        if len(_programs) > _LIMIT:
            _programs.clear()
        found = _programs[key] = _program(body, types, static)
    fn, single = found
    outs = bottom.apply(fn, arrays)
    return outs[0] if single else tuple(outs)


def _program(body: Callable[..., Any], types: Sequence[Any], static: Sequence[Any]) -> Any:
    single = True

    def results(*params: Any) -> Sequence[Any]:
        nonlocal single
        out = body(*params, *static)
        single = type(out) is not tuple
        return (out,) if single else out

    fn = build(body.__name__.strip("_"), types, results)
    return fn, single


def fused(count: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: called eagerly, the function runs as one compiled program.

    Args:
        count: how many of the first positional arguments are arrays or scalars; the other
            arguments are static, and where one is not hashable the function runs as it is.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if current.interpreter is not bottom:
                return function(*args, **kwargs)
            arrays = args[:count]
            if not all(type(a) in _ARRAYS for a in arrays) or not _plain(args[count:], kwargs):
                return function(*args, **kwargs)
            return run(_bound(function, tuple(kwargs)), arrays, *args[count:], *kwargs.values())

        return wrapper

    return decorate


_ARRAYS = HANDLES | SCALARS | {np.ndarray, Literal}
_STATIC = frozenset({int, bool, str, type(None), type})


def _plain(args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether arguments are values that a program may be compiled for."""
    for v in (*args, *kwargs.values()):
        if type(v) is tuple:
            if not all(type(x) in _STATIC for x in v):
                return False
        elif type(v) not in _STATIC and not isinstance(v, (np.dtype, type)):
            return False
    return True


@functools.cache
def _bound(function: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Any]:
    """`function` with its last positional arguments passed by those names."""
    if not names:
        return function
    n = len(names)

    def body(*args: Any) -> Any:
        return function(*args[:-n], **dict(zip(names, args[-n:], strict=True)))

    body.__name__ = function.__name__
    return body
