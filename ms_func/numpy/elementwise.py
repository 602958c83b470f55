"""Mathematical functions applied to every element, under NumPy's names."""

from __future__ import annotations

import builtins
import math
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion, logic
from ms_func.numpy.promotion import (
    ArrayLike,
    as_handle,
    convert,
    fill,
    inexact,
    no_out,
    operand,
    promote,
    promote_all,
    promote_inexact,
    settled,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import bits, cast, compare, hyperbolic, powers, rounding
from ms_func.primitives import elementwise as el

# --- exponentials and logarithms ------------------------------------------------------


@fusion.one
def exp(x: ArrayLike, /) -> Array:
    """Elementwise exponential."""
    return el.exp_p.bind(inexact("exp", x))


@fusion.one
def exp2(x: ArrayLike, /) -> Array:
    """Elementwise `2 ** x`."""
    return el.exp2_p.bind(inexact("exp2", x))


@fusion.one
def expm1(x: ArrayLike, /) -> Array:
    """Elementwise `exp(x) - 1`, accurate near 0."""
    return el.expm1_p.bind(inexact("expm1", x))


@fusion.one
def log(x: ArrayLike, /) -> Array:
    """Elementwise natural logarithm."""
    return powers.log_p.bind(inexact("log", x))


@fusion.one
def log1p(x: ArrayLike, /) -> Array:
    """Elementwise `log(1 + x)`, accurate near 0."""
    return el.log1p_p.bind(inexact("log1p", x))


@fusion.one
def log2(x: ArrayLike, /) -> Array:
    """Elementwise logarithm to base 2."""
    return _scale(log(settled("log2", x)), math.log2(math.e))


@fusion.one
def log10(x: ArrayLike, /) -> Array:
    """Elementwise logarithm to base 10."""
    return _scale(log(settled("log10", x)), math.log10(math.e))


def _scale(x: Any, factor: float) -> Any:
    """`x * factor` in the dtype of `x`, part by part where it is complex."""
    if typeof(x).dtype.kind == "c":
        return cast.complex(ar.mul(cast.real(x), factor), ar.mul(cast.imag(x), factor))
    return ar.mul_p.bind(*promote("multiply", x, factor))


@fusion.two
def logaddexp(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `log(exp(x) + exp(y))` without overflow."""
    x, y = promote_inexact("logaddexp", x, y)
    if typeof(x).dtype.kind == "c":
        return _complex_logaddexp(x, y)
    return fusion.run(_logaddexp, (x, y))


def _logaddexp(x: Any, y: Any) -> Any:
    """The larger one plus `log1p(exp(-distance))`, smooth where the two are equal."""
    first = compare.ge(x, y)
    high, low = compare.select(first, x, y), compare.select(first, y, x)
    twins = bits.bitwise_and(compare.eq(high, low), compare.eq(el.abs(high), math.inf))
    gap = compare.select(twins, 0.0, ar.sub_p.bind(low, high))
    return compare.select(twins, ar.add_p.bind(x, y), ar.add(high, el.log1p(el.exp(gap))))


def _complex_logaddexp(x: Any, y: Any) -> Any:
    big = compare.select(compare.gt(real(x), real(y)), x, y)
    small = compare.select(compare.gt(real(x), real(y)), y, x)
    same = compare.eq(x, y)
    delta = compare.select(same, 0.0, ar.sub_p.bind(small, big))
    return ar.add(big, el.log1p(el.exp(delta)))


@fusion.two
def logaddexp2(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `log2(2 ** x + 2 ** y)` without overflow."""
    x, y = promote_inexact("logaddexp2", x, y)
    factor = math.log(2)
    return _scale(logaddexp(_scale(x, factor), _scale(y, factor)), 1 / factor)


@fusion.one
def sqrt(x: ArrayLike, /) -> Array:
    """Elementwise square root."""
    return el.sqrt_p.bind(inexact("sqrt", x))


@fusion.one
def cbrt(x: ArrayLike, /) -> Array:
    """Elementwise cube root of real numbers."""
    return el.cbrt_p.bind(inexact("cbrt", x))


# --- trigonometric and hyperbolic -----------------------------------------------------


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
    return hyperbolic.sinh_p.bind(inexact("sinh", x))


@fusion.one
def cosh(x: ArrayLike, /) -> Array:
    """Elementwise hyperbolic cosine."""
    return hyperbolic.cosh_p.bind(inexact("cosh", x))


@fusion.one
def tanh(x: ArrayLike, /) -> Array:
    """Elementwise hyperbolic tangent."""
    return hyperbolic.tanh_p.bind(inexact("tanh", x))


@fusion.one
def arcsinh(x: ArrayLike, /) -> Array:
    """Elementwise inverse hyperbolic sine."""
    return hyperbolic.asinh_p.bind(inexact("arcsinh", x))


@fusion.one
def arccosh(x: ArrayLike, /) -> Array:
    """Elementwise inverse hyperbolic cosine."""
    return hyperbolic.acosh_p.bind(inexact("arccosh", x))


@fusion.one
def arctanh(x: ArrayLike, /) -> Array:
    """Elementwise inverse hyperbolic tangent."""
    return hyperbolic.atanh_p.bind(inexact("arctanh", x))


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
    angle = _scale(x, math.pi)
    near = compare.lt(el.abs(angle), 0.02)
    safe = compare.select(near, 1.0, angle)
    p = ar.mul(angle, angle)
    series = ar.add(ar.mul(ar.add(ar.mul(p, 1 / 120), -1 / 6), p), 1.0)
    return compare.select(near, series, ar.div(el.sin(safe), safe))


@fusion.one
def deg2rad(x: ArrayLike, /) -> Array:
    """Elementwise degrees to radians."""
    return _scale(inexact("deg2rad", x), math.pi / 180)


@fusion.one
def rad2deg(x: ArrayLike, /) -> Array:
    """Elementwise radians to degrees."""
    return _scale(inexact("rad2deg", x), 180 / math.pi)


radians, degrees = deg2rad, rad2deg

# --- sign, rounding, parts ------------------------------------------------------------


@fusion.one
def abs(x: ArrayLike, /) -> Array:
    """Elementwise magnitude."""
    x = operand("abs", x)
    if typeof(x).dtype.kind in "bu":
        return as_handle(x)
    return el.abs_p.bind(x)


absolute = abs


@fusion.one
def fabs(x: ArrayLike, /) -> Array:
    """Elementwise magnitude as a float; not defined on complex numbers."""
    x = inexact("fabs", x)
    if typeof(x).dtype.kind == "c":
        raise ArgumentTypeError("ufunc 'fabs' does not support complex dtypes")
    return el.abs_p.bind(x)


@fusion.one
def sign(x: ArrayLike, /) -> Array:
    """Elementwise -1, 0 or 1; `x / abs(x)` for complex numbers."""
    return el.sign_p.bind(operand("sign", x))


@fusion.one
def signbit(x: ArrayLike, /) -> Array:
    """Elementwise: whether the sign bit is set; true for -0.0."""
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

    Raises:
        TypeError: an operand is complex.
    """
    x, y = promote_inexact("copysign", x, y)
    if typeof(x).dtype.kind == "c":
        raise ArgumentTypeError("copysign does not support complex-valued inputs")
    size = el.abs(x)
    return compare.select(signbit(y), ar.neg(size), size)


@fusion.two
def nextafter(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise next floating number after `x` in the direction of `y`."""
    return el.nextafter_p.bind(*promote_inexact("nextafter", x, y))


@fusion.two
def heaviside(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise step function: 0 below zero, `y` at zero, 1 above."""
    x, y = promote_inexact("heaviside", x, y)
    step = compare.select(compare.eq(x, 0.0), y, compare.select(compare.lt(x, 0.0), 0.0, _one(x)))
    return compare.select(compare.ne(x, x), x, step)


def _one(x: Any) -> Literal:
    return Literal(1.0, ArrayType((), typeof(x).dtype, typeof(x).weak_type))


def _rounding(name: str, primitive: Any, x: Any) -> Any:
    """A rounding primitive on floats; integers and booleans are whole already."""
    x = operand(name, x)
    if typeof(x).dtype.kind in "biu":
        return as_handle(x)
    if typeof(x).dtype.kind == "c":
        raise ArgumentTypeError(f"{name} does not support complex-valued inputs")
    return primitive.bind(x)


@fusion.one
def floor(x: ArrayLike, /) -> Array:
    """Elementwise largest whole number not above `x`."""
    return _rounding("floor", rounding.floor_p, x)


@fusion.one
def ceil(x: ArrayLike, /) -> Array:
    """Elementwise smallest whole number not below `x`."""
    return _rounding("ceil", rounding.ceil_p, x)


@fusion.whole(1)
def trunc(x: ArrayLike) -> Array:
    """Elementwise integer part, towards zero."""
    x = operand("trunc", x)
    return as_handle(x) if typeof(x).dtype.kind in "biu" else rounding.trunc(x)


fix = trunc


@fusion.one
def rint(x: ArrayLike, /) -> Array:
    """Elementwise nearest whole number, halves to even; integers become floats."""
    x = inexact("rint", x)
    return round(x)


@fusion.whole(1)
def round(a: ArrayLike, decimals: int = 0, out: None = None) -> Array:
    """Elementwise nearest multiple of `10 ** -decimals`, halves to even."""
    no_out("round", out)
    a = operand("round", a)
    dtype = typeof(a).dtype
    if dtype.kind == "c":
        return cast.complex(round(cast.real(a), decimals), round(cast.imag(a), decimals))
    if not is_inexact(dtype):
        if decimals >= 0:
            return as_handle(a)
        return convert(round(convert(a, np.dtype(np.float32)), decimals), dtype)
    if decimals == 0:
        return rounding.round_even_p.bind(a)
    return fusion.run(_rounded, (a,), int(decimals))


def _rounded(a: Any, decimals: int) -> Any:
    dtype = typeof(a).dtype
    wide = convert(a, np.dtype(np.float32)) if dtype.itemsize < 4 else a
    factor = 10.0 ** builtins.abs(decimals)
    up, down = (ar.mul, ar.div) if decimals > 0 else (ar.div, ar.mul)
    whole = rounding.round_even_p.bind(up(wide, factor))
    return convert(down(whole, factor), dtype)


around = round


@fusion.one
def real(val: ArrayLike, /) -> Array:
    """Elementwise real part."""
    val = operand("real", val)
    return cast.real_p.bind(val) if typeof(val).dtype.kind == "c" else as_handle(val)


@fusion.one
def imag(val: ArrayLike, /) -> Array:
    """Elementwise imaginary part; zero for real operands."""
    val = operand("imag", val)
    if typeof(val).dtype.kind == "c":
        return cast.imag_p.bind(val)
    return fill(0, typeof(val))


@fusion.one
def conjugate(x: ArrayLike, /) -> Array:
    """Elementwise complex conjugate."""
    x = operand("conjugate", x)
    return cast.conj_p.bind(x) if typeof(x).dtype.kind == "c" else as_handle(x)


conj = conjugate


@fusion.whole(1)
def angle(z: ArrayLike, deg: bool = False) -> Array:
    """Elementwise angle of complex numbers, in radians or degrees."""
    z = inexact("angle", settled("angle", z))
    out = el.atan2(imag(z), real(z))
    return rad2deg(out) if deg else out


@fusion.whole(1, "nan", "posinf", "neginf")
def nan_to_num(
    x: ArrayLike, copy: bool = True, nan: ArrayLike = 0.0,
    posinf: ArrayLike | None = None, neginf: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """NaN replaced by `nan`, infinities by `posinf` and `neginf`.

    Args:
        x: array; one of integers stays as it is.
        copy: accepted for compatibility; arrays are values.
        nan: in place of NaN.
        posinf: in place of infinity; the largest finite number where None.
        neginf: in place of minus infinity; the smallest finite number where None.

    Example:
        >>> nan_to_num(np.array([np.nan, 1.0, np.inf], np.float32), posinf=9.0).tolist()
        [0.0, 1.0, 9.0]
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
        a: array.
        b: what it is compared with.
        rtol: tolerance as a part of `|b|`.
        atol: tolerance beside it.
        equal_nan: whether NaN is close to NaN.

    Example:
        >>> isclose(np.float32([1, 1]), np.float32([1.000001, 1.1])).tolist()
        [True, False]
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

    Raises:
        ValueError: `y` holds no integers.
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
        power = cast.bitcast_convert_type(logic.left_shift(field, int(info.nmant)), dtype)
        x = ar.mul_p.bind(*promote("ldexp", x, power))
        y = ar.sub_p.bind(*promote("ldexp", y, step))
    return x


def frexp(x: ArrayLike, /) -> tuple[Array, Array]:
    """Mantissa with magnitude in [0.5, 1) and exponent such that `x = m * 2 ** e`.

    Raises:
        TypeError: `x` is complex.
    """
    x = inexact("frexp", x)
    dtype = typeof(x).dtype
    if dtype.kind == "c":
        raise ArgumentTypeError("frexp does not support complex-valued inputs")
    return fusion.run(_frexp, (x,))


def _frexp(x: Any) -> Any:
    dtype = typeof(x).dtype
    info = ml_dtypes.finfo(dtype)
    tiny = compare.lt(el.abs(x), float(info.smallest_normal))
    shift = info.nmant + 1
    scaled = compare.select(tiny, ar.mul(x, 2.0**shift), x)
    kind = np.dtype(f"i{dtype.itemsize}")
    pattern = cast.bitcast_convert_type(scaled, kind)
    field = (1 << info.nexp) - 1
    exponent = logic.bitwise_and(logic.right_shift(pattern, info.nmant), field)
    bias = 1 - info.minexp
    power = ar.sub(exponent, bias - 1)
    power = compare.select(tiny, ar.sub(power, shift), power)
    cleared = logic.bitwise_and(pattern, ~np.asarray(field << info.nmant, kind)[()])
    half = np.asarray((bias - 1) << info.nmant, kind)[()]
    mantissa = cast.bitcast_convert_type(logic.bitwise_or(cleared, half), dtype)
    plain = bits.or_p.bind(compare.eq(x, 0.0), bits.not_p.bind(logic.isfinite(x)))
    power = compare.select(plain, 0, convert(power, np.dtype(np.int32)))
    return compare.select(plain, x, mantissa), power


@fusion.one
def spacing(x: ArrayLike, /) -> Array:
    """Distance from `x` to the next number away from zero, with the sign of `x`.

    Raises:
        ValueError: `x` is complex.
    """
    x = inexact("spacing", x)
    if typeof(x).dtype.kind == "c":
        raise ArgumentValueError("spacing is not defined for complex inputs.")
    away = copysign(Literal(math.inf, ArrayType((), typeof(x).dtype)), x)  # pyright: ignore[reportArgumentType]
    step = ar.sub_p.bind(*promote("spacing", nextafter(x, away), x))
    return compare.select(compare.eq(x, 0.0), el.abs(nextafter(x, away)), step)
