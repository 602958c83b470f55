"""Cases of the operations that move elements at places known beforehand."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from ms_func.ir.constant import Constant
from tests.cases.case import ANY, NUMBERS, Case, of_shapes


def _to_shape(name: str) -> Any:
    """Parameters of a part: the shape that the part's result has."""
    return lambda params, ins, outs: {**params, name: outs[0].shape}


def _broadcast(shape: tuple[int, ...], to: tuple[int, ...], dims: tuple[int, ...]) -> Case:
    params = {"shape": to, "broadcast_dimensions": dims}
    return of_shapes(shape, params=params, dtypes=ANY, local=_to_shape("shape"))


def _reshape(old: tuple[int, ...], new: tuple[int, ...]) -> Case:
    return of_shapes(old, params={"new_sizes": new}, dtypes=ANY, local=_to_shape("new_sizes"))


def _slice(shape: tuple[int, ...], lo: Any, hi: Any, strides: Any = None) -> Case:
    def local(params: dict[str, Any], ins: Any, outs: Any) -> dict[str, Any]:
        limits = [n if n != m else h for n, m, h in zip(ins[0].shape, shape, hi, strict=True)]
        return {**params, "limit_indices": tuple(limits)}

    params = {"start_indices": lo, "limit_indices": hi, "strides": strides}
    return of_shapes(shape, params=params, dtypes=ANY, local=local)


def _pad(shape: tuple[int, ...], *rows: tuple[int, int, int]) -> Case:
    return of_shapes(shape, (), params={"padding_config": rows}, dtypes=ANY)


def _iota(dtype: str, shape: tuple[int, ...], dimension: int) -> Case:
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    params = {"dtype": kind, "shape": shape, "dimension": dimension}
    return Case((), params, dtypes=("float64",), local=_to_shape("shape"))


def _concatenate(dimension: int, *shapes: tuple[int, ...]) -> Case:
    return of_shapes(*shapes, params={"dimension": dimension}, dtypes=ANY)


CASES: dict[str, list[Case]] = {
    "broadcast_in_dim": [
        _broadcast((), (2, 4), ()),
        _broadcast((), (), ()),
        _broadcast((4,), (2, 4, 6), (1,)),
        _broadcast((1, 4), (2, 4), (0, 1)),
        _broadcast((1, 1), (3, 1, 4), (1, 2)),
        _broadcast((2, 0), (2, 4, 0), (0, 2)),
    ],
    "transpose": [
        of_shapes(s, params={"permutation": p}, dtypes=ANY)
        for s, p in (((), ()), ((4,), (0,)), ((2, 4), (1, 0)), ((2, 4, 6), (2, 0, 1)),
                     ((2, 1, 0), (1, 2, 0)))
    ],
    "reduce_sum": [
        of_shapes(s, params={"axes": a}, dtypes=NUMBERS, ulps=8)
        for s, a in (((), ()), ((4,), (0,)), ((2, 4, 6), (1,)), ((2, 4, 6), (0, 2)),
                     ((2, 4), ()), ((0, 2), (0,)))
    ],
    "reshape": [
        _reshape(old, new)
        for old, new in (
            ((), (1, 1)), ((4, 6), (24,)), ((24,), (2, 3, 4)), ((4, 6), (2, 12)), ((2, 12), (4, 6)),
            ((4, 6), (6, 4)), ((1, 4, 1), (4,)), ((4, 2), (4, 1, 2)), ((0, 3), (3, 0, 2)),
            ((2, 3, 4, 5), (6, 2, 2, 5)), ((6, 4), (8, 3)),
        )
    ],
    "rev": [
        of_shapes(s, params={"dimensions": d}, dtypes=ANY)
        for s, d in (((4,), (0,)), ((2, 4, 6), (0, 2)), ((2, 4), ()), ((0, 2), (0, 1)))
    ],
    "roll": [
        of_shapes(s, params={"shift": n, "dimension": d}, dtypes=ANY)
        for s, n, d in (
            ((4,), 1, 0), ((2, 4, 6), 5, 2), ((2, 4), 0, 1), ((4, 3), 2, 0), ((0, 2), 0, 0),
        )
    ],
    "iota": [
        _iota("int32", (4,), 0), _iota("float64", (2, 4), 1), _iota("uint8", (4, 2), 0),
        _iota("complex64", (3,), 0), _iota("bfloat16", (2, 300), 1), _iota("int64", (0, 2), 1),
    ],
    "constant": [
        Case((), {"value": Constant(a)}, dtypes=("float64",))
        for a in (np.arange(3, dtype="int8"), np.ones((2, 0), "float32"), np.float64(2.5))
    ],
    "slice": [
        _slice((6,), (1,), (5,)),
        _slice((6, 4), (0, 1), (6, 4), (1, 2)),
        _slice((7, 4), (1, 0), (6, 4), (3, 1)),
        _slice((6, 4), (2, 0), (2, 4)),
        _slice((4, 0), (1, 0), (4, 0), (2, 1)),
        _slice((), (), ()),
    ],
    "pad": [
        _pad((4,), (1, 2, 0)),
        _pad((4, 6), (0, 0, 0), (1, 0, 2)),
        _pad((4, 6), (-1, 2, 1), (-2, -1, 0)),
        _pad((4, 2), (0, 0, 0), (0, 0, 0)),
        _pad((3,), (-4, 3, 0)),
        _pad((5,), (2, -6, 1)),
        _pad((0, 2), (1, 1, 3), (0, 1, 0)),
        _pad(()),
    ],
    "concatenate": [
        _concatenate(0, (4,), (2,)),
        _concatenate(1, (2, 4), (2, 2), (2, 0)),
        _concatenate(0, (2, 4)),
        _concatenate(0, (2, 1), (3, 1)),
    ],
    "split": [
        of_shapes(s, params={"sizes": n, "axis": a}, dtypes=ANY)
        for s, n, a in (((6,), (1, 2, 3), 0), ((2, 4), (4,), 1), ((4, 6), (0, 4, 2), 1))
    ],
}  # fmt: skip
