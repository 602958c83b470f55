"""Gumbel distribution of minima: exp(-exp(-z)) with z = (loc - x) / scale is its `sf`."""

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

    The density is `exp(z - exp(z)) / scale` with `z = (x - loc) / scale`: of least values.

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
        -1.7183
    """
    z = (loc - x) / scale
    return -z - np.exp(-z) - np.log(scale)


@of_reals
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `sf`.

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
        -2.7183
    """
    return -np.exp(-((loc - x) / scale))


@of_reals
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`.

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
        >>> print(f"{cdf(1.0):.4f}")
        0.9340
    """
    return -np.expm1(-np.exp(-((loc - x) / scale)))


@of_reals
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `cdf`, accurate in both tails.

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
        -0.0683
    """
    gap = np.exp(-((loc - x) / scale))
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
        -0.3665
    """
    return loc + scale * np.log(-np.log1p(-p))


pdf = exp_of(logpdf, "pdf", "pdf(1.0)", "0.1794")
sf = exp_of(logsf, "sf", "sf(1.0)", "0.0660")
