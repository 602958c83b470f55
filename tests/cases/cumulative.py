"""Cases of cumulative operations and of the linear recurrence."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.case import BOOL, FLOATS, NUMBERS, REALS, Arg, Case, vary
from tests.cases.reduce import distinct

# Lengths on both sides of the block that a loop takes at once, and many short rows.
_SHAPES = (
    ((5,), 0),
    ((1,), 0),
    ((20,), 0),
    ((3, 4), 0),
    ((3, 4), 1),
    ((2, 11, 3), 1),
    ((0, 3), 0),
    ((3, 0), 0),
)


def _each(domain: Any, operands: int = 1, **fields: Any) -> list[Case]:
    plain = [
        Case((Arg(s, domain),) * operands, {"axis": axis, "reverse": reverse}, **fields)
        for s, axis in _SHAPES
        for reverse in (False, True)
    ]
    rows = {**fields, "smooth": False, "dtypes": ("float64",)}
    params = {"axis": 1, "reverse": True}
    return [*vary(plain), Case((Arg((300, 13), domain),) * operands, params, **rows)]  # fmt: skip


CASES: dict[str, list[Case]] = {
    "cumsum": _each((0.5, 2.0), dtypes=NUMBERS, ulps=20),
    "cumprod": [
        *_each((0.5, 1.5), dtypes=NUMBERS, ulps=40),
        Case((Arg((5,), lambda rng, s: np.array([2.0, 0.0, 3.0, 0.0, 1.0])),),
             {"axis": 0, "reverse": False}, dtypes=("float64",)),
    ],
    "cummax": _each(distinct, dtypes=REALS + BOOL),
    "cummin": _each(distinct, dtypes=REALS + BOOL),
    "cumlogsumexp": [
        *_each((1.0, 3.0), dtypes=FLOATS, ulps=40),
        Case((Arg((2, 12), (0.5, 1.5)),), {"axis": 1, "reverse": False},
             dtypes=("complex128", "complex64"), ulps=40),
    ],
    "linear_recurrence": _each((0.25, 1.0), operands=2, dtypes=NUMBERS, ulps=40),
}  # fmt: skip
