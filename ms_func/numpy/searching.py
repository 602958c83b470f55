"""`where`, places of elements: of the largest, of nonzero ones, in flat arrays; counting."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import DEFAULTS, canonicalize_dtype, is_inexact, issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ConcretizationTypeError
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.loc import user_loc
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, logic, reductions, running
from ms_func.numpy.arithmetic import clip, divmod, remainder
from ms_func.numpy.axes import axis_index
from ms_func.numpy.creation import array, asarray
from ms_func.numpy.filled import zeros
from ms_func.numpy.intervals import arange
from ms_func.numpy.joining import stack
from ms_func.numpy.manipulation import broadcast_to, ravel, reshape
from ms_func.numpy.promotion import (
    ArrayLike,
    broadcast_alike,
    common_shape,
    convert,
    laid_alike,
    no_out,
    operand,
    promote,
    promote_all,
)
from ms_func.numpy.updates import update
from ms_func.primitives import arg_extrema, compare, pieces, reduce
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import shape as sh
from ms_func.primitives.sharding import constrained
from ms_func.tracing.tracer import Tracer


@fusion.whole(3)
def where(
    condition: ArrayLike, x: ArrayLike | None = None, y: ArrayLike | None = None, /, *,
    size: int | None = None, fill_value: Any = None,
) -> Any:  # fmt: skip
    """Elements of `x` where `condition` holds, else of `y`; with one argument, `nonzero`.

    The derivative flows to the chosen elements only; a NaN computed in the other case still
    poisons the derivative of that case's operands.

    Args:
        condition: booleans; of other arrays the nonzero elements hold. The three broadcast.
        x: array or number.
        y: array or number.
        size: with one argument, the number of indices, as for `nonzero`.
        fill_value: with one argument, as for `nonzero`.

    Returns:
        Array of the dtype that `x` and `y` promote to.

    Raises:
        TypeError: only one of `x` and `y` is given, or an operand is no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> x = np.array([-1.0, 0.0, 4.0])
        >>> np.where(x > 0, x, 9)
        Array([9., 9., 4.], dtype=float32)
        >>> safe = lambda v: np.where(v > 0, np.sqrt(np.where(v > 0, v, 1)), 0).sum()
        >>> ms.grad(safe)(x)
        Array([0.  , 0.  , 0.25], dtype=float32)
        >>> np.where(x)
        (Array([0, 2], dtype=int32),)
    """
    if x is None and y is None:
        return nonzero(operand("where", condition), size=size, fill_value=fill_value)
    if size is not None or fill_value is not None:
        raise ArgumentValueError(
            "size and fill_value arguments cannot be used in three-term where function."
        )
    if x is None or y is None:
        raise ArgumentTypeError(
            "where requires ndarray or scalar arguments, got None at position "
            f"{1 if x is None else 2}.\nfix: give both x and y, or neither"
        )
    mask = logic.truth("where", condition)
    x, y = promote("where", x, y)
    shape = typeof(mask).shape
    shapes = (shape, typeof(x).shape, typeof(y).shape)
    full = common_shape("where", shapes)
    if any(s not in ((), full) for s in shapes):
        mask, x, y = broadcast_alike((mask, x, y), full)
    mask, x, y = laid_alike([mask, x, y])
    return compare.select_p.bind(mask, x, y)


# --- places of elements ---------------------------------------------------------------------


def _arg_extremum(
    name: str, primitive: Any, a: Any, axis: int | None, out: None, keepdims: bool | None
) -> Any:
    no_out(name, out)
    a = operand(name, a)
    shape = typeof(a).shape
    flat = axis is None
    if flat:
        a, axis = ravel(a), 0
    axis = axis_index(axis, typeof(a).ndim)
    if typeof(a).shape[axis] == 0:
        raise ArgumentValueError(f"attempt to get {name} of an empty sequence")
    wide = typeof(a).shape[axis] > 2**31 - 1
    kind = np.dtype(np.int64) if wide else DEFAULTS[int]
    found = primitive.bind(a, axes=(axis,), index_dtype=kind)
    if not keepdims:
        return found
    sizes = (1,) * len(shape) if flat else tuple(1 if i == axis else n for i, n in enumerate(shape))
    return sh.reshape_p.bind(found, new_sizes=sizes)


@fusion.whole(1)
def argmax(
    a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool | None = None
) -> Array:
    """Index of the first maximum along a dimension.

    Args:
        a: real array.
        axis: dimension; None takes the flat array.
        out: not supported.
        keepdims: keep the dimension, or all of them for the flat array, with size 1.

    Returns:
        int32; the place of the first NaN where there is one.

    Raises:
        ValueError: the dimension is empty, or there is none.
        TypeError: `a` is complex.

    Example:
        >>> x = np.array([[1, 7, 7], [5, 0, 2]])
        >>> np.argmax(x), np.argmax(x, axis=1)
        (Array(1, dtype=int32), Array([1, 0], dtype=int32))
        >>> np.argmax(np.array([1.0, np.nan, 3.0]))
        Array(1, dtype=int32)
    """
    return _arg_extremum("argmax", arg_extrema.argmax_p, a, axis, out, keepdims)


@fusion.whole(1)
def argmin(
    a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool | None = None
) -> Array:
    """Index of the first minimum along a dimension.

    Args:
        a: real array.
        axis: dimension; None takes the flat array.
        out: not supported.
        keepdims: keep the dimension, or all of them for the flat array, with size 1.

    Returns:
        int32; the place of the first NaN where there is one.

    Raises:
        ValueError: the dimension is empty, or there is none.
        TypeError: `a` is complex.

    Example:
        >>> np.argmin(np.array([[1, 7, 7], [5, 0, 2]]), axis=1, keepdims=True)
        Array([[0],
               [1]], dtype=int32)
    """
    return _arg_extremum("argmin", arg_extrema.argmin_p, a, axis, out, keepdims)


def _nan_arg(name: str, fn: Any, bound: Any, a: Any, axis: Any, out: None, keepdims: Any) -> Any:
    """Like `fn` on the numbers; -1 where all elements are NaN."""
    a = operand(name, a)
    if not is_inexact(typeof(a).dtype):
        return fn(a, axis, out, keepdims)
    nan = logic.isnan(a)
    found = fn(compare.select(nan, bound(typeof(a).dtype), a), axis, out, keepdims)
    return where(reductions.all(nan, axis, keepdims=bool(keepdims)), -1, found)


def nanargmax(
    a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool | None = None
) -> Array:
    """`argmax` of the elements that are numbers; -1 where there is none.

    Args:
        a: real array.
        axis: dimension; None takes the flat array.
        out: not supported.
        keepdims: keep the dimension, or all of them for the flat array, with size 1.

    Raises:
        ValueError: the dimension is empty, or there is none.
        TypeError: `a` is complex.

    Example:
        >>> np.nanargmax(np.array([[1, np.nan, 3], [np.nan, np.nan, np.nan]]), axis=1)
        Array([ 2, -1], dtype=int32)
    """
    return _nan_arg("nanargmax", argmax, reduce.lowest, a, axis, out, keepdims)


def nanargmin(
    a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool | None = None
) -> Array:
    """`argmin` of the elements that are numbers; -1 where there is none.

    Args:
        a: real array.
        axis: dimension; None takes the flat array.
        out: not supported.
        keepdims: keep the dimension, or all of them for the flat array, with size 1.

    Raises:
        ValueError: the dimension is empty, or there is none.
        TypeError: `a` is complex.

    Example:
        >>> np.nanargmin(np.array([[1, np.nan, 3], [np.nan, np.nan, np.nan]]), axis=1)
        Array([ 0, -1], dtype=int32)
    """
    return _nan_arg("nanargmin", argmin, reduce.highest, a, axis, out, keepdims)


def concrete(what: str, x: Any, fix: str) -> np.ndarray:
    """The elements of `x` on the host.

    Raises:
        ConcretizationTypeError: they are known only at run time.
    """
    if type(x) is Tracer:
        value = x.recorder.asked(x.variable)
        if value is None:
            name = what.removesuffix(" without a size")
            size = f"The size argument of jnp.{name} must be statically specified to use " \
                   f"jnp.{name} within JAX transformations. " if name != what else ""  # fmt: skip
            raise ConcretizationTypeError(
                "Abstract tracer value encountered where concrete value is expected: traced array "
                f"with shape {x.type}. {size}{what} needs a value known while tracing\nfix: {fix}",
                user_loc(),
            )
        x = value
    return x.array if type(x) is Literal else np.asarray(x)


def nonzero(a: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> tuple[Array, ...]:
    """Index along each dimension of every nonzero element, in row-major order.

    Args:
        a: array.
        size: number of indices to return, so that the result has a static shape: more are
            cut off, fewer are padded with `fill_value`.
        fill_value: index (or one for each dimension) that pads; 0 by default.

    Returns:
        As many int32 vectors as there are dimensions. NaN counts as nonzero.

    Raises:
        ConcretizationTypeError: `a` is known only at run time and there is no `size`.
        ValueError: `a` has no dimension.

    Example:
        >>> x = np.array([[0, 7], [8, 9]])
        >>> np.nonzero(x)
        (Array([0, 1, 1], dtype=int32), Array([1, 0, 1], dtype=int32))
        >>> x[np.nonzero(x)]
        Array([7, 8, 9], dtype=int32)
        >>> ms.jit(lambda v: np.nonzero(v, size=4, fill_value=-1)[0])(x)
        Array([ 0,  1,  1, -1], dtype=int32)
    """
    a = operand("nonzero", a)
    if typeof(a).ndim == 0:
        raise ArgumentValueError(
            "Calling nonzero on 0d arrays is not allowed. Use atleast_1d(scalar).nonzero()"
        )
    mask = logic.truth("nonzero", a)
    if size is None:
        found = np.nonzero(concrete("nonzero without a size", mask, "give the argument size"))
        return tuple(array(p.astype(DEFAULTS[int])) for p in found)
    fills = _fills(fill_value, typeof(a).ndim)
    if all(type(f) is int for f in fills):
        return fusion.run(_sized_nonzero, (mask,), operator.index(size), fills)
    return _sized_nonzero(mask, operator.index(size), fills)


def _fills(fill_value: Any, ndim: int) -> tuple[Any, ...]:
    """What pads the indices along each dimension."""
    one = 0 if fill_value is None else fill_value
    fills = tuple(one) if isinstance(one, (tuple, list)) else (one,) * ndim
    if len(fills) != ndim:
        raise ArgumentValueError(
            "fill_value must be a scalar or have one element for each dimension"
        )
    return fills


def _sized_nonzero(mask: Any, size: int, fills: tuple[Any, ...]) -> tuple[Any, ...]:
    """Places of the first `size` true elements, by counting: rank to place by one scatter."""
    shape = typeof(mask).shape
    total = typeof(mask).size
    if size == 0 or total == 0:
        return tuple(broadcast_to(asarray(f, DEFAULTS[int]), (size,)) for f in fills)
    flat = reshape(mask, (total,))
    rank = running.cumsum(convert(flat, np.dtype(np.int32)), 0)
    slot = compare.select(flat, ar.sub(rank, 1), size)
    count = ar.min_p.bind(*promote("nonzero", pieces_last(rank), size))
    places = arange(total, dtype=np.int32)
    place = update(zeros((size,), np.int32), slot, places, "set", mode="drop", unique_indices=False)
    real = logic.less(arange(size), count)
    return tuple(
        convert(where(real, index, convert(operand("nonzero", f), index.dtype)), DEFAULTS[int])
        for index, f in zip(unravel_index(place, shape), fills, strict=True)
    )


def pieces_last(x: Any) -> Any:
    """The last element of a vector."""
    n = typeof(x).shape[0]
    return sh.reshape_p.bind(pieces.slice(x, (n - 1,), (n,)), new_sizes=())


def flatnonzero(a: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Places of the nonzero elements of the flat array.

    Args:
        a: array or number.
        size: number of places to return, as for `nonzero`.
        fill_value: what pads where there are fewer; 0 by default.

    Raises:
        ConcretizationTypeError: `a` is known only at run time and there is no `size`.

    Example:
        >>> np.flatnonzero(np.array([[0, 7], [8, 9]]))
        Array([1, 2, 3], dtype=int32)
        >>> np.flatnonzero(np.array([0, 7]), size=3, fill_value=2)
        Array([1, 2, 2], dtype=int32)
    """
    return nonzero(ravel(a), size=size, fill_value=fill_value)[0]


def argwhere(a: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Indices of the nonzero elements, one row for each.

    Args:
        a: array or number.
        size: number of rows to return, as for `nonzero`.
        fill_value: what pads where there are fewer; 0 by default.

    Returns:
        int32 `[n, d]` for d dimensions.

    Raises:
        ConcretizationTypeError: `a` is known only at run time and there is no `size`.

    Example:
        >>> np.argwhere(np.array([[0, 7], [8, 9]]))
        Array([[0, 1],
               [1, 0],
               [1, 1]], dtype=int32)
    """
    a = operand("argwhere", a)
    ndim = typeof(a).ndim
    if ndim == 0:
        a = reshape(a, (1,))
    found = nonzero(a, size=size, fill_value=fill_value)
    return stack(found, 1) if ndim else zeros((found[0].shape[0], 0), np.int32)


def unravel_index(indices: ArrayLike, shape: Any) -> tuple[Array, ...]:
    """Index along each dimension of `shape` for places in the flat array.

    Args:
        indices: integers; negative ones count from the end, those out of bounds are clipped.
        shape: shape of the array, one size or several.

    Returns:
        As many arrays as there are dimensions, with the shape and dtype of `indices`.

    Example:
        >>> np.unravel_index(np.array([1, 5, -1, 99]), (2, 3))
        (Array([0, 1, 1, 1], dtype=int32), Array([1, 2, 2, 2], dtype=int32))
    """
    indices = operand("unravel_index", indices)
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    total = int(np.prod(sizes, dtype=np.int64))
    indices = where(logic.less(indices, 0), ar.add(indices, total), indices)
    rest = clip(indices, 0, max(total - 1, 0))
    out = []
    for n in sizes[::-1]:
        rest, left = divmod(rest, n) if n else (rest, rest)
        out.append(left)
    return tuple(out[::-1])


def ravel_multi_index(
    multi_index: Sequence[ArrayLike], dims: Sequence[int], mode: str = "raise", order: str = "C",
    *, dtype: Any = None,
) -> Array:  # fmt: skip
    """Places in the flat array of indices along each dimension.

    Args:
        multi_index: as many arrays of integers as there are dimensions, which broadcast.
        dims: shape of the array.
        mode: out of bounds, "raise" is an error, "wrap" counts around, "clip" takes the nearest;
            "raise" needs values that are known.
        order: "C": the last index runs fastest; "F": the first.
        dtype: of the result; by default that of the indices.

    Raises:
        ValueError: a known index is out of bounds and `mode` is "raise", an array does not hold
            integers, or there are not as many as dimensions.
        ConcretizationTypeError: `mode` is "raise" and the values are known only at run time.

    Example:
        >>> np.ravel_multi_index((np.array([0, 1]), np.array([1, 2])), (2, 3))
        Array([1, 5], dtype=int32)
        >>> np.ravel_multi_index((np.array([2]), np.array([4])), (2, 3), mode="clip")
        Array([5], dtype=int32)
    """
    if mode not in ("raise", "wrap", "clip"):
        raise ArgumentValueError(f"invalid mode={mode!r}. Expected 'raise', 'wrap', or 'clip'")
    if order not in ("C", "F"):
        raise ArgumentValueError(f"invalid order={order!r}. Expected 'C' or 'F'")
    if len(dims) != len(multi_index):
        raise ArgumentValueError(f"len(multi_index)={len(multi_index)} != len(dims)={len(dims)}")
    columns = [operand("ravel_multi_index", m) for m in multi_index]
    if any(not issubdtype(typeof(c).dtype, np.integer) for c in columns):
        raise ArgumentValueError("ravel_multi_index: indices must be integers")
    columns = promote_all("ravel_multi_index", columns)
    weights = np.cumprod([1, *dims[:0:-1]])[::-1] if order == "C" else np.cumprod([1, *dims[:-1]])
    total: Any = 0
    for column, n, w in zip(columns, dims, weights, strict=True):
        if mode == "raise":
            value = concrete("ravel_multi_index with mode='raise'", column, "use mode='clip'")
            if ((value < 0) | (value >= n)).any():
                raise ArgumentValueError("invalid entry in coordinates array")
        elif mode == "wrap":
            column = remainder(column, int(n))
        else:
            column = clip(column, 0, int(n) - 1)
        term = ar.mul(column, int(w))
        total = term if isinstance(total, int) else ar.add(total, term)
    return total if dtype is None else convert(total, canonicalize_dtype(dtype))


# --- counting ----------------------------------------------------------------------------------


def bincount(
    x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0, *,
    length: int | None = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """How often each non-negative integer occurs, or the sum of its weights.

    Args:
        x: vector of integers; negative ones count as 0.
        weights: numbers added instead of ones, one for each element of `x`.
        minlength: least length of the result.
        length: length of the result, needed where `x` is known only at run time; larger
            values are left out.
        out_sharding: sharding of the result.

    Returns:
        `[max(x) + 1]`, or of the length asked for; int32, or the dtype of the weights.

    Raises:
        TypeError: `x` does not hold integers, or is known only at run time without a `length`.
        ValueError: `x` is no vector, or the weights have another shape.

    Example:
        >>> np.bincount(np.array([1, 3, 1]))
        Array([0, 2, 0, 1], dtype=int32)
        >>> np.bincount(np.array([1, 0, 1]), weights=np.array([0.5, 2.0, 0.25]))
        Array([2.  , 0.75], dtype=float32)
        >>> np.bincount(np.array([1, 3, 1]), length=3)
        Array([0, 2, 0], dtype=int32)
    """
    x = asarray(operand("bincount", x))
    x = asarray(x, np.int32) if x.dtype == np.bool_ else x
    if not issubdtype(x.dtype, np.integer):
        raise ArgumentTypeError(f"x argument to bincount must have an integer type; got {x.dtype}")
    if x.ndim != 1:
        raise ArgumentValueError("only 1-dimensional input supported.")
    if length is None:
        value = concrete("bincount without a length", x, "give the argument length")
        length = int(value.max(initial=0)) + 1 if value.size else 0
    elif length < 0:
        raise ArgumentTypeError(f"bincount: length must not be negative, got {length}")
    length = max(length, operator.index(minlength))
    values = asarray(1, DEFAULTS[int]) if weights is None else operand("bincount", weights)
    if weights is not None and np.shape(values) != x.shape:
        raise ArgumentValueError(
            "shape of weights must match shape of x: type of weights must match type of x."
        )
    out = update(zeros((length,), typeof(values).dtype), clip(x, 0), values, "add", mode="drop")
    return out if out_sharding is None else constrained(out, out_sharding)
