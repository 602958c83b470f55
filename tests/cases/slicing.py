"""Cases of slices at places that are data."""

from __future__ import annotations

from typing import Any

from tests.cases.case import ANY, Arg, Case


def _starts(n: int, lo: int, hi: int, dtype: str) -> tuple[Arg, ...]:
    return (Arg((), lambda rng, shape: rng.integers(lo, hi, shape), dtype),) * n


def _slice(shape: tuple[int, ...], sizes: tuple[int, ...], dtype: str = "int32", **f: Any) -> Case:
    """Starts reach beyond both edges, where they are moved inside."""
    args = (Arg(shape), *_starts(len(shape), -3, 6, dtype))
    return Case(
        args, {"slice_sizes": sizes}, dtypes=ANY,
        local=lambda params, ins, outs: {**params, "slice_sizes": outs[0].shape}, **f,
    )  # fmt: skip


def _update(shape: tuple[int, ...], sizes: tuple[int, ...], dtype: str = "int32", **f: Any) -> Case:
    return Case((Arg(shape), Arg(sizes), *_starts(len(shape), -3, 6, dtype)), dtypes=ANY, **f)


_SHAPES = (
    ((6,), (2,)),
    ((4, 6), (4, 3)),
    ((4, 6), (2, 6)),
    ((4, 3), (2, 1)),
    ((4, 2), (4, 2)),
    ((3, 2), (0, 2)),
    ((), ()),
)

CASES: dict[str, list[Case]] = {
    "dynamic_slice": [
        *(_slice(shape, sizes) for shape, sizes in _SHAPES),
        Case((Arg((4, 3)), *_starts(2, 0, 9, "uint8")), {"slice_sizes": (2, 2)}),
        _slice((5,), (2,), "int64"),
    ],
    "dynamic_update_slice": [
        *(_update(shape, sizes) for shape, sizes in _SHAPES),
        Case((Arg((4, 3)), Arg((2, 2)), *_starts(2, 0, 9, "uint8"))),
        _update((5,), (2,), "int64"),
    ],
}
