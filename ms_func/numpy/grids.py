"""Arrays written with slices (`mgrid`, `r_`), window functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion, joining, manipulation, searching
from ms_func.numpy.bitwise import bitwise_and, right_shift
from ms_func.numpy.creation import arange, array, asarray, ones
from ms_func.numpy.intervals import linspace
from ms_func.numpy.logic import truth
from ms_func.numpy.promotion import inexact, operand
from ms_func.numpy.reductions import sum as total
from ms_func.numpy.repeating import meshgrid, pad
from ms_func.numpy.trigonometry import cos
from ms_func.primitives.special import bessel_i0e

# --- slices ---------------------------------------------------------------------------------


def _ruled(s: slice) -> Any:
    """Numbers that a slice stands for: an imaginary step counts them."""
    start = 0 if s.start is None else s.start
    step = 1 if s.step is None else s.step
    if isinstance(step, complex):
        return linspace(start, s.stop, int(abs(step)))
    return arange(start, s.stop, step)


class _Grid:
    """Indexed with slices, gives the coordinate grids they span."""

    def __init__(self, sparse: bool) -> None:
        self.sparse = sparse

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return _ruled(key)
        rows = meshgrid(*map(_ruled, key), sparse=self.sparse, indexing="ij")
        if self.sparse:
            return rows
        return joining.stack(rows)


mgrid = _Grid(sparse=False)
ogrid = _Grid(sparse=True)


class _Joined:
    """Indexed with arrays and slices, joins them along a dimension."""

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


def hanning(M: int) -> Array:
    """Hann window of `M` points."""
    return _cosines(M, 0.5, -0.5)


def hamming(M: int) -> Array:
    """Hamming window of `M` points."""
    return _cosines(M, 0.54, -0.46)


def blackman(M: int) -> Array:
    """Blackman window of `M` points."""
    return _cosines(M, 0.42, -0.5, 0.08)


def bartlett(M: int) -> Array:
    """Triangular window of `M` points."""
    M = int(M)
    if M <= 1:
        return ones((max(M, 0),))
    n = _points(M)
    half = (M - 1) / 2
    return ar.subtract(1, ar.divide(el.abs(ar.subtract(n, half)), half))


@fusion.whole(0, "beta")
def kaiser(M: int, beta: Any) -> Array:
    """Kaiser window of `M` points."""
    M = int(M)
    if M <= 1:
        return ones((max(M, 0),))
    x = ar.subtract(ar.divide(_points(M), (M - 1) / 2), 1.0)
    inside = ar.maximum(ar.subtract(1.0, ar.square(x)), 0.0)
    return ar.divide(i0(ar.multiply(beta, el.sqrt(inside))), i0(beta))


@fusion.whole(1)
def i0(x: Any) -> Array:
    """Elementwise modified Bessel function of order 0."""
    x = inexact("i0", x)
    return ar.multiply(el.exp(el.abs(x)), bessel_i0e(x))


# --- bits in bytes --------------------------------------------------------------------------


@fusion.whole(1)
def packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> Array:
    """Booleans as the bits of bytes, eight to one, filled with zeros.

    Raises:
        TypeError: the array holds neither booleans nor integers.
    """
    _check_order(bitorder)
    if typeof(operand("packbits", a)).dtype.kind not in "biu":
        raise ArgumentTypeError("packbits: expected an input array of integer or boolean data type")
    a = asarray(truth("packbits", a))
    if axis is None:
        a, axis = manipulation.ravel(a), 0
    axis = manipulation.axis_index(axis, a.ndim)
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

    Raises:
        TypeError: the array is not uint8.
    """
    _check_order(bitorder)
    a = asarray(a)
    if a.dtype != np.uint8:
        raise ArgumentTypeError("Expected an input array of unsigned byte data type")
    if axis is None:
        a, axis = manipulation.ravel(a), 0
    axis = manipulation.axis_index(axis, a.ndim)
    rows = manipulation.moveaxis(a, axis, -1)
    shifts = array([7 - i if bitorder == "big" else i for i in range(8)], np.uint8)
    bits = bitwise_and(right_shift(manipulation.expand_dims(rows, -1), shifts), 1)
    bits = manipulation.reshape(bits, (*rows.shape[:-1], -1))
    if count is not None:
        n = bits.shape[-1]
        kept = np.arange(count if count >= 0 else n + count, dtype=np.int32)
        bits = searching.take(bits, kept, -1, mode="fill", fill_value=0)
    return manipulation.moveaxis(bits, -1, axis)


def _check_order(bitorder: str) -> None:
    if bitorder not in ("big", "little"):
        raise ArgumentValueError("'order' must be either 'little' or 'big'")
