"""Hyperbolic functions, their inverses, and the sigmoid function.

Derivatives follow Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.primitives.arithmetic import add, div, mul, smooth, sub
from ms_func.primitives.elementwise import rsqrt, square
from ms_func.primitives.families import formula, literal

sinh_p = smooth("sinh", ref=np.sinh, lower=formula("sinh", None), derivative=lambda x, y: cosh(x))
cosh_p = smooth("cosh", ref=np.cosh, lower=formula("cosh", None), derivative=lambda x, y: sinh(x))
tanh_p = smooth("tanh", ref=np.tanh, lower=formula("tanh", "tanh"),
                derivative=lambda x, y: sub(literal(1, y), square(y)))  # fmt: skip
asinh_p = smooth("asinh", ref=np.arcsinh, lower=formula("asinh", "chlo.asinh"),
                 derivative=lambda x, y: rsqrt(add(square(x), literal(1, x))))  # fmt: skip
acosh_p = smooth(
    "acosh", ref=np.arccosh, lower=formula("acosh", "chlo.acosh"),
    derivative=lambda x, y: mul(rsqrt(sub(x, literal(1, x))), rsqrt(add(x, literal(1, x)))),
)  # fmt: skip
atanh_p = smooth(
    "atanh", ref=np.arctanh, lower=formula("atanh", "chlo.atanh"),
    derivative=lambda x, y: div(literal(1, x), sub(literal(1, x), square(x))),
)  # fmt: skip
logistic_p = smooth(
    "logistic", ref=lambda x: np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))),
                                       np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))
    if x.dtype.kind != "c" else 1 / (1 + np.exp(-x)),
    lower="logistic", derivative=lambda x, y: mul(y, sub(literal(1, y), y)),
)  # fmt: skip


def sinh(x: Any) -> Any:
    """Elementwise hyperbolic sine.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`.

    Raises:
        TypeError: `x` has an integer or boolean dtype.

    Reference:
        StableHLO `exponential_minus_one`; DLMF 4.28.

    Example:
        >>> lax.sinh(np.array([0.0, -np.inf])), float(ms.grad(lax.sinh)(0.0))
        (Array([  0., -inf], dtype=float32), 1.0)
    """
    return sinh_p.bind(x)


def cosh(x: Any) -> Any:
    """Elementwise hyperbolic cosine.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`, real ones at least 1.

    Raises:
        TypeError: `x` has an integer or boolean dtype.

    Reference:
        StableHLO `exponential`; DLMF 4.28.

    Example:
        >>> lax.cosh(np.array([0.0, -np.inf]))
        Array([ 1., inf], dtype=float32)
    """
    return cosh_p.bind(x)


def tanh(x: Any) -> Any:
    """Elementwise hyperbolic tangent."""
    return tanh_p.bind(x)


def asinh(x: Any) -> Any:
    """Elementwise inverse hyperbolic sine.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`.

    Raises:
        TypeError: `x` has an integer or boolean dtype.

    Reference:
        CHLO `asinh`; DLMF 4.37.

    Example:
        >>> lax.asinh(np.array([0.0, 1.0, -np.inf])).round(4)
        Array([0.    , 0.8814,   -inf], dtype=float32)
    """
    return asinh_p.bind(x)


def acosh(x: Any) -> Any:
    """Elementwise inverse hyperbolic cosine.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`; NaN for real numbers below 1.

    Raises:
        TypeError: `x` has an integer or boolean dtype.

    Reference:
        CHLO `acosh`; DLMF 4.37.

    Example:
        >>> lax.acosh(np.array([1.0, 3.0, 0.5])).round(4)
        Array([0.    , 1.7627,    nan], dtype=float32)
    """
    return acosh_p.bind(x)


def atanh(x: Any) -> Any:
    """Elementwise inverse hyperbolic tangent.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`: infinite at -1 and 1, NaN for real
        numbers outside.

    Raises:
        TypeError: `x` has an integer or boolean dtype.

    Reference:
        CHLO `atanh`; DLMF 4.37.

    Example:
        >>> lax.atanh(np.array([0.5, 1.0, 2.0])).round(4)
        Array([0.5493,    inf,    nan], dtype=float32)
    """
    return atanh_p.bind(x)


def logistic(x: Any) -> Any:
    """Elementwise `1 / (1 + exp(-x))`, the sigmoid function."""
    return logistic_p.bind(x)
