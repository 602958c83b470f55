"""Cases of matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.primitives.dot import Precision
from tests.cases.case import NUMBERS, Arg, Case, vary

_DOMAIN = (0.5, 2.0)  # of one sign, so that sums lose no digits

# shapes of both operands, contracted and batch dimensions
_PRODUCTS: tuple[Any, ...] = (
    ((3,), (3,), ((0,), (0,)), ((), ())),
    ((2, 4), (4, 6), ((1,), (0,)), ((), ())),
    ((4, 2), (6, 4), ((0,), (1,)), ((), ())),
    ((2, 3, 4), (2, 4, 5), ((2,), (1,)), ((0,), (0,))),
    ((4, 3, 2), (5, 2, 4), ((0,), (2,)), ((2,), (1,))),
    ((2, 4, 3), (3, 2, 4), ((0, 2), (1, 0)), ((), ())),
    ((2, 2, 3, 4), (2, 4, 2, 5), ((3,), (1,)), ((1, 0), (0, 2))),
    ((2,), (3,), ((), ()), ((), ())),
    ((), (3,), ((), ()), ((), ())),
    ((2, 0), (0, 3), ((1,), (0,)), ((), ())),
    ((0, 2), (2, 3), ((1,), (0,)), ((), ())),
)


def _case(
    lhs: tuple[int, ...], rhs: tuple[int, ...], contracted: Any, batch: Any, *,
    precision: Any = None, preferred: str | None = None, **fields: Any,
) -> Case:  # fmt: skip
    params = {
        "dimension_numbers": (contracted, batch),
        "precision": precision,
        "preferred_element_type": None if preferred is None else np.dtype(preferred),
    }
    return Case(
        (Arg(lhs, _DOMAIN), Arg(rhs, _DOMAIN)), params, **{"dtypes": NUMBERS, "ulps": 40, **fields}
    )


CASES: dict[str, list[Case]] = {
    "dot_general": [
        *vary([_case(*row) for row in (_PRODUCTS[4], *_PRODUCTS)]),
        _case(*_PRODUCTS[1], precision=(Precision.HIGHEST, Precision.DEFAULT)),
        _case(*_PRODUCTS[4], preferred="float64", dtypes=("float64", "float32", "bfloat16")),
        _case(*_PRODUCTS[1], preferred="int32", dtypes=("int8", "uint8", "int16")),
        Case(
            (Arg((2, 4), _DOMAIN, "bfloat16"), Arg((4, 3), _DOMAIN)),
            {"dimension_numbers": _PRODUCTS[1][2:], "precision": None,
             "preferred_element_type": None}, dtypes=("float64", "float32"), smooth=False, ulps=40,
        ),
    ],
}  # fmt: skip
