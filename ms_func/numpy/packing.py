"""Bits in bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import fusion, manipulation, taking
from ms_func.numpy.axes import axis_index
from ms_func.numpy.bitwise import bitwise_and, right_shift
from ms_func.numpy.creation import array, asarray
from ms_func.numpy.logic import truth
from ms_func.numpy.padding import pad
from ms_func.numpy.promotion import operand
from ms_func.numpy.reductions import sum as total


@fusion.whole(1)
def packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> Array:
    """Booleans as the bits of bytes, eight to one, filled up with zeros.

    Args:
        a: booleans or integers, whose nonzero elements count as 1.
        axis: dimension along which neighbours share a byte; None takes the flat array.
        bitorder: "big": the first element is the highest bit; "little": the lowest.

    Returns:
        uint8, with ceil(n / 8) elements along the dimension.

    Raises:
        TypeError: the array holds neither booleans nor integers.
        ValueError: there is no such order.

    Example:
        >>> bits = np.array([1, 0, 0, 0, 0, 0, 1, 0, 1])
        >>> np.packbits(bits)
        Array([130, 128], dtype=uint8)
        >>> np.packbits(bits, bitorder="little")
        Array([65,  1], dtype=uint8)
    """
    _check_order(bitorder)
    if typeof(operand("packbits", a)).dtype.kind not in "biu":
        raise ArgumentTypeError("packbits: expected an input array of integer or boolean data type")
    a = asarray(truth("packbits", a))
    if axis is None:
        a, axis = manipulation.ravel(a), 0
    axis = axis_index(axis, a.ndim)
    rows = manipulation.moveaxis(a, axis, -1)
    n = rows.shape[-1]
    rows = pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, -n % 8)])
    rows = manipulation.reshape(rows, (*rows.shape[:-1], -1, 8)).astype(np.uint8)
    powers = [7 - i if bitorder == "big" else i for i in range(8)]
    weights = array([1 << p for p in powers], np.uint8)
    packed = total(ar.multiply(rows, weights), -1, np.uint8)
    return manipulation.moveaxis(packed, -1, axis)


@fusion.whole(1)
def unpackbits(
    a: Any, axis: int | None = None, count: int | None = None, bitorder: str = "big"
) -> Array:
    """Bits of bytes, one to each uint8.

    Args:
        a: array of uint8.
        axis: dimension along which bits take the place of their byte; None takes the flat array.
        count: number of bits to keep along the dimension, filled up with zeros; a negative one
            takes bits off the end. None keeps all.
        bitorder: "big": the highest bit comes first; "little": the lowest.

    Raises:
        TypeError: the array is not uint8.
        ValueError: there is no such order.

    Example:
        >>> np.unpackbits(np.array([130, 128], "uint8"), count=9)
        Array([1, 0, 0, 0, 0, 0, 1, 0, 1], dtype=uint8)
        >>> np.unpackbits(np.array([[2], [3]], "uint8"), axis=1, count=3, bitorder="little")
        Array([[0, 1, 0],
               [1, 1, 0]], dtype=uint8)
    """
    _check_order(bitorder)
    a = asarray(a)
    if a.dtype != np.uint8:
        raise ArgumentTypeError("Expected an input array of unsigned byte data type")
    if axis is None:
        a, axis = manipulation.ravel(a), 0
    axis = axis_index(axis, a.ndim)
    rows = manipulation.moveaxis(a, axis, -1)
    shifts = array([7 - i if bitorder == "big" else i for i in range(8)], np.uint8)
    bits = bitwise_and(right_shift(manipulation.expand_dims(rows, -1), shifts), 1)
    bits = manipulation.reshape(bits, (*rows.shape[:-1], -1))
    if count is not None:
        n = bits.shape[-1]
        kept = np.arange(count if count >= 0 else n + count, dtype=np.int32)
        bits = taking.take(bits, kept, -1, mode="fill", fill_value=0)
    return manipulation.moveaxis(bits, -1, axis)


def _check_order(bitorder: str) -> None:
    if bitorder not in ("big", "little"):
        raise ArgumentValueError("'order' must be either 'little' or 'big'")
