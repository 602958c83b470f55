"""Cases of reductions and of the places of extrema."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.case import ANY, BOOL, INTEGERS, NUMBERS, REALS, Arg, Case

SHAPES_AND_AXES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((4,), (0,)),
    ((4, 6), (0,)),
    ((4, 6), (1,)),
    ((2, 3, 4), (0, 2)),
    ((2, 3, 4), (0, 1, 2)),
    ((2, 3), ()),
    ((0, 3), (0,)),
    ((3, 0), (0,)),
    ((), ()),
)


def distinct(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Elements far enough from each other that differences see no ties."""
    n = int(np.prod(shape))
    return (rng.permutation(n) - n // 2).reshape(shape) / 4


def _each(domain: Any = (-2.0, 2.0), **fields: Any) -> list[Case]:
    """Extrema of no elements are infinite, which differences make nothing of."""
    return [
        Case((Arg(s, domain),), {"axes": axes}, smooth=0 not in s, **fields)
        for s, axes in SHAPES_AND_AXES
    ]


def _places(index_dtype: str) -> list[Case]:
    return [
        Case(
            (Arg(s, distinct),), {"axes": axes, "index_dtype": np.dtype(index_dtype)},
            dtypes=REALS + BOOL,
        )
        for s, axes in SHAPES_AND_AXES if len(axes) == 1 and s[axes[0]]
    ]  # fmt: skip


CASES: dict[str, list[Case]] = {
    "reduce_max": _each(distinct, dtypes=ANY),
    "reduce_min": _each(distinct, dtypes=ANY),
    "reduce_prod": [
        *_each((0.5, 1.5), dtypes=NUMBERS, ulps=4),
        Case((Arg((3, 2), lambda rng, s: np.array([[0.0, 2.0], [3.0, 0.0], [0.0, 1.0]])),),
             {"axes": (0,)}),
        Case((Arg((7, 5), (0.5, 1.5)),), {"axes": (0, 1)}, dtypes=("float64",), ulps=8),
    ],
    "reduce_and": _each(dtypes=INTEGERS + BOOL),
    "reduce_or": _each(dtypes=INTEGERS + BOOL),
    "reduce_xor": _each(dtypes=INTEGERS + BOOL),
    "argmax": _places("int32") + _places("uint8"),
    "argmin": _places("int32") + _places("int64"),
}  # fmt: skip
