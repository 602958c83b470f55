"""How slices and padding are cut: elements at even distances, and shifts.

A dimension of which each `k`-th element is taken, or whose elements are laid `k` apart, is cut
like one of `k` elements for each of these. XLA's partitioner would gather it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ms_func.ir.primitive import Primitive
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.basis import letters

Padding = tuple[tuple[int, int, int], ...]


def slice_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, strides: Any, **params: Any
) -> str:
    """A dimension can be cut if it is taken whole, or if one of each so many elements is."""
    names = letters(ins[0].ndim)
    terms, kinds = ([], []), []
    steps = strides or (1,) * ins[0].ndim
    for name, n, m, k in zip(names, ins[0].shape, outs[0].shape, steps, strict=True):
        for term, text in zip(terms, _every(name, n, m, k, kinds), strict=True):
            term.append(text)
    left, right = map(" ".join, terms)
    return f"{left} -> {right}" + (f"; {', '.join(kinds)}" if kinds else "")


def _every(name: str, n: int, m: int, k: int, kinds: list[str]) -> tuple[str, str]:
    """Terms of a dimension of size `n`, and of the `m` elements that are each `k`-th of it."""
    if n != k * m:
        return ".", "."
    if k > 1:
        kinds.append(f"r{name}: whole")
        return f"({name} r{name})", name
    return name, name


def slice_local(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Each device takes its own elements."""

    def local(ins: Sequence[ArrayType], outs: Any, cuts: Any, **params: Any) -> Any:
        names, strides = letters(ins[0].ndim), params["strides"] or ()
        if not any(k > 1 and name in cuts for name, k in zip(names, strides, strict=False)):
            return None

        def compute(x: Any) -> Any:
            rows = zip(names, typeof(x).shape, params["limit_indices"], strict=True)
            stops = tuple([n if name in cuts else stop for name, n, stop in rows])
            return primitive().bind(x, **{**params, "limit_indices": stops})

        return compute

    return local


def pad_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, padding_config: Padding
) -> str:
    """A shift, which takes from one end what it adds at the other, reads from one neighbour."""
    names, kinds = letters(ins[0].ndim), []
    terms: tuple[list[str], list[str]] = [], []
    for name, n, (low, high, inner) in zip(names, ins[0].shape, padding_config, strict=True):
        left = right = name
        if low + high != inner or (inner and min(low, high) < 0):
            left = right = "."
        elif inner:
            right, left = _every(name, n * (inner + 1), n, inner + 1, kinds)
        elif low:
            kinds.append(f"{name}: halo {max(low, 0)} {max(high, 0)}")
        for term, text in zip(terms, (left, right), strict=True):
            term.append(text)
    left, right = map(" ".join, terms)
    return f"{left}, -> {right}" + (f"; {', '.join(kinds)}" if kinds else "")


def pad_local(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Each device lays out its own elements."""

    def local(ins: Sequence[ArrayType], outs: Any, cuts: Any, *, padding_config: Padding) -> Any:
        names = letters(ins[0].ndim)
        cut = [row for name, row in zip(names, padding_config, strict=True) if name in cuts]
        if not any(inner for *_, inner in cut) or any(low and not inner for low, _, inner in cut):
            return None
        return lambda x, value: primitive().bind(x, value, padding_config=padding_config)

    return local
