"""Window functions, by which signals are tapered, and the Bessel function in one of them."""

from __future__ import annotations

import math
from typing import Any

from ms_func.execution.array import Array
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion
from ms_func.numpy.bessel import order_zero
from ms_func.numpy.filled import ones
from ms_func.numpy.intervals import arange
from ms_func.numpy.promotion import inexact
from ms_func.numpy.trigonometry import cos


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
    return order_zero(inexact("i0", x))
