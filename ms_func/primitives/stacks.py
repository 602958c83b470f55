"""Arrays side by side along a new dimension, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.errors import ArgumentValueError
from ms_func.ir.types import typeof
from ms_func.primitives.batching import move_batch
from ms_func.primitives.pieces import concatenate_p, split
from ms_func.primitives.shape import canonical_axes, squeeze


def stack(operands: Sequence[Any], axis: int = 0) -> Any:
    """`operands`, all of one shape, side by side along a new dimension.

    Args:
        operands: arrays of one shape and dtype, which is not promoted.
        axis: place of the new dimension in the result; negative ones count from its end.

    Returns:
        Array of the dtype of the operands.

    Raises:
        TypeError: dtypes differ.
        ValueError: there are no operands, shapes differ, or the axis is out of range.

    Example:
        >>> lax.stack([np.array([1, 2]), np.array([3, 4])], axis=-1)
        Array([[1, 3],
               [2, 4]], dtype=int32)
    """
    if not len(operands):
        raise ArgumentValueError("stack requires at least one operand")
    shapes = [typeof(x).shape for x in operands]
    if len(set(shapes)) > 1:
        listed = ", ".join(map(str, shapes))
        raise ArgumentValueError(f"All input arrays must have the same shape. Got {listed}")
    ndim = len(shapes[0])
    if not -ndim - 1 <= axis <= ndim:
        raise ArgumentValueError(
            f"axis {axis} is out of bounds for a stack of {ndim + 1} dimensions"
        )
    axis %= ndim + 1
    laid = [move_batch(x, None, axis, 1) for x in operands]
    return concatenate_p.bind(*laid, dimension=axis)


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The elements of `x` along one axis, which they do not have.

    Args:
        x: array of any dtype and at least one dimension.
        axis: dimension; negative ones count from the end.

    Returns:
        Tuple of `x.shape[axis]` arrays of the dtype of `x`.

    Raises:
        ValueError: the axis is out of range.

    Example:
        >>> lax.unstack(np.array([[1, 2], [3, 4]]), axis=1)
        (Array([1, 3], dtype=int32), Array([2, 4], dtype=int32))
    """
    shape = typeof(x).shape
    (axis,) = canonical_axes((axis,), len(shape), "unstack")
    pieces = split(x, (1,) * shape[axis], axis)
    return tuple([squeeze(piece, (axis,)) for piece in pieces])
