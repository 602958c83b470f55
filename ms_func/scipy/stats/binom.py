"""Binomial distribution: successes in `n` trials, each with probability `p`."""

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
def logpmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of `k`; -inf off 0, 1, ..., n.

    The probability is `comb(n, k) p**k (1 - p)**(n - k)`, of `k` successes in `n` trials.

    Args:
        k: numbers, of any real dtype.
        n: number of trials.
        p: probability of success, in [0, 1].
        loc: shift of the distribution; 0 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpmf(2, 4, 0.5):.4f}")
        -0.9808
    """
    y = k - loc
    choices = special.gammaln(n + 1) - special.gammaln(y + 1) - special.gammaln(n - y + 1)
    value = choices + special.xlogy(y, p) + special.xlog1py(n - y, -p)
    return np.where(whole_from(y, 0) & ~(y > n), value, -math.inf)


pmf = exp_of(logpmf, "pmf", "pmf(2, 4, 0.5)", "0.3750")
