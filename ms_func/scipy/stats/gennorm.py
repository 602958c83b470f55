"""Generalised normal distribution: density proportional to exp(-|x|^beta)."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.api.linearize import jvp
from ms_func.scipy import special
from ms_func.scipy.operands import of_reals
from ms_func.scipy.special.integrals import smooth
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["cdf", "logpdf", "pdf"]
__dir__ = __all__.copy


@of_reals
def logpdf(x: Any, beta: Any) -> Any:
    """Logarithm of the density at `x`.

    The density is `beta exp(-abs(x) ** beta) / (2 gamma(1 / beta))`: `beta` 1 is the Laplace
    distribution, 2 the normal one of variance 1/2.

    Args:
        x: real array; integers become floats.
        beta: shape of the distribution, positive.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(1.0, 4.0):.4f}")
        -1.5949
    """
    return np.log(beta) - math.log(2) - special.gammaln(1 / beta) - np.abs(x) ** beta


def _cdf_value(x: Any, beta: Any) -> Any:
    tail = 0.5 * special.gammaincc(1 / beta, np.abs(x) ** beta)
    return np.where(x < 0, tail, 1 - tail)


def _cdf_by_beta(x: Any, beta: Any) -> Any:
    """0 at 0, which parts the distribution into halves whatever its shape."""
    away = np.where(x == 0, 1, x)
    slope = jvp(lambda b: _cdf_value(away, b), (beta,), (np.ones_like(beta),))[1]
    return np.where(x == 0, 0, slope)


_cdf = smooth(_cdf_value, lambda x, beta: pdf(x, beta), _cdf_by_beta)


@of_reals
def cdf(x: Any, beta: Any) -> Any:
    """Probability of a value up to `x`.

    Args:
        x: real array; integers become floats.
        beta: shape of the distribution, positive.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(1.0, 4.0):.4f}")
        0.9660
    """
    return _cdf(x, beta)


pdf = exp_of(logpdf, "pdf", "pdf(1.0, 4.0)", "0.2029")
