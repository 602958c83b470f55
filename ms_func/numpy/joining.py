"""Joining of arrays, and splitting."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShapeError
from ms_func.execution.array import Array
from ms_func.ir.loc import user_loc
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, promotion
from ms_func.numpy.axes import axis_index
from ms_func.numpy.manipulation import atleast_1d, atleast_2d, atleast_3d, ravel, reshape
from ms_func.numpy.promotion import ArrayLike, as_handle, convert, operand
from ms_func.primitives import pieces
from ms_func.primitives import shape as sh

# --- joining --------------------------------------------------------------------------


def _rows(name: str, arrays: Any) -> list[Any]:
    """The operands of a joining function: a sequence, or an array along its first dimension."""
    if isinstance(arrays, (str, bytes)) or not (
        isinstance(arrays, (list, tuple)) or hasattr(arrays, "shape")
    ):
        raise ArgumentTypeError(
            f"{name} requires a sequence of arrays, got {type(arrays).__name__}"
        )
    if hasattr(arrays, "shape"):
        return unstack(arrays) if np.ndim(arrays) else _raise_scalar(name)  # pyright: ignore[reportArgumentType, reportReturnType]
    return [promotion.admit(name, a, i) for i, a in enumerate(arrays)]


def _raise_scalar(name: str) -> Any:
    raise ArgumentTypeError(f"{name} requires a sequence of arrays, got a scalar")


def _one_dtype(name: str, arrays: Sequence[Any], dtype: Any) -> list[Any]:
    """The arrays converted to `dtype`, or to what they promote to; shapes stay."""
    first = typeof(arrays[0])
    if dtype is None and all(typeof(a) is first for a in arrays):
        return [operand(name, a) for a in arrays]
    if dtype is None:
        kind, weak = promotion.join_types([typeof(a) for a in arrays], name)
    else:
        kind, weak = canonicalize_dtype(dtype), False
    return [convert(a, kind, weak) for a in arrays]


def _alike(name: str, arrays: Any, dtype: Any) -> list[Any]:
    """The operands of a joining function in one dtype, before any of them gets new dimensions."""
    rows = _rows(name, arrays)
    return _one_dtype(name, rows, dtype) if rows else rows


def concatenate(arrays: Any, axis: int | None = 0, dtype: Any = None) -> Array:
    """Arrays joined along an existing dimension.

    Args:
        arrays: sequence of arrays of one number of dimensions and, but for `axis`, one shape; or
            an array, which stands for its slices along the first dimension.
        axis: dimension; negative ones count from the end. None flattens the arrays first.
        dtype: of the result; by default that of the arrays promoted together.

    Raises:
        ValueError: there are none, one has no dimension, or there is no such axis.
        TypeError: the other dimensions differ.

    Example:
        >>> np.concatenate([np.array([1, 2]), np.array([0.5])])
        Array([1. , 2. , 0.5], dtype=float32)
        >>> np.concatenate([np.ones((2, 1)), np.zeros((2, 2))], axis=-1)
        Array([[1., 0., 0.],
               [1., 0., 0.]], dtype=float32)
    """
    rows = _rows("concatenate", arrays)
    if not rows:
        raise ArgumentValueError("Need at least one array to concatenate.")
    if axis is None:
        return concatenate([ravel(a) for a in rows], 0, dtype)
    ndim = len(typeof(rows[0]).shape)
    if ndim == 0:
        raise ArgumentValueError(
            "Zero-dimensional arrays cannot be concatenated.\n"
            "fix: use stack for scalars; several arrays go in one list, concatenate([x, y])"
        )
    if any(typeof(a).ndim != ndim for a in rows):
        shapes = ", ".join(str(typeof(a).shape) for a in rows)
        raise ShapeError(
            f"Cannot concatenate arrays with different numbers of dimensions: got {shapes}.\n"
            "fix: give each the same rank first, for example with x[None] or np.expand_dims",
            user_loc(),
        )
    if len(rows) == 1:
        return as_handle(_one_dtype("concatenate", rows, dtype)[0])
    return pieces.concatenate(_one_dtype("concatenate", rows, dtype), axis_index(axis, ndim))


def concat(arrays: Sequence[ArrayLike], /, *, axis: int | None = 0) -> Array:
    """Arrays joined along an existing dimension: `concatenate` under its name in the array API.

    Args:
        arrays: sequence of arrays of one number of dimensions and, but for `axis`, one shape.
        axis: dimension; None flattens the arrays first.

    Raises:
        ValueError: there are none, one has no dimension, or there is no such axis.
        TypeError: the other dimensions differ.

    Example:
        >>> np.concat([np.array([[1, 2]]), np.array([[3, 4]])], axis=None)
        Array([1, 2, 3, 4], dtype=int32)
    """
    return concatenate(arrays, axis)


def stack(arrays: Any, axis: int = 0, out: None = None, dtype: Any = None) -> Array:
    """Arrays of one shape joined along a new dimension.

    Args:
        arrays: sequence of arrays or numbers; or an array, which stands for its slices.
        axis: place of the new dimension in the result; negative ones count from its end.
        out: not supported.
        dtype: of the result; by default that of the arrays promoted together.

    Raises:
        ValueError: there are none, the shapes differ, or there is no such place.

    Example:
        >>> x, y = np.array([1, 2]), np.array([3, 4])
        >>> np.stack([x, y])
        Array([[1, 2],
               [3, 4]], dtype=int32)
        >>> np.stack([x, y], axis=-1)
        Array([[1, 3],
               [2, 4]], dtype=int32)
    """
    promotion.no_out("stack", out)
    rows = _rows("stack", arrays)
    if not rows:
        raise ArgumentValueError("Need at least one array to stack.")
    shape = typeof(rows[0]).shape
    if any(typeof(a).shape != shape for a in rows):
        shapes = ", ".join(str(typeof(a).shape) for a in rows)
        raise ArgumentValueError(
            f"All input arrays must have the same shape, got {shapes}.\n"
            "fix: use concatenate for arrays of different lengths, or pad them first"
        )
    place = axis_index(axis, len(shape) + 1)
    return fusion.run(_stacked, _one_dtype("stack", rows, dtype), place)


def _stacked(*args: Any) -> Any:
    *rows, place = args
    shape = typeof(rows[0]).shape
    sizes = (*shape[:place], 1, *shape[place:])
    return pieces.concatenate([sh.reshape_p.bind(a, new_sizes=sizes) for a in rows], place)


def vstack(tup: Any, dtype: Any = None) -> Array:
    """Arrays joined along the first dimension, after `atleast_2d`: vectors become rows.

    Args:
        tup: sequence of arrays or numbers.
        dtype: of the result; by default that of the arrays promoted together.

    Raises:
        ValueError: there are none.
        TypeError: the other dimensions differ.

    Example:
        >>> np.vstack([np.array([1, 2]), np.array([[3, 4], [5, 6]])])
        Array([[1, 2],
               [3, 4],
               [5, 6]], dtype=int32)
    """
    return concatenate([atleast_2d(a) for a in _alike("vstack", tup, dtype)], 0)


def hstack(tup: Any, dtype: Any = None) -> Array:
    """Arrays joined along the second dimension, one-dimensional ones along the first.

    Args:
        tup: sequence of arrays or numbers.
        dtype: of the result; by default that of the arrays promoted together.

    Raises:
        ValueError: there are none.
        TypeError: the other dimensions differ.

    Example:
        >>> np.hstack([np.array([1, 2]), 3])
        Array([1, 2, 3], dtype=int32)
        >>> np.hstack([np.array([[1], [2]]), np.array([[3], [4]])])
        Array([[1, 3],
               [2, 4]], dtype=int32)
    """
    rows = [atleast_1d(a) for a in _alike("hstack", tup, dtype)]
    return concatenate(rows, 0 if rows and rows[0].ndim == 1 else 1)


def dstack(tup: Any, dtype: Any = None) -> Array:
    """Arrays joined along the third dimension, after `atleast_3d`.

    Args:
        tup: sequence of arrays or numbers.
        dtype: of the result; by default that of the arrays promoted together.

    Raises:
        ValueError: there are none.
        TypeError: the other dimensions differ.

    Example:
        >>> np.dstack([np.array([1, 2]), np.array([3, 4])])
        Array([[[1, 3],
                [2, 4]]], dtype=int32)
    """
    return concatenate([atleast_3d(a) for a in _alike("dstack", tup, dtype)], 2)


def column_stack(tup: Any) -> Array:
    """Arrays joined along the second dimension, one-dimensional ones as columns.

    Args:
        tup: sequence of arrays or numbers.

    Raises:
        ValueError: there are none.
        TypeError: the other dimensions differ.

    Example:
        >>> np.column_stack([np.array([1, 2]), np.array([[3, 4], [5, 6]])])
        Array([[1, 3, 4],
               [2, 5, 6]], dtype=int32)
    """
    rows = _alike("column_stack", tup, None)
    rows = [a if typeof(a).ndim > 1 else reshape(a, (typeof(a).size, 1)) for a in rows]
    return concatenate(rows, 1)


@fusion.whole(1)
def block(arrays: Any) -> Array:
    """Array made of blocks in nested lists.

    Args:
        arrays: an array or number, or equally deep lists of them. The innermost lists join along
            the last dimension, those around them along the last but one, and so on; dimensions
            that a block lacks are put in front.

    Raises:
        ValueError: a list is empty, or lists are not equally deep.
        TypeError: sizes do not fit.

    Example:
        >>> np.block([[np.ones((2, 2)), np.zeros((2, 1))], [5, 6, 7]])
        Array([[1., 1., 0.],
               [1., 1., 0.],
               [5., 6., 7.]], dtype=float32)
    """

    def depth(x: Any) -> int:
        if not isinstance(x, list):
            return 0
        inner = {depth(v) for v in x}
        if len(inner) != 1:
            raise ArgumentValueError(
                "block does not allow empty list arguments, and lists must be equally deep; the "
                "blocks of one list are of "
                f"depths {sorted(inner)}"
            )
        return 1 + inner.pop()

    def ndim(x: Any) -> int:
        return max(map(ndim, x)) if isinstance(x, list) else typeof(operand("block", x)).ndim

    levels = depth(arrays)
    rank = max(ndim(arrays), levels)

    def join(x: Any, level: int) -> Any:
        if isinstance(x, list):
            return concatenate([join(v, level + 1) for v in x], level - levels)
        x = operand("block", x)
        return reshape(x, (1,) * (rank - typeof(x).ndim) + typeof(x).shape)

    return join(arrays, 0)


@fusion.whole(2)
def append(arr: ArrayLike, values: ArrayLike, axis: int | None = None) -> Array:
    """`values` after `arr`, flat or along a dimension: a new array, as `arr` does not change.

    Args:
        arr: array or number.
        values: array or number; with `axis` of as many dimensions as `arr`.
        axis: dimension; None flattens both.

    Raises:
        TypeError: an operand is a list, or the other dimensions differ.

    Example:
        >>> np.append(np.array([[1, 2], [3, 4]]), np.array([0.5]))
        Array([1. , 2. , 3. , 4. , 0.5], dtype=float32)
        >>> np.append(np.array([[1, 2]]), np.array([[3, 4]]), axis=0)
        Array([[1, 2],
               [3, 4]], dtype=int32)
    """
    return concatenate([arr, values], axis)


# --- splitting ------------------------------------------------------------------------


def _split(name: str, ary: Any, sections: Any, axis: int, even: bool) -> list[Any]:
    ary = operand(name, ary)
    axis = axis_index(axis, typeof(ary).ndim)
    n = typeof(ary).shape[axis]
    if type(sections) is not int and np.ndim(sections):
        cuts = [0, *(operator.index(i) for i in np.asarray(sections).tolist()), n]
        cuts = [min(max(c + n if c < 0 else c, 0), n) for c in cuts]
    else:
        count = operator.index(sections)
        if count <= 0:
            raise ArgumentValueError(f"number of sections must be larger than 0, got {count}")
        base, extra = divmod(n, count)
        if extra and even:
            raise ArgumentValueError(
                f"array split does not result in an equal division: rest is {extra}"
            )
        cuts = [i * base + min(i, extra) for i in range(count + 1)]
    sizes = [b - a for a, b in pairwise(cuts)]
    if all(n >= 0 for n in sizes):
        return pieces.split(ary, sizes, axis)
    return [part(ary, axis, a, max(a, b)) for a, b in pairwise(cuts)]


def split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """`ary` cut into equal sections, or before each of the given indices.

    Args:
        ary: array.
        indices_or_sections: number of sections; or indices, known while tracing, that rise.
            Those beyond the end, or below the one before, give empty sections.
        axis: dimension.

    Raises:
        ValueError: the sections would not be equal, or there is no such dimension.

    Example:
        >>> np.split(np.arange(4), 2)
        [Array([0, 1], dtype=int32), Array([2, 3], dtype=int32)]
        >>> np.split(np.arange(4), [1, 1])
        [Array([0], dtype=int32), Array([], shape=(0,), dtype=int32), Array([1, 2, 3], dtype=int32)]
    """
    return _split("split", ary, indices_or_sections, axis, even=True)


def array_split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """`ary` cut into sections that may differ by one element, the longer ones first.

    Args:
        ary: array.
        indices_or_sections: number of sections, or indices as for `split`.
        axis: dimension.

    Raises:
        ValueError: there are no sections, or there is no such dimension.

    Example:
        >>> np.array_split(np.arange(5), 3)
        [Array([0, 1], dtype=int32), Array([2, 3], dtype=int32), Array([4], dtype=int32)]
    """
    return _split("array_split", ary, indices_or_sections, axis, even=False)


def vsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`split` along the first dimension.

    Args:
        ary: array.
        indices_or_sections: number of equal sections, or indices.

    Raises:
        ValueError: the sections would not be equal, or `ary` has no dimension.

    Example:
        >>> np.vsplit(np.array([[1, 2], [3, 4]]), 2)
        [Array([[1, 2]], dtype=int32), Array([[3, 4]], dtype=int32)]
    """
    return split(ary, indices_or_sections, 0)


def hsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`split` along the second dimension, the first of a one-dimensional array.

    Args:
        ary: array.
        indices_or_sections: number of equal sections, or indices.

    Raises:
        ValueError: the sections would not be equal, or `ary` has no dimension.

    Example:
        >>> np.hsplit(np.array([[1, 2, 3]]), [1])
        [Array([[1]], dtype=int32), Array([[2, 3]], dtype=int32)]
    """
    ary = operand("hsplit", ary)
    return split(ary, indices_or_sections, 0 if typeof(ary).ndim == 1 else 1)


def dsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`split` along the third dimension.

    Args:
        ary: array of at least three dimensions.
        indices_or_sections: number of equal sections, or indices.

    Raises:
        ValueError: the sections would not be equal, or there are fewer dimensions.

    Example:
        >>> [part.shape for part in np.dsplit(np.ones((1, 2, 4)), [1])]
        [(1, 2, 1), (1, 2, 3)]
    """
    return split(ary, indices_or_sections, 2)


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The slices of `x` along a dimension, which they do not have.

    Args:
        x: array of at least one dimension.
        axis: dimension; negative ones count from the end.

    Returns:
        A tuple of as many arrays as the dimension is long.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> np.unstack(np.array([[1, 2, 3], [4, 5, 6]]), axis=-1)
        (Array([1, 4], dtype=int32), Array([2, 5], dtype=int32), Array([3, 6], dtype=int32))
    """
    x = operand("unstack", x)
    if typeof(x).ndim == 0:
        raise ArgumentValueError(
            "Unstack requires arrays with rank > 0, however a scalar array was passed."
        )
    axis = axis_index(axis, typeof(x).ndim)
    shape = typeof(x).shape
    sizes = shape[:axis] + shape[axis + 1 :]
    parts = pieces.split(x, (1,) * shape[axis], axis) if shape[axis] else ()
    return tuple(sh.reshape_p.bind(p, new_sizes=sizes) for p in parts)


def part(a: Any, axis: int, start: int, stop: int) -> Any:
    """`a[start:stop]` along one dimension."""
    shape = typeof(a).shape
    lows, highs = [0] * len(shape), list(shape)
    lows[axis], highs[axis] = start, stop
    return pieces.slice(a, lows, highs)
