"""Interpolation on rectilinear grids: `RegularGridInterpolator`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.errors import ArgumentValueError, UnsupportedError
from ms_func.execution.array import Array
from ms_func.scipy.operands import of_shapes
from ms_func.tracing.tracer import Tracer

__all__ = ["RegularGridInterpolator"]
__dir__ = __all__.copy

_METHODS = ("linear", "nearest")


class RegularGridInterpolator:
    """Function of a point that has the given values at the points of a grid.

    Args:
        points: for each dimension the coordinates of the grid `[m_i]`, in increasing or in
            decreasing order.
        values: values `[m_1, ..., m_n, ...]` at the points of the grid.
        method: "linear", in each cell a product of linear functions, or "nearest".
        bounds_error: whether a point outside of the grid is an error, which only a call with known
            points can tell.
        fill_value: result for points outside; None continues the cells at the edge.

    Raises:
        ValueError: there is no such method, or the shapes or the order of the points do not fit.

    Example:
        >>> f = RegularGridInterpolator((np.array([0.0, 2.0]),), np.array([1.0, 5.0]))
        >>> f(np.array([[0.5], [3.0]]))
        Array([ 2., nan], dtype=float32)
    """

    def __init__(
        self, points: Sequence[Any], values: Any, method: str = "linear",
        bounds_error: bool = False, fill_value: Any = np.nan,
    ) -> None:  # fmt: skip
        _check_method(method)
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        self.values = of_shapes("RegularGridInterpolator", values)[0]
        if len(points) > self.values.ndim:
            raise ArgumentValueError(
                f"there are {len(points)} point arrays, but values has {self.values.ndim} "
                "dimensions"
            )
        grid = [of_shapes("RegularGridInterpolator", p)[0] for p in points]
        for i, p in enumerate(grid):
            grid[i], flipped = _increasing(p, i, self.values.shape[i])
            if flipped:
                self.values = np.flip(self.values, i)
        self.grid = tuple(grid)

    def __call__(self, xi: Any, method: str | None = None) -> Array:
        """Values at points.

        Args:
            xi: points `[..., n]`, or a tuple of n arrays that broadcast, one a coordinate; in
                one dimension the coordinates of one point after the other.
            method: instead of the one given before.

        Returns:
            Array of the shape of the points without the last dimension, and further dimensions
            of the values.

        Raises:
            ValueError: the points have another number of coordinates, or one is outside with
                `bounds_error`.
            NotImplementedError: `bounds_error`, and the points are known only at run time.
        """
        method = self.method if method is None else method
        _check_method(method)
        n = len(self.grid)
        if isinstance(xi, tuple):
            coordinates = np.broadcast_arrays(*of_shapes("RegularGridInterpolator", *xi))
        else:
            (points,) = of_shapes("RegularGridInterpolator", xi)
            if points.ndim < 2 and points.size % n == 0:
                points = points.reshape(-1, n)
            coordinates = [points[..., i] for i in range(points.shape[-1])]
        if len(coordinates) != n:
            raise ArgumentValueError(
                f"the requested sample points xi have dimension {len(coordinates)}, but this "
                f"RegularGridInterpolator has dimension {n}"
            )
        coordinates = [np.atleast_1d(c) for c in coordinates]
        return self._evaluated(coordinates, method)

    def _evaluated(self, coordinates: Sequence[Any], method: str) -> Any:
        cells = [_cell(p, c) for p, c in zip(self.grid, coordinates, strict=True)]
        outside = np.zeros(coordinates[0].shape, bool)
        for p, c in zip(self.grid, coordinates, strict=True):
            outside = outside | (c < p[0]) | (c > p[-1])
        if self.bounds_error:
            _check_inside(outside)
        more = (None,) * (self.values.ndim - len(self.grid))
        if method == "nearest":
            out = self.values[tuple(np.where(share <= 0.5, i, i + 1) for i, share in cells)]
        else:
            out = 0
            for corner in itertools.product((0, 1), repeat=len(cells)):
                at, weight = [], 1
                for side, (i, share) in zip(corner, cells, strict=True):
                    at.append(i + side)
                    weight = weight * (share if side else 1 - share)
                out = out + self.values[tuple(at)] * np.asarray(weight)[(..., *more)]
        unknown = np.any(np.stack([np.isnan(c) for c in coordinates]), axis=0)
        if not self.bounds_error and self.fill_value is not None:
            out = np.where(outside[(..., *more)], self.fill_value, out)
        return np.where(unknown[(..., *more)], np.nan, out)


def _check_method(method: str) -> None:
    if method not in _METHODS:
        raise ArgumentValueError(f"method {method!r} is not defined\nfix: 'linear' or 'nearest'")


def _increasing(p: Any, i: int, size: int) -> tuple[Any, bool]:
    """Coordinates of a dimension in increasing order, and whether they were in decreasing order.

    Raises:
        ValueError: they are no vector of the right length, or in no order.
    """
    if p.ndim != 1:
        raise ArgumentValueError(f"the points in dimension {i} must be 1-dimensional")
    if p.shape[0] != size:
        raise ArgumentValueError(
            f"there are {p.shape[0]} points and {size} values in dimension {i}"
        )
    if size < 2:
        raise ArgumentValueError(f"dimension {i} of a grid needs at least 2 points, got {size}")
    if isinstance(p, Tracer):
        return p, False
    moves = onp.diff(onp.asarray(p, float))
    if (moves > 0).all():
        return p, False
    if (moves < 0).all():
        return np.flip(p), True
    raise ArgumentValueError(
        f"the points in dimension {i} must be strictly ascending or descending"
    )


def _cell(p: Any, c: Any) -> tuple[Any, Any]:
    """Index of the lower end of the cell that a coordinate is in, and its place in the cell."""
    i = np.clip(np.searchsorted(p, c, side="right") - 1, 0, p.shape[0] - 2)
    return i, (c - p[i]) / (p[i + 1] - p[i])


def _check_inside(outside: Any) -> None:
    if isinstance(outside, Tracer):
        raise UnsupportedError(
            "`bounds_error` takes no effect under JIT: points known only at run time cannot be an "
            "error\nfix: bounds_error=False, and look at fill_value in the result"
        )
    if bool(np.any(outside)):
        raise ArgumentValueError("One of the requested xi is out of bounds")
