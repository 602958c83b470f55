"""Means and variances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.dtypes import canonicalize_dtype, is_inexact, to_inexact
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion, logic
from ms_func.numpy.arithmetic import divide, multiply, subtract
from ms_func.numpy.axes import axes_and_names, axes_tuple
from ms_func.numpy.elementwise import conjugate, real, sqrt
from ms_func.numpy.manipulation import broadcast_shapes, broadcast_to
from ms_func.numpy.promotion import (
    ArrayLike,
    convert,
    fill,
    inexact,
    no_out,
    operand,
    promote,
    promote_dtype,
    settled,
)
from ms_func.numpy.reductions import Axis, mask_of, masked, sum
from ms_func.primitives import compare
from ms_func.primitives import shape as sh
from ms_func.primitives.collective_places import axis_size


def _count(a: Any, axis: Axis, keepdims: bool, where: Any) -> Any:
    """Number of elements that a mean divides by: an int, or an array where masked."""
    shape = np.shape(a)
    if where is None:
        axes = axes_and_names(axis, len(shape))
        return math.prod(shape[i] if type(i) is int else axis_size(i) for i in axes)
    full = broadcast_to(where, broadcast_shapes(shape, np.shape(where)))
    return sum(logic.truth("mean", full), axis, np.int32, keepdims=keepdims)


@fusion.whole(1, "where")
def mean(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
    *, where: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Arithmetic mean along dimensions.

    Args:
        a: array or number; sums of float16 and bfloat16 are kept in float32.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        dtype: of the result; by default that of `a`, float32 for integers and booleans.
        out: not supported.
        keepdims: keep the reduced dimensions with size 1.
        where: mask of what counts; broadcasts against `a`.

    Returns:
        Array without the reduced dimensions; NaN of nothing.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` has no such dimension, or `where` holds no booleans.

    Example:
        >>> a = np.array([[1, 2], [3, 6]])
        >>> np.mean(a), np.mean(a, axis=0).tolist(), np.mean(a, where=a > 2).item()
        (Array(3., dtype=float32), [2.0, 4.0], 4.5)
        >>> np.mean(np.array([]))
        Array(nan, dtype=float32)
    """
    no_out("mean", out)
    a = settled("mean", a)
    kind = to_inexact(typeof(a).dtype) if dtype is None else canonicalize_dtype(dtype)
    axes = axes_and_names(axis, typeof(a).ndim)
    if where is None:
        return fusion.run(_mean_program, (a,), axes, bool(keepdims), kind)
    return _mean_program(a, axes, keepdims, kind, where)


def _mean_program(
    a: Any, axes: tuple[int, ...], keepdims: bool, kind: np.dtype, where: Any = None
) -> Any:
    inner = np.dtype(np.float32) if is_inexact(kind) and kind.itemsize < 4 else kind
    total = sum(a, axes, inner, keepdims=keepdims, where=where)
    count = _count(a, axes, keepdims, where)
    if isinstance(count, int):
        count = float(count) if count else math.nan
    return convert(divide(total, count), kind)


@fusion.whole(1, "weights")
def average(
    a: ArrayLike, axis: Axis = None, weights: ArrayLike | None = None, returned: bool = False,
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """Weighted mean along dimensions.

    Args:
        a: array or number; integers and booleans become floats.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        weights: of the shape of `a`, or one for each element along `axis`; equal ones by default.
        returned: whether to return the sum of the weights too.
        keepdims: keep the reduced dimensions with size 1.

    Returns:
        Array without the reduced dimensions, or a pair of arrays. NaN where the weights sum to 0.

    Raises:
        ValueError: weights of another shape without an axis, or that do not fit along it.

    Example:
        >>> np.average(np.array([1.0, 2.0, 4.0]), weights=np.array([3, 0, 1]))
        Array(1.75, dtype=float32)
        >>> np.average(np.array([[1.0, 3.0], [5.0, 7.0]]), axis=1, returned=True)
        (Array([2., 6.], dtype=float32), Array([2., 2.], dtype=float32))
    """
    a = inexact("average", settled("average", a))
    if weights is None:
        out = mean(a, axis, keepdims=keepdims)
        scale = fill(_count(a, axis, keepdims, None), typeof(out))
    else:
        a, weights = (inexact("average", v) for v in promote_dtype("average", a, weights))
        if typeof(weights).shape != typeof(a).shape:
            weights = _along(weights, axis, typeof(a))
        scale = sum(weights, axis, keepdims=keepdims)  # pyright: ignore[reportArgumentType]
        out = divide(sum(multiply(a, weights), axis, keepdims=keepdims), scale)  # pyright: ignore[reportArgumentType]
    return (out, broadcast_to(scale, typeof(out).shape)) if returned else out


def _along(weights: Any, axis: Axis, t: ArrayType) -> Any:
    """Weights of one dimension laid along `axis` of an array."""
    if axis is None:
        raise ArgumentValueError("Axis must be specified when shapes of a and weights differ.")
    axes = axes_tuple(axis, t.ndim)
    shape = typeof(weights).shape
    if shape != tuple(t.shape[i] for i in axes):
        raise ArgumentValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
        )
    sizes = tuple(t.shape[i] if i in axes else 1 for i in range(t.ndim))
    return broadcast_to(sh.reshape(weights, sizes), t.shape)


@fusion.whole(1, "ddof", "where", "mean", "correction")
def var(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, ddof: int = 0,
    keepdims: bool = False, *, where: ArrayLike | None = None, mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Array:  # fmt: skip
    """Variance along dimensions: mean squared distance from the mean.

    Args:
        a: array or number; the variance of complex numbers is real.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        dtype: dtype to compute in; by default that of `a`, float32 for integers and booleans.
        out: not supported.
        ddof: what is taken from the number of elements before dividing: 1 for an unbiased estimate.
        keepdims: keep the reduced dimensions with size 1.
        where: mask of what counts; broadcasts against `a`.
        mean: the mean with its dimensions kept, where it is known.
        correction: another name of `ddof`.

    Returns:
        Array without the reduced dimensions; NaN of nothing, and where `ddof` is larger.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `dtype` is real where `a` is complex, `a` has no such dimension, or `ddof` and
            `correction` are both given.

    Example:
        >>> a = np.array([1.0, 3.0])
        >>> np.var(a), np.var(a, ddof=1), np.var(a, ddof=3)
        (Array(1., dtype=float32), Array(2., dtype=float32), Array(nan, dtype=float32))
    """
    no_out("var", out)
    a = settled("var", a)
    own = typeof(a).dtype
    kind = to_inexact(own) if dtype is None else canonicalize_dtype(dtype)
    if dtype is not None and own.kind == "c" and kind.kind != "c":
        raise ArgumentValueError(
            f"var: complex numbers have no variance of a real dtype, as {kind.name}"
        )
    axes = axes_and_names(axis, typeof(a).ndim)
    if ddof and correction is not None:
        raise ArgumentValueError("ddof and correction can't be provided simultaneously")
    free = ddof if correction is None else correction
    found: Any = _var_program(a, axes, keepdims, kind, free, where, mean)
    return found if dtype is None else convert(found, kind)


def _var_program(
    a: Any, axes: tuple[int, ...], keepdims: bool, kind: np.dtype, free: Any, where: Any,
    centre: Any,
) -> Any:  # fmt: skip
    """Two passes: the mean, then the mean square of the distances from it."""
    inner = np.dtype(np.float32) if kind.itemsize < 4 else kind
    a = convert(a, inner)
    if centre is None:
        centre = _mean(a, axes, keepdims=True, where=where)
    off = subtract(a, convert(operand("var", centre), inner))
    if where is not None:  # before the square: its derivative would be NaN where they are
        off = masked(off, mask_of("var", where), 0)
    square = real(multiply(off, conjugate(off))) if inner.kind == "c" else multiply(off, off)
    count = _count(a, axes, keepdims, where)
    total = sum(square, axes, keepdims=keepdims)
    if isinstance(count, int) and isinstance(free, (int, float)):
        left: Any = float(count - free) if count >= free else math.nan
    else:
        left = subtract(count, free)
        left = compare.select(logic.less(left, 0), *promote("var", math.nan, left))
    result = kind if kind.kind != "c" else np.dtype(f"f{kind.itemsize // 2}")
    return convert(divide(total, left), result)


_mean = mean


@fusion.whole(1, "ddof", "where", "mean", "correction")
def std(
    a: ArrayLike, axis: Axis = None, dtype: Any = None, out: None = None, ddof: int = 0,
    keepdims: bool = False, *, where: ArrayLike | None = None, mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Array:  # fmt: skip
    """Standard deviation along dimensions: the root of `var`.

    Args:
        a: array or number; that of complex numbers is real.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        dtype: dtype to compute in; by default that of `a`, float32 for integers and booleans.
        out: not supported.
        ddof: what is taken from the number of elements before dividing.
        keepdims: keep the reduced dimensions with size 1.
        where: mask of what counts; broadcasts against `a`.
        mean: the mean with its dimensions kept, where it is known.
        correction: another name of `ddof`.

    Returns:
        Array without the reduced dimensions; NaN of nothing.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `dtype` is real where `a` is complex, `a` has no such dimension, or `ddof` and
            `correction` are both given.

    Example:
        >>> np.std(np.array([[1.0, 3.0], [2.0, 8.0]]), axis=1)
        Array([1., 3.], dtype=float32)
    """
    no_out("std", out)
    if dtype is not None and not is_inexact(kind := canonicalize_dtype(dtype)):
        raise ArgumentValueError(
            f"dtype argument to jnp.std must be inexact; got {kind.name}\n"
            "fix: convert what is returned"
        )
    return sqrt(var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean,
                    correction=correction))  # fmt: skip
