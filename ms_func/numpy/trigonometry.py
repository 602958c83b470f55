"""Trigonometric and hyperbolic functions of every element, their inverses, and angles."""

from __future__ import annotations

import math
from typing import Any

from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion
from ms_func.numpy.elementwise import imag, real, scaled
from ms_func.numpy.promotion import (
    ArrayLike,
    as_default_float,
    inexact,
    promote_inexact,
    settled,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import bits, compare, hyperbolic
from ms_func.primitives import elementwise as el
from ms_func.primitives.complex_forms import hypotenuse


@fusion.one
def sin(x: ArrayLike, /) -> Array:
    """Elementwise sine of radians.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`: NaN of infinities.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.sin(np.array([0.0, np.pi / 6, np.pi / 2])).round(4)
        Array([0. , 0.5, 1. ], dtype=float32)
    """
    return el.sin_p.bind(inexact("sin", x))


@fusion.one
def cos(x: ArrayLike, /) -> Array:
    """Elementwise cosine of radians.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`: NaN of infinities.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.cos(np.array([0.0, np.pi / 3, np.pi])).round(4)
        Array([ 1. ,  0.5, -1. ], dtype=float32)
    """
    return el.cos_p.bind(inexact("cos", x))


@fusion.one
def tan(x: ArrayLike, /) -> Array:
    """Elementwise tangent of radians.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`: NaN of infinities. No float is pi / 2, so the result is large
        near there, and never infinite.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.tan(np.array([0.0, np.pi / 4, -np.pi / 4])).round(4)
        Array([ 0.,  1., -1.], dtype=float32)
    """
    return el.tan_p.bind(inexact("tan", x))


@fusion.one
def arcsin(x: ArrayLike, /) -> Array:
    """Elementwise inverse sine; `asin` is the same.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`, in [-pi/2, pi/2] radians; NaN where a real `x` is outside of
        [-1, 1]. Of complex numbers the principal value.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.rad2deg(np.arcsin(np.array([0.5, -1.0, 2.0]))).round(2)
        Array([ 30., -90.,  nan], dtype=float32)
    """
    return el.asin_p.bind(inexact("arcsin", x))


@fusion.one
def arccos(x: ArrayLike, /) -> Array:
    """Elementwise inverse cosine; `acos` is the same.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`, in [0, pi] radians; NaN where a real `x` is outside of [-1, 1].
        Of complex numbers the principal value.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.rad2deg(np.arccos(np.array([0.5, -1.0, 2.0]))).round(2)
        Array([ 60., 180.,  nan], dtype=float32)
    """
    return el.acos_p.bind(inexact("arccos", x))


@fusion.one
def arctan(x: ArrayLike, /) -> Array:
    """Elementwise inverse tangent; `atan` is the same, and `arctan2` tells the quadrants apart.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`, in [-pi/2, pi/2] radians. Of complex numbers the principal value.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.rad2deg(np.arctan(np.array([1.0, -np.inf]))).round(2)
        Array([ 45., -90.], dtype=float32)
    """
    return el.atan_p.bind(inexact("arctan", x))


@fusion.two
def arctan2(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise angle of the point with ordinate `x` and abscissa `y`; `atan2` is the same.

    Args:
        x: ordinates: the first argument is the vertical one.
        y: abscissas; the two promote to one floating dtype and broadcast.

    Returns:
        Array of the common shape, in [-pi, pi] radians. Zeros count with their signs.

    Raises:
        ValueError: the shapes do not broadcast.
        TypeError: an operand is complex.

    Example:
        >>> np.rad2deg(np.arctan2(np.array([1.0, 0.0, -0.0]), -1.0)).round(2)
        Array([ 135.,  180., -180.], dtype=float32)
    """
    return el.atan2_p.bind(*promote_inexact("arctan2", x, y))


@fusion.one
def sinh(x: ArrayLike, /) -> Array:
    """Elementwise hyperbolic sine, `(exp(x) - exp(-x)) / 2`.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.sinh(np.array([0.0, np.log(2.0), -np.inf])).round(4)
        Array([0.  , 0.75, -inf], dtype=float32)
    """
    return hyperbolic.sinh_p.bind(inexact("sinh", x))


@fusion.one
def cosh(x: ArrayLike, /) -> Array:
    """Elementwise hyperbolic cosine, `(exp(x) + exp(-x)) / 2`.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.cosh(np.array([0.0, np.log(2.0), -np.inf])).round(4)
        Array([1.  , 1.25,  inf], dtype=float32)
    """
    return hyperbolic.cosh_p.bind(inexact("cosh", x))


@fusion.one
def tanh(x: ArrayLike, /) -> Array:
    """Elementwise hyperbolic tangent, `sinh(x) / cosh(x)`.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`, in [-1, 1].

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.tanh(np.array([0.0, np.log(2.0), -np.inf])).round(4)
        Array([ 0. ,  0.6, -1. ], dtype=float32)
    """
    return hyperbolic.tanh_p.bind(inexact("tanh", x))


@fusion.one
def arcsinh(x: ArrayLike, /) -> Array:
    """Elementwise inverse hyperbolic sine; `asinh` is the same.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`. Of complex numbers the principal value.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.exp(np.arcsinh(np.array([0.0, 0.75, -0.75]))).round(4)
        Array([1. , 2. , 0.5], dtype=float32)
    """
    return hyperbolic.asinh_p.bind(inexact("arcsinh", x))


@fusion.one
def arccosh(x: ArrayLike, /) -> Array:
    """Elementwise inverse hyperbolic cosine; `acosh` is the same.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`, not negative; NaN where a real `x` is below 1. Of complex numbers
        the principal value.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.exp(np.arccosh(np.array([1.0, 1.25, 0.0]))).round(4)
        Array([ 1.,  2., nan], dtype=float32)
    """
    return hyperbolic.acosh_p.bind(inexact("arccosh", x))


@fusion.one
def arctanh(x: ArrayLike, /) -> Array:
    """Elementwise inverse hyperbolic tangent; `atanh` is the same.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`: infinite at -1 and 1, NaN beyond. Of complex numbers the
        principal value.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.exp(np.arctanh(np.array([0.6, 1.0, 2.0]))).round(4)
        Array([ 2., inf, nan], dtype=float32)
    """
    return hyperbolic.atanh_p.bind(inexact("arctanh", x))


asin, acos, atan, atan2 = arcsin, arccos, arctan, arctan2


asinh, acosh, atanh = arcsinh, arccosh, arctanh


@fusion.one
def sinc(x: ArrayLike, /) -> Array:
    """Elementwise `sin(pi x) / (pi x)`, 1 at 0.

    Near 0 the Taylor series `1 - p/6 + p**2/120 - p**3/5040` in `p = (pi x)**2` stands for the
    quotient, so that no derivative divides by zero; those at 0 up to the seventh are exact.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.sinc(np.array([0.0, 0.5])).round(4)
        Array([1.    , 0.6366], dtype=float32)
        >>> float(ms.grad(np.sinc)(0.0))
        0.0
    """
    return fusion.run(_sinc, (inexact("sinc", x),))


def _sinc(x: Any) -> Any:
    angle = scaled(x, math.pi)
    near = compare.lt(el.abs(angle), 0.02)
    safe = compare.select(near, 1.0, angle)
    p = ar.mul(angle, angle)
    series = ar.add(ar.mul(ar.add(ar.mul(p, -1 / 5040), 1 / 120), p), -1 / 6)
    series = ar.add(ar.mul(series, p), 1.0)
    return compare.select(near, series, ar.div(el.sin(safe), safe))


@fusion.one
def deg2rad(x: ArrayLike, /) -> Array:
    """Elementwise degrees to radians; `radians` is the same.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> (np.deg2rad(np.array([180, 90])) / np.pi).round(4)
        Array([1. , 0.5], dtype=float32)
    """
    return scaled(inexact("deg2rad", x), math.pi / 180)


@fusion.one
def rad2deg(x: ArrayLike, /) -> Array:
    """Elementwise radians to degrees; `degrees` is the same.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.rad2deg(np.array([np.pi, -np.pi / 2])).round(2)
        Array([180., -90.], dtype=float32)
    """
    return scaled(inexact("rad2deg", x), 180 / math.pi)


radians, degrees = deg2rad, rad2deg


@fusion.whole(1)
def angle(z: ArrayLike, deg: bool = False) -> Array:
    """Elementwise angle of complex numbers: that from the positive real axis.

    Args:
        z: array or number; a real number has the angle 0, or pi where it is negative.
        deg: degrees instead of radians.

    Returns:
        Array of the shape of `z`, real, in [-pi, pi] or [-180, 180].

    Raises:
        TypeError: `z` is a list or holds no numbers.

    Example:
        >>> np.angle(np.array([1 + 1j, -2, -1j]), deg=True).round(2)
        Array([ 45., 180., -90.], dtype=float32)
    """
    z = as_default_float("angle", settled("angle", z))
    out = el.atan2(imag(z), real(z))
    return rad2deg(out) if deg else out


# --- length of a hypotenuse -----------------------------------------------------------------------


@fusion.two
def hypot(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `sqrt(x**2 + y**2)`, without overflow of the squares.

    Args:
        x: array or number.
        y: array or number; the two promote to one floating dtype and broadcast.

    Returns:
        Array of the common shape: infinite where an operand is, also beside NaN.

    Raises:
        ValueError: an operand is complex, or the shapes do not broadcast.

    Example:
        >>> np.hypot(np.array([3.0, np.inf]), np.array([4.0, np.nan])).round(4)
        Array([ 5., inf], dtype=float32)
    """
    x, y = promote_inexact("hypot", x, y)
    if typeof(x).dtype.kind == "c":
        raise ArgumentValueError("hypot does not support complex-valued inputs")
    return fusion.run(_hypot, (x, y))


@custom_jvp
def _hypot(x: Any, y: Any) -> Any:
    """The smaller over the larger, so that no square overflows."""
    return hypotenuse(el.abs(x), el.abs(y))


@_hypot.defjvp
def _hypot_jvp(primals: Any, tangents: Any) -> Any:
    """Cosine and sine of the direction, which infinite numbers have as for `arctan2`."""
    size = _hypot(*primals)
    gone = [compare.eq(el.abs(v), math.inf) for v in primals]
    endless, flat = compare.eq(size, math.inf), compare.eq(size, 0.0)
    reach = compare.select(bits.bitwise_and(*gone), math.sqrt(2), compare.select(flat, 1.0, size))
    reach = compare.select(bits.bitwise_xor(*gone), 1.0, reach)
    terms = []
    for v, far, t in zip(primals, gone, tangents, strict=True):
        way = compare.select(endless, compare.select(far, el.sign(v), 0.0), v)
        terms.append(ar.mul(compare.select(flat, 0.5, ar.div(way, reach)), t))
    return size, ar.add(*terms)
