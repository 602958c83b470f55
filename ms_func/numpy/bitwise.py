"""Operations on the bits of integers."""

from __future__ import annotations

import numpy as np

from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion
from ms_func.numpy.promotion import (
    ArrayLike,
    as_handle,
    convert,
    numbers,
    operand,
    promote,
)
from ms_func.primitives import bits
from ms_func.primitives import elementwise as el

_BOOL = np.dtype(np.bool_)


@fusion.two
def bitwise_and(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x & y`: the bits that are set in both.

    Args:
        x: integers or booleans.
        y: integers or booleans; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype.

    Raises:
        TypeError: an operand is of floats, a list, or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.bitwise_and(np.array([12, 10]), 6)
        Array([4, 2], dtype=int32)
    """
    return bits.and_p.bind(*promote("bitwise_and", x, y))


@fusion.two
def bitwise_or(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x | y`: the bits that are set in at least one.

    Args:
        x: integers or booleans.
        y: integers or booleans; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype.

    Raises:
        TypeError: an operand is of floats, a list, or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.bitwise_or(np.array([12, 10]), 6)
        Array([14, 14], dtype=int32)
    """
    return bits.or_p.bind(*promote("bitwise_or", x, y))


@fusion.two
def bitwise_xor(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x ^ y`: the bits that are set in exactly one.

    Args:
        x: integers or booleans.
        y: integers or booleans; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype.

    Raises:
        TypeError: an operand is of floats, a list, or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.bitwise_xor(np.array([12, 10]), 6)
        Array([10, 12], dtype=int32)
    """
    return bits.xor_p.bind(*promote("bitwise_xor", x, y))


@fusion.one
def bitwise_not(x: ArrayLike, /) -> Array:
    """Elementwise `~x`: the other bits; `invert` and `bitwise_invert` are the same.

    Args:
        x: integers or booleans.

    Returns:
        Array of the shape and dtype of `x`.

    Raises:
        TypeError: `x` is of floats, a list, or holds no numbers.

    Example:
        >>> np.bitwise_not(np.array([0, 5])), np.bitwise_not(np.array([True]))
        (Array([-1, -6], dtype=int32), Array([False], dtype=bool))
    """
    return bits.not_p.bind(operand("bitwise_not", x))


invert = bitwise_invert = bitwise_not


@fusion.two
def left_shift(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x << y`: zeros come in from the right.

    `bitwise_left_shift` is the same.

    Args:
        x: integers; booleans become int32.
        y: numbers of bits, integers; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype. Bits beyond its width are lost.

    Raises:
        TypeError: an operand is of floats, a list, or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.left_shift(np.array([1, 3]), np.array([4, 1]))
        Array([16,  6], dtype=int32)
    """
    return bits.shift_left_p.bind(*numbers("left_shift", x, y))


@fusion.two
def right_shift(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x >> y`: signed integers keep their sign, zeros come in else.

    `bitwise_right_shift` is the same.

    Args:
        x: integers; booleans become int32.
        y: numbers of bits, integers; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype. Negative numbers round down.

    Raises:
        TypeError: an operand is of floats, a list, or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.right_shift(np.array([16, -5]), 1)
        Array([ 8, -3], dtype=int32)
    """
    x, y = numbers("right_shift", x, y)
    signed = typeof(x).dtype.kind != "u"
    return (bits.shift_right_arithmetic_p if signed else bits.shift_right_logical_p).bind(x, y)


bitwise_left_shift, bitwise_right_shift = left_shift, right_shift


@fusion.one
def bitwise_count(x: ArrayLike, /) -> Array:
    """Elementwise number of bits that are set in `abs(x)`.

    Args:
        x: integers or booleans.

    Returns:
        uint8 of the shape of `x`.

    Raises:
        TypeError: `x` is of floats, a list, or holds no numbers.

    Example:
        >>> np.bitwise_count(np.array([0, 7, -7]))
        Array([0, 3, 3], dtype=uint8)
    """
    x = as_handle(operand("bitwise_count", x))
    if typeof(x).dtype == _BOOL:
        return convert(x, np.dtype(np.uint8))
    if typeof(x).dtype.kind == "i":
        x = el.abs(x)
    return convert(bits.population_count(x), np.dtype(np.uint8))
