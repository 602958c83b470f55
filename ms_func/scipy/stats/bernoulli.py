"""Bernoulli distribution: 1 with probability `p`, else 0, moved by `loc`."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logpmf", "pmf", "ppf"]
__dir__ = __all__.copy


@of_numbers
def logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of `k`; -inf where `k` is neither 0 nor 1."""
    k = k - loc
    value = special.xlogy(k, p) + special.xlog1py(1 - k, -p)
    return np.where((k == 0) | (k == 1), value, -math.inf)


@of_numbers
def cdf(k: Any, p: Any) -> Any:
    """Probability of a value up to `k`; NaN where `p` is no probability."""
    value = np.where(k < 0, 0, np.where(k < 1, 1 - p, 1))
    return np.where((p >= 0) & (p <= 1) & ~np.isnan(k), value, math.nan)


@of_numbers
def ppf(q: Any, p: Any) -> Any:
    """The least value with `cdf(value) >= q`; NaN where `q` or `p` is no probability."""
    right = (q >= 0) & (q <= 1) & (p >= 0) & (p <= 1)
    return np.where(right, np.where(q == 0, -1, np.where(q <= 1 - p, 0, 1)), math.nan)


pmf = exp_of(logpmf, "pmf")
