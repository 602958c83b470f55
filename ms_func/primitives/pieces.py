"""Arrays cut and put together at places known beforehand: slice, pad, concatenate, split.

Each is the transpose of another: a slice of a pad, a concatenation of a split.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import ArgumentValueError, AxisError, ShapeError
from ms_func.ir.explicit import alike
from ms_func.ir.function import Literal
from ms_func.ir.primitive import LANES, PIECEWISE_LINEAR, Linear, Primitive, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import int_array, integer
from ms_func.primitives.basis import (
    broadcast_in_dim_p,
    full_of,
    int_tuple,
    is_array,
    letters,
    moving_cost,
    reduce_sum_p,
)
from ms_func.primitives.batching import move_batch, to_front
from ms_func.primitives.compare import select_p
from ms_func.primitives.even_pieces import Padding, pad_local, pad_shard, slice_local, slice_shard
from ms_func.primitives.families import is_linear, literal

_range = builtins.slice


def _instantiate(x: Any) -> Any:
    return full_of(0, x.type) if type(x) is Zero else x


# --- slice ----------------------------------------------------------------------------------


def _slice_abstract(
    x: ArrayType,
    *,
    start_indices: tuple[int, ...],
    limit_indices: tuple[int, ...],
    strides: tuple[int, ...] | None,
) -> ArrayType:
    steps = (1,) * x.ndim if strides is None else strides
    if not len(start_indices) == len(limit_indices) == len(steps) == x.ndim:
        raise ShapeError(
            "slice start_indices, limit_indices and strides must have length equal to the number "
            f"of dimensions of the operand, got {start_indices}, {limit_indices} and {strides} for "
            f"operand shape {x.shape}"
        )
    _check_slice(x, start_indices, limit_indices, steps)
    shape = [
        -(-(hi - lo) // step)
        for lo, hi, step in zip(start_indices, limit_indices, steps, strict=True)
    ]
    return ArrayType(tuple(shape), x.dtype, x.weak_type)


def _check_slice(
    x: ArrayType, starts: tuple[int, ...], limits: tuple[int, ...], steps: tuple[int, ...]
) -> None:
    """Raise where `0 <= start <= limit <= size` or `step >= 1` fails in a dimension."""
    rows = list(zip(x.shape, starts, limits, steps, strict=True))
    if any(lo < 0 for _, lo, _, _ in rows):
        why = f"start_indices must be greater than or equal to zero, got start_indices {starts}"
    elif any(hi > n for n, _, hi, _ in rows):
        why = (
            "limit_indices must be less than or equal to operand shape, got limit_indices "
            f"{limits} for operand shape {x.shape}"
        )
    elif any(lo > hi for _, lo, hi, _ in rows):
        why = (
            "limit_indices must be greater than or equal to start_indices, got start_indices "
            f"{starts} and limit_indices {limits}"
        )
    elif any(step < 1 for *_, step in rows):
        why = f"strides must have every element be positive, got {steps}"
    else:
        return
    raise ShapeError(f"slice {why}")


def _slice_ref(x: np.ndarray, *, start_indices: Any, limit_indices: Any, strides: Any) -> Any:
    steps = strides or (1,) * x.ndim
    return x[tuple(map(_range, start_indices, limit_indices, steps))]


def _slice_lower(b: Any, eqn: Any, x: Any) -> Any:
    params, out = eqn.params, eqn.outputs[0].type
    attributes = {
        "start_indices": int_array(params["start_indices"]),
        "limit_indices": int_array(params["limit_indices"]),
        "strides": int_array(params["strides"] or (1,) * out.ndim),
    }
    return b.op("stablehlo.slice", [out], [x], attributes)


def _slice_transpose(
    ct: Any, x: Any, *, start_indices: Any, limit_indices: Any, strides: Any
) -> list[Any]:
    """The cotangent at its places, zeros between and around them."""
    rows = []
    steps = strides or (1,) * len(start_indices)
    sizes = zip(x.type.shape, typeof(ct).shape, strict=True)
    for (n, m), lo, step in zip(sizes, start_indices, steps, strict=True):
        covered = (m - 1) * step + 1 if m else 0
        rows.append((lo, n - lo - covered, step - 1))
    return [pad_p.bind(ct, literal(0, ct), padding_config=tuple(rows))]


def _slice_batch(
    size: int, args: Any, dims: Any, *, start_indices: Any, limit_indices: Any, strides: Any
) -> Any:
    (x,), (at,) = args, dims
    out = slice_p.bind(
        x,
        start_indices=(*start_indices[:at], 0, *start_indices[at:]),
        limit_indices=(*limit_indices[:at], size, *limit_indices[at:]),
        strides=None if strides is None else (*strides[:at], 1, *strides[at:]),
    )
    return out, at


def _slice_simplify(
    producer: Any, x: Any, *, start_indices: Any, limit_indices: Any, strides: Any
) -> Any:
    """A slice that takes everything."""
    whole = limit_indices == x.type.shape and not any(start_indices)
    return x if whole and (strides is None or set(strides) <= {1}) else None


slice_p = register(
    Primitive(
        "slice",
        abstract=_slice_abstract,
        ref=_slice_ref,
        lower=_slice_lower,
        jvp=Linear(0),
        transpose=_slice_transpose,
        batch=_slice_batch,
        shard=slice_shard,
        local=slice_local(lambda: slice_p),
        cost=moving_cost,
        simplify=_slice_simplify,
        words=LANES,
    )
)


def slice(
    operand: Any,
    start_indices: Sequence[int],
    limit_indices: Sequence[int],
    strides: Sequence[int] | None = None,
) -> Any:
    """The elements of `operand` from `start_indices` up to `limit_indices`.

    Args:
        operand: array.
        start_indices: first index of each dimension.
        limit_indices: end of each dimension, itself excluded.
        strides: step of each dimension, 1 where None.

    Raises:
        TypeError: the indices do not lie within the array.

    Example:
        >>> slice(np.arange(10), (2,), (8,), (3,))
        Array([2, 5], dtype=int32)
    """
    steps = None if strides is None else int_tuple(strides, "strides")
    if steps is not None and all(n == 1 for n in steps) and len(steps) == typeof(operand).ndim:
        steps = None
    return slice_p.bind(
        operand,
        start_indices=int_tuple(start_indices, "start_indices"),
        limit_indices=int_tuple(limit_indices, "limit_indices"),
        strides=steps,
    )


# --- pad ------------------------------------------------------------------------------------


def _pad_abstract(x: ArrayType, value: ArrayType, *, padding_config: Padding) -> ArrayType:
    if x.dtype != value.dtype:
        raise ShapeError(
            "pad operand and padding_value must be same dtype: got "
            f"{x.face.name} and {value.face.name}\n"
            "fix: convert one with .astype"
        )
    if value.shape:
        raise ArgumentValueError(
            f"padding_value must be a scalar; got np.shape(padding_value)={value.shape}"
        )
    if len(padding_config) != x.ndim or any(len(row) != 3 for row in padding_config):
        raise ArgumentValueError(
            "length of padding_config must equal the number of axes of operand, and its entries "
            f"be (low, high, interior), got padding_config {padding_config} for {x}"
        )
    if any(inner < 0 for _, _, inner in padding_config):
        raise ArgumentValueError(
            "interior padding in padding_config must be nonnegative, got padding_config "
            f"{padding_config}"
        )
    shape = tuple(
        [
            lo + hi + n + max(n - 1, 0) * inner
            for n, (lo, hi, inner) in zip(x.shape, padding_config, strict=True)
        ]
    )
    if any(n < 0 for n in shape):
        raise ArgumentValueError(
            f"Dimension size after padding is not at least 0, got result shape {shape}, for "
            f"padding_config {padding_config} and operand shape {x.shape}"
        )
    return ArrayType(shape, x.dtype, x.weak_type and value.weak_type)


def _pad_ref(x: np.ndarray, value: np.ndarray, *, padding_config: Padding) -> np.ndarray:
    rows = list(zip(x.shape, padding_config, strict=True))
    wide = [max(lo, 0) + max(hi, 0) + n + max(n - 1, 0) * inner for n, (lo, hi, inner) in rows]
    out = np.full(wide, value, x.dtype)
    places = [
        _range(max(lo, 0), max(lo, 0) + n + max(n - 1, 0) * inner, inner + 1)
        for n, (lo, _, inner) in rows
    ]
    out[tuple(places)] = x
    cropped = [
        _range(max(-lo, 0), n - max(-hi, 0))
        for n, (lo, hi, _) in zip(wide, padding_config, strict=True)
    ]
    return out[tuple(cropped)]


def _pad_lower(b: Any, eqn: Any, x: Any, value: Any) -> Any:
    names = ("edge_padding_low", "edge_padding_high", "interior_padding")
    rows = eqn.params["padding_config"]
    attributes = {name: int_array(tuple([row[k] for row in rows])) for k, name in enumerate(names)}
    return b.op("stablehlo.pad", [eqn.outputs[0].type], [x, value], attributes)


def _pad_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, padding_config: Padding) -> Any:
    (x, value), (tx, tv) = primals, tangents
    out = pad_p.bind(x, value, padding_config=padding_config)
    if type(tx) is Zero and type(tv) is Zero:
        return out, Zero(typeof(out).tangent)
    tv = literal(0, out) if type(tv) is Zero else tv
    return out, pad_p.bind(_instantiate(tx), tv, padding_config=padding_config)


def _pad_transpose(ct: Any, x: Any, value: Any, *, padding_config: Padding) -> list[Any]:
    ct_x = ct_value = None
    zero = literal(0, ct)
    if is_linear(x):
        edges = tuple((-lo, -hi, 0) for lo, hi, _ in padding_config)
        ct_x = pad_p.bind(ct, zero, padding_config=edges)
        if any(inner for _, _, inner in padding_config):
            steps = tuple(inner + 1 for _, _, inner in padding_config)
            shape = typeof(ct_x).shape
            ct_x = slice(ct_x, (0,) * len(shape), shape, steps)
    if is_linear(value):
        inside = _pad_mask(typeof(x).shape, padding_config)
        outside = select_p.bind(inside, zero, ct)
        ct_value = reduce_sum_p.bind(outside, axes=tuple(range(typeof(ct).ndim)))
    return [ct_x, ct_value]


def _pad_mask(shape: tuple[int, ...], padding_config: Padding) -> Any:
    """True at the places of the result of `pad` that come from its operand."""
    boolean = np.dtype(np.bool_)
    inside = full_of(True, ArrayType(shape, boolean))
    return pad_p.bind(inside, Literal(False, ArrayType((), boolean)), padding_config=padding_config)


def _pad_batch(size: int, args: Any, dims: Any, *, padding_config: Padding) -> Any:
    (x, value), (at, value_at) = args, dims
    if value_at is None:
        rows = (*padding_config[:at], (0, 0, 0), *padding_config[at:])
        return pad_p.bind(x, value, padding_config=rows), at
    x = to_front(x, at, size)
    rows = ((0, 0, 0), *padding_config)
    out = pad_p.bind(x, literal(0, x), padding_config=rows)
    shape = typeof(out).shape
    values = broadcast_in_dim_p.bind(value, shape=shape, broadcast_dimensions=(0,))
    return select_p.bind(_pad_mask(typeof(x).shape, rows), out, values), 0


pad_p = register(
    Primitive(
        "pad",
        abstract=_pad_abstract,
        ref=_pad_ref,
        lower=_pad_lower,
        jvp=_pad_jvp,
        jet=PIECEWISE_LINEAR,
        transpose=_pad_transpose,
        batch=_pad_batch,
        shard=pad_shard,
        local=pad_local(lambda: pad_p),
        cost=moving_cost,
        simplify=lambda producer, x, value, *, padding_config: (
            None if any(map(any, padding_config)) else x
        ),
        words=LANES,
    )
)


def pad(operand: Any, padding_value: Any, padding_config: Sequence[Sequence[int]]) -> Any:
    """`operand` surrounded and interspersed with copies of a scalar.

    Args:
        operand: array.
        padding_value: scalar of the same dtype.
        padding_config: for each dimension the number of copies before the first element, after
            the last, and between two. Negative numbers at the ends take elements away.

    Raises:
        TypeError: the dtypes differ.
        ValueError: the numbers do not fit the shape.

    Example:
        >>> pad(np.array([1, 2]), 0, [(1, 0, 1)])
        Array([0, 1, 0, 2], dtype=int32)
    """
    rows = tuple([int_tuple(row, "padding_config") for row in padding_config])
    if type(padding_value) in (int, float, complex):
        padding_value = _weak_scalar(padding_value, typeof(operand).dtype)
    return pad_p.bind(operand, padding_value, padding_config=rows)


def _weak_scalar(value: Any, dtype: np.dtype) -> Any:
    """Weak literal of `dtype` for a Python scalar that it can hold, else the scalar itself."""
    order = "biufc"
    kind = "f" if dtype.kind == "V" else dtype.kind
    need = {int: "i", float: "f", complex: "c"}[type(value)]
    if order.index(kind.replace("u", "i")) < order.index(need):
        return value
    return Literal(value, ArrayType((), dtype, True))


# --- concatenate ----------------------------------------------------------------------------


def _concatenate_abstract(*types: ArrayType, dimension: int) -> ArrayType:
    if not types:
        raise ArgumentValueError("concatenate requires a non-empty sequence of arrays")
    first = types[0]
    got = ", ".join(str(t.shape) for t in types)
    if any(t.dtype != first.dtype for t in types):
        raise ShapeError(
            "lax.concatenate requires arguments to have the same dtypes, got "
            f"{', '.join(t.face.name for t in types)}\n"
            "fix: convert them with .astype, or use ms_func.numpy.concatenate, which promotes"
        )
    if any(t.ndim != first.ndim for t in types):
        raise ShapeError(
            f"Cannot concatenate arrays with different numbers of dimensions: got {got}"
        )
    if not 0 <= dimension < first.ndim:
        raise ShapeError(
            f"concatenate dimension out of bounds: dimension {dimension} for shapes {got}"
        )
    d = dimension
    if any(
        (*t.shape[:d], *t.shape[d + 1 :]) != (*first.shape[:d], *first.shape[d + 1 :])
        for t in types
    ):
        raise ShapeError(
            "Cannot concatenate arrays with shapes that differ in dimensions other than the one "
            f"being concatenated: concatenating along dimension {d} for shapes {got}"
        )
    total = sum(t.shape[d] for t in types)
    shape = (*first.shape[:d], total, *first.shape[d + 1 :])
    return ArrayType(shape, first.dtype, all(t.weak_type for t in types))


def _concatenate_lower(b: Any, eqn: Any, *values: Any) -> Any:
    attributes = {"dimension": integer(eqn.params["dimension"])}
    return b.op("stablehlo.concatenate", [eqn.outputs[0].type], values, attributes)


def _concatenate_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, dimension: int) -> Any:
    out = concatenate_p.bind(*primals, dimension=dimension)
    if all(type(t) is Zero for t in tangents):
        return out, Zero(typeof(out).tangent)
    return out, concatenate_p.bind(*map(_instantiate, tangents), dimension=dimension)


def _concatenate_transpose(ct: Any, *xs: Any, dimension: int) -> list[Any]:
    shape = typeof(ct).shape
    found, at = [], 0
    for x in xs:
        n = typeof(x).shape[dimension]
        piece = None
        if is_linear(x):
            lo, hi = [0] * len(shape), list(shape)
            lo[dimension], hi[dimension] = at, at + n
            piece = slice_p.bind(ct, start_indices=tuple(lo), limit_indices=tuple(hi), strides=None)
        found.append(piece)
        at += n
    return found


def _concatenate_batch(size: int, args: Any, dims: Any, *, dimension: int) -> Any:
    to = next(d for d in dims if d is not None)
    laid = [move_batch(x, d, to, size) for x, d in zip(args, dims, strict=True)]
    return concatenate_p.bind(*laid, dimension=dimension + (to <= dimension)), to


def _concatenate_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, dimension: int
) -> str:
    names = letters(outs[0].ndim)
    names[dimension] = "."
    term = " ".join(names)
    return f"{', '.join([term] * len(ins))} -> {term}"


concatenate_p = register(
    Primitive(
        "concatenate",
        abstract=_concatenate_abstract,
        ref=lambda *xs, dimension: np.concatenate(xs, dimension),
        lower=_concatenate_lower,
        jvp=_concatenate_jvp,
        jet=PIECEWISE_LINEAR,
        transpose=_concatenate_transpose,
        batch=_concatenate_batch,
        shard=_concatenate_shard,
        cost=moving_cost,
        simplify=lambda producer, *xs, dimension: xs[0] if len(xs) == 1 else None,
        words=LANES,
        layout=alike((0, None, "All operands should have the same sharding")),
    )
)


def concatenate(operands: Sequence[Any], dimension: int) -> Any:
    """`operands` one behind another along `dimension`.

    Args:
        operands: arrays of one dtype, which is not promoted, and of one shape but for `dimension`.
        dimension: dimension, not negative.

    Returns:
        Array of the dtype of the operands.

    Raises:
        TypeError: dtypes differ, or sizes of other dimensions.
        ValueError: there are no operands.

    Reference:
        StableHLO `concatenate`.

    Example:
        >>> lax.concatenate([np.array([1, 2]), np.array([3])], 0)
        Array([1, 2, 3], dtype=int32)
    """
    if len(operands) == 1 and is_array(operands[0]):
        return operands[0]
    return concatenate_p.bind(*operands, dimension=int(dimension))


# --- split ----------------------------------------------------------------------------------


def _split_abstract(x: ArrayType, *, sizes: tuple[int, ...], axis: int) -> list[ArrayType]:
    if not 0 <= axis < x.ndim:
        raise AxisError(f"split: axis {axis} is out of bounds for array of dimension {x.ndim}")
    if any(n < 0 for n in sizes):
        raise ArgumentValueError(f"Sizes passed to split must be nonnegative, got {list(sizes)}")
    if sum(sizes) != x.shape[axis]:
        raise ArgumentValueError(
            f"Sum of sizes {sum(sizes)} must be equal to dimension {axis} of the operand shape "
            f"{list(x.shape)}"
        )
    return [
        ArrayType((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype, x.weak_type) for n in sizes
    ]


def _bounds(sizes: tuple[int, ...]) -> list[int]:
    return [sum(sizes[:k]) for k in range(len(sizes) + 1)]


def _split_ref(x: np.ndarray, *, sizes: tuple[int, ...], axis: int) -> list[np.ndarray]:
    return np.split(x, _bounds(sizes)[1:-1], axis)


def _split_lower(b: Any, eqn: Any, x: Any) -> list[Any]:
    shape, axis = eqn.inputs[0].type.shape, eqn.params["axis"]
    strides, pieces, at = int_array((1,) * len(shape)), [], 0
    for v in eqn.outputs:
        lo, hi = [0] * len(shape), list(shape)
        lo[axis], hi[axis] = at, at + v.type.shape[axis]
        at = hi[axis]
        attributes = {"start_indices": int_array(tuple(lo)), "limit_indices": int_array(tuple(hi)),
                      "strides": strides}  # fmt: skip
        pieces.append(b.op("stablehlo.slice", [v.type], [x], attributes))
    return pieces


def _split_transpose(cts: Sequence[Any], x: Any, *, sizes: Any, axis: int) -> list[Any]:
    return [concatenate_p.bind(*map(_instantiate, cts), dimension=axis)]


def _split_batch(size: int, args: Any, dims: Any, *, sizes: tuple[int, ...], axis: int) -> Any:
    (x,), (at,) = args, dims
    outs = split_p.bind(x, sizes=sizes, axis=axis + (at <= axis))
    return outs, [at] * len(sizes)


def _split_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, sizes: tuple[int, ...], axis: int
) -> str:
    names = letters(ins[0].ndim)
    names[axis] = "."
    term = " ".join(names)
    return f"{term} -> {', '.join([term] * len(sizes))}"


split_p = register(
    Primitive(
        "split",
        abstract=_split_abstract,
        ref=_split_ref,
        lower=_split_lower,
        jvp=Linear(0),
        transpose=_split_transpose,
        batch=_split_batch,
        shard=_split_shard,
        cost=moving_cost,
        multiple_results=True,
        words=LANES,
    )
)


def split(operand: Any, sizes: Sequence[int], axis: int = 0) -> list[Any]:
    """Consecutive pieces of `operand` of the given sizes along `axis`.

    Args:
        operand: array of any dtype.
        sizes: sizes of the pieces, which add up to that of the axis.
        axis: dimension; negative ones count from the end.

    Returns:
        List of arrays of the dtype of `operand`.

    Raises:
        ValueError: the sizes do not add up to that of the axis.

    Example:
        >>> [piece.tolist() for piece in lax.split(np.arange(5), (2, 0, 3))]
        [[0, 1], [], [2, 3, 4]]
    """
    ndim = typeof(operand).ndim
    if -ndim <= axis < 0:
        axis += ndim
    return split_p.bind(operand, sizes=int_tuple(sizes, "sizes"), axis=int(axis))
