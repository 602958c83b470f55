"""Cases of gather and scatter: each kind of dimension, each mode, indices inside and outside."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tests.cases.case import ANY, COMPLEX, FLOATS, INTEGERS, NUMBERS, Arg, Case

_SOME = ("float64", "complex128", "int16", "bool")
MODES = ("clip", "fill_or_drop", "promise_in_bounds")


class Layout(NamedTuple):
    """Shapes and dimension numbers, in the order of `GatherDimensionNumbers`."""

    operand: tuple[int, ...]
    indices: tuple[int, ...]
    result: tuple[int, ...]
    sizes: tuple[int, ...]
    numbers: tuple[tuple[int, ...], ...]


LAYOUTS = (
    # rows of a table
    Layout((4, 6), (2, 1), (2, 6), (1, 6), ((1,), (0,), (0,), (), ())),
    # single elements
    Layout((4, 3), (2, 2), (2,), (1, 1), ((), (0, 1), (0, 1), (), ())),
    # windows, coordinates in the other order, window dimension in front
    Layout((4, 6), (2, 3, 2), (2, 2, 3, 3), (2, 3), ((0, 3), (), (1, 0), (), ())),
    # one row for each of several tables
    Layout((4, 3, 2), (4, 2, 1), (4, 2, 2), (1, 1, 2), ((2,), (1,), (1,), (0,), (0,))),
    # batching dimensions in another order
    Layout((2, 4, 3), (4, 2, 1), (4, 2), (1, 1, 1), ((), (2,), (2,), (0, 1), (1, 0))),
    # a window as large as its dimension, which also has a coordinate
    Layout((4, 2), (2, 1), (2, 4, 2), (4, 2), ((1, 2), (), (0,), (), ())),
    # no coordinates, no elements
    Layout((3,), (2, 0), (2, 3), (3,), ((1,), (), (), (), ())),
    Layout((3, 2), (0, 1), (0, 2), (1, 2), ((1,), (0,), (0,), (), ())),
)  # fmt: skip

_GATHER = ("offset_dims", "collapsed_slice_dims", "start_index_map", "operand_batching_dims",
           "start_indices_batching_dims")  # fmt: skip
_SCATTER = ("update_window_dims", "inserted_window_dims", "scatter_dims_to_operand_dims",
            "operand_batching_dims", "scatter_indices_batching_dims")  # fmt: skip


def _indices(layout: Layout, inside: bool, dtype: str = "int32") -> Arg:
    """Indices of windows that lie inside, or some of which do not."""
    coordinates = layout.numbers[2]
    last = np.array([layout.operand[d] - layout.sizes[d] for d in coordinates], int)

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        low = 0 if inside or dtype.startswith("u") else -2
        return rng.integers(low, last + (1 if inside else 3), shape)

    return Arg(layout.indices, draw, dtype)


def _local(params: dict[str, Any], ins: Any, outs: Any) -> dict[str, Any]:
    """A window as large as its dimension is cut with it."""
    open_dims = iter(params["offset_dims"])
    gone = {*params["collapsed_slice_dims"], *params["operand_batching_dims"]}
    sizes = [
        n if d in gone else outs[0].shape[next(open_dims)]
        for d, n in enumerate(params["slice_sizes"])
    ]
    return {**params, "slice_sizes": tuple(sizes)}


def _gather(layout: Layout, mode: str, dtype: str = "int32", fill: Any = None, **f: Any) -> Case:
    params = {
        **dict(zip(_GATHER, layout.numbers, strict=True)),
        "slice_sizes": layout.sizes, "indices_are_sorted": False, "unique_indices": False,
        "mode": mode, "fill_value": fill,
    }  # fmt: skip
    args = (Arg(layout.operand), _indices(layout, mode == "promise_in_bounds", dtype))
    dtypes = ANY if layout is LAYOUTS[0] else _SOME
    return Case(args, params, local=_local, **{"dtypes": dtypes, **f})


def _unique(layout: Layout) -> Arg:
    """Distinct rows, for a layout of one coordinate of one dimension."""
    n = layout.operand[layout.numbers[2][0]]
    return Arg(layout.indices, lambda rng, shape: rng.permutation(n)[: shape[0]].reshape(shape),
               "int32")  # fmt: skip


def _scatter(
    layout: Layout, mode: str, unique: bool = False, dtype: str = "int32", **f: Any
) -> Case:
    params = {
        **dict(zip(_SCATTER, layout.numbers, strict=True)),
        "indices_are_sorted": False, "unique_indices": unique, "mode": mode,
    }  # fmt: skip
    indices = _unique(layout) if unique else _indices(layout, mode == "promise_in_bounds", dtype)
    args = (Arg(layout.operand, (0.5, 2)), indices, Arg(layout.result, (-2, -0.5)))
    if layout is not LAYOUTS[0]:
        f["dtypes"] = _SOME[:3]
    return Case(args, params, once=(0,), **{"dtypes": NUMBERS, "ulps": 4, **f})


def _scatters(every: bool, **fields: Any) -> list[Case]:
    """Each layout in each mode, or in one of them, since the operations share that part."""
    return [
        *(
            _scatter(layout, mode, **fields)
            for k, layout in enumerate(LAYOUTS)
            for n, mode in enumerate(MODES)
            if every or n == k % 3
        ),
        _scatter(LAYOUTS[0], "fill_or_drop", unique=True, **fields),
        _scatter(LAYOUTS[0], "fill_or_drop", dtype="uint8", **fields),
        _scatter(LAYOUTS[2], "clip", dtype="int64", **fields),
    ]


def _extremum(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.permutation(np.prod(shape, dtype=int)).reshape(shape) / 4 + 0.1


def _extrema() -> list[Case]:
    """Operands and updates whose elements all differ by more than a step."""
    found = []
    for case in _scatters(False, dtypes=FLOATS + INTEGERS + COMPLEX):
        x, indices, updates = case.args
        args = (
            Arg(x.shape, _extremum),
            indices,
            Arg(updates.shape, lambda rng, s: _extremum(rng, s) * 1.2 - 0.55),
        )
        found.append(Case(args, case.params, case.dtypes, once=(0,), step=1e-4))
    return found  # fmt: skip


CASES: dict[str, list[Case]] = {
    "gather": [
        *(_gather(layout, mode, fill=1) for layout in LAYOUTS for mode in MODES),
        _gather(LAYOUTS[0], "fill_or_drop", smooth=False),  # NaN, where it is not a number
        _gather(LAYOUTS[0], "fill_or_drop", "uint8", fill=0),
        _gather(LAYOUTS[2], "clip", "int64"),
    ],
    "scatter": _scatters(False, dtypes=ANY),
    "scatter_add": _scatters(True),
    "scatter_mul": _scatters(False, ulps=16),
    "scatter_min": _extrema(),
    "scatter_max": _extrema(),
}
