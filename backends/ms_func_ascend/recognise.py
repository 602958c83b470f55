"""Operations that a program spells out and Ascend has an operator for: found before translation.

Front ends write a small pooling window as a tree of maxima (or sums) of strided slices, and a
softmax as its parts. Both are put back together here, where the program still says what it
means. Nothing is rewritten whose parts are used elsewhere: they would be computed twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func_ascend.legalize import is_float
from ms_func_ascend.operators.region import binary_kind
from ms_func_ascend.reader import Block, Op, Type, Value


def recognise(block: Block) -> Block:
    """Block with pooling and softmax as single operations; regions are looked into as well."""
    uses: Counter[Value] = Counter()
    _count(block, uses)
    return _rewritten(block, uses)


def _count(block: Block, uses: Counter[Value]) -> None:
    for op in block.ops:
        uses.update(op.operands)
        for inner in op.regions:
            _count(inner, uses)
    uses.update(block.results)


def _rewritten(block: Block, uses: Counter[Value]) -> Block:
    ops = []
    for op in block.ops:
        op.regions = [_rewritten(r, uses) for r in op.regions]
        found = _pool(op, uses) or _softmax(op, uses)
        ops.append(op if found is None else found)
    return Block(block.params, ops, block.results)


def _replaced(op: Op, name: str, operands: list[Value], attrs: dict[str, Any]) -> Op:
    """An operation that defines the results of `op` in its place."""
    return Op(name, operands, op.results, attrs, [], op.loc)


# -- pooling -------------------------------------------------------------------------------


def _pool(op: Op, uses: Counter[Value]) -> Op | None:
    """The window operation of a tree of maxima or sums over a full grid of slices."""
    kind = op.name.removeprefix("stablehlo.")
    if kind not in ("maximum", "add") or not op.results or not is_float(_dtype(op.results[0])):
        return None
    leaves = _leaves(op, op.name, uses)
    if len(leaves) < 4 or any(s.op is None or s.op.name != "stablehlo.slice" for s in leaves):
        return None
    slices = [s.op for s in leaves if s.op is not None]
    source = slices[0].operands[0]
    steps = slices[0].attrs["strides"]
    if any(s.operands[0] is not source or s.attrs["strides"] != steps for s in slices):
        return None
    grid = _grid([tuple(s.attrs["start_indices"]) for s in slices])
    if grid is None:
        return None
    starts, sizes, gaps = grid
    active = [d for d, (k, s) in enumerate(zip(sizes, steps, strict=True)) if k > 1 or s > 1]
    if len(active) != 2 or any(sizes[d] < 2 for d in active) or any(g != 1 for g in gaps):
        return None
    padding = _padding(source.type.shape, op.results[0].type.shape, starts, sizes, steps)
    attrs = {"window_dimensions": list(sizes), "window_strides": list(steps), "kind": kind,
             "padding": np.array(padding, np.int64)}  # fmt: skip
    return _replaced(op, "ascend.pool", [source], attrs)


def _dtype(value: Value) -> np.dtype:
    return value.type.dtype or np.dtype(np.void)


def _leaves(op: Op, name: str, uses: Counter[Value]) -> list[Value]:
    """Operands of a tree of operations `name` whose inner results nobody else uses."""
    found: list[Value] = []
    for value in op.operands:
        inner = value.op
        if inner is not None and inner.name == name and uses[value] == 1:
            found += _leaves(inner, name, uses)
        else:
            found.append(value)
    return found


def _grid(
    starts: Sequence[tuple[int, ...]],
) -> tuple[list[int], list[int], list[int]] | None:
    """First place, number and distance of places per dimension, if all combinations occur once."""
    if len(set(starts)) != len(starts):
        return None
    first, sizes, gaps = [], [], []
    for places in zip(*starts, strict=True):
        distinct = sorted(set(places))
        gap = distinct[1] - distinct[0] if len(distinct) > 1 else 1
        if distinct != list(range(distinct[0], distinct[0] + gap * len(distinct), gap)):
            return None
        first.append(distinct[0])
        sizes.append(len(distinct))
        gaps.append(gap)
    return (first, sizes, gaps) if int(np.prod(sizes)) == len(starts) else None


def _padding(
    shape: Sequence[int], out: Sequence[int], starts: Sequence[int], sizes: Sequence[int],
    steps: Sequence[int],
) -> list[tuple[int, int]]:  # fmt: skip
    """Widths (negative: cut) with which windows lie where the slices were."""
    rows = []
    for n, m, start, k, s in zip(shape, out, starts, sizes, steps, strict=True):
        needed = (m - 1) * s + k
        spare = n - start - needed  # what no window reaches may stay if it is less than a step
        rows.append((-start, 0 if 0 <= spare < s else -spare))
    return rows


# -- softmax -------------------------------------------------------------------------------


def _softmax(op: Op, uses: Counter[Value]) -> Op | None:
    """exp(x - max x) / sum exp(x - max x), or x - max x - log sum exp(x - max x)."""
    if op.name == "stablehlo.divide":
        return _quotient(op, uses)
    return _log_quotient(op, uses) if op.name == "stablehlo.subtract" else None


def _quotient(op: Op, uses: Counter[Value]) -> Op | None:
    top, bottom = op.operands
    total = _reduced(bottom, "add", uses)
    if total is None or total[0] is not top or uses[top] != 2:
        return None
    found = _shifted(top, "stablehlo.exponential", total[1], uses)
    return None if found is None else _fused(op, "ascend.softmax", found, total[1])


def _log_quotient(op: Op, uses: Counter[Value]) -> Op | None:
    shifted, logs = op.operands
    total = _reduced(logs, "add", uses, log=True)
    if total is None or uses[total[0]] != 1 or uses[shifted] != 2:
        return None
    exp = total[0].op
    if exp is None or exp.name != "stablehlo.exponential" or exp.operands[0] is not shifted:
        return None
    found = _minus_maximum(shifted, total[1], uses)
    return None if found is None else _fused(op, "ascend.log_softmax", found, total[1])


def _fused(op: Op, name: str, x: Value, axes: list[int]) -> Op | None:
    if _dtype(x) not in (np.dtype(np.float32), np.dtype(np.float16)):
        return None
    return _replaced(op, name, [x], {"axes": axes})


def _shifted(value: Value, name: str, axes: list[int], uses: Counter[Value]) -> Value | None:
    """X of `name(x - max(x))`."""
    op = value.op
    if op is None or op.name != name or uses[op.operands[0]] != 1:
        return None
    return _minus_maximum(op.operands[0], axes, uses)


def _minus_maximum(value: Value, axes: list[int], uses: Counter[Value]) -> Value | None:
    """X of `x - max(x)` along `axes`."""
    op = value.op
    if op is None or op.name != "stablehlo.subtract":
        return None
    found = _reduced(op.operands[1], "maximum", uses)
    if found is None or found[0] is not op.operands[0] or found[1] != axes:
        return None
    return op.operands[0]


def _reduced(
    value: Value, kind: str, uses: Counter[Value], log: bool = False
) -> tuple[Value, list[int]] | None:
    """X and the axes of a reduction of x by `kind` (or its log), laid back over the shape of x."""
    inner = _through(value, uses)
    if log:
        if inner.op is None or inner.op.name != "stablehlo.log" or uses[inner] != 1:
            return None
        inner = _through(inner.op.operands[0], uses)
    if kind == "maximum" and inner.op is not None and inner.op.name == "stablehlo.maximum":
        inner = next((v for v in inner.op.operands if not _lowest(v)), inner)  # max(-inf, m)
    op = inner.op
    if op is None or op.name != "stablehlo.reduce" or len(op.operands) != 2 or uses[inner] != 1:
        return None
    start = op.operands[1]
    neutral = _lowest(start) if kind == "maximum" else _constant(start) == 0
    if binary_kind(op.regions[0]) != kind or not neutral:
        return None
    axes = sorted(op.attrs["dimensions"])
    x = op.operands[0]
    return (x, axes) if _laid_back(value, inner, x.type, axes) else None


def _through(value: Value, uses: Counter[Value]) -> Value:
    """What a value is a reshape or broadcast of, as long as nobody else uses it."""
    while value.op is not None and uses[value] == 1 and value.op.name in (
        "stablehlo.broadcast_in_dim", "stablehlo.reshape"
    ):  # fmt: skip
        value = value.op.operands[0]
    return value


def _laid_back(value: Value, inner: Value, whole: Type, axes: list[int]) -> bool:
    """Whether `value` repeats `inner` along the axes that were reduced away, and only those.

    Followed by numbering: where each dimension of `inner` ends up in `value`.
    """
    kept = [d for d in range(len(whole.shape)) if d not in axes]
    chain = []
    at = value
    while at is not inner and at.op is not None:
        if at.op.name == "stablehlo.log" or at.op.name == "stablehlo.maximum":
            at = next((v for v in at.op.operands if not _lowest(v)), at.op.operands[0])
            continue
        chain.append(at.op)
        at = at.op.operands[0]
    places = list(range(len(kept)))
    for op in reversed(chain):
        target = op.results[0].type.shape
        if op.name == "stablehlo.broadcast_in_dim":
            places = [op.attrs["broadcast_dimensions"][p] for p in places]
        else:
            source = op.operands[0].type.shape
            real = [d for d, n in enumerate(target) if n != 1]
            if [n for n in source if n != 1] != [target[d] for d in real] or 1 in (
                source[p] for p in places
            ):
                return False
            order = [d for d, n in enumerate(source) if n != 1]
            places = [real[order.index(p)] for p in places]
    return places == kept


def _lowest(value: Value) -> bool:
    found = _constant(value)
    return found is not None and found == -np.inf


def _constant(value: Value) -> float | None:
    """The number a value is, where it is one number everywhere."""
    while value.op is not None and value.op.name in (
        "stablehlo.broadcast_in_dim", "stablehlo.reshape", "stablehlo.convert"
    ):  # fmt: skip
        value = value.op.operands[0]
    if value.op is None or value.op.name != "stablehlo.constant":
        return None
    held = value.op.attrs["value"]
    same = held.size and (held.reshape(-1) == held.reshape(-1)[0]).all()
    return float(held.reshape(-1)[0]) if same else None
