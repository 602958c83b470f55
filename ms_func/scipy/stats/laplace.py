"""Laplace distribution: density exp(-|z|) / 2 with z = (x - loc) / scale."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logpdf", "pdf"]
__dir__ = __all__.copy


@of_reals
def logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`.

    The density is `exp(-abs(z)) / (2 scale)` with `z = (x - loc) / scale`.

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
        -0.6931
    """
    return -np.abs(x - loc) / scale - math.log(2) - np.log(scale)


@of_reals
def cdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Probability of a value up to `x`.

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
        >>> print(f"{cdf(1.0):.4f}")
        0.8161
    """
    z = (x - loc) / scale
    tail = 0.5 * np.exp(np.where(z <= 0, z, -z))  # not -abs, whose slope at 0 is -1
    return np.where(z <= 0, tail, 1 - tail)


pdf = exp_of(logpdf, "pdf", "pdf(0.0)", "0.5000")
