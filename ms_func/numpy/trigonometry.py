"""Trigonometric and hyperbolic functions of every element, their inverses, and angles."""

from __future__ import annotations

import math
from typing import Any

from ms_func.execution.array import Array
from ms_func.numpy import fusion
from ms_func.numpy.elementwise import imag, real, scaled
from ms_func.numpy.promotion import (
    ArrayLike,
    inexact,
    promote_inexact,
    settled,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import compare
from ms_func.primitives import elementwise as el


@fusion.one
def sin(x: ArrayLike, /) -> Array:
    """Elementwise sine of radians."""
    return el.sin_p.bind(inexact("sin", x))


@fusion.one
def cos(x: ArrayLike, /) -> Array:
    """Elementwise cosine of radians."""
    return el.cos_p.bind(inexact("cos", x))


@fusion.one
def tan(x: ArrayLike, /) -> Array:
    """Elementwise tangent of radians."""
    return el.tan_p.bind(inexact("tan", x))


@fusion.one
def arcsin(x: ArrayLike, /) -> Array:
    """Elementwise inverse sine, in radians."""
    return el.asin_p.bind(inexact("arcsin", x))


@fusion.one
def arccos(x: ArrayLike, /) -> Array:
    """Elementwise inverse cosine, in radians."""
    return el.acos_p.bind(inexact("arccos", x))


@fusion.one
def arctan(x: ArrayLike, /) -> Array:
    """Elementwise inverse tangent, in radians."""
    return el.atan_p.bind(inexact("arctan", x))


@fusion.two
def arctan2(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise angle of the point with ordinate `x` and abscissa `y`, in radians."""
    return el.atan2_p.bind(*promote_inexact("arctan2", x, y))


@fusion.one
def sinh(x: ArrayLike, /) -> Array:
    """Elementwise hyperbolic sine."""
    return el.sinh_p.bind(inexact("sinh", x))


@fusion.one
def cosh(x: ArrayLike, /) -> Array:
    """Elementwise hyperbolic cosine."""
    return el.cosh_p.bind(inexact("cosh", x))


@fusion.one
def tanh(x: ArrayLike, /) -> Array:
    """Elementwise hyperbolic tangent."""
    return el.tanh_p.bind(inexact("tanh", x))


@fusion.one
def arcsinh(x: ArrayLike, /) -> Array:
    """Elementwise inverse hyperbolic sine."""
    return el.asinh_p.bind(inexact("arcsinh", x))


@fusion.one
def arccosh(x: ArrayLike, /) -> Array:
    """Elementwise inverse hyperbolic cosine."""
    return el.acosh_p.bind(inexact("arccosh", x))


@fusion.one
def arctanh(x: ArrayLike, /) -> Array:
    """Elementwise inverse hyperbolic tangent."""
    return el.atanh_p.bind(inexact("arctanh", x))


asin, acos, atan, atan2 = arcsin, arccos, arctan, arctan2


asinh, acosh, atanh = arcsinh, arccosh, arctanh


@fusion.one
def sinc(x: ArrayLike, /) -> Array:
    """Elementwise `sin(pi x) / (pi x)`, 1 at 0; all derivatives at 0 up to the third are exact.

    Near 0 the Taylor series `1 - p/6 + p**2/120 - p**3/5040` in `p = (pi x)**2` stands for
    the quotient, so that no derivative divides by zero.
    """
    return fusion.run(_sinc, (inexact("sinc", x),))


def _sinc(x: Any) -> Any:
    angle = scaled(x, math.pi)
    near = compare.lt(el.abs(angle), 0.02)
    safe = compare.select(near, 1.0, angle)
    p = ar.mul(angle, angle)
    series = ar.add(ar.mul(ar.add(ar.mul(p, 1 / 120), -1 / 6), p), 1.0)
    return compare.select(near, series, ar.div(el.sin(safe), safe))


@fusion.one
def deg2rad(x: ArrayLike, /) -> Array:
    """Elementwise degrees to radians."""
    return scaled(inexact("deg2rad", x), math.pi / 180)


@fusion.one
def rad2deg(x: ArrayLike, /) -> Array:
    """Elementwise radians to degrees."""
    return scaled(inexact("rad2deg", x), 180 / math.pi)


radians, degrees = deg2rad, rad2deg


@fusion.whole(1)
def angle(z: ArrayLike, deg: bool = False) -> Array:
    """Elementwise angle of complex numbers, in radians or degrees."""
    z = inexact("angle", settled("angle", z))
    out = el.atan2(imag(z), real(z))
    return rad2deg(out) if deg else out
