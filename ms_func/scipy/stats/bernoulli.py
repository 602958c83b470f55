"""Bernoulli distribution: 1 with probability `p`, else 0, moved by `loc`."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of, whole_from

__all__ = ["cdf", "logpmf", "pmf", "ppf"]
__dir__ = __all__.copy


@of_reals
def logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of `k`; -inf elsewhere.

    The probability is `p` for 1, `1 - p` for 0.

    Args:
        k: numbers, of any real dtype.
        p: probability of 1, in [0, 1].
        loc: shift of the distribution; 0 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpmf(1, 0.25):.4f}")
        -1.3863
    """
    k = k - loc
    value = special.xlogy(k, p) + special.xlog1py(1 - k, -p)
    return np.where(whole_from(k, 0) & ~(k > 1), value, -math.inf)


@of_reals
def cdf(k: Any, p: Any) -> Any:
    """Probability of a value up to `k`.

    Args:
        k: numbers, of any real dtype.
        p: probability of 1, in [0, 1].

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(0, 0.25):.4f}")
        0.7500
    """
    value = np.where(k < 0, 0, np.where(k < 1, 1 - p, 1))
    return np.where((p >= 0) & (p <= 1) & ~np.isnan(k), value, math.nan)


@of_reals
def ppf(q: Any, p: Any) -> Any:
    """Quantiles: the least value with `cdf(value) >= q`; -1 for 0.

    Args:
        q: probabilities in [0, 1]; NaN outside.
        p: probability of 1, in [0, 1].

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{ppf(0.9, 0.25):.4f}")
        1.0000
    """
    right = (q >= 0) & (q <= 1) & (p >= 0) & (p <= 1)
    return np.where(right, np.where(q == 0, -1, np.where(q <= 1 - p, 0, 1)), math.nan)


pmf = exp_of(logpmf, "pmf", "pmf(0, 0.25)", "0.7500")
