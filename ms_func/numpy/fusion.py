"""Eager calls of functions made of several operations, run as one compiled program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ms_func.execution.dispatch import bottom
from ms_func.ir.function import Function
from ms_func.ir.primitive import current
from ms_func.ir.types import typeof
from ms_func.numpy.promotion import HANDLES
from ms_func.tracing.tracer import Staging

_programs: dict[Any, tuple[Function, list[Any], bool]] = {}
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
    fn, constants, single = found
    outs = bottom.apply(fn, [*constants, *[bottom.operand(a) for a in arrays]])
    return outs[0] if single else tuple(outs)


def _program(body: Callable[..., Any], types: Sequence[Any], static: Sequence[Any]) -> Any:
    """The recorded program, the NumPy arrays it refers to, and whether it has one result."""
    trace = Staging(body.__name__.strip("_"))
    with trace:
        params = [trace.parameter(t) for t in types]
        out = body(*params, *static)
        single = type(out) is not tuple
        fn, captured = trace.finish(params, (out,) if single else out)
    return fn, [bottom.operand(x) for x in captured], single
