"""Rounding of floats to whole numbers."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from ms_func.ir.text import register_param_type
from ms_func.primitives.compare import lt, select
from ms_func.primitives.families import literal, unary

floor_p = unary("floor", ref=np.floor, lower="floor", accepts="floating", transcendental=False)
ceil_p = unary("ceil", ref=np.ceil, lower="ceil", accepts="floating", transcendental=False)


def _round_afz(x: np.ndarray) -> np.ndarray:
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.sign(x), whole)


round_p = unary("round_nearest_afz", ref=_round_afz, lower="round_nearest_afz", accepts="floating",
                transcendental=False)  # fmt: skip
round_even_p = unary("round_nearest_even", ref=np.rint, lower="round_nearest_even",
                     accepts="floating", transcendental=False)  # fmt: skip


def floor(x: Any) -> Any:
    """Elementwise largest integer not above `x`.

    Args:
        x: array or number of a floating dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`. The derivative is 0.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.

    Reference:
        StableHLO `floor`.

    Example:
        >>> lax.floor(np.array([1.5, -1.5, np.inf]))
        Array([ 1., -2., inf], dtype=float32)
    """
    return floor_p.bind(x)


def ceil(x: Any) -> Any:
    """Elementwise smallest integer not below `x`.

    Args:
        x: array or number of a floating dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`. The derivative is 0.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.

    Reference:
        StableHLO `ceil`.

    Example:
        >>> lax.ceil(np.array([1.5, -1.5, -0.5]))
        Array([ 2., -1., -0.], dtype=float32)
    """
    return ceil_p.bind(x)


@register_param_type
class RoundingMethod(enum.IntEnum):
    """Where halves go.

    Attributes:
        AWAY_FROM_ZERO: to the whole number of larger magnitude.
        TO_NEAREST_EVEN: to the even one of the two.

    Example:
        >>> [float(lax.round(2.5, method)) for method in lax.RoundingMethod]
        [3.0, 2.0]
    """

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


def round(x: Any, rounding_method: RoundingMethod = RoundingMethod.AWAY_FROM_ZERO) -> Any:
    """Elementwise nearest whole number; halves go where `rounding_method` says.

    Args:
        x: array or number of a floating dtype; integers are not converted.
        rounding_method: away from zero by default; `ms_func.numpy.round` takes even numbers.

    Returns:
        Array of the shape and dtype of `x`. The derivative is 0.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.

    Reference:
        StableHLO `round_nearest_afz`, `round_nearest_even`.

    Example:
        >>> lax.round(np.array([0.5, 2.5, -0.5]))
        Array([ 1.,  3., -1.], dtype=float32)
        >>> lax.round(np.array([0.5, 2.5, -0.5]), lax.RoundingMethod.TO_NEAREST_EVEN)
        Array([ 0.,  2., -0.], dtype=float32)
    """
    return (round_even_p if RoundingMethod(rounding_method) else round_p).bind(x)


def trunc(x: Any) -> Any:
    """Elementwise integer part, towards zero."""
    return select(lt(x, literal(0, x)), ceil(x), floor(x))
