"""Elements in another order: reversed, turned, rolled."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.execution.dispatch import bottom
from ms_func.ir.primitive import current
from ms_func.ir.types import typeof
from ms_func.numpy import fusion
from ms_func.numpy.arithmetic import remainder, subtract
from ms_func.numpy.axes import axes_tuple, axis_index
from ms_func.numpy.manipulation import ravel, reshape, swapaxes
from ms_func.numpy.promotion import ArrayLike, as_handle, convert, operand
from ms_func.primitives import pieces
from ms_func.primitives import shape as sh
from ms_func.primitives.axis_slices import dynamic_slice_in_dim
from ms_func.primitives.roll import roll_p


@fusion.whole(1)
def flip(m: ArrayLike, axis: int | Sequence[int] | None = None) -> Array:
    """`m` with the order of elements reversed along dimensions.

    Args:
        m: array or number.
        axis: dimensions, one or several, all by default; negative ones count from the end.

    Raises:
        ValueError: there is no such dimension, or it is named twice.

    Example:
        >>> x = np.array([[1, 2], [3, 4]])
        >>> np.flip(x)
        Array([[4, 3],
               [2, 1]], dtype=int32)
        >>> np.flip(x, -1)
        Array([[2, 1],
               [4, 3]], dtype=int32)
    """
    m = operand("flip", m)
    return sh.rev_p.bind(m, dimensions=axes_tuple(axis, typeof(m).ndim))


def fliplr(m: ArrayLike) -> Array:
    """`m` reversed along its second dimension: the columns of a matrix.

    Args:
        m: array of at least two dimensions.

    Raises:
        ValueError: it has fewer.

    Example:
        >>> np.fliplr(np.array([[1, 2], [3, 4]]))
        Array([[2, 1],
               [4, 3]], dtype=int32)
    """
    return flip(m, 1)


def flipud(m: ArrayLike) -> Array:
    """`m` reversed along its first dimension: the rows of a matrix.

    Args:
        m: array of at least one dimension.

    Raises:
        ValueError: it has none.

    Example:
        >>> np.flipud(np.array([[1, 2], [3, 4]]))
        Array([[3, 4],
               [1, 2]], dtype=int32)
    """
    return flip(m, 0)


@fusion.whole(1)
def rot90(m: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """`m` turned `k` times by 90 degrees in a plane, from the first axis towards the second.

    Args:
        m: array of at least two dimensions.
        k: number of turns; negative ones go the other way.
        axes: the two dimensions of the plane. With rows pointing down and columns to the right the
            default turns counterclockwise.

    Raises:
        ValueError: the axes are equal, one does not exist, or `m` has fewer than two.

    Example:
        >>> x = np.array([[1, 2], [3, 4]])
        >>> np.rot90(x)
        Array([[2, 4],
               [1, 3]], dtype=int32)
        >>> np.rot90(x, -1)
        Array([[3, 1],
               [4, 2]], dtype=int32)
    """
    m = operand("rot90", m)
    if typeof(m).ndim < 2:
        raise ArgumentValueError(
            f"rot90 requires its first argument to have ndim at least two, got {typeof(m).shape}"
        )
    i, j = (axis_index(a, typeof(m).ndim) for a in axes)
    if i == j:
        raise ArgumentValueError("Axes must be different")
    turns = k % 4
    if turns == 0:
        return as_handle(m)
    if turns == 2:
        return flip(m, (i, j))
    return flip(swapaxes(m, i, j), i) if turns == 1 else flip(swapaxes(m, i, j), j)


def roll(a: ArrayLike, shift: Any, axis: int | Sequence[int] | None = None) -> Array:
    """`a` with elements moved along dimensions; what leaves one end enters the other.

    Args:
        a: array.
        shift: number of places, towards higher indices, or one for each of `axis`; may be traced.
        axis: dimensions, one or several; one that is named twice is moved by the sum. None moves
            the elements of the flat array and keeps the shape.

    Raises:
        ValueError: there is no such dimension, or there are not as many shifts as axes.

    Example:
        >>> x = np.array([[1, 2, 3], [4, 5, 6]])
        >>> np.roll(x, 1)
        Array([[6, 1, 2],
               [3, 4, 5]], dtype=int32)
        >>> np.roll(x, (1, -1), axis=(0, 1))
        Array([[5, 6, 4],
               [2, 3, 1]], dtype=int32)
    """
    if current.interpreter is bottom:  # where one program serves all shifts
        shift = _shift_operand(shift, np.shape(a))
    return _roll(a, shift, axis)


def _shift_operand(shift: Any, shape: tuple[int, ...]) -> Any:
    """Whole numbers by which dimensions are rolled as operands; anything else as it is."""
    steps = shift if type(shift) is tuple else (shift,)
    laps = math.prod([n or 1 for n in shape])  # whole laps along every dimension
    if laps >= 2**31 or any(type(s) is not int for s in steps):
        return shift
    whole = [s % laps for s in steps]
    return np.asarray(whole, np.int32) if type(shift) is tuple else whole[0]


@fusion.whole(2)
def _roll(a: Any, shift: Any, axis: Any) -> Any:
    a = operand("roll", a)
    if axis is None:
        return reshape(roll(ravel(a), shift, 0), typeof(a).shape)
    dims = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    steps = shift if isinstance(shift, (tuple, list)) else (shift,)
    if hasattr(shift, "shape") and shift.shape:  # pyright: ignore[reportAttributeAccessIssue]
        steps = [shift[i] for i in range(shift.shape[0])]  # pyright: ignore[reportAttributeAccessIssue]
    if len(steps) == 1:
        steps = [steps[0]] * len(dims)
    if len(dims) == 1:
        dims = dims * len(steps)
    if len(dims) != len(steps):
        raise ArgumentValueError(f"roll: {len(steps)} shifts do not fit {len(dims)} axes")
    for step, d in zip(steps, dims, strict=True):
        a = _rolled(a, step, axis_index(d, typeof(a).ndim))
    return as_handle(a)


def _rolled(a: Any, step: Any, axis: int) -> Any:
    n = typeof(a).shape[axis]
    if n == 0:
        return a
    step = int(step) if isinstance(step, float) and jax_rules() else step
    if isinstance(step, (int, np.integer)) or not hasattr(step, "trace"):
        return roll_p.bind(a, shift=operator.index(step) % n, dimension=axis)
    t = typeof(step)
    if t.dtype.itemsize < 4 or (is_inexact(t.dtype) and jax_rules()):  # may not hold the length
        step = convert(step, np.dtype(np.int32))
    start = subtract(n, remainder(step, n))
    return dynamic_slice_in_dim(pieces.concatenate([a, a], axis), start, n, axis)
