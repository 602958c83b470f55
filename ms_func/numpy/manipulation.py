"""Changes of shape and of order, and broadcasting."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ms_func.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    AxisError,
    ConcretizationTypeError,
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
from ms_func.numpy.promotion import ArrayLike, as_handle, operand
from ms_func.primitives import basis, pieces
from ms_func.primitives import shape as sh
from ms_func.primitives.sharding import constrained, laid_out
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
    if out_sharding is not None:
        return laid_out(out_sharding, reshape, a, shape, order)
    a = operand("reshape", a)
    sizes = _sizes(a, shape)
    if order == "F":
        back = basis.transpose(a, tuple(range(a.ndim))[::-1])  # pyright: ignore[reportAttributeAccessIssue]
        return basis.transpose(sh.reshape_p.bind(back, new_sizes=sizes[::-1]),
                               tuple(range(len(sizes)))[::-1])  # fmt: skip
    if order not in ("C", "A", None):
        raise ArgumentValueError(f"Unexpected value for 'order' argument: {order}.")
    return sh.reshape_p.bind(a, new_sizes=sizes)


def _sizes(a: Any, shape: Any) -> tuple[int, ...]:
    """`shape` with -1 replaced, checked against the number of elements."""
    t = typeof(a)
    try:
        sizes = (operator.index(shape),)
    except TypeError:
        try:
            sizes = tuple([operator.index(n) for n in shape])
        except ConcretizationTypeError:
            raise
        except TypeError:
            raise ArgumentTypeError(
                "Shapes must be 1D sequences of concrete values of integer type, got "
                f"{shape!r}\nfix: under jit, pass sizes as static arguments"
            ) from None
    unknown = sizes.count(-1)
    if unknown > 1:
        raise ArgumentTypeError(f"can only specify one unknown axis size with a -1, got {sizes}")
    known = math.prod(n for n in sizes if n != -1)
    if unknown == 1 and known and t.size % known == 0:
        sizes = tuple(t.size // known if n == -1 else n for n in sizes)
        unknown = 0
    if unknown or math.prod(sizes) != t.size or any(n < 0 for n in sizes):
        raise ShapeError(
            f"cannot reshape array of shape {t.shape} (size {t.size}) into shape {tuple(sizes)}"
            f" (size {known})\n"
            "fix: the sizes must multiply to the same number; one of them may be -1",
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
        raise ArgumentValueError(
            "cannot select an axis to squeeze out which has size not equal to one, got "
            f"shape={shape} and dimensions={gone}"
        )
    return sh.reshape_p.bind(a, new_sizes=tuple(n for i, n in enumerate(shape) if i not in gone))


def expand_dims(a: ArrayLike, axis: int | Sequence[int]) -> Array:
    """`a` with dimensions of size 1 inserted.

    Args:
        a: array.
        axis: their places in the result, one or several.

    Raises:
        ValueError: a place is given twice, or is outside of the result.

    Example:
        >>> expand_dims(np.ones((2, 3)), (0, -1)).shape
        (1, 2, 3, 1)
    """
    a = operand("expand_dims", a)
    shape = typeof(a).shape
    axis = tuple(axis) if isinstance(axis, Iterable) else axis
    count = len(axis) if isinstance(axis, tuple) else 1
    try:
        new = axes_tuple(axis, len(shape) + count)
    except ValueError as error:
        if "duplicate" in str(error):
            raise ArgumentValueError(f"repeated axis in expand_dims: {axis}") from None
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
        ValueError: an axis does not exist.
    """
    a = operand("transpose", a)
    ndim = typeof(a).ndim
    order = tuple(range(ndim))[::-1] if axes is None else tuple(operator.index(i) for i in axes)
    order = tuple(axis_index(i, ndim) for i in order)
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
        raise ArgumentValueError(
            f"x must be at least two-dimensional for matrix_transpose; got {ndim}D"
        )
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
        raise ArgumentValueError(
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
        raise ArgumentValueError(f"start={start} must satisfy {-ndim}<=start<={ndim}")
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
        ValueError: the axes are equal, or `m` has fewer than two.
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
    """`a` with elements moved along dimensions; what leaves one end enters the other."""
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
        raise ArgumentValueError(f"Incompatible shapes for broadcasting: shapes={listed}") from None


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
        raise ArgumentValueError(
            f"Incompatible shapes for broadcasting: {old} and requested shape {sizes}"
        )
    dims = tuple(range(len(sizes) - len(old), len(sizes)))
    out = basis.broadcast_in_dim_p.bind(array, shape=sizes, broadcast_dimensions=dims)
    return out if out_sharding is None else constrained(out, out_sharding)


@fusion.whole(0)
def broadcast_arrays(*args: ArrayLike) -> list[Array]:
    """The arrays, all broadcast to one shape; dtypes stay."""
    arrays = [operand("broadcast_arrays", a) for a in args]
    sizes = broadcast_shapes(*(typeof(a).shape for a in arrays))
    return [as_handle(a) if typeof(a).shape == sizes else broadcast_to(a, sizes) for a in arrays]
