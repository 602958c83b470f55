"""Cumulative operations along an axis, and the linear recurrence their derivatives need.

`c[k] = a[k] * c[k - 1] + b[k]` is linear in `b`, and its transpose is the same recurrence
run backwards. The tangents of cumulative products, extrema and log-sum-exps are such
recurrences, so nothing divides, and zeros and ties do no harm at any order:

    y = cumprod(x)        dy[k] = x[k] dy[k-1] + y[k-1] dx[k]
    y = cummax(x)         dy = mean of dx over the elements so far that equal the maximum
    y = cumlogsumexp(x)   dy[k] = exp(y[k-1] - y[k]) dy[k-1] + exp(x[k] - y[k]) dx[k]
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.errors import AxisError, ShapeError
from ms_func.ir.primitive import NONLINEAR, Cost, Linear, Primitive, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.arithmetic import add, bitwise_and, div, mul, sub
from ms_func.primitives.basis import sum_dtype
from ms_func.primitives.batching import move_batch
from ms_func.primitives.cast import complex, convert_element_type, real
from ms_func.primitives.compare import eq, select
from ms_func.primitives.elementwise import exp, log
from ms_func.primitives.families import check_dtype, literal
from ms_func.primitives.pieces import concatenate, pad_p, slice
from ms_func.primitives.reduce import highest, lexical_reducer, lowest, slice_along
from ms_func.primitives.shape import rev
from ms_func.tracing.tracer import build

# --- loops on CPU ---------------------------------------------------------------------------

Step = Callable[..., Any]
"""`(builder, carry, *elements)` to the next carry: one value of the type of the carry."""


def _loop(
    b: Any, name: str, out: ArrayType, axis: int, reverse: bool, xs: Sequence[Any], init: Any,
    step: Step,
) -> Any:  # fmt: skip
    """Results of `step`, known as `name`, along `axis`, one element after the other.

    A loop over memory in order beats any tree of whole-array operations on a CPU. It takes
    several elements a turn where that was measured to be faster: in one long row, and in
    many rows whose elements lie next to each other.
    """
    n = out.shape[axis]
    rest = math.prod(out.shape[axis + 1 :])
    rows = math.prod(out.shape[:axis])
    block = min(n, 8) if n <= 8 or (rest == 1 and (rows == 1 or rows >= 256)) else 1
    loop = _Loop(name, out, axis, reverse, step)
    carry, turns = init, n // block
    if turns <= 1:
        return loop.turn(b, carry, xs, n)[1]
    carry, y = loop.run(b, carry, xs, block, turns)
    left = n - turns * block
    if left:
        start = 0 if reverse else n - left
        tails = [loop.slice(b, x, start, left) for x in xs]
        tail = loop.turn(b, carry, tails, left)[1]
        y = loop.update(b, y, tail, b.constant(start, _INDEX), left)
    return y


_INDEX = ArrayType((), np.int32)


class _Loop:
    """Builder of a loop along one axis of arrays of one type."""

    __slots__ = ("axis", "name", "out", "reverse", "step")

    def __init__(self, name: str, out: ArrayType, axis: int, reverse: bool, step: Step) -> None:
        self.name = name
        self.out, self.axis, self.reverse, self.step = out, axis, reverse, step

    def part(self, size: int) -> ArrayType:
        """Type of `size` elements along the axis."""
        shape = self.out.shape
        return ArrayType((*shape[: self.axis], size, *shape[self.axis + 1 :]), self.out.dtype)

    def slice(self, b: Any, x: Any, start: int, size: int) -> Any:
        """`size` elements of `x` from `start` on."""
        ndim, limits = self.out.ndim, list(self.out.shape)
        starts = [0] * ndim
        starts[self.axis], limits[self.axis] = start, start + size
        attributes = {
            "start_indices": mlir.int_array(tuple(starts)),
            "limit_indices": mlir.int_array(tuple(limits)),
            "strides": mlir.int_array((1,) * ndim),
        }
        return b.op("stablehlo.slice", [self.part(size)], [x], attributes)

    def indices(self, b: Any, start: Any) -> list[Any]:
        """Start indices of a part of an array."""
        zero = b.constant(0, _INDEX)
        return [start if d == self.axis else zero for d in range(self.out.ndim)]

    def update(self, b: Any, y: Any, part: Any, start: Any, size: int) -> Any:
        """`y` with `part` written at `start`."""
        operands = [y, part, *self.indices(b, start)]
        return b.op("stablehlo.dynamic_update_slice", [self.out], operands)

    def turn(self, b: Any, carry: Any, parts: Sequence[Any], size: int) -> tuple[Any, Any]:
        """Take `size` elements in order; the last carry, and all of them together."""
        if size == 1:
            carry = self.step(b, carry, *parts)
            return carry, carry
        inner = _Loop(self.name, self.part(size), self.axis, self.reverse, self.step)
        found = []
        order = range(size - 1, -1, -1) if self.reverse else range(size)
        for k in order:
            carry = self.step(b, carry, *(inner.slice(b, p, k, 1) for p in parts))
            found.append(carry)
        if self.reverse:
            found.reverse()
        attributes = {"dimension": mlir.integer(self.axis)}
        return carry, b.op("stablehlo.concatenate", [self.part(size)], found, attributes)

    def run(self, b: Any, carry: Any, xs: Sequence[Any], block: int, turns: int) -> tuple[Any, Any]:
        """The loop itself: carry and results after `turns` blocks."""
        state = [_INDEX, self.part(1), *[self.out] * (1 + len(xs))]
        operands = [b.constant(0, _INDEX), carry, b.constant(0, self.out), *xs]

        def make(inner: Any, *operands: Any) -> Any:
            made = inner.operation("stablehlo.while", state, operands, regions=2)
            inner.region(made, 0, state, lambda body, i, *rest: [self.more(body, i, turns)])
            inner.region(made, 1, state, lambda body, *args: self.body(body, block, *args))
            return made

        key = (self.name, self.out, self.axis, self.reverse, block)
        results = b.copied(key, state, operands, make).results
        return results[1], results[2]

    def more(self, b: Any, i: Any, turns: int) -> Any:
        """Whether turn `i` is still to be taken."""
        attribute = mlir.parsed("#stablehlo<comparison_direction LT>")
        return b.op(
            "stablehlo.compare", [ArrayType((), np.bool_)], [i, b.constant(turns, _INDEX)],
            {"comparison_direction": attribute},
        )  # fmt: skip

    def body(self, b: Any, block: int, i: Any, carry: Any, y: Any, *xs: Any) -> list[Any]:
        """One turn: read a block, take it, write the results."""
        start = self.start(b, i, block)
        sizes = {"slice_sizes": mlir.int_array(self.part(block).shape)}
        where = self.indices(b, start)
        parts = [
            b.op("stablehlo.dynamic_slice", [self.part(block)], [x, *where], sizes) for x in xs
        ]
        carry, part = self.turn(b, carry, parts, block)
        y = self.update(b, y, part, start, block)
        return [b.op("stablehlo.add", [_INDEX], [i, b.constant(1, _INDEX)]), carry, y, *xs]

    def start(self, b: Any, i: Any, block: int) -> Any:
        """First element of turn `i`; in reverse, counted from the end."""
        if block > 1:
            i = b.op("stablehlo.multiply", [_INDEX], [i, b.constant(block, _INDEX)])
        if self.reverse:
            last = b.constant(self.out.shape[self.axis] - block, _INDEX)
            i = b.op("stablehlo.subtract", [_INDEX], [last, i])
        return i


def _window(b: Any, out: ArrayType, axis: int, reverse: bool, x: Any, init: Any) -> Any:
    """A window over everything so far: the form compilers know cumulative operations by.

    XLA turns it into a tree of logarithmic depth. The region is still to be filled.
    """
    n, ndim = out.shape[axis], out.ndim
    sizes = tuple(n if d == axis else 1 for d in range(ndim))
    before = (0, n - 1) if reverse else (n - 1, 0)
    attributes = {
        "window_dimensions": mlir.int_array(sizes),
        "padding": mlir.int_matrix(tuple(before if d == axis else (0, 0) for d in range(ndim))),
    }
    return b.operation("stablehlo.reduce_window", [out], [x, init], attributes)


# --- what the cumulative operations share -----------------------------------------------------


def _abstract(name: str, accepts: str) -> Callable[..., ArrayType]:
    def abstract(x: ArrayType, *, axis: int, reverse: bool) -> ArrayType:
        check_dtype(name, accepts, x.dtype)
        if not 0 <= axis < x.ndim:
            raise AxisError(f"axis {axis} is out of bounds for array of shape {x.shape}")
        return x if x.sharding is None else x.update(sharding=None)

    return abstract


def _ref(ufunc: np.ufunc) -> Callable[..., np.ndarray]:
    def ref(x: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        with np.errstate(all="ignore"):
            y = np.flip(x, axis) if reverse else x
            y = ufunc.accumulate(y.astype(sum_dtype(x.dtype)), axis, sum_dtype(x.dtype))
            return (np.flip(y, axis) if reverse else y).astype(x.dtype)

    return ref


def _lower(operation: str, identity: Callable[[np.dtype], Any]) -> Callable[..., Any]:
    def lower(b: Any, eqn: Any, x: Any) -> Any:
        axis, reverse = eqn.params["axis"], eqn.params["reverse"]
        out = eqn.outputs[0].type
        ordered_complex = out.dtype.kind == "c" and operation.endswith("mum")
        if not out.size:
            return x
        if b.lowerer.platform == "cpu" and not ordered_complex:
            start = ArrayType((*out.shape[:axis], 1, *out.shape[axis + 1 :]), out.dtype)

            def step(inner: Any, carry: Any, element: Any) -> Any:
                return inner.op(operation, [start], [carry, element])

            init = b.constant(identity(out.dtype), start)
            return _loop(b, operation, out, axis, reverse, [x], init, step)
        scalar = ArrayType((), out.dtype)
        init = b.constant(identity(out.dtype), scalar)

        def make(inner: Any, x: Any, init: Any) -> Any:
            made = _window(inner, out, axis, reverse, x, init)
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


def _shard(ins: Sequence[ArrayType], outs: Any, *, axis: int, **params: Any) -> str:
    names = " ".join(f"i{k}" for k in range(ins[0].ndim))
    return f"{', '.join([names] * len(ins))} -> {names}; i{axis}: whole"


def _cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    moved = sum(t.nbytes for t in ins) + outs[0].nbytes
    return Cost(float(outs[0].size * (2 * len(ins) - 1)), 0.0, float(moved))


def _cumulative(
    name: str, *, ref: Any, operation: str = "", identity: Any = None, jvp: Any,
    transpose: Any = None, accepts: str = "any", lower: Any = None,
) -> Primitive:  # fmt: skip
    """Make and register a cumulative operation with parameters `axis` and `reverse`."""
    primitive = register(
        Primitive(
            name,
            abstract=_abstract(name, accepts),
            ref=_ref(ref) if isinstance(ref, np.ufunc) else ref,
            lower=lower or _lower(operation, identity),  # pyright: ignore[reportArgumentType]
            jvp=jvp,
            transpose=transpose or NONLINEAR,
            batch=_batch(lambda: primitive),
            shard=_shard,
            cost=_cost,
        )
    )
    return primitive


def _bind(primitive: Primitive, operand: Any, axis: int, reverse: bool) -> Any:
    axis = operator.index(axis)
    if axis < 0:
        raise AxisError(f"{primitive.name}: axis {axis}: XLA operations do not allow negative axes")
    return primitive.bind(operand, axis=axis, reverse=bool(reverse))


def _before(y: Any, axis: int, reverse: bool, first: float) -> Any:
    """`y` moved by one place along the way of the scan, with `first` coming in."""
    t = typeof(y)
    row = (-1, 1, 0) if reverse else (1, -1, 0)
    config = tuple(row if d == axis else (0, 0, 0) for d in range(t.ndim))
    return pad_p.bind(y, literal(first, y), padding_config=config)


# --- linear recurrence ------------------------------------------------------------------------


def _recurrence_abstract(a: ArrayType, b: ArrayType, *, axis: int, reverse: bool) -> ArrayType:
    if a.shape != b.shape or a.dtype != b.dtype or not 0 <= axis < a.ndim:
        raise ShapeError(
            f"linear_recurrence requires operands of one shape and dtype and an axis of theirs, "
            f"got {a}, {b} and axis {axis}"
        )
    check_dtype("linear_recurrence", "number", a.dtype)
    return ArrayType(a.shape, a.dtype)


def _recurrence_ref(a: np.ndarray, b: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
    dtype = b.dtype
    a, b = (np.moveaxis(v.astype(sum_dtype(dtype)), axis, 0) for v in (a, b))
    out = np.zeros_like(b)
    carry = np.zeros(b.shape[1:], b.dtype)
    order = range(len(b) - 1, -1, -1) if reverse else range(len(b))
    with np.errstate(all="ignore"):
        for k in order:
            out[k] = carry = b[k] if k == order[0] else a[k] * carry + b[k]
    return np.moveaxis(out, 0, axis).astype(dtype)


def _recurrence_lower(b: Any, eqn: Any, factor: Any, term: Any) -> Any:
    axis, reverse = eqn.params["axis"], eqn.params["reverse"]
    out = eqn.outputs[0].type
    if not out.size:
        return term
    if b.lowerer.platform == "cpu":
        one = ArrayType((*out.shape[:axis], 1, *out.shape[axis + 1 :]), out.dtype)

        def step(inner: Any, carry: Any, a: Any, c: Any) -> Any:
            return inner.op(
                "stablehlo.add", [one], [inner.op("stablehlo.multiply", [one], [a, carry]), c]
            )

        init = b.constant(0, one)
        return _loop(b, "linear_recurrence", out, axis, reverse, [factor, term], init, step)
    fn = build("linear_recurrence", [out, out], lambda x, y: [_by_tree(x, y, axis, reverse)])
    return b.inline(fn, [factor, term])[0]


def _by_tree(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """The recurrence at logarithmic depth, for devices where a loop over elements is slow.

    Not as a window: its function may not depend on the order of operands, this one does.
    """
    if reverse:
        a, b = rev(a, (axis,)), rev(b, (axis,))
    out = _prefixes(a, b, axis)[1]
    return rev(out, (axis,)) if reverse else out


def _prefixes(a: Any, b: Any, axis: int) -> tuple[Any, Any]:
    """All compositions of the maps `c -> a[k] c + b[k]` from the first up to each one.

    Neighbours are composed first, so the odd places follow from half the problem, and the
    even ones from the odd place before them (Blelloch, "Prefix sums and their
    applications", 1990).
    """
    n = typeof(a).shape[axis]
    if n < 2:
        return a, b
    first = [_every_other(x, 0, n - n % 2, axis) for x in (a, b)]
    second = [_every_other(x, 1, n, axis) for x in (a, b)]
    odd = _prefixes(*_compose(*first, *second), axis)
    start = [_every_other(x, 0, 1, axis) for x in (a, b)]
    if n == 2:
        even = start
    else:
        earlier = [slice_along(x, 0, (n - 1) // 2, axis) for x in odd]
        later = _compose(*earlier, *(_every_other(x, 2, n, axis) for x in (a, b)))
        even = [concatenate(pair, axis) for pair in zip(start, later, strict=True)]
    woven = [_weave(x, y, n, axis) for x, y in zip(even, odd, strict=True)]
    return woven[0], woven[1]


def _compose(a1: Any, b1: Any, a2: Any, b2: Any) -> tuple[Any, Any]:
    """First the map (a1, b1), then (a2, b2)."""
    return mul(a2, a1), add(mul(a2, b1), b2)


def _every_other(x: Any, start: int, stop: int, axis: int) -> Any:
    shape = typeof(x).shape
    steps = [2 if d == axis else 1 for d in range(len(shape))]
    starts = [start if d == axis else 0 for d in range(len(shape))]
    return slice(x, starts, (*shape[:axis], stop, *shape[axis + 1 :]), steps)


def _weave(even: Any, odd: Any, n: int, axis: int) -> Any:
    """Array with `even` at the even places along `axis` and `odd` at the odd ones."""
    rows = [(0, 1 - n % 2, 1), (1, n % 2, 1)]
    ndim = typeof(even).ndim
    placed = [
        pad_p.bind(
            x, literal(0, x),
            padding_config=tuple(row if d == axis else (0, 0, 0) for d in range(ndim)),
        )
        for x, row in zip((even, odd), rows, strict=True)
    ]  # fmt: skip
    return add(*placed)


def _recurrence_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, axis: int, reverse: bool
) -> Any:
    (a, b), (ta, tb) = primals, tangents
    out = linear_recurrence_p.bind(a, b, axis=axis, reverse=reverse)
    term = None if type(ta) is Zero else mul(ta, _before(out, axis, reverse, 0.0))
    if type(tb) is not Zero:
        term = tb if term is None else add(term, tb)
    if term is None:
        return out, Zero(typeof(out).tangent)
    return out, linear_recurrence_p.bind(a, term, axis=axis, reverse=reverse)


def _recurrence_transpose(ct: Any, a: Any, b: Any, *, axis: int, reverse: bool) -> list[Any]:
    """`ct_b[k] = ct[k] + a[k + 1] ct_b[k + 1]`: the recurrence backwards."""
    later = _before(a, axis, not reverse, 0.0)
    return [None, linear_recurrence_p.bind(later, ct, axis=axis, reverse=not reverse)]


def _recurrence_batch(size: int, args: Any, dims: Any, *, axis: int, reverse: bool) -> Any:
    at = next(d for d in dims if d is not None)
    laid = [move_batch(x, d, at, size) for x, d in zip(args, dims, strict=True)]
    axis += axis >= at
    return linear_recurrence_p.bind(*laid, axis=axis, reverse=reverse), at


linear_recurrence_p = register(
    Primitive(
        "linear_recurrence",
        abstract=_recurrence_abstract,
        ref=_recurrence_ref,
        lower=_recurrence_lower,
        jvp=_recurrence_jvp,
        transpose=_recurrence_transpose,
        batch=_recurrence_batch,
        shard=_shard,
        cost=_cost,
    )
)


def linear_recurrence(a: Any, b: Any, axis: int = 0, reverse: bool = False) -> Any:
    """`c[k] = a[k] * c[k - 1] + b[k]` along `axis`, with nothing before the first element.

    Shapes: any, equal; the result has the shape of the operands.
    Dtypes: numbers, equal.

    Args:
        a: factors; the first along the axis is not used.
        b: terms.
        axis: direction of the recurrence.
        reverse: run from the last element to the first.
    """
    ndim = typeof(b).ndim
    axis = operator.index(axis)
    return linear_recurrence_p.bind(a, b, axis=axis + ndim * (axis < 0), reverse=bool(reverse))


# --- sum and product --------------------------------------------------------------------------

cumsum_p = _cumulative(
    "cumsum", ref=np.add, operation="stablehlo.add", identity=lambda d: 0, jvp=Linear(0),
    transpose=lambda ct, x, *, axis, reverse: [
        cumsum_p.bind(ct, axis=axis, reverse=not reverse)
    ],
    accepts="number",
)  # fmt: skip


def cumsum(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Sums of all elements up to each one along `axis`, or from it on if `reverse`.

    Shapes: any of at least one dimension; the result has the shape of the operand.
    Dtypes: numbers; integers wrap around.

    Raises:
        ValueError: the axis is negative or out of range.
    """
    return _bind(cumsum_p, operand, axis, reverse)


def _cumprod_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, axis: int, reverse: bool
) -> Any:
    (x,), (t,) = primals, tangents
    out = cumprod_p.bind(x, axis=axis, reverse=reverse)
    term = mul(t, _before(out, axis, reverse, 1.0))
    return out, linear_recurrence_p.bind(x, term, axis=axis, reverse=reverse)


cumprod_p = _cumulative(
    "cumprod", ref=np.multiply, operation="stablehlo.multiply", identity=lambda d: 1,
    jvp=_cumprod_jvp, accepts="number",
)  # fmt: skip


def cumprod(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Products of all elements up to each one along `axis`; arguments as for `cumsum`.

    The derivative is right where elements are 0.
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
        same = convert_element_type(eq(out, _before(out, **where, first=0.0)), dtype)
        total = linear_recurrence_p.bind(same, select(chosen, t, literal(0, t)), **where)
        count = linear_recurrence_p.bind(same, convert_element_type(chosen, dtype), **where)
        return out, div(total, count)

    return jvp


cummax_p = _cumulative(
    "cummax", ref=np.maximum, operation="stablehlo.maximum", identity=lowest,
    jvp=_extremum_jvp(lambda: cummax_p),
)  # fmt: skip
cummin_p = _cumulative(
    "cummin", ref=np.minimum, operation="stablehlo.minimum", identity=highest,
    jvp=_extremum_jvp(lambda: cummin_p),
)  # fmt: skip


def cummax(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Largest element up to each one along `axis`; arguments as for `cumsum`.

    NaN wins from where it stands on. The derivative is shared equally by all elements so
    far that equal the maximum.
    """
    return _bind(cummax_p, operand, axis, reverse)


def cummin(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Smallest element up to each one along `axis`; conventions as for `cummax`."""
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
    scale = _weight(_before(top, axis, reverse, -math.inf), top)
    total = linear_recurrence_p.bind(scale, _weight(x, top), axis=axis, reverse=reverse)
    return add(log(total), _finite(top))


def _complex_logsumexp(x: Any, axis: int, reverse: bool) -> Any:
    """The same relative to the largest real part; the logarithm is the principal one."""
    top = cummax_p.bind(real(x), axis=axis, reverse=reverse)
    scale = _weight(_before(top, axis, reverse, -math.inf), top)
    zero = literal(0, scale)
    terms = exp(sub(x, complex(_finite(top), zero)))
    total = linear_recurrence_p.bind(complex(scale, zero), terms, axis=axis, reverse=reverse)
    return add(log(total), complex(_finite(top), zero))


def _logsumexp_lower(b: Any, eqn: Any, x: Any) -> Any:
    t = eqn.outputs[0].type
    fn = build("cumlogsumexp", [t], lambda v: [_logsumexp(v, **eqn.params)])
    return b.inline(fn, [x])[0]


def _logsumexp_jvp(primals: Sequence[Any], tangents: Sequence[Any], **where: Any) -> Any:
    (x,), (t,) = primals, tangents
    out = cumlogsumexp_p.bind(x, **where)
    if typeof(x).dtype.kind == "c":  # an exponential of differences, without infinities
        carried = exp(sub(_before(out, **where, first=0.0), out))
        return out, linear_recurrence_p.bind(carried, mul(t, exp(sub(x, out))), **where)
    carried = _weight(_before(out, **where, first=-math.inf), out)
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


cumlogsumexp_p = _cumulative(
    "cumlogsumexp", ref=_logsumexp_ref, lower=_logsumexp_lower, jvp=_logsumexp_jvp,
    accepts="inexact",
)  # fmt: skip


def cumlogsumexp(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """`log(cumsum(exp(operand)))` without overflow; arguments as for `cumsum`.

    Dtypes: floating or complex; of the logarithms of complex numbers, the principal one.
    """
    return _bind(cumlogsumexp_p, operand, axis, reverse)
