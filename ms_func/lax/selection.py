"""Elements chosen by place or by size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentValueError
from ms_func.ir.types import typeof
from ms_func.numpy import at, creation, filled, fusion
from ms_func.primitives.arithmetic import neg
from ms_func.primitives.axis_slices import dynamic_index_in_dim as _indexed
from ms_func.primitives.basis import transpose
from ms_func.primitives.scatter import scatter_add
from ms_func.primitives.shape import canonical_axes
from ms_func.primitives.sort import top_k

dynamic_index_in_dim = fusion.whole(2)(_indexed)


def scatter_apply(
    operand: Any, scatter_indices: Any, func: Callable[[Any], Any], dimension_numbers: Any, *,
    update_shape: Sequence[int] = (), indices_are_sorted: bool = False,
    unique_indices: bool = False, mode: Any = None,
) -> Any:  # fmt: skip
    """`operand` with `func` applied at places given by indices, as often as each is named.

    Args:
        operand: array.
        scatter_indices: places, as for `scatter`.
        func: elementwise function.
        dimension_numbers: a `ScatterDimensionNumbers`.
        update_shape: shape that the updates of a `scatter` there would have.
        indices_are_sorted: promise that the indices increase.
        unique_indices: promise that no element is named twice.
        mode: as of `scatter`.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: shapes and dimension numbers do not fit.

    Example:
        >>> places = lax.ScatterDimensionNumbers((), (0,), (0,))
        >>> x, twice = np.array([1.0, 2.0, 3.0]), np.array([[1], [2], [2]])
        >>> lax.scatter_apply(x, twice, lambda v: 10 * v, places, update_shape=(3,))
        Array([  1.,  20., 300.], dtype=float32)
    """
    old = typeof(operand)
    times = scatter_add(
        filled.zeros(old.shape, np.int32), scatter_indices,
        filled.ones(tuple(update_shape), np.int32), dimension_numbers,
        indices_are_sorted=indices_are_sorted, unique_indices=unique_indices, mode=mode,
    )  # fmt: skip
    return at.repeated(func, creation.asarray(operand), times)


def approx_max_k(
    operand: Any, k: int, reduction_dimension: int = -1, recall_target: float = 0.95,
    reduction_input_size_override: int = -1, aggregate_to_topk: bool = True,
) -> list[Any]:  # fmt: skip
    """The `k` largest elements along a dimension, in decreasing order, and their places.

    The search here is exact, so that every target of recall is met.

    Args:
        operand: array `[..., n, ...]` of floats.
        k: how many, at most `n`.
        reduction_dimension: dimension that is searched; negative ones count from the end.
        recall_target: share of the true ones that must be among those found, in (0, 1].
        reduction_input_size_override: accepted for compatibility.
        aggregate_to_topk: accepted for compatibility: the result has `k` elements either way.

    Returns:
        A list of two: values of the dtype of `operand` and int32 indices, each `[..., k, ...]`.

    Raises:
        ValueError: the target is no share, or the operand does not hold floats.

    Example:
        >>> lax.approx_max_k(np.array([1.0, 9.0, 5.0]), 2)
        [Array([9., 5.], dtype=float32), Array([1, 2], dtype=int32)]
    """
    return _extreme("approx_max_k", operand, k, reduction_dimension, recall_target, False)


def approx_min_k(
    operand: Any, k: int, reduction_dimension: int = -1, recall_target: float = 0.95,
    reduction_input_size_override: int = -1, aggregate_to_topk: bool = True,
) -> list[Any]:  # fmt: skip
    """The `k` smallest elements along a dimension, in increasing order; see `approx_max_k`.

    Args:
        operand: array `[..., n, ...]` of floats.
        k: how many, at most `n`.
        reduction_dimension: dimension that is searched; negative ones count from the end.
        recall_target: share of the true ones that must be among those found, in (0, 1].
        reduction_input_size_override: accepted for compatibility.
        aggregate_to_topk: accepted for compatibility.

    Returns:
        A list of two: values of the dtype of `operand` and int32 indices, each `[..., k, ...]`.

    Raises:
        ValueError: the target is no share, or the operand does not hold floats.

    Example:
        >>> lax.approx_min_k(np.array([[4.0, 9.0], [5.0, 1.0]]), 1, reduction_dimension=0)
        [Array([[4., 1.]], dtype=float32), Array([[0, 1]], dtype=int32)]
    """
    return _extreme("approx_min_k", operand, k, reduction_dimension, recall_target, True)


def _extreme(name: str, x: Any, k: int, dimension: int, recall: float, least: bool) -> Any:
    if not 0 < recall <= 1:
        raise ArgumentValueError(f"{name}: recall_target must lie in (0, 1], got {recall}")
    t = typeof(x)
    if not is_inexact(t.dtype) or t.dtype.kind == "c":
        raise ArgumentValueError(f"{name}: operand must be a floating type, got {t}")
    (axis,) = canonical_axes((dimension,), t.ndim, name)
    order = [*range(axis), *range(axis + 1, t.ndim), axis]
    rows = transpose(x, order)
    values, places = top_k(neg(rows) if least else rows, k)
    back = tuple(int(i) for i in np.argsort(order))
    values = neg(values) if least else values
    return [transpose(values, back), transpose(places, back)]
