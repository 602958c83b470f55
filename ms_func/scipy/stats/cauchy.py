"""Cauchy distribution: density 1 / (pi (1 + z^2)) with z = (x - loc) / scale."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of, log_of

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density."""
    z = (x - loc) / scale
    return -np.log1p(z * z) - np.log(math.pi * scale)


@of_numbers
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`, accurate in both tails."""
    return np.arctan2(scale, loc - x) / math.pi


@of_numbers
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`, accurate in both tails."""
    return np.arctan2(scale, x - loc) / math.pi


@of_numbers
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The value with `cdf(value) == q`."""
    return loc - scale * _cotangent(q)


@of_numbers
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The value with `sf(value) == q`."""
    return loc + scale * _cotangent(q)


def _cotangent(q: Any) -> Any:
    """cot(pi q), infinite at both ends of [0, 1]."""
    low = q <= 0.5
    value = 1 / np.tan(math.pi * np.where(low, q, 1 - q))
    return np.where(low, value, -value)


pdf = exp_of(logpdf, "pdf")
logcdf = log_of(cdf, "logcdf")
logsf = log_of(sf, "logsf")
