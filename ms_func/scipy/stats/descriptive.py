"""Ranks, modes and standard errors of samples."""

from __future__ import annotations

import math
from typing import NamedTuple

from ms_func import numpy as np
from ms_func.api.vectorize import vmap
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy.promotion import ArrayLike


class ModeResult(NamedTuple):
    """The most frequent value, and how often it comes: what `mode` returns.

    Attributes:
        mode: values.
        count: integers of the same shape.

    Example:
        >>> value, count = mode(np.array([7, 7, 8]))
        >>> value.item(), count.item()
        (7, 2)
    """

    mode: Array
    count: Array  # pyright: ignore[reportIncompatibleMethodOverride] (SciPy's name)


def mode(
    a: ArrayLike, axis: int | None = 0, nan_policy: str = "propagate", keepdims: bool = False
) -> ModeResult:
    """Most frequent value along an axis, the least of them where several are.

    Args:
        a: sample.
        axis: where the sample lies; None takes all elements.
        nan_policy: only "propagate": a sample with a NaN has NaN for its mode.
        keepdims: keep the axis with length 1.

    Raises:
        NotImplementedError: another policy.

    Example:
        >>> mode(np.array([1, 3, 3]))
        ModeResult(mode=Array(3, dtype=int32), count=Array(2, dtype=int32))
    """
    _only_propagate("mode", nan_policy)
    sample = np.asarray(a)
    rank = sample.ndim
    lines, lead = _lines(sample, axis)
    values, counts = vmap(_mode_of_line)(lines) if lines.size else _no_modes(lines)
    shape = _kept(rank, axis, lead) if keepdims else lead
    return ModeResult(values.reshape(shape), counts.reshape(shape))


def _lines(a: Array, axis: int | None) -> tuple[Array, tuple[int, ...]]:
    """Samples as the rows of a matrix, and the shape of one result per sample."""
    if axis is None:
        return a.reshape(1, a.size), ()
    moved = np.moveaxis(np.atleast_1d(a), axis, -1)
    lead = moved.shape[:-1]
    return moved.reshape(math.prod(lead), moved.shape[-1]), lead


def _kept(rank: int, axis: int | None, lead: tuple[int, ...]) -> tuple[int, ...]:
    if axis is None:
        return (1,) * rank
    at = axis % max(rank, 1)
    return (*lead[:at], 1, *lead[at:])


def _no_modes(lines: Array) -> tuple[Array, Array]:
    dtype = np.result_type(lines, np.float32)
    rows = lines.shape[0]
    return np.full(rows, np.nan, dtype), np.zeros(rows, int)


def _mode_of_line(line: Array) -> tuple[Array, Array]:
    """Length of the run that starts at each sorted element; the longest one wins."""
    line = np.sort(line)
    ends = np.searchsorted(line, line, side="right")
    length = ends - np.arange(len(line))
    best = np.argmax(length)
    if not np.issubdtype(line.dtype, np.inexact):
        return line[best], length[best]
    missing = np.isnan(line)
    return (
        np.where(missing[-1], np.nan, line[best]),
        np.where(missing[-1], np.sum(missing), length[best]),
    )


def rankdata(
    a: ArrayLike, method: str = "average", *, axis: int | None = None,
    nan_policy: str = "propagate",
) -> Array:  # fmt: skip
    """Rank of each element, from 1.

    Args:
        a: sample.
        method: rank of equal elements: "average", "min" or "max" of what they would have,
            "dense" without gaps, "ordinal" in order of appearance.
        axis: along which to rank; None ranks all elements and gives a flat array.
        nan_policy: only "propagate": a sample with a NaN has NaN for its ranks.

    Raises:
        ValueError: there is no such method.
        NotImplementedError: another policy.

    Example:
        >>> rankdata(np.array([10.0, 20.0, 10.0])).tolist()
        [1.5, 3.0, 1.5]
    """
    _only_propagate("rankdata", nan_policy)
    if method not in ("average", "min", "max", "dense", "ordinal"):
        raise ArgumentValueError(f"unknown method '{method}'")
    sample = np.asarray(a)
    if axis is None:
        return _ranks(sample.ravel(), method)
    lines, lead = _lines(sample, axis)
    ranks = vmap(lambda line: _ranks(line, method))(lines)
    return np.moveaxis(ranks.reshape(*lead, lines.shape[-1]), -1, axis)


def _ranks(line: Array, method: str) -> Array:
    n = len(line)
    order = np.argsort(line, stable=True)
    ordinal = np.zeros(n, order.dtype).at[order].set(np.arange(1, n + 1))
    if method == "ordinal":
        return ordinal.astype(float)
    ranks = _tied(line[order], line, method).astype(float)
    if not np.issubdtype(line.dtype, np.inexact):
        return ranks
    return np.where(np.any(np.isnan(line)), np.nan, ranks)


def _tied(ordered: Array, line: Array, method: str) -> Array:
    """Ranks in which equal elements are equal."""
    low = np.searchsorted(ordered, line, side="left") + 1
    high = np.searchsorted(ordered, line, side="right")
    if method == "min":
        return low
    if method == "max":
        return high
    if method == "average":
        return (low + high) / 2
    first = np.concatenate([np.ones(1, bool), ordered[1:] != ordered[:-1]])[: len(line)]
    return np.cumsum(first)[low - 1]


def sem(
    a: ArrayLike, axis: int | None = 0, ddof: int = 1, nan_policy: str = "propagate", *,
    keepdims: bool = False,
) -> Array:  # fmt: skip
    """Standard error of the mean: the standard deviation over the root of the sample's size.

    Args:
        a: sample.
        axis: where the sample lies; None takes all elements.
        ddof: subtracted from the size in the standard deviation.
        nan_policy: "propagate", or "omit" to leave NaN elements out.
        keepdims: keep the axis with length 1.

    Raises:
        ValueError: there is no such policy.

    Example:
        >>> float(sem(np.array([1.0, 3.0])))
        1.0
    """
    sample = np.asarray(a)
    if nan_policy == "propagate":
        size = sample.size if axis is None else sample.shape[axis]
        return np.std(sample, axis=axis, ddof=ddof, keepdims=keepdims) / size**0.5
    if nan_policy == "omit":
        count = np.sum(~np.isnan(sample), axis=axis, keepdims=keepdims)
        return np.nanstd(sample, axis=axis, ddof=ddof, keepdims=keepdims) / np.sqrt(count)
    raise ArgumentValueError(f"{nan_policy} is not supported")


def _only_propagate(name: str, nan_policy: str) -> None:
    if nan_policy not in ("propagate", "omit", "raise"):
        raise ArgumentValueError(f"Illegal nan_policy value {nan_policy!r}; expected one of "
                         "{'propagate', 'omit', 'raise'}")  # fmt: skip
    if nan_policy != "propagate":
        raise NotImplementedError(
            f"Logic for `nan_policy` of {nan_policy!r} is not implemented in {name}\n"
            "fix: remove the NaN elements first"
        )
