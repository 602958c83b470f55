"""Logistic distribution: 1 / (1 + exp(-z)) with z = (x - loc) / scale is its `cdf`."""

from __future__ import annotations

from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "isf", "logpdf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density."""
    z = np.abs(x - loc) / scale
    return -z - 2 * np.log1p(np.exp(-z)) - np.log(scale)


@of_numbers
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`."""
    return special.expit((x - loc) / scale)


@of_numbers
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`."""
    return special.expit((loc - x) / scale)


@of_numbers
def ppf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The value with `cdf(value) == x`."""
    return loc + scale * special.logit(x)


@of_numbers
def isf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The value with `sf(value) == x`."""
    return loc - scale * special.logit(x)


pdf = exp_of(logpdf, "pdf")
