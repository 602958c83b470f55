"""Chi-square distribution: sum of the squares of `df` normal variables."""

from __future__ import annotations

from typing import Any

from ms_func.execution.array import Array
from ms_func.scipy.stats import gamma

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]
__dir__ = __all__.copy


def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Logarithm of the density; -inf below `loc`."""
    return gamma.logpdf(x, _half(df), loc, _twice(scale))


def pdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Density; 0 below `loc`."""
    return gamma.pdf(x, _half(df), loc, _twice(scale))


def cdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Probability of a value up to `x`."""
    return gamma.cdf(x, _half(df), loc, _twice(scale))


def logcdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Logarithm of `cdf`."""
    return gamma.logcdf(x, _half(df), loc, _twice(scale))


def sf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Probability of a value above `x`."""
    return gamma.sf(x, _half(df), loc, _twice(scale))


def logsf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Logarithm of `sf`."""
    return gamma.logsf(x, _half(df), loc, _twice(scale))


def _half(df: Any) -> Any:
    """Shape of the gamma distribution that this one is."""
    return df / 2


def _twice(scale: Any) -> Any:
    """Scale of the gamma distribution that this one is."""
    return scale * 2
