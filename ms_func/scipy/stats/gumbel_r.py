"""Gumbel distribution of maxima: exp(-exp(-z)) with z = (x - loc) / scale is its `cdf`."""

from __future__ import annotations

from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density."""
    z = (x - loc) / scale
    return -z - np.exp(-z) - np.log(scale)


@of_numbers
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the probability of a value up to `x`."""
    return -np.exp(-((x - loc) / scale))


@of_numbers
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`."""
    return -np.expm1(-np.exp(-((x - loc) / scale)))


@of_numbers
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `sf`, accurate in both tails."""
    gap = np.exp(-((x - loc) / scale))
    return np.where(gap > 0.7, np.log1p(-np.exp(-gap)), np.log(-np.expm1(-gap)))


@of_numbers
def ppf(p: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The value with `cdf(value) == p`."""
    return loc - scale * np.log(-np.log(p))


pdf = exp_of(logpdf, "pdf")
cdf = exp_of(logcdf, "cdf")
