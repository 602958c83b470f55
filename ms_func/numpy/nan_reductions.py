"""Reductions that leave NaN out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, logic, searching
from ms_func.numpy.elementwise import sqrt
from ms_func.numpy.manipulation import broadcast_shapes, broadcast_to
from ms_func.numpy.means import mean, var
from ms_func.numpy.promotion import ArrayLike, no_out, settled
from ms_func.numpy.reductions import Axis, any, mask_of, max, min, prod, sum
from ms_func.primitives import compare, reduce


def _known(name: str, a: Any, where: Any) -> tuple[Any, Any]:
    """`a`, and the mask of its numbers; None where every element is one."""
    a = settled(name, a)
    where = where if where is None else mask_of(name, where)
    if not is_inexact(typeof(a).dtype):
        return a, where
    numbers = logic.logical_not(logic.isnan(a))
    return a, numbers if where is None else logic.logical_and(numbers, where)


@fusion.whole(1)
def nansum(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`sum` that counts NaN as 0.

    Args:
        a: array or number.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        dtype: of the sum, as for `sum`.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        initial: number that is added.
        where: mask of what counts; broadcasts against `a`.

    Returns:
        Array without the reduced dimensions; 0 where there is no number.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` has no such dimension, or `where` holds no booleans.

    Example:
        >>> np.nansum(np.array([[1.0, np.nan], [np.nan, np.nan]]), axis=1)
        Array([1., 0.], dtype=float32)
    """
    a, mask = _known("nansum", a, where)
    return sum(a, axis, dtype, out, keepdims, initial, mask)


@fusion.whole(1)
def nanprod(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`prod` that counts NaN as 1.

    Args:
        a: array or number.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        dtype: of the product, as for `prod`.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        initial: number that is multiplied.
        where: mask of what counts; broadcasts against `a`.

    Returns:
        Array without the reduced dimensions; 1 where there is no number.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` has no such dimension, or `where` holds no booleans.

    Example:
        >>> np.nanprod(np.array([2.0, np.nan, 3.0]))
        Array(6., dtype=float32)
    """
    a, mask = _known("nanprod", a, where)
    return prod(a, axis, dtype, out, keepdims, initial, mask)


def _nan_extremum(name: str, fn: Any, bound: Any, a: Any, axis: Any, keepdims: bool, initial: Any,
                  where: Any) -> Any:  # fmt: skip
    a, mask = _known(name, a, where)
    if mask is None:
        return fn(a, axis, None, keepdims, initial)
    if initial is None and where is None and 0 in typeof(a).shape:
        return fn(a, axis, None, keepdims)  # an error, where a reduced dimension is empty
    if initial is not None:
        return fn(a, axis, None, keepdims, initial, mask)
    start, full = bound(typeof(a).dtype), broadcast_to(
        mask, broadcast_shapes(np.shape(mask), np.shape(a)))  # fmt: skip
    a = searching.where(full, a, start)  # as `initial` it would have a share of the derivative
    out = fn(a, axis, None, keepdims, None if typeof(a).size else start)
    if not is_inexact(typeof(a).dtype):
        return out
    return compare.select(any(full, axis, keepdims=keepdims), out, math.nan)


@fusion.whole(1)
def nanmax(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`max` of the elements that are numbers; NaN where there is none.

    Args:
        a: array or number.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        initial: number that takes part.
        where: mask of what counts, which needs no `initial` here.

    Returns:
        Array of the dtype of `a`, without the reduced dimensions.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: there is no element and no `initial`, or `a` has no such dimension.

    Example:
        >>> a = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
        >>> np.nanmax(a, axis=1)
        Array([ 3., nan], dtype=float32)
    """
    no_out("nanmax", out)
    return _nan_extremum("nanmax", max, reduce.lowest, a, axis, keepdims, initial, where)


@fusion.whole(1)
def nanmin(
    a: ArrayLike, axis: Axis = None, out: None = None, keepdims: bool = False,
    initial: ArrayLike | None = None, where: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`min` of the elements that are numbers; NaN where there is none.

    Args:
        a: array or number.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        initial: number that takes part.
        where: mask of what counts, which needs no `initial` here.

    Returns:
        Array of the dtype of `a`, without the reduced dimensions.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: there is no element and no `initial`, or `a` has no such dimension.

    Example:
        >>> a = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
        >>> np.nanmin(a, axis=1)
        Array([ 1., nan], dtype=float32)
    """
    no_out("nanmin", out)
    return _nan_extremum("nanmin", min, reduce.highest, a, axis, keepdims, initial, where)


@fusion.whole(1)
def nanmean(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    where: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`mean` of the elements that are numbers.

    Args:
        a: array or number.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        dtype: of the result; by default that of `a`, float32 for integers and booleans.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        where: mask of what counts; broadcasts against `a`.

    Returns:
        Array without the reduced dimensions; NaN where there is no number.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` has no such dimension, or `where` holds no booleans.

    Example:
        >>> np.nanmean(np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]]), axis=1)
        Array([ 2., nan], dtype=float32)
    """
    no_out("nanmean", out)
    a, mask = _known("nanmean", a, where)
    return mean(a, axis, dtype, None, keepdims, where=mask)


@fusion.whole(1)
def nanvar(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, ddof: int = 0,
    keepdims: bool = False, where: ArrayLike | None = None, mean: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`var` of the elements that are numbers.

    Args:
        a: array or number.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        dtype: dtype to compute in; by default that of `a`, float32 for integers and booleans.
        out: not supported.
        ddof: what is taken from the number of numbers before dividing.
        keepdims: keep the reduced dimensions with size 1.
        where: mask of what counts; broadcasts against `a`.
        mean: the mean with its dimensions kept, where it is known.

    Returns:
        Array without the reduced dimensions; NaN where there is no number, or `ddof` is larger.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `dtype` is real where `a` is complex, or `a` has no such dimension.

    Example:
        >>> np.nanvar(np.array([[1.0, np.nan, 5.0], [np.nan, np.nan, np.nan]]), axis=1)
        Array([ 4., nan], dtype=float32)
    """
    no_out("nanvar", out)
    a, mask = _known("nanvar", a, where)
    return var(a, axis, dtype, None, ddof, keepdims, where=mask, mean=mean)


@fusion.whole(1)
def nanstd(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, ddof: int = 0,
    keepdims: bool = False, where: ArrayLike | None = None, mean: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`std` of the elements that are numbers.

    Args:
        a: array or number.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        dtype: dtype to compute in; by default that of `a`, float32 for integers and booleans.
        out: not supported.
        ddof: what is taken from the number of numbers before dividing.
        keepdims: keep the reduced dimensions with size 1.
        where: mask of what counts; broadcasts against `a`.
        mean: the mean with its dimensions kept, where it is known.

    Returns:
        Array without the reduced dimensions; NaN where there is no number, or `ddof` is larger.

    Raises:
        NotImplementedError: `out` is given.
        TypeError: `dtype` is one of integers.
        ValueError: `dtype` is real where `a` is complex, or `a` has no such dimension.

    Example:
        >>> np.nanstd(np.array([[1.0, np.nan, 5.0], [np.nan, np.nan, np.nan]]), axis=1)
        Array([ 2., nan], dtype=float32)
    """
    no_out("nanstd", out)
    variance = nanvar(a, axis, dtype, None, ddof, keepdims, where, mean)
    if not is_inexact(typeof(variance).dtype):
        raise ArgumentTypeError(
            f"the root of a variance has no dtype {typeof(variance).dtype}\n"
            "fix: nanstd(...).astype(dtype)"
        )
    return sqrt(variance)
