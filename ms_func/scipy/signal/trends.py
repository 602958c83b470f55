"""Removal of trends."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.execution.array import Array
from ms_func.numpy import fusion
from ms_func.numpy.axes import axis_index
from ms_func.numpy.promotion import ArrayLike
from ms_func.scipy.operands import of_shapes


def detrend(
    data: ArrayLike, axis: int = -1, type: str = "linear", bp: int | Sequence[int] = 0,
    overwrite_data: None = None,
) -> Array:  # fmt: skip
    """`data` without its mean, or without the straight line nearest to it.

    Args:
        data: array; integers become floats.
        axis: the dimension along which the trend goes.
        type: "linear" (short "l") or "constant" (short "c").
        bp: indices where one line ends and the next begins, for "linear".
        overwrite_data: not taken; arrays here are values.

    Raises:
        ValueError: there is no such type, or an index is out of range.
        NotImplementedError: `overwrite_data` is given.

    Example:
        >>> np.abs(detrend(np.array([1.0, 3.0, 5.0]))).max() < 1e-6
        Array(True, dtype=bool)
    """
    if overwrite_data is not None:
        raise UnsupportedError("overwrite_data argument not implemented.\nfix: use the result")
    (x,) = of_shapes("detrend", data)
    place = axis_index(axis, x.ndim)
    if type in ("constant", "c"):
        return x - np.mean(x, place, keepdims=True)
    if type not in ("linear", "l"):
        raise ArgumentValueError("Trend type must be 'linear' or 'constant'.")
    n = x.shape[place]
    ends = sorted({0, n, *onp.atleast_1d(onp.asarray(bp, int)).tolist()})
    if ends[0] < 0 or ends[-1] > n:
        raise ArgumentValueError(
            "Breakpoints must be non-negative and less than length of data along given axis."
        )
    return fusion.run(_without_lines, (x,), place, tuple(ends))


def _without_lines(x: Any, axis: int, ends: Sequence[int]) -> Any:
    x = np.moveaxis(x, axis, -1)
    parts = [_without_line(x[..., a:b]) for a, b in pairwise(ends)]
    return np.moveaxis(np.concatenate(parts, axis=-1) if parts else x, -1, axis)


def _without_line(x: Any) -> Any:
    """The rest of the least-squares fit, whose terms are orthogonal around the middle."""
    n = x.shape[-1]
    places = onp.arange(n) - (n - 1) / 2
    t = np.asarray(places, np.finfo(x.dtype).dtype)
    x = x - np.mean(x, -1, keepdims=True)
    slope = np.sum(t * x, -1, keepdims=True) / (float(onp.sum(places**2)) or 1.0)
    return x - slope * t
