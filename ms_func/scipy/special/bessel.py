"""Modified Bessel functions of the orders 0 and 1."""

from __future__ import annotations

from ms_func.execution.array import Array
from ms_func.numpy import bessel
from ms_func.numpy.promotion import ArrayLike, inexact
from ms_func.primitives import special as ps

__all__ = ["i0", "i0e", "i1", "i1e"]


def i0e(x: ArrayLike) -> Array:
    """Elementwise modified Bessel function of order 0, times `exp(-abs(x))`.

    Args:
        x: real array; integers become floats. Within 5 ulp.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 10.25.2.

    Example:
        >>> print(i0e(0.0), f"{i0e(1000.0):.5f}")
        1.0 0.01262
    """
    return ps.bessel_i0e(inexact("i0e", x))


def i1e(x: ArrayLike) -> Array:
    """Elementwise modified Bessel function of order 1, times `exp(-abs(x))`.

    Args:
        x: real array; integers become floats. Odd. Within 14 ulp (float64: 6).

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 10.25.2.

    Example:
        >>> print(i1e(0.0), f"{i1e(-1000.0):.5f}")
        0.0 -0.01261
    """
    return ps.bessel_i1e(inexact("i1e", x))


def i0(x: ArrayLike) -> Array:
    """Elementwise modified Bessel function of order 0.

    It solves `x**2 y'' + x y' = x**2 y` with `y(0) = 1`, and its derivative is `i1`.

    Args:
        x: real array; integers become floats. inf beyond 91 (float64: 713). Within 6 ulp up to
            40.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 10.25.2, 10.29.3.

    Example:
        >>> print(f"{i0(1.0):.4f}", f"{ms.grad(i0)(1.0):.4f}", f"{i1(1.0):.4f}")
        1.2661 0.5652 0.5652
    """
    return bessel.order_zero(inexact("i0", x))


def i1(x: ArrayLike) -> Array:
    """Elementwise modified Bessel function of order 1.

    Args:
        x: real array; integers become floats. Odd; inf beyond 91 (float64: 713). Within 20 ulp
            (float64: 8) up to 40.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 10.25.2.

    Example:
        >>> print(f"{i1(1.0):.4f}", f"{i1(-1.0):.4f}")
        0.5652 -0.5652
    """
    return bessel.order_one(inexact("i1", x))
