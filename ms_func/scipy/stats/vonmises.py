"""Von Mises distribution of angles: density proportional to exp(kappa cos x)."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["logpdf", "pdf"]
__dir__ = __all__.copy


@of_reals
def logpdf(x: Any, kappa: Any) -> Any:
    """Logarithm of the density at `x`.

    The density is `exp(kappa cos(x)) / (2 pi i0(kappa))`, of angles.

    Args:
        x: angles in radians, of any real dtype.
        kappa: concentration, positive; NaN else.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(1.0, 2.0):.4f}")
        -1.5813
    """
    value = kappa * (np.cos(x) - 1) - np.log(2 * math.pi * special.i0e(kappa))
    return np.where(kappa > 0, value, math.nan)


pdf = exp_of(logpdf, "pdf", "pdf(1.0, 2.0)", "0.2057")
