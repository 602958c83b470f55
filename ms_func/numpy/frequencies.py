"""Frequencies of the elements of Fourier transforms, and their order."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ms_func.dtypes import DEFAULTS, canonicalize_dtype
from ms_func.execution.array import Array
from ms_func.numpy import arithmetic as ar
from ms_func.numpy.axes import axes_tuple
from ms_func.numpy.creation import asarray
from ms_func.numpy.promotion import ArrayLike
from ms_func.numpy.reordering import roll


def fftfreq(n: int, d: ArrayLike = 1.0, *, dtype: Any = None, device: Any = None) -> Array:
    """Frequencies of the elements of `fft` of `n` points at distance `d`.

    Args:
        n: number of points.
        d: distance of neighbours.
        dtype: of the result; float32 by default.
        device: device or sharding to put it on.

    Returns:
        `[n]`: 0 and the positive frequencies, then the negative ones; `-1 / (2 d)` for even `n`.

    Raises:
        TypeError: `n` is no integer.

    Example:
        >>> np.fft.fftfreq(4, 0.5)
        Array([ 0. ,  0.5, -1. , -0.5], dtype=float32)
        >>> np.fft.fftfreq(5)
        Array([ 0. ,  0.2,  0.4, -0.4, -0.2], dtype=float32)
    """
    n = operator.index(n)
    counts = np.concatenate([np.arange((n + 1) // 2), np.arange(-(n // 2), 0)])
    return _frequencies(counts, n, d, dtype, device)


def rfftfreq(n: int, d: ArrayLike = 1.0, *, dtype: Any = None, device: Any = None) -> Array:
    """Frequencies of the elements of `rfft` of `n` points at distance `d`.

    Args:
        n: number of points.
        d: distance of neighbours.
        dtype: of the result; float32 by default.
        device: device or sharding to put it on.

    Returns:
        `[n // 2 + 1]`, not negative.

    Raises:
        TypeError: `n` is no integer.

    Example:
        >>> np.fft.rfftfreq(4, 0.5)
        Array([0. , 0.5, 1. ], dtype=float32)
    """
    n = operator.index(n)
    return _frequencies(np.arange(n // 2 + 1), n, d, dtype, device)


def _frequencies(counts: np.ndarray, n: int, d: Any, dtype: Any, device: Any) -> Any:
    kind = DEFAULTS[float] if dtype is None else canonicalize_dtype(dtype)
    span = d * n if isinstance(d, (int, float)) else ar.multiply(d, n)  # Python has all digits
    return ar.divide(asarray(counts.astype(kind), device=device), span)


def fftshift(x: ArrayLike, axes: Any = None) -> Array:
    """`x` with the zero frequency moved to the middle of dimensions, place `n // 2`.

    Args:
        x: array.
        axes: dimensions, one or several; all by default.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> np.fft.fftshift(np.fft.fftfreq(4))
        Array([-0.5 , -0.25,  0.  ,  0.25], dtype=float32)
    """
    return _shifted(x, axes, 1)


def ifftshift(x: ArrayLike, axes: Any = None) -> Array:
    """Inverse of `fftshift`, which differs from it for odd sizes.

    Args:
        x: array.
        axes: dimensions, one or several; all by default.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> x = np.arange(5)
        >>> np.fft.fftshift(x), np.fft.ifftshift(np.fft.fftshift(x))
        (Array([3, 4, 0, 1, 2], dtype=int32), Array([0, 1, 2, 3, 4], dtype=int32))
    """
    return _shifted(x, axes, -1)


def _shifted(x: Any, axes: Any, sign: int) -> Any:
    shape = np.shape(x)
    listed = axes_tuple(axes, len(shape))
    steps = tuple(shape[i] // 2 if sign > 0 else -(shape[i] // 2) for i in listed)
    return roll(x, steps, listed)
