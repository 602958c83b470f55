"""Products of integers with twice their bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.config import x64
from ms_func.dtypes import issubdtype
from ms_func.errors import ShapeError
from ms_func.ir.types import typeof
from ms_func.primitives.arithmetic import add, mul, sub
from ms_func.primitives.bits import bitwise_and, shift_right_arithmetic, shift_right_logical
from ms_func.primitives.cast import bitcast_convert_type, convert_element_type
from ms_func.primitives.compare import lt, select
from ms_func.primitives.families import operands


def mulhi(x: Any, y: Any, /) -> Any:
    """The upper half of the bits of elementwise products of integers.

    Args:
        x: array of integers.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both is
            a scalar.

    Returns:
        Array of the joint shape and the dtype of the operands: `x * y >> width`, without overflow.

    Raises:
        TypeError: an operand does not hold integers, or dtypes differ.

    Reference:
        Warren, Hacker's Delight, 8-2.

    Example:
        >>> lax.mulhi(np.array([2**30, -1]), 8), lax.mulhi(np.array([200], np.uint8), 200)
        (Array([ 2, -1], dtype=int32), Array([156], dtype=uint8))
    """
    x, y = operands(x, y)
    dtype = typeof(x).dtype
    if not issubdtype(dtype, np.integer) or typeof(y).dtype != dtype:
        raise ShapeError(
            f"mulhi does not accept dtype {typeof(x).face.name} at position 0 beside "
            f"{typeof(y).face.name}. Accepted dtypes are subtypes of integer, one for both"
        )
    bits = 8 * dtype.itemsize
    if bits < 64:
        wide = np.dtype(f"{dtype.kind}8")
        shift = shift_right_arithmetic if dtype.kind == "i" else shift_right_logical
        with x64(None):  # the setting is about the dtypes of users, not about this product
            product = mul(convert_element_type(x, wide), convert_element_type(y, wide))
            return convert_element_type(shift(product, bits), dtype)
    if dtype.kind == "u":
        return _unsigned(x, y)
    high = _unsigned(*(bitcast_convert_type(v, np.uint64) for v in (x, y)))
    high = bitcast_convert_type(high, dtype)
    high = sub(high, select(lt(x, 0), y, 0))
    return sub(high, select(lt(y, 0), x, 0))


def _unsigned(x: Any, y: Any) -> Any:
    """By halves: the sums of the four products of 32 bits each do not overflow."""
    low = np.uint64(0xFFFFFFFF)
    (a, b), (c, d) = ((shift_right_logical(v, 32), bitwise_and(v, low)) for v in (x, y))
    middle = add(mul(a, d), shift_right_logical(mul(b, d), 32))
    other = add(mul(b, c), bitwise_and(middle, low))
    return add(mul(a, c), add(shift_right_logical(middle, 32), shift_right_logical(other, 32)))
