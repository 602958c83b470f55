"""Exponential distribution: density exp(-z) for z = (x - loc) / scale >= 0."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy


@of_reals
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`; -inf below `loc`.

    The density is `exp(-z) / scale` for `z = (x - loc) / scale >= 0`.

    Args:
        x: real array; integers become floats.
        loc: lower end; 0 by default.
        scale: mean above `loc`, the inverse of the rate; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(2.0):.4f}")
        -2.0000
    """
    return np.where(x < loc, -math.inf, (loc - x) / scale - np.log(scale))


@of_reals
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`.

    Args:
        x: real array; integers become floats.
        loc: lower end; 0 by default.
        scale: mean above `loc`, the inverse of the rate; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(2.0):.4f}")
        0.8647
    """
    return np.where(x < loc, 0, -np.expm1((loc - x) / scale))


@of_reals
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `cdf`.

    Args:
        x: real array; integers become floats.
        loc: lower end; 0 by default.
        scale: mean above `loc`, the inverse of the rate; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logcdf(2.0):.4f}")
        -0.1454
    """
    below = x < loc
    gap = np.where(below, -1, (loc - x) / scale)
    return np.where(below, -math.inf, np.log(-np.expm1(gap)))


@of_reals
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `sf`.

    Args:
        x: real array; integers become floats.
        loc: lower end; 0 by default.
        scale: mean above `loc`, the inverse of the rate; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logsf(2.0):.4f}")
        -2.0000
    """
    return np.where(x < loc, 0, (loc - x) / scale)


@of_reals
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantiles: the value with `cdf(value) == q`, the inverse of `cdf`.

    Args:
        q: probabilities in [0, 1]; NaN outside.
        loc: lower end; 0 by default.
        scale: mean above `loc`, the inverse of the rate; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{ppf(0.5):.4f}")
        0.6931
    """
    return np.where((q < 0) | (q > 1), math.nan, loc - scale * np.log1p(-q))


pdf = exp_of(logpdf, "pdf", "pdf(2.0)", "0.1353")
sf = exp_of(logsf, "sf", "sf(2.0)", "0.1353")
