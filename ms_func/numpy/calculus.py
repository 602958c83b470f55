"""Differences, gradients, integrals and interpolation of sampled functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import (
    fusion,
    joining,
    logic,
    manipulation,
    reductions,
    running,
    searching,
    sorting,
    taking,
)
from ms_func.numpy.axes import axes_tuple, axis_index
from ms_func.numpy.joining import part
from ms_func.numpy.promotion import ArrayLike, convert, inexact, operand, promote_dtype
from ms_func.primitives.shape import broadcasted_iota


@fusion.whole(1, "prepend", "append")
def diff(
    a: ArrayLike, n: int = 1, axis: int = -1, prepend: ArrayLike | None = None,
    append: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Differences of neighbours along a dimension, `n` times.

    Args:
        a: array.
        n: how often to take differences; 0 gives `a` itself.
        axis: dimension, negative from the end.
        prepend: put in front of `a` first: a number, or an array that fits beside it.
        append: put behind it; as `prepend`.

    Returns:
        Array of the dtype of `a`, shorter by `n` along `axis`. Of booleans it is whether neighbours
        differ; unsigned integers wrap around.

    Raises:
        ValueError: `n` is negative, or `a` has no dimension, or no such one.

    Example:
        >>> a = np.array([1, 4, 9, 16])
        >>> np.diff(a), np.diff(a, n=2), np.diff(a, prepend=0).tolist()
        (Array([3, 5, 7], dtype=int32), Array([2, 2], dtype=int32), [1, 3, 5, 7])
    """
    a = operand("diff", a)
    if n < 0:
        raise ArgumentValueError(f"order must be non-negative but got {n}")
    if not typeof(a).ndim:
        raise ArgumentValueError("diff requires input that is at least one dimensional; got ()")
    axis = axis_index(axis, typeof(a).ndim)
    if n == 0:
        return ar.positive(a)
    rows = [_edge(v, a, axis) for v in (prepend, a, append) if v is not None]
    a = joining.concatenate(rows, axis) if len(rows) > 1 else a
    return fusion.run(_diff, (a,), n, axis)


def _edge(v: Any, a: Any, axis: int) -> Any:
    v = operand("diff", v)
    if typeof(v).ndim:
        return v
    shape = tuple(1 if i == axis else m for i, m in enumerate(typeof(a).shape))
    return manipulation.broadcast_to(v, shape)


def _diff(a: Any, n: int, axis: int) -> Any:
    minus = logic.not_equal if typeof(a).dtype.kind == "b" else ar.subtract
    for _ in range(n):
        size = typeof(a).shape[axis]
        a = minus(part(a, axis, min(1, size), size), part(a, axis, 0, max(size - 1, 0)))
    return a


@fusion.whole(1, "to_end", "to_begin")
def ediff1d(
    ary: ArrayLike, to_end: ArrayLike | None = None, to_begin: ArrayLike | None = None
) -> Array:
    """Differences of neighbours of the flat array, with optional elements at both ends.

    Args:
        ary: array of any shape.
        to_end: elements to put behind the differences.
        to_begin: elements to put in front of them.

    Returns:
        Vector in the dtype of `ary`.

    Raises:
        TypeError: `ary` is a list or holds no numbers.

    Example:
        >>> np.ediff1d(np.array([[1, 4], [9, 16]]), to_begin=-1)
        Array([-1,  3,  5,  7], dtype=int32)
    """
    ary = manipulation.ravel(ary)
    rows = [diff(ary)]
    for v, place in ((to_begin, 0), (to_end, len(rows) + 1)):
        if v is not None:
            rows.insert(place, convert(manipulation.ravel(v), ary.dtype))
    return joining.concatenate(rows)


@fusion.whole(1)
def gradient(
    f: ArrayLike, *varargs: ArrayLike, axis: int | Sequence[int] | None = None,
    edge_order: int | None = None,
) -> Any:  # fmt: skip
    """Derivative of a sampled function: central differences inside, one-sided at the ends.

    With spacings h to the left and k to the right of a point, the slopes of both sides are weighted
    by k and h, which is exact for parabolas.

    Args:
        f: samples; integers and booleans become floats.
        *varargs: one spacing for all dimensions, or one for each; a vector holds coordinates. 1 by
            default.
        axis: dimensions, all by default.
        edge_order: only 1.

    Returns:
        Array of the shape of `f`; a list with one for each dimension if there are several.

    Raises:
        NotImplementedError: `edge_order` is not 1.
        TypeError: the number of spacings fits neither.
        ValueError: a dimension has fewer than two samples.

    Example:
        >>> np.gradient(np.array([0.0, 1.0, 4.0, 9.0]))
        Array([1., 2., 4., 5.], dtype=float32)
        >>> np.gradient(np.array([0.0, 1.0, 9.0]), np.array([0.0, 1.0, 3.0]))
        Array([1., 2., 4.], dtype=float32)
    """
    if edge_order not in (None, 1):
        raise NotImplementedError("The 'edge_order' argument to gradient only supports 1.")
    f, *steps = (inexact("gradient", v) for v in promote_dtype("gradient", f, *varargs))
    axes = axes_tuple(axis, typeof(f).ndim)
    steps = steps or [1.0]
    steps = steps * len(axes) if len(steps) == 1 else steps
    if len(steps) != len(axes):
        raise ArgumentTypeError(
            "Invalid number of spacing arguments: gradient takes one for each axis"
        )
    if any(typeof(f).shape[i] < 2 for i in axes):
        raise ArgumentValueError(
            "Shape of array too small to calculate a numerical gradient, at least 2 elements are "
            "required along each axis"
        )
    out = [_slope(f, h, i) for h, i in zip(steps, axes, strict=True)]
    return out if isinstance(axis, (tuple, list)) or len(out) != 1 else out[0]


def _slope(f: Any, spacing: Any, axis: int) -> Any:
    n = typeof(f).shape[axis]
    spacing = operand("gradient", spacing)
    if not typeof(spacing).ndim:
        apart = ar.subtract(part(f, axis, 2, n), part(f, axis, 0, n - 2))
        middle = ar.divide(apart, ar.multiply(spacing, 2))
        ends = tuple(
            ar.divide(ar.subtract(part(f, axis, k + 1, k + 2), part(f, axis, k, k + 1)), spacing)
            for k in (0, n - 2)
        )
    else:
        shape = [-1 if i == axis else 1 for i in range(typeof(f).ndim)]
        widths = manipulation.reshape(diff(spacing), shape)
        slopes = ar.divide(ar.subtract(part(f, axis, 1, n), part(f, axis, 0, n - 1)), widths)
        left, right = part(widths, axis, 0, n - 2), part(widths, axis, 1, n - 1)
        before, after = part(slopes, axis, 0, n - 2), part(slopes, axis, 1, n - 1)
        weighted = ar.add(ar.multiply(before, right), ar.multiply(after, left))
        middle = ar.divide(weighted, ar.add(left, right))
        ends = part(slopes, axis, 0, 1), part(slopes, axis, n - 2, n - 1)
    return joining.concatenate([ends[0], middle, ends[1]], axis)


@fusion.whole(2, "dx")
def trapezoid(
    y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1
) -> Array:
    """Integral of samples by the trapezoidal rule.

    Args:
        y: samples; integers and booleans become floats.
        x: their coordinates, of the shape of `y` or a vector along `axis`; None for equal spacing.
        dx: spacing, where there is no `x`.
        axis: dimension of the samples, negative from the end.

    Returns:
        Array without that dimension; 0 of fewer than two samples.

    Raises:
        ValueError: `y` has no such dimension, or `x` does not fit.

    Example:
        >>> y = np.array([0, 1, 4])
        >>> np.trapezoid(y), np.trapezoid(y, np.array([0, 1, 3]))
        (Array(3., dtype=float32), Array(5.5, dtype=float32))
    """
    if x is not None:
        y, x = promote_dtype("trapezoid", y, x)
    y = inexact("trapezoid", y)
    axis = axis_index(axis, typeof(y).ndim)
    n = typeof(y).shape[axis]
    if x is None:  # by weights: no copies of what is summed
        place = broadcasted_iota(np.int32, typeof(y).shape, axis)
        inner = logic.logical_and(logic.greater(place, 0), logic.less(place, n - 1))
        weights = searching.where(inner, 1.0, 0.5 if n > 1 else 0.0)
        return ar.multiply(reductions.sum(ar.multiply(y, weights), axis), dx)
    pairs = ar.add(part(y, axis, min(n, 1), n), part(y, axis, 0, max(n - 1, 0)))
    if typeof(x).ndim == 1:
        x = manipulation.reshape(x, [-1 if i == axis else 1 for i in range(typeof(y).ndim)])  # pyright: ignore[reportArgumentType]
    widths = diff(x, axis=axis if typeof(x).ndim == typeof(y).ndim else -1)
    return ar.multiply(0.5, reductions.sum(ar.multiply(pairs, widths), axis))


@fusion.whole(3, "left", "right", "period")
def interp(
    x: ArrayLike, xp: ArrayLike, fp: ArrayLike, left: Any = None, right: Any = None,
    period: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Linear interpolation of the points `(xp, fp)`, with `xp` increasing, at `x`.

    Args:
        x: places, of any shape.
        xp: coordinates of the points, a vector; whether it increases is not checked.
        fp: values at the points, of the size of `xp`; may be complex.
        left: value below the first point, its own by default; "extrapolate" goes on straight.
        right: value above the last point; as `left`.
        period: distance after which the function repeats; the order of `xp` does not matter then.

    Returns:
        Array of the shape of `x`, with a floating dtype.

    Raises:
        ValueError: `xp` and `fp` are no vectors of one size, places are complex, or `left` is
            another word.

    Example:
        >>> xp, fp = np.array([1.0, 2.0, 4.0]), np.array([10.0, 20.0, 0.0])
        >>> np.interp(np.array([0.0, 1.5, 3.0, 9.0]), xp, fp)
        Array([10., 15., 10.,  0.], dtype=float32)
        >>> np.interp(np.array([0.0, 5.0]), xp, fp, left="extrapolate", right=np.nan)
        Array([ 0., nan], dtype=float32)
    """
    if np.shape(xp) != np.shape(fp) or len(np.shape(xp)) != 1:
        raise ArgumentValueError("xp and fp must be one-dimensional arrays of equal size")
    x, xp = (inexact("interp", v) for v in promote_dtype("interp", x, xp))
    if typeof(x).dtype.kind == "c":
        raise ArgumentValueError("interp: complex places are not supported")
    fp = inexact("interp", fp)
    if period is not None:
        x, xp = ar.remainder(x, period), ar.remainder(xp, period)
        order = sorting.argsort(xp)
        xp, fp = (taking.take(v, order, 0, mode="clip") for v in (xp, fp))
        xp = joining.concatenate([ar.subtract(xp[-1:], period), xp, ar.add(xp[:1], period)])
        fp = joining.concatenate([fp[-1:], fp, fp[:1]])
    n = typeof(xp).shape[0]
    i = ar.clip(sorting.searchsorted(xp, x, "right"), 1, max(n - 1, 1))
    low, high = (taking.take(xp, v, 0, mode="clip") for v in (ar.subtract(i, 1), i))
    first, last = (taking.take(fp, v, 0, mode="clip") for v in (ar.subtract(i, 1), i))
    width = ar.subtract(high, low)
    flat = logic.equal(width, 0)
    share = ar.divide(ar.subtract(x, low), searching.where(flat, 1, width))
    out = searching.where(flat, first, ar.add(first, ar.multiply(share, ar.subtract(last, first))))
    if period is None:
        out = _beyond(out, logic.less(x, xp[0]), fp[0], left)  # pyright: ignore[reportIndexIssue]
        out = _beyond(out, logic.greater(x, xp[-1]), fp[-1], right)  # pyright: ignore[reportIndexIssue]
    return out


def _beyond(out: Any, outside: Any, edge: Any, value: Any) -> Any:
    if isinstance(value, str):
        if value != "extrapolate":
            raise ArgumentValueError(
                "the only valid string value of `left` and `right` is 'extrapolate', "
                f"but got: {value!r}"
            )
        return out
    return searching.where(outside, edge if value is None else value, out)


@fusion.whole(1, "discont", "period")
def unwrap(
    p: ArrayLike, discont: ArrayLike | None = None, axis: int = -1, period: ArrayLike = 2 * math.pi
) -> Array:
    """Angles without jumps: those of more than half a period become their complement.

    Args:
        p: angles; integers stay integers where `period` is one.
        discont: least jump that is replaced; half a period by default, and at least that.
        axis: dimension along which they follow each other, negative from the end.
        period: what an angle may change by without a difference, 2 pi by default.

    Returns:
        Array of the shape of `p`. The first angle stays as it is.

    Raises:
        ValueError: `p` is complex, or has no such dimension.

    Example:
        >>> np.unwrap(np.array([350, 10, 20]), period=360)
        Array([350, 370, 380], dtype=int32)
        >>> np.unwrap(np.array([3.0, 6.0, 9.0 - 2 * np.pi])).round(2)
        Array([3., 6., 9.], dtype=float32)
    """
    p = operand("unwrap", p)
    if typeof(p).dtype.kind == "c":
        raise ArgumentValueError("unwrap does not support complex inputs.")
    whole = typeof(period).dtype.kind in "iu"
    p = p if whole or is_inexact(typeof(p).dtype) else inexact("unwrap", p)
    axis = axis_index(axis, typeof(p).ndim)
    if typeof(p).shape[axis] == 0:
        return ar.positive(p)
    half = ar.divide(period, 2) if is_inexact(typeof(p).dtype) else ar.floor_divide(period, 2)
    jump = diff(p, axis=axis)
    folded = ar.subtract(ar.remainder(ar.add(jump, half), period), half)
    edge = logic.logical_and(logic.equal(folded, ar.negative(half)), logic.greater(jump, 0))
    folded = searching.where(edge, half, folded)
    limit = half if discont is None else ar.maximum(discont, half)
    fix = searching.where(logic.less(el.abs(jump), limit), 0, ar.subtract(folded, jump))
    first = part(p, axis, 0, 1)
    rest = ar.add(part(p, axis, 1, typeof(p).shape[axis]), running.cumsum(fix, axis))
    return joining.concatenate([first, rest], axis)
