"""Axes as arguments: counted from the front, several at once, by name."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError, ArgumentValueError, AxisError, LocatedError
from ms_func.ir.axes import environment, is_name


def axis_index(axis: Any, ndim: int) -> int:
    """An axis counted from the front.

    Raises:
        ValueError: it is out of range.
    """
    i = axis if type(axis) is int else _whole(axis)
    if not -ndim <= i < ndim:
        raise AxisError(f"axis {i} is out of bounds for array of dimension {ndim}")
    return i + ndim if i < 0 else i


def _whole(axis: Any) -> int:
    """An axis as an integer of Python.

    Raises:
        TypeError: it is none.
    """
    try:
        return operator.index(axis)
    except LocatedError:  # a traced value, which explains itself
        raise
    except TypeError:
        kind = type(axis).__name__
        raise ArgumentTypeError(f"axis must be an integer, got {axis!r} of type {kind}") from None


def axes_tuple(axis: Any, ndim: int) -> tuple[int, ...]:
    """One axis or several, counted from the front; None means all.

    Raises:
        ValueError: one is out of range, or stands twice.
    """
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (tuple, list, range)) or np.ndim(axis):
        out = tuple(axis_index(a, ndim) for a in axis)
        if len(set(out)) != len(out):
            raise ArgumentValueError(f"duplicate value in 'axis': {axis}")
        return out
    return (axis_index(axis, ndim),)


def axis_names(axis: Any) -> tuple[Any, ...]:
    """Names of axes among `axis`: strings, and whatever a `vmap` around this call has as name."""
    if axis is None or type(axis) is int:
        return ()
    listed = axis if isinstance(axis, (tuple, list)) else (axis,)
    known = environment()
    return tuple([a for a in listed if isinstance(a, str) or (known and is_name(a))])


def axes_and_names(axis: Any, ndim: int) -> tuple[Any, ...]:
    """Axes counted from the front, then names of axes; `axes_tuple` where there is no name."""
    names = axis_names(axis)
    if not names:
        return axes_tuple(axis, ndim)
    listed = axis if isinstance(axis, (tuple, list)) else (axis,)
    return (*axes_tuple([a for a in listed if a not in names], ndim), *names)
