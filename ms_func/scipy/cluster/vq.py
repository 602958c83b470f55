"""Vector quantisation: which vector of a code book is nearest."""

from __future__ import annotations

from typing import Any

from ms_func import numpy as np
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy import fusion
from ms_func.numpy.promotion import ArrayLike
from ms_func.scipy.operands import of_shapes

__all__ = ["vq"]
__dir__ = __all__.copy


def vq(obs: ArrayLike, code_book: ArrayLike, check_finite: bool = True) -> tuple[Array, Array]:
    """Index of the nearest code of each observation, and its Euclidean distance.

    Args:
        obs: observations `[m, n]`, or `[m]`.
        code_book: codes `[k, n]`, or `[k]`.
        check_finite: taken for compatibility; nothing is checked.

    Returns:
        Indices `[m]`, the first of equal ones, and distances `[m]`.

    Raises:
        ValueError: the ranks differ or are neither 1 nor 2, or the lengths n differ.

    Example:
        >>> code, distance = vq(np.array([1.0, 4.0]), np.array([0.0, 3.0]))
        >>> code.tolist(), distance.tolist()
        ([0, 1], [1.0, 1.0])
    """
    x, y = of_shapes("vq", obs, code_book)
    if x.ndim != y.ndim:
        raise ArgumentValueError(
            f"Observation and code_book should have the same rank, got {x.shape} and {y.shape}"
        )
    if x.ndim not in (1, 2):
        raise ArgumentValueError("ndim different than 1 or 2 are not supported")
    if x.ndim == 2 and x.shape[1] != y.shape[1]:
        raise ArgumentValueError(
            f"observations and codes have different lengths: {x.shape[1]} and {y.shape[1]}"
        )
    if not y.shape[0]:
        raise ArgumentValueError("the code book is empty")
    return fusion.run(_nearest, (x, y))


def _nearest(x: Any, y: Any) -> Any:
    if x.ndim == 1:
        x, y = x[:, None], y[:, None]
    squares = np.sum(np.square(np.abs(x[:, None, :] - y[None, :, :])), axis=-1)
    least = np.min(squares, axis=1)
    apart = least > 0  # no infinite derivative where an observation is a code
    distance = np.where(apart, np.sqrt(np.where(apart, least, 1)), least)
    return np.argmin(squares, axis=1), distance
