"""Gamma distribution: density proportional to y^(a-1) exp(-y) with y = (x - loc) / scale."""

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
def logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density; -inf below `loc`."""
    y = (x - loc) / scale
    safe = np.where(y < 0, 0, y)
    value = special.xlogy(a - 1, safe) - safe - special.gammaln(a) - np.log(scale)
    return np.where(y < 0, -math.inf, value)


@of_numbers
def cdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`."""
    return special.gammainc(a, np.clip((x - loc) / scale, 0))


@of_numbers
def sf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`."""
    return special.gammaincc(a, np.clip((x - loc) / scale, 0))


pdf = exp_of(logpdf, "pdf")
logcdf = log_of(cdf, "logcdf")
logsf = log_of(sf, "logsf")
