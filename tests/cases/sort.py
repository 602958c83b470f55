"""Cases of sorting and of the largest elements."""

from __future__ import annotations

from typing import Any

from tests.cases.case import ANY, BOOL, REALS, Arg, Case, vary
from tests.cases.reduce import distinct

_SHAPES = (((5,), 0), ((4, 6), 0), ((4, 6), 1), ((2, 3, 4), 1), ((0, 3), 0), ((3, 0), 0))


def _sort(shape: tuple[int, ...], dimension: int, operands: int, keys: int, **f: Any) -> Case:
    params = {"dimension": dimension, "is_stable": True, "num_keys": keys}
    return Case((Arg(shape, distinct),) * operands, params, **{"dtypes": ANY, **f})


# As many elements as make a compiled sort of 32-bit keys take another way.
_LARGE = (2, 700)

CASES: dict[str, list[Case]] = {
    "sort": [
        *vary([_sort(shape, axis, 1, 1) for shape, axis in _SHAPES]),
        *vary([_sort(shape, axis, 3, 1) for shape, axis in _SHAPES]),
        *vary([_sort(shape, axis, 3, 2) for shape, axis in _SHAPES[:4]]),
        Case((Arg((6,), lambda rng, s: rng.integers(0, 2, s)), Arg((6,), distinct)),
             {"dimension": 0, "is_stable": True, "num_keys": 1}, smooth=False),
        _sort(_LARGE, 1, 1, 1, orders=1),
        _sort(_LARGE, 1, 2, 1, smooth=False),
        Case((Arg(_LARGE, lambda rng, s: rng.integers(0, 40, s)), Arg(_LARGE, distinct)),
             {"dimension": 1, "is_stable": True, "num_keys": 1}, dtypes=ANY, smooth=False),
    ],
    "top_k": vary([
        Case((Arg(shape, distinct),), {"k": k, "axis": axis}, dtypes=REALS + BOOL)
        for shape, axis in _SHAPES for k in sorted({0, shape[axis] // 2, shape[axis]}, reverse=True)
    ]),
}  # fmt: skip
