"""Normal distribution restricted to [loc + a scale, loc + b scale]."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats import norm
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]
__dir__ = __all__.copy


def _log_diff(high: Any, low: Any) -> Any:
    """log(exp(high) - exp(low)) without a difference of nearly equal numbers."""
    gap = low - high
    safe = np.where(gap < 0, gap, -1)
    near = np.log(-np.expm1(safe))
    far = np.log1p(-np.exp(safe))
    return np.where(gap < 0, high + np.where(safe > -math.log(2), near, far), -math.inf)


def _log_mass(a: Any, b: Any) -> Any:
    """Logarithm of the normal probability of [a, b], taken in the tail that loses nothing."""
    right = a > 0
    low, high = np.where(right, -b, a), np.where(right, -a, b)
    return _log_diff(special.log_ndtr(high), special.log_ndtr(low))


@of_numbers
def logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density; -inf outside of the support, NaN where `a >= b`."""
    z = (x - loc) / scale
    value = norm.logpdf(z) - np.log(scale) - _log_mass(a, b)
    value = np.where((z < a) | (z > b), -math.inf, value)
    return np.where(a >= b, math.nan, value)


@of_numbers
def logcdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability of a value up to `x`."""
    z = (x - loc) / scale
    inside = np.clip(z, a, b)
    value = np.where(z <= a, -math.inf, _log_mass(a, inside) - _log_mass(a, b))
    return np.where(a >= b, math.nan, np.where(z >= b, 0, value))


@of_numbers
def logsf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability of a value above `x`."""
    z = (x - loc) / scale
    inside = np.clip(z, a, b)
    value = np.where(z >= b, -math.inf, _log_mass(inside, b) - _log_mass(a, b))
    return np.where(a >= b, math.nan, np.where(z <= a, 0, value))


pdf = exp_of(logpdf, "pdf")
cdf = exp_of(logcdf, "cdf")
sf = exp_of(logsf, "sf")
