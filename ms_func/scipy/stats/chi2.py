"""Chi-square distribution: sum of the squares of `df` normal variables."""

from __future__ import annotations

from typing import Any

from ms_func.execution.array import Array
from ms_func.scipy.operands import of_reals
from ms_func.scipy.stats import gamma

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]
__dir__ = __all__.copy


@of_reals
def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Logarithm of the density at `x`; -inf below `loc`.

    The density is that of `gamma` with `a = df / 2` and twice the `scale`.

    Args:
        x: real array; integers become floats.
        df: degrees of freedom, positive, not only integers.
        loc: lower end; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logpdf(2.0, 4.0):.4f}")
        -1.6931
    """
    return gamma.logpdf(x, df / 2, loc, scale * 2)


@of_reals
def pdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Density at `x`; 0 below `loc`.

    It is that of `gamma` with `a = df / 2` and twice the `scale`.

    Args:
        x: real array; integers become floats.
        df: degrees of freedom, positive, not only integers.
        loc: lower end; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{pdf(2.0, 4.0):.4f}")
        0.1839
    """
    return gamma.pdf(x, df / 2, loc, scale * 2)


@of_reals
def cdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Probability of a value up to `x`.

    Args:
        x: real array; integers become floats.
        df: degrees of freedom, positive, not only integers.
        loc: lower end; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{cdf(2.0, 4.0):.4f}")
        0.2642
    """
    return gamma.cdf(x, df / 2, loc, scale * 2)


@of_reals
def logcdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Logarithm of `cdf`.

    Args:
        x: real array; integers become floats.
        df: degrees of freedom, positive, not only integers.
        loc: lower end; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logcdf(2.0, 4.0):.4f}")
        -1.3309
    """
    return gamma.logcdf(x, df / 2, loc, scale * 2)


@of_reals
def sf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Probability of a value above `x`.

    Args:
        x: real array; integers become floats.
        df: degrees of freedom, positive, not only integers.
        loc: lower end; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{sf(2.0, 4.0):.4f}")
        0.7358
    """
    return gamma.sf(x, df / 2, loc, scale * 2)


@of_reals
def logsf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Array:
    """Logarithm of `sf`.

    Args:
        x: real array; integers become floats.
        df: degrees of freedom, positive, not only integers.
        loc: lower end; 0 by default.
        scale: positive; 1 by default.

    Returns:
        Array of the shape that the arguments broadcast to, of the float dtype they promote to.

    Raises:
        TypeError: an argument is no number and no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{logsf(2.0, 4.0):.4f}")
        -0.3069
    """
    return gamma.logsf(x, df / 2, loc, scale * 2)
