"""Uniform distribution on [loc, loc + scale]."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logpdf", "pdf", "ppf"]
__dir__ = __all__.copy


@of_reals
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`; -inf outside.

    The density is `1 / scale` on [loc, loc + scale].

    Args:
        x: real array; integers become floats.
        loc: lower end; 0 by default.
        scale: length of the interval, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(0.5, 0.0, 4.0):.4f}")
        -1.3863
    """
    value = np.where(np.isnan(x), math.nan, -np.log(scale))
    return np.where((x < loc) | (x > loc + scale), -math.inf, value)


@of_reals
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`.

    Args:
        x: real array; integers become floats.
        loc: lower end; 0 by default.
        scale: length of the interval, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(1.0, 0.0, 4.0):.4f}")
        0.2500
    """
    return np.clip((x - loc) / scale, 0, 1)


@of_reals
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantiles: the value with `cdf(value) == q`, the inverse of `cdf`.

    Args:
        q: probabilities in [0, 1]; NaN outside.
        loc: lower end; 0 by default.
        scale: length of the interval, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{ppf(0.25, 0.0, 4.0):.4f}")
        1.0000
    """
    return np.where((q < 0) | (q > 1) | np.isnan(q), math.nan, loc + scale * q)


pdf = exp_of(logpdf, "pdf", "pdf(0.5, 0.0, 4.0)", "0.2500")
