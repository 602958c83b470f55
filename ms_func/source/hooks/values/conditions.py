"""What is known about values because of the branches and loops around a line.

In the branch of `if best is not None`, a `best` that data chose is not None. Conditions are kept
on a stack; only where a choice is looked at are they taken apart.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ms_func.ir.function import Literal
from ms_func.tracing.tracer import Tracer


class _Conditions(threading.local):
    def __init__(self) -> None:
        self.stack: list[tuple[Tracer, int, dict[Any, Any]]] = []


_conditions = _Conditions()


@contextmanager
def holding(x: Any, value: int, names: dict[Any, Any] | None = None) -> Iterator[None]:
    """A region that runs where the traced `x` has this value.

    Args:
        x: a boolean, or an index.
        value: what it is.
        names: variables of this region by those of the region in which `x` was computed.
    """
    if type(x) is not Tracer:
        yield
        return
    _conditions.stack.append((x, value, names or {}))
    try:
        yield
    finally:
        _conditions.stack.pop()


@contextmanager
def apart() -> Iterator[None]:
    """A program that is recorded for other places, too: nothing is known of what is around it."""
    around, _conditions.stack = _conditions.stack, []
    try:
        yield
    finally:
        _conditions.stack = around


def possible(index: Any, count: int) -> set[int]:
    """Values that an index below `count` may have here."""
    found = set(range(count))
    if type(index) is not Tracer:
        return {int(index)}
    wanted = _origin(index.recorder, index.variable)
    for x, value, names in _conditions.stack:
        producers: dict[Any, Any] = {}
        for variable, k, equal in _implied(x.recorder, x.variable, value, producers):
            variable = names.get(variable, variable)
            if _origin(x.recorder, variable) is wanted:
                found = found & {k} if equal else found - {k}
    return found


def known(x: Any) -> Any:
    """A bool for a traced condition that the branches around this line decide, else `x`."""
    if type(x) is not Tracer:
        return x
    wanted = _origin(x.recorder, x.variable)
    for held, value, names in _conditions.stack:
        if held.type.dtype == np.bool_:
            for variable, is_true in _facts(held.recorder, held.variable, bool(value), {}):
                if _origin(held.recorder, names.get(variable, variable)) is wanted:
                    return is_true
    return x


def _facts(
    trace: Any, variable: Any, value: bool, producers: dict[Any, Any]
) -> Iterator[tuple[Any, bool]]:
    """Conditions that follow from one having a value, and whether they hold."""
    yield variable, value
    if not producers:
        producers.update({v: e for e in trace.eqns for v in e.outputs})
    eqn = producers.get(variable)
    if eqn is None:
        return
    name, inputs = eqn.primitive.name, [a for a in eqn.inputs if type(a) is not Literal]
    if name == "not":
        yield from _facts(trace, inputs[0], not value, producers)
    elif (name == "and" and value) or (name == "or" and not value):
        for a in inputs:
            yield from _facts(trace, a, value, producers)


def _origin(trace: Any, variable: Any) -> Any:
    """The variable of an outer recording that one of `trace` stands for."""
    while True:
        outer = next((x for x, v in trace.captured.values() if v is variable), None)
        if type(outer) is not Tracer:
            return variable
        trace, variable = outer.recorder, outer.variable


def _implied(
    trace: Any, variable: Any, value: int, producers: dict[Any, Any]
) -> Iterator[tuple[Any, int, bool]]:
    """What follows from a variable having a value: an index is a number, or is not."""
    if variable.type.dtype.kind in "iu":
        yield variable, int(value), True
        return
    if not producers:
        producers.update({v: e for e in trace.eqns for v in e.outputs})
    eqn = producers.get(variable)
    if eqn is None:
        outer = next((x for x, v in trace.captured.values() if v is variable), None)
        if type(outer) is Tracer:
            yield from _implied(outer.recorder, outer.variable, value, {})
        return
    name, inputs = eqn.primitive.name, [a for a in eqn.inputs if type(a) is not Literal]
    if name in ("eq", "ne") and len(inputs) == 1:
        number = next(a for a in eqn.inputs if type(a) is Literal)
        if inputs[0].type.dtype.kind in "iu":
            yield inputs[0], int(number.value), (name == "eq") == bool(value)
    elif name == "not":
        yield from _implied(trace, inputs[0], not value, producers)
    elif name in ("reshape", "convert") and inputs:
        if inputs[0].type.dtype.kind == "b":
            yield from _implied(trace, inputs[0], value, producers)
    elif (name == "and" and value) or (name == "or" and not value):
        for a in inputs:
            yield from _implied(trace, a, value, producers)
