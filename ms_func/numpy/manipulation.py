"""Changes of shape and of order, and broadcasting."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    ConcretizationTypeError,
    ShapeError,
)
from ms_func.execution.array import Array
from ms_func.ir.loc import user_loc
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, promotion
from ms_func.numpy.axes import axes_tuple, axis_index
from ms_func.numpy.promotion import ArrayLike, as_handle, operand
from ms_func.primitives import basis
from ms_func.primitives import shape as sh
from ms_func.primitives.sharding import constrained, laid_out

# --- shape ----------------------------------------------------------------------------


def reshape(
    a: ArrayLike, shape: Any, order: str = "C", *, copy: bool | None = None,
    out_sharding: Any = None,
) -> Array:  # fmt: skip
    """The elements of `a` in another shape; one size may be -1.

    Args:
        a: array or number.
        shape: sizes of the result, one or several; -1 stands for what makes the numbers of elements
            equal.
        order: "C" reads and writes the last index fastest, "F" the first; "A" means "C".
        copy: accepted for compatibility; arrays are values.
        out_sharding: sharding of the result.

    Raises:
        TypeError: the sizes do not fit the number of elements.
        ValueError: there is no such order.

    Example:
        >>> x = np.array([[1, 2, 3], [4, 5, 6]])
        >>> np.reshape(x, (3, -1))
        Array([[1, 2],
               [3, 4],
               [5, 6]], dtype=int32)
        >>> np.reshape(x, (3, 2), order="F")
        Array([[1, 5],
               [4, 3],
               [2, 6]], dtype=int32)
    """
    if out_sharding is not None:
        return laid_out(out_sharding, reshape, a, shape, order)
    a = operand("reshape", a)
    sizes = _sizes(a, shape)
    if order == "F":
        back = basis.transpose(a, tuple(range(a.ndim))[::-1])  # pyright: ignore[reportAttributeAccessIssue]
        return basis.transpose(sh.reshape_p.bind(back, new_sizes=sizes[::-1]),
                               tuple(range(len(sizes)))[::-1])  # fmt: skip
    if order == "A" and jax_rules():
        raise NotImplementedError("np.reshape order=A is not implemented.")
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


@fusion.whole(1)
def ravel(a: ArrayLike, order: str = "C", *, out_sharding: Any = None) -> Array:
    """The elements of `a` in one dimension.

    Args:
        a: array or number, which gives one element.
        order: "C" reads the last index fastest, "F" the first.
        out_sharding: sharding of the result.

    Raises:
        NotImplementedError: `order` is "K": arrays have no memory order.

    Example:
        >>> x = np.array([[1, 2], [3, 4]])
        >>> np.ravel(x), np.ravel(x, order="F")
        (Array([1, 2, 3, 4], dtype=int32), Array([1, 3, 2, 4], dtype=int32))
    """
    if order == "K":
        raise NotImplementedError("Ravel not implemented for order='K'.")
    size = typeof(operand("ravel", a)).size
    return reshape(a, (size,), order, out_sharding=out_sharding)


@fusion.whole(1)
def squeeze(a: ArrayLike, axis: int | Sequence[int] | None = None) -> Array:
    """`a` without dimensions of size 1: all of them, or those named.

    Args:
        a: array or number.
        axis: dimensions to leave out, one or several; negative ones count from the end.

    Raises:
        ValueError: a named dimension has another size, or there is none.

    Example:
        >>> x = np.ones((1, 3, 1))
        >>> np.squeeze(x).shape, np.squeeze(x, -1).shape
        ((3,), (1, 3))
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
        a: array or number.
        axis: their places in the result, one or several; negative ones count from its end.

    Raises:
        ValueError: a place is given twice, or is outside of the result.

    Example:
        >>> x = np.ones((2, 3))
        >>> np.expand_dims(x, -1).shape, np.expand_dims(x, (0, -1)).shape
        ((2, 3, 1), (1, 2, 3, 1))
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
    """Each array with at least one dimension: numbers become vectors of one element.

    Args:
        *arys: arrays or numbers.

    Returns:
        The array, or a list of them for several arguments.

    Raises:
        TypeError: an argument is a list.

    Example:
        >>> np.atleast_1d(np.float32(1.5))
        Array([1.5], dtype=float32)
        >>> np.atleast_1d(np.int8(3), np.array([1, 2]))
        [Array([3], dtype=int8), Array([1, 2], dtype=int32)]
    """
    return _at_least("atleast_1d", 1, arys)


def atleast_2d(*arys: ArrayLike) -> Any:
    """Each array with at least two dimensions; new ones come first.

    Args:
        *arys: arrays or numbers.

    Returns:
        The array, or a list of them for several arguments.

    Raises:
        TypeError: an argument is a list.

    Example:
        >>> np.atleast_2d(np.array([1, 2]))
        Array([[1, 2]], dtype=int32)
    """
    return _at_least("atleast_2d", 2, arys)


def atleast_3d(*arys: ArrayLike) -> Any:
    """Each array with at least three dimensions: `[n]` becomes `[1, n, 1]`, `[m, n]` `[m, n, 1]`.

    Args:
        *arys: arrays or numbers.

    Returns:
        The array, or a list of them for several arguments.

    Raises:
        TypeError: an argument is a list.

    Example:
        >>> [a.shape for a in np.atleast_3d(1, np.ones(2), np.ones((2, 3)))]
        [(1, 1, 1), (1, 2, 1), (2, 3, 1)]
    """
    return _at_least("atleast_3d", 3, arys)


# --- order ----------------------------------------------------------------------------


def transpose(a: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """`a` with its dimensions in another order. Also known as `permute_dims`.

    Args:
        a: array or number.
        axes: for each dimension of the result which one of `a` it is; negative ones count from the
            end. None reverses the order.

    Raises:
        TypeError: `axes` is no permutation.
        ValueError: there is no such dimension.

    Example:
        >>> np.transpose(np.array([[1, 2, 3], [4, 5, 6]]))
        Array([[1, 4],
               [2, 5],
               [3, 6]], dtype=int32)
        >>> np.transpose(np.ones((2, 3, 4)), (0, -1, 1)).shape
        (2, 4, 3)
    """
    a = operand("transpose", a)
    ndim = typeof(a).ndim
    order = tuple(range(ndim))[::-1] if axes is None else tuple(axis_index(i, ndim) for i in axes)
    return basis.transpose_p.bind(a, permutation=order)


permute_dims = transpose


def matrix_transpose(x: ArrayLike, /) -> Array:
    """`x` with its last two dimensions exchanged, `[..., m, n]` to `[..., n, m]`; not conjugated.

    Args:
        x: array of at least two dimensions.

    Raises:
        ValueError: it has fewer.

    Example:
        >>> np.matrix_transpose(np.array([[[1, 2], [3, 4]]]))
        Array([[[1, 3],
                [2, 4]]], dtype=int32)
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
    """`a` with two dimensions exchanged.

    Args:
        a: array.
        axis1: dimension; negative ones count from the end.
        axis2: the other one.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> np.swapaxes(np.ones((2, 3, 4)), 0, -1).shape
        (4, 3, 2)
    """
    a = operand("swapaxes", a)
    ndim = typeof(a).ndim
    order = list(range(ndim))
    i, j = axis_index(axis1, ndim), axis_index(axis2, ndim)
    order[i], order[j] = order[j], order[i]
    return basis.transpose_p.bind(a, permutation=tuple(order))


@fusion.whole(1)
def moveaxis(a: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """`a` with the dimensions `source` moved to the places `destination`; others keep their order.

    Args:
        a: array.
        source: dimensions, one or several; negative ones count from the end.
        destination: as many places in the result.

    Raises:
        ValueError: there are not as many destinations as sources, or there is no such dimension.

    Example:
        >>> x = np.ones((2, 3, 4))
        >>> np.moveaxis(x, 0, -1).shape, np.moveaxis(x, (0, 1), (1, 2)).shape
        ((3, 4, 2), (4, 2, 3))
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
    """`a` with one dimension moved in front of another; see `moveaxis`, which is easier to read.

    Args:
        a: array.
        axis: dimension that moves.
        start: dimension, as `a` has them, that it comes to stand in front of; the number of
            dimensions puts it last.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> x = np.ones((2, 3, 4))
        >>> np.rollaxis(x, 2).shape, np.rollaxis(x, 0, 3).shape
        ((4, 2, 3), (3, 4, 2))
    """
    a = operand("rollaxis", a)
    ndim = typeof(a).ndim
    axis = axis_index(axis, ndim)
    if not -ndim <= start <= ndim:
        raise ArgumentValueError(f"start={start} must satisfy {-ndim}<=start<={ndim}")
    start += ndim if start < 0 else 0
    return moveaxis(a, axis, start - 1 if start > axis else start)


# --- broadcasting ---------------------------------------------------------------------


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """Shape that all the given shapes broadcast to.

    Shapes are compared from the last size on; sizes must be equal, or one of them 1 or missing.

    Args:
        *shapes: tuples of ints; an int counts as one of length 1.

    Raises:
        ValueError: they do not fit.

    Example:
        >>> np.broadcast_shapes((2, 1), (3,), ())
        (2, 3)
    """
    listed = [(s,) if isinstance(s, (int, np.integer)) else tuple(s) for s in shapes]
    if not listed:
        return ()
    try:
        return promotion.common_shape("broadcast_shapes", listed)  # pyright: ignore[reportArgumentType]
    except ShapeError:
        raise ArgumentValueError(f"Incompatible shapes for broadcasting: shapes={listed}") from None


def broadcast_to(array: ArrayLike, shape: Any, *, out_sharding: Any = None) -> Array:
    """`array` repeated to `shape` by the rule of `broadcast_shapes`.

    Args:
        array: array or number.
        shape: sizes of the result, one or several.
        out_sharding: sharding of the result.

    Raises:
        ValueError: it does not fit.

    Example:
        >>> np.broadcast_to(np.array([[1], [2]]), (2, 3))
        Array([[1, 1, 1],
               [2, 2, 2]], dtype=int32)
    """
    array = operand("broadcast_to", array)
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else shape
    sizes = tuple([operator.index(n) for n in sizes])
    old = typeof(array).shape
    pairs = zip(old[::-1], sizes[::-1], strict=False)
    if len(old) > len(sizes) or any(n not in (1, m) for n, m in pairs):
        raise ArgumentValueError(
            f"Incompatible shapes for broadcasting: {old} and requested shape {sizes}. "
            f"Incompatible types for broadcasting: input type={typeof(array)}"
        )
    dims = tuple(range(len(sizes) - len(old), len(sizes)))
    out = basis.broadcast_in_dim_p.bind(array, shape=sizes, broadcast_dimensions=dims)
    return out if out_sharding is None else constrained(out, out_sharding)


@fusion.whole(0)
def broadcast_arrays(*args: ArrayLike) -> list[Array]:
    """The arrays, all broadcast to one shape; dtypes stay.

    Args:
        *args: arrays or numbers.

    Returns:
        A list of as many arrays.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.broadcast_arrays(np.array([1, 2]), np.array([[0.5], [1.5]]))
        [Array([[1, 2],
               [1, 2]], dtype=int32), Array([[0.5, 0.5],
               [1.5, 1.5]], dtype=float32)]
    """
    arrays = [operand("broadcast_arrays", a) for a in args]
    sizes = broadcast_shapes(*(typeof(a).shape for a in arrays))
    alike = promotion.broadcast_alike(arrays, sizes)
    return [as_handle(a) if typeof(a).shape == sizes else broadcast_to(a, sizes) for a in alike]
