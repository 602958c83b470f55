"""Multinomial distribution: how often each outcome comes in `n` trials."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.execution.array import Array
from ms_func.numpy.promotion import ArrayLike
from ms_func.scipy import special
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["logpmf", "pmf"]
__dir__ = __all__.copy


def logpmf(x: ArrayLike, n: ArrayLike, p: ArrayLike) -> Array:
    """Logarithm of the probability of the counts `x`.

    The probability is `n!` times the product of `p**x / x!`.

    Args:
        x: counts `[..., k]`.
        n: number of trials.
        p: probability of each outcome, `[..., k]`.

    Returns:
        Array `[...]`; -inf where the counts do not sum to `n`.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpmf(np.array([1, 2]), 3, np.array([0.25, 0.75])):.4f}")
        -0.8630
    """
    n, total = np.asarray(n), np.sum(np.asarray(x), axis=-1)
    choices = special.gammaln(n + 1)
    value = choices + np.sum(_terms(x, p), axis=-1)
    return np.where(total == n, value, -math.inf)


@of_reals
def _terms(x: Any, p: Any) -> Any:
    return special.xlogy(x, p) - special.gammaln(x + 1)


pmf = exp_of(logpmf, "pmf", "pmf(np.array([1, 2]), 3, np.array([0.25, 0.75]))", "0.4219")
