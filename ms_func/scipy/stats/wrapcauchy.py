"""Wrapped Cauchy distribution of angles in [0, 2 pi)."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["logpdf", "pdf"]
__dir__ = __all__.copy


@of_reals
def logpdf(x: Any, c: Any) -> Any:
    """Logarithm of the density at `x`; -inf outside.

    The density is `(1 - c**2) / (2 pi (1 + c**2 - 2 c cos(x)))`, of angles in [0, 2 pi].

    Args:
        x: angles in radians, of any real dtype.
        c: concentration, in (0, 1); NaN else.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(1.0, 0.5):.4f}")
        -1.7826
    """
    shape = np.log1p(-c * c) - np.log1p(c * c - 2 * c * np.cos(x))
    value = np.where((x < 0) | (x > 2 * math.pi), -math.inf, shape - math.log(2 * math.pi))
    return np.where((c > 0) & (c < 1), value, math.nan)


pdf = exp_of(logpdf, "pdf", "pdf(1.0, 0.5)", "0.1682")
