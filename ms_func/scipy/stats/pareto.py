"""Pareto distribution: density b / z^(b+1) for z = (x - loc) / scale >= 1."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density; -inf below `loc + scale`."""
    z = (x - loc) / scale
    safe = np.where(z < 1, 1, z)
    return np.where(z < 1, -math.inf, np.log(b / scale) - (b + 1) * np.log(safe))


@of_numbers
def cdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`."""
    z = (x - loc) / scale
    safe = np.where(z < 1, 1, z)
    return np.where(z < 1, 0, -np.expm1(-b * np.log(safe)))


@of_numbers
def logcdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `cdf`."""
    z = (x - loc) / scale
    safe = np.where(z < 1, 2, z)
    return np.where(z < 1, -math.inf, np.log1p(-(safe**-b)))


@of_numbers
def logsf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability of a value above `x`."""
    z = (x - loc) / scale
    safe = np.where(z < 1, 1, z)
    return np.where(z < 1, 0, -b * np.log(safe))


@of_numbers
def ppf(q: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The value with `cdf(value) == q`; NaN where `q` is no probability."""
    value = loc + scale * np.exp(-np.log1p(-q) / b)
    return np.where((q < 0) | (q > 1), math.nan, value)


pdf = exp_of(logpdf, "pdf")
sf = exp_of(logsf, "sf")
