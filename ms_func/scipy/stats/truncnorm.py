"""Normal distribution restricted to [loc + a scale, loc + b scale]."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats import norm
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]
__dir__ = __all__.copy


def _log_diff(high: Any, low: Any) -> Any:
    """log(exp(high) - exp(low)) without a difference of nearly equal numbers."""
    gap = low - high
    safe = np.where(gap < 0, gap, -1)
    near = np.log(-np.expm1(safe))
    far = np.log1p(-np.exp(safe))
    return np.where(gap < 0, high + np.where(safe > -math.log(2), near, far), -math.inf)


def _log_mass(a: Any, b: Any) -> Any:
    """Logarithm of the normal probability of [a, b], taken in the tail that loses nothing."""
    right = a > 0
    low, high = np.where(right, -b, a), np.where(right, -a, b)
    return _log_diff(special.log_ndtr(high), special.log_ndtr(low))


@of_reals
def logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`; -inf outside.

    The density is that of a normal variable, restricted to `a <= z <= b` with `z = (x - loc) /
    scale`.

    Args:
        x: real array; integers become floats.
        a: lower bound, in standard deviations from `loc`.
        b: upper bound, above `a`; NaN else.
        loc: mean before the restriction; 0 by default.
        scale: standard deviation before the restriction; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(1.0, 0.0, 2.0):.4f}")
        -0.6792
    """
    z = (x - loc) / scale
    value = norm.logpdf(z) - np.log(scale) - _log_mass(a, b)
    value = np.where((z < a) | (z > b), -math.inf, value)
    return np.where((a >= b) | np.isnan(z), math.nan, value)


@of_reals
def logcdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `cdf`, accurate in both tails.

    Args:
        x: real array; integers become floats.
        a: lower bound, in standard deviations from `loc`.
        b: upper bound, above `a`; NaN else.
        loc: mean before the restriction; 0 by default.
        scale: standard deviation before the restriction; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logcdf(1.0, 0.0, 2.0):.4f}")
        -0.3351
    """
    z = (x - loc) / scale
    inside = np.clip(z, a, b)
    value = np.where(z <= a, -math.inf, _log_mass(a, inside) - _log_mass(a, b))
    return np.where((a >= b) | np.isnan(z), math.nan, np.where(z >= b, 0, value))


@of_reals
def logsf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `sf`, accurate in both tails.

    Args:
        x: real array; integers become floats.
        a: lower bound, in standard deviations from `loc`.
        b: upper bound, above `a`; NaN else.
        loc: mean before the restriction; 0 by default.
        scale: standard deviation before the restriction; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logsf(1.0, 0.0, 2.0):.4f}")
        -1.2561
    """
    z = (x - loc) / scale
    inside = np.clip(z, a, b)
    value = np.where(z >= b, -math.inf, _log_mass(inside, b) - _log_mass(a, b))
    return np.where((a >= b) | np.isnan(z), math.nan, np.where(z <= a, 0, value))


pdf = exp_of(logpdf, "pdf", "pdf(1.0, 0.0, 2.0)", "0.5070")
cdf = exp_of(logcdf, "cdf", "cdf(1.0, 0.0, 2.0)", "0.7152")
sf = exp_of(logsf, "sf", "sf(1.0, 0.0, 2.0)", "0.2848")
