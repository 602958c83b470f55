"""Changes of shape and order, joining, splitting, repeating."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    AxisError,
    LocatedError,
    ShapeError,
)
from ms_func.execution.array import Array
from ms_func.execution.dispatch import bottom
from ms_func.ir.axes import environment, is_name
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import current
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, promotion
from ms_func.numpy.arithmetic import remainder, subtract
from ms_func.numpy.promotion import ArrayLike, as_handle, convert, operand
from ms_func.primitives import basis, pieces
from ms_func.primitives import shape as sh
from ms_func.primitives.sharding import constrained
from ms_func.primitives.slicing import dynamic_slice_in_dim

# --- axes -----------------------------------------------------------------------------


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


# --- shape ----------------------------------------------------------------------------


def reshape(
    a: ArrayLike, shape: Any, order: str = "C", *, copy: bool | None = None,
    out_sharding: Any = None,
) -> Array:  # fmt: skip
    """The elements of `a` in another shape; one size may be -1.

    Args:
        a: array.
        shape: sizes of the result.
        order: "C" reads and writes the last index fastest, "F" the first.
        copy: accepted for compatibility; arrays are values.
        out_sharding: sharding of the result.

    Raises:
        TypeError: the sizes do not fit the number of elements.
    """
    a = operand("reshape", a)
    sizes = _sizes(a, shape)
    if order == "F":
        back = basis.transpose(a, tuple(range(a.ndim))[::-1])  # pyright: ignore[reportAttributeAccessIssue]
        out = basis.transpose(sh.reshape_p.bind(back, new_sizes=sizes[::-1]),
                              tuple(range(len(sizes)))[::-1])  # fmt: skip
    elif order not in ("C", "A", None):
        raise ValueError(f"Unexpected value for 'order' argument: {order}.")
    else:
        out = sh.reshape_p.bind(a, new_sizes=sizes)
    return out if out_sharding is None else constrained(out, out_sharding)


def _sizes(a: Any, shape: Any) -> tuple[int, ...]:
    """`shape` with -1 replaced, checked against the number of elements."""
    t = typeof(a)
    try:
        sizes = (operator.index(shape),)
    except TypeError:
        sizes = tuple([operator.index(n) for n in shape])
    unknown = sizes.count(-1)
    known = math.prod(n for n in sizes if n != -1)
    if unknown == 1 and known and t.size % known == 0:
        sizes = tuple(t.size // known if n == -1 else n for n in sizes)
        unknown = 0
    if unknown or math.prod(sizes) != t.size or any(n < 0 for n in sizes):
        raise ShapeError(
            f"cannot reshape array of shape {t.shape} (size {t.size}) into shape {tuple(sizes)}"
            f" (size {known})",
            user_loc(),
        )
    return sizes


def reshape_method(a: Any, *args: Any, order: str = "C", copy: bool | None = None) -> Any:
    """`reshape` as a method: sizes as one tuple or as several arguments."""
    shape = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
    return reshape(a, shape, order, copy=copy)


@fusion.whole(1)
def ravel(a: ArrayLike, order: str = "C", *, out_sharding: Any = None) -> Array:
    """The elements of `a` in one dimension."""
    if order == "K":
        raise NotImplementedError("Ravel not implemented for order='K'.")
    size = typeof(operand("ravel", a)).size
    return reshape(a, (size,), order, out_sharding=out_sharding)


@fusion.whole(1)
def squeeze(a: ArrayLike, axis: int | Sequence[int] | None = None) -> Array:
    """`a` without dimensions of size 1: all of them, or those named.

    Raises:
        ValueError: a named dimension has another size.
    """
    a = operand("squeeze", a)
    shape = typeof(a).shape
    if axis is None:
        gone: tuple[int, ...] = tuple(i for i, n in enumerate(shape) if n == 1)
    else:
        gone = axes_tuple(axis, len(shape))
    if any(shape[i] != 1 for i in gone):
        raise ValueError(
            "cannot select an axis to squeeze out which has size not equal to one, got "
            f"shape={shape} and dimensions={gone}"
        )
    return sh.reshape_p.bind(a, new_sizes=tuple(n for i, n in enumerate(shape) if i not in gone))


def expand_dims(a: ArrayLike, axis: int | Sequence[int]) -> Array:
    """`a` with dimensions of size 1 inserted at the places `axis` of the result."""
    a = operand("expand_dims", a)
    shape = typeof(a).shape
    axis = tuple(axis) if isinstance(axis, Iterable) else axis
    count = len(axis) if isinstance(axis, tuple) else 1
    try:
        new = axes_tuple(axis, len(shape) + count)
    except ValueError as error:
        if "duplicate" in str(error):
            raise ValueError(f"repeated axis in expand_dims: {axis}") from None
        raise
    rest = iter(shape)
    sizes = tuple(1 if i in new else next(rest) for i in range(len(shape) + count))
    return sh.reshape_p.bind(a, new_sizes=sizes)


def _at_least(name: str, ndim: int, arrays: Sequence[Any]) -> Any:
    if len(arrays) != 1:
        return [_at_least(name, ndim, (a,)) for a in arrays]
    a = operand(name, arrays[0])
    shape = typeof(a).shape
    if len(shape) >= ndim:
        return as_handle(a)
    if ndim == 3:
        sizes = {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)]
    else:
        sizes = (1,) * (ndim - len(shape)) + shape
    return sh.reshape_p.bind(a, new_sizes=sizes)


def atleast_1d(*arys: ArrayLike) -> Any:
    """Each array with at least one dimension."""
    return _at_least("atleast_1d", 1, arys)


def atleast_2d(*arys: ArrayLike) -> Any:
    """Each array with at least two dimensions; new ones come first."""
    return _at_least("atleast_2d", 2, arys)


def atleast_3d(*arys: ArrayLike) -> Any:
    """Each array with at least three dimensions, laid out as NumPy does."""
    return _at_least("atleast_3d", 3, arys)


# --- order ----------------------------------------------------------------------------


def transpose(a: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """`a` with its dimensions in the order `axes`, reversed by default.

    Raises:
        TypeError: `axes` is no permutation.
    """
    a = operand("transpose", a)
    ndim = typeof(a).ndim
    order = tuple(range(ndim))[::-1] if axes is None else tuple(operator.index(i) for i in axes)
    order = tuple(i + ndim if -ndim <= i < 0 else i for i in order)
    return basis.transpose_p.bind(a, permutation=order)


permute_dims = transpose


def transpose_method(a: Any, *args: Any) -> Any:
    """`transpose` as a method: axes as one tuple or as several arguments."""
    if not args or args == (None,):
        return transpose(a)
    return transpose(a, args[0] if len(args) == 1 and not isinstance(args[0], int) else args)


def matrix_transpose(x: ArrayLike, /) -> Array:
    """`x` with its last two dimensions exchanged.

    Raises:
        ValueError: it has fewer than two.
    """
    x = operand("matrix_transpose", x)
    ndim = typeof(x).ndim
    if ndim < 2:
        raise ValueError(f"x must be at least two-dimensional for matrix_transpose; got {ndim}D")
    return basis.transpose_p.bind(x, permutation=(*range(ndim - 2), ndim - 1, ndim - 2))


@fusion.whole(1)
def swapaxes(a: ArrayLike, axis1: int, axis2: int) -> Array:
    """`a` with two dimensions exchanged."""
    a = operand("swapaxes", a)
    ndim = typeof(a).ndim
    order = list(range(ndim))
    i, j = axis_index(axis1, ndim), axis_index(axis2, ndim)
    order[i], order[j] = order[j], order[i]
    return basis.transpose_p.bind(a, permutation=tuple(order))


@fusion.whole(1)
def moveaxis(a: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """`a` with the dimensions `source` moved to the places `destination`.

    Raises:
        ValueError: there are not as many destinations as sources.
    """
    a = operand("moveaxis", a)
    ndim = typeof(a).ndim
    src, dst = axes_tuple(source, ndim), axes_tuple(destination, ndim)
    if len(src) != len(dst):
        raise ValueError(
            f"Inconsistent number of elements: {len(src)} vs {len(dst)} in source and destination"
        )
    order = [i for i in range(ndim) if i not in src]
    for d, s in sorted(zip(dst, src, strict=True)):
        order.insert(d, s)
    return basis.transpose_p.bind(a, permutation=tuple(order))


@fusion.whole(1)
def rollaxis(a: ArrayLike, axis: int, start: int = 0) -> Array:
    """`a` with one dimension moved in front of the dimension `start`."""
    a = operand("rollaxis", a)
    ndim = typeof(a).ndim
    axis = axis_index(axis, ndim)
    if not -ndim <= start <= ndim:
        raise ValueError(f"start={start} must satisfy {-ndim}<=start<={ndim}")
    start += ndim if start < 0 else 0
    return moveaxis(a, axis, start - 1 if start > axis else start)


@fusion.whole(1)
def flip(m: ArrayLike, axis: int | Sequence[int] | None = None) -> Array:
    """`m` with the order of elements reversed along the given dimensions, all by default."""
    m = operand("flip", m)
    return sh.rev_p.bind(m, dimensions=axes_tuple(axis, typeof(m).ndim))


def fliplr(m: ArrayLike) -> Array:
    """`m` reversed along its second dimension."""
    return flip(m, 1)


def flipud(m: ArrayLike) -> Array:
    """`m` reversed along its first dimension."""
    return flip(m, 0)


@fusion.whole(1)
def rot90(m: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """`m` turned `k` times by 90 degrees in a plane, from the first axis towards the second.

    Raises:
        ValueError: the axes are equal.
    """
    m = operand("rot90", m)
    i, j = (axis_index(a, typeof(m).ndim) for a in axes)
    if i == j:
        raise ValueError("Axes must be different")
    turns = k % 4
    if turns == 0:
        return as_handle(m)
    if turns == 2:
        return flip(m, (i, j))
    return flip(swapaxes(m, i, j), i) if turns == 1 else flip(swapaxes(m, i, j), j)


def roll(a: ArrayLike, shift: Any, axis: int | Sequence[int] | None = None) -> Array:
    """`a` with elements moved along dimensions; what leaves one end enters the other."""
    if current.interpreter is bottom:  # where one program serves all shifts
        shift = _shift_operand(shift, np.shape(a), axis)
    return _roll(a, shift, axis)


def _shift_operand(shift: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Whole numbers by which dimensions are rolled as an array; anything else as it is."""
    steps = shift if type(shift) is tuple else (shift,)
    if any(type(s) is not int for s in steps):
        return shift
    laps = math.lcm(math.prod(shape) or 1, *[n or 1 for n in shape])
    return np.asarray([s % laps for s in steps] if steps is shift else shift % laps, np.int32)


@fusion.whole(2)
def _roll(a: Any, shift: Any, axis: Any) -> Any:
    a = operand("roll", a)
    if axis is None:
        return reshape(roll(ravel(a), shift, 0), typeof(a).shape)
    dims = axes_tuple(axis, typeof(a).ndim) if isinstance(axis, (tuple, list)) else (axis,)
    steps = shift if isinstance(shift, (tuple, list)) else (shift,) * len(dims)
    if hasattr(shift, "shape") and shift.shape:  # pyright: ignore[reportAttributeAccessIssue]
        steps = [shift[i] for i in range(shift.shape[0])]  # pyright: ignore[reportAttributeAccessIssue]
    if len(dims) == 1 < len(steps):
        dims = dims * len(steps)
    for step, d in zip(steps, dims, strict=True):
        a = _rolled(a, step, axis_index(d, typeof(a).ndim))
    return as_handle(a)


def _rolled(a: Any, step: Any, axis: int) -> Any:
    n = typeof(a).shape[axis]
    if n == 0:
        return a
    if isinstance(step, (int, np.integer)) or not hasattr(step, "trace"):
        return sh.roll_p.bind(a, shift=operator.index(step) % n, dimension=axis)
    start = remainder(subtract(n, step), n)
    return dynamic_slice_in_dim(pieces.concatenate([a, a], axis), start, n, axis)


def part(a: Any, axis: int, start: int, stop: int) -> Any:
    """`a[start:stop]` along one dimension."""
    shape = typeof(a).shape
    lows, highs = [0] * len(shape), list(shape)
    lows[axis], highs[axis] = start, stop
    return pieces.slice(a, lows, highs)


# --- broadcasting ---------------------------------------------------------------------


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """Shape that all the given shapes broadcast to.

    Raises:
        ValueError: they do not.
    """
    listed = [(s,) if isinstance(s, (int, np.integer)) else tuple(s) for s in shapes]
    if not listed:
        return ()
    try:
        return promotion.common_shape("broadcast_shapes", listed)  # pyright: ignore[reportArgumentType]
    except ShapeError:
        raise ValueError(f"Incompatible shapes for broadcasting: shapes={listed}") from None


def broadcast_to(array: ArrayLike, shape: Any, *, out_sharding: Any = None) -> Array:
    """`array` repeated to `shape` by NumPy's rule.

    Raises:
        ValueError: it does not fit.
    """
    array = operand("broadcast_to", array)
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else shape
    sizes = tuple([operator.index(n) for n in sizes])
    old = typeof(array).shape
    pairs = zip(old[::-1], sizes[::-1], strict=False)
    if len(old) > len(sizes) or any(n not in (1, m) for n, m in pairs):
        raise ValueError(f"Incompatible shapes for broadcasting: {old} and requested shape {sizes}")
    dims = tuple(range(len(sizes) - len(old), len(sizes)))
    out = basis.broadcast_in_dim_p.bind(array, shape=sizes, broadcast_dimensions=dims)
    return out if out_sharding is None else constrained(out, out_sharding)


@fusion.whole(0)
def broadcast_arrays(*args: ArrayLike) -> list[Array]:
    """The arrays, all broadcast to one shape; dtypes stay."""
    arrays = [operand("broadcast_arrays", a) for a in args]
    sizes = broadcast_shapes(*(typeof(a).shape for a in arrays))
    return [as_handle(a) if typeof(a).shape == sizes else broadcast_to(a, sizes) for a in arrays]


# --- joining --------------------------------------------------------------------------


def _rows(name: str, arrays: Any) -> list[Any]:
    """The operands of a joining function: a sequence, or an array along its first dimension."""
    if isinstance(arrays, (str, bytes)) or not (
        isinstance(arrays, (list, tuple)) or hasattr(arrays, "shape")
    ):
        raise TypeError(f"{name} requires a sequence of arrays, got {type(arrays).__name__}")
    if hasattr(arrays, "shape"):
        return unstack(arrays) if np.ndim(arrays) else _raise_scalar(name)  # pyright: ignore[reportArgumentType, reportReturnType]
    return [promotion.admit(name, a, i) for i, a in enumerate(arrays)]


def _raise_scalar(name: str) -> Any:
    raise TypeError(f"{name} requires a sequence of arrays, got a scalar")


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


def concatenate(arrays: Any, axis: int | None = 0, dtype: Any = None) -> Array:
    """Arrays joined along an existing dimension; None flattens them first.

    Raises:
        ValueError: there are none, or one has no dimension.
        TypeError: the other dimensions differ.
    """
    rows = _rows("concatenate", arrays)
    if not rows:
        raise ValueError("Need at least one array to concatenate.")
    if axis is None:
        return concatenate([ravel(a) for a in rows], 0, dtype)
    ndim = len(typeof(rows[0]).shape)
    if ndim == 0:
        raise ValueError("Zero-dimensional arrays cannot be concatenated.")
    if any(typeof(a).ndim != ndim for a in rows):
        shapes = ", ".join(str(typeof(a).shape) for a in rows)
        raise ShapeError(
            f"Cannot concatenate arrays with different numbers of dimensions: got {shapes}.",
            user_loc(),
        )
    if len(rows) == 1:
        return as_handle(_one_dtype("concatenate", rows, dtype)[0])
    return pieces.concatenate(_one_dtype("concatenate", rows, dtype), axis_index(axis, ndim))


def concat(arrays: Sequence[ArrayLike], /, *, axis: int | None = 0) -> Array:
    """`concatenate` under its name in the array API."""
    return concatenate(arrays, axis)


def stack(arrays: Any, axis: int = 0, out: None = None, dtype: Any = None) -> Array:
    """Arrays of one shape joined along a new dimension.

    Raises:
        ValueError: there are none, or the shapes differ.
    """
    promotion.no_out("stack", out)
    rows = _rows("stack", arrays)
    if not rows:
        raise ValueError("Need at least one array to stack.")
    shape = typeof(rows[0]).shape
    if any(typeof(a).shape != shape for a in rows):
        raise ValueError("All input arrays must have the same shape.")
    place = axis_index(axis, len(shape) + 1)
    return fusion.run(_stacked, _one_dtype("stack", rows, dtype), place)


def _stacked(*args: Any) -> Any:
    *rows, place = args
    shape = typeof(rows[0]).shape
    sizes = (*shape[:place], 1, *shape[place:])
    return pieces.concatenate([sh.reshape_p.bind(a, new_sizes=sizes) for a in rows], place)


def vstack(tup: Any, dtype: Any = None) -> Array:
    """Arrays joined along the first dimension, after `atleast_2d`."""
    return concatenate([atleast_2d(a) for a in _rows("vstack", tup)], 0, dtype)


def hstack(tup: Any, dtype: Any = None) -> Array:
    """Arrays joined along the second dimension, one-dimensional ones along the first."""
    rows = [atleast_1d(a) for a in _rows("hstack", tup)]
    return concatenate(rows, 0 if rows and rows[0].ndim == 1 else 1, dtype)


def dstack(tup: Any, dtype: Any = None) -> Array:
    """Arrays joined along the third dimension, after `atleast_3d`."""
    return concatenate([atleast_3d(a) for a in _rows("dstack", tup)], 2, dtype)


def column_stack(tup: Any) -> Array:
    """Arrays joined along the second dimension, one-dimensional ones as columns."""
    rows = []
    for a in _rows("column_stack", tup):
        a = operand("column_stack", a)
        rows.append(a if typeof(a).ndim > 1 else reshape(a, (typeof(a).size, 1)))
    return concatenate(rows, 1)


@fusion.whole(1)
def block(arrays: Any) -> Array:
    """Array from nested lists of blocks: the innermost lists join along the last dimension."""

    def depth(x: Any) -> int:
        return 1 + max((depth(v) for v in x), default=0) if isinstance(x, list) else 0

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
    """`values` after `arr`, flat or along a dimension."""
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
            raise ValueError(f"array split does not result in an equal division: rest is {extra}")
        cuts = [i * base + min(i, extra) for i in range(count + 1)]
    sizes = [b - a for a, b in pairwise(cuts)]
    if all(n >= 0 for n in sizes):
        return pieces.split(ary, sizes, axis)
    return [part(ary, axis, a, max(a, b)) for a, b in pairwise(cuts)]


def split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """`ary` cut into equal sections, or before each of the given indices.

    Raises:
        ValueError: the sections would not be equal.
    """
    return _split("split", ary, indices_or_sections, axis, even=True)


def array_split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Like `split`, and sections may differ by one element."""
    return _split("array_split", ary, indices_or_sections, axis, even=False)


def vsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`split` along the first dimension."""
    return split(ary, indices_or_sections, 0)


def hsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`split` along the second dimension, the first of a one-dimensional array."""
    ary = operand("hsplit", ary)
    return split(ary, indices_or_sections, 0 if typeof(ary).ndim == 1 else 1)


def dsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """`split` along the third dimension."""
    return split(ary, indices_or_sections, 2)


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The slices of `x` along a dimension.

    Raises:
        ValueError: it has no dimension.
    """
    x = operand("unstack", x)
    if typeof(x).ndim == 0:
        raise ValueError(
            "Unstack requires arrays with rank > 0, however a scalar array was passed."
        )
    axis = axis_index(axis, typeof(x).ndim)
    shape = typeof(x).shape
    sizes = shape[:axis] + shape[axis + 1 :]
    parts = pieces.split(x, (1,) * shape[axis], axis) if shape[axis] else ()
    return tuple(sh.reshape_p.bind(p, new_sizes=sizes) for p in parts)
