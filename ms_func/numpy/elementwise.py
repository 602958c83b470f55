"""Mathematical functions applied to every element, under NumPy's names."""

from __future__ import annotations

import math
from typing import Any

from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.errors import ArgumentTypeError
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion
from ms_func.numpy.promotion import (
    ArrayLike,
    as_handle,
    fill,
    inexact,
    operand,
    promote,
    promote_inexact,
    settled,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import bits, cast, compare, hyperbolic, powers, rounding
from ms_func.primitives import elementwise as el

# --- exponentials and logarithms ------------------------------------------------------


@fusion.one
def exp(x: ArrayLike, /) -> Array:
    """Elementwise exponential.

    Args:
        x: array or number; integers and booleans become floats, complex numbers stay complex.

    Returns:
        Array of the shape of `x`. Beyond the largest float it is infinite, without a warning.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.exp(np.array([0.0, -np.inf, 1000.0]))
        Array([ 1.,  0., inf], dtype=float32)
        >>> np.exp(0).dtype
        dtype('float32')
    """
    return el.exp_p.bind(inexact("exp", x))


@fusion.one
def exp2(x: ArrayLike, /) -> Array:
    """Elementwise `2 ** x`.

    Args:
        x: array or number; integers and booleans become floats, so that no power is out of reach.

    Returns:
        Array of the shape of `x`.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.exp2(np.array([3, 0, -1]))
        Array([8. , 1. , 0.5], dtype=float32)
    """
    return el.exp2_p.bind(inexact("exp2", x))


@fusion.one
def expm1(x: ArrayLike, /) -> Array:
    """Elementwise `exp(x) - 1`, accurate near 0, where the difference would cancel.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.expm1(np.float32(1e-8)), np.exp(np.float32(1e-8)) - 1
        (Array(1.e-08, dtype=float32), Array(0., dtype=float32))
    """
    return el.expm1_p.bind(inexact("expm1", x))


@fusion.one
def log(x: ArrayLike, /) -> Array:
    """Elementwise natural logarithm.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`: minus infinity at 0, NaN below. Of complex numbers the principal
        value, with an imaginary part in [-pi, pi].

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.log(np.array([1.0, 0.0, -1.0, np.inf]))
        Array([  0., -inf,  nan,  inf], dtype=float32)
        >>> np.log(np.array([-1 + 0j])).imag.round(4)
        Array([3.1416], dtype=float32)
    """
    return powers.log_p.bind(inexact("log", x))


@fusion.one
def log1p(x: ArrayLike, /) -> Array:
    """Elementwise `log(1 + x)`, accurate near 0, where the sum would be rounded to 1.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`: minus infinity at -1, NaN below.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.log1p(np.float32(1e-8)), np.log(1 + np.float32(1e-8))
        (Array(1.e-08, dtype=float32), Array(0., dtype=float32))
    """
    return el.log1p_p.bind(inexact("log1p", x))


@fusion.one
def log2(x: ArrayLike, /) -> Array:
    """Elementwise logarithm to base 2.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`: minus infinity at 0, NaN below.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.log2(np.array([1, 8, 0])).round(4)
        Array([  0.,   3., -inf], dtype=float32)
    """
    return scaled(log(settled("log2", x)), math.log2(math.e))


@fusion.one
def log10(x: ArrayLike, /) -> Array:
    """Elementwise logarithm to base 10.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`: minus infinity at 0, NaN below.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.log10(np.array([1.0, 0.01, 0.0])).round(4)
        Array([  0.,  -2., -inf], dtype=float32)
    """
    return scaled(log(settled("log10", x)), math.log10(math.e))


def scaled(x: Any, factor: float) -> Any:
    """`x * factor` in the dtype of `x`, part by part where it is complex."""
    if typeof(x).dtype.kind == "c":
        return cast.complex(ar.mul(cast.real(x), factor), ar.mul(cast.imag(x), factor))
    return ar.mul_p.bind(*promote("multiply", x, factor))


@fusion.two
def logaddexp(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `log(exp(x) + exp(y))`, without overflow.

    The larger one is taken out of the sum: `max(x, y) + log1p(exp(-abs(x - y)))`.

    Args:
        x: array or number.
        y: array or number; the two promote to one floating dtype and broadcast.

    Returns:
        Array of the common shape. Minus infinity stands for a probability of 0: it leaves the
        other operand as it is.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.logaddexp(np.array([1000.0, -np.inf]), np.array([1000.0, 3.0])).round(2)
        Array([1000.69,    3.  ], dtype=float32)
    """
    x, y = promote_inexact("logaddexp", x, y)
    if typeof(x).dtype.kind == "c":
        return _complex_logaddexp(x, y)
    return fusion.run(_logaddexp, (x, y))


@custom_jvp
def _logaddexp(x: Any, y: Any) -> Any:
    """The larger one plus `log1p(exp(-distance))`."""
    first = compare.ge(x, y)
    high, low = compare.select(first, x, y), compare.select(first, y, x)
    twins = _twins(high, low)
    gap = compare.select(twins, 0.0, ar.sub_p.bind(low, high))
    return compare.select(twins, ar.add_p.bind(x, y), ar.add(high, el.log1p(el.exp(gap))))


@_logaddexp.defjvp
def _logaddexp_jvp(primals: Any, tangents: Any) -> Any:
    """The share of each in the sum of exponentials, one number to keep for reverse mode."""
    x, y = primals
    gap = compare.select(_twins(x, y), 0.0, ar.sub_p.bind(x, y))
    shares = hyperbolic.logistic(gap), hyperbolic.logistic(el.neg(gap))
    return _logaddexp(x, y), ar.add(*map(ar.mul, shares, tangents))


def _twins(x: Any, y: Any) -> Any:
    """Whether two numbers are the same infinity, whose difference is none."""
    return bits.bitwise_and(compare.eq(x, y), compare.eq(el.abs(x), math.inf))


def _complex_logaddexp(x: Any, y: Any) -> Any:
    """The principal value, whose imaginary part is within pi of 0."""
    big = compare.select(compare.gt(real(x), real(y)), x, y)
    small = compare.select(compare.gt(real(x), real(y)), y, x)
    same = compare.eq(x, y)
    delta = compare.select(same, 0.0, ar.sub_p.bind(small, big))
    out = ar.add(big, el.log1p(el.exp(delta)))
    turns = rounding.round(
        ar.mul(imag(out), 1 / (2 * math.pi)), rounding.RoundingMethod.TO_NEAREST_EVEN
    )
    return cast.complex(real(out), ar.sub(imag(out), ar.mul(turns, 2 * math.pi)))


@fusion.two
def logaddexp2(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `log2(2 ** x + 2 ** y)`, without overflow.

    Args:
        x: array or number.
        y: array or number; the two promote to one floating dtype and broadcast.

    Returns:
        Array of the common shape.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.logaddexp2(np.array([3.0, -np.inf]), np.array([3.0, 2.0])).round(4)
        Array([4., 2.], dtype=float32)
    """
    x, y = promote_inexact("logaddexp2", x, y)
    factor = math.log(2)
    return scaled(logaddexp(scaled(x, factor), scaled(y, factor)), 1 / factor)


@fusion.one
def sqrt(x: ArrayLike, /) -> Array:
    """Elementwise square root.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`: NaN of negative numbers. Of complex numbers the root with a real
        part that is not negative.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.sqrt(np.array([4, 0, -1]))
        Array([ 2.,  0., nan], dtype=float32)
        >>> np.sqrt(np.array([-4 + 0j])).round(4)
        Array([0.+2.j], dtype=complex64)
    """
    return el.sqrt_p.bind(inexact("sqrt", x))


@fusion.one
def cbrt(x: ArrayLike, /) -> Array:
    """Elementwise cube root of real numbers, negative ones included.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`.

    Raises:
        TypeError: `x` is complex, a list, or holds no numbers.

    Example:
        >>> np.cbrt(np.array([27.0, -8.0])).round(4)
        Array([ 3., -2.], dtype=float32)
    """
    return el.cbrt_p.bind(inexact("cbrt", x))


# --- sign, rounding, parts ------------------------------------------------------------


@fusion.one
def abs(x: ArrayLike, /) -> Array:
    """Elementwise magnitude.

    Args:
        x: array or number of any dtype.

    Returns:
        Array of the shape and dtype of `x`; of complex numbers a real one. The smallest signed
        integer, whose magnitude its dtype does not hold, stays as it is.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.abs(np.array([-2, 3]))
        Array([2, 3], dtype=int32)
        >>> np.abs(3 + 4j).round(4)
        Array(5., dtype=float32, weak_type=True)
        >>> np.abs(np.int8(-128))
        Array(-128, dtype=int8)
    """
    x = operand("abs", x)
    if typeof(x).dtype.kind in "bu":
        return as_handle(x)
    return el.abs_p.bind(x)


absolute = abs


@fusion.one
def fabs(x: ArrayLike, /) -> Array:
    """Elementwise magnitude as a float.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`.

    Raises:
        TypeError: `x` is complex, a list, or holds no numbers.

    Example:
        >>> np.fabs(np.array([-2, 3]))
        Array([2., 3.], dtype=float32)
    """
    x = inexact("fabs", x)
    if typeof(x).dtype.kind == "c":
        raise ArgumentTypeError("ufunc 'fabs' does not support complex dtypes")
    return el.abs_p.bind(x)


@fusion.one
def sign(x: ArrayLike, /) -> Array:
    """Elementwise -1, 0 or 1; NaN of NaN.

    Args:
        x: array or number, but no boolean.

    Returns:
        Array of the shape and dtype of `x`; of a complex number it is `x / abs(x)`, and 0 at 0.

    Raises:
        TypeError: `x` is of booleans, a list, or holds no numbers.

    Example:
        >>> np.sign(np.array([-2.5, 0.0, np.inf, np.nan]))
        Array([-1.,  0.,  1., nan], dtype=float32)
        >>> np.sign(np.array([3 + 4j])).round(4)
        Array([0.6+0.8j], dtype=complex64)
    """
    return el.sign_p.bind(operand("sign", x))


@fusion.two
def heaviside(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise step function: 0 below zero, `y` at zero, 1 above; NaN of NaN.

    Args:
        x: where the step is looked at.
        y: value at zero, usually 0, 0.5 or 1; the two promote to one floating dtype and broadcast.

    Returns:
        Array of the common shape.

    Raises:
        TypeError: an operand is complex.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.heaviside(np.array([-1.5, 0.0, 2.0]), 0.5)
        Array([0. , 0.5, 1. ], dtype=float32)
    """
    x, y = promote_inexact("heaviside", x, y)
    step = compare.select(compare.eq(x, 0.0), y, compare.select(compare.lt(x, 0.0), 0.0, _one(x)))
    return compare.select(compare.ne(x, x), x, step)


def _one(x: Any) -> Literal:
    return Literal(1.0, ArrayType((), typeof(x).dtype, typeof(x).weak_type))


@fusion.one
def real(val: ArrayLike, /) -> Array:
    """Elementwise real part.

    Args:
        val: array or number.

    Returns:
        Array of the shape of `val`; of a complex dtype the real one of half its size, else the
        dtype of `val`.

    Raises:
        TypeError: `val` is a list or holds no numbers.

    Example:
        >>> np.real(np.array([1 + 2j, 3]))
        Array([1., 3.], dtype=float32)
    """
    val = operand("real", val)
    return cast.real_p.bind(val) if typeof(val).dtype.kind == "c" else as_handle(val)


@fusion.one
def imag(val: ArrayLike, /) -> Array:
    """Elementwise imaginary part; zero for real operands.

    Args:
        val: array or number.

    Returns:
        Array of the shape of `val`; of a complex dtype the real one of half its size, else the
        dtype of `val`.

    Raises:
        TypeError: `val` is a list or holds no numbers.

    Example:
        >>> np.imag(np.array([1 + 2j, 3]))
        Array([2., 0.], dtype=float32)
        >>> np.imag(np.array([1, 3]))
        Array([0, 0], dtype=int32)
    """
    val = operand("imag", val)
    if typeof(val).dtype.kind == "c":
        return cast.imag_p.bind(val)
    return fill(0, typeof(val))


@fusion.one
def conjugate(x: ArrayLike, /) -> Array:
    """Elementwise complex conjugate; `conj` is the same.

    Args:
        x: array or number.

    Returns:
        Array of the shape and dtype of `x`; real numbers stay as they are.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.conjugate(np.array([1 + 2j, 3]))
        Array([1.-2.j, 3.-0.j], dtype=complex64)
    """
    x = operand("conjugate", x)
    return cast.conj_p.bind(x) if typeof(x).dtype.kind == "c" else as_handle(x)


conj = conjugate
