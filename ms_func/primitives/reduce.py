"""Reductions: sum, product, extrema, logic.

Each keeps the dtype of its operand. A reduction over no elements gives the identity of the
operation (0, 1, the lowest or highest value). Derivatives hold at the awkward points too:
ties of an extremum share equally, and a product may contain zeros.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentValueError
from ms_func.ir.primitive import NONLINEAR, ZERO, Cost, Primitive, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.arithmetic import add, div, lexical_extremum, mul
from ms_func.primitives.basis import (
    broadcast_in_dim_p,
    canonical_axes,
    kept_axes,
    reduce_sum,
    reduction,
    shifted,
    sum_dtype,
)
from ms_func.primitives.bits import bitwise_or
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import eq, ne, select
from ms_func.primitives.families import check_dtype, literal
from ms_func.primitives.pieces import slice_p
from ms_func.primitives.shape import squeeze

# --- what all reductions share --------------------------------------------------------------


@cache
def lowest(dtype: np.dtype) -> Any:
    """Identity of max: minus infinity, or the lowest value of a dtype that lacks it."""
    return _extreme(dtype, -1)


@cache
def highest(dtype: np.dtype) -> Any:
    """Identity of min: infinity, or the highest value of a dtype that lacks it."""
    return _extreme(dtype, 1)


def _extreme(dtype: np.dtype, sign: int) -> Any:
    if dtype.kind == "b":
        return np.bool_(sign > 0)
    if dtype.kind == "c":
        return dtype.type(complex(sign * math.inf, sign * math.inf))
    if is_inexact(dtype):
        info = ml_dtypes.finfo(dtype)
        infinite = np.asarray(sign * math.inf, np.float32).astype(dtype)
        if np.isinf(infinite.astype(np.float32)):
            return infinite[()]
        return info.max if sign > 0 else info.min
    integers = ml_dtypes.iinfo(dtype)
    return dtype.type(integers.max if sign > 0 else integers.min)


@cache
def all_ones(dtype: np.dtype) -> Any:
    """Identity of and: every bit set."""
    if dtype.kind == "b":
        return np.bool_(True)
    info = ml_dtypes.iinfo(dtype)
    return dtype.type(-1 if info.min < 0 else info.max)


def _abstract(name: str, accepts: str) -> Callable[..., ArrayType]:
    def abstract(x: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
        check_dtype(name, accepts, x.dtype)
        if canonical_axes(x.ndim, axes) != axes:
            raise ArgumentValueError(
                f"axes of {name} must be increasing and not negative, got {axes}"
            )
        kept = tuple(d for i, d in enumerate(x.shape) if i not in axes)
        return ArrayType(kept, x.dtype, x.weak_type)

    return abstract


def spread(y: Any, like: ArrayType, axes: tuple[int, ...]) -> Any:
    """`y`, reduced over `axes`, repeated along them to the shape of `like`."""
    kept = kept_axes(like.ndim, axes)
    return broadcast_in_dim_p.bind(y, shape=like.shape, broadcast_dimensions=kept)


def slice_along(x: Any, start: int, stop: int, axis: int) -> Any:
    """`x[start:stop]` along one axis."""
    shape = typeof(x).shape
    return slice_p.bind(
        x,
        start_indices=(0,) * axis + (start,) + (0,) * (len(shape) - axis - 1),
        limit_indices=(*shape[:axis], stop, *shape[axis + 1 :]),
        strides=None,
    )


def _lower(operation: str, identity: Callable[[np.dtype], Any]) -> Callable[..., Any]:
    def lower(b: Any, eqn: Any, x: Any) -> Any:
        axes, out = eqn.params["axes"], eqn.outputs[0].type
        if not axes:
            return x
        if out.dtype.kind != "c" or operation not in _ORDERED:
            kind, init = eqn.inputs[0].type, identity(out.dtype)
            return reduction(b, operation, kind, out, axes, x, init)
        init = b.constant(identity(out.dtype), ArrayType((), out.dtype))
        attributes = {"dimensions": mlir.int_array(axes)}
        made = b.operation("stablehlo.reduce", [out], [x, init], attributes)
        lexical_reducer(b, made, out.dtype, operation)
        return made.results[0]

    return lower


_ORDERED = {"stablehlo.maximum": "GT", "stablehlo.minimum": "LT"}


def lexical_reducer(b: Any, operation: Any, dtype: np.dtype, name: str) -> None:
    """Fill region 0 with max or min of complex numbers."""
    scalar, direction = ArrayType((), dtype), _ORDERED[name]
    b.region(
        operation, 0, [scalar, scalar],
        lambda inner, x, y: [lexical_extremum(inner, scalar, x, y, direction)],
    )  # fmt: skip


def _batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    def batch(size: int, args: Any, dims: Any, *, axes: tuple[int, ...]) -> Any:
        (dim,) = dims
        moved = shifted(axes, dim)
        return primitive().bind(*args, axes=moved), dim - sum(a < dim for a in moved)

    return batch


def reduction_shard(kind: str) -> Callable[..., str]:
    """Splitting rule: partial results of `kind` where a reduced dimension is split."""

    def shard(ins: Sequence[ArrayType], outs: Any, *, axes: tuple[int, ...]) -> str:
        ndim = ins[0].ndim
        names = " ".join(f"i{k}" for k in range(ndim))
        kept = " ".join(f"i{k}" for k in kept_axes(ndim, axes))
        kinds = ", ".join(f"i{k}: {kind}" for k in axes)
        return f"{names} -> {kept}; {kinds}" if kinds else f"{names} -> {kept}"

    return shard


def reduction_cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    """One operation for each element."""
    return Cost(float(ins[0].size), 0.0, float(ins[0].nbytes + outs[0].nbytes))


def _reduction(
    name: str, *, ref: Any, operation: str, identity: Any, jvp: Any, kind: str,
    accepts: str = "any",
) -> Primitive:  # fmt: skip
    """Make and register a reduction with parameter `axes`, which is not linear.

    Args:
        name: name in the IR.
        ref: `(array, axes)` to a NumPy array.
        operation: scalar StableHLO operation of two elements.
        identity: function from the dtype to the result for no elements.
        jvp: derivative rule.
        kind: how parts of a cut axis are joined.
        accepts: category of dtypes.
    """

    def reference(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(ref(x, axes)).astype(x.dtype, copy=False)

    primitive = register(
        Primitive(
            name,
            abstract=_abstract(name, accepts),
            accepts=accepts,
            ref=reference,
            lower=_lower(operation, identity),
            jvp=jvp,
            transpose=NONLINEAR,
            batch=_batch(lambda: primitive),
            shard=reduction_shard(kind),
            cost=reduction_cost,
        )
    )
    return primitive


# --- maximum and minimum ----------------------------------------------------------------------


def _extremum_jvp(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Mean of the tangents of the elements that equal the extremum; NaN where that is NaN."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], *, axes: tuple[int, ...]) -> Any:
        (x,), (t,) = primals, tangents
        out = primitive().bind(x, axes=axes)
        kind = typeof(x)
        if not kind.size:
            return out, Zero(typeof(out).tangent)
        unknown = ne(out, out)  # all elements share it, or none would send NaN back
        chosen = bitwise_or(eq(x, spread(out, kind, axes)), spread(unknown, kind, axes))
        total = reduce_sum(select(chosen, t, literal(0, x)), axes)
        count = reduce_sum(convert_element_type(chosen, kind.dtype), axes)
        return out, div(total, select(unknown, out, count))

    return jvp


def _extremum_ref(name: str, identity: Callable[[np.dtype], Any]) -> Callable[..., Any]:
    ufunc = np.maximum if name == "max" else np.minimum

    def ref(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        return ufunc.reduce(x, axes, initial=identity(x.dtype)) if axes else x

    return ref


reduce_max_p = _reduction(
    "reduce_max", ref=_extremum_ref("max", lowest), operation="stablehlo.maximum",
    identity=lowest, jvp=_extremum_jvp(lambda: reduce_max_p), kind="max",
)  # fmt: skip
reduce_min_p = _reduction(
    "reduce_min", ref=_extremum_ref("min", highest), operation="stablehlo.minimum",
    identity=highest, jvp=_extremum_jvp(lambda: reduce_min_p), kind="min",
)  # fmt: skip


def reduce_max(operand: Any, axes: Sequence[int]) -> Any:
    """Maximum over `axes`.

    NaN wins. Complex numbers order by real part, then imaginary part. The derivative is shared
    equally by all elements that equal the maximum.

    Args:
        operand: array of any dtype.
        axes: dimensions, none negative.

    Returns:
        Array of the dtype of `operand` and its other dimensions. The maximum of nothing is minus
        infinity, or the lowest value of the dtype.

    Raises:
        ValueError: an axis is negative, out of range or repeated.

    Reference:
        StableHLO `reduce`, `maximum`.

    Example:
        >>> x = np.array([[1.0, 5.0], [np.nan, 2.0]])
        >>> lax.reduce_max(x, (1,)), lax.reduce_max(x[:0], (0,))
        (Array([ 5., nan], dtype=float32), Array([-inf, -inf], dtype=float32))
    """
    axes = canonical_axes(typeof(operand).ndim, tuple(axes))
    return reduce_max_p.bind(operand, axes=axes)


def reduce_min(operand: Any, axes: Sequence[int]) -> Any:
    """Minimum over `axes`; conventions as for `reduce_max`.

    Args:
        operand: array of any dtype.
        axes: dimensions, none negative.

    Returns:
        Array of the dtype of `operand` and its other dimensions. The minimum of nothing is
        infinity, or the highest value of the dtype.

    Raises:
        ValueError: an axis is negative, out of range or repeated.

    Reference:
        StableHLO `reduce`, `minimum`.

    Example:
        >>> lax.reduce_min(np.array([[3, 1], [2, 4]]), (0,))
        Array([2, 1], dtype=int32)
        >>> lax.reduce_min(np.zeros((0, 2), np.int8), (0,))
        Array([127, 127], dtype=int8)
    """
    axes = canonical_axes(typeof(operand).ndim, tuple(axes))
    return reduce_min_p.bind(operand, axes=axes)


# --- product ----------------------------------------------------------------------------------


def _prod_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, axes: tuple[int, ...]) -> Any:
    """Product rule along a tree of pairwise products: no division, so zeros do no harm."""
    (x,), (t,) = primals, tangents
    if not typeof(x).size:
        out = reduce_prod_p.bind(x, axes=axes)
        return out, Zero(typeof(out).tangent)
    pair = (x, t)
    for axis in axes:
        pair = _product_tree(*pair, axis)
    x, t = pair
    return squeeze(x, axes), squeeze(t, axes)


def _product_tree(x: Any, t: Any, axis: int) -> tuple[Any, Any]:
    """Product along `axis`, kept with size 1, and its tangent."""

    def part(start: int, stop: int) -> tuple[Any, Any]:
        return slice_along(x, start, stop, axis), slice_along(t, start, stop, axis)

    odd: tuple[Any, Any] | None = None
    while (n := typeof(x).shape[axis]) > 1:
        half = n // 2
        if n % 2:
            last = part(n - 1, n)
            odd = last if odd is None else _dual_product(*odd, *last)
        x, t = _dual_product(*part(0, half), *part(half, 2 * half))
    return (x, t) if odd is None else _dual_product(x, t, *odd)


def _dual_product(x: Any, tx: Any, y: Any, ty: Any) -> tuple[Any, Any]:
    return mul(x, y), add(mul(tx, y), mul(x, ty))


reduce_prod_p = _reduction(
    "reduce_prod", ref=lambda x, axes: np.prod(x, axes, dtype=sum_dtype(x.dtype)),
    operation="stablehlo.multiply", identity=lambda d: 1, jvp=_prod_jvp, kind="prod",
    accepts="number",
)  # fmt: skip


def reduce_prod(operand: Any, axes: Sequence[int]) -> Any:
    """Product over `axes`; of nothing, 1. The derivative is right where elements are 0.

    Args:
        operand: array of numbers; integers wrap around.
        axes: dimensions, none negative.

    Returns:
        Array of the dtype of `operand` and its other dimensions.

    Raises:
        TypeError: `operand` is boolean.
        ValueError: an axis is negative, out of range or repeated.

    Reference:
        StableHLO `reduce`, `multiply`.

    Example:
        >>> lax.reduce_prod(np.array([[1, 2], [3, 4]]), (1,))
        Array([ 2, 12], dtype=int32)
        >>> ms.grad(lambda x: lax.reduce_prod(x, (0,)))(np.array([0.0, 2.0, 3.0]))
        Array([6., 0., 0.], dtype=float32)
    """
    axes = canonical_axes(typeof(operand).ndim, tuple(axes))
    return reduce_prod_p.bind(operand, axes=axes)


# --- logic ------------------------------------------------------------------------------------


def _bits_ref(ufunc: Any, identity: Callable[[np.dtype], Any]) -> Callable[..., Any]:
    return lambda x, axes: ufunc.reduce(x, axes, initial=identity(x.dtype)) if axes else x


reduce_and_p = _reduction(
    "reduce_and", ref=_bits_ref(np.bitwise_and, all_ones), operation="stablehlo.and",
    identity=all_ones, jvp=ZERO, kind="and", accepts="bits",
)  # fmt: skip
reduce_or_p = _reduction(
    "reduce_or", ref=_bits_ref(np.bitwise_or, lambda d: d.type(0)), operation="stablehlo.or",
    identity=lambda d: 0, jvp=ZERO, kind="or", accepts="bits",
)  # fmt: skip
reduce_xor_p = _reduction(
    "reduce_xor", ref=_bits_ref(np.bitwise_xor, lambda d: d.type(0)), operation="stablehlo.xor",
    identity=lambda d: 0, jvp=ZERO, kind="xor", accepts="bits",
)  # fmt: skip


def reduce_and(operand: Any, axes: Sequence[int]) -> Any:
    """Logical (booleans) or bitwise (integers) and over `axes`; of nothing, all bits set.

    Args:
        operand: array of booleans or integers.
        axes: dimensions, none negative.

    Returns:
        Array of the dtype of `operand` and its other dimensions.

    Raises:
        TypeError: `operand` has another dtype.
        ValueError: an axis is negative, out of range or repeated.

    Reference:
        StableHLO `reduce`, `and`.

    Example:
        >>> lax.reduce_and(np.array([[True, False], [True, True]]), (1,))
        Array([False,  True], dtype=bool)
        >>> lax.reduce_and(np.array([7, 12]), (0,)), lax.reduce_and(np.array([], int), (0,))
        (Array(4, dtype=int32), Array(-1, dtype=int32))
    """
    axes = canonical_axes(typeof(operand).ndim, tuple(axes))
    return reduce_and_p.bind(operand, axes=axes)


def reduce_or(operand: Any, axes: Sequence[int]) -> Any:
    """Logical (booleans) or bitwise (integers) or over `axes`; of nothing, 0.

    Args:
        operand: array of booleans or integers.
        axes: dimensions, none negative.

    Returns:
        Array of the dtype of `operand` and its other dimensions.

    Raises:
        TypeError: `operand` has another dtype.
        ValueError: an axis is negative, out of range or repeated.

    Reference:
        StableHLO `reduce`, `or`.

    Example:
        >>> lax.reduce_or(np.array([[True, False], [False, False]]), (1,))
        Array([ True, False], dtype=bool)
        >>> lax.reduce_or(np.array([1, 4]), (0,))
        Array(5, dtype=int32)
    """
    axes = canonical_axes(typeof(operand).ndim, tuple(axes))
    return reduce_or_p.bind(operand, axes=axes)


def reduce_xor(operand: Any, axes: Sequence[int]) -> Any:
    """Exclusive or over `axes`: parity of booleans, bitwise for integers; of nothing, 0.

    Args:
        operand: array of booleans or integers.
        axes: dimensions, none negative.

    Returns:
        Array of the dtype of `operand` and its other dimensions.

    Raises:
        TypeError: `operand` has another dtype.
        ValueError: an axis is negative, out of range or repeated.

    Reference:
        StableHLO `reduce`, `xor`.

    Example:
        >>> lax.reduce_xor(np.array([True, True, True]), (0,))
        Array(True, dtype=bool)
        >>> lax.reduce_xor(np.array([1, 3]), (0,))
        Array(2, dtype=int32)
    """
    axes = canonical_axes(typeof(operand).ndim, tuple(axes))
    return reduce_xor_p.bind(operand, axes=axes)
