"""Von Mises distribution of angles: density proportional to exp(kappa cos x)."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["logpdf", "pdf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, kappa: Any) -> Any:
    """Logarithm of the density; NaN where `kappa` is not positive."""
    value = kappa * (np.cos(x) - 1) - np.log(2 * math.pi * special.i0e(kappa))
    return np.where(kappa > 0, value, math.nan)


pdf = exp_of(logpdf, "pdf")
