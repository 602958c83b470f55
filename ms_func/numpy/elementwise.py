"""Mathematical functions applied to every element, under NumPy's names."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion
from ms_func.numpy.promotion import (
    ArrayLike,
    as_handle,
    convert,
    fill,
    inexact,
    no_out,
    operand,
    promote,
    promote_inexact,
    settled,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import bits, cast, compare, powers, rounding
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
    return scaled(log(settled("log2", x)), math.log2(math.e))


@fusion.one
def log10(x: ArrayLike, /) -> Array:
    """Elementwise logarithm to base 10."""
    return scaled(log(settled("log10", x)), math.log10(math.e))


def scaled(x: Any, factor: float) -> Any:
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
    return scaled(logaddexp(scaled(x, factor), scaled(y, factor)), 1 / factor)


@fusion.one
def sqrt(x: ArrayLike, /) -> Array:
    """Elementwise square root."""
    return el.sqrt_p.bind(inexact("sqrt", x))


@fusion.one
def cbrt(x: ArrayLike, /) -> Array:
    """Elementwise cube root of real numbers."""
    return el.cbrt_p.bind(inexact("cbrt", x))


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
