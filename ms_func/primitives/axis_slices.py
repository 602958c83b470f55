"""Slices along one axis, of which the others are taken whole: shorthands of `slicing.py`."""

from __future__ import annotations

import operator
from typing import Any

from ms_func.errors import AxisError
from ms_func.ir.types import typeof
from ms_func.primitives.pieces import slice
from ms_func.primitives.shape import reshape, squeeze
from ms_func.primitives.slicing import dynamic_slice, dynamic_update_slice


def _axis(axis: int, ndim: int) -> int:
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        raise AxisError(f"axis {axis} is out of bounds for array of dimension {ndim}")
    return axis % ndim


def slice_in_dim(
    operand: Any,
    start_index: int | None,
    limit_index: int | None,
    stride: int = 1,
    axis: int = 0,
) -> Any:
    """`operand[start_index:limit_index:stride]` along one axis.

    Args:
        operand: array of any dtype.
        start_index: Python int; negative ones count from the end, None is 0.
        limit_index: Python int, itself excluded; negative ones count from the end, None is the end.
        stride: Python int of at least 1.
        axis: dimension; negative ones count from the end.

    Returns:
        Array of the dtype of `operand`, with as many dimensions.

    Raises:
        TypeError: an index lies outside of the array (unlike in Python, where it is cut), or the
            stride is not positive.
        ValueError: the axis is out of range.

    Example:
        >>> lax.slice_in_dim(np.arange(6), 1, -1, 2)
        Array([1, 3], dtype=int32)
        >>> lax.slice_in_dim(np.arange(6).reshape(2, 3), None, 2, axis=1)
        Array([[0, 1],
               [3, 4]], dtype=int32)
    """
    shape = typeof(operand).shape
    axis = _axis(axis, len(shape))
    n = shape[axis]
    lo = 0 if start_index is None else operator.index(start_index)
    hi = n if limit_index is None else operator.index(limit_index)
    starts, limits, strides = [0] * len(shape), list(shape), [1] * len(shape)
    starts[axis] = lo + n if lo < 0 else lo
    limits[axis] = hi + n if hi < 0 else hi
    strides[axis] = operator.index(stride)
    return slice(operand, starts, limits, strides)


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True) -> Any:
    """Element `index` along one axis, which stays with size 1 where `keepdims`.

    Args:
        operand: array of any dtype.
        index: Python int; negative ones count from the end.
        axis: dimension; negative ones count from the end.
        keepdims: whether the axis stays.

    Returns:
        Array of the dtype of `operand`.

    Raises:
        IndexError: the index is out of bounds.
        ValueError: the axis is out of range.

    Example:
        >>> x = np.array([[1, 2], [3, 4]])
        >>> lax.index_in_dim(x, -1), lax.index_in_dim(x, 0, axis=1, keepdims=False)
        (Array([[3, 4]], dtype=int32), Array([1, 3], dtype=int32))
    """
    index, axis = operator.index(index), _axis(axis, typeof(operand).ndim)
    n = typeof(operand).shape[axis]
    if not -n <= index < n:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {n}")
    out = slice_in_dim(operand, index % n, index % n + 1, 1, axis)
    return out if keepdims else squeeze(out, (axis,))


def dynamic_slice_in_dim(
    operand: Any,
    start_index: Any,
    slice_size: int,
    axis: int = 0,
    *,
    allow_negative_indices: bool = True,
) -> Any:
    """`dynamic_slice` along one axis; the others are taken whole.

    Args:
        operand: array.
        start_index: integer known only at run time, moved so that the slice lies inside.
        slice_size: size along `axis`, a Python int.
        axis: dimension.
        allow_negative_indices: whether they count from the end.

    Raises:
        TypeError: the slice is larger than the operand, or the index no integer.

    Example:
        >>> dynamic_slice_in_dim(np.arange(5), np.int32(4), 2).tolist()
        [3, 4]
    """
    sizes = list(typeof(operand).shape)
    axis = _axis(axis, len(sizes))
    starts: list[Any] = [0] * len(sizes)
    starts[axis], sizes[axis] = start_index, operator.index(slice_size)
    return dynamic_slice(operand, starts, sizes, allow_negative_indices=allow_negative_indices)


def dynamic_index_in_dim(
    operand: Any,
    index: Any,
    axis: int = 0,
    keepdims: bool = True,
    *,
    allow_negative_indices: bool = True,
) -> Any:
    """Element `index`, known only at run time, along one axis.

    Args:
        operand: array.
        index: integer, moved inside.
        axis: dimension.
        keepdims: keep it, with size 1.
        allow_negative_indices: whether they count from the end.

    Example:
        >>> dynamic_index_in_dim(np.arange(6).reshape(2, 3), np.int32(1), keepdims=False).tolist()
        [3, 4, 5]
    """
    out = dynamic_slice_in_dim(
        operand, index, 1, axis, allow_negative_indices=allow_negative_indices
    )
    return out if keepdims else squeeze(out, (axis,))


def dynamic_update_slice_in_dim(
    operand: Any,
    update: Any,
    start_index: Any,
    axis: int,
    *,
    allow_negative_indices: bool = True,
) -> Any:
    """`dynamic_update_slice` along one axis; the update has the other sizes of `operand`.

    Args:
        operand: array; it is not changed, the result is a new array.
        update: elements to write, of the dtype of `operand`.
        start_index: integer known only at run time, moved so that the update lies inside.
        axis: dimension.
        allow_negative_indices: whether they count from the end.

    Raises:
        TypeError: dtypes or shapes do not fit.

    Example:
        >>> dynamic_update_slice_in_dim(np.zeros(4), np.ones(2), np.int32(1), 0).tolist()
        [0.0, 1.0, 1.0, 0.0]
    """
    ndim = typeof(operand).ndim
    starts: list[Any] = [0] * ndim
    starts[_axis(axis, ndim)] = start_index
    return dynamic_update_slice(
        operand, update, starts, allow_negative_indices=allow_negative_indices
    )


def dynamic_update_index_in_dim(
    operand: Any,
    update: Any,
    index: Any,
    axis: int,
    *,
    allow_negative_indices: bool = True,
) -> Any:
    """`operand` with element `index` along one axis replaced.

    Args:
        operand: array of any dtype; it is not changed, the result is a new array.
        update: array of the dtype of `operand`, and of its shape without that axis, or with
            size 1 there.
        index: integer known only at run time, moved inside.
        axis: dimension; negative ones count from the end.
        allow_negative_indices: whether they count from the end.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: dtypes or shapes do not fit.

    Example:
        >>> x = np.zeros((2, 3), int)
        >>> lax.dynamic_update_index_in_dim(x, np.array([7, 8]), np.int32(-1), axis=1)
        Array([[0, 0, 7],
               [0, 0, 8]], dtype=int32)
    """
    axis, shape = _axis(axis, typeof(operand).ndim), typeof(update).shape
    if len(shape) != typeof(operand).ndim:
        update = reshape(update, (*shape[:axis], 1, *shape[axis:]))
    return dynamic_update_slice_in_dim(
        operand, update, index, axis, allow_negative_indices=allow_negative_indices
    )
