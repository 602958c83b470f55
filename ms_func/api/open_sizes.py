"""`eval_shape` of arrays some of whose lengths are names.

The function is recorded for several numbers in place of each name. How lengths of results depend
on them is read off: a polynomial of degree one in each name, which one more recording confirms.
What is no such polynomial, as after a stride, is a size of its own of which no more is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from ms_func import tree
from ms_func.errors import ArgumentTypeError, UnsupportedError
from ms_func.ir.sizes import Name, Part, Size, atom, names_of, size_at
from ms_func.ir.types import ShapeDtypeStruct

__all__ = ["eval_open_shape", "open_names"]

_TRIED = (83, 89, 97, 101, 103, 107, 109, 113, 127)
"""Lengths that a program hardly has itself, three for each name."""
_MOST = len(_TRIED) // 3


def open_names(args: Any) -> dict[str, Name]:
    """Names of lengths in a tree of arguments."""
    found: dict[str, Name] = {}
    for x in tree.leaves(args):
        if isinstance(x, ShapeDtypeStruct):
            for d in x.shape:
                found.update(names_of(d) if type(d) is Size else {})
    return found


def eval_open_shape(evaluate: Callable[..., Any], args: Any, names: Mapping[str, Name]) -> Any:
    """Structure of the result, with sizes in terms of the names.

    Args:
        evaluate: from arguments whose sizes are numbers to a tree of `ShapeDtypeStruct`s.
        args: positional and named arguments.
        names: the names in them.

    Raises:
        NotImplementedError: there are more than three names.
        TypeError: the structure or a dtype of the result depends on the numbers.
    """
    if len(names) > _MOST:
        raise UnsupportedError(
            f"eval_shape takes up to {_MOST} names of sizes, got {sorted(names)}\n"
            "fix: give numbers for some of them"
        )
    tried = {n: _numbers(name, i) for i, (n, name) in enumerate(names.items())}
    corners = list(product((0, 1), repeat=len(names)))
    found = [
        _recorded(evaluate, args, {n: tried[n][k] for n, k in zip(names, at, strict=True)})
        for at in (*corners, (2,) * len(names))
    ]
    leaves = [tree.flatten(x) for x in found]
    structure = leaves[0][1]
    if any(other != structure for _, other in leaves):
        raise ArgumentTypeError("the structure of the result depends on the sizes of the arguments")
    made = [
        _joined(each, corners, [atom(n) for n in names.values()], list(tried.values()))
        for each in zip(*[rows for rows, _ in leaves], strict=True)
    ]
    return tree.unflatten(structure, made)


def _numbers(name: Name, place: int) -> tuple[int, int, int]:
    """Three numbers within the bounds of a name."""
    low, high = name.scope.range(name.text)
    mine = [
        max(low - 1, 0) + t if low > _TRIED[0] else t for t in _TRIED[3 * place : 3 * place + 3]
    ]
    if high is not None and mine[2] > high:
        mine = [min(low + k, high) for k in range(3)]
    return mine[0], mine[1], mine[2]


def _recorded(evaluate: Callable[..., Any], args: Any, numbers: Mapping[str, int]) -> Any:
    def fixed(x: Any) -> Any:
        if not isinstance(x, ShapeDtypeStruct):
            return x
        return x.update(shape=tuple(size_at(d, numbers) for d in x.shape))

    positional, named = tree.map(fixed, args)
    return evaluate(*positional, **named)


def _joined(
    each: Sequence[ShapeDtypeStruct], corners: Sequence[tuple[int, ...]], names: Sequence[Size],
    tried: Sequence[tuple[int, int, int]],
) -> ShapeDtypeStruct:  # fmt: skip
    first = each[0]
    if any((x.ndim, x.dtype) != (first.ndim, first.dtype) for x in each):
        raise ArgumentTypeError(f"the result is {first} or {each[-1]}, by the sizes of arguments")
    shape = []
    for lengths in zip(*[x.shape for x in each], strict=True):
        at = dict(zip(corners, lengths, strict=False))
        size = _fitted(at, names, tried)
        given = {str(n): t[2] for n, t in zip(names, tried, strict=True)}
        if size is None or size_at(size, given) != lengths[-1]:
            size = atom(Part("unknown", max, (*names, *lengths)))
        shape.append(size)
    return first.update(shape=shape)


def _fitted(
    at: Mapping[tuple[int, ...], int], names: Sequence[Size], tried: Sequence[tuple[int, int, int]]
) -> Any:
    """The polynomial of degree one in each name with these values at the corners, or None."""
    if not names:
        return at[()]
    low, high = (
        _fitted({k[1:]: v for k, v in at.items() if k[0] == end}, names[1:], tried[1:])
        for end in (0, 1)
    )
    if low is None or high is None:
        return None
    start, stop = tried[0][:2]
    gap, width = high - low, max(stop - start, 1)
    slope = gap // width
    return low + slope * (names[0] - start) if slope * width == gap else None
