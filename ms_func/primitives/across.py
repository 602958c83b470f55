"""What the program of one device asks of others: borders of neighbours, totals of those before.

For `Primitive.local`: these functions work on the pieces of an array that a dimension is cut
into, inside of a region of manual computation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func.ir.axes import Axes
from ms_func.ir.notation import Cut
from ms_func.ir.types import typeof
from ms_func.primitives.arithmetic import add, mul
from ms_func.primitives.axis_slices import dynamic_slice_in_dim, slice_in_dim
from ms_func.primitives.basis import broadcast_in_dim
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.collective_moves import all_gather_p
from ms_func.primitives.collective_places import axis_index, ppermute_p
from ms_func.primitives.compare import eq, select
from ms_func.primitives.families import literal
from ms_func.primitives.pieces import concatenate, pad


def bordered(x: Any, dim: int, cut: Cut, low: int, high: int, edge: Any = 0) -> Any:
    """A piece with elements of its neighbours before and behind it.

    Args:
        x: the piece.
        dim: dimension that is cut.
        cut: how.
        low: elements from the device before, no more than it has.
        high: from the one behind.
        edge: what stands there at the ends of the whole array.
    """
    n, last = typeof(x).shape[dim], cut.ways - 1
    parts = [x]
    if low:
        rows = slice_in_dim(x, n - low, n, axis=dim)
        parts.insert(0, _sent(rows, cut, [(i, i + 1) for i in range(last)], 0, edge))
    if high:
        rows = slice_in_dim(x, 0, high, axis=dim)
        parts.append(_sent(rows, cut, [(i + 1, i) for i in range(last)], last, edge))
    return parts[0] if len(parts) == 1 else concatenate(parts, dim)


def _sent(rows: Any, cut: Cut, pairs: list[tuple[int, int]], end: int, edge: Any) -> Any:
    """What the neighbour sends; nobody sends to the device at the end."""
    found = ppermute_p.bind(rows, axes=Axes(cut.axes), perm=tuple(pairs))
    if not np.any(np.asarray(edge)):
        return found
    return select(eq(axis_index(cut.axes), np.int32(end)), literal(edge, found), found)


def gathered(x: Any, dim: int, cut: Cut) -> Any:
    """The pieces of all devices side by side."""
    return all_gather_p.bind(x, axes=Axes(cut.axes), dimension=dim, count=cut.ways, groups=None)


def placed(place: Any, cut: Cut, size: int) -> Any:
    """Places in a piece of `size` elements as places in the whole."""
    first = convert_element_type(axis_index(cut.axes), typeof(place).dtype)
    return add(place, broadcast_in_dim(mul(first, literal(size, first)), typeof(place).shape, ()))


def padded(x: Any, dim: int, low: int, high: int, value: Any = 0) -> Any:
    """`x` with elements before and behind it along `dim`; without some where negative."""
    rows = [(low, high, 0) if d == dim else (0, 0, 0) for d in range(typeof(x).ndim)]
    return pad(x, literal(value, x), rows)


def ends(x: Any, dim: int, reverse: bool) -> tuple[Any, Any]:
    """First and last element of a piece along `dim`, on the way of a running operation."""
    n = typeof(x).shape[dim]
    found = slice_in_dim(x, 0, 1, axis=dim), slice_in_dim(x, n - 1, n, axis=dim)
    return found[::-1] if reverse else found


def carried(
    totals: list[Any], dim: int, cut: Cut, reverse: bool, run: Callable[..., Any], start: Any
) -> Any:
    """What a running operation has come to when it reaches this device.

    Args:
        totals: what it makes of the piece of each device, of size 1 along `dim`.
        dim: dimension that it runs along, and is cut.
        cut: how.
        reverse: whether it begins at the last device.
        run: the operation, from the totals of all devices to what it comes to after each.
        start: what it is before the first device.
    """
    after = run(*[gathered(t, dim, cut) for t in totals])
    row = (-1, 1) if reverse else (1, -1)
    reached = padded(after, dim, *row, start)
    return dynamic_slice_in_dim(reached, axis_index(cut.axes), 1, dim)
