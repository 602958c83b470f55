"""Whole numbers, and multiples of powers of 10, near the elements."""

from __future__ import annotations

import builtins
import operator
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.control_flow.identities import optimization_barrier
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion
from ms_func.numpy.promotion import (
    ArrayLike,
    as_default_float,
    as_handle,
    convert,
    fill,
    no_out,
    operand,
    promote,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import bits, cast, compare, modulo, rounding


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
    """Elementwise largest whole number not above `x`.

    Args:
        x: array or number.

    Returns:
        Array of the shape and dtype of `x`: floats stay floats, and integers stay as they are.

    Raises:
        TypeError: `x` is complex, a list, or holds no numbers.

    Example:
        >>> np.floor(np.array([1.5, -1.5, 2.0]))
        Array([ 1., -2.,  2.], dtype=float32)
    """
    return _rounding("floor", rounding.floor_p, x)


@fusion.one
def ceil(x: ArrayLike, /) -> Array:
    """Elementwise smallest whole number not below `x`.

    Args:
        x: array or number.

    Returns:
        Array of the shape and dtype of `x`: floats stay floats, and integers stay as they are.

    Raises:
        TypeError: `x` is complex, a list, or holds no numbers.

    Example:
        >>> np.ceil(np.array([1.5, -1.5, 2.0]))
        Array([ 2., -1.,  2.], dtype=float32)
    """
    return _rounding("ceil", rounding.ceil_p, x)


@fusion.whole(1)
def trunc(x: ArrayLike) -> Array:
    """Elementwise integer part: the next whole number towards zero. `fix` is the same.

    Args:
        x: array or number.

    Returns:
        Array of the shape and dtype of `x`: floats stay floats, and integers stay as they are.

    Raises:
        TypeError: `x` is complex, a list, or holds no numbers.

    Example:
        >>> np.trunc(np.array([1.7, -1.7]))
        Array([ 1., -1.], dtype=float32)
    """
    x = operand("trunc", x)
    return as_handle(x) if typeof(x).dtype.kind in "biu" else rounding.trunc(x)


fix = trunc


@fusion.one
def rint(x: ArrayLike, /) -> Array:
    """Elementwise nearest whole number, halves to even; as `round`, but integers become floats.

    Args:
        x: array or number; of complex numbers both parts are rounded.

    Returns:
        Array of the shape of `x`, with a floating dtype.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.rint(np.array([0.5, 1.5, -2.7]))
        Array([ 0.,  2., -3.], dtype=float32)
    """
    return round(as_default_float("rint", x))


@fusion.whole(1)
def round(a: ArrayLike, decimals: int = 0, out: None = None) -> Array:
    """Elementwise nearest multiple of `10 ** -decimals`, halves to even. `around` is the same.

    Args:
        a: array or number; of complex numbers both parts are rounded.
        decimals: digits after the point; where it is negative, zeros before it.
        out: not supported.

    Returns:
        Array of the shape and dtype of `a`: the multiple is the float next to it.

    Raises:
        NotImplementedError: `out` is given.
        TypeError: `a` is a list or holds no numbers.

    Example:
        >>> np.round(np.array([0.5, 1.5, 2.5]))
        Array([0., 2., 2.], dtype=float32)
        >>> np.round(np.array([2.346, 1.0]), 2)
        Array([2.35, 1.  ], dtype=float32)
        >>> np.round(np.array([1234, 1250]), -2)
        Array([1200, 1200], dtype=int32)
    """
    no_out("round", out)
    a, decimals = operand("round", a), operator.index(decimals)
    dtype = typeof(a).dtype
    if dtype.kind == "c":
        return cast.complex(round(cast.real(a), decimals), round(cast.imag(a), decimals))
    if not is_inexact(dtype):
        return as_handle(a) if decimals >= 0 else fusion.run(_rounded_whole, (a,), int(decimals))
    if decimals == 0:
        return rounding.round_even_p.bind(a)
    return fusion.run(_rounded, (a,), int(decimals))


def _rounded(a: Any, decimals: int) -> Any:
    dtype = typeof(a).dtype
    wide = convert(a, np.dtype(np.float32)) if dtype.itemsize < 4 else a
    t = typeof(wide)
    power = Literal(10.0 ** builtins.abs(decimals), ArrayType((), t.dtype, t.weak_type))
    factor = optimization_barrier(power)  # XLA divides by a constant with its rounded reciprocal
    up, down = (ar.mul, ar.div) if decimals > 0 else (ar.div, ar.mul)
    whole = rounding.round_even_p.bind(up(wide, factor))
    return convert(down(whole, factor), dtype)


def _rounded_whole(a: Any, decimals: int) -> Any:
    """In integers: floats do not hold all of them."""
    t, unit = typeof(a), 10**-decimals
    if unit > (1 if t.dtype.kind == "b" else ml_dtypes.iinfo(t.dtype).max):
        return fill(0, t)
    low = modulo.floor_div_p.bind(*promote("round", a, unit))
    below = ar.sub(a, ar.mul(low, unit))
    above = ar.sub(unit, below)
    half = bits.and_p.bind(compare.eq(below, above), compare.ne(bits.bitwise_and(low, 1), 0))
    up = bits.or_p.bind(compare.gt(below, above), half)
    return ar.mul(ar.add(low, convert(up, t.dtype)), unit)


around = round
