"""An exchange of pieces whose sizes are known only at run time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.errors import ArgumentValueError
from ms_func.ir.types import typeof
from ms_func.primitives.arithmetic import add, mul, sub
from ms_func.primitives.axis_slices import dynamic_index_in_dim
from ms_func.primitives.basis import broadcast_in_dim
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.collective_moves import all_gather
from ms_func.primitives.collective_places import axis_index, axis_size
from ms_func.primitives.compare import ge, lt, select
from ms_func.primitives.gather import gather
from ms_func.primitives.indices import GatherDimensionNumbers
from ms_func.primitives.reduce import reduce_or, reduce_sum
from ms_func.primitives.shape import broadcasted_iota, collapse, reshape

_INDEX = np.dtype(np.int32)


def ragged_all_to_all(
    operand: Any,
    output: Any,
    input_offsets: Any,
    send_sizes: Any,
    output_offsets: Any,
    recv_sizes: Any,
    *,
    axis_name: Any,
    axis_index_groups: Any = None,
) -> Any:
    """Send rows `input_offsets[j]` and following, `send_sizes[j]` of them, to lane or device j.

    There they replace the rows of `output` from `output_offsets[j]`, which the sender gives. Made
    of `all_gather`: every device sees all operands, so it is right everywhere and not fast.

    Args:
        operand: rows to send.
        output: rows that what arrives is written over; shape as `operand` but for the rows.
        input_offsets: first row for each receiver: integers, one per lane or device.
        send_sizes: number of rows for each receiver.
        output_offsets: where the rows begin in the output of each receiver.
        recv_sizes: number of rows from each sender; what the senders say counts.
        axis_name: name of an axis, or a tuple of names, major first.
        axis_index_groups: must be None.

    Raises:
        NameError: a name is not in force.
        ValueError: shapes or dtypes do not fit.

    Example:
        >>> def exchange(x, sizes):  # lane 0 keeps one row and sends two, lane 1 keeps its only one
        ...     starts = np.array([0, 1])
        ...     out, received = np.zeros(3, int), lax.all_to_all(sizes, "i", 0, 0)
        ...     places = np.where(lax.axis_index("i") == 0, np.array([0, 0]), np.array([1, 2]))
        ...     return lax.ragged_all_to_all(x, out, starts, sizes, places, received, axis_name="i")
        >>> x, sizes = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[1, 2], [0, 1]])
        >>> ms.vmap(exchange, axis_name="i")(x, sizes)
        Array([[1, 0, 0],
               [2, 3, 5]], dtype=int32)
    """
    if axis_index_groups is not None:
        raise NotImplementedError("ragged_all_to_all with axis_index_groups")
    count = axis_size(axis_name)
    given, out = typeof(operand), typeof(output)
    if given.ndim == 0 or given.shape[1:] != out.shape[1:] or given.dtype != out.dtype:
        raise ArgumentValueError(
            "ragged_all_to_all input and output shapes must be equal, except in the outermost "
            f"dimension, and have one dtype: got {given} and {out}"
        )
    for name, x in (
        ("input_offsets", input_offsets), ("send_sizes", send_sizes),
        ("output_offsets", output_offsets), ("recv_sizes", recv_sizes),
    ):  # fmt: skip
        t = typeof(x)
        if t.shape != (count,) or not issubdtype(t.dtype, np.integer):
            raise ArgumentValueError(
                f"ragged_all_to_all {name} must be {count} integers, one for each index of the "
                f"axis, got {t}"
            )
    mine = axis_index(axis_name)
    first, size, start = (
        _for_me(x, axis_name, mine) for x in (input_offsets, send_sizes, output_offsets)
    )
    source, hit = _sources(first, size, start, given.shape[0], out.shape[0], count)
    rows = collapse(all_gather(operand, axis_name), 0, 2)
    numbers = GatherDimensionNumbers(tuple(range(1, given.ndim)), (0,), (0,))
    taken = gather(rows, reshape(source, (out.shape[0], 1)), numbers, (1, *given.shape[1:]),
                   mode="clip")  # fmt: skip
    return select(broadcast_in_dim(hit, out.shape, (0,)), taken, output)


def _for_me(x: Any, axis_name: Any, mine: Any) -> Any:
    """What each sender says about this receiver."""
    table = all_gather(convert_element_type(x, _INDEX), axis_name)
    return dynamic_index_in_dim(table, mine, 1, keepdims=False)


def _sources(first: Any, size: Any, start: Any, rows: int, out: int, count: int) -> tuple[Any, Any]:
    """Row of the stacked operands that each row of the output takes, and whether it takes any."""
    shape = (count, out)
    row = broadcasted_iota(_INDEX, shape, 1)
    first, size, start = (broadcast_in_dim(x, shape, (0,)) for x in (first, size, start))
    inside = bitwise_and(ge(row, start), lt(row, add(start, size)))
    sender = mul(broadcasted_iota(_INDEX, shape, 0), np.int32(rows))
    place = add(sender, add(first, sub(row, start)))
    chosen = mul(convert_element_type(inside, _INDEX), place)
    return reduce_sum(chosen, (0,)), reduce_or(inside, (0,))
