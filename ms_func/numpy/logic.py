"""Comparison, classification of floats, logic and bits under NumPy's names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion
from ms_func.numpy.promotion import (
    ArrayLike,
    as_handle,
    convert,
    fill,
    no_out,
    numbers,
    operand,
    promote,
)
from ms_func.primitives import bits, cast, compare
from ms_func.primitives import elementwise as el

_BOOL = np.dtype(np.bool_)


def _same(x: Any, value: bool) -> Any:
    """Booleans of the shape of `x`, all `value`."""
    return fill(value, ArrayType(typeof(x).shape, _BOOL))


# --- comparison -----------------------------------------------------------------------


@fusion.two
def equal(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x == y`."""
    return compare.eq_p.bind(*promote("equal", x, y))


@fusion.two
def not_equal(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x != y`."""
    return compare.ne_p.bind(*promote("not_equal", x, y))


def _ordering(name: str, primitive: Any, x: Any, y: Any) -> Any:
    """A comparison; complex numbers by real part, then by imaginary part."""
    x, y = promote(name, x, y)
    if typeof(x).dtype.kind != "c":
        return primitive.bind(x, y)
    re_x, re_y = cast.real(x), cast.real(y)
    imaginary = primitive.bind(cast.imag(x), cast.imag(y))
    return compare.select(compare.eq(re_x, re_y), imaginary, primitive.bind(re_x, re_y))


@fusion.two
def less(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x < y`."""
    return _ordering("less", compare.lt_p, x, y)


@fusion.two
def less_equal(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x <= y`."""
    return _ordering("less_equal", compare.le_p, x, y)


@fusion.two
def greater(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x > y`."""
    return _ordering("greater", compare.gt_p, x, y)


@fusion.two
def greater_equal(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x >= y`."""
    return _ordering("greater_equal", compare.ge_p, x, y)


@fusion.one
def isfinite(x: ArrayLike, /) -> Array:
    """Elementwise: neither infinite nor NaN."""
    x = operand("isfinite", x)
    kind = typeof(x).dtype.kind
    if kind in "biu":
        return _same(x, True)
    if kind == "c":
        return bits.bitwise_and(isfinite(cast.real(x)), isfinite(cast.imag(x)))
    return compare.is_finite(x)


@fusion.one
def isinf(x: ArrayLike, /) -> Array:
    """Elementwise: infinite."""
    x = operand("isinf", x)
    kind = typeof(x).dtype.kind
    if kind in "biu":
        return _same(x, False)
    if kind == "c":
        return bits.or_p.bind(isinf(cast.real(x)), isinf(cast.imag(x)))
    return compare.eq(el.abs(x), math.inf)


@fusion.one
def isnan(x: ArrayLike, /) -> Array:
    """Elementwise: not a number."""
    x = operand("isnan", x)
    return compare.ne_p.bind(x, x)


def isposinf(x: ArrayLike, /, out: None = None) -> Array:
    """Elementwise: plus infinity."""
    return _signed_inf("isposinf", x, math.inf, out)


def isneginf(x: ArrayLike, /, out: None = None) -> Array:
    """Elementwise: minus infinity."""
    return _signed_inf("isneginf", x, -math.inf, out)


def _signed_inf(name: str, x: Any, value: float, out: None) -> Any:
    no_out(name, out)
    x = operand(name, x)
    kind = typeof(x).dtype.kind
    if kind == "c":
        raise ArgumentValueError(f"{name} is not well defined for complex inputs")
    return _same(x, False) if kind in "biu" else compare.eq(x, value)


@fusion.whole(1)
def isreal(x: ArrayLike) -> Array:
    """Elementwise: the imaginary part is zero."""
    x = operand("isreal", x)
    return compare.eq(cast.imag(x), 0) if typeof(x).dtype.kind == "c" else _same(x, True)


@fusion.whole(1)
def iscomplex(x: ArrayLike) -> Array:
    """Elementwise: the imaginary part is not zero."""
    x = operand("iscomplex", x)
    return compare.ne(cast.imag(x), 0) if typeof(x).dtype.kind == "c" else _same(x, False)


# --- logic and bits -------------------------------------------------------------------


def truth(name: str, x: Any) -> Any:
    """`x != 0` as booleans."""
    x = operand(name, x)
    return x if typeof(x).dtype == _BOOL else compare.ne(x, 0)


def _logical(name: str, primitive: Any, x: Any, y: Any) -> Any:
    return primitive.bind(*promote(name, truth(name, x), truth(name, y)))


@fusion.two
def logical_and(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise: both are nonzero."""
    return _logical("logical_and", bits.and_p, x, y)


@fusion.two
def logical_or(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise: at least one is nonzero."""
    return _logical("logical_or", bits.or_p, x, y)


@fusion.two
def logical_xor(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise: exactly one is nonzero."""
    return _logical("logical_xor", bits.xor_p, x, y)


@fusion.one
def logical_not(x: ArrayLike, /) -> Array:
    """Elementwise: zero."""
    x = operand("logical_not", x)
    return bits.not_p.bind(x) if typeof(x).dtype == _BOOL else compare.eq(x, 0)


@fusion.two
def bitwise_and(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x & y` of integers or booleans."""
    return bits.and_p.bind(*promote("bitwise_and", x, y))


@fusion.two
def bitwise_or(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x | y` of integers or booleans."""
    return bits.or_p.bind(*promote("bitwise_or", x, y))


@fusion.two
def bitwise_xor(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x ^ y` of integers or booleans."""
    return bits.xor_p.bind(*promote("bitwise_xor", x, y))


@fusion.one
def bitwise_not(x: ArrayLike, /) -> Array:
    """Elementwise `~x` of integers or booleans."""
    return bits.not_p.bind(operand("bitwise_not", x))


invert = bitwise_invert = bitwise_not


@fusion.two
def left_shift(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x << y`."""
    return bits.shift_left_p.bind(*numbers("left_shift", x, y))


@fusion.two
def right_shift(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x >> y`; the sign bit fills signed integers."""
    x, y = numbers("right_shift", x, y)
    signed = typeof(x).dtype.kind != "u"
    return (bits.shift_right_arithmetic_p if signed else bits.shift_right_logical_p).bind(x, y)


bitwise_left_shift, bitwise_right_shift = left_shift, right_shift


@fusion.one
def bitwise_count(x: ArrayLike, /) -> Array:
    """Elementwise number of one bits in `abs(x)`, as uint8."""
    x = as_handle(operand("bitwise_count", x))
    if typeof(x).dtype == _BOOL:
        return convert(x, np.dtype(np.uint8))
    if typeof(x).dtype.kind == "i":
        x = el.abs(x)
    return convert(bits.population_count(x), np.dtype(np.uint8))
