"""Logistic distribution: 1 / (1 + exp(-z)) with z = (x - loc) / scale is its `cdf`."""

from __future__ import annotations

from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_numbers, of_reals
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "isf", "logpdf", "pdf", "ppf", "sf"]
__dir__ = __all__.copy


@of_reals
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`.

    The density is `exp(-z) / (scale (1 + exp(-z))**2)` with `z = (x - loc) / scale`.

    Args:
        x: real array; integers become floats.
        loc: mean; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(0.0):.4f}")
        -1.3863
    """
    z = np.abs(x - loc) / scale
    return -z - 2 * np.log1p(np.exp(-z)) - np.log(scale)


@of_numbers
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`.

    Args:
        x: real array; integers become floats.
        loc: mean; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(2.0):.4f}")
        0.8808
    """
    return special.expit((x - loc) / scale)


@of_numbers
def sf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value above `x`.

    Args:
        x: real array; integers become floats.
        loc: mean; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{sf(2.0):.4f}")
        0.1192
    """
    return special.expit((loc - x) / scale)


@of_numbers
def ppf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantiles: the value with `cdf(value) == x`, the inverse of `cdf`.

    Args:
        x: probabilities in [0, 1]; NaN outside.
        loc: mean; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{ppf(0.75):.4f}")
        1.0986
    """
    return loc + scale * special.logit(x)


@of_numbers
def isf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Quantiles from above: the value with `sf(value) == x`.

    Args:
        x: probabilities in [0, 1]; NaN outside.
        loc: mean; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{isf(0.75):.4f}")
        -1.0986
    """
    return loc - scale * special.logit(x)


pdf = exp_of(logpdf, "pdf", "pdf(0.0)", "0.2500")
