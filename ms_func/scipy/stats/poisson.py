"""Poisson distribution: number of independent events of which `mu` are expected."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.execution.array import Array
from ms_func.numpy.promotion import ArrayLike
from ms_func.scipy import special
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of, whole_from

__all__ = ["cdf", "entropy", "logpmf", "pmf"]
__dir__ = __all__.copy


@of_reals
def logpmf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of `k`; -inf off 0, 1, ....

    The probability is `mu**k exp(-mu) / k!`, of `k` events.

    Args:
        k: numbers, of any real dtype.
        mu: mean, not negative.
        loc: shift of the distribution; 0 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpmf(2, 3.0):.4f}")
        -1.4959
    """
    y = k - loc
    value = special.xlogy(y, mu) - special.gammaln(y + 1) - mu
    return np.where(whole_from(y, 0), value, -math.inf)


@of_reals
def cdf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """Probability of a value up to `k`.

    Args:
        k: numbers, of any real dtype.
        mu: mean, not negative.
        loc: shift of the distribution; 0 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(2, 3.0):.4f}")
        0.4232
    """
    y = np.floor(k - loc)
    return np.where(y < 0, 0, special.gammaincc(np.where(y < 0, 1, y + 1), mu))


pmf = exp_of(logpmf, "pmf", "pmf(2, 3.0)", "0.2240")

_TERMS = 160
_LARGE = 64.0
"""Where the series in 1/mu is as good as the sum, whose terms then still fit `_TERMS`."""


def entropy(mu: ArrayLike, loc: ArrayLike = 0) -> Array:
    """Entropy in nats.

    The sum over the probabilities for small means; for large ones the expansion
    log(2 pi e mu) / 2 - 1 / (12 mu) - 1 / (24 mu^2) - 19 / (360 mu^3).

    Args:
        mu: mean; NaN below 0.
        loc: shift, which changes nothing but the shape.

    Returns:
        Array of the shape that the arguments broadcast to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        Evans, Boersma, "The entropy of a Poisson distribution", SIAM Review 30, 1988.

    Example:
        >>> print(f"{entropy(3.0):.3f}")
        1.931
    """
    return _entropy(mu, loc)


@of_reals
def _entropy(mu: Any, loc: Any) -> Any:
    mu = mu + 0 * loc
    small = np.where(mu < _LARGE, mu, 1)[..., None]
    k = np.arange(_TERMS, dtype=mu.dtype)
    log_p = special.xlogy(k, small) - special.gammaln(k + 1) - small
    p = np.exp(log_p)
    total = -np.sum(p * np.where(p > 0, log_p, 0), axis=-1)
    large = np.where(mu < _LARGE, _LARGE, mu)
    powers = 1 / (12 * large) + 1 / (24 * large**2) + 19 / (360 * large**3)
    series = 0.5 * np.log(2 * math.pi * math.e * large) - powers
    return np.where(mu < 0, math.nan, np.where(mu < _LARGE, total, series))
