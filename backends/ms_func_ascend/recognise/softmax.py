"""Softmax, its logarithm, their gradients, and cross entropy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ms_func_ascend.reader import Op, Value
from ms_func_ascend.recognise.algebra import (
    LAYOUT,
    Rows,
    bare,
    constant,
    is_rounding,
    made_by,
    near,
    product,
    row_factors,
    rows,
)
from ms_func_ascend.recognise.found import Found


def softmax(op: Op, options: Any) -> Iterator[Found]:
    """exp(x - max x) / sum exp(x - max x)."""
    found = softmax_parts(op)
    if found is not None:
        yield Found("SoftmaxV2", [found[0]], {"axes": list(found[1])})


def softmax_parts(op: Op | None) -> tuple[Value, tuple[int, ...]] | None:
    """What a softmax is taken of, and along which axes."""
    name = "" if op is None else op.name
    if op is None or name not in ("stablehlo.divide", "stablehlo.multiply"):
        return None
    steps = () if name == "stablehlo.divide" else _OVER
    for top, bottom in (op.operands, op.operands[::-1])[: 1 + len(steps)]:
        exp = made_by(top, "exponential")
        total = None if exp is None else rows(bottom, top.type.shape)
        if exp is not None and total is not None and total[:2] == (bare(top), "add"):
            x = _minus_maximum(exp.operands[0], total.axes)
            return (x, total.axes) if x is not None and total.steps == steps else None
    return None


_OVER = (("over", 1.0),)
"""The reciprocal of a reduction."""


def _minus_maximum(value: Value, axes: tuple[int, ...]) -> Value | None:
    """X of `x - max(x)` along axes; a maximum that is not finite may count as 0."""
    op = made_by(value, "subtract")
    if op is None:
        return None
    x, top = op.operands
    found = rows(top, x.type.shape)
    if found is None or found.x is not bare(x) or found.kind != "maximum" or found.axes != axes:
        return None
    return x if found.steps in ((), (("finite",),)) else None


def log_softmax(op: Op, options: Any) -> Iterator[Found]:
    """X - max x - log sum exp(x - max x)."""
    found = _log_parts(op)
    if found is not None:
        yield Found("LogSoftmaxV2", [found[0]], {"axes": list(found[1])})


def _log_parts(op: Op | None) -> tuple[Value, tuple[int, ...], Rows] | None:
    if op is None or op.name != "stablehlo.subtract":
        return None
    shifted, logs = op.operands
    total = rows(logs, shifted.type.shape)
    if total is None or total.kind != "add" or total.steps != (("log",),):
        return None
    exp = made_by(total.x, "exponential")
    if exp is None or bare(exp.operands[0]) is not bare(shifted):
        return None
    x = _minus_maximum(shifted, total.axes)
    return None if x is None else (x, total.axes, total)


def softmax_gradient(op: Op, options: Any) -> Iterator[Found]:
    """S * (g - sum(g * s)), also in e and t where s is e / t.

    That is e * (g / t - sum(g * s / t)) of a quotient, and e * (g * (1 / t) - sum(g * e) / t ** 2)
    of a product with the reciprocal.
    """
    if op.name != "stablehlo.multiply":
        return
    for outer, inner in (op.operands, op.operands[::-1]):
        yield from _gradient_of_logits(outer, inner)
        difference = _difference(inner)
        if difference is None:
            continue
        first, row = difference
        if row.kind != "add" or row.steps not in ((), (("negate",),)):
            continue
        made = _plain_gradient(outer, first, row) or _quotient_gradient(outer, first, row)
        if made is not None:
            s, g, *shared = made
            yield Found("SoftmaxGrad", [s, g], {"axes": list(row.axes)}, tuple(shared))


def _difference(value: Value) -> tuple[Value, Rows] | None:
    """A value minus a number for each of its rows."""
    shape = value.type.shape
    op = made_by(value, "subtract")
    if op is not None:
        found = rows(op.operands[1], shape)
        return None if found is None or found.steps else (op.operands[0], found)
    op = made_by(value, "add")
    if op is None:
        return None
    for first, second in (op.operands, op.operands[::-1]):
        found = rows(second, shape)
        if found is not None and found.steps == (("negate",),):
            return first, found
    return None


def _plain_gradient(s: Value, g: Value, row: Rows) -> tuple[Value, ...] | None:
    return (s, g) if _rest(row.x, g) is bare(s) else None


def _rest(value: Value, g: Value) -> Value | None:
    """The one factor of a product beside those of `g`."""
    (number, factors), (wanted, others) = product(value), product(g)
    rest = Counter(factors) - Counter(others)
    alone = len(factors) == len(others) + 1 and rest.total() == 1
    return next(iter(rest)) if alone and math.isclose(number, wanted, rel_tol=1e-6) else None


def _quotient_gradient(e: Value, first: Value, row: Rows) -> tuple[Value, ...] | None:
    """E * (g / t + row) where the row is -sum(g * ((e / t) / t))."""
    over = made_by(first, "divide")
    other = None if over is None else _rest(row.x, over.operands[0])
    twice = None if other is None else made_by(other, "divide")
    if over is None or twice is None or bare(twice.operands[1]) is not bare(over.operands[1]):
        return None
    g, total = over.operands
    s = twice.operands[0]
    once = made_by(s, "divide")
    fits = once is not None and [*map(bare, once.operands)] == [bare(e), bare(total)]
    return (s, g, e, total) if fits else None


def _gradient_of_logits(e: Value, inner: Value) -> Iterator[Found]:
    """E * (g * (1 / t) + row) for the row -sum(g * e) / t ** 2: found from the logits."""
    exp, both = made_by(e, "exponential"), made_by(inner, "add")
    pairs = () if exp is None or both is None else (both.operands, both.operands[::-1])
    for first, second in pairs:
        row = row_factors(second, e.type.shape)
        scaled = made_by(first, "multiply")
        if exp is None or scaled is None or row is None or len(row[1]) != 3:
            continue
        for g, over in (scaled.operands, scaled.operands[::-1]):
            total = rows(over, e.type.shape)
            if total is None or (total.x, total.kind, total.steps) != (bare(e), "add", _OVER):
                continue
            x = _minus_maximum(exp.operands[0], total.axes)
            weights = [f for f in row[1] if f != total]
            if x is None or len(weights) != 1 or not _weighs(weights[0], g, e, total.axes, -row[0]):
                continue
            shared = e, *_down_to_reduction(over)
            yield Found("SoftmaxGradient", [x, g], {"axes": list(total.axes)}, shared)


def _weighs(row: Rows, g: Value, e: Value, axes: tuple[int, ...], sign: int) -> bool:
    """Whether a row is the sum of g * e, or of its negative."""
    own = {(): 1, (("negate",),): -1}.get(row.steps)
    return (row.kind, row.axes, own) == ("add", axes, sign) and _rest(row.x, g) is bare(e)


def log_softmax_gradient(op: Op, options: Any) -> Iterator[Found]:
    """G - exp(y) * sum(g) for a log-softmax y: e * (sum(g) / t) is taken from g, exp(y) = e / t."""
    if op.name not in ("stablehlo.add", "stablehlo.subtract"):
        return
    sign = 1.0 if op.name == "stablehlo.add" else -1.0
    pairs = [op.operands] if sign < 0 else [op.operands, op.operands[::-1]]
    for g, other in pairs:
        weighted = made_by(other, "multiply")
        for row, e in () if weighted is None else (weighted.operands, weighted.operands[::-1]):
            found = _over_total(row, e, g, sign)
            if found is not None:
                x, axes, total = found
                shared = e, total, *product(g).factors
                yield Found("LogSoftmaxGrad", [x, g], {"axes": list(axes)}, shared)


def _over_total(
    row: Value, e: Value, g: Value, sign: float
) -> tuple[Value, tuple[int, ...], Value] | None:
    """The x whose log-softmax it is, the axes and the reduced e, for a row of -sum(g) / t."""
    exp = made_by(e, "exponential")
    pair = row_factors(row, e.type.shape)
    if exp is None or pair is None or len(pair[1]) != 2:
        return None
    for weight, total in (pair[1], pair[1][::-1]):
        if total[:2] != (bare(e), "add") or total.steps != _OVER or weight.kind != "add":
            continue
        ratio = _ratio(weight, g)
        x = _minus_maximum(exp.operands[0], total.axes)
        if ratio is not None and x is not None and near(sign * pair[0] * ratio, -1) and (
            weight.axes == total.axes
        ):  # fmt: skip
            reduced = _reduction_of(row, e)
            return None if reduced is None else (x, total.axes, reduced)
    return None


def _ratio(weight: Rows, g: Value) -> float | None:
    """C where a row is c * sum(g)."""
    have, want = product(weight.x), product(g)
    if not _same_factors(have.factors, want.factors) or not want.number:
        return None
    ratio = have.number / want.number
    for step in weight.steps:
        if step == ("negate",):
            ratio = -ratio
        elif step[0] == "multiply":
            ratio *= step[1]
        else:
            return None
    return ratio


def _same_factors(xs: list[Value], ys: list[Value]) -> bool:
    return Counter(xs) == Counter(ys)


def _down_to_reduction(value: Value) -> Iterator[Value]:
    """A function of rows, and what it is made of, down to the reduction."""
    while value.op is not None:
        yield value
        if value.op.name == "stablehlo.reduce":
            return
        value = next(v for v in value.op.operands if constant(v) is None)


def _reduction_of(value: Value, e: Value) -> Value | None:
    """The reduction of `e` that a product of rows is made of."""
    op = value.op
    if op is None or op.name == "stablehlo.reduce":
        return value if op is not None and bare(op.operands[0]) is bare(e) else None
    if op.name not in (*LAYOUT, "stablehlo.multiply", "stablehlo.divide") and not is_rounding(op):
        return None
    return next(filter(None, (_reduction_of(v, e) for v in op.operands)), None)
