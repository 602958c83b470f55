"""Exponential distribution: density exp(-z) for z = (x - loc) / scale >= 0."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density; -inf below `loc`."""
    return np.where(x < loc, -math.inf, (loc - x) / scale - np.log(scale))


@of_numbers
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`."""
    return np.where(x < loc, 0, -np.expm1((loc - x) / scale))


@of_numbers
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `cdf`."""
    below = x < loc
    gap = np.where(below, -1, (loc - x) / scale)
    return np.where(below, -math.inf, np.log(-np.expm1(gap)))


@of_numbers
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability of a value above `x`."""
    return np.where(x < loc, 0, (loc - x) / scale)


@of_numbers
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The value with `cdf(value) == q`; NaN where `q` is no probability."""
    return np.where((q < 0) | (q > 1), math.nan, loc - scale * np.log1p(-q))


pdf = exp_of(logpdf, "pdf")
sf = exp_of(logsf, "sf")
