"""Cases of reductions by functions that have no reduction of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.ir.function import Function
from ms_func.ir.types import ArrayType
from ms_func.primitives.arithmetic import add, max, mul
from ms_func.primitives.compare import ge, select
from ms_func.primitives.elementwise import exp
from ms_func.primitives.powers import log
from ms_func.tracing.tracer import build
from tests.cases.case import Arg, Case
from tests.cases.reduce import distinct
from tests.cases.window import WINDOWS

_SCALAR = ArrayType((), np.float64)


def _fn(name: str, operands: int, body: Any) -> Function:
    return build(name, [_SCALAR] * (2 * operands), body)


def _log_add(x: Any, y: Any) -> list[Any]:
    return [log(add(exp(x), exp(y)))]


def _complex_product(a: Any, b: Any, c: Any, d: Any) -> list[Any]:
    """(a + ib) (c + id), which needs both operands for each result."""
    return [add(mul(a, c), mul(mul(b, d), -1.0)), add(mul(a, d), mul(b, c))]


def _larger(x: Any, p: Any, y: Any, q: Any) -> list[Any]:
    return [max(x, y), select(ge(x, y), p, q)]


def _constant(value: float) -> Arg:
    return Arg((), lambda rng, shape: np.array(value))


_LOG_ADD, _PRODUCT = _fn("log_add", 1, _log_add), _fn("product", 2, _complex_product)
_LARGER = _fn("larger", 2, _larger)
_WIDE = ("float64",)


def _reduce(shape: tuple[int, ...], axes: tuple[int, ...]) -> list[Case]:
    one, low = _constant(1.0), _constant(-40.0)
    x, apart = Arg(shape, (0.5, 2.0)), Arg(shape, distinct)
    return [
        Case((x, low), {"computation": _LOG_ADD, "axes": axes}, dtypes=_WIDE, ulps=64,
             smooth=0 not in shape),
        Case((x, x, one, _constant(0.0)), {"computation": _PRODUCT, "axes": axes}, dtypes=_WIDE,
             ulps=1e4),
        Case((apart, x, low, _constant(0.0)), {"computation": _LARGER, "axes": axes},
             dtypes=_WIDE),
    ]  # fmt: skip


CASES: dict[str, list[Case]] = {
    "reduce": [
        *_reduce((5,), (0,)), *_reduce((3, 4), (1,)), *_reduce((2, 3, 2), (0, 2)),
        *_reduce((0, 2), (0,)), *_reduce((3,), ()),
    ],
    "reduce_window": [
        Case((Arg(shape, (0.5, 2.0)), _constant(-40.0)),
             {"computation": _LOG_ADD, **window._asdict()}, dtypes=_WIDE, ulps=64)
        for shape, window in WINDOWS[:8]
    ] + [
        Case((Arg((4, 3), distinct), Arg((4, 3)), _constant(-1e3), _constant(0.0)),
             {"computation": _LARGER, **WINDOWS[4][1]._asdict()}, dtypes=_WIDE),
    ],
}  # fmt: skip
