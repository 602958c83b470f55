"""Interpolation in regular grids of samples: `map_coordinates`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from ms_func import numpy as np
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion
from ms_func.numpy.promotion import ArrayLike, operand

__all__ = ["map_coordinates"]
__dir__ = __all__.copy


def _mirrored(i: Any, n: int) -> Any:
    period = max(n - 1, 1)
    return np.abs((i + period) % (2 * period) - period) if n > 1 else np.zeros_like(i)


def _reflected(i: Any, n: int) -> Any:
    return _mirrored(2 * i + 1, 2 * n + 1) // 2


_PLACES: dict[str, Callable[[Any, int], Any]] = {
    "constant": lambda i, n: np.clip(i, 0, n - 1),
    "grid-constant": lambda i, n: np.clip(i, 0, n - 1),
    "nearest": lambda i, n: np.clip(i, 0, n - 1),
    "wrap": lambda i, n: i % n,
    "grid-wrap": lambda i, n: i % n,
    "mirror": _mirrored,
    "reflect": _reflected,
    "grid-mirror": _reflected,
}
"""The sample that stands for index `i` of `n`, for each mode."""


def map_coordinates(
    input: ArrayLike, coordinates: Sequence[ArrayLike], order: int, mode: str = "constant",
    cval: ArrayLike = 0.0,
) -> Array:  # fmt: skip
    """Values of `input` at any coordinates, interpolated.

    Args:
        input: array of rank at least 1.
        coordinates: for each dimension of `input` an array of places, counted in samples; they
            broadcast to the shape of the result. Differentiable where `order` is 1.
        order: 0 for the nearest sample (of two, that farther from 0), 1 for linear interpolation.
        mode: samples beyond the edges: "constant" gives them the value `cval`, "nearest" that of
            the edge, "wrap" repeats all, "reflect" and "mirror" turn back with the sample at the
            edge doubled and not doubled. SciPy's "grid-constant", "grid-wrap" and "grid-mirror"
            are the same as "constant", "wrap" and "reflect"; its own "constant" and "wrap" differ
            from ours between the last sample and the next.
        cval: value of "constant".

    Returns:
        Array of the dtype of `input`; for integers rounded, halves away from 0.

    Raises:
        ValueError: `coordinates` are not as many as `input` has dimensions.
        NotImplementedError: another order or mode.

    Example:
        >>> map_coordinates(np.array([0.0, 10.0]), [np.array([0.25, 2.0])], order=1)
        Array([2.5, 0. ], dtype=float32)
    """
    x = np.asarray(operand("map_coordinates", input))
    places = [np.asarray(c) for c in coordinates]
    if len(places) != x.ndim:
        raise ArgumentValueError(
            f"coordinates must be a sequence of length input.ndim, but {len(places)} != {x.ndim}"
        )
    if mode not in _PLACES:
        raise UnsupportedError(
            f"scipy.ndimage.map_coordinates does not yet support mode {mode}. Currently "
            f"supported modes are {set(_PLACES)}."
        )
    if order not in (0, 1):
        raise UnsupportedError(
            f"scipy.ndimage.map_coordinates currently requires order<=1, got {order}"
        )
    if 0 in x.shape:
        raise ArgumentValueError(f"map_coordinates got an input of shape {x.shape}: no samples")
    fill = np.asarray(cval, x.dtype)
    places = np.broadcast_arrays(*places) if places else places
    return fusion.run(_mapped, (x, fill, *places), int(order), mode)


def _mapped(x: Any, fill: Any, *rest: Any) -> Any:
    *places, order, mode = rest
    nodes = [_nodes(c, order) for c in places]
    total: Any = 0 if nodes else x
    for corner in itertools.product(*nodes):
        indices = [i for i, _ in corner]
        at = [_PLACES[mode](i, n) for i, n in zip(indices, x.shape, strict=True)]
        value = x[tuple(at)]
        if mode in ("constant", "grid-constant"):
            for i, n in zip(indices, x.shape, strict=True):
                value = np.where((i >= 0) & (i < n), value, fill)
        for _, weight in corner:
            value = value if weight is None else value * weight
        total = total + value
    if is_inexact(x.dtype):
        return total.astype(x.dtype)
    return _rounded(total).astype(x.dtype) if is_inexact(total.dtype) else total


def _nodes(c: Any, order: int) -> list[tuple[Any, Any]]:
    """Samples around a coordinate, and the share of each."""
    if not is_inexact(typeof(c).dtype):
        return [(c, None)]
    if order == 0:
        return [(_rounded(c).astype(np.int32), None)]
    low = np.floor(c)
    share = c - low
    first = low.astype(np.int32)
    return [(first, 1 - share), (first + 1, share)]


def _rounded(x: Any) -> Any:
    """The nearest integer; of two, the one farther from 0."""
    return np.where(x < 0, np.ceil(x - 0.5), np.floor(x + 0.5))
