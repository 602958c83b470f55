"""Gamma distribution: density proportional to y^(a-1) exp(-y) with y = (x - loc) / scale."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of, log_of, on_support

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]
__dir__ = __all__.copy


@of_reals
def logpdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`; -inf below `loc`.

    The density is `z**(a - 1) exp(-z) / (scale gamma(a))` for `z = (x - loc) / scale >= 0`.

    Args:
        x: real array; integers become floats.
        a: shape of the distribution, positive.
        loc: lower end; 0 by default.
        scale: the inverse of the rate; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(2.0, 3.0):.4f}")
        -1.3069
    """
    y = (x - loc) / scale
    safe = np.where(y < 0, 1, y)  # not 0: its logarithm would leave NaN in derivatives
    value = special.xlogy(a - 1, safe) - safe - special.gammaln(a) - np.log(scale)
    return np.where(y < 0, -math.inf, value)


@of_reals
def cdf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`.

    Args:
        x: real array; integers become floats.
        a: shape of the distribution, positive.
        loc: lower end; 0 by default.
        scale: the inverse of the rate; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(2.0, 3.0):.4f}")
        0.3233
    """
    return special.gammainc(a, on_support((x - loc) / scale))


@of_reals
def sf(x: Any, a: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`.

    Args:
        x: real array; integers become floats.
        a: shape of the distribution, positive.
        loc: lower end; 0 by default.
        scale: the inverse of the rate; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{sf(2.0, 3.0):.4f}")
        0.6767
    """
    return special.gammaincc(a, on_support((x - loc) / scale))


pdf = exp_of(logpdf, "pdf", "pdf(2.0, 3.0)", "0.2707")
logcdf = log_of(cdf, "logcdf", "logcdf(2.0, 3.0)", "-1.1291")
logsf = log_of(sf, "logsf", "logsf(2.0, 3.0)", "-0.3906")
