"""Generalised normal distribution: density proportional to exp(-|x|^beta)."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logpdf", "pdf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, beta: Any) -> Any:
    """Logarithm of the density; `beta` 1 is the Laplace distribution, 2 a normal one."""
    return np.log(beta) - math.log(2) - special.gammaln(1 / beta) - np.abs(x) ** beta


@of_numbers
def cdf(x: Any, beta: Any) -> Any:
    """Probability of a value up to `x`."""
    tail = 0.5 * special.gammaincc(1 / beta, np.abs(x) ** beta)
    return np.where(x < 0, tail, 1 - tail)


pdf = exp_of(logpdf, "pdf")
