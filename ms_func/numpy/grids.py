"""Coordinates as arrays (`meshgrid`, `indices`), and arrays written with slices (`mgrid`, `r_`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy import fusion, joining, manipulation
from ms_func.numpy.creation import asarray
from ms_func.numpy.filled import shape_tuple, zeros
from ms_func.numpy.intervals import arange, linspace
from ms_func.numpy.promotion import ArrayLike, operand, promote_dtype
from ms_func.primitives import basis, shape
from ms_func.tracing.policy import user_function


def meshgrid(
    *xi: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> list[Array]:
    """Coordinate grids from coordinate vectors.

    Args:
        *xi: vectors or numbers.
        copy: accepted for compatibility; arrays are values.
        sparse: give arrays of size 1 along all dimensions but their own, which broadcast together.
        indexing: "xy": the first vector runs along the second dimension, the second along the
            first, as in pictures; "ij": each along its own, as in matrices.

    Returns:
        A list of as many arrays, each with the dtype of its vector.

    Raises:
        ValueError: `indexing` is neither "xy" nor "ij", or a vector has more dimensions.

    Example:
        >>> x, y = np.meshgrid(np.array([1, 2]), np.array([3, 4, 5]))
        >>> x
        Array([[1, 2],
               [1, 2],
               [1, 2]], dtype=int32)
        >>> y
        Array([[3, 3],
               [4, 4],
               [5, 5]], dtype=int32)
        >>> [a.shape for a in np.meshgrid(np.ones(2), np.ones(3), indexing="ij", sparse=True)]
        [(2, 1), (1, 3)]
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentValueError(f"Valid values for indexing are 'xy' and 'ij', got {indexing}")
    vectors = [manipulation.atleast_1d(operand("meshgrid", x)) for x in xi]
    if any(v.ndim != 1 for v in vectors):
        shapes = [v.shape for v in vectors]
        raise ArgumentValueError(f"Arguments to meshgrid must be 1D, got shapes {shapes}")
    order = list(range(len(vectors)))
    if indexing == "xy" and len(vectors) >= 2:
        order[:2] = [1, 0]
    sizes = [0] * len(vectors)
    for v, d in zip(vectors, order, strict=True):
        sizes[d] = v.shape[0]
    grids = []
    for v, d in zip(vectors, order, strict=True):
        if sparse:
            thin = [v.shape[0] if i == d else 1 for i in range(len(sizes))]
            grids.append(manipulation.reshape(v, thin))
        else:
            grids.append(basis.broadcast_in_dim(v, sizes, (d,)))
    return grids


@fusion.whole(0)
def indices(dimensions: Sequence[int], dtype: Any = None, sparse: bool = False) -> Any:
    """Index of each element along each dimension: one array, or a tuple of open grids.

    Args:
        dimensions: shape of the array that the indices are for.
        dtype: of the indices; int32 by default.
        sparse: give one array for each dimension, of size 1 along the others, so that together
            they broadcast to the grid.

    Returns:
        `[d, *dimensions]` for d dimensions, or d arrays.

    Raises:
        TypeError: a size is traced, negative or no integer.

    Example:
        >>> np.indices((2, 3))[0]
        Array([[0, 0, 0],
               [1, 1, 1]], dtype=int32)
        >>> row, column = np.indices((2, 3), sparse=True)
        >>> row * 10 + column
        Array([[ 0,  1,  2],
               [10, 11, 12]], dtype=int32)
    """
    sizes = shape_tuple("indices", dimensions)
    kind = canonicalize_dtype(dtype or int)
    grids = []
    for i, n in enumerate(sizes):
        open_shape = tuple(n if i == j else 1 for j in range(len(sizes)))
        grids.append(shape.broadcasted_iota(kind, open_shape if sparse else sizes, i))
    if sparse:
        return tuple(grids)
    if not grids:
        return zeros((0,), kind)
    return shape.concatenate([shape.reshape(g, (1, *sizes)) for g in grids], 0)


def fromfunction(
    function: Callable[..., Any], shape: Any, *, dtype: Any = float, **kwargs: Any
) -> Any:
    """`function` called once with the index arrays of `shape`.

    Args:
        function: takes one array for each dimension.
        shape: shape of those arrays.
        dtype: of the indices; float32 by default.
        **kwargs: passed to `function`.

    Returns:
        What `function` returns; nothing makes it have that shape.

    Example:
        >>> np.fromfunction(lambda i, j: i * 10 + j, (2, 3), dtype=int)
        Array([[ 0,  1,  2],
               [10, 11, 12]], dtype=int32)
    """
    return user_function(function)(*indices(shape, dtype=dtype), **kwargs)


def _ruled(s: slice) -> Any:
    """Numbers that a slice stands for: an imaginary step counts them."""
    start = 0 if s.start is None else s.start
    step = 1 if s.step is None else s.step
    if isinstance(step, complex):
        return linspace(start, s.stop, int(abs(step)))
    return arange(start, s.stop, step)


class _Grid:
    """Indexed with slices, gives the coordinate grids they span.

    `mgrid[...]` gives one array `[d, ...]` of d full grids, `ogrid[...]` d arrays that broadcast
    to them. A step counts as in `arange`; an imaginary one, as `5j`, is the number of points
    from the start to the end, which is included.

    Example:
        >>> np.mgrid[0:2, 0:3].tolist()
        [[[0, 0, 0], [1, 1, 1]], [[0, 1, 2], [0, 1, 2]]]
        >>> np.ogrid[0:2, 0:1:3j]
        [Array([[0.],
               [1.]], dtype=float32), Array([[0. , 0.5, 1. ]], dtype=float32)]
        >>> np.mgrid[0:1:5j]
        Array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """

    def __init__(self, sparse: bool) -> None:
        self.sparse = sparse

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return _ruled(key)
        rows = promote_dtype("mgrid", *map(_ruled, key))
        rows = meshgrid(*rows, sparse=self.sparse, indexing="ij")
        if self.sparse:
            return rows
        return joining.stack(rows)


mgrid = _Grid(sparse=False)
ogrid = _Grid(sparse=True)


class _Joined:
    """Indexed with arrays and slices, joins them along a dimension.

    `r_[...]` joins along the first dimension, `c_[...]` along the last, after vectors have become
    columns. Slices stand for numbers as in `mgrid`. A text in front, as "0,2", holds the
    dimension, the least number of dimensions, and the place that the dimensions of smaller
    arrays take among them; "r" and "c" make a matrix of one row or one column of a vector.

    Example:
        >>> np.r_[np.array([1, 2]), 0, 5:8]
        Array([1, 2, 0, 5, 6, 7], dtype=int32)
        >>> np.c_[np.array([1, 2]), np.array([3, 4])]
        Array([[1, 3],
               [2, 4]], dtype=int32)
        >>> np.r_["0,2", np.array([1, 2]), np.array([3, 4])]
        Array([[1, 2],
               [3, 4]], dtype=int32)
    """

    def __init__(self, axis: int, ndmin: int, trans1d: int) -> None:
        self.defaults = (axis, ndmin, trans1d)

    def __getitem__(self, key: Any) -> Array:
        entries = key if isinstance(key, tuple) else (key,)
        axis, ndmin, trans1d = self.defaults
        if entries and isinstance(entries[0], str):
            if entries[0] in ("r", "c"):
                return _as_matrix(self[entries[1:]], entries[0])
            parts = _directive(entries[0])
            axis, ndmin, trans1d = (*parts, *[axis, ndmin, trans1d][len(parts) :])
            entries = entries[1:]
        return joining.concatenate([self._row(e, ndmin, trans1d) for e in entries], axis)

    def _row(self, entry: Any, ndmin: int, trans1d: int) -> Any:
        x = _ruled(entry) if isinstance(entry, slice) else asarray(entry)
        x = manipulation.atleast_1d(x)
        missing = ndmin - x.ndim
        if missing <= 0:
            return x
        place = trans1d % (missing + 1) if trans1d >= 0 else missing + 1 + trans1d
        return manipulation.reshape(x, (*[1] * place, *x.shape, *[1] * (missing - place)))


def _directive(text: str) -> list[int]:
    """Up to three integers of a text in front, as "0,2"."""
    parts = text.split(",")
    try:
        found = [int(v) for v in parts]
    except ValueError:
        raise ValueError(f"could not understand directive {text!r}") from None
    if len(found) > 3:
        raise ValueError(f"directive {text!r} has more than three entries")
    return found


def _as_matrix(joined: Array, shape: str) -> Array:
    """A vector as a matrix of one row ("r") or one column ("c")."""
    if joined.ndim != 1:
        return joined
    return manipulation.reshape(joined, (1, -1) if shape == "r" else (-1, 1))


r_ = _Joined(0, 1, -1)
c_ = _Joined(-1, 2, 0)
s_ = np.s_
index_exp = np.index_exp
