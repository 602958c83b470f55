"""The place of the largest or smallest element: `argmax` and `argmin`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ms_func.dtypes import canonicalize_dtype, is_inexact, issubdtype
from ms_func.errors import ArgumentValueError, AxisError, ShapeError
from ms_func.ir.function import Function
from ms_func.ir.primitive import ZERO, NotSupported, Primitive, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.across import gathered, placed
from ms_func.primitives.arithmetic import add, mul, sub
from ms_func.primitives.basis import broadcast_in_dim_p, shifted
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.families import check_dtype, literal
from ms_func.primitives.ordering import index_of, packs, take_along, with_index
from ms_func.primitives.reduce import (
    highest,
    lowest,
    reduce_max_p,
    reduce_min_p,
    reduction_cost,
    reduction_shard,
)  # fmt: skip
from ms_func.primitives.shape import expand_dims, reshape, squeeze
from ms_func.tracing.tracer import build


def _place_abstract(name: str) -> Callable[..., ArrayType]:
    def abstract(x: ArrayType, *, axes: tuple[int, ...], index_dtype: np.dtype) -> ArrayType:
        check_dtype(name, "ordered", x.dtype)
        if not issubdtype(index_dtype, np.integer):
            raise ShapeError(
                f"index_dtype must be an integer type, but got {index_dtype} for {name}"
            )
        if len(axes) != 1 or not 0 <= axes[0] < x.ndim:
            raise AxisError(f"{name}: Invalid axis {axes[0]} for operand shape {x.shape}")
        (axis,) = axes
        if not x.shape[axis]:
            raise ArgumentValueError(
                f"argmin and argmax require non-empty reduced dimension, got {x} and axis {axis}"
            )
        return ArrayType((*x.shape[:axis], *x.shape[axis + 1 :]), index_dtype)

    return abstract


def _place_ref(function: Any) -> Callable[..., np.ndarray]:
    def ref(x: np.ndarray, *, axes: tuple[int, ...], index_dtype: np.dtype) -> np.ndarray:
        x = x.astype(np.float64) if is_inexact(x.dtype) else x  # exact, and knows NaN
        return np.asarray(function(x, axes[0])).astype(index_dtype)

    return ref


def _place_lower(direction: str, identity: Callable[[np.dtype], Any]) -> Callable[..., Any]:
    """Reduction of (element, index) pairs: NaN first, then the extremum, then the index."""

    def lower(b: Any, eqn: Any, x: Any) -> Any:
        source, out = eqn.inputs[0].type, eqn.outputs[0].type
        small = source.size < _SMALL or not packs(source.dtype)
        if b.lowerer.platform == "cpu" and not small:
            program = _place_program(source, direction == "LT", **eqn.params)
            return b.inline(program, [x])[0]
        value, place = ArrayType((), source.dtype), ArrayType((), out.dtype)
        iota = b.op(
            "stablehlo.iota", [ArrayType(source.shape, out.dtype)], [],
            {"iota_dimension": mlir.integer(eqn.params["axes"][0])},
        )  # fmt: skip
        inits = [b.constant(identity(source.dtype), value), b.constant(0, place)]
        lanes = ArrayType(source.shape, out.dtype)
        axes = eqn.params["axes"]

        def make(inner: Any, *operands: Any) -> Any:
            made = inner.operation(
                "stablehlo.reduce", [ArrayType(out.shape, source.dtype), out], operands,
                {"dimensions": mlir.int_array(axes)},
            )  # fmt: skip
            body = _place_body(direction, source.dtype, value, place)
            inner.region(made, 0, [value, place, value, place], body)
            return made

        key = ("place", direction, source, axes, out.dtype)
        types = [source, lanes, value, place]
        return b.copied(key, types, [x, iota, *inits], make).results[1]

    return lower


_SMALL = 128
"""Below so many elements there is no time to win."""


def _place_body(direction: str, dtype: np.dtype, value: ArrayType, place: ArrayType) -> Any:
    flag = ArrayType((), np.bool_)

    def body(b: Any, x: Any, i: Any, y: Any, j: Any) -> list[Any]:
        def compare(which: str, p: Any, q: Any) -> Any:
            attribute = mlir.parsed(f"#stablehlo<comparison_direction {which}>")
            return b.op("stablehlo.compare", [flag], [p, q], {"comparison_direction": attribute})

        wins, tie = compare(direction, x, y), compare("EQ", x, y)
        if is_inexact(dtype):
            x_nan, y_nan = compare("NE", x, x), compare("NE", y, y)
            y_number = b.op("stablehlo.not", [flag], [y_nan])
            wins = b.op("stablehlo.select", [flag], [x_nan, y_number, wins])
            tie = b.op("stablehlo.select", [flag], [x_nan, y_nan, tie])
        first = b.op("stablehlo.and", [flag], [tie, compare("LT", i, j)])
        chosen = b.op("stablehlo.or", [flag], [wins, first])
        return [
            b.op("stablehlo.select", [value], [wins, x, y]),
            b.op("stablehlo.select", [place], [chosen, i, j]),
        ]

    return body


@cache
def _place_program(
    kind: ArrayType, smallest: bool, *, axes: tuple[int, ...], index_dtype: np.dtype
) -> Function:
    def body(x: Any) -> list[Any]:
        return [convert_element_type(_place_on_cpu(x, axes[0], smallest), index_dtype)]

    return build("argmin" if smallest else "argmax", [kind], body)


def _place_on_cpu(x: Any, axis: int, smallest: bool) -> Any:
    """Place of the extremum by the reductions that a CPU does fast: those of one operand.

    Of blocks along the axis, the one with the extremum is found from the extrema of all,
    for which nothing but `x` is read, and then the place in it.
    """
    shape = typeof(x).shape
    size = _block(shape[axis])
    if size is None:
        return _place_of_packed(x, axis, smallest)
    blocks = reshape(x, (*shape[:axis], shape[axis] // size, size, *shape[axis + 1 :]))
    best = (reduce_min_p if smallest else reduce_max_p).bind(blocks, axes=(axis + 1,))
    block = _place_of_packed(best, axis, smallest)
    one = (*shape[:axis], 1, size, *shape[axis + 1 :])
    kept = (*range(axis), *range(axis + 2, len(one)))
    chosen = take_along(
        blocks, broadcast_in_dim_p.bind(block, shape=one, broadcast_dimensions=kept), axis
    )
    inside = _place_of_packed(squeeze(chosen, (axis,)), axis, smallest)
    return add(mul(block, literal(size, block)), inside)


def _block(n: int) -> int | None:
    """Divisor of `n` near its root; None where it is not worth while or there is none."""
    root = math.isqrt(n)
    return next((d for d in range(root, root // 4, -1) if n % d == 0), None) if n > 255 else None


def _place_of_packed(x: Any, axis: int, smallest: bool) -> Any:
    """Place of the extremum as a maximum of pairs of key and index."""
    pairs = with_index(x, axis, reverse=smallest, last_first=True)
    back = index_of(reduce_max_p.bind(pairs, axes=(axis,)))
    return sub(literal(typeof(x).shape[axis] - 1, back), back)


def _place_batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    def batch(size: int, args: Any, dims: Any, *, axes: tuple[int, ...], **params: Any) -> Any:
        (dim,) = dims
        moved = shifted(axes, dim)
        return primitive().bind(*args, axes=moved, **params), dim - (moved[0] < dim)

    return batch


def _place_shard(ins: Any, outs: Any, *, axes: tuple[int, ...], **params: Any) -> str:
    return reduction_shard("chosen")(ins, outs, axes=axes)


def _place_local(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Each device offers the extremum of its piece."""

    def local(ins: Any, outs: Any, cuts: Any, *, axes: tuple[int], index_dtype: np.dtype) -> Any:
        (axis,) = axes
        if (cut := cuts.get(f"i{axis}")) is None:
            return None
        find = partial(primitive().bind, axes=axes, index_dtype=_wide(index_dtype))

        def compute(x: Any) -> Any:
            place = expand_dims(find(x), (axis,))
            best = gathered(take_along(x, place, axis), axis, cut)
            places = gathered(placed(place, cut, typeof(x).shape[axis]), axis, cut)
            found = take_along(places, expand_dims(find(best), (axis,)), axis)
            return convert_element_type(squeeze(found, (axis,)), index_dtype)

        return compute

    return local


def _wide(index_dtype: np.dtype) -> np.dtype:
    """Dtype that has room for places while they are compared."""
    return index_dtype if index_dtype.itemsize >= 4 else np.dtype(np.int32)


def _place(name: str, function: Any, direction: str, identity: Any) -> Primitive:
    """Make and register argmax or argmin."""
    primitive = register(
        Primitive(
            name,
            abstract=_place_abstract(name),
            ref=_place_ref(function),
            lower=_place_lower(direction, identity),
            jvp=ZERO,
            transpose=NotSupported(f"{name} is piecewise constant"),
            batch=_place_batch(lambda: primitive),
            shard=_place_shard,
            local=_place_local(lambda: primitive),
            cost=reduction_cost,
        )
    )
    return primitive


argmax_p = _place("argmax", np.argmax, "GT", lowest)
argmin_p = _place("argmin", np.argmin, "LT", highest)


def argmax(operand: Any, axis: int, index_dtype: Any = np.int32) -> Any:
    """Index of the largest element along `axis`: the first of several, the first NaN if any.

    Args:
        operand: floating, integer or boolean array `[..., n, ...]`.
        axis: dimension, not negative.
        index_dtype: integer dtype of the result.

    Returns:
        Indices `[..., ...]`, without that dimension.

    Raises:
        ValueError: the axis is negative or out of range, or has no elements.
        TypeError: `operand` is complex, or `index_dtype` no integer dtype.

    Example:
        >>> lax.argmax(np.array([[1, 3, 3], [2, 0, 1]]), 1)
        Array([1, 0], dtype=int32)
        >>> lax.argmax(np.array([1.0, np.nan, 3.0]), 0, np.int8)
        Array(1, dtype=int8)
    """
    axes = (operator.index(axis),)
    return argmax_p.bind(operand, axes=axes, index_dtype=canonicalize_dtype(index_dtype))


def argmin(operand: Any, axis: int, index_dtype: Any = np.int32) -> Any:
    """Index of the smallest element along `axis`; conventions as for `argmax`.

    Args:
        operand: floating, integer or boolean array `[..., n, ...]`.
        axis: dimension, not negative.
        index_dtype: integer dtype of the result.

    Returns:
        Indices `[..., ...]`, without that dimension.

    Raises:
        ValueError: the axis is negative or out of range, or has no elements.
        TypeError: `operand` is complex, or `index_dtype` no integer dtype.

    Example:
        >>> lax.argmin(np.array([[1, 0, 0], [2, 5, 1]]), 0)
        Array([0, 0, 0], dtype=int32)
    """
    axes = (operator.index(axis),)
    return argmin_p.bind(operand, axes=axes, index_dtype=canonicalize_dtype(index_dtype))
