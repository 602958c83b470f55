"""Normal distribution: density exp(-z^2 / 2) / sqrt(2 pi) with z = (x - loc) / scale."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_numbers, of_reals
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logsf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy

_HALF_LOG_2PI = math.log(2 * math.pi) / 2


@of_numbers
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`.

    The density is `exp(-z**2 / 2) / (scale sqrt(2 pi))` with `z = (x - loc) / scale`.

    Args:
        x: real array; integers become floats.
        loc: mean; 0 by default.
        scale: standard deviation, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(1.0):.4f}")
        -1.4189
    """
    z = (x - loc) / scale
    return -0.5 * z * z - _HALF_LOG_2PI - np.log(scale)


@of_reals
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`.

    Args:
        x: real array; integers become floats.
        loc: mean; 0 by default.
        scale: standard deviation, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(3.0, 1.0, 2.0):.4f}")
        0.8413
    """
    return special.ndtr((x - loc) / scale)


@of_reals
def logcdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `cdf`, accurate in both tails.

    Args:
        x: real array; integers become floats.
        loc: mean; 0 by default.
        scale: standard deviation, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logcdf(-5.0):.4f}")
        -15.0650
    """
    return special.log_ndtr((x - loc) / scale)


@of_reals
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`.

    Args:
        x: real array; integers become floats.
        loc: mean; 0 by default.
        scale: standard deviation, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{sf(2.0):.4f}")
        0.0228
    """
    return special.ndtr((loc - x) / scale)


@of_reals
def logsf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of `sf`, accurate in both tails.

    Args:
        x: real array; integers become floats.
        loc: mean; 0 by default.
        scale: standard deviation, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logsf(5.0):.4f}")
        -15.0650
    """
    return special.log_ndtr((loc - x) / scale)


@of_reals
def ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantiles: the value with `cdf(value) == q`, the inverse of `cdf`.

    Args:
        q: probabilities in [0, 1]; NaN outside.
        loc: mean; 0 by default.
        scale: standard deviation, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{ppf(0.975):.4f}")
        1.9600
    """
    return special.ndtri(q) * scale + loc


@of_reals
def isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantiles from above: the value with `sf(value) == q`.

    Args:
        q: probabilities in [0, 1]; NaN outside.
        loc: mean; 0 by default.
        scale: standard deviation, positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{isf(0.025):.4f}")
        1.9600
    """
    return loc - special.ndtri(q) * scale


pdf = exp_of(logpdf, "pdf", "pdf(0.0)", "0.3989")
