"""Reductions of segments: elements of an array joined by the numbers beside them."""

from __future__ import annotations

from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.dtypes import is_inexact, issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy.creation import placed
from ms_func.numpy.promotion import ArrayLike

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]
__dir__ = __all__.copy


_FOLDS = {"add": np.sum, "multiply": np.prod, "min": np.min, "max": np.max}
"""What joins the results of buckets of rows."""


def _segment(name: str, *args: Any) -> Any:
    """`_joined`, in the sharding that is asked for."""
    *given, out_sharding = args
    out = _joined(name, *given)
    return placed(out, out_sharding=out_sharding)


def _joined(
    name: str, data: Any, segment_ids: Any, num_segments: int | None, start: Any,
    indices_are_sorted: bool, unique_indices: bool, bucket_size: int | None, mode: Any,
) -> Any:  # fmt: skip
    """Result of joining `data` by `segment_ids` with the update `name` from `start`."""
    data, ids = np.asarray(data), np.asarray(segment_ids)
    if not issubdtype(ids.dtype, onp.integer):
        raise ArgumentTypeError(f"segment_ids must be integers, got {ids.dtype.name}")
    rows = data.shape[:1]
    if ids.ndim and rows not in ((), (1,), ids.shape[:1]):  # one row belongs to every number
        raise ArgumentValueError(
            f"segment_ids needs one number for each of the {rows[0]} rows of data, got "
            f"{ids.shape[0]}"
        )
    if num_segments is None:
        num_segments = int(np.max(ids)) + 1 if ids.size else 0
    num_segments = num_segments.__index__()
    if num_segments < 0:
        raise ArgumentValueError("num_segments must be non-negative.")

    def joined(data: Any, ids: Any) -> Any:
        out = np.full((num_segments, *data.shape[1:]), start, data.dtype)
        return getattr(out.at[ids], name)(
            data, indices_are_sorted=indices_are_sorted, unique_indices=unique_indices,
            mode=mode or "drop", wrap_negative_indices=False,
        )  # fmt: skip

    if bucket_size is None or not ids.ndim or not ids.size:
        return joined(data, ids)
    data = np.broadcast_to(data, (ids.shape[0], *data.shape[1:]))
    buckets = [slice(i, i + bucket_size) for i in range(0, ids.shape[0], bucket_size)]
    parts = np.stack([joined(data[b], ids[b]) for b in buckets])
    return _FOLDS[name](parts, axis=0).astype(data.dtype)


def _limit(data: Any, highest: bool) -> Any:
    """Largest or smallest value of the dtype of `data`."""
    dtype = typeof(data).dtype
    if dtype.kind == "b":
        return highest
    if is_inexact(dtype):
        return onp.inf if highest else -onp.inf
    info = np.iinfo(dtype)
    return int(info.max if highest else info.min)


def segment_sum(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None,
    indices_are_sorted: bool = False, unique_indices: bool = False,
    bucket_size: int | None = None, mode: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Sums of the rows of `data` that have the same number: `[n, ...]` to `[num_segments, ...]`.

    Args:
        data: rows to join, of any numeric dtype, which is that of the result.
        segment_ids: `[n]` integers; rows with a number outside of `0 .. num_segments - 1` do not
            count.
        num_segments: number of segments; by default one more than the largest number, which
            must then be known while tracing.
        indices_are_sorted: promise that the numbers do not decrease.
        unique_indices: promise that no number comes twice.
        bucket_size: join so many rows at a time first, which loses less to rounding.
        mode: what numbers out of range do, as for `x.at[...]`.
        out_sharding: sharding of the result.

    Raises:
        TypeError: `segment_ids` are no integers.
        ValueError: there is not one number for each row, or `num_segments` is negative.

    Example:
        >>> segment_sum(np.arange(5), np.array([0, 0, 1, 1, 2]))
        Array([1, 5, 4], dtype=int32)
        >>> segment_sum(np.arange(5), np.array([0, 3, -1, 9, 0]), num_segments=4)
        Array([4, 0, 0, 1], dtype=int32)
    """
    return _segment("add", data, segment_ids, num_segments, 0, indices_are_sorted,
                    unique_indices, bucket_size, mode, out_sharding)  # fmt: skip


def segment_prod(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None,
    indices_are_sorted: bool = False, unique_indices: bool = False,
    bucket_size: int | None = None, mode: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Products of the rows of `data` that have the same number.

    A segment without rows has 1.

    Args:
        data: rows to join, `[n, ...]`.
        segment_ids: `[n]` integers.
        num_segments: number of segments; by default one more than the largest number.
        indices_are_sorted: promise that the numbers do not decrease.
        unique_indices: promise that no number comes twice.
        bucket_size: join so many rows at a time first.
        mode: what numbers out of range do, as for `x.at[...]`.
        out_sharding: sharding of the result.

    Raises:
        TypeError: `segment_ids` are no integers.
        ValueError: there is not one number for each row, or `num_segments` is negative.

    Example:
        >>> segment_prod(np.arange(6), np.array([0, 0, 1, 1, 2, 2]))
        Array([ 0,  6, 20], dtype=int32)
    """
    return _segment("multiply", data, segment_ids, num_segments, 1, indices_are_sorted,
                    unique_indices, bucket_size, mode, out_sharding)  # fmt: skip


def segment_max(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None,
    indices_are_sorted: bool = False, unique_indices: bool = False,
    bucket_size: int | None = None, mode: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Largest of the rows of `data` that have the same number.

    A segment without rows has the smallest value of the dtype.

    Args:
        data: rows to join, `[n, ...]`.
        segment_ids: `[n]` integers.
        num_segments: number of segments; by default one more than the largest number.
        indices_are_sorted: promise that the numbers do not decrease.
        unique_indices: promise that no number comes twice.
        bucket_size: join so many rows at a time first.
        mode: what numbers out of range do, as for `x.at[...]`.
        out_sharding: sharding of the result.

    Raises:
        TypeError: `segment_ids` are no integers.
        ValueError: there is not one number for each row, or `num_segments` is negative.

    Example:
        >>> segment_max(np.array([3.0, 1.0, 2.0]), np.array([0, 0, 2]))
        Array([  3., -inf,   2.], dtype=float32)
    """
    return _segment("max", data, segment_ids, num_segments, _limit(data, False), indices_are_sorted,
                    unique_indices, bucket_size, mode, out_sharding)  # fmt: skip


def segment_min(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None,
    indices_are_sorted: bool = False, unique_indices: bool = False,
    bucket_size: int | None = None, mode: Any = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Smallest of the rows of `data` that have the same number.

    A segment without rows has the largest value of the dtype.

    Args:
        data: rows to join, `[n, ...]`.
        segment_ids: `[n]` integers.
        num_segments: number of segments; by default one more than the largest number.
        indices_are_sorted: promise that the numbers do not decrease.
        unique_indices: promise that no number comes twice.
        bucket_size: join so many rows at a time first.
        mode: what numbers out of range do, as for `x.at[...]`.
        out_sharding: sharding of the result.

    Raises:
        TypeError: `segment_ids` are no integers.
        ValueError: there is not one number for each row, or `num_segments` is negative.

    Example:
        >>> segment_min(np.array([3.0, 1.0, 2.0]), np.array([0, 0, 2]))
        Array([ 1., inf,  2.], dtype=float32)
    """
    return _segment("min", data, segment_ids, num_segments, _limit(data, True), indices_are_sorted,
                    unique_indices, bucket_size, mode, out_sharding)  # fmt: skip
