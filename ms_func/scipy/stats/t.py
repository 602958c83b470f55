"""Student's t distribution with `df` degrees of freedom."""

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
def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """Logarithm of the density at `x`.

    The density is proportional to `(1 + z**2 / df) ** (-(df + 1) / 2)` with `z = (x - loc) /
    scale`.

    Args:
        x: real array; integers become floats.
        df: degrees of freedom, positive.
        loc: median; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(1.0, 3.0):.4f}")
        -1.5763
    """
    z = (x - loc) / scale
    gammas = special.gammaln((df + 1) / 2) - special.gammaln(df / 2)
    return gammas - 0.5 * np.log(df * math.pi) - np.log(scale) - (df + 1) / 2 * np.log1p(z * z / df)


pdf = exp_of(logpdf, "pdf", "pdf(1.0, 3.0)", "0.2067")
