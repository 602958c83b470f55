"""Normalisation: layer norm and RMS norm of rows, batch norm of images, with scale and shift."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ms_func_ascend.reader import Op, Type, Value
from ms_func_ascend.recognise.algebra import (
    LAYOUT,
    bare,
    constant,
    is_rounding,
    made_by,
    near,
    rows,
    walked,
)
from ms_func_ascend.recognise.found import Found

_ROOTS = ("stablehlo.add", "stablehlo.multiply", "stablehlo.divide")


class _Normal(NamedTuple):
    """A value brought to mean 0 (but for RMS norm) and mean square 1 along some axes."""

    x: Value
    axes: tuple[int, ...]
    epsilon: float
    centred: bool

    @property
    def name(self) -> str | None:
        """The operator: of rows along the last axes, or of all but the channels of images."""
        rank = len(self.x.type.shape)
        if self.axes == tuple(range(rank - len(self.axes), rank)):
            return "LayerNorm" if self.centred else "RmsNorm"
        images = rank == 4 and self.axes in ((0, 1, 2), (0, 2, 3))
        return "BatchNorm" if images and self.centred else None


def scaled_along(name: str, axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Dimensions that scale and shift of a norm vary along."""
    return axes if name != "BatchNorm" else tuple(d for d in range(rank) if d not in axes)


def normalise(op: Op, options: Any) -> Iterator[Found]:
    """(x - mean) / sqrt(variance + eps) * gamma + beta; without mean and shift the RMS norm.

    Mean and variance may also be given, as they are once a network with batch norms is trained.
    """
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
            found = _found(normal, gamma, beta)
            if found is not None:
                yield found
        yield from _inference(scaled, beta)


def _found(normal: _Normal, gamma: Value | None, beta: Value | None) -> Found | None:
    name = normal.name
    if name is None or (name == "RmsNorm" and beta is not None):
        return None
    dims = scaled_along(name, normal.axes, len(normal.x.type.shape))
    given = [None if v is None else parameter(v, dims) for v in (gamma, beta)]
    if any(v is not None and p is None for v, p in zip((gamma, beta), given, strict=True)):
        return None
    attrs = {"axes": normal.axes, "epsilon": normal.epsilon,
             "gamma": gamma is not None, "beta": beta is not None}  # fmt: skip
    return Found(name, [normal.x, *(p for p in given if p is not None)], attrs)


def _inference(value: Value, beta: Value | None) -> Iterator[Found]:
    """(x - mean) * rsqrt(variance + eps) * gamma + beta with vectors that run along channels."""
    above, below = _quotient(value, 3)
    if len(value.type.shape) != 4:
        return
    for core in above:
        centred = made_by(core, "subtract")
        for spread in (*above, *below):
            others = [v for v in above if v is not core and v is not spread]
            if centred is None or spread is core or len(others) > 1:
                continue
            if any(v is not spread for v in below):
                continue
            given = [*others, *([] if beta is None else [beta]), centred.operands[1]]
            attrs = {"gamma": bool(others), "beta": beta is not None}
            for channel in (1, 3):
                variance = _variance(spread, channel, "sqrt" if spread in below else "rsqrt")
                held = [parameter(v, (channel,)) for v in given]
                vectors = [v for v in held if v is not None]
                if variance is None or len(vectors) != len(given):
                    continue
                yield Found("BNInfer", [centred.operands[0], *vectors, variance[0]],
                            attrs | {"channel": channel, "epsilon": variance[1]})  # fmt: skip


def _variance(value: Value, channel: int, root: str) -> tuple[Value, float] | None:
    """V and epsilon of `rsqrt(v + epsilon)`, repeated along all dimensions but the channel."""
    steps, layouts = [], []
    while len(steps) < 2:
        op = value.op
        if op is None:
            return None
        if op.name in LAYOUT or is_rounding(op):
            layouts += [op] if op.name in LAYOUT else []
            value = op.operands[0]
        elif not steps and op.name == f"stablehlo.{root}":
            steps.append(0.0)
            value = op.operands[0]
        elif steps and op.name == "stablehlo.add" and (number := constant(op.operands[1])):
            steps.append(number)
            value = op.operands[0]
        else:
            return None
    vector = parameter(value, (channel,), layouts)
    return None if vector is None or steps[1] <= 0 else (vector, steps[1])


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
    op = _laid_out(bare(value)).op
    if op is not None and depth and op.name in ("stablehlo.multiply", "stablehlo.divide"):
        (a, b), (c, d) = (_quotient(v, depth - 1) for v in op.operands)
        above, below = ([*a, *c], [*b, *d]) if op.name.endswith("y") else ([*a, *d], [*b, *c])
        if len(above) + len(below) <= 4:
            return above, below
    return [value], []


def _laid_out(value: Value) -> Value:
    """A product that was laid out over more dimensions, as one of factors that were."""
    op = value.op
    inner = bare(op.operands[0]).op if op is not None and op.name == LAYOUT[0] else None
    if op is None or inner is None or inner.name != "stablehlo.multiply":
        return value
    shape, parts = value.type.shape, []
    for v in inner.operands:
        wide = Value(Type(shape, v.type.dtype))
        wide.op = Op(op.name, [v], [wide], op.attrs)
        parts.append(wide)
    whole = Value(value.type)
    whole.op = Op(inner.name, parts, [whole], {})
    return whole


def _normal(core: Value, spread: Value, under: bool, shape: tuple[int, ...]) -> _Normal | None:
    """A value divided by its root mean square along some axes, from the two factors."""
    found = _mean_square(spread, shape) or _fast_variance(spread, shape)
    if found is None:
        return None
    square, axes, steps = found
    if [s[0] for s in steps] != ["add", "sqrt" if under else "rsqrt"] or steps[0][1] <= 0:
        return None
    x = mean_of(core, axes)
    if x is None and bare(square) is bare(core):
        return _Normal(core, axes, steps[0][1], False)
    if x is None or x not in (square, mean_of(square, axes)):
        return None
    return _Normal(x, axes, steps[0][1], True)


_Rows = tuple[Value, tuple[int, ...], tuple[tuple, ...]]
"""What a function of rows is made of, the axes, and the steps that are taken then."""


def _mean(value: Value, shape: Sequence[int], above: Sequence[Op] = ()) -> _Rows | None:
    """A function of the mean of each row."""
    found = rows(value, shape, above)
    if found is None or found.kind != "add" or [s[0] for s in found.steps[:1]] != ["multiply"]:
        return None
    count = math.prod(shape[d] for d in found.axes)
    fits = near(found.steps[0][1], 1 / count)
    return (found.x, found.axes, found.steps[1:]) if fits else None


def _mean_square(value: Value, shape: Sequence[int], above: Sequence[Op] = ()) -> _Rows | None:
    """A function of the mean of squares of each row."""
    found = _mean(value, shape, above)
    square = None if found is None else _squared(found[0])
    return None if found is None or square is None else (square, *found[1:])


def _squared(value: Value) -> Value | None:
    op = made_by(value, "multiply")
    same = op is not None and bare(op.operands[0]) is bare(op.operands[1])
    return op.operands[0] if op is not None and same else None


def _fast_variance(value: Value, shape: Sequence[int]) -> _Rows | None:
    """A function of mean(x * x) - mean(x) * mean(x), which rounding may not make negative."""
    found = walked(value, end="subtract")
    if found is None:
        return None
    op, layouts, steps = found
    first, root = _mean_square(op.operands[0], shape, layouts), _squared(op.operands[1])
    second = None if root is None else _mean(root, shape, layouts)
    if first is None or second is None or (bare(first[0]), *first[1:]) != (*second[:2], ()):
        return None
    taken = steps[::-1][1:] if steps[-1:] == [("maximum", 0.0)] else steps[::-1]
    return None if second[2] else (second[0], second[1], tuple(taken))


def mean_of(value: Value, axes: tuple[int, ...]) -> Value | None:
    """X of `x - mean(x)`."""
    op = made_by(value, "subtract")
    found = None if op is None else _mean(op.operands[1], value.type.shape)
    if op is None or found is None or found[1:] != (axes, ()):
        return None
    return found[0] if found[0] is bare(op.operands[0]) else None


def parameter(value: Value, dims: Sequence[int], above: Sequence[Op] = ()) -> Value | None:
    """The tensor over dimensions `dims` that a value repeats along all others.

    Args:
        value: of a whole shape; or what the operations `above`, which change the layout alone,
            make of it, the last first.
        dims: in ascending order.
        above: see there.
    """
    whole = (above[0].results[0] if above else value).type.shape
    wanted = tuple(whole[d] for d in dims)
    if constant(value) is not None:
        return None
    layouts = list(above)
    while value.op is not None and (value.type.shape != wanted or not layouts):
        if value.op.name in LAYOUT:
            layouts.append(value.op)
        elif not is_rounding(value.op):
            return None
        value = value.op.operands[0]
    if value.type.shape != wanted:
        return None
    places: list[int | None] = [d if n != 1 else None for d, n in enumerate(value.type.shape)]
    for op in layouts[::-1]:
        moved = _moved(op, places)
        if moved is None:
            return None
        places = moved
    return value if places == [d if whole[d] != 1 else None for d in dims] else None


def _moved(op: Op, places: list[int | None]) -> list[int | None] | None:
    """Where dimensions end up after a change of layout; None stands for a dimension of 1."""
    if op.name == "stablehlo.broadcast_in_dim":
        dims = op.attrs["broadcast_dimensions"]
        return [None if p is None else dims[p] for p in places]
    source, target = op.operands[0].type.shape, op.results[0].type.shape
    old, new = ([d for d, n in enumerate(s) if n != 1] for s in (source, target))
    if [source[d] for d in old] != [target[d] for d in new]:
        return None
    return [None if p is None else new[old.index(p)] for p in places]
