"""Softmax, sums of exponentials, norms: elements in relation to the others along dimensions."""

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
from ms_func.numpy.axes import axes_and_names, axes_tuple
from ms_func.numpy.promotion import ArrayLike, inexact, promote_dtype
from ms_func.numpy.reductions import Axis
from ms_func.primitives import compare
from ms_func.primitives import elementwise as pe


def _peak(x: Any, axis: Axis, where: Any) -> Any:
    """Maximum along dimensions, not differentiated."""
    floor = -math.inf if where is not None or 0 in typeof(x).shape else None
    return stop_gradient(reductions.max(x, axis, keepdims=True, where=where, initial=floor))


def _below(x: Any, peak: Any, where: Any) -> Any:
    """`x - peak`; 0 outside of `where`, so that nothing there overflows, in derivatives too."""
    shifted = ar.subtract(x, peak)
    return shifted if where is None else searching.where(where, shifted, 0)


def softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """`exp(x)` divided by its sum along dimensions.

    Args:
        x: real or complex array; integers become floats.
        axis: dimensions that sum to 1; a tuple for several, None for all.
        where: elements to count, boolean, broadcasting to `x`; the others give 0, and their
            derivative is 0. Where none is left all are 0.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> print(softmax(np.array([1000.0, 1000.0, -np.inf])))
        [0.5 0.5 0. ]
        >>> print(softmax(np.zeros(3), where=np.array([True, True, False])))
        [0.5 0.5 0. ]
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
    shares = el.exp(_below(x, _peak(x, axis, where), where))
    if where is None:
        return _parts(shares, reductions.sum(shares, axis, keepdims=True))
    counted = manipulation.broadcast_to(where, typeof(x).shape)
    some = reductions.any(counted, axis, keepdims=True)
    total = reductions.sum(shares, axis, keepdims=True, where=counted)
    return searching.where(counted, _parts(shares, searching.where(some, total, 1)), 0)


def _parts(shares: Any, total: Any) -> Any:
    """`shares / total`, of which reverse mode keeps the shares and a number for each total."""
    return ar.multiply(shares, ar.divide(1, total))


def log_softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """`log(softmax(x))`, accurate where the softmax underflows.

    Args:
        x: real or complex array; integers become floats.
        axis: dimensions whose exponentials sum to 1; a tuple for several, None for all.
        where: elements to count, boolean; the others give -inf.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> print(log_softmax(np.array([0.0, 1000.0])))
        [-1000.     0.]
    """
    return _over_axis(_log_softmax, inexact("log_softmax", x), axis, where)


def _log_softmax(x: Any, *args: Any) -> Any:
    *mask, axis = args
    where = mask[0] if mask else None
    shifted = _below(x, _peak(x, axis, where), where)
    total = reductions.sum(el.exp(shifted), axis, keepdims=True, where=where)
    out = ar.subtract(shifted, el.log(total))
    return out if where is None else searching.where(where, out, -math.inf)


def logsumexp(
    a: ArrayLike, axis: Axis = None, b: ArrayLike | None = None, keepdims: bool = False,
    return_sign: bool = False, where: ArrayLike | None = None,
) -> Any:  # fmt: skip
    """`log(sum(b * exp(a)))` along dimensions, without overflow.

    Args:
        a: real or complex array; integers become floats.
        axis: dimensions, all by default.
        b: factors, 1 by default; they broadcast with `a`. 0 leaves an element out.
        keepdims: keep the dimensions with size 1.
        return_sign: also return the sign of the sum, whose logarithm of magnitude is given.
            Without it a negative sum gives NaN.
        where: elements to count, boolean.

    Returns:
        Array, or a pair of arrays with `return_sign`. No elements give -inf.

    Raises:
        ValueError: there is no such dimension, or `b` does not broadcast.

    Example:
        >>> print(f"{logsumexp(np.array([1000.0, 1000.0])):.3f}")
        1000.693
        >>> [v.item() for v in logsumexp(np.zeros(2), b=np.array([1.0, -2.0]), return_sign=True)]
        [0.0, -1.0]
    """
    if b is not None:
        a, b = (inexact("logsumexp", v) for v in promote_dtype("logsumexp", a, b))
        a = searching.where(logic.not_equal(b, 0), a, -math.inf)  # pyright: ignore[reportArgumentType]
    else:
        a = inexact("logsumexp", a)
    real = el.real(a) if typeof(a).dtype.kind == "c" else a
    peak = _peak(real, axis, where)
    peak = compare.select(logic.isfinite(peak), peak, 0)
    scaled = el.exp(_below(a, peak, where))
    scaled = scaled if b is None else ar.multiply(b, scaled)
    total = reductions.sum(scaled, axis, keepdims=keepdims, where=where)
    axes = [a for a in axes_and_names(axis, typeof(peak).ndim) if type(a) is int]
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
    """`log(mean(exp(x)))` along dimensions, without overflow.

    Args:
        x: real or complex array; integers become floats.
        axis: dimensions, all by default.
        where: elements to count, boolean; where none is left the result is NaN.
        keepdims: keep the dimensions with size 1.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> logmeanexp(np.array([1000.0, 1000.0])).item()
        1000.0
    """
    x = inexact("logmeanexp", x)
    total = logsumexp(x, axis, keepdims=keepdims, where=where)
    if where is None:
        shape = typeof(x).shape
        size = math.prod(shape[i] for i in axes_tuple(axis, len(shape)))
        count: Any = math.log(size) if size else -math.inf
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
        x: real array, for "two_pass" a complex one too; integers become floats.
        axis: dimensions; a tuple for several.
        mean: mean, computed where None; broadcasts with `x`.
        variance: variance, computed where None.
        epsilon: added to the variance.
        where: elements that mean and variance count.
        algorithm: "fast" computes the variance as mean of squares minus square of the mean,
            "two_pass" from the distances, which is right where the mean is large.

    Raises:
        ValueError: there is no such dimension, shapes do not broadcast, or `x` is complex where
            the variance would be that of "fast".

    Example:
        >>> x = np.array([10000.0, 10001.0])
        >>> for way in ("fast", "two_pass"):
        ...     print(np.array_str(standardize(x, algorithm=way), precision=1))
        [-158.1  158.1]
        [-1.  1.]
    """
    x = inexact("standardize", x)
    if mean is None:
        mean = means.mean(x, axis, keepdims=True, where=where)
    if variance is None and algorithm == "two_pass":
        variance = means.var(x, axis, keepdims=True, where=where, mean=mean)
    elif variance is None:
        squares = means.mean(ar.square(x), axis, keepdims=True, where=where)
        variance = ar.clip(ar.subtract(squares, ar.square(mean)), 0)
    return ar.multiply(ar.subtract(x, mean), pe.rsqrt(ar.add(variance, epsilon)))


def layer_norm(
    x: ArrayLike, scale: ArrayLike | None = None, bias: ArrayLike | None = None,
    axis: Axis = -1, epsilon: ArrayLike = 1e-6,
) -> Array:  # fmt: skip
    """`x` with mean 0 and variance 1 along dimensions, times `scale`, plus `bias`.

    Args:
        x: real array; integers become floats.
        scale: factors that broadcast with `x`; none by default.
        bias: terms that broadcast with `x`; none by default.
        axis: dimensions; a tuple for several.
        epsilon: added to the variance.

    Raises:
        ValueError: there is no such dimension, or shapes do not broadcast.

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

    Args:
        x: real or complex array; integers become floats.
        scale: factors that broadcast with `x`; none by default.
        axis: dimensions; a tuple for several.
        epsilon: added to the mean square.

    Raises:
        ValueError: there is no such dimension, or shapes do not broadcast.

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

    Raises:
        ValueError: there is no such dimension, or shapes do not broadcast.

    Reference:
        Ioffe, Szegedy, "Batch normalization", ICML 2015.

    Example:
        >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
        >>> print(batch_norm(x, epsilon=0.0))
        [[-1. -1.]
         [ 1.  1.]]
        >>> print(batch_norm(x, mean=np.zeros(2), variance=np.full(2, 4.0), epsilon=0.0))
        [[ 0.5  5. ]
         [ 1.5 15. ]]
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

    Example:
        >>> print(group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), 2, epsilon=0.0))
        [[-1.  1. -1.  1.]]
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
