"""Student's t distribution with `df` degrees of freedom."""

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
def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density."""
    z = (x - loc) / scale
    gammas = special.gammaln((df + 1) / 2) - special.gammaln(df / 2)
    return gammas - 0.5 * np.log(df * math.pi) - np.log(scale) - (df + 1) / 2 * np.log1p(z * z / df)


pdf = exp_of(logpdf, "pdf")
