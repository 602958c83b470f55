"""Beta-binomial distribution: binomial with a success probability drawn from beta(a, b)."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.scipy import special
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats.distribution import exp_of, whole_from

__all__ = ["logpmf", "pmf"]
__dir__ = __all__.copy


@of_reals
def logpmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of `k`; -inf off 0, 1, ..., n.

    The probability is `comb(n, k) beta(k + a, n - k + b) / beta(a, b)`: `binom` with a `p` of the
    beta distribution.

    Args:
        k: numbers, of any real dtype.
        n: number of trials, not negative; NaN else.
        a: positive; NaN else.
        b: positive; NaN else.
        loc: shift of the distribution; 0 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpmf(2, 4, 1.0, 3.0):.4f}")
        -1.7636
    """
    y = k - loc
    choices = -np.log1p(n) - special.betaln(n - y + 1, y + 1)
    value = choices + special.betaln(y + a, n - y + b) - special.betaln(a, b)
    value = np.where(whole_from(y, 0) & ~(y > n), value, -math.inf)
    return np.where((n >= 0) & (a > 0) & (b > 0), value, math.nan)


pmf = exp_of(logpmf, "pmf", "pmf(2, 4, 1.0, 3.0)", "0.1714")
