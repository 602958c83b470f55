"""Elements at indices along a dimension, read and written."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.dtypes import issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion
from ms_func.numpy.arithmetic import clip, remainder
from ms_func.numpy.axes import axis_index
from ms_func.numpy.creation import asarray
from ms_func.numpy.indexing import integers, read
from ms_func.numpy.manipulation import ravel, reshape
from ms_func.numpy.promotion import (
    ArrayLike,
    broadcast,
    common_shape,
    convert,
    fill,
    no_out,
    operand,
)
from ms_func.numpy.updates import update
from ms_func.primitives import shape as sh
from ms_func.primitives.gather import fill_of, gather
from ms_func.primitives.indices import GatherDimensionNumbers


@fusion.whole(2)
def take(
    a: ArrayLike, indices: ArrayLike, axis: int | None = None, out: None = None,
    mode: str | None = None, unique_indices: bool = False, indices_are_sorted: bool = False,
    fill_value: Any = None,
) -> Array:  # fmt: skip
    """Elements at `indices` along a dimension.

    Args:
        a: array.
        indices: integers; negative ones count from the end.
        axis: dimension; None takes the flat array.
        out: not supported.
        mode: out of bounds, "fill" (the default) reads `fill_value`, "clip" the nearest element,
            "wrap" counts around. With "clip", negative indices are below the first element.
        unique_indices: promise that no element is taken twice.
        indices_are_sorted: promise that the indices increase.
        fill_value: read out of bounds; by default NaN, the smallest signed, the largest unsigned
            integer, or True.

    Returns:
        Array in whose shape that of `indices` stands in place of the dimension.

    Raises:
        TypeError: the indices are no integers; under `as_jax` a ValueError.
        ValueError: there is no such mode or dimension.
        IndexError: there is nothing to take along `axis`.
        NotImplementedError: `mode` is "raise".

    Example:
        >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> np.take(x, np.array([0, -1]), axis=1)
        Array([[1., 2.],
               [3., 4.]], dtype=float32)
        >>> np.take(x, 7), np.take(x, 7, mode="clip"), np.take(x, 7, fill_value=0)
        (Array(nan, dtype=float32), Array(4., dtype=float32), Array(0., dtype=float32))
    """
    no_out("take", out)
    a, indices = asarray(operand("take", a)), operand("take", indices)
    if axis is None:
        a, axis = ravel(a), 0
    axis = axis_index(axis, a.ndim)
    if mode == "raise":
        raise NotImplementedError("The 'raise' mode to jnp.take is not supported.")
    kind = typeof(indices).dtype
    if jax_rules() and not (kind == np.bool_ or issubdtype(kind, np.integer)):
        raise ArgumentValueError("take indices must have an integer type")
    if jax_rules() and kind == np.bool_:
        indices = convert(indices, np.dtype(np.int32))
    if not a.shape[axis] and typeof(indices).size:
        raise IndexError("Cannot do a non-empty jnp.take() from an empty axis.")
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
        indices: integers, of as many dimensions; the other ones broadcast. Negative ones count
            from the end.
        axis: dimension; None takes the flat array.
        mode: out of bounds, as for `take`; "fill" by default.
        fill_value: read out of bounds.
        wrap_negative_indices: accepted; negative indices count from the end.

    Raises:
        TypeError: the indices are no integers.
        ValueError: the numbers of dimensions differ, or the other sizes do not broadcast.

    Example:
        >>> x = np.array([[30, 10, 20], [10, 30, 20]])
        >>> np.take_along_axis(x, np.argsort(x), axis=-1)
        Array([[10, 20, 30],
               [10, 20, 30]], dtype=int32)
        >>> np.take_along_axis(x, np.argmax(x, axis=1, keepdims=True), axis=1)
        Array([[30],
               [30]], dtype=int32)
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

    Args:
        arr: array.
        indices: integers, of as many dimensions; the other ones broadcast.
        values: array or number that broadcasts to the shape of `indices`.
        axis: dimension; None takes the flat array.
        inplace: must be False: the arguments of a function do not change.
        mode: out of bounds, "drop" (the default) writes nothing, "clip" the nearest element.

    Raises:
        ValueError: `inplace` is true, or the numbers of dimensions differ.

    Example:
        >>> x = np.array([[30, 10, 20], [10, 30, 20]])
        >>> np.put_along_axis(x, np.argmax(x, axis=1, keepdims=True), 0, 1, inplace=False)
        Array([[ 0, 10, 20],
               [10,  0, 20]], dtype=int32)
    """
    not_in_place("put_along_axis", inplace)
    return _put_along(arr, indices, values, axis, mode)


@fusion.whole(3)
def _put_along(arr: Any, indices: Any, values: Any, axis: int | None, mode: str | None) -> Any:
    arr, indices = asarray(operand("put_along_axis", arr)), asarray(operand("put", indices))
    if axis is None:
        flat = update(ravel(arr), ravel(indices), values, "set", mode=mode)
        return reshape(flat, arr.shape)
    if arr.ndim != indices.ndim:
        raise ArgumentValueError(
            f"put_along_axis: {indices.ndim} dimensions of indices for {arr.ndim} of the array"
        )
    index = _along_index(arr, indices, axis_index(axis, arr.ndim))
    return update(arr, index, values, "set", mode=mode)


def not_in_place(name: str, inplace: bool) -> None:
    """Refuse NumPy's change of an argument."""
    if inplace:
        raise ArgumentValueError(
            f"{name} cannot modify arrays in-place: arguments do not change\n"
            "fix: pass inplace=False and use the result"
        )
