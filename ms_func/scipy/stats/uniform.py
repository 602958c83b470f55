"""Uniform distribution on [loc, loc + scale]."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logpdf", "pdf", "ppf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density; -inf outside of the support."""
    return np.where((x < loc) | (x > loc + scale), -math.inf, -np.log(scale))


@of_numbers
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`."""
    return np.clip((x - loc) / scale, 0, 1)


@of_numbers
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The value with `cdf(value) == q`; NaN where `q` is no probability."""
    return np.where((q < 0) | (q > 1) | np.isnan(q), math.nan, loc + scale * q)


pdf = exp_of(logpdf, "pdf")
