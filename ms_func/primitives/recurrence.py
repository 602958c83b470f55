"""The linear recurrence `c[k] = a[k] * c[k - 1] + b[k]` along an axis, and its derivatives.

It is linear in `b`, and its transpose is the same recurrence run backwards.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ms_func.errors import ShapeError
from ms_func.ir.primitive import Cost, Primitive, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.across import carried, ends, padded
from ms_func.primitives.arithmetic import add, mul
from ms_func.primitives.basis import sum_dtype
from ms_func.primitives.batching import move_batch
from ms_func.primitives.collective_places import axis_index
from ms_func.primitives.compare import eq, select
from ms_func.primitives.families import as_float32, check_dtype, literal
from ms_func.primitives.pieces import concatenate, pad_p, slice
from ms_func.primitives.reduce import reduce_prod, slice_along
from ms_func.primitives.running_loops import loop
from ms_func.primitives.shape import expand_dims, rev
from ms_func.tracing.tracer import build

# --- what operations along one axis share --------------------------------------------------------


def shard_along(ins: Sequence[ArrayType], outs: Any, *, axis: int, **params: Any) -> str:
    """Index notation of operands of one shape and a result of theirs, run along the axis."""
    names = " ".join(f"i{k}" for k in range(ins[0].ndim))
    return f"{', '.join([names] * len(ins))} -> {names}; i{axis}: running"


def cost_along(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    """A product and a sum for each element, but one for each of a single operand."""
    moved = sum(t.nbytes for t in ins) + outs[0].nbytes
    return Cost(float(outs[0].size * (2 * len(ins) - 1)), 0.0, float(moved))


def before(y: Any, axis: int, reverse: bool, first: float) -> Any:
    """`y` moved by one place along the way of the scan, with `first` coming in."""
    t = typeof(y)
    row = (-1, 1, 0) if reverse else (1, -1, 0)
    config = tuple(row if d == axis else (0, 0, 0) for d in range(t.ndim))
    return pad_p.bind(y, literal(first, y), padding_config=config)


# --- the recurrence -----------------------------------------------------------------------------


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
    out = eqn.outputs[0].type
    if not out.size:
        return term
    return as_float32(b, out, [factor, term], lambda kind, xs: _emit(b, eqn, kind, *xs))


def _emit(b: Any, eqn: Any, out: ArrayType, factor: Any, term: Any) -> Any:
    axis, reverse = eqn.params["axis"], eqn.params["reverse"]
    if b.lowerer.platform == "cpu":
        one = ArrayType((*out.shape[:axis], 1, *out.shape[axis + 1 :]), out.dtype)

        def step(inner: Any, carry: Any, a: Any, c: Any) -> Any:
            return inner.op(
                "stablehlo.add", [one], [inner.op("stablehlo.multiply", [one], [a, carry]), c]
            )

        init = b.constant(0, one)
        return loop(b, "linear_recurrence", out, axis, reverse, [factor, term], init, step)
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
    term = None if type(ta) is Zero else mul(ta, before(out, axis, reverse, 0.0))
    if type(tb) is not Zero:
        term = tb if term is None else add(term, tb)
    if term is None:
        return out, Zero(typeof(out).tangent)
    return out, linear_recurrence_p.bind(a, term, axis=axis, reverse=reverse)


def _recurrence_transpose(ct: Any, a: Any, b: Any, *, axis: int, reverse: bool) -> list[Any]:
    """`ct_b[k] = ct[k] + a[k + 1] ct_b[k + 1]`: the recurrence backwards."""
    later = before(a, axis, not reverse, 0.0)
    return [None, linear_recurrence_p.bind(later, ct, axis=axis, reverse=not reverse)]


def _recurrence_batch(size: int, args: Any, dims: Any, *, axis: int, reverse: bool) -> Any:
    at = next(d for d in dims if d is not None)
    laid = [move_batch(x, d, at, size) for x, d in zip(args, dims, strict=True)]
    axis += axis >= at
    return linear_recurrence_p.bind(*laid, axis=axis, reverse=reverse), at


def _recurrence_local(
    ins: Sequence[ArrayType], outs: Any, cuts: Any, *, axis: int, reverse: bool
) -> Any:
    """Each device runs twice: for what its piece comes to, and on from what those before have."""
    if (cut := cuts.get(f"i{axis}")) is None:
        return None
    run = partial(linear_recurrence_p.bind, axis=axis, reverse=reverse)

    def compute(a: Any, b: Any) -> Any:
        n = typeof(a).shape[axis]
        factor = expand_dims(reduce_prod(a, (axis,)), (axis,))
        totals = [factor, ends(run(a, b), axis, reverse)[1]]
        before = mul(ends(a, axis, reverse)[0], carried(totals, axis, cut, reverse, run, 0))
        is_first = eq(axis_index(cut.axes), np.int32((cut.ways - 1) * reverse))
        before = select(is_first, literal(0, before), before)  # whatever the first factor is
        row = (n - 1, 0) if reverse else (0, n - 1)
        return run(a, add(b, padded(before, axis, *row)))

    return compute


linear_recurrence_p = register(
    Primitive(
        "linear_recurrence",
        abstract=_recurrence_abstract,
        ref=_recurrence_ref,
        lower=_recurrence_lower,
        jvp=_recurrence_jvp,
        transpose=_recurrence_transpose,
        batch=_recurrence_batch,
        shard=shard_along,
        local=_recurrence_local,
        cost=cost_along,
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
