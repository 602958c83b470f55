"""Negative binomial distribution: failures before the `n`-th success of probability `p`."""

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
    """Logarithm of the probability of `k`; -inf off 0, 1, ....

    The probability is `comb(k + n - 1, k) p**n (1 - p)**k`, of `k` failures before the `n`-th
    success.

    Args:
        k: numbers, of any real dtype.
        n: number of successes, positive, not only integers.
        p: probability of success, in (0, 1].
        loc: shift of the distribution; 0 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpmf(2, 3, 0.5):.4f}")
        -1.6740
    """
    y = k - loc
    choices = special.gammaln(y + n) - special.gammaln(y + 1) - special.gammaln(n)
    value = choices + special.xlogy(n, p) + special.xlog1py(y, -p)
    return np.where(whole_from(y, 0), value, -math.inf)


pmf = exp_of(logpmf, "pmf", "pmf(2, 3, 0.5)", "0.1875")
