"""Pareto distribution: density b / z^(b+1) for z = (x - loc) / scale >= 1."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy


@of_reals
def logpdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`; -inf below.

    The density is `b / (scale z**(b + 1))` for `z = (x - loc) / scale >= 1`.

    Args:
        x: real array; integers become floats.
        b: exponent of the tail, positive.
        loc: shift of the distribution; 0 by default.
        scale: least value above `loc`; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(2.0, 3.0):.4f}")
        -1.6740
    """
    z = (x - loc) / scale
    safe = np.where(z < 1, 1, z)
    return np.where(z < 1, -math.inf, np.log(b / scale) - (b + 1) * np.log(safe))


@of_reals
def cdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`.

    Args:
        x: real array; integers become floats.
        b: exponent of the tail, positive.
        loc: shift of the distribution; 0 by default.
        scale: least value above `loc`; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(2.0, 3.0):.4f}")
        0.8750
    """
    z = (x - loc) / scale
    safe = np.where(z < 1, 1, z)
    return np.where(z < 1, 0, -np.expm1(-b * np.log(safe)))


@of_reals
def logcdf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `cdf`.

    Args:
        x: real array; integers become floats.
        b: exponent of the tail, positive.
        loc: shift of the distribution; 0 by default.
        scale: least value above `loc`; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logcdf(2.0, 3.0):.4f}")
        -0.1335
    """
    z = (x - loc) / scale
    safe = np.where(z < 1, 2, z)
    return np.where(z < 1, -math.inf, np.log1p(-(safe**-b)))


@of_reals
def logsf(x: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `sf`.

    Args:
        x: real array; integers become floats.
        b: exponent of the tail, positive.
        loc: shift of the distribution; 0 by default.
        scale: least value above `loc`; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logsf(2.0, 3.0):.4f}")
        -2.0794
    """
    z = (x - loc) / scale
    safe = np.where(z < 1, 1, z)
    return np.where(z < 1, 0, -b * np.log(safe))


@of_reals
def ppf(q: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantiles: the value with `cdf(value) == q`, the inverse of `cdf`.

    Args:
        q: probabilities in [0, 1]; NaN outside.
        b: exponent of the tail, positive.
        loc: shift of the distribution; 0 by default.
        scale: least value above `loc`; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{ppf(0.5, 3.0):.4f}")
        1.2599
    """
    value = loc + scale * np.exp(-np.log1p(-q) / b)
    return np.where((q < 0) | (q > 1), math.nan, value)


pdf = exp_of(logpdf, "pdf", "pdf(2.0, 3.0)", "0.1875")
sf = exp_of(logsf, "sf", "sf(2.0, 3.0)", "0.1250")
