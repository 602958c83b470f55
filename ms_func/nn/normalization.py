"""Softmax, sums of exponentials, standardisation: everything relative to dimensions."""

from __future__ import annotations

import math
from operator import index
from typing import Any

import numpy as np

from ms_func.control_flow.identities import stop_gradient
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion, logic, manipulation, means, reductions, searching
from ms_func.numpy.promotion import ArrayLike, inexact, promote_dtype
from ms_func.numpy.reductions import Axis
from ms_func.primitives import compare
from ms_func.primitives import elementwise as pe


def _peak(x: Any, axis: Axis, where: Any) -> Any:
    """Maximum along dimensions, finite where all is -inf, and not differentiated."""
    floor = -math.inf if where is not None or 0 in typeof(x).shape else None
    top = reductions.max(x, axis, keepdims=True, where=where, initial=floor)
    return stop_gradient(compare.select(logic.isfinite(top), top, 0))


def softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """`exp(x)` divided by its sum along dimensions.

    Args:
        x: array.
        axis: dimensions that sum to 1.
        where: elements to count; the others give 0.
    """
    return _over_axis(_softmax, inexact("softmax", x), axis, where)


def _over_axis(body: Any, x: Any, axis: Axis, where: Any) -> Any:
    axes: Any = tuple(map(_number, axis)) if isinstance(axis, (tuple, list)) else _number(axis)
    if where is None:
        return fusion.run(body, (x,), axes)
    return fusion.run(body, (x, logic.truth("where", where)), axes)


def _number(axis: Any) -> Any:
    """A dimension as a Python integer; None and names of axes as they are."""
    return index(axis) if hasattr(axis, "__index__") else axis


def _softmax(x: Any, *args: Any) -> Any:
    *mask, axis = args
    where = mask[0] if mask else None
    shifted = el.exp(ar.subtract(x, _peak(x, axis, where)))
    if where is not None:
        shifted = searching.where(where, shifted, 0)
    return ar.divide(shifted, reductions.sum(shifted, axis, keepdims=True))


def log_softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """`log(softmax(x))`, accurate where the softmax underflows; -inf outside of `where`."""
    return _over_axis(_log_softmax, inexact("log_softmax", x), axis, where)


def _log_softmax(x: Any, *args: Any) -> Any:
    *mask, axis = args
    where = mask[0] if mask else None
    shifted = ar.subtract(x, _peak(x, axis, where))
    total = reductions.sum(el.exp(shifted), axis, keepdims=True, where=where)
    out = ar.subtract(shifted, el.log(total))
    return out if where is None else searching.where(where, out, -math.inf)


def logsumexp(
    a: ArrayLike, axis: Axis = None, b: ArrayLike | None = None, keepdims: bool = False,
    return_sign: bool = False, where: ArrayLike | None = None,
) -> Any:  # fmt: skip
    """`log(sum(b * exp(a)))` along dimensions, without overflow.

    Args:
        a: array.
        axis: dimensions, all by default.
        b: factors, 1 by default.
        keepdims: keep the dimensions with size 1.
        return_sign: also return the sign of the sum, whose logarithm of magnitude is given.
        where: elements to count.
    """
    if b is not None:
        a, b = promote_dtype("logsumexp", inexact("logsumexp", a), b)
        a = searching.where(logic.not_equal(b, 0), a, -math.inf)  # pyright: ignore[reportArgumentType]
    else:
        a = inexact("logsumexp", a)
    real = el.real(a) if typeof(a).dtype.kind == "c" else a
    peak = _peak(real, axis, where)
    scaled = el.exp(ar.subtract(a, peak))
    scaled = scaled if b is None else ar.multiply(b, scaled)
    total = reductions.sum(scaled, axis, keepdims=keepdims, where=where)
    axes = [a for a in manipulation.axes_and_names(axis, typeof(peak).ndim) if type(a) is int]
    base = peak if keepdims else manipulation.squeeze(peak, tuple(axes))
    if return_sign:
        sign = el.sign(total)
        return ar.add(el.log(el.abs(total)), base), sign
    if b is not None and typeof(total).dtype.kind != "c":
        total = searching.where(logic.less(total, 0), math.nan, total)
    return ar.add(el.log(total), base)


def logmeanexp(
    x: ArrayLike, axis: Axis = None, where: ArrayLike | None = None, keepdims: bool = False
) -> Array:
    """`log(mean(exp(x)))` along dimensions, without overflow."""
    x = inexact("logmeanexp", x)
    total = logsumexp(x, axis, keepdims=keepdims, where=where)
    if where is None:
        shape = typeof(x).shape
        count: Any = math.log(
            math.prod(shape[i] for i in manipulation.axes_tuple(axis, len(shape)))
        )
    else:
        full = manipulation.broadcast_to(where, typeof(x).shape)
        count = el.log(reductions.sum(full, axis, np.float32, keepdims=keepdims))
    return ar.subtract(total, count)


@fusion.whole(1, "mean", "variance", "epsilon", "where")
def standardize(
    x: ArrayLike, axis: Axis = -1, mean: ArrayLike | None = None,
    variance: ArrayLike | None = None, epsilon: ArrayLike = 1e-5,
    where: ArrayLike | None = None, *, algorithm: str = "fast",
) -> Array:  # fmt: skip
    """`(x - mean) / sqrt(variance + epsilon)` along dimensions.

    Args:
        x: array.
        axis: dimensions.
        mean: mean, computed where None.
        variance: variance, computed where None.
        epsilon: added to the variance.
        where: elements that mean and variance count.
        algorithm: "fast" computes the variance as mean of squares minus square of the mean,
            "two_pass" from the distances.
    """
    x = inexact("standardize", x)
    if mean is None:
        mean = means.mean(x, axis, keepdims=True, where=where)
    if variance is None and algorithm == "two_pass":
        variance = means.var(x, axis, keepdims=True, where=where, mean=mean)
    elif variance is None:
        squares = means.mean(ar.square(x), axis, keepdims=True, where=where)
        variance = ar.maximum(ar.subtract(squares, ar.square(mean)), 0)
    return ar.multiply(ar.subtract(x, mean), pe.rsqrt(ar.add(variance, epsilon)))


def layer_norm(
    x: ArrayLike, scale: ArrayLike | None = None, bias: ArrayLike | None = None,
    axis: Axis = -1, epsilon: ArrayLike = 1e-6,
) -> Array:  # fmt: skip
    """`x` with mean 0 and variance 1 along dimensions, times `scale`, plus `bias`.

    Example:
        >>> print(layer_norm(np.array([1.0, 3.0]), epsilon=0.0))
        [-1.  1.]

    Reference:
        Ba, Kiros, Hinton, "Layer normalization", 2016.
    """
    out = standardize(x, axis, epsilon=epsilon, algorithm="two_pass")
    return _affine(out, scale, bias)


def rms_norm(
    x: ArrayLike, scale: ArrayLike | None = None, axis: Axis = -1, epsilon: ArrayLike = 1e-6
) -> Array:
    """`x` divided by the root of its mean square along dimensions, times `scale`.

    Example:
        >>> rms_norm(np.array([3.0, 3.0]), epsilon=0.0)
        Array([1., 1.], dtype=float32)

    Reference:
        Zhang, Sennrich, "Root mean square layer normalization", NeurIPS 2019.
    """
    x = inexact("rms_norm", x)
    square = means.mean(ar.square(el.abs(x)), axis, keepdims=True)
    return _affine(ar.multiply(x, pe.rsqrt(ar.add(square, epsilon))), scale, None)


def batch_norm(
    x: ArrayLike, scale: ArrayLike | None = None, bias: ArrayLike | None = None,
    mean: ArrayLike | None = None, variance: ArrayLike | None = None, axis: Axis = None,
    epsilon: ArrayLike = 1e-5,
) -> Array:  # fmt: skip
    """`x` with mean 0 and variance 1 of each feature, times `scale`, plus `bias`.

    Args:
        x: `[..., features]`.
        scale: factors `[features]`.
        bias: terms `[features]`.
        mean: mean to subtract instead of that of `x`, such as a running mean.
        variance: variance to divide by instead of that of `x`.
        axis: dimensions that mean and variance are taken over, all but the last by default; names
            of the axes of a `vmap` or of devices may be among them.
        epsilon: added to the variance.

    Reference:
        Ioffe, Szegedy, "Batch normalization", ICML 2015.
    """
    x = inexact("batch_norm", x)
    over = tuple(range(typeof(x).ndim - 1)) if axis is None else axis
    out = standardize(x, over, mean, variance, epsilon, algorithm="two_pass")
    return _affine(out, scale, bias)


def group_norm(
    x: ArrayLike, num_groups: int, scale: ArrayLike | None = None,
    bias: ArrayLike | None = None, epsilon: ArrayLike = 1e-6,
) -> Array:  # fmt: skip
    """`x` with mean 0 and variance 1 of each example and group of features.

    Args:
        x: `[batch, ..., features]`.
        num_groups: number of groups of neighbouring features; 1 for all features together, the
            number of features for each alone ("instance normalisation").
        scale: factors `[features]`.
        bias: terms `[features]`.
        epsilon: added to the variance.

    Raises:
        ValueError: the groups do not divide the features, or there is no batch.

    Reference:
        Wu, He, "Group normalization", ECCV 2018.
    """
    x = inexact("group_norm", x)
    shape = typeof(x).shape
    if len(shape) < 2 or num_groups < 1 or shape[-1] % num_groups:
        raise ArgumentValueError(
            f"group_norm needs x of shape [batch, ..., features] and a divisor of the features, "
            f"got shape {shape} and {num_groups} groups"
        )
    split = manipulation.reshape(x, (*shape[:-1], num_groups, shape[-1] // num_groups))
    over = (*range(1, len(shape) - 1), len(shape))
    out = standardize(split, over, epsilon=epsilon, algorithm="two_pass")
    return _affine(manipulation.reshape(out, shape), scale, bias)


def _affine(x: Any, scale: Any, bias: Any) -> Any:
    x = x if scale is None else ar.multiply(x, scale)
    return x if bias is None else ar.add(x, bias)
