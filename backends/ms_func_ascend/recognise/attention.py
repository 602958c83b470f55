"""Attention: softmax(q k^T * scale + shift, perhaps masked) v over one or two batch dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from ms_func_ascend.reader import Op, Value
from ms_func_ascend.recognise.algebra import constant, is_rounding, made_by, product
from ms_func_ascend.recognise.found import Found
from ms_func_ascend.recognise.softmax import softmax_parts

_LAYOUT = ("stablehlo.reshape", "stablehlo.transpose", "stablehlo.broadcast_in_dim")


class Sides(NamedTuple):
    """Dimensions of one operand of a product: batch and head, position, and feature."""

    batch: list[int]
    position: list[int]
    feature: list[int]


def attention(op: Op, options: Any) -> Iterator[Found]:
    """A product of a softmax along its last dimension with the values."""
    second = _sides(op)
    if second is None:
        return
    weights, v = op.operands
    parts = softmax_parts(_through(weights).op)
    if parts is None:
        return
    logits, axes = parts[0], parts[1]
    if axes != (len(logits.type.shape) - 1,):
        return
    pred, masked, fill = _mask(logits)
    values = Sides(second[1].batch, second[1].feature, second[1].position)
    for scaled, shift, sign in _shifted(masked):
        roles = _roles(op, weights, scaled, second)
        if roles is not None:
            (q, k), number, sides = roles
            more = {"keep": pred, "shift": shift}
            given = {name: x for name, x in more.items() if x is not None}
            attrs = {"scale": number, "fill": fill, "dtype": logits.type.dtype, "sign": sign,
                     "more": tuple(given), "logits": logits.type.shape,
                     "q": sides[0], "k": sides[1], "v": values}  # fmt: skip
            yield Found("Attention", [q, k, v, *given.values()], attrs, loose=(*given.values(),))


def _shifted(logits: Value) -> Iterator[tuple[Value, Value | None, int]]:
    """What may be scaled products, what is added to them, and with which sign."""
    yield logits, None, 1
    for name, sign in (("add", 1), ("subtract", -1)):
        op = made_by(logits, name)
        if op is not None:
            x, y = op.operands
            yield x, y, sign
            if sign == 1:
                yield y, x, 1


def _roles(
    op: Op, weights: Value, scaled: Value, second: tuple[Sides, Sides]
) -> tuple[list[Value], float, tuple[Sides, Sides]] | None:
    """Queries and keys of scaled products, the scale, and what their dimensions are."""
    number, factors = product(scaled)
    first = _through(factors[0]).op if len(factors) == 1 else None
    sides = None if first is None else _sides(first)
    if first is None or sides is None:
        return None
    queries: Sides | None = sides[0]
    if len(sides[0].position) == 2:
        queries = _grouped(op, factors[0], first, (second[0], *sides))
    elif not (_keeps_order(weights) and _keeps_order(factors[0])) or (
        not _fit(op, first, second[0], sides)
    ):
        return None
    return None if queries is None else (first.operands, number, (queries, sides[1]))


def _grouped(op: Op, logits: Value, first: Op, sides: tuple[Sides, Sides, Sides]) -> Sides | None:
    """Roles in queries of which several heads share one of the keys; None if they do not.

    The dimensions of the first product are followed through the layouts behind it: the logits must
    be batch, heads (those of the keys, each with its group, perhaps apart), positions, keys, and so
    must the weights, where heads and groups are apart.
    """
    weights, q, k = sides
    size = {("q", d): n for d, n in enumerate(first.operands[0].type.shape)}
    size |= {("k", d): n for d, n in enumerate(first.operands[1].type.shape)}
    if len(k.position) != 1 or len(weights.position) != 2 or (len(logits.type.shape) not in (4, 5)):
        return None
    made = [d for d in size if d[0] == "q" and d[1] not in q.feature]
    made.sort(key=lambda d: (d[1] not in q.batch, d[1]))
    made += [d for d in size if d[0] == "k" and d[1] not in (*k.batch, *k.feature)]
    held = _followed(logits, first.results[0], [[d] if size[d] != 1 else [] for d in made], size)
    if held is None or len(held[-2]) != 1:
        return None
    ((_, position),) = held[-2]
    group = next(d for d in q.position if d != position)
    roles = [*(("q", d) for d in (*q.batch, group, position)), ("k", k.position[0])]
    w = op.operands[0].type.shape
    order = [*weights.batch, *weights.position, *weights.feature]
    if [d for place in held for d in place] != [d for d in roles if size[d] != 1]:
        return None
    if order != sorted(order) or [w[d] for d in order] != [size[d] for d in roles]:
        return None
    return Sides([*q.batch, group], [position], q.feature)


Dim = tuple[str, int]


def _followed(
    value: Value, source: Value, dims: list[list[Dim]], size: dict[Dim, int]
) -> list[list[Dim]] | None:
    """Which dimensions of `source` each one of `value`, another layout of it, is made of."""
    layouts: list[Op] = []
    while value is not source:
        assert value.op is not None
        layouts.append(value.op)
        value = value.op.operands[0]
    for op in layouts[::-1]:
        shape = op.results[0].type.shape
        if op.name == "stablehlo.transpose":
            dims = [dims[p] for p in op.attrs["permutation"]]
        elif not is_rounding(op):
            flat = [d for place in dims for d in place]
            dims = [_taken(flat, n, size) for n in shape]
            if flat or any(
                math.prod(size[d] for d in p) != n for p, n in zip(dims, shape, strict=True)
            ):
                return None
    return dims


def _taken(flat: list[Dim], count: int, size: dict[Dim, int]) -> list[Dim]:
    """The first dimensions that make up `count` elements, taken from a list."""
    taken: list[Dim] = []
    while flat and math.prod(size[d] for d in taken) < count:
        taken.append(flat.pop(0))
    return taken


def _sides(op: Op) -> tuple[Sides, Sides] | None:
    """Roles of the dimensions of both operands, where one is summed over, one or two are left."""
    if op.name != "stablehlo.dot_general":
        return None
    dims = op.attrs["dot_dimension_numbers"]
    made = []
    for value, side in zip(op.operands, ("lhs", "rhs"), strict=True):
        batch = list(dims.get(f"{side}_batching_dimensions", []))
        contract = list(dims.get(f"{side}_contracting_dimensions", []))
        rest = [d for d in range(len(value.type.shape)) if d not in (*batch, *contract)]
        long = [d for d in rest if value.type.shape[d] != 1] or rest[:1]
        if len(batch) not in (1, 2) or len(contract) != 1 or len(long) > 2:
            return None
        made.append(Sides(batch, long, contract))
    return made[0], made[1]


def _through(value: Value) -> Value:
    """What a value is another layout of."""
    while value.op is not None and (value.op.name in _LAYOUT or is_rounding(value.op)):
        value = value.op.operands[0]
    return value


def _keeps_order(value: Value) -> bool:
    """Whether those layouts leave the dimensions that are not 1 as they are, in their order."""
    while value.op is not None and (value.op.name in _LAYOUT or is_rounding(value.op)):
        op, shape = value.op, value.type.shape
        source = op.operands[0].type.shape
        if [n for n in source if n != 1] != [n for n in shape if n != 1]:
            return False
        if op.name == "stablehlo.transpose":
            long = [p for p in op.attrs["permutation"] if source[p] != 1]
            if long != sorted(long):
                return False
        value = op.operands[0]
    return True


def _mask(logits: Value) -> tuple[Value | None, Value, float]:
    """Where elements stay, what they are, and the number in the place of others."""
    op = made_by(logits, "select")
    fill = None if op is None else constant(op.operands[2])
    if op is None or fill is None or fill > -1e4:
        return None, logits, 0.0
    return op.operands[0], op.operands[1], fill


def _fit(second: Op, first: Op, weights: Sides, sides: tuple[Sides, Sides]) -> bool:
    """Whether the weights are summed over the positions of the keys, batch by batch."""
    if any(len(s.position) != 1 for s in (weights, *sides)):
        return False
    w = second.operands[0].type.shape
    q, k = (x.type.shape for x in first.operands)
    order = [d for d in (*weights.batch, *weights.position, *weights.feature) if w[d] != 1]
    long = [d for d, n in enumerate(w) if n != 1]
    sizes = [q[d] for d in sides[0].batch], [w[d] for d in weights.batch]
    positions = w[weights.position[0]], w[weights.feature[0]]
    wanted = q[sides[0].position[0]], k[sides[1].position[0]]
    return order == long and sizes[0] == sizes[1] and positions == wanted
