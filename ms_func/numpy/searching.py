"""Choosing, searching, sorting."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import DEFAULTS, canonicalize_dtype, is_inexact, issubdtype
from ms_func.errors import (
    ArgumentTypeError,
    ArgumentValueError,
    ConcretizationTypeError,
)
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.loc import user_loc
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion, logic, reductions, running
from ms_func.numpy.arithmetic import clip, divmod, remainder
from ms_func.numpy.creation import arange, array, asarray, zeros
from ms_func.numpy.indexing import integers, read
from ms_func.numpy.joining import stack
from ms_func.numpy.manipulation import axis_index, broadcast_to, ravel, reshape
from ms_func.numpy.promotion import (
    ArrayLike,
    as_handle,
    broadcast,
    common_shape,
    convert,
    fill,
    no_out,
    operand,
    promote,
    promote_all,
    promote_dtype,
)
from ms_func.numpy.updates import update
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import compare, pieces, reduce
from ms_func.primitives import shape as sh
from ms_func.primitives.gather import fill_of, gather
from ms_func.primitives.indices import GatherDimensionNumbers
from ms_func.primitives.sharding import constrained
from ms_func.tracing.tracer import Tracer

# --- choosing -----------------------------------------------------------------------------


@fusion.whole(3)
def where(
    condition: ArrayLike, x: ArrayLike | None = None, y: ArrayLike | None = None, /, *,
    size: int | None = None, fill_value: Any = None,
) -> Any:  # fmt: skip
    """Elements of `x` where `condition` holds, else of `y`; with one argument, `nonzero`.

    The derivative flows to the chosen elements only; a NaN computed in the other case still
    poisons the derivative of that case's operands.

    Raises:
        TypeError: only one of `x` and `y` is given, or an operand is no array.
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
        mask, x, y = (v if not typeof(v).shape else broadcast(v, full) for v in (mask, x, y))
    return compare.select_p.bind(mask, x, y)


def select(
    condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0
) -> Array:
    """For each element the choice of the first condition that holds, else `default`.

    Raises:
        ValueError: there are no conditions, or not as many choices.
        TypeError: a condition is not boolean.
    """
    if len(condlist) != len(choicelist):
        raise ArgumentValueError(
            f"condlist must have length equal to choicelist ({len(condlist)} vs {len(choicelist)})"
        )
    if not condlist:
        raise ArgumentValueError("condlist must be non-empty")
    *choices, out = _one_kind("select", [*choicelist, default])
    for condition, choice in zip(condlist[::-1], choices[::-1], strict=True):
        if typeof(operand("select", condition)).dtype != np.bool_:
            raise ArgumentTypeError("select requires boolean conditions")
        out = where(condition, choice, out)
    return as_handle(out)


def _one_kind(name: str, values: Sequence[Any]) -> list[Any]:
    """Operands of one dtype; shapes stay."""
    return promote_dtype(name, *values)


def choose(
    a: ArrayLike, choices: Sequence[ArrayLike], out: None = None, mode: str = "raise"
) -> Array:
    """For each element of the integer array `a` the element of `choices[a]` at its place.

    Args:
        a: integers.
        choices: arrays that broadcast against `a`.
        out: not supported.
        mode: "clip" or "wrap"; "raise" checks where the values are known.

    Raises:
        ValueError: a known value is out of bounds and `mode` is "raise".
    """
    no_out("choose", out)
    a = operand("choose", a)
    rows = (
        list(choices)
        if isinstance(choices, (tuple, list))
        else [choices[i] for i in range(np.shape(choices)[0])]  # pyright: ignore[reportArgumentType, reportCallIssue]
    )
    n = len(rows)
    if mode == "raise":
        value = concrete("choose with mode='raise'", a, "use mode='clip' or mode='wrap'")
        if ((value < 0) | (value >= n)).any():
            raise ArgumentValueError("invalid entry in choice array")
    elif mode not in ("clip", "wrap"):
        raise ArgumentValueError(
            f"mode={mode!r} not understood. Must be 'raise', 'wrap', or 'clip'"
        )
    if mode == "wrap":
        a = remainder(a, n)
    result: Any = None
    for i, row in enumerate(_one_kind("choose", rows)):
        test = logic.less_equal(a, 0) if i == 0 else logic.greater_equal(a, i)
        result = row if result is None else where(test, row, result)
    return broadcast_to(result, common_shape("choose", [np.shape(result), np.shape(a)]))


def piecewise(x: ArrayLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """For each element the function of the last condition that holds, else the extra one or 0.

    Functions are called on the whole of `x`; numbers stand for constants.

    Raises:
        ValueError: the numbers of conditions and functions do not fit.
    """
    x = operand("piecewise", x)
    conditions = (
        list(condlist)
        if isinstance(condlist, (list, tuple))
        else [condlist[i] for i in range(np.shape(condlist)[0])]
        if np.ndim(condlist) > typeof(x).ndim
        else [condlist]
    )
    if len(funclist) not in (len(conditions), len(conditions) + 1):
        raise ArgumentValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or "
            f"{len(conditions) + 1} functions are expected; got {len(funclist)}"
        )
    cases = list(funclist)
    out = fill(0, typeof(x)) if len(cases) == len(conditions) else _case(cases.pop(), x, args, kw)
    for condition, case in zip(conditions, cases, strict=True):
        out = where(condition, _case(case, x, args, kw), out)
    return convert(out, typeof(x).dtype)


def _case(case: Any, x: Any, args: Sequence[Any], kw: dict[str, Any]) -> Any:
    value = case(x, *args, **kw) if callable(case) else asarray(operand("piecewise", case))
    return convert(value, typeof(x).dtype)


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
    """Index of the first maximum along a dimension, of the flat array by default; NaN wins."""
    return _arg_extremum("argmax", reduce.argmax_p, a, axis, out, keepdims)


@fusion.whole(1)
def argmin(
    a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool | None = None
) -> Array:
    """Index of the first minimum along a dimension, of the flat array by default; NaN wins."""
    return _arg_extremum("argmin", reduce.argmin_p, a, axis, out, keepdims)


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
    """`argmax` of the elements that are numbers; -1 where there is none."""
    return _nan_arg("nanargmax", argmax, reduce.lowest, a, axis, out, keepdims)


def nanargmin(
    a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool | None = None
) -> Array:
    """`argmin` of the elements that are numbers; -1 where there is none."""
    return _nan_arg("nanargmin", argmin, reduce.highest, a, axis, out, keepdims)


def concrete(what: str, x: Any, fix: str) -> np.ndarray:
    """The elements of `x` on the host.

    Raises:
        ConcretizationTypeError: they are known only at run time.
    """
    if type(x) is Tracer:
        value = x.recorder.asked(x.variable)
        if value is None:
            raise ConcretizationTypeError(
                f"{what} needs a value known while tracing, got {x!r}\nfix: {fix}", user_loc()
            )
        x = value
    return np.asarray(x.value, x.type.dtype) if type(x) is Literal else np.asarray(x)


def nonzero(a: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> tuple[Array, ...]:
    """Index along each dimension of every nonzero element, in row-major order.

    Args:
        a: array.
        size: number of indices to return, so that the result has a static shape: more are
            cut off, fewer are padded with `fill_value`.
        fill_value: index (or one for each dimension) that pads; 0 by default.

    Raises:
        ConcretizationTypeError: `a` is known only at run time and there is no `size`.
        ValueError: `a` has no dimension.
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
    found = _sized_nonzero(mask, operator.index(size), fill_value)
    return tuple(convert(p, DEFAULTS[int]) for p in found)


def _sized_nonzero(mask: Any, size: int, fill_value: Any) -> tuple[Any, ...]:
    """Places of the first `size` true elements, by counting: rank to place by one scatter."""
    shape = typeof(mask).shape
    total = typeof(mask).size
    one = 0 if fill_value is None else fill_value
    fills = fill_value if isinstance(fill_value, (tuple, list)) else [one] * len(shape)
    if len(fills) != len(shape):
        raise ArgumentValueError(
            "fill_value must be a scalar or have one element for each dimension"
        )
    if size == 0 or total == 0:
        return tuple(fill(0, ArrayType((size,), np.int32)) if not total and fill_value is None
                     else broadcast_to(asarray(f, np.int32), (size,)) for f in fills)  # fmt: skip
    flat = reshape(mask, (total,))
    rank = running.cumsum(convert(flat, np.dtype(np.int32)), 0)
    slot = compare.select(flat, ar.sub(rank, 1), size)
    count = ar.min_p.bind(*promote("nonzero", pieces_last(rank), size))
    places = arange(total, dtype=np.int32)
    place = update(zeros((size,), np.int32), slot, places, "set", mode="drop", unique_indices=False)
    real = logic.less(arange(size), count)
    return tuple(
        where(real, index, convert(operand("nonzero", f), np.dtype(np.int32)))
        for index, f in zip(unravel_index(place, shape), fills, strict=True)
    )


def pieces_last(x: Any) -> Any:
    """The last element of a vector."""
    n = typeof(x).shape[0]
    return sh.reshape_p.bind(pieces.slice(x, (n - 1,), (n,)), new_sizes=())


def flatnonzero(a: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Places of the nonzero elements of the flat array; arguments as for `nonzero`."""
    return nonzero(ravel(a), size=size, fill_value=fill_value)[0]


def argwhere(a: ArrayLike, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Indices of the nonzero elements, one row for each; arguments as for `nonzero`."""
    a = operand("argwhere", a)
    ndim = typeof(a).ndim
    if ndim == 0:
        a = reshape(a, (1,))
    found = nonzero(a, size=size, fill_value=fill_value)
    return stack(found, 1) if ndim else zeros((found[0].shape[0], 0), np.int32)


def unravel_index(indices: ArrayLike, shape: Any) -> tuple[Array, ...]:
    """Index along each dimension of `shape` for places in the flat array; clipped to it."""
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

    Raises:
        ValueError: a known index is out of bounds and `mode` is "raise".
    """
    if mode not in ("raise", "wrap", "clip"):
        raise ArgumentValueError(f"invalid mode={mode!r}. Expected 'raise', 'wrap', or 'clip'")
    if len(dims) != len(multi_index):
        raise ArgumentValueError(f"len(multi_index)={len(multi_index)} != len(dims)={len(dims)}")
    columns = promote_all(
        "ravel_multi_index", [operand("ravel_multi_index", m) for m in multi_index]
    )
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


# --- taking along -------------------------------------------------------------------------------


@fusion.whole(2)
def take(
    a: ArrayLike, indices: ArrayLike, axis: int | None = None, out: None = None,
    mode: str | None = None, unique_indices: bool = False, indices_are_sorted: bool = False,
    fill_value: Any = None,
) -> Array:  # fmt: skip
    """Elements at `indices` along a dimension, of the flat array by default.

    Args:
        a: array.
        indices: integers; negative ones count from the end.
        axis: dimension.
        out: not supported.
        mode: out of bounds, "fill" (the default) reads `fill_value` (NaN or the smallest
            integer), "clip" the nearest element, "wrap" counts around.
        unique_indices: promise that no element is taken twice.
        indices_are_sorted: promise that the indices increase.
        fill_value: read out of bounds.

    Raises:
        NotImplementedError: `mode` is "raise".
    """
    no_out("take", out)
    a, indices = asarray(operand("take", a)), operand("take", indices)
    if axis is None:
        a, axis = ravel(a), 0
    axis = axis_index(axis, a.ndim)
    if mode == "raise":
        raise NotImplementedError("The 'raise' mode to take is not supported.")
    if mode == "wrap":
        indices = remainder(indices, a.shape[axis])
    elif mode not in (None, "fill", "clip", "promise_in_bounds"):
        raise ArgumentValueError(f"Invalid mode '{mode}' for np.take")
    own = {None: "fill", "wrap": "promise_in_bounds"}.get(mode, mode)
    indices = asarray(indices)
    if own == "clip":
        indices = clip(indices, 0, max(a.shape[axis] - 1, 0))
    return read(a, (*[slice(None)] * axis, indices), False, own, fill_value,
                unique_indices=unique_indices, indices_are_sorted=indices_are_sorted)  # fmt: skip


def _along_index(arr: Any, indices: Any, axis: int) -> tuple[Any, ...]:
    """Index of a full array for indices that broadcast against it except along `axis`."""
    shape = typeof(arr).shape
    sizes = typeof(indices).shape
    index: list[Any] = []
    for i, n in enumerate(shape):
        if i == axis:
            index.append(indices)
        else:
            extent = sizes[i] if n == 1 and sizes[i] != 1 else n
            grid = np.zeros(extent, np.int32) if n == 1 else np.arange(n, dtype=np.int32)
            index.append(grid.reshape([-1 if j == i else 1 for j in range(len(shape))]))
    return tuple(index)


@fusion.whole(2)
def take_along_axis(
    arr: ArrayLike, indices: ArrayLike, axis: int | None = -1, mode: Any = None,
    fill_value: Any = None, *, wrap_negative_indices: bool | None = None,
) -> Array:  # fmt: skip
    """Elements of `arr` at `indices` along a dimension, one index for each place.

    Args:
        arr: array.
        indices: integers, of as many dimensions; the other ones broadcast.
        axis: dimension; None takes the flat array.
        mode: out of bounds, as for `take`; "fill" by default.
        fill_value: read out of bounds.
        wrap_negative_indices: accepted; negative indices count from the end.

    Raises:
        TypeError: the indices are no integers.
        ValueError: the numbers of dimensions differ.
    """
    arr, indices = asarray(operand("take_along_axis", arr)), operand("take_along_axis", indices)
    indices = asarray(indices)
    if not issubdtype(indices.dtype, np.integer):
        raise ArgumentTypeError(
            f"take_along_axis indices must be of integer type, got {indices.dtype}"
        )
    if axis is None:
        arr, axis = ravel(arr), 0
    if arr.ndim != indices.ndim:
        raise ArgumentValueError(
            "indices and arr must have the same number of dimensions; "
            f"{indices.ndim} vs. {arr.ndim}"
        )
    axis = axis_index(axis, arr.ndim)
    own = _mode(mode)
    if fill_value is not None:
        fill_value = np.asarray(fill_value).item()
    return fusion.run(_take_along, (arr, indices), axis, own, fill_value)


def _mode(mode: Any) -> str:
    """Name of a gather mode, "fill" by default."""
    return "fill" if mode is None else getattr(mode, "name", str(mode)).lower()


def _take_along(arr: Any, indices: Any, axis: int, mode: str, fill_value: Any) -> Any:
    """One gather in which every other dimension is a batch dimension."""
    old, new = typeof(arr).shape, typeof(indices).shape
    ones = (*old[:axis], 1, *old[axis + 1 :]), (*new[:axis], 1, *new[axis + 1 :])
    lead = common_shape("take_along_axis", ones)
    arr = broadcast(arr, (*lead[:axis], old[axis], *lead[axis + 1 :]))
    indices = broadcast(indices, (*lead[:axis], new[axis], *lead[axis + 1 :]))
    shape = typeof(indices).shape
    if not typeof(arr).size or not typeof(indices).size:
        value = fill_of(typeof(arr).dtype, fill_value) if mode == "fill" else 0
        return fill(value, typeof(arr).update(shape=shape))
    (places,) = integers([indices], [old[axis]])
    others = tuple(d for d in range(len(shape)) if d != axis)
    numbers = GatherDimensionNumbers((), (axis,), (axis,), others, others)
    places = sh.reshape_p.bind(places, new_sizes=(*shape, 1))
    return gather(arr, places, numbers, (1,) * len(shape), mode=mode, fill_value=fill_value)


def put_along_axis(
    arr: ArrayLike, indices: ArrayLike, values: ArrayLike, axis: int | None,
    inplace: bool = True, *, mode: str | None = None,
) -> Array:  # fmt: skip
    """New array with `values` at `indices` along a dimension; `inplace` must be False.

    Raises:
        ValueError: `inplace` is true: the arguments of a function do not change.
    """
    not_in_place("put_along_axis", inplace)
    return _put_along(arr, indices, values, axis, mode)


@fusion.whole(3)
def _put_along(arr: Any, indices: Any, values: Any, axis: int | None, mode: str | None) -> Any:
    arr, indices = asarray(operand("put_along_axis", arr)), asarray(operand("put", indices))
    if axis is None:
        flat = update(ravel(arr), ravel(indices), values, "set", mode=mode)
        return reshape(flat, arr.shape)
    index = _along_index(arr, indices, axis_index(axis, arr.ndim))
    return update(arr, index, values, "set", mode=mode)


def not_in_place(name: str, inplace: bool) -> None:
    """Refuse NumPy's change of an argument."""
    if inplace:
        raise ArgumentValueError(
            f"{name}: arguments are not changed in place; pass inplace=False and use the result"
        )


def extract(
    condition: ArrayLike, arr: ArrayLike, *, size: int | None = None, fill_value: ArrayLike = 0
) -> Array:
    """Elements of the flat `arr` where `condition` holds; `size` gives a static shape."""
    return compress(ravel(condition), ravel(arr), size=size, fill_value=fill_value)


def compress(
    condition: ArrayLike, a: ArrayLike, axis: int | None = None, *, size: int | None = None,
    fill_value: ArrayLike = 0, out: None = None,
) -> Array:  # fmt: skip
    """Slices of `a` along a dimension where `condition` holds; `size` gives a static shape."""
    no_out("compress", out)
    condition, a = asarray(operand("compress", condition)), asarray(operand("compress", a))
    if condition.ndim != 1:
        raise ArgumentValueError("condition must be a 1D array")
    if axis is None:
        a, axis = ravel(a), 0
    axis = axis_index(axis, a.ndim)
    n = condition.shape[0]
    (places,) = nonzero(condition, size=size, fill_value=max(n, a.shape[axis]))
    return take(a, places, axis, mode="fill", fill_value=fill_value)


# --- counting ----------------------------------------------------------------------------------


def bincount(
    x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0, *,
    length: int | None = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """How often each non-negative integer occurs, or the sum of its weights.

    Args:
        x: vector of non-negative integers.
        weights: numbers added instead of ones.
        minlength: least length of the result.
        length: length of the result, needed where `x` is known only at run time; larger
            values are left out.
        out_sharding: sharding of the result.

    Raises:
        TypeError: `x` does not hold integers.
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
    length = max(length, operator.index(minlength))
    values = asarray(1, DEFAULTS[int]) if weights is None else operand("bincount", weights)
    if weights is not None and np.shape(values) != x.shape:
        raise ArgumentValueError("shape of weights must match shape of x.")
    out = update(zeros((length,), typeof(values).dtype), clip(x, 0), values, "add", mode="drop")
    return out if out_sharding is None else constrained(out, out_sharding)
