"""Binomial distribution: successes in `n` trials, each with probability `p`."""

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
    """Logarithm of the probability of `k` successes; -inf where there cannot be `k`."""
    y = k - loc
    choices = special.gammaln(n + 1) - special.gammaln(y + 1) - special.gammaln(n - y + 1)
    value = choices + special.xlogy(y, p) + special.xlog1py(n - y, -p)
    return np.where((y >= 0) & (y <= n) & (y == np.floor(y)), value, -math.inf)


pmf = exp_of(logpmf, "pmf")
