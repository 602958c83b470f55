"""Sorting along a dimension, with payloads, and the largest elements.

Elements are ordered as NumPy orders them: NaN last, whatever its sign; -0.0 and 0.0 are
equal; complex numbers by real part, then imaginary part. `top_k` uses the total order of
IEEE 754, in which NaN is largest and -0.0 is smaller than 0.0.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ms_func.dtypes import bits, is_inexact
from ms_func.errors import ArgumentValueError, AxisError, ShapeError, ShardingTypeError
from ms_func.ir.explicit import choice, layout_rule
from ms_func.ir.function import Function
from ms_func.ir.primitive import NONLINEAR, PIECEWISE_LINEAR, Cost, Primitive, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.across import gathered, placed
from ms_func.primitives.basis import transpose
from ms_func.primitives.batching import move_batch
from ms_func.primitives.ordering import INT32, index_of, packs, take_along, with_index
from ms_func.primitives.shape import broadcasted_iota
from ms_func.tracing.tracer import build

_SMALL = 1024
"""Below so many elements a comparison sort is as fast as any other way."""


# --- sort -------------------------------------------------------------------------------------


def _sort_abstract(
    *types: ArrayType, dimension: int, is_stable: bool, num_keys: int
) -> list[ArrayType]:
    if not types:
        raise ShapeError("Sort requires at least one operand")
    shapes = [t.shape for t in types]
    if any(s != shapes[0] for s in shapes):
        got = " ".join(map(str, shapes))
        raise ShapeError(f"Arguments to sort must have equal shapes, got: {got}")
    if not 0 <= dimension < len(shapes[0]):
        raise AxisError(
            f"axis {dimension} is out of bounds for array of dimension {len(shapes[0])}"
        )
    return [t if t.manual is None else t.update(manual=None) for t in types]


def _keys(x: np.ndarray) -> list[np.ndarray]:
    """NumPy arrays that order as `x` does, the most significant first."""
    if x.dtype.kind == "c":
        return [np.real(x), np.imag(x)]
    return [x.astype(np.float64) if is_inexact(x.dtype) else x]


def _sort_ref(*xs: np.ndarray, dimension: int, is_stable: bool, num_keys: int) -> list[np.ndarray]:
    keys = [key for x in xs[:num_keys] for key in _keys(x)]
    order = np.lexsort(keys[::-1], dimension)
    return [np.take_along_axis(x, order, dimension) for x in xs]


def _sort_lower(b: Any, eqn: Any, *values: Any) -> list[Any]:
    narrow = tuple(v.type for v in eqn.outputs)
    types = tuple(ArrayType(t.shape, _whole_bytes(t.dtype)) for t in narrow)
    if types == narrow:
        return _sort_bytes(b, eqn, types, values)
    wide = [v if t is w else b.convert(v, w) for v, t, w in zip(values, narrow, types, strict=True)]
    found = _sort_bytes(b, eqn, types, wide)
    return [v if t is w else b.convert(v, t) for v, t, w in zip(found, narrow, types, strict=True)]


def _whole_bytes(dtype: np.dtype) -> np.dtype:
    """The dtype that a sort moves: XLA's CPU sort gets those shorter than a byte wrong."""
    if bits(dtype) >= 8:
        return dtype
    if is_inexact(dtype):
        return np.dtype(np.float16)
    return np.dtype(np.uint8 if dtype.name.startswith("u") else np.int8)


def _sort_bytes(b: Any, eqn: Any, types: Any, values: Sequence[Any]) -> list[Any]:
    dimension, num_keys = eqn.params["dimension"], eqn.params["num_keys"]
    if b.lowerer.platform == "cpu" and num_keys == 1 and _packs(types):
        return b.inline(_packed_program(types, dimension), values)
    stable = eqn.params["is_stable"]

    def make(inner: Any, *operands: Any) -> Any:
        attributes = {"dimension": mlir.integer(dimension), "is_stable": mlir.boolean(stable)}
        made = inner.operation("stablehlo.sort", types, operands, attributes)
        pairs = [ArrayType((), t.dtype) for t in types for _ in range(2)]
        dtypes = [t.dtype for t in types[:num_keys]]
        inner.region(made, 0, pairs, lambda body, *args: [_less(body, dtypes, args)])
        return made

    key = ("sort", types, dimension, num_keys, stable)
    return list(b.copied(key, types, values, make).results)


def _less(b: Any, dtypes: Sequence[np.dtype], args: Sequence[Any]) -> Any:
    """Lexicographic comparison of the keys: (left, right) of each operand in turn."""
    flag = ArrayType((), np.bool_)
    pairs = []
    for k, dtype in enumerate(dtypes):
        pairs += _comparable(b, dtype, args[2 * k], args[2 * k + 1])
    result: Any = None
    for left, right, attributes in reversed(pairs):
        less = b.op("stablehlo.compare", [flag], [left, right], attributes["LT"])
        if result is not None:
            same = b.op("stablehlo.compare", [flag], [left, right], attributes["EQ"])
            tie = b.op("stablehlo.and", [flag], [same, result])
            less = b.op("stablehlo.or", [flag], [less, tie])
        result = less
    return result


def _comparable(b: Any, dtype: np.dtype, x: Any, y: Any) -> list[tuple[Any, Any, Any]]:
    """Pairs of scalars whose order is that of `x` and `y`, and how to compare them."""
    if dtype.kind == "c":
        part = ArrayType((), np.dtype(f"f{dtype.itemsize // 2}"))
        found = []
        for name in ("stablehlo.real", "stablehlo.imag"):
            halves = [b.op(name, [part], [v]) for v in (x, y)]
            found += _comparable(b, part.dtype, *halves)
        return found
    if not is_inexact(dtype):
        return [(x, y, _comparison(""))]
    return [(_plain(b, dtype, x), _plain(b, dtype, y), _comparison("TOTALORDER"))]


def _plain(b: Any, dtype: np.dtype, x: Any) -> Any:
    """The float with one zero and one NaN, so that the total order is NumPy's."""
    scalar, flag = ArrayType((), dtype), ArrayType((), np.bool_)
    zero = b.constant(0, scalar)
    is_zero = b.op("stablehlo.compare", [flag], [x, zero], _comparison("")["EQ"])
    x = b.op("stablehlo.select", [scalar], [is_zero, zero, x])
    is_nan = b.op("stablehlo.compare", [flag], [x, x], _comparison("")["NE"])
    return b.op("stablehlo.select", [scalar], [is_nan, b.constant(np.nan, scalar), x])


@cache
def _comparison(order: str) -> dict[str, dict[str, Any]]:
    """Attributes of comparisons, by direction."""
    kind = {"compare_type": mlir.parsed(f"#stablehlo<comparison_type {order}>")} if order else {}
    return {
        d: {"comparison_direction": mlir.parsed(f"#stablehlo<comparison_direction {d}>"), **kind}
        for d in ("LT", "EQ", "NE")
    }


def _packs(types: Sequence[ArrayType]) -> bool:
    """Whether key and index fit into one 64-bit integer, and it pays to sort these.

    XLA sorts one array of integers with a tight loop, and anything else by calling a
    comparison: five times as slow. A lone array of integers is such an array already.
    """
    key = types[0]
    if key.size < _SMALL or not packs(key.dtype):
        return False
    return is_inexact(key.dtype) or len(types) > 1


@cache
def _packed_program(types: tuple[ArrayType, ...], dimension: int) -> Function:
    return build("sort", types, lambda *xs: _packed(xs, dimension))


def _packed(xs: Sequence[Any], dimension: int) -> list[Any]:
    """Sort by sorting pairs of key and index, which is stable by construction."""
    pairs = with_index(xs[0], dimension)
    (pairs,) = sort_p.bind(pairs, dimension=dimension, is_stable=True, num_keys=1)
    places = index_of(pairs)
    return [take_along(x, places, dimension) for x in xs]


def _sort_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    """Tangents go where their elements go."""
    if all(type(t) is Zero for t in tangents):
        outs = sort_p.bind(*primals, **params)
        return outs, [Zero(typeof(y).tangent) for y in outs]
    dimension = params["dimension"]
    index = broadcasted_iota(INT32, typeof(primals[0]).shape, dimension)
    *outs, places = sort_p.bind(*primals, index, **params)
    return outs, [
        Zero(typeof(y).tangent) if type(t) is Zero else take_along(t, places, dimension)
        for t, y in zip(tangents, outs, strict=True)
    ]


def _sort_batch(size: int, args: Any, dims: Any, *, dimension: int, **params: Any) -> Any:
    at = next(d for d in dims if d is not None)
    laid = [move_batch(x, d, at, size) for x, d in zip(args, dims, strict=True)]
    dimension += dimension >= at
    return sort_p.bind(*laid, dimension=dimension, **params), [at] * len(args)


def _sort_shard(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, dimension: int, **params: Any
) -> str:
    term = " ".join(f"i{k}" for k in range(ins[0].ndim))
    terms = ", ".join([term] * len(ins))
    return f"{terms} -> {terms}; i{dimension}: whole"


def _sort_cost(
    ins: Sequence[ArrayType], outs: Sequence[ArrayType], *, dimension: int, **params: Any
) -> Cost:
    """`n log2 n` comparisons for each row."""
    rounds = max(ins[0].shape[dimension], 2).bit_length()
    return Cost(float(ins[0].size * rounds), 0.0, float(2 * sum(t.nbytes for t in ins)))


sort_p = register(
    Primitive(
        "sort",
        abstract=_sort_abstract,
        ref=_sort_ref,
        lower=_sort_lower,
        jvp=_sort_jvp,
        jet=PIECEWISE_LINEAR,
        transpose=NONLINEAR,
        batch=_sort_batch,
        shard=_sort_shard,
        cost=_sort_cost,
        multiple_results=True,
    )
)


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """Elements in increasing order along a dimension.

    Args:
        operand: an array of any dtype and at least one dimension, or a sequence of arrays of one
            shape that are rearranged together. NaN comes last; -0.0 and 0.0 are equal; complex
            numbers order by real part, then imaginary part.
        dimension: direction to sort along; negative ones count from the end.
        is_stable: keep the order of equal elements.
        num_keys: how many of the operands to order by, lexicographically; the others follow.

    Returns:
        The sorted array, or a tuple of them where a sequence was given.

    Raises:
        TypeError: shapes differ, or the sequence is empty.
        ValueError: the dimension or the number of keys is out of range.

    Reference:
        StableHLO `sort`.

    Example:
        >>> lax.sort(np.array([2.0, np.nan, -1.0]))
        Array([-1.,  2., nan], dtype=float32)
        >>> lax.sort((np.array([2, 1, 2]), np.array([5, 9, 3])), num_keys=2)
        (Array([1, 2, 2], dtype=int32), Array([9, 3, 5], dtype=int32))
    """
    several = isinstance(operand, (tuple, list))
    operands = tuple(operand) if several else (operand,)
    if not operands:
        raise ShapeError("Sort requires at least one operand")
    if not several and num_keys != 1:
        raise ArgumentValueError(f"{num_keys=} must equal 1 for a single operand.")
    if not 1 <= num_keys <= len(operands):
        raise ArgumentValueError(f"{num_keys=} must be between 1 and len(operand)={len(operands)}")
    at = _axis(dimension, typeof(operands[0]).ndim)
    outs = sort_p.bind(*operands, dimension=at, is_stable=bool(is_stable), num_keys=num_keys)
    return tuple(outs) if several else outs[0]


def _axis(axis: int, ndim: int) -> int:
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        raise AxisError(f"axis {axis} is out of bounds for array of dimension {ndim}")
    return axis % ndim


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True) -> Any:
    """`keys` in increasing order along a dimension, and `values` rearranged with them.

    Args:
        keys: array.
        values: array of the same shape and any dtype.
        dimension: dimension to sort along.
        is_stable: whether equal keys stay in their order.

    Raises:
        TypeError: shapes differ.

    Example:
        >>> keys, values = sort_key_val(np.array([3, 1, 2]), np.array([30, 10, 20]))
        >>> values.tolist()
        [10, 20, 30]
    """
    return sort((keys, values), dimension, is_stable, num_keys=1)


# --- largest elements -------------------------------------------------------------------------


def _top_k_abstract(x: ArrayType, *, k: int, axis: int) -> list[ArrayType]:
    if x.dtype.kind == "c":
        raise ArgumentValueError("top_k is not compatible with complex inputs.")
    if k < 0:
        raise ArgumentValueError(f"k argument to top_k must be nonnegative, got {k}")
    if k > x.shape[axis]:
        raise ArgumentValueError(
            f"k argument to top_k must be no larger than size along axis; got {k=} with "
            f"shape={list(x.shape)} and {axis=}"
        )
    shape = (*x.shape[:axis], k, *x.shape[axis + 1 :])
    return [ArrayType(shape, x.dtype, x.weak_type), ArrayType(shape, INT32)]


def _top_k_ref(x: np.ndarray, *, k: int, axis: int) -> list[np.ndarray]:
    if is_inexact(x.dtype):
        wide = x.astype(np.float64).view(np.int64)
        key = np.where(wide < 0, wide ^ np.int64(2**63 - 1), wide)
    else:
        key = x.astype(np.uint64 if x.dtype == np.uint64 else np.int64)
    last = np.flip(key, axis)  # the stable order of the reverse, reversed: first of equals first
    n = x.shape[axis]
    order = n - 1 - np.flip(np.argsort(last, axis, kind="stable"), axis)
    order = np.take(order, np.arange(k), axis)
    return [np.take_along_axis(x, order, axis), order.astype(np.int32)]


def _top_k_lower(b: Any, eqn: Any, x: Any) -> list[Any]:
    kind, outs = eqn.inputs[0].type, [v.type for v in eqn.outputs]
    k, axis = eqn.params["k"], eqn.params["axis"]
    if not outs[0].size:
        return [b.constant(0, t) for t in outs]
    if axis != kind.ndim - 1:
        fn = build("top_k", [kind], lambda v: _top_k_moved(v, k, axis))
        return b.inline(fn, [x])
    wide = np.dtype(np.uint8) if kind.dtype.kind == "b" else _whole_bytes(kind.dtype)
    if wide != kind.dtype:
        x = b.convert(x, ArrayType(kind.shape, wide))
    values_type = ArrayType(outs[0].shape, wide)
    values, places = b.op("chlo.top_k", [values_type, outs[1]], [x], {"k": mlir.integer(k)})
    if kind.dtype.kind == "b":
        zero = b.constant(0, values_type)
        values = b.op("stablehlo.compare", [outs[0]], [values, zero], _comparison("")["NE"])
    elif wide != kind.dtype:
        values = b.convert(values, outs[0])
    return [values, places]


def _top_k_moved(x: Any, k: int, axis: int) -> list[Any]:
    """Along another dimension than the last, by way of the last."""
    ndim = typeof(x).ndim
    there = (*range(axis), *range(axis + 1, ndim), axis)
    back = (*range(axis), ndim - 1, *range(axis, ndim - 1))
    outs = top_k_p.bind(transpose(x, there), k=k, axis=ndim - 1)
    return [transpose(y, back) for y in outs]


def _top_k_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, k: int, axis: int) -> Any:
    values, places = top_k_p.bind(*primals, k=k, axis=axis)
    nothing = Zero(typeof(places).tangent)
    return [values, places], [take_along(tangents[0], places, axis), nothing]


def _top_k_batch(size: int, args: Any, dims: Any, *, k: int, axis: int) -> Any:
    (at,) = dims
    return top_k_p.bind(*args, k=k, axis=axis + (axis >= at)), [at, at]


def _top_k_shard(ins: Sequence[ArrayType], outs: Any, *, k: int, axis: int) -> str:
    names = [f"i{d}" for d in range(ins[0].ndim)]
    term = " ".join("." if d == axis else name for d, name in enumerate(names))
    return f"{' '.join(names)} -> {term}, {term}; i{axis}: chosen"


def _top_k_local(ins: Sequence[ArrayType], outs: Any, cuts: Any, *, k: int, axis: int) -> Any:
    """Each device offers the largest elements of its piece."""
    if (cut := cuts.get(f"i{axis}")) is None or not k:
        return lambda x: top_k_p.bind(x, k=k, axis=axis)

    def compute(x: Any) -> list[Any]:
        size = typeof(x).shape[axis]
        values, places = top_k_p.bind(x, k=min(k, size), axis=axis)
        best, which = top_k_p.bind(gathered(values, axis, cut), k=k, axis=axis)
        places = gathered(placed(places, cut, size), axis, cut)
        return [best, take_along(places, which, axis)]

    return compute


def _top_k_layout(
    primitive: Primitive, types: Sequence[ArrayType], outs: Any, params: dict[str, Any]
) -> Any:
    (t,), axis = types, params["axis"]
    if not choice.free and t.explicit is not None and t.explicit.dim_axes(t.ndim)[axis]:
        raise ShardingTypeError(
            "The input should be unsharded over the axis along which to compute the top_k values. "
            f"Got input type={t} and axis={axis}\nfix: lay that dimension out whole with reshard"
        )
    return layout_rule.rule(primitive, types, outs, params)


top_k_p = register(
    Primitive(
        "top_k",
        abstract=_top_k_abstract,
        ref=_top_k_ref,
        lower=_top_k_lower,
        jvp=_top_k_jvp,
        jet=PIECEWISE_LINEAR,
        transpose=NONLINEAR,
        batch=_top_k_batch,
        shard=_top_k_shard,
        local=_top_k_local,
        cost=lambda ins, outs, *, k, axis: _sort_cost(ins, outs, dimension=axis),
        multiple_results=True,
        layout=_top_k_layout,
    )
)


def top_k(operand: Any, k: int, *, axis: int = -1) -> list[Any]:
    """The `k` largest elements along an axis in decreasing order, and their indices.

    Args:
        operand: array `[..., n, ...]` of any dtype but complex ones.
        k: Python int of at most `n`.
        axis: dimension; negative ones count from the end.

    Returns:
        Values of the dtype of `operand` and int32 indices, each `[..., k, ...]`. Of equal elements
        the first comes first. NaN is larger than all numbers.

    Raises:
        ValueError: `operand` is complex, there are fewer than `k` elements, or the axis is out
            of range.

    Reference:
        CHLO `top_k`.

    Example:
        >>> lax.top_k(np.array([3, 9, 3, 7]), 3)
        [Array([9, 7, 3], dtype=int32), Array([1, 3, 0], dtype=int32)]
    """
    axis = _axis(axis, typeof(operand).ndim)
    return top_k_p.bind(operand, k=operator.index(k), axis=axis)
