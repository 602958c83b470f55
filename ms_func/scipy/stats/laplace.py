"""Laplace distribution: density exp(-|z|) / 2 with z = (x - loc) / scale."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logpdf", "pdf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density."""
    return -np.abs(x - loc) / scale - math.log(2) - np.log(scale)


@of_numbers
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`."""
    z = (x - loc) / scale
    tail = 0.5 * np.exp(-np.abs(z))
    return np.where(z <= 0, tail, 1 - tail)


pdf = exp_of(logpdf, "pdf")
