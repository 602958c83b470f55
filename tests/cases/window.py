"""Cases of sliding windows."""

from __future__ import annotations

from typing import Any

from ms_func.primitives.window_geometry import Window
from tests.cases.case import NUMBERS, REALS, Arg, Case, vary
from tests.cases.reduce import distinct


def _window(
    sizes: tuple[int, ...], strides: tuple[int, ...], padding: tuple[tuple[int, int], ...],
    base: tuple[int, ...] | None = None, holes: tuple[int, ...] | None = None,
) -> Window:  # fmt: skip
    ones = (1,) * len(sizes)
    return Window(sizes, strides, padding, base or ones, holes or ones)


# Padding is smaller than a window, so that each has an element of the operand.
WINDOWS: tuple[tuple[tuple[int, ...], Window], ...] = (
    ((7,), _window((2,), (2,), ((0, 0),))),
    ((6,), _window((3,), (1,), ((1, 1),))),
    ((4, 6), _window((2, 2), (2, 2), ((0, 0), (0, 1)))),
    ((5, 4), _window((3, 2), (2, 1), ((1, 1), (0, -1)))),
    ((5, 4), _window((2, 2), (1, 2), ((0, 0), (1, 1)), holes=(2, 1))),
    ((4,), _window((3,), (2,), ((1, 1),), base=(2,))),
    ((2, 3, 4, 2), _window((1, 2, 2, 1), (1, 1, 2, 1), ((0, 0), (1, 0), (0, 0), (0, 0)))),
    ((3,), _window((5,), (1,), ((0, 0),))),
    ((0, 3), _window((1, 2), (1, 1), ((0, 0), (0, 0)))),
    ((30, 3), _window((70 // 3, 3), (2, 1), ((0, 0), (0, 0)))),
)


def _each(domain: Any, **fields: Any) -> list[Case]:
    return vary([Case((Arg(s, domain),), w._asdict(), **fields) for s, w in WINDOWS])


def _pairs(which: str, *, gathers: bool) -> list[Case]:
    return vary([
        Case((Arg(s if gathers else w.out_shape(s)), Arg(s, distinct)),
             {"which": which, **w._asdict()}, dtypes=("float64", "float32", "bfloat16"), ulps=8)
        for s, w in WINDOWS
    ])  # fmt: skip


CASES: dict[str, list[Case]] = {
    "reduce_window_sum": _each((0.5, 2.0), dtypes=NUMBERS, ulps=40),
    "reduce_window_max": _each(distinct, dtypes=REALS),
    "reduce_window_min": _each(distinct, dtypes=REALS),
    "select_and_gather_add": [
        *_pairs("max", gathers=True), *_pairs("min", gathers=True)
    ],
    "select_and_scatter_add": [
        *_pairs("max", gathers=False), *_pairs("min", gathers=False)
    ],
}  # fmt: skip
