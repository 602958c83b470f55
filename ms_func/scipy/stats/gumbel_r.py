"""Gumbel distribution of maxima: exp(-exp(-z)) with z = (x - loc) / scale is its `cdf`."""

from __future__ import annotations

from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy


@of_reals
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`.

    The density is `exp(-z - exp(-z)) / scale` with `z = (x - loc) / scale`: of greatest values.

    Args:
        x: real array; integers become floats.
        loc: mode; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(1.0):.4f}")
        -1.3679
    """
    z = (x - loc) / scale
    return -z - np.exp(-z) - np.log(scale)


@of_reals
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `cdf`.

    Args:
        x: real array; integers become floats.
        loc: mode; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logcdf(1.0):.4f}")
        -0.3679
    """
    return -np.exp(-((x - loc) / scale))


@of_reals
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`.

    Args:
        x: real array; integers become floats.
        loc: mode; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{sf(1.0):.4f}")
        0.3078
    """
    return -np.expm1(-np.exp(-((x - loc) / scale)))


@of_reals
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `sf`, accurate in both tails.

    Args:
        x: real array; integers become floats.
        loc: mode; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logsf(1.0):.4f}")
        -1.1783
    """
    gap = np.exp(-((x - loc) / scale))
    return np.where(gap > 0.7, np.log1p(-np.exp(-gap)), np.log(-np.expm1(-gap)))


@of_reals
def ppf(p: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantiles: the value with `cdf(value) == p`, the inverse of `cdf`.

    Args:
        p: probabilities in [0, 1]; NaN outside.
        loc: mode; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{ppf(0.5):.4f}")
        0.3665
    """
    return loc - scale * np.log(-np.log(p))


pdf = exp_of(logpdf, "pdf", "pdf(1.0)", "0.2546")
cdf = exp_of(logcdf, "cdf", "cdf(1.0)", "0.6922")
