"""Normal distribution: density exp(-z^2 / 2) / sqrt(2 pi) with z = (x - loc) / scale."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy

_HALF_LOG_2PI = math.log(2 * math.pi) / 2


@of_numbers
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density.

    Example:
        >>> print(f"{logpdf(1.0):.4f}")
        -1.4189
    """
    z = (x - loc) / scale
    return -0.5 * z * z - _HALF_LOG_2PI - np.log(scale)


@of_numbers
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`."""
    return special.ndtr((x - loc) / scale)


@of_numbers
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `cdf`, accurate in the lower tail."""
    return special.log_ndtr((x - loc) / scale)


@of_numbers
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`."""
    return special.ndtr((loc - x) / scale)


@of_numbers
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `sf`, accurate in the upper tail."""
    return special.log_ndtr((loc - x) / scale)


@of_numbers
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The value with `cdf(value) == q`; NaN where `q` is no probability."""
    return special.ndtri(q) * scale + loc


@of_numbers
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The value with `sf(value) == q`; NaN where `q` is no probability."""
    return loc - special.ndtri(q) * scale


pdf = exp_of(logpdf, "pdf")
