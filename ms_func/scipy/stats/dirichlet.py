"""Dirichlet distribution over points of the simplex."""

from __future__ import annotations

import math

from ms_func import numpy as np
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy.promotion import ArrayLike, promote_all
from ms_func.scipy import special
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["logpdf", "pdf"]
__dir__ = __all__.copy

_TOLERANCE = 1e-3
"""How far from 1 the coordinates may sum: single precision, thousands of coordinates."""


def logpdf(x: ArrayLike, alpha: ArrayLike) -> Array:
    """Logarithm of the density.

    Args:
        x: points `[n, ...]`, or `[n - 1, ...]` with the last coordinate left out.
        alpha: concentrations `[n]`.

    Returns:
        Array of the trailing shape of `x`; -inf off the simplex.

    Raises:
        ValueError: `alpha` is no vector, or does not fit `x`.

    Example:
        >>> print(f"{logpdf(np.array([0.2, 0.8]), np.array([2.0, 3.0])):.4f}")
        0.4292
    """
    x, alpha = np.asarray(x), np.asarray(alpha)
    if alpha.ndim != 1:
        raise ArgumentValueError(f"`alpha` must be one-dimensional; got alpha.shape={alpha.shape}")
    x, alpha = (np.asarray(v) for v in _inexact(x, alpha))
    if x.ndim == 0 or x.shape[0] not in (alpha.shape[0], alpha.shape[0] - 1):
        raise ArgumentValueError(
            "`x` must have either the same number of entries as `alpha` or one entry fewer; "
            f"got x.shape={x.shape}, alpha.shape={alpha.shape}"
        )
    if x.shape[0] != alpha.shape[0]:
        x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
    weights = alpha.reshape(alpha.shape + (1,) * (x.ndim - 1))
    scale = special.gammaln(np.sum(alpha)) - np.sum(special.gammaln(alpha))
    value = scale + np.sum(special.xlogy(weights - 1, x), axis=0)
    on = np.all(x >= 0, axis=0) & (np.abs(np.sum(x, axis=0) - 1) < _TOLERANCE)
    return np.where(on, value, -math.inf)


def _inexact(x: Array, alpha: Array) -> list[Array]:
    dtype = np.result_type(*promote_all("dirichlet", (x.ravel()[:1], alpha[:1]), inexact=True))
    return [x.astype(dtype), alpha.astype(dtype)]


pdf = exp_of(logpdf, "pdf", "pdf(np.array([0.2, 0.8]), np.array([2.0, 3.0]))", "1.5360")
