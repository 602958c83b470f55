"""Quantiles, percentiles and medians, by NumPy's methods.

The methods are those of R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages"
(1996): each gives a place among the sorted elements, and interpolates between two of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.dtypes import join
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import (
    fusion,
    logic,
    manipulation,
    reductions,
    rounding,
    running,
    searching,
    sorting,
    taking,
)
from ms_func.numpy.axes import axes_tuple
from ms_func.numpy.promotion import (
    ArrayLike,
    convert,
    inexact,
    no_out,
    settled,
    strong,
)
from ms_func.numpy.reductions import Axis
from ms_func.primitives.sharding import constrained

_CONTINUOUS = {
    "interpolated_inverted_cdf": (0.0, 1.0), "hazen": (0.5, 0.5), "weibull": (0.0, 0.0),
    "linear": (1.0, 1.0), "median_unbiased": (1 / 3, 1 / 3), "normal_unbiased": (3 / 8, 3 / 8),
}  # fmt: skip
"""Plotting positions (alpha, beta) of the methods that interpolate."""
_METHODS = (
    *_CONTINUOUS, "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "lower",
    "higher", "midpoint", "nearest",
)  # fmt: skip


def quantile(
    a: ArrayLike, q: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Values below which the parts `q` (between 0 and 1) of the elements lie.

    Args:
        a: array; integers and booleans become floats. NaN gives NaN.
        q: parts, between 0 and 1; the dimensions of the result begin with those of `q`.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        overwrite_input: accepted for compatibility; arrays are values.
        method: how to choose between two elements: "linear" (between them), "lower", "higher",
            "midpoint", "nearest", or one of the other eight of NumPy's names.
        keepdims: keep the reduced dimensions with size 1.
        weights: how much each element counts, of the shape of `a`, or a vector along `axis`; only
            with the method "inverted_cdf".

    Returns:
        Array of the floating dtype of `a`. NaN where there is no element.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: there is no such method or dimension, a part is known to lie outside of
            [0, 1], `a` is complex, or the weights do not fit.
        TypeError: weights of another shape without an axis.

    Reference:
        R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages" (1996).

    Example:
        >>> a = np.array([1.0, 2.0, 4.0])
        >>> np.quantile(a, 0.25), np.quantile(a, np.array([0, 1]))
        (Array(1.5, dtype=float32), Array([1., 4.], dtype=float32))
        >>> np.quantile(a, 0.25, method="lower")
        Array(1., dtype=float32)
    """
    return _quantile("quantile", a, q, axis, out, method, keepdims, weights, False)


def nanquantile(
    a: ArrayLike, q: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`quantile` of the elements that are numbers.

    Args:
        a: array; integers and booleans become floats. NaN is left out.
        q: parts, between 0 and 1; the dimensions of the result begin with those of `q`.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        overwrite_input: accepted for compatibility; arrays are values.
        method: how to choose between two elements: "linear" (between them), "lower", "higher",
            "midpoint", "nearest", or one of the other eight of NumPy's names.
        keepdims: keep the reduced dimensions with size 1.
        weights: how much each element counts, of the shape of `a`, or a vector along `axis`; only
            with the method "inverted_cdf".

    Returns:
        Array of the floating dtype of `a`. NaN where there is no number.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: there is no such method or dimension, a part is known to lie outside of
            [0, 1], `a` is complex, or the weights do not fit.
        TypeError: weights of another shape without an axis.

    Reference:
        R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages" (1996).

    Example:
        >>> a = np.array([1.0, np.nan, 2.0, 4.0])
        >>> np.nanquantile(a, 0.25), np.nanquantile(a, np.array([0, 1]))
        (Array(1.5, dtype=float32), Array([1., 4.], dtype=float32))
        >>> np.nanquantile(a, 0.25, method="lower")
        Array(1., dtype=float32)
    """
    return _quantile("nanquantile", a, q, axis, out, method, keepdims, weights, True)


def percentile(
    a: ArrayLike, q: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: ArrayLike | None = None,
    out_sharding: Any = None,
) -> Array:  # fmt: skip
    """`quantile` with parts in percent.

    Args:
        a: array; integers and booleans become floats. NaN gives NaN.
        q: parts, between 0 and 100; the dimensions of the result begin with those of `q`.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        overwrite_input: accepted for compatibility; arrays are values.
        method: how to choose between two elements: "linear" (between them), "lower", "higher",
            "midpoint", "nearest", or one of the other eight of NumPy's names.
        keepdims: keep the reduced dimensions with size 1.
        weights: how much each element counts, of the shape of `a`, or a vector along `axis`; only
            with the method "inverted_cdf".
        out_sharding: sharding of the result.

    Returns:
        Array of the floating dtype of `a`. NaN where there is no element.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: there is no such method or dimension, a part is known to lie outside of
            [0, 100], `a` is complex, or the weights do not fit.
        TypeError: weights of another shape without an axis.

    Reference:
        R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages" (1996).

    Example:
        >>> a = np.array([1.0, 2.0, 4.0])
        >>> np.percentile(a, 25), np.percentile(a, np.array([0, 100]))
        (Array(1.5, dtype=float32), Array([1., 4.], dtype=float32))
        >>> np.percentile(a, 25, method="lower")
        Array(1., dtype=float32)
    """
    found = _quantile("percentile", a, q, axis, out, method, keepdims, weights, False, 100)
    return found if out_sharding is None else constrained(found, out_sharding)


def nanpercentile(
    a: ArrayLike, q: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`nanquantile` with parts in percent.

    Args:
        a: array; integers and booleans become floats. NaN is left out.
        q: parts, between 0 and 100; the dimensions of the result begin with those of `q`.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        overwrite_input: accepted for compatibility; arrays are values.
        method: how to choose between two elements: "linear" (between them), "lower", "higher",
            "midpoint", "nearest", or one of the other eight of NumPy's names.
        keepdims: keep the reduced dimensions with size 1.
        weights: how much each element counts, of the shape of `a`, or a vector along `axis`; only
            with the method "inverted_cdf".

    Returns:
        Array of the floating dtype of `a`. NaN where there is no number.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: there is no such method or dimension, a part is known to lie outside of
            [0, 100], `a` is complex, or the weights do not fit.
        TypeError: weights of another shape without an axis.

    Reference:
        R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages" (1996).

    Example:
        >>> a = np.array([1.0, np.nan, 2.0, 4.0])
        >>> np.nanpercentile(a, 25), np.nanpercentile(a, np.array([0, 100]))
        (Array(1.5, dtype=float32), Array([1., 4.], dtype=float32))
        >>> np.nanpercentile(a, 25, method="lower")
        Array(1., dtype=float32)
    """
    return _quantile("nanpercentile", a, q, axis, out, method, keepdims, weights, True, 100)


@fusion.whole(1)
def median(
    a: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:  # fmt: skip
    """Middle element along dimensions, or the mean of the two middle ones; NaN of NaN.

    Args:
        a: array; integers and booleans become floats.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        overwrite_input: accepted for compatibility; arrays are values.
        keepdims: keep the reduced dimensions with size 1.

    Returns:
        Array with a floating dtype, without the reduced dimensions.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` is complex, or has no such dimension.

    Example:
        >>> np.median(np.array([[3.0, 1.0, 2.0], [9.0, np.nan, 1.0]]), axis=1)
        Array([ 2., nan], dtype=float32)
    """
    return _quantile("median", a, 0.5, axis, out, "midpoint", keepdims, None, False)


@fusion.whole(1)
def nanmedian(
    a: ArrayLike, axis: Axis = None, out: None = None, overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:  # fmt: skip
    """`median` of the elements that are numbers; NaN where there is none.

    Args:
        a: array; integers and booleans become floats.
        axis: dimension, several of them, or all by default; negative ones count from the end.
        out: not supported.
        overwrite_input: accepted for compatibility; arrays are values.
        keepdims: keep the reduced dimensions with size 1.

    Returns:
        Array with a floating dtype, without the reduced dimensions.

    Raises:
        NotImplementedError: `out` is given.
        ValueError: `a` is complex, or has no such dimension.

    Example:
        >>> np.nanmedian(np.array([[3.0, 1.0, 2.0], [9.0, np.nan, 1.0]]), axis=1)
        Array([2., 5.], dtype=float32)
    """
    return _quantile("nanmedian", a, 0.5, axis, out, "midpoint", keepdims, None, True)


def _check_parts(name: str, q: Any, top: int) -> None:
    """Refuse parts out of range where their values are at hand without waiting."""
    if type(q) in (float, int) and 0 <= q <= top:
        return
    if isinstance(q, (int, float, np.ndarray, np.generic)):
        values = np.asarray(q)
        if not np.all((values >= 0) & (values <= top) | np.isnan(values)):
            raise ArgumentValueError(f"{name}: q must be in the range [0, {top}], got {q!r}")


def _quantile(
    name: str, a: Any, q: Any, axis: Axis, out: None, method: str, keepdims: bool, weights: Any,
    skip_nan: bool, top: int = 1,
) -> Any:  # fmt: skip
    """Quantiles by what the public functions take; `q` lies between 0 and `top`."""
    no_out(name, out)
    if method not in _METHODS:
        raise ArgumentValueError(
            f"{name}: method can only be one of {', '.join(_METHODS)}; got {method!r}"
        )
    _check_parts(name, q, top)
    if weights is None:
        return _plain(a, q, name, axis, method, keepdims, skip_nan, top)
    return _weighted(a, q, weights, name, axis, method, keepdims, skip_nan, top)


@fusion.whole(2)
def _plain(
    a: Any, q: Any, name: str, axis: Axis, method: str, keepdims: bool, skip_nan: bool, top: int
) -> Any:
    a, q, axes = _prepared(a, q, name, axis, top)
    return fusion.run(_quantile_program, (a, q), axes, method, bool(keepdims), skip_nan)


@fusion.whole(3)
def _weighted(
    a: Any, q: Any, weights: Any, name: str, axis: Axis, method: str, keepdims: bool,
    skip_nan: bool, top: int,
) -> Any:  # fmt: skip
    if method != "inverted_cdf":
        raise ArgumentValueError(f"{name} with weights takes the method 'inverted_cdf' only")
    a, q, axes = _prepared(a, q, name, axis, top)
    w = _weights(name, inexact(name, weights), typeof(a).shape, axis, axes)
    return fusion.run(_weighted_program, (a, q, w), axes, method, bool(keepdims), skip_nan)


def _prepared(a: Any, q: Any, name: str, axis: Axis, top: int) -> tuple[Any, Any, tuple[int, ...]]:
    """Elements and parts of 1, both of a floating dtype, and the dimensions to reduce."""
    a, q = strong(inexact(name, settled(name, a))), settled(name, q)
    if "c" in (typeof(a).dtype.kind, typeof(q).dtype.kind):
        raise ArgumentValueError(
            "quantile does not support complex input, as the operation is poorly defined."
        )
    q = convert(q, _fine(typeof(a).dtype))
    return a, q if top == 1 else ar.divide(q, top), axes_tuple(axis, typeof(a).ndim)


def _fine(dtype: np.dtype) -> np.dtype:
    """The floating dtype that holds parts, and places among many elements of `dtype`."""
    return join(dtype, False, np.dtype(np.float32), False)[0]


def _weights(name: str, w: Any, shape: tuple[int, ...], axis: Axis, axes: Any) -> Any:
    """Weights of the shape of the elements."""
    if typeof(w).shape == shape:
        return w
    if axis is None:
        raise ArgumentTypeError(
            f"{name}: axis must be specified when shapes of a and weights differ."
        )
    if typeof(w).shape != tuple(shape[i] for i in axes):
        raise ArgumentValueError(
            f"{name}: shape of weights must be consistent with shape of a along the axis."
        )
    spread = [n if i in axes else 1 for i, n in enumerate(shape)]
    return manipulation.broadcast_to(manipulation.reshape(w, spread), shape)


def _rows(a: Any, axes: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """`a` with the reduced dimensions made one at the end, and the sizes of the others."""
    t = typeof(a)
    kept = [i for i in range(t.ndim) if i not in axes]
    lead = tuple(t.shape[i] for i in kept)
    rows = manipulation.moveaxis(a, axes, range(len(kept), t.ndim))
    return manipulation.reshape(rows, (*lead, math.prod(t.shape[i] for i in axes))), lead


def _restored(
    out: Any, parts: tuple[int, ...], shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool
) -> Any:
    lead = tuple([1 if i in axes else m for i, m in enumerate(shape) if keepdims or i not in axes])
    return manipulation.reshape(out, (*parts, *lead))


def _quantile_program(
    a: Any, q: Any, axes: tuple[int, ...], method: str, keepdims: bool, skip_nan: bool
) -> Any:
    """Sort the dimensions made one, then interpolate between two elements of each row."""
    rows, lead = _rows(a, axes)
    n, dtype = typeof(rows).shape[-1], typeof(a).dtype
    rows = sorting.sort(rows)
    fine = _fine(dtype)
    if skip_nan:
        numbers = logic.logical_not(logic.isnan(rows))
        count = convert(reductions.sum(numbers, -1, np.int32), fine)
    else:
        count = np.asarray(n, fine)[()]
    flat = manipulation.reshape(convert(q, fine), (-1, *[1] * len(lead)))
    place, share = _place(flat, count, method)
    last = ar.maximum(ar.subtract(count, 1), 0)
    low, high = (ar.clip(v, 0, last) for v in (place, ar.add(place, 1)))
    below, above = (_at(rows, v, lead) for v in (low, high))
    share = convert(share, dtype)
    out = searching.where(logic.equal(share, 0), below, searching.where(
        logic.equal(share, 1), above, _between(below, above, share)
    ))  # fmt: skip
    nan = logic.isnan(rows[..., 0 if skip_nan else -1]) if n else True  # sorted: NaN is last
    bad = logic.logical_or(nan, logic.isnan(flat))
    out = searching.where(bad, math.nan, out)
    return _restored(out, typeof(q).shape, typeof(a).shape, axes, keepdims)


def _between(below: Any, above: Any, share: Any) -> Any:
    """The mean with weights; of equal elements exactly those, with the derivative by both."""
    mixed = ar.add(ar.multiply(below, ar.subtract(1, share)), ar.multiply(above, share))
    tie = logic.logical_and(logic.equal(below, above), logic.isfinite(below))
    exact = ar.add(below, ar.multiply(ar.subtract(above, below), share))
    return searching.where(tie, exact, mixed)


def _place(q: Any, n: Any, method: str) -> tuple[Any, Any]:
    """Whole place of the element below the quantile, and the share of the one above."""
    if method in _CONTINUOUS:
        return _continuous_place(q, n, method)
    if method in ("lower", "higher", "midpoint", "nearest"):
        return _place_beside(q, n, method)
    half = 0.5 if method == "closest_observation" else 0.0
    place = ar.subtract(ar.multiply(n, q), 1 + half)
    low = rounding.floor(place)
    whole = logic.equal(place, low)
    if method == "averaged_inverted_cdf":
        return low, searching.where(whole, 0.5, 1.0)
    if method == "closest_observation":
        whole = logic.logical_and(whole, logic.equal(ar.remainder(low, 2), 1))
    return low, searching.where(whole, 0.0, 1.0)


def _continuous_place(q: Any, n: Any, method: str) -> tuple[Any, Any]:
    """The place by a method whose quantiles are continuous in the part."""
    alpha, beta = _CONTINUOUS[method]
    place = ar.subtract(ar.add(ar.multiply(n, q), alpha), 1)
    place = ar.add(place, ar.multiply(q, 1 - alpha - beta))
    if method == "linear":
        place = ar.multiply(q, ar.subtract(n, 1))
    low = rounding.floor(place)
    inside = logic.greater_equal(place, 0)
    return low, searching.where(inside, ar.subtract(place, low), 0)


def _place_beside(q: Any, n: Any, method: str) -> tuple[Any, Any]:
    """The place by a method that takes one of the elements beside "linear", or their mean."""
    place = ar.multiply(q, ar.subtract(n, 1))
    low = rounding.floor(place)
    if method == "lower":
        return low, ar.multiply(low, 0)
    if method == "nearest":
        return low, ar.subtract(rounding.round(place), low)
    share = 1.0 if method == "higher" else 0.5
    return low, searching.where(logic.equal(place, low), 0.0, share)


def _at(rows: Any, place: Any, lead: tuple[int, ...]) -> Any:
    """Elements of each row at whole places, `[quantiles, *lead]`."""
    count = typeof(place).shape[0]
    index = convert(manipulation.broadcast_to(place, (count, *lead)), np.dtype(np.int32))
    if not typeof(rows).shape[-1]:
        return manipulation.broadcast_to(np.asarray(math.nan, typeof(rows).dtype), (count, *lead))
    found = taking.take_along_axis(rows, manipulation.moveaxis(index, 0, -1), -1, mode="clip")
    return manipulation.moveaxis(found, -1, 0)


def _weighted_program(
    a: Any, q: Any, w: Any, axes: tuple[int, ...], method: str, keepdims: bool, skip_nan: bool
) -> Any:
    """The first element at which the running sum of the sorted weights reaches the part."""
    rows, lead = _rows(a, axes)
    weights, _ = _rows(convert(w, typeof(a).dtype), axes)
    nan = logic.isnan(rows)
    if skip_nan:
        weights = searching.where(nan, 0, weights)
    order = sorting.argsort(rows, -1)
    rows, weights = (taking.take_along_axis(v, order, -1, mode="clip") for v in (rows, weights))
    sums = running.cumsum(weights, -1)
    sums = ar.divide(sums, sums[..., -1:])
    sums = searching.where(logic.equal(sums, 0), -1, sums)
    flat = manipulation.reshape(convert(q, typeof(a).dtype), (-1, *[1] * (len(lead) + 1)))
    place = reductions.sum(logic.less(sums, flat), -1, np.int32)
    out = _at(rows, ar.minimum(place, typeof(rows).shape[-1] - 1), lead)
    bad = reductions.all(nan, -1) if skip_nan else reductions.any(nan, -1)
    out = searching.where(bad, math.nan, out)
    return _restored(out, typeof(q).shape, typeof(a).shape, axes, keepdims)
