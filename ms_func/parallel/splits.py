"""The legal ways to split one equation over a mesh, from its index notation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

from ms_func.ir.notation import CUTTABLE, Rule, Term

_OTHERWISE = ("sum", "chosen")
"""Kinds of index that no all-reduce finishes at once: sums may stay open, choices are gathered."""


class Spec(NamedTuple):
    """Layout of a value: mesh axes (by number) per dimension, and axes of open sums.

    Attributes:
        dims: per dimension the axes that cut it, major first.
        partial: axes along which each device holds a part of the sum.
    """

    dims: tuple[tuple[int, ...], ...]
    partial: tuple[int, ...] = ()


class Split(NamedTuple):
    """One legal way to split an equation.

    Attributes:
        cuts: per index the mesh axes that cut it.
        ins: layout each operand must have.
        outs: layout each result comes out in; `partial` only for sums.
        finish: per result the axes of other reductions, finished at once by an all-reduce.
        parts: number of devices that share the work.
    """

    cuts: tuple[tuple[int, ...], ...]
    ins: tuple[Spec, ...]
    outs: tuple[Spec, ...]
    finish: tuple[tuple[int, ...], ...]
    parts: int


def legal_splits(rule: Rule, axes: Sequence[int]) -> list[Split]:
    """All ways to give each mesh axis an index to cut, or none.

    A cut must divide the size of the index; of the indices that make up one dimension a minor one
    may be cut only where those before it are cut completely. What a device reads beyond its own
    piece must lie on its neighbours.

    Args:
        rule: rule of the equation.
        axes: sizes of the mesh axes, in mesh order.
    """
    places = [f for f, k in enumerate(rule.kinds) if k in CUTTABLE and rule.sizes[f] > 1]
    composed = {d for term in (*rule.ins, *rule.outs) for d in term if len(d) > 1}
    options = [
        [None, *(f for f in places if rule.sizes[f] % n == 0)] if n > 1 else [None] for n in axes
    ]
    found = []
    for choice in product(*options):
        cuts: list[tuple[int, ...]] = [()] * len(rule.names)
        for axis, f in enumerate(choice):
            if f is not None:
                cuts[f] = (*cuts[f], axis)
        if _is_legal(rule, cuts, composed, axes):
            found.append(_split(rule, tuple(cuts), axes))
    return found


def _is_legal(
    rule: Rule, cuts: Sequence[tuple[int, ...]], composed: Any, axes: Sequence[int]
) -> bool:
    ways = [math.prod(axes[a] for a in c) for c in cuts]
    if any(size % n for size, n in zip(rule.sizes, ways, strict=True)):
        return False
    for dim in composed:
        open_above = False
        for f in dim:
            if open_above and ways[f] > 1:
                return False
            open_above = open_above or ways[f] != rule.sizes[f]
    return all(
        ways[h.factor] == 1
        or max(h.low, h.high) <= local_extent(rule, h.factor, ways[h.factor], h.operand)
        for h in rule.halos
    )


def local_extent(rule: Rule, f: int, ways: int, operand: int) -> int:
    """Elements of an operand on each device along the dimension that has index `f`."""
    (dim,) = [d for d in rule.ins[operand] if f in d]
    return math.prod(rule.sizes[g] for g in dim) // ways


def _split(rule: Rule, cuts: tuple[tuple[int, ...], ...], axes: Sequence[int]) -> Split:
    def dims(term: Term) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(a for f in d for a in cuts[f]) for d in term)

    outs, finish = [], []
    for term in rule.outs:
        have = {f for d in term for f in d}
        missing = [f for f, c in enumerate(cuts) if c and f not in have]
        open_ = sorted(a for f in missing if rule.kinds[f] == "sum" for a in cuts[f])
        done = sorted(a for f in missing if rule.kinds[f] not in _OTHERWISE for a in cuts[f])
        outs.append(Spec(dims(term), tuple(open_)))
        finish.append(tuple(done))
    parts = math.prod(axes[a] for c in cuts for a in c)
    return Split(cuts, tuple(Spec(dims(t)) for t in rule.ins), tuple(outs), tuple(finish), parts)


def legal_specs(shape: Sequence[int], axes: Sequence[int]) -> list[Spec]:
    """All layouts of a value in which every cut divides its dimension."""
    options = [
        [None, *(d for d, n in enumerate(shape) if size > 1 and n and n % size == 0)]
        for size in axes
    ]
    found = []
    for choice in product(*options):
        dims: list[tuple[int, ...]] = [()] * len(shape)
        for axis, d in enumerate(choice):
            if d is not None:
                dims[d] = (*dims[d], axis)
        if all(n % math.prod(axes[a] for a in c) == 0 for n, c in zip(shape, dims, strict=True)):
            found.append(Spec(tuple(dims)))
    return found
