"""Normalisation of rows: layer norm and RMS norm, with scale and shift."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from ms_func_ascend.reader import Op, Value
from ms_func_ascend.recognise.algebra import (
    bare,
    constant,
    is_rounding,
    made_by,
    near,
    rows,
)
from ms_func_ascend.recognise.found import Found

_ROOTS = ("stablehlo.add", "stablehlo.multiply", "stablehlo.divide")


class _Normal(NamedTuple):
    """A value brought to mean 0 (layer norm) and mean square 1 along its last axes."""

    x: Value
    first: int
    epsilon: float
    centred: bool


def normalise(op: Op, options: Any) -> Iterator[Found]:
    """(x - mean) / sqrt(variance + eps) * gamma + beta; without mean and shift the RMS norm."""
    root = op.results[0]
    made = bare(root).op
    if made is None or made.name not in _ROOTS:
        return
    op = made
    shifts = [(root, None)]
    if op.name == "stablehlo.add":
        shifts = [(op.operands[0], op.operands[1]), (op.operands[1], op.operands[0])]
    for scaled, beta in shifts:
        for normal, gamma in _normals(scaled):
            found = _found(normal, gamma, beta, root)
            if found is not None:
                yield found


def _found(normal: _Normal, gamma: Value | None, beta: Value | None, root: Value) -> Found | None:
    given = [None if v is None else parameter(v, normal.first) for v in (gamma, beta)]
    if any(v is not None and p is None for v, p in zip((gamma, beta), given, strict=True)):
        return None
    attrs = {"first": normal.first, "epsilon": normal.epsilon,
             "gamma": gamma is not None, "beta": beta is not None}  # fmt: skip
    operands = [normal.x, *(p for p in given if p is not None)]
    if normal.centred:
        return Found("LayerNorm", operands, attrs)
    return Found("RmsNorm", operands, attrs) if beta is None else None


def _normals(value: Value) -> Iterator[tuple[_Normal, Value | None]]:
    """Ways to read a value as a normalised value times a scale."""
    above, below = _quotient(value, 3)
    for k, core in enumerate(above):
        rest = above[:k] + above[k + 1 :]
        for spread in (*rest, *below):
            others = [v for v in rest if v is not spread]
            if len(others) > 1 or any(v is not spread for v in below):
                continue
            normal = _normal(core, spread, spread in below, value.type.shape)
            if normal is not None:
                yield normal, others[0] if others else None


def _quotient(value: Value, depth: int) -> tuple[list[Value], list[Value]]:
    """Factors above and below the line; short products alone are taken apart."""
    op = bare(value).op
    if op is not None and depth and op.name in ("stablehlo.multiply", "stablehlo.divide"):
        (a, b), (c, d) = (_quotient(v, depth - 1) for v in op.operands)
        above, below = ([*a, *c], [*b, *d]) if op.name.endswith("y") else ([*a, *d], [*b, *c])
        if len(above) + len(below) <= 4:
            return above, below
    return [value], []


def _normal(core: Value, spread: Value, under: bool, shape: tuple[int, ...]) -> _Normal | None:
    deviation = rows(spread, shape)
    if deviation is None or deviation.kind != "add":
        return None
    first = deviation.axes[0] if deviation.axes else len(shape)
    count = math.prod(shape[first:])
    steps = deviation.steps
    wanted = "sqrt" if under else "rsqrt"
    if [s[0] for s in steps] != ["multiply", "add", wanted] or not near(steps[0][1], 1 / count):
        return None
    if deviation.axes != tuple(range(first, len(shape))) or steps[1][1] <= 0:
        return None
    square = made_by(deviation.x, "multiply")
    if square is None or bare(square.operands[0]) is not bare(square.operands[1]):
        return None
    if bare(square.operands[0]) is bare(core) and _mean_of(core, deviation.axes, count) is None:
        return _Normal(core, first, steps[1][1], False)
    x = _mean_of(core, deviation.axes, count)
    if x is None or _mean_of(square.operands[0], deviation.axes, count) is not x:
        return None
    return _Normal(x, first, steps[1][1], True)


def _mean_of(value: Value, axes: tuple[int, ...], count: int) -> Value | None:
    """X of `x - mean(x)`."""
    op = made_by(value, "subtract")
    found = None if op is None else rows(op.operands[1], value.type.shape)
    if op is None or found is None or found.x is not bare(op.operands[0]) or found.axes != axes:
        return None
    fits = found.kind == "add" and len(found.steps) == 1 and found.steps[0][0] == "multiply"
    return found.x if fits and near(found.steps[0][1], 1 / count) else None


def parameter(value: Value, first: int) -> Value | None:
    """What a value repeats over the rows: a tensor of the last dimensions, from `first` on."""
    shape = value.type.shape
    if constant(value) is not None:
        return None
    at = value
    places = list(range(len(shape)))
    while at.op is not None and at.type.shape != shape[first:]:
        if is_rounding(at.op):
            pass
        elif at.op.name == "stablehlo.broadcast_in_dim":
            dims = at.op.attrs["broadcast_dimensions"]
            source = at.op.operands[0].type.shape
            places = [places[d] if n != 1 else -1 for d, n in zip(dims, source, strict=True)]
        else:
            return None
        at = at.op.operands[0]
    last = list(range(first, len(shape)))
    if at.type.shape == shape[first:] and at is not value and places == last:
        return at
    return None
