"""Comparison, classification of floats, and logic under NumPy's names."""

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
    fill,
    no_out,
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
    """Elementwise `x == y`; NaN equals nothing.

    Args:
        x: array or number, or random keys.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Booleans of the common shape.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.equal(np.array([1.0, np.nan]), np.array([1, np.nan]))
        Array([ True, False], dtype=bool)
    """
    return compare.eq_p.bind(*promote("equal", x, y))


@fusion.two
def not_equal(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x != y`; NaN differs from everything, itself included.

    Args:
        x: array or number, or random keys.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Booleans of the common shape.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.not_equal(np.array([1.0, np.nan]), np.array([1, np.nan]))
        Array([False,  True], dtype=bool)
    """
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
    """Elementwise `x < y`.

    Args:
        x: array or number; complex numbers compare by real, then by imaginary part.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Booleans of the common shape: false where one is NaN.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.less(np.array([1.0, 2.0, np.nan]), 2)
        Array([ True, False, False], dtype=bool)
    """
    return _ordering("less", compare.lt_p, x, y)


@fusion.two
def less_equal(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x <= y`.

    Args:
        x: array or number; complex numbers compare by real, then by imaginary part.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Booleans of the common shape: false where one is NaN.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.less_equal(np.array([1.0, 2.0, np.nan]), 2)
        Array([ True,  True, False], dtype=bool)
    """
    return _ordering("less_equal", compare.le_p, x, y)


@fusion.two
def greater(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x > y`.

    Args:
        x: array or number; complex numbers compare by real, then by imaginary part.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Booleans of the common shape: false where one is NaN.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.greater(np.array([1.0, 2.0, np.nan]), 2)
        Array([False, False, False], dtype=bool)
    """
    return _ordering("greater", compare.gt_p, x, y)


@fusion.two
def greater_equal(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x >= y`.

    Args:
        x: array or number; complex numbers compare by real, then by imaginary part.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Booleans of the common shape: false where one is NaN.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.greater_equal(np.array([1.0, 2.0, np.nan]), 2)
        Array([False,  True, False], dtype=bool)
    """
    return _ordering("greater_equal", compare.ge_p, x, y)


@fusion.one
def isfinite(x: ArrayLike, /) -> Array:
    """Elementwise: neither infinite nor NaN.

    Args:
        x: array or number; both parts of a complex number count.

    Returns:
        Booleans of the shape of `x`; of integers and booleans all are true.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.isfinite(np.array([1.0, np.inf, np.nan]))
        Array([ True, False, False], dtype=bool)
    """
    x = operand("isfinite", x)
    kind = typeof(x).dtype.kind
    if kind in "biu":
        return _same(x, True)
    if kind == "c":
        return bits.bitwise_and(isfinite(cast.real(x)), isfinite(cast.imag(x)))
    return compare.is_finite(x)


@fusion.one
def isinf(x: ArrayLike, /) -> Array:
    """Elementwise: infinite, of either sign.

    Args:
        x: array or number; one infinite part makes a complex number infinite.

    Returns:
        Booleans of the shape of `x`; of integers and booleans all are false.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.isinf(np.array([1.0, -np.inf, np.nan]))
        Array([False,  True, False], dtype=bool)
    """
    x = operand("isinf", x)
    kind = typeof(x).dtype.kind
    if kind in "biu":
        return _same(x, False)
    if kind == "c":
        return bits.or_p.bind(isinf(cast.real(x)), isinf(cast.imag(x)))
    return compare.eq(el.abs(x), math.inf)


@fusion.one
def isnan(x: ArrayLike, /) -> Array:
    """Elementwise: not a number.

    Args:
        x: array or number; one part makes a complex number NaN.

    Returns:
        Booleans of the shape of `x`; of integers and booleans all are false.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.isnan(np.array([1.0, np.inf, np.nan]))
        Array([False, False,  True], dtype=bool)
    """
    x = operand("isnan", x)
    return compare.ne_p.bind(x, x)


def isposinf(x: ArrayLike, /, out: None = None) -> Array:
    """Elementwise: plus infinity.

    Args:
        x: array or number.
        out: not supported.

    Returns:
        Booleans of the shape of `x`; of integers and booleans all are false.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `x` is complex.

    Example:
        >>> np.isposinf(np.array([1.0, np.inf, -np.inf]))
        Array([False,  True, False], dtype=bool)
    """
    return _signed_inf("isposinf", x, math.inf, out)


def isneginf(x: ArrayLike, /, out: None = None) -> Array:
    """Elementwise: minus infinity.

    Args:
        x: array or number.
        out: not supported.

    Returns:
        Booleans of the shape of `x`; of integers and booleans all are false.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `x` is complex.

    Example:
        >>> np.isneginf(np.array([1.0, np.inf, -np.inf]))
        Array([False, False,  True], dtype=bool)
    """
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
    """Elementwise: the imaginary part is zero. `isrealobj` asks for the dtype.

    Args:
        x: array or number.

    Returns:
        Booleans of the shape of `x`; all are true where the dtype is not complex.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.isreal(np.array([1 + 0j, 2j]))
        Array([ True, False], dtype=bool)
    """
    x = operand("isreal", x)
    return compare.eq(cast.imag(x), 0) if typeof(x).dtype.kind == "c" else _same(x, True)


@fusion.whole(1)
def iscomplex(x: ArrayLike) -> Array:
    """Elementwise: the imaginary part is not zero. `iscomplexobj` asks for the dtype.

    Args:
        x: array or number.

    Returns:
        Booleans of the shape of `x`; all are false where the dtype is not complex.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.iscomplex(np.array([1 + 0j, 2j]))
        Array([False,  True], dtype=bool)
    """
    x = operand("iscomplex", x)
    return compare.ne(cast.imag(x), 0) if typeof(x).dtype.kind == "c" else _same(x, False)


# --- logic ----------------------------------------------------------------------------


def truth(name: str, x: Any) -> Any:
    """`x != 0` as booleans."""
    x = operand(name, x)
    return x if typeof(x).dtype == _BOOL else compare.ne(x, 0)


def _logical(name: str, primitive: Any, x: Any, y: Any) -> Any:
    return primitive.bind(*promote(name, truth(name, x), truth(name, y)))


@fusion.two
def logical_and(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise: both are nonzero.

    Args:
        x: array or number; what is not zero counts as true, NaN included.
        y: array or number; broadcasts against `x`.

    Returns:
        Booleans of the common shape.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.logical_and(np.array([0, 1, 2]), np.array([5, 0, 3]))
        Array([False, False,  True], dtype=bool)
    """
    return _logical("logical_and", bits.and_p, x, y)


@fusion.two
def logical_or(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise: at least one is nonzero.

    Args:
        x: array or number; what is not zero counts as true, NaN included.
        y: array or number; broadcasts against `x`.

    Returns:
        Booleans of the common shape.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.logical_or(np.array([0, 1, 2]), np.array([0, 0, 3]))
        Array([False,  True,  True], dtype=bool)
    """
    return _logical("logical_or", bits.or_p, x, y)


@fusion.two
def logical_xor(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise: exactly one is nonzero.

    Args:
        x: array or number; what is not zero counts as true, NaN included.
        y: array or number; broadcasts against `x`.

    Returns:
        Booleans of the common shape.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.logical_xor(np.array([0, 1, 2]), np.array([0, 0, 3]))
        Array([False,  True, False], dtype=bool)
    """
    return _logical("logical_xor", bits.xor_p, x, y)


@fusion.one
def logical_not(x: ArrayLike, /) -> Array:
    """Elementwise: zero.

    Args:
        x: array or number; what is not zero counts as true, NaN included.

    Returns:
        Booleans of the shape of `x`.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.logical_not(np.array([0.0, 1.5, np.nan]))
        Array([ True, False, False], dtype=bool)
    """
    x = operand("logical_not", x)
    return bits.not_p.bind(x) if typeof(x).dtype == _BOOL else compare.eq(x, 0)
