"""Indices as arrays, arrays written with slices (`mgrid`, `r_`), window functions, bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion, joining, manipulation, taking
from ms_func.numpy.axes import axis_index
from ms_func.numpy.bitwise import bitwise_and, right_shift
from ms_func.numpy.creation import array, asarray
from ms_func.numpy.filled import ones, shape_tuple, zeros
from ms_func.numpy.intervals import arange, linspace
from ms_func.numpy.logic import truth
from ms_func.numpy.padding import pad
from ms_func.numpy.promotion import inexact, operand, promote_dtype
from ms_func.numpy.reductions import sum as total
from ms_func.numpy.repeating import meshgrid
from ms_func.numpy.trigonometry import cos
from ms_func.primitives import shape
from ms_func.primitives.special import bessel_i0e
from ms_func.tracing.policy import user_function

# --- indices and slices ---------------------------------------------------------------------


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
    arrays take among them.

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
            parts = [int(v) for v in entries[0].split(",")]
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


r_ = _Joined(0, 1, -1)
c_ = _Joined(-1, 2, 0)
s_ = np.s_
index_exp = np.index_exp

# --- windows --------------------------------------------------------------------------------


def _points(m: int) -> Any:
    """Numbers of the points of a window, as floats."""
    return arange(m, dtype=float)


def _cosines(m: int, *weights: float) -> Any:
    """Sum of cosines over one period, in `m` points."""
    m = int(m)
    if m <= 1:
        return ones((max(m, 0),))
    angle = ar.multiply(_points(m), 2 * math.pi / (m - 1))
    total: Any = weights[0]
    for k, w in enumerate(weights[1:], 1):
        total = ar.add(total, ar.multiply(w, cos(ar.multiply(angle, float(k)))))
    return total


@fusion.whole(0)
def hanning(M: int) -> Array:
    """Hann window of `M` points: `0.5 - 0.5 cos(2 pi n / (M - 1))` for n = 0 ... M - 1.

    Args:
        M: number of points; none for 0 or less, and one of 1 for 1.

    Returns:
        `[M]`, float32.

    Reference:
        Harris, "On the use of windows for harmonic analysis with the discrete Fourier
        transform", Proceedings of the IEEE 66(1), 1978.

    Example:
        >>> np.hanning(5).round(4)
        Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    """
    return _cosines(M, 0.5, -0.5)


@fusion.whole(0)
def hamming(M: int) -> Array:
    """Hamming window of `M` points: `0.54 - 0.46 cos(2 pi n / (M - 1))` for n = 0 ... M - 1.

    Args:
        M: number of points; none for 0 or less, and one of 1 for 1.

    Returns:
        `[M]`, float32.

    Reference:
        Harris, "On the use of windows for harmonic analysis with the discrete Fourier
        transform", Proceedings of the IEEE 66(1), 1978.

    Example:
        >>> (np.hamming(5) * 100).round()
        Array([  8.,  54., 100.,  54.,   8.], dtype=float32)
    """
    return _cosines(M, 0.54, -0.46)


@fusion.whole(0)
def blackman(M: int) -> Array:
    """Blackman window of `M` points: `0.42 - 0.5 cos(t) + 0.08 cos(2 t)`, t = `2 pi n / (M - 1)`.

    Args:
        M: number of points; none for 0 or less, and one of 1 for 1.

    Returns:
        `[M]`, float32.

    Reference:
        Harris, "On the use of windows for harmonic analysis with the discrete Fourier
        transform", Proceedings of the IEEE 66(1), 1978.

    Example:
        >>> abs(np.blackman(5).round(4))
        Array([0.  , 0.34, 1.  , 0.34, 0.  ], dtype=float32)
    """
    return _cosines(M, 0.42, -0.5, 0.08)


@fusion.whole(0)
def bartlett(M: int) -> Array:
    """Triangular window of `M` points, 0 at both ends.

    Args:
        M: number of points; none for 0 or less, and one of 1 for 1.

    Returns:
        `[M]`, float32.

    Example:
        >>> np.bartlett(5)
        Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
        >>> np.bartlett(4).round(4)
        Array([-0.    ,  0.6667,  0.6667, -0.    ], dtype=float32)
    """
    M = int(M)
    if M <= 1:
        return ones((max(M, 0),))
    n = _points(M)
    half = (M - 1) / 2
    return ar.subtract(1, ar.divide(el.abs(ar.subtract(n, half)), half))


@fusion.whole(0, "beta")
def kaiser(M: int, beta: Any) -> Array:
    """Kaiser window of `M` points: `i0(beta sqrt(1 - t^2)) / i0(beta)` for t from -1 to 1.

    Args:
        M: number of points; none for 0 or less, and one of 1 for 1.
        beta: shape; the larger, the narrower the window. 0 gives ones.

    Returns:
        `[M]`, float32.

    Reference:
        Kaiser, Schafer, "On the use of the I0-sinh window for spectrum analysis", IEEE
        Transactions on Acoustics, Speech, and Signal Processing 28(1), 1980.

    Example:
        >>> np.kaiser(5, 0.0)
        Array([1., 1., 1., 1., 1.], dtype=float32)
        >>> np.kaiser(5, 8.6).round(3)
        Array([0.001, 0.34 , 1.   , 0.34 , 0.001], dtype=float32)
    """
    M = int(M)
    if M <= 1:
        return ones((max(M, 0),))
    x = ar.subtract(ar.divide(_points(M), (M - 1) / 2), 1.0)
    inside = ar.maximum(ar.subtract(1.0, ar.square(x)), 0.0)
    return ar.divide(i0(ar.multiply(beta, el.sqrt(inside))), i0(beta))


@fusion.whole(1)
def i0(x: Any) -> Array:
    """Elementwise modified Bessel function of the first kind of order 0.

    Args:
        x: real array or number; integers count as float32.

    Returns:
        Floats of the shape of `x`. float32 overflows to infinity beyond 91.9:
        `scipy.special.i0e` does not.

    Reference:
        DLMF 10.25.

    Example:
        >>> (np.i0(np.array([0.0, 1.0, -1.0])) * 1000).round()
        Array([1000., 1266., 1266.], dtype=float32)
    """
    x = inexact("i0", x)
    return ar.multiply(el.exp(el.abs(x)), bessel_i0e(x))


# --- bits in bytes --------------------------------------------------------------------------


@fusion.whole(1)
def packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> Array:
    """Booleans as the bits of bytes, eight to one, filled up with zeros.

    Args:
        a: booleans or integers, whose nonzero elements count as 1.
        axis: dimension along which neighbours share a byte; None takes the flat array.
        bitorder: "big": the first element is the highest bit; "little": the lowest.

    Returns:
        uint8, with ceil(n / 8) elements along the dimension.

    Raises:
        TypeError: the array holds neither booleans nor integers.
        ValueError: there is no such order.

    Example:
        >>> bits = np.array([1, 0, 0, 0, 0, 0, 1, 0, 1])
        >>> np.packbits(bits)
        Array([130, 128], dtype=uint8)
        >>> np.packbits(bits, bitorder="little")
        Array([65,  1], dtype=uint8)
    """
    _check_order(bitorder)
    if typeof(operand("packbits", a)).dtype.kind not in "biu":
        raise ArgumentTypeError("packbits: expected an input array of integer or boolean data type")
    a = asarray(truth("packbits", a))
    if axis is None:
        a, axis = manipulation.ravel(a), 0
    axis = axis_index(axis, a.ndim)
    rows = manipulation.moveaxis(a, axis, -1)
    n = rows.shape[-1]
    rows = pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, -n % 8)])
    rows = manipulation.reshape(rows, (*rows.shape[:-1], -1, 8)).astype(np.uint8)
    powers = [7 - i if bitorder == "big" else i for i in range(8)]
    weights = array([1 << p for p in powers], np.uint8)
    packed = total(ar.multiply(rows, weights), -1, np.uint8)
    return manipulation.moveaxis(packed, -1, axis)


@fusion.whole(1)
def unpackbits(
    a: Any, axis: int | None = None, count: int | None = None, bitorder: str = "big"
) -> Array:
    """Bits of bytes, one to each uint8.

    Args:
        a: array of uint8.
        axis: dimension along which bits take the place of their byte; None takes the flat array.
        count: number of bits to keep along the dimension, filled up with zeros; a negative one
            takes bits off the end. None keeps all.
        bitorder: "big": the highest bit comes first; "little": the lowest.

    Raises:
        TypeError: the array is not uint8.
        ValueError: there is no such order.

    Example:
        >>> np.unpackbits(np.array([130, 128], "uint8"), count=9)
        Array([1, 0, 0, 0, 0, 0, 1, 0, 1], dtype=uint8)
        >>> np.unpackbits(np.array([[2], [3]], "uint8"), axis=1, count=3, bitorder="little")
        Array([[0, 1, 0],
               [1, 1, 0]], dtype=uint8)
    """
    _check_order(bitorder)
    a = asarray(a)
    if a.dtype != np.uint8:
        raise ArgumentTypeError("Expected an input array of unsigned byte data type")
    if axis is None:
        a, axis = manipulation.ravel(a), 0
    axis = axis_index(axis, a.ndim)
    rows = manipulation.moveaxis(a, axis, -1)
    shifts = array([7 - i if bitorder == "big" else i for i in range(8)], np.uint8)
    bits = bitwise_and(right_shift(manipulation.expand_dims(rows, -1), shifts), 1)
    bits = manipulation.reshape(bits, (*rows.shape[:-1], -1))
    if count is not None:
        n = bits.shape[-1]
        kept = np.arange(count if count >= 0 else n + count, dtype=np.int32)
        bits = taking.take(bits, kept, -1, mode="fill", fill_value=0)
    return manipulation.moveaxis(bits, -1, axis)


def _check_order(bitorder: str) -> None:
    if bitorder not in ("big", "little"):
        raise ArgumentValueError("'order' must be either 'little' or 'big'")
