"""Floating numbers by their parts: signs, neighbours, exponents, NaN and infinities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import bitwise, fusion, logic
from ms_func.numpy.elementwise import imag, real
from ms_func.numpy.promotion import (
    ArrayLike,
    as_handle,
    convert,
    inexact,
    operand,
    promote,
    promote_all,
    promote_inexact,
    settled,
    strong,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import bits, cast, compare
from ms_func.primitives import elementwise as el
from ms_func.primitives.families import literal


@fusion.one
def signbit(x: ArrayLike, /) -> Array:
    """Elementwise: whether the sign bit is set; true for -0.0.

    Args:
        x: array or number.

    Returns:
        Booleans of the shape of `x`; false for unsigned integers and booleans.

    Raises:
        ValueError: `x` is complex.
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.signbit(np.array([-1.5, -0.0, 0.0, np.inf]))
        Array([ True,  True, False, False], dtype=bool)
    """
    x = operand("signbit", x)
    dtype = typeof(x).dtype
    if dtype.kind == "c":
        raise ArgumentValueError("signbit is not defined on complex numbers")
    if dtype.kind in "bu":
        return compare.ne(x, x)
    if dtype.kind == "i":
        return compare.lt(x, 0)
    pattern = cast.bitcast_convert_type(x, np.dtype(f"i{dtype.itemsize}"))
    return compare.lt(pattern, 0)


@fusion.two
def copysign(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise magnitude of `x` with the sign of `y`.

    Args:
        x: array or number.
        y: array or number, whose zeros and NaN count with their sign bit; the two promote to one
            floating dtype and broadcast.

    Returns:
        Array of the common shape.

    Raises:
        TypeError: an operand is complex.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.copysign(np.array([1.5, -2.0]), np.array([-0.0, 3.0]))
        Array([-1.5,  2. ], dtype=float32)
    """
    x, y = promote_inexact("copysign", x, y)
    if typeof(x).dtype.kind == "c":
        raise ArgumentTypeError("copysign does not support complex-valued inputs")
    size = el.abs(x)
    out = compare.select(signbit(y), ar.neg(size), size)
    return out if typeof(y).weak_type else strong(out)


@fusion.two
def nextafter(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise next floating number after `x` in the direction of `y`.

    Args:
        x: array or number.
        y: where to go; the two promote to one floating dtype and broadcast.

    Returns:
        Array of the common shape: `y` where the two are equal, NaN where one is NaN.

    Raises:
        TypeError: an operand is complex.
        ValueError: the shapes do not broadcast.

    Example:
        >>> step = np.nextafter(np.float32(1), np.float32(2)) - 1
        >>> step == np.finfo(np.float32).eps
        Array(True, dtype=bool)
    """
    return el.nextafter_p.bind(*promote_inexact("nextafter", x, y))


@fusion.whole(1, "nan", "posinf", "neginf")
def nan_to_num(
    x: ArrayLike, copy: bool = True, nan: ArrayLike = 0.0,
    posinf: ArrayLike | None = None, neginf: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """NaN replaced by `nan`, infinities by `posinf` and `neginf`.

    Args:
        x: array or number; integers stay as they are, of complex numbers both parts are looked at.
        copy: accepted for compatibility; arrays are values.
        nan: in place of NaN.
        posinf: in place of infinity; the largest finite number where None.
        neginf: in place of minus infinity; the smallest finite number where None.

    Returns:
        Array of the shape and dtype of `x`.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.nan_to_num(np.array([np.nan, 1.0, np.inf]), posinf=9.0)
        Array([0., 1., 9.], dtype=float32)
    """
    x = settled("nan_to_num", x)
    dtype = typeof(x).dtype
    if not is_inexact(dtype):
        return as_handle(x)
    if dtype.kind == "c":
        parts = (nan_to_num(p, copy, nan, posinf, neginf) for p in (real(x), imag(x)))
        return cast.complex(*parts)
    info = ml_dtypes.finfo(dtype)
    high = float(info.max) if posinf is None else posinf
    low = float(info.min) if neginf is None else neginf
    cases = ((logic.isnan, nan), (logic.isposinf, high), (logic.isneginf, low))
    for test, value in cases:
        x = compare.select(test(x), *promote("nan_to_num", value, x))
    return x  # pyright: ignore[reportReturnType]


@fusion.whole(2, "rtol", "atol")
def isclose(
    a: ArrayLike, b: ArrayLike, rtol: ArrayLike = 1e-05, atol: ArrayLike = 1e-08,
    equal_nan: bool = False,
) -> Array:  # fmt: skip
    """Elementwise `|a - b| <= atol + rtol * |b|`; equal infinities are close.

    Args:
        a: array or number.
        b: what it is compared with: the tolerance is a part of this one. The two broadcast.
        rtol: tolerance as a part of `|b|`.
        atol: tolerance beside it; it decides where `b` is near 0.
        equal_nan: whether NaN is close to NaN.

    Returns:
        Booleans of the common shape.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.isclose(np.array([1.0, 1.0, np.nan]), np.array([1.000001, 1.1, np.nan]))
        Array([ True, False, False], dtype=bool)
        >>> np.isclose(100.0, 101.0, rtol=0.02), np.isclose(1e-9, 0.0)
        (Array(True, dtype=bool), Array(True, dtype=bool))
    """
    a, b = promote_all("isclose", (a, b))
    if typeof(a).key is not None:
        return compare.eq_p.bind(a, b)
    if not is_inexact(typeof(a).dtype):
        a, b = (convert(v, np.dtype(np.float32)) for v in (a, b))
    relative = ar.mul_p.bind(*promote("isclose", rtol, el.abs(b)))
    allowed = ar.add_p.bind(*promote("isclose", atol, relative))
    near = compare.le_p.bind(*promote("isclose", el.abs(ar.sub_p.bind(a, b)), allowed))
    finite = bits.and_p.bind(logic.isfinite(a), logic.isfinite(b))
    out = bits.or_p.bind(bits.and_p.bind(near, finite), compare.eq_p.bind(a, b))
    if equal_nan:
        out = bits.or_p.bind(out, bits.bitwise_and(logic.isnan(a), logic.isnan(b)))
    return out


def ldexp(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x * 2 ** y` for integers `y`, without overflow on the way.

    Args:
        x: array or number; integers and booleans become floats.
        y: exponents, integers; broadcast against `x`.

    Returns:
        Array of the common shape, in the floating dtype of `x`.

    Raises:
        ValueError: `y` holds no integers, `x` is complex, or the shapes do not broadcast.

    Example:
        >>> np.ldexp(np.array([0.75, -1.0]), np.array([3, -1]))
        Array([ 6. , -0.5], dtype=float32)
    """
    x, y = inexact("ldexp", x), operand("ldexp", y)
    if is_inexact(typeof(y).dtype):
        raise ArgumentValueError(
            "ldexp not supported for input types; the exponent must be an integer"
        )
    dtype = typeof(x).dtype
    if dtype.kind == "c":
        raise ArgumentValueError("ldexp not supported for complex inputs")
    y = convert(y, np.dtype(np.int32))
    return fusion.run(_ldexp, (x, y))


def _ldexp(x: Any, y: Any) -> Any:
    dtype = typeof(x).dtype
    info, kind = ml_dtypes.finfo(dtype), np.dtype(f"i{dtype.itemsize}")
    for _ in range(3):  # in steps whose power of two the dtype can hold
        low = ar.max_p.bind(*promote("ldexp", y, int(info.minexp)))
        step = ar.min_p.bind(*promote("ldexp", low, int(info.maxexp) - 1))
        field = convert(ar.add(step, 1 - int(info.minexp)), kind)
        power = cast.bitcast_convert_type(bitwise.left_shift(field, int(info.nmant)), dtype)
        x = ar.mul_p.bind(*promote("ldexp", x, power))
        y = ar.sub_p.bind(*promote("ldexp", y, step))
    return x


def frexp(x: ArrayLike, /) -> tuple[Array, Array]:
    """Mantissa and exponent: `x = m * 2 ** e` with the magnitude of `m` in [0.5, 1).

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Mantissas in the floating dtype of `x`, and exponents as int32. Zero, infinities and NaN are
        their own mantissas, with exponent 0.

    Raises:
        TypeError: `x` is complex, a list, or holds no numbers.

    Example:
        >>> m, e = np.frexp(np.array([6.0, -0.25, 0.0]))
        >>> m, e
        (Array([ 0.75, -0.5 ,  0.  ], dtype=float32), Array([ 3, -1,  0], dtype=int32))
    """
    x = inexact("frexp", x)
    dtype = typeof(x).dtype
    if dtype.kind == "c":
        raise ArgumentTypeError("frexp does not support complex-valued inputs")
    return fusion.run(_frexp, (x,))


def _frexp(x: Any) -> Any:
    """On the bits: arithmetic of the device may take subnormal numbers for 0."""
    dtype = typeof(x).dtype
    info = ml_dtypes.finfo(dtype)
    kind = np.dtype(f"i{dtype.itemsize}")
    pattern = cast.bitcast_convert_type(x, kind)
    size = bits.bitwise_and(pattern, literal(np.iinfo(kind).max, pattern))
    lead = ar.max(ar.sub(bits.clz(size), info.nexp), 0)  # up to the first digit of a subnormal one
    power = ar.add(bits.shift_right_logical(size, info.nmant), ar.min(ar.sub(1, lead), 0))
    power = ar.add(convert(power, np.dtype(np.int32)), int(info.minexp))
    digits = bits.bitwise_and(bits.shift_left(size, lead), (1 << info.nmant) - 1)
    sign = bits.bitwise_and(pattern, literal(np.iinfo(kind).min, pattern))
    half = literal(-int(info.minexp) << info.nmant, pattern)
    mantissa = bits.bitwise_or(bits.bitwise_or(digits, half), sign)
    plain = bits.bitwise_or(compare.eq(size, 0), bits.bitwise_not(logic.isfinite(x)))
    power = compare.select(plain, literal(0, power), power)
    return _mantissa(x, cast.bitcast_convert_type(mantissa, dtype), plain, power), power


@custom_jvp
def _mantissa(x: Any, mantissa: Any, plain: Any, power: Any) -> Any:
    """`x / 2**power`: taken from the bits, which have no derivative."""
    return compare.select(plain, x, mantissa)


@_mantissa.defjvp
def _mantissa_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    return _mantissa(*primals), _ldexp(tangents[0], ar.neg(primals[3]))


@fusion.one
def spacing(x: ArrayLike, /) -> Array:
    """Elementwise distance from `x` to the next number away from zero, with the sign of `x`.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`: NaN of infinities and NaN.

    Raises:
        ValueError: `x` is complex.
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.spacing(np.array([1.0, -4.0])) / np.finfo(np.float32).eps
        Array([ 1., -4.], dtype=float32)
    """
    x = inexact("spacing", x)
    if typeof(x).dtype.kind == "c":
        raise ArgumentValueError("spacing is not defined for complex inputs.")
    away = copysign(Literal(math.inf, ArrayType((), typeof(x).dtype)), x)  # pyright: ignore[reportArgumentType]
    step = ar.sub_p.bind(*promote("spacing", nextafter(x, away), x))
    return compare.select(compare.eq(x, 0.0), el.abs(nextafter(x, away)), step)
