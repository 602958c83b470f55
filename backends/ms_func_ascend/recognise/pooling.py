"""Pooling that is spelled out as a tree of maxima (or sums) of strided slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ms_func_ascend.legalize import is_float
from ms_func_ascend.reader import Op, Value
from ms_func_ascend.recognise.found import Found

_LARGEST = 255
"""Places of the largest window that a pooling operator takes."""


def pool(op: Op, options: Any) -> Iterator[Found]:
    """The window operation of a tree of maxima or sums over a full grid of slices."""
    found = _window(op)
    if found is not None:
        yield found


def _window(op: Op) -> Found | None:
    kind = op.name.removeprefix("stablehlo.")
    if kind not in ("maximum", "add") or not op.results or not is_float(_dtype(op.results[0])):
        return None
    leaves = _leaves(op, op.name)
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
    return Found("pool", [source], attrs)


def _dtype(value: Value) -> np.dtype:
    return value.type.dtype or np.dtype(np.void)


def _leaves(op: Op, name: str) -> list[Value]:
    """Operands of a tree of operations `name`; none where it is too large for a window."""
    found: list[Value] = []
    todo = list(op.operands)
    while todo:
        if len(found) + len(todo) > _LARGEST:
            return []
        value = todo.pop()
        if value.op is not None and value.op.name == name:
            todo += value.op.operands
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
