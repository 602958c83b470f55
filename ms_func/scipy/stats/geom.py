"""Geometric distribution: number of trials until the first success, each of probability `p`."""

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
def logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of `k`; -inf off 1, 2, ....

    The probability is `p (1 - p)**(k - 1)`, of `k` trials up to and including the first success.

    Args:
        k: numbers, of any real dtype.
        p: probability of success, in (0, 1].
        loc: shift of the distribution; 0 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpmf(3, 0.5):.4f}")
        -2.0794
    """
    y = k - loc
    value = special.xlog1py(y - 1, -p) + np.log(p)
    return np.where(whole_from(y, 1), value, -math.inf)


pmf = exp_of(logpmf, "pmf", "pmf(3, 0.5)", "0.1250")
