"""Wrapped Cauchy distribution of angles in [0, 2 pi)."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.stats.distribution import exp_of

__all__ = ["logpdf", "pdf"]
__dir__ = __all__.copy


@of_numbers
def logpdf(x: Any, c: Any) -> Any:
    """Logarithm of the density; -inf off [0, 2 pi], NaN unless 0 < c < 1."""
    shape = np.log1p(-c * c) - np.log1p(c * c - 2 * c * np.cos(x))
    value = np.where((x >= 0) & (x <= 2 * math.pi), shape - math.log(2 * math.pi), -math.inf)
    return np.where((c > 0) & (c < 1), value, math.nan)


pdf = exp_of(logpdf, "pdf")
