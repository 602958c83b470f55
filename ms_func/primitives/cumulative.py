"""Cumulative operations along an axis.

The tangents of products, extrema and log-sum-exps are linear recurrences (`recurrence.py`), so
nothing divides, and zeros and ties do no harm at any order:

    y = cumprod(x)        dy[k] = x[k] dy[k-1] + y[k-1] dx[k]
    y = cummax(x)         dy = mean of dx over the elements so far that equal the maximum
    y = cumlogsumexp(x)   dy[k] = exp(y[k-1] - y[k]) dy[k-1] + exp(x[k] - y[k]) dx[k]
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ms_func.errors import AxisError
from ms_func.ir.primitive import NONLINEAR, Linear, Primitive, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.across import carried, ends
from ms_func.primitives.arithmetic import add, div, max_p, min_p, mul, sub
from ms_func.primitives.axis_slices import index_in_dim
from ms_func.primitives.basis import broadcast_in_dim, sum_dtype
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.cast import complex, convert_element_type, real
from ms_func.primitives.compare import eq, select
from ms_func.primitives.elementwise import exp
from ms_func.primitives.families import as_float32, check_dtype, in_float32, literal
from ms_func.primitives.pieces import concatenate
from ms_func.primitives.powers import log
from ms_func.primitives.recurrence import before, cost_along, linear_recurrence_p, shard_along
from ms_func.primitives.reduce import highest, lexical_reducer, lowest
from ms_func.primitives.running_loops import loop, window
from ms_func.primitives.shape import expand_dims
from ms_func.tracing.tracer import build

# --- what the cumulative operations share -----------------------------------------------------


def _abstract(name: str, accepts: str) -> Callable[..., ArrayType]:
    def abstract(x: ArrayType, *, axis: int, reverse: bool) -> ArrayType:
        check_dtype(name, accepts, x.dtype)
        if not 0 <= axis < x.ndim:
            raise AxisError(f"axis {axis} is out of bounds for array of shape {x.shape}")
        return x if x.manual is None else x.update(manual=None)

    return abstract


def _ref(ufunc: np.ufunc) -> Callable[..., np.ndarray]:
    def ref(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        with np.errstate(all="ignore"):
            y = np.flip(x, axis) if reverse else x
            y = ufunc.accumulate(y.astype(sum_dtype(x.dtype)), axis, sum_dtype(x.dtype))
            return (np.flip(y, axis) if reverse else y).astype(x.dtype)

    return ref


def _lower(operation: str, identity: Callable[[np.dtype], Any]) -> Callable[..., Any]:
    """Lowering rule; sums and products of short floats are carried on in float32."""

    def lower(b: Any, eqn: Any, x: Any) -> Any:
        out = eqn.outputs[0].type
        if not out.size:
            return x
        if operation.endswith("mum"):
            return running(b, eqn, x, out)
        return as_float32(b, out, [x], lambda kind, xs: running(b, eqn, xs[0], kind))

    def running(b: Any, eqn: Any, x: Any, out: ArrayType) -> Any:
        axis, reverse = eqn.params["axis"], eqn.params["reverse"]
        ordered_complex = out.dtype.kind == "c" and operation.endswith("mum")
        if b.lowerer.platform == "cpu" and not ordered_complex:
            start = ArrayType((*out.shape[:axis], 1, *out.shape[axis + 1 :]), out.dtype)

            def step(inner: Any, carry: Any, element: Any) -> Any:
                return inner.op(operation, [start], [carry, element])

            init = b.constant(identity(out.dtype), start)
            return loop(b, operation, out, axis, reverse, [x], init, step)
        scalar = ArrayType((), out.dtype)
        init = b.constant(identity(out.dtype), scalar)

        def make(inner: Any, x: Any, init: Any) -> Any:
            made = window(inner, out, axis, reverse, x, init)
            if ordered_complex:
                lexical_reducer(inner, made, out.dtype, operation)
            else:
                inner.reducer(made, operation, out.dtype)
            return made

        key = ("cumulative", operation, out, axis, reverse)
        return b.copied(key, [out, scalar], [x, init], make).results[0]

    return lower


def _batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    def batch(size: int, args: Any, dims: Any, *, axis: int, reverse: bool) -> Any:
        (dim,) = dims
        axis += axis >= dim
        return primitive().bind(*args, axis=axis, reverse=reverse), dim

    return batch


def _local(
    primitive: Callable[[], Primitive], identity: Any, join: Callable[..., Any]
) -> Callable[..., Any]:
    """Each device runs over its piece and joins what those before it have come to."""

    def local(ins: Sequence[ArrayType], outs: Any, cuts: Any, *, axis: int, reverse: bool) -> Any:
        if (cut := cuts.get(f"i{axis}")) is None:
            return None
        run = partial(primitive().bind, axis=axis, reverse=reverse)

        def compute(x: Any) -> Any:
            y = run(x)
            total = ends(y, axis, reverse)[1]
            start = carried([total], axis, cut, reverse, run, identity(ins[0].dtype))
            return join(broadcast_in_dim(start, typeof(y).shape, range(typeof(y).ndim)), y)

        return compute

    return local


def _cumulative(
    name: str, *, ref: Any, operation: str = "", identity: Any, join: Callable[..., Any],
    jvp: Any, transpose: Any = None, accepts: str = "any", lower: Any = None,
) -> Primitive:  # fmt: skip
    """Make and register a cumulative operation with parameters `axis` and `reverse`.

    `join` makes one result of those of two stretches, `identity` tells that of none.
    """
    primitive = register(
        Primitive(
            name,
            abstract=_abstract(name, accepts),
            accepts=accepts,
            ref=_ref(ref) if isinstance(ref, np.ufunc) else ref,
            lower=lower or _lower(operation, identity),  # pyright: ignore[reportArgumentType]
            jvp=jvp,
            transpose=transpose or NONLINEAR,
            batch=_batch(lambda: primitive),
            shard=shard_along,
            local=_local(lambda: primitive, identity, join),
            cost=cost_along,
        )
    )
    return primitive


def _bind(primitive: Primitive, operand: Any, axis: int, reverse: bool) -> Any:
    axis = operator.index(axis)
    if axis < 0:
        raise AxisError(f"{primitive.name}: axis {axis}: XLA operations do not allow negative axes")
    return primitive.bind(operand, axis=axis, reverse=bool(reverse))


# --- sum and product --------------------------------------------------------------------------

cumsum_p = _cumulative(
    "cumsum", ref=np.add, operation="stablehlo.add", identity=lambda d: 0, join=add, jvp=Linear(0),
    transpose=lambda ct, x, *, axis, reverse: [
        cumsum_p.bind(ct, axis=axis, reverse=not reverse)
    ],
    accepts="number",
)  # fmt: skip


def cumsum(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Sums of all elements up to each one along `axis`, or from it on if `reverse`.

    Args:
        operand: array of numbers and at least one dimension; integers wrap around.
        axis: dimension, not negative.
        reverse: sum from the end.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: `operand` is boolean.
        ValueError: the axis is negative or out of range.

    Example:
        >>> lax.cumsum(np.array([1, 2, 3])), lax.cumsum(np.array([1, 2, 3]), reverse=True)
        (Array([1, 3, 6], dtype=int32), Array([6, 5, 3], dtype=int32))
    """
    return _bind(cumsum_p, operand, axis, reverse)


def _cumprod_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, axis: int, reverse: bool
) -> Any:
    (x,), (t,) = primals, tangents
    out = cumprod_p.bind(x, axis=axis, reverse=reverse)
    term = mul(t, before(out, axis, reverse, 1.0))
    return out, linear_recurrence_p.bind(x, term, axis=axis, reverse=reverse)


cumprod_p = _cumulative(
    "cumprod", ref=np.multiply, operation="stablehlo.multiply", identity=lambda d: 1,
    join=mul, jvp=_cumprod_jvp, accepts="number",
)  # fmt: skip


def cumprod(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Products of all elements up to each one along `axis`; arguments as for `cumsum`.

    The derivative is right where elements are 0.

    Args:
        operand: array of numbers and at least one dimension; integers wrap around.
        axis: dimension, not negative.
        reverse: multiply from the end.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: `operand` is boolean.
        ValueError: the axis is negative or out of range.

    Example:
        >>> lax.cumprod(np.array([1, 2, 3])), lax.cumprod(np.array([1, 2, 3]), reverse=True)
        (Array([1, 2, 6], dtype=int32), Array([6, 6, 3], dtype=int32))
    """
    return _bind(cumprod_p, operand, axis, reverse)


# --- maximum and minimum ----------------------------------------------------------------------


def _extremum_jvp(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Mean of the tangents of the elements so far that equal the extremum so far."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **where: Any) -> Any:
        (x,), (t,) = primals, tangents
        out = primitive().bind(x, **where)
        if not typeof(x).size:
            return out, Zero(typeof(out).tangent)
        dtype = typeof(x).dtype
        chosen = eq(x, out)
        same = convert_element_type(eq(out, before(out, **where, first=0.0)), dtype)
        total = linear_recurrence_p.bind(same, select(chosen, t, literal(0, t)), **where)
        count = linear_recurrence_p.bind(same, convert_element_type(chosen, dtype), **where)
        return out, div(total, count)

    return jvp


cummax_p = _cumulative(
    "cummax", ref=np.maximum, operation="stablehlo.maximum", identity=lowest, join=max_p.bind,
    jvp=_extremum_jvp(lambda: cummax_p),
)  # fmt: skip
cummin_p = _cumulative(
    "cummin", ref=np.minimum, operation="stablehlo.minimum", identity=highest, join=min_p.bind,
    jvp=_extremum_jvp(lambda: cummin_p),
)  # fmt: skip


def cummax(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Largest element up to each one along `axis`; arguments as for `cumsum`.

    NaN wins from where it stands on. The derivative is shared equally by all elements so
    far that equal the maximum.

    Args:
        operand: array of any dtype and at least one dimension; complex numbers order by real part,
            then imaginary part.
        axis: dimension, not negative.
        reverse: begin at the end.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        ValueError: the axis is negative or out of range.

    Example:
        >>> lax.cummax(np.array([1.0, 3.0, 2.0, np.nan, 9.0]))
        Array([ 1.,  3.,  3., nan, nan], dtype=float32)
    """
    return _bind(cummax_p, operand, axis, reverse)


def cummin(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Smallest element up to each one along `axis`; conventions as for `cummax`.

    Args:
        operand: array of any dtype and at least one dimension.
        axis: dimension, not negative.
        reverse: begin at the end.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        ValueError: the axis is negative or out of range.

    Example:
        >>> lax.cummin(np.array([2, 3, 1])), lax.cummin(np.array([2, 3, 1]), reverse=True)
        (Array([2, 2, 1], dtype=int32), Array([1, 1, 1], dtype=int32))
    """
    return _bind(cummin_p, operand, axis, reverse)


# --- logarithm of a sum of exponentials -------------------------------------------------------


def _finite(y: Any) -> Any:
    """`y` with 0 in place of minus infinity, which is what no elements sum to."""
    return select(eq(y, literal(-math.inf, y)), literal(0, y), y)


def _weight(x: Any, y: Any) -> Any:
    """`exp(x - y)` for x <= y: 1 where both are infinite, 0 where both are minus infinity."""
    top = literal(math.inf, y)
    both = bitwise_and(eq(x, top), eq(y, top))
    return exp(select(both, literal(0, y), sub(x, _finite(y))))


def _logsumexp(x: Any, axis: int, reverse: bool) -> Any:
    """Sums of exponentials relative to the maximum so far, rescaled whenever that grows."""
    if typeof(x).dtype.kind == "c":
        return _complex_logsumexp(x, axis, reverse)
    top = cummax_p.bind(x, axis=axis, reverse=reverse)
    scale = _weight(before(top, axis, reverse, -math.inf), top)
    total = linear_recurrence_p.bind(scale, _weight(x, top), axis=axis, reverse=reverse)
    return add(log(total), _finite(top))


def _complex_logsumexp(x: Any, axis: int, reverse: bool) -> Any:
    """The same relative to the largest real part; the logarithm is the principal one."""
    top = cummax_p.bind(real(x), axis=axis, reverse=reverse)
    scale = _weight(before(top, axis, reverse, -math.inf), top)
    zero = literal(0, scale)
    terms = exp(sub(x, complex(_finite(top), zero)))
    total = linear_recurrence_p.bind(complex(scale, zero), terms, axis=axis, reverse=reverse)
    return add(log(total), complex(_finite(top), zero))


def _logsumexp_lower(b: Any, eqn: Any, x: Any) -> Any:
    def program(t: ArrayType) -> Any:
        return build("cumlogsumexp", [t], lambda v: [_logsumexp(v, **eqn.params)])

    return in_float32(b, eqn.outputs[0].type, [x], program)


def _logsumexp_jvp(primals: Sequence[Any], tangents: Sequence[Any], **where: Any) -> Any:
    (x,), (t,) = primals, tangents
    out = cumlogsumexp_p.bind(x, **where)
    if typeof(x).dtype.kind == "c":  # an exponential of differences, without infinities
        carried = exp(sub(before(out, **where, first=0.0), out))
        return out, linear_recurrence_p.bind(carried, mul(t, exp(sub(x, out))), **where)
    carried = _weight(before(out, **where, first=-math.inf), out)
    term = mul(t, _weight(x, out))
    return out, linear_recurrence_p.bind(carried, term, **where)


def _logsumexp_ref(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
    if x.dtype.kind != "c":
        return _ref(np.logaddexp)(x, axis=axis, reverse=reverse)
    y = np.flip(x, axis) if reverse else x
    top = np.max(np.real(y), axis, keepdims=True, initial=0.0)
    with np.errstate(all="ignore"):
        y = np.log(np.cumsum(np.exp(y - top), axis)) + top
    return (np.flip(y, axis) if reverse else y).astype(x.dtype)


def _logsumexp_join(x: Any, y: Any) -> Any:
    """Logarithm of the sum of two exponentials."""
    at = typeof(x).ndim
    both = concatenate([expand_dims(v, (at,)) for v in (x, y)], at)
    return index_in_dim(cumlogsumexp_p.bind(both, axis=at, reverse=False), 1, at, keepdims=False)


cumlogsumexp_p = _cumulative(
    "cumlogsumexp", ref=_logsumexp_ref, lower=_logsumexp_lower, jvp=_logsumexp_jvp,
    identity=lambda d: -math.inf, join=_logsumexp_join,
    accepts="inexact",
)  # fmt: skip


def cumlogsumexp(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """`log(cumsum(exp(operand)))` without overflow; arguments as for `cumsum`.

    Args:
        operand: floating or complex array of at least one dimension.
        axis: dimension, not negative.
        reverse: begin at the end.

    Returns:
        Array of the shape and dtype of `operand`; of the logarithms of complex numbers, the
        principal one.

    Raises:
        TypeError: `operand` is neither floating nor complex.
        ValueError: the axis is negative or out of range.

    Example:
        >>> lax.cumlogsumexp(np.array([1000.0, 1000.0, -np.inf])).round(2)
        Array([1000.  , 1000.69, 1000.69], dtype=float32)
    """
    return _bind(cumlogsumexp_p, operand, axis, reverse)
