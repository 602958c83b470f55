"""Cauchy distribution: density 1 / (pi (1 + z^2)) with z = (x - loc) / scale."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_numbers, of_reals
from ms_func.scipy.stats.distribution import exp_of, log_of

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`.

    The density is `1 / (pi scale (1 + z**2))` with `z = (x - loc) / scale`.

    Args:
        x: real array; integers become floats.
        loc: median; 0 by default.
        scale: half of the width at half of the height, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(0.0):.4f}")
        -1.1447
    """
    z = (x - loc) / scale
    return -np.log1p(z * z) - np.log(math.pi * scale)


@of_numbers
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`, accurate in both tails.

    Args:
        x: real array; integers become floats.
        loc: median; 0 by default.
        scale: half of the width at half of the height, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(1.0):.4f}")
        0.7500
    """
    return np.arctan2(scale, loc - x) / math.pi


@of_numbers
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`, accurate in both tails.

    Args:
        x: real array; integers become floats.
        loc: median; 0 by default.
        scale: half of the width at half of the height, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{sf(1.0):.4f}")
        0.2500
    """
    return np.arctan2(scale, x - loc) / math.pi


@of_reals
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantiles: the value with `cdf(value) == q`, the inverse of `cdf`.

    Args:
        q: probabilities in [0, 1]; NaN outside.
        loc: median; 0 by default.
        scale: half of the width at half of the height, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{ppf(0.75):.4f}")
        1.0000
    """
    return loc - scale * _cotangent(q)


@of_reals
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantiles from above: the value with `sf(value) == q`.

    Args:
        q: probabilities in [0, 1]; NaN outside.
        loc: median; 0 by default.
        scale: half of the width at half of the height, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{isf(0.75):.4f}")
        -1.0000
    """
    return loc + scale * _cotangent(q)


def _cotangent(q: Any) -> Any:
    """cot(pi q), infinite at both ends of [0, 1] and NaN outside."""
    low = q <= 0.5
    value = 1 / np.tan(math.pi * np.where(low, q, 1 - q))
    return np.where((q < 0) | (q > 1), math.nan, np.where(low, value, -value))


pdf = exp_of(logpdf, "pdf", "pdf(1.0)", "0.1592")
logcdf = log_of(cdf, "logcdf", "logcdf(0.0)", "-0.6931")
logsf = log_of(sf, "logsf", "logsf(0.0)", "-0.6931")
