"""Functions that are iterated until they settle: series and continued fractions.

All elements of an array are iterated together; an element that has settled keeps its value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from ms_func.ir.function import Function
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add
from ms_func.primitives.basis import full_of, reduce_sum
from ms_func.primitives.bits import bitwise_and, bitwise_not
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import gt, lt, select
from ms_func.tracing.tracer import build

_ROUNDS = 10_000_000
"""A bound for what never settles; some 10 times the root of `a` are taken."""
_BOOL = np.dtype(np.bool_)


class Iteration(NamedTuple):
    """A computation that repeats a step until every element has settled.

    Attributes:
        start: `(*operands)` to (which elements take part, first state).
        step: `(operands, state)` to (which elements have settled, next state).
        operands: number of operands.
    """

    start: Callable[..., tuple[Any, Sequence[Any]]]
    step: Callable[[Sequence[Any], Sequence[Any]], tuple[Any, Sequence[Any]]]
    operands: int


@cache
def _programs(it: Iteration, kind: ArrayType) -> tuple[Function, Function, Function]:
    """Programs of an iteration over arrays of one type: before, while, in the loop."""
    own = [kind] * it.operands

    def first(*xs: Any) -> list[Any]:
        active, state = it.start(*xs)
        return [active, *state]

    start = build("start", own, first)
    state = start.out_types[1:]
    flags, count = ArrayType(kind.shape, _BOOL), ArrayType((), np.int32)
    carried = [count, flags, *state, *own]

    def test(rounds: Any, active: Any, *rest: Any) -> list[Any]:
        going = convert_element_type(active, np.int32)
        some = gt(reduce_sum(going, range(kind.ndim)), 0)
        return [bitwise_and(some, lt(rounds, _ROUNDS))]

    def body(rounds: Any, active: Any, *rest: Any) -> list[Any]:
        old, xs = rest[: len(state)], rest[len(state) :]
        settled, new = it.step(xs, old)
        kept = [select(active, n, o) for n, o in zip(new, old, strict=True)]
        return [add(rounds, 1), bitwise_and(active, bitwise_not(settled)), *kept, *xs]

    return start, build("test", carried, test), build("body", carried, body)


def _iterate(b: Any, it: Iteration, kind: ArrayType, xs: Sequence[Any]) -> list[Any]:
    """Emit an iteration; the values of its last state."""
    start, test, body = _programs(it, kind)
    active, *state = b.inline(start, xs)
    zero = b.constant(0, ArrayType((), np.int32))
    types = body.in_types
    loop = b.operation("stablehlo.while", types, [zero, active, *state, *xs], regions=2)
    b.region(loop, 0, types, lambda inner, *values: inner.inline(test, values))
    b.region(loop, 1, types, lambda inner, *values: inner.inline(body, values))
    return list(loop.results)[2 : 2 + len(state)]


def until_settled(
    iterations: Sequence[Iteration], finish: Callable[..., Any]
) -> Callable[..., Any]:
    """Lowering rule: `finish` combines the operands and the states of all iterations."""

    @cache
    def last(kind: ArrayType) -> Function:
        states = [len(_programs(it, kind)[0].out_types) - 1 for it in iterations]
        n = iterations[0].operands

        def body(*values: Any) -> list[Any]:
            xs, rest, found = values[:n], values[n:], []
            for count in states:
                found.append(rest[:count])
                rest = rest[count:]
            return [finish(*xs, *found)]

        return build("finish", [kind] * (n + sum(states)), body)

    def lower(b: Any, eqn: Any, *values: Any) -> Any:
        out = eqn.outputs[0].type
        kind = ArrayType(out.shape, out.dtype if out.dtype.itemsize >= 4 else np.float32)
        xs = b.full_shape(eqn, values)
        if out.dtype != kind.dtype:
            xs = [b.convert(x, kind) for x in xs]
        states = [v for it in iterations for v in _iterate(b, it, kind, xs)]
        (y,) = b.inline(last(kind), [*xs, *states])
        return y if out.dtype == kind.dtype else b.convert(y, out)

    return lower


def filled(value: float, like: Any) -> Any:
    """Array of one value, of the type of `like`; state must have full shape."""
    kind = typeof(like)
    return full_of(value, ArrayType(kind.shape, kind.dtype))


def eps_of(x: Any) -> float:
    """Distance from 1 to the next number of the dtype of `x`."""
    return float(ml_dtypes.finfo(typeof(x).dtype).eps)
