"""Normal distribution of vectors."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy import linalg
from ms_func.numpy.promotion import ArrayLike
from ms_func.scipy.linalg import solve_triangular

__all__ = ["logpdf", "pdf"]
__dir__ = __all__.copy

_LOG_2PI = math.log(2 * math.pi)


def logpdf(
    x: ArrayLike, mean: ArrayLike, cov: ArrayLike, allow_singular: bool | None = None
) -> Array:
    """Logarithm of the density at `x`.

    Args:
        x: points `[..., n]`, or numbers where `mean` and `cov` are numbers.
        mean: a number or `[..., n]`.
        cov: a number (a multiple of the identity), variances `[n]` of independent coordinates,
            or covariance matrices `[..., n, n]`.
        allow_singular: not supported.

    Raises:
        NotImplementedError: `allow_singular` is given.
        ValueError: the shapes do not fit.

    Example:
        >>> print(f"{logpdf(np.zeros(2), np.zeros(2), np.eye(2)):.4f}")
        -1.8379
    """
    if allow_singular is not None:
        raise NotImplementedError("allow_singular argument of multivariate_normal.logpdf")
    x, mean, cov = (np.asarray(v) for v in (x, mean, cov))
    dtype = np.result_type(x, mean, cov, np.float32 if not _inexact(x, mean, cov) else x)
    x, mean, cov = (v.astype(dtype) for v in (x, mean, cov))
    if not mean.shape:
        return -0.5 * ((x - mean) ** 2 / cov + _LOG_2PI + np.log(cov))
    n = mean.shape[-1]
    if not cov.shape:
        square = np.sum((x - mean) ** 2, axis=-1) / cov
        return -0.5 * (square + n * (_LOG_2PI + np.log(cov)))
    if cov.ndim < 2 or cov.shape[-2:] != (n, n):
        raise ArgumentValueError("multivariate_normal.logpdf got incompatible shapes")
    return _by_factor(x - mean, cov, n)


def _inexact(*xs: Any) -> bool:
    return any(np.issubdtype(x.dtype, np.inexact) for x in xs)


def _by_factor(gap: Array, cov: Array, n: int) -> Array:
    """With the triangular factor of the covariance matrix."""
    low = linalg.cholesky(cov)
    lead = np.broadcast_shapes(gap.shape[:-1], low.shape[:-2])
    low = np.broadcast_to(low, (*lead, n, n))
    gap = np.broadcast_to(gap, (*lead, n))[..., None]
    z = solve_triangular(low, gap, lower=True)[..., 0]
    log_det = 2 * np.sum(np.log(np.diagonal(low, axis1=-2, axis2=-1)), axis=-1)
    return -0.5 * (np.sum(z * z, axis=-1) + n * _LOG_2PI + log_det)


def pdf(x: ArrayLike, mean: ArrayLike, cov: ArrayLike) -> Array:
    """Density at `x`; the exponential of `logpdf`.

    Args:
        x: points `[..., n]`, or numbers where `mean` and `cov` are numbers.
        mean: a number or `[..., n]`.
        cov: a number (a multiple of the identity) or covariance matrices `[..., n, n]`.

    Returns:
        Array `[...]`; NaN where `cov` is not positive definite.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> print(f"{pdf(np.zeros(2), np.zeros(2), np.eye(2)):.4f}")  # 1 / (2 pi)
        0.1592
    """
    return np.exp(logpdf(x, mean, cov))
