"""Integers that order as the elements of an array do.

An element of at most 32 bits and its index fit into one 64-bit integer, so that comparing
pairs becomes comparing numbers, which a CPU does several at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import neg, sub
from ms_func.primitives.basis import full_of
from ms_func.primitives.bits import bitwise_and, bitwise_not, bitwise_or, bitwise_xor, shift_left
from ms_func.primitives.cast import bitcast_convert_type, convert_element_type
from ms_func.primitives.compare import gt, lt, select
from ms_func.primitives.families import literal
from ms_func.primitives.gather import gather
from ms_func.primitives.indices import GatherDimensionNumbers
from ms_func.primitives.shape import broadcasted_iota, expand_dims

INT32, INT64 = np.dtype(np.int32), np.dtype(np.int64)
_LARGEST, _INFINITY = 2**31 - 1, 0x7F800000  # the bits of float32 infinity


def packs(dtype: np.dtype) -> bool:
    """Whether elements of `dtype` have an order in 32 bits."""
    return dtype.itemsize <= 4 and dtype.kind != "c"


def with_index(x: Any, axis: int, *, reverse: bool = False, last_first: bool = False) -> Any:
    """`key * 2**32 + index` in int64, where keys order as the elements of `x`.

    Zeros of either sign have one key, and all NaN share the largest.

    Args:
        x: array of a dtype that packs.
        axis: direction in which indices count.
        reverse: order the elements, except NaN, the other way.
        last_first: count indices from the end.
    """
    shape = typeof(x).shape
    key = shift_left(convert_element_type(_order(x, reverse), INT64), 32)
    index = broadcasted_iota(INT64, shape, axis)
    if last_first:
        index = sub(literal(shape[axis] - 1, index), index)
    return bitwise_or(key, index)


def index_of(packed: Any) -> Any:
    """The index in the low half, as int32."""
    return convert_element_type(packed, INT32)


def _order(x: Any, reverse: bool) -> Any:
    """Integers of at most 32 bits, signed, that order as the elements of `x` do."""
    dtype = typeof(x).dtype
    if is_inexact(dtype):
        bits = bitcast_convert_type(convert_element_type(x, np.float32), INT32)
        return _bits_order(bitwise_xor(bits, literal(-(2**31), bits)) if reverse else bits)
    key = convert_element_type(x, INT64)
    if dtype.kind == "u":
        key = sub(key, literal(2**31, key))
    return bitwise_not(key) if reverse else key


def _bits_order(bits: Any) -> Any:
    """Bits of float32 numbers as integers in their order; negative ones run backwards.

    One zero and one NaN are made of several here, on the bits: comparisons of floats may take
    subnormal numbers for 0.
    """
    size = bitwise_and(bits, literal(_LARGEST, bits))
    ordered = select(lt(bits, literal(0, bits)), neg(size), bits)  # -0.0 becomes 0
    return select(gt(size, literal(_INFINITY, bits)), literal(_LARGEST, bits), ordered)


def take_along(x: Any, indices: Any, axis: int) -> Any:
    """Of each row of `x` along `axis`, the elements at `indices`, which are all inside.

    Shapes: `[..., n, ...]` and `[..., k, ...]` to `[..., k, ...]`.
    """
    shape = typeof(x).shape
    if not typeof(x).size:  # nothing to take; a gather cannot take windows of size 1 from it
        return full_of(0, ArrayType(typeof(indices).shape, typeof(x).dtype))
    others = tuple(d for d in range(len(shape)) if d != axis)
    numbers = GatherDimensionNumbers((), (axis,), (axis,), others, others)
    places = expand_dims(indices, (len(shape),))
    return gather(x, places, numbers, (1,) * len(shape), mode="promise_in_bounds")
