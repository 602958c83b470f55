"""Beta distribution: density proportional to x^(a-1) (1-x)^(b-1) on [loc, loc + scale]."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of, log_of

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density; -inf outside of the support."""
    y = (x - loc) / scale
    inside = special.xlogy(a - 1, y) + special.xlog1py(b - 1, -y)
    value = inside - special.betaln(a, b) - np.log(scale)
    return np.where((y < 0) | (y > 1), -math.inf, value)


@of_numbers
def cdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`."""
    return special.betainc(a, b, np.clip((x - loc) / scale, 0, 1))


@of_numbers
def sf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`."""
    return special.betainc(b, a, 1 - np.clip((x - loc) / scale, 0, 1))


pdf = exp_of(logpdf, "pdf")
logcdf = log_of(cdf, "logcdf")
logsf = log_of(sf, "logsf")
