"""Geometric distribution: number of trials until the first success, each of probability `p`."""

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
def logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of `k` trials; -inf below 1."""
    y = k - loc
    value = special.xlog1py(y - 1, -p) + np.log(p)
    return np.where((y >= 1) & (y == np.floor(y)), value, -math.inf)


pmf = exp_of(logpmf, "pmf")
