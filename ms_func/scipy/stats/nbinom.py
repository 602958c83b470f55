"""Negative binomial distribution: failures before the `n`-th success of probability `p`."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["logpmf", "pmf"]
__dir__ = __all__.copy


@of_numbers
def logpmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of `k` failures; -inf below 0."""
    y = k - loc
    choices = special.gammaln(y + n) - special.gammaln(y + 1) - special.gammaln(n)
    value = choices + special.xlogy(n, p) + special.xlog1py(y, -p)
    return np.where((y >= 0) & (y == np.floor(y)), value, -math.inf)


pmf = exp_of(logpmf, "pmf")
