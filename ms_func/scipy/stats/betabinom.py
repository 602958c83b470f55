"""Beta-binomial distribution: binomial with a success probability drawn from beta(a, b)."""

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
def logpmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of `k`; NaN for parameters that make no distribution."""
    y = np.floor(k) - loc
    choices = -np.log1p(n) - special.betaln(n - y + 1, y + 1)
    value = choices + special.betaln(y + a, n - y + b) - special.betaln(a, b)
    value = np.where((k == np.floor(k)) & (y >= 0) & (y <= n), value, -math.inf)
    return np.where((n >= 0) & (a > 0) & (b > 0), value, math.nan)


pmf = exp_of(logpmf, "pmf")
