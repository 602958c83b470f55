"""The older layout of Threefry's counters (`config.threefry_partitionable` off).

The index of an element counts in both words of a block: the first half of all indices are the
high words, the second half the low ones, and so are the results. Numbers therefore depend on the
size of what is drawn. It is written with operations on words; a cipher on given counters needs no
primitive of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.ir.types import typeof
from ms_func.primitives.arithmetic import add
from ms_func.primitives.axis_slices import slice_in_dim
from ms_func.primitives.bits import (
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    shift_left,
    shift_right_logical,
)
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.pieces import concatenate
from ms_func.primitives.shape import broadcast_in_dim, full, iota, reshape
from ms_func.primitives.threefry import WIDTHS, rounds

_UINT32 = np.dtype(np.uint32)


class _Words:
    """The cipher's operations on words of one shape."""

    add = staticmethod(add)
    xor = staticmethod(bitwise_xor)

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def constant(self, value: int) -> Any:
        return full(self.shape, np.uint32(value))

    def rotate(self, x: Any, distance: int) -> Any:
        left = shift_left(x, self.constant(distance))
        return bitwise_or(left, shift_right_logical(x, self.constant(32 - distance)))


def _drawn(words: Any, count: int) -> Any:
    """`count` words from each key: `[..., 2]` to `[..., count]`."""
    lead = typeof(words).shape[:-1]
    half = (count + 1) // 2
    shape = (*lead, half)
    dims = tuple(range(len(shape)))
    key = [
        broadcast_in_dim(slice_in_dim(words, k, k + 1, axis=len(lead)), shape, dims)
        for k in range(2)
    ]
    index = iota(_UINT32, 2 * half)
    if count % 2:  # the index that fills the last block up is 0
        index = concatenate([slice_in_dim(index, 0, count), full((1,), np.uint32(0))], 0)
    counters = [
        broadcast_in_dim(slice_in_dim(index, k * half, (k + 1) * half), shape, (len(lead),))
        for k in range(2)
    ]
    a, b = rounds(_Words(shape), (key[0], key[1]), (counters[0], counters[1]))
    return slice_in_dim(concatenate([a, b], len(lead)), 0, count, axis=len(lead))


def bits_in_halves(words: Any, width: int, shape: Sequence[int]) -> Any:
    """Uniform unsigned integers of `width` bits: `[..., 2]` to `[..., *shape]`."""
    lead, size, kind = typeof(words).shape[:-1], math.prod(shape), WIDTHS[width]
    out = (*lead, *shape)
    if width == 32:
        return reshape(_drawn(words, size), out)
    if width == 64:
        both = convert_element_type(_drawn(words, 2 * size), kind)
        high, low = (slice_in_dim(both, k * size, (k + 1) * size, axis=len(lead)) for k in range(2))
        shift = full(typeof(high).shape, np.uint64(32))
        return reshape(bitwise_or(shift_left(high, shift), low), out)
    pieces = 32 // width  # of one word, from its low bits up
    count = -(-size // pieces)
    drawn = _drawn(words, count)
    spread = broadcast_in_dim(drawn, (*lead, count, pieces), tuple(range(len(lead) + 1)))
    shifts = np.arange(pieces, dtype=np.uint32) * np.uint32(width)
    shifts = broadcast_in_dim(shifts, (*lead, count, pieces), (len(lead) + 1,))
    mask = full((*lead, count, pieces), np.uint32(2**width - 1))
    parts = convert_element_type(bitwise_and(shift_right_logical(spread, shifts), mask), kind)
    flat = reshape(parts, (*lead, count * pieces))
    return reshape(slice_in_dim(flat, 0, size, axis=len(lead)), out)


def split_in_halves(words: Any, shape: Sequence[int]) -> Any:
    """Words of keys made from each key: `[..., 2]` to `[..., *shape, 2]`."""
    lead = typeof(words).shape[:-1]
    return reshape(_drawn(words, 2 * math.prod(shape)), (*lead, *shape, 2))
