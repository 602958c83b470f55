"""Sums of exponentials, softmax, standardisation: everything relative to an axis."""

from __future__ import annotations

from typing import Any

from ms_func import numpy as np
from ms_func.control_flow.identities import stop_gradient
from ms_func.execution.array import Array
from ms_func.nn.activations import floating
from ms_func.numpy.promotion import ArrayLike
from ms_func.primitives import elementwise

Axis = int | tuple[int, ...] | None


def logsumexp(
    a: ArrayLike,
    axis: Axis = None,
    b: ArrayLike | None = None,
    keepdims: bool = False,
    return_sign: bool = False,
    where: ArrayLike | None = None,
) -> Any:
    """`log(sum(b * exp(a)))` along `axis`, without overflow.

    Args:
        a: array.
        axis: axis or axes; None is all.
        b: factors, ones if None.
        keepdims: keep the axes with length 1.
        return_sign: give the logarithm of the magnitude and the sign of the sum.
        where: which elements count.
    """
    a = floating(a)
    counted = a if where is None else np.where(where, a, -np.inf)
    if b is not None:
        counted = np.where(np.asarray(b) == 0, -np.inf, counted)
    top = np.max(np.real(counted), axis=axis, keepdims=True, initial=-np.inf)
    top = stop_gradient(np.where(np.isfinite(top), top, 0))
    terms = np.exp(counted - top)
    if b is not None:
        terms = terms * b
    total = np.sum(terms, axis=axis, keepdims=True)
    sign = np.sign(total)
    if return_sign or np.iscomplexobj(a):
        total = np.abs(total) if return_sign else total
    out = np.log(total) + top
    if not keepdims:
        out, sign = np.squeeze(out, axis), np.squeeze(sign, axis)
    return (out, sign) if return_sign else out


def logmeanexp(
    x: ArrayLike, axis: Axis = None, where: ArrayLike | None = None, keepdims: bool = False
) -> Array:
    """`log(mean(exp(x)))` along `axis`, without overflow."""
    total = logsumexp(x, axis=axis, where=where, keepdims=keepdims)
    count = np.count_nonzero(
        np.ones_like(x, bool) if where is None else np.broadcast_to(where, np.shape(x)),
        axis=axis,
        keepdims=keepdims,
    )
    return total - np.log(count.astype(total.dtype))


def softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """`exp(x) / sum(exp(x))` along `axis`, without overflow; 0 where `where` is false.

    Example:
        >>> softmax(np.zeros(4)).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    x = floating(x)
    counted = x if where is None else np.where(where, x, -np.inf)
    top = stop_gradient(np.max(counted, axis=axis, keepdims=True, initial=-np.inf))
    if where is not None:
        top = np.where(np.isfinite(top), top, 0)
    terms = np.exp(counted - top)
    return terms / np.sum(terms, axis=axis, keepdims=True)


def log_softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """`log(softmax(x))` along `axis`, without overflow; -inf where `where` is false."""
    x = floating(x)
    counted = x if where is None else np.where(where, x, -np.inf)
    top = stop_gradient(np.max(counted, axis=axis, keepdims=True, initial=-np.inf))
    shifted = counted - (top if where is None else np.where(np.isfinite(top), top, 0))
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def standardize(
    x: ArrayLike,
    axis: Axis = -1,
    mean: ArrayLike | None = None,
    variance: ArrayLike | None = None,
    epsilon: ArrayLike = 1e-5,
    where: ArrayLike | None = None,
) -> Array:
    """`(x - mean) / sqrt(variance + epsilon)` with the statistics along `axis`."""
    x = floating(x)
    if mean is None:
        mean = np.mean(x, axis, keepdims=True, where=where)
    if variance is None:
        variance = np.mean(np.square(x), axis, keepdims=True, where=where) - np.square(mean)
    return (x - mean) * elementwise.rsqrt(np.asarray(variance) + epsilon)
