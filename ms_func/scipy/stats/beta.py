"""Beta distribution: density proportional to x^(a-1) (1-x)^(b-1) on [loc, loc + scale]."""

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
def logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`; -inf outside.

    The density is `z**(a - 1) (1 - z)**(b - 1) / (scale beta(a, b))` for `z = (x - loc) / scale`
    in [0, 1].

    Args:
        x: real array; integers become floats.
        a: positive.
        b: positive. There are no derivatives of the distribution function by `a` and `b`.
        loc: lower end; 0 by default.
        scale: length of the support; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(0.5, 2.0, 3.0):.4f}")
        0.4055
    """
    y = (x - loc) / scale
    outside = (y < 0) | (y > 1)
    y = np.where(outside, 0.5, y)  # logarithms there would leave NaN in derivatives
    inside = special.xlogy(a - 1, y) + special.xlog1py(b - 1, -y)
    value = inside - special.betaln(a, b) - np.log(scale)
    return np.where(outside, -math.inf, value)


@of_reals
def cdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`.

    Args:
        x: real array; integers become floats.
        a: positive.
        b: positive. There are no derivatives of the distribution function by `a` and `b`.
        loc: lower end; 0 by default.
        scale: length of the support; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(0.5, 2.0, 3.0):.4f}")
        0.6875
    """
    return special.betainc(a, b, on_support((x - loc) / scale, 1))


@of_reals
def sf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`.

    Args:
        x: real array; integers become floats.
        a: positive.
        b: positive. There are no derivatives of the distribution function by `a` and `b`.
        loc: lower end; 0 by default.
        scale: length of the support; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{sf(0.5, 2.0, 3.0):.4f}")
        0.3125
    """
    return special.betainc(b, a, 1 - on_support((x - loc) / scale, 1))


pdf = exp_of(logpdf, "pdf", "pdf(0.5, 2.0, 3.0)", "1.5000")
logcdf = log_of(cdf, "logcdf", "logcdf(0.5, 2.0, 3.0)", "-0.3747")
logsf = log_of(sf, "logsf", "logsf(0.5, 2.0, 3.0)", "-1.1632")
