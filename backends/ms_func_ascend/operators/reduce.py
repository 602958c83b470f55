"""Reductions along dimensions and over windows, running sums, gradients of pooling."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func_ascend.emitter import BOOL, I8, I32, Emitter, Unsupported
from ms_func_ascend.graph import Tensor
from ms_func_ascend.legalize import accumulator
from ms_func_ascend.operators import arithmetic as a
from ms_func_ascend.operators.indexing import scatter_rows
from ms_func_ascend.operators.pooling import Window, maximum_gradient, mean_gradient, pool
from ms_func_ascend.operators.region import argument_of_extreme, binary_kind
from ms_func_ascend.operators.registry import rule

_REDUCE = {"add": "ReduceSum", "multiply": "ReduceProd", "maximum": "ReduceMax",
           "minimum": "ReduceMin"}  # fmt: skip
_OF_BOOL = {"add": "ReduceAny", "or": "ReduceAny", "maximum": "ReduceAny",
            "multiply": "ReduceAll", "and": "ReduceAll", "minimum": "ReduceAll"}  # fmt: skip
_COMBINE = {"add": a.add, "multiply": a.multiply, "maximum": a.maximum, "minimum": a.minimum}


def identity_of(kind: str, dtype: np.dtype) -> Any:
    """Neutral element of a kind of reduction."""
    if kind in ("add", "or", "xor"):
        return 0
    if kind == "multiply":
        return 1
    if dtype == BOOL:
        return kind != "maximum"
    if kind == "and":
        return -1
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return limits.min if kind == "maximum" else limits.max
    return -np.inf if kind == "maximum" else np.inf


def is_identity(kind: str, init: Tensor) -> bool:
    """Whether `init` is a constant that changes nothing."""
    value = init.value
    if value is None:
        parts = [t.value for t in init.node.inputs if t is not None]
        return kind == "add" and init.node.op == "Complex" and all(
            p is not None and not p.any() for p in parts
        )  # fmt: skip
    neutral = np.asarray(identity_of(kind, init.dtype)).astype(init.dtype)
    return bool((value == neutral).all())


def combine(e: Emitter, kind: str, x: Tensor, y: Tensor) -> Tensor:
    """`x` and `y` combined elementwise by a kind of reduction."""
    if kind in _COMBINE:
        return _COMBINE[kind](e, x, y)
    return a.bitwise(e, kind.capitalize(), x, y)


@rule("reduce")
def _reduce(t: Any, op: Any, *operands: Tensor) -> list[Tensor]:
    e, n = t.e, len(operands) // 2
    xs, inits = list(operands[:n]), list(operands[n:])
    dims, block = sorted(op.attrs["dimensions"]), op.regions[0]
    if 0 in xs[0].shape:
        return [e.broadcast_to(i, r.type.shape) for i, r in zip(inits, op.results, strict=True)]
    kind = binary_kind(block)
    if kind is not None:
        made = reduced(t, kind, xs[0], dims, block)
        return [made if is_identity(kind, inits[0]) else combine(e, kind, inits[0], made)]
    found = _argument(t, op, xs, inits, dims)
    if found is not None:
        return found
    made = fold(t, block, xs, dims)
    return t.inline(block, [*inits, *made])


def reduced(t: Any, kind: str, x: Tensor, dims: Sequence[int], block: Any = None) -> Tensor:
    """`x` reduced over `dims` by a known kind of combination."""
    e = t.e
    dtype = x.dtype
    if all(x.shape[d] == 1 for d in dims):
        return e.reshape(x, [n for d, n in enumerate(x.shape) if d not in dims])
    if dtype == BOOL and kind in _OF_BOOL:
        return _node(e, _OF_BOOL[kind], x, dims)
    if dtype == BOOL:  # parity
        total = _node(e, "ReduceSum", e.cast(x, I32), dims)
        odd = e.elementwise("BitwiseAnd", total, e.like(1, total))
        return a.compare(e, "EQ", odd, e.like(1, odd))
    if kind not in _REDUCE:
        return fold(t, block, [x], dims)[0]
    if kind in ("maximum", "minimum"):
        return _extreme(e, kind, x, dims)
    if dtype.kind in "iu" and dtype.itemsize < 4:
        return a.to_integer(e, _node(e, _REDUCE[kind], e.cast(x, I32), dims), dtype)
    return e.cast(_node(e, _REDUCE[kind], e.cast(x, accumulator(dtype)), dims), dtype)


def _extreme(e: Emitter, kind: str, x: Tensor, dims: Sequence[int]) -> Tensor:
    made = _node(e, _REDUCE[kind], x, dims)
    if not e.may_be_nan(x):
        return made
    nan = _node(e, "ReduceAny", e.is_nan(x), dims)
    return e.select(nan, e.like(np.nan, x), made)


def _node(e: Emitter, op: str, x: Tensor, dims: Sequence[int]) -> Tensor:
    shape = [n for d, n in enumerate(x.shape) if d not in dims]
    return e.one(op, [x, e.ints(dims)], shape, x.dtype)


def fold(t: Any, block: Any, xs: Sequence[Tensor], dims: Sequence[int]) -> list[Tensor]:
    """Reduce by halves with any body: log2(n) rounds of the body on whole arrays."""
    e = t.e
    shape = [n for d, n in enumerate(xs[0].shape) if d not in dims]
    perm = [*dims, *(d for d in range(len(xs[0].shape)) if d not in dims)]
    n = math.prod(xs[0].shape[d] for d in dims)
    held = [e.reshape(e.transpose(x, perm), [n, *shape]) for x in xs]
    while n > 1:
        half = n // 2
        low = [e.slice_axis(x, 0, 0, half) for x in held]
        high = [e.slice_axis(x, 0, half, 2 * half) for x in held]
        made = _inlined(t, block, low, high)
        if n % 2:
            made = [
                e.concat([m, e.slice_axis(x, 0, n - 1, n)], 0)
                for m, x in zip(made, held, strict=True)
            ]
        held, n = made, half + n % 2
    return [e.reshape(x, shape) for x in held]


def _inlined(t: Any, body: Any, xs: Sequence[Tensor], ys: Sequence[Tensor]) -> list[Tensor]:
    """A body, or a kind of reduction by its name, on whole arrays."""
    if isinstance(body, str):
        return [combine(t.e, body, x, y) for x, y in zip(xs, ys, strict=True)]
    made = t.inline(body, [*xs, *ys])
    return [t.e.broadcast_to(m, xs[0].shape) for m in made]


def _argument(
    t: Any, op: Any, xs: list[Tensor], inits: list[Tensor], dims: Sequence[int]
) -> list[Tensor] | None:
    """Argmax and argmin: an extreme value with its index, where the second operand counts."""
    e = t.e
    if len(xs) != 2 or len(dims) != 1 or xs[1].dtype.kind not in "iu":
        return None
    which = argument_of_extreme(op.regions[0])
    if which is None or not _counts(e, t.compact(op.operands[1]), dims[0], len(xs[0].shape)):
        return None
    kind = "maximum" if which == "max" else "minimum"
    if not is_identity(kind, inits[0]) or not is_identity("add", inits[1]):
        return None
    x = xs[0] if xs[0].dtype != BOOL else e.cast(xs[0], I8)
    index = _index(e, "ArgMaxV2" if which == "max" else "ArgMin", x, dims[0])
    if e.may_be_nan(x):
        nan = e.is_nan(x)
        first = _index(e, "ArgMaxV2", e.cast(nan, I8), dims[0])
        index = e.select(_node(e, "ReduceAny", nan, dims), first, index)
    value = reduced(t, kind, xs[0], dims)
    return [value, e.cast(index, xs[1].dtype)]


def _index(e: Emitter, op: str, x: Tensor, dim: int) -> Tensor:
    shape = [n for d, n in enumerate(x.shape) if d != dim]
    return e.one(op, [x, e.const(np.int64(dim))], shape, I32, dtype=I32)


def _counts(e: Emitter, x: Tensor, dim: int, rank: int) -> bool:
    """Whether a compact tensor holds 0, 1, 2, ... along `dim` and nothing else varies."""
    if len(x.shape) != rank or any(n != 1 for d, n in enumerate(x.shape) if d != dim):
        return False
    value = x.value
    if value is not None:
        return bool((value.reshape(-1) == np.arange(x.shape[dim])).all())
    node = x.node
    while node.op in ("Reshape", "Cast", "Bitcast") and node.inputs[0] is not None:
        node = node.inputs[0].node
    return node.op == "Range"


@rule("reduce_window")
def _reduce_window(t: Any, op: Any, *operands: Tensor) -> list[Tensor]:
    e, n = t.e, len(operands) // 2
    xs, inits, block = list(operands[:n]), list(operands[n:]), op.regions[0]
    window, kind = Window(op.attrs, len(xs[0].shape)), binary_kind(block)
    if kind is None:
        made = _general_window(t, block, None, xs, inits, window)
        return t.inline(block, [*inits, *made])
    x = xs[0]
    made = _running(e, kind, x, window)
    if made is None:
        made = pool(e, kind, x, window)
    if made is None and kind == "add" and t.options.fusions:
        made = mean_gradient(e, x, window)
    if made is None:
        made = _general_window(t, block, kind, xs, inits, window)[0]
    return [made if is_identity(kind, inits[0]) else combine(e, kind, inits[0], made)]


def _running(e: Emitter, kind: str, x: Tensor, window: Window) -> Tensor | None:
    """Running sums and products: a window over everything before (or after) an element."""
    active = window.active()
    if kind not in ("add", "multiply") or len(active) != 1 or x.dtype == BOOL:
        return None
    d = active[0]
    n = x.shape[d]
    plain = (window.strides[d], window.base[d], window.dilations[d]) == (1, 1, 1)
    pads = (window.low[d], window.high[d])
    if not plain or window.size[d] != n or pads not in ((n - 1, 0), (0, n - 1)):
        return None
    small = x.dtype.kind in "iu" and x.dtype.itemsize < 4
    wide = I32 if small else accumulator(x.dtype)
    reverse = {"reverse": True} if pads[0] == 0 else {}
    made = e.one("Cumsum" if kind == "add" else "Cumprod", [e.cast(x, wide), e.const(np.int64(d))],
                 x.shape, wide, **reverse)  # fmt: skip
    return a.to_integer(e, made, x.dtype) if small else e.cast(made, x.dtype)


def _general_window(
    t: Any, block: Any, kind: str | None, xs: list[Tensor], inits: list[Tensor], window: Window
) -> list[Tensor]:
    """Any window: pad, then combine shifted copies along one dimension after the other."""
    e = t.e
    interior = [b - 1 for b in window.base]
    held = []
    for x, init in zip(xs, inits, strict=True):
        filler = init if kind is None else e.like(identity_of(kind, x.dtype), x)
        held.append(e.pad(x, filler, window.low, window.high, interior))
    for d, (k, dilation, step) in enumerate(
        zip(window.size, window.dilations, window.strides, strict=True)
    ):
        held = _along(t, block if kind is None else kind, held, d, k, dilation, step)
    return held


def window_of_kind(t: Any, kind: str, x: Tensor, window: Window) -> Tensor:
    """A window of a known kind from shifted slices, where no pooling operator fits."""
    return _general_window(t, None, kind, [x], [x], window)[0]


def _along(
    t: Any, body: Any, xs: list[Tensor], d: int, size: int, dilation: int, step: int
) -> list[Tensor]:
    """Combine windows of `size` elements, `dilation` apart, along dimension d.

    Few elements are combined one by one. Many are combined by doubling: windows of 2^k
    elements from two of 2^(k-1), and the binary digits of `size` say which are joined.
    """
    e = t.e
    count = xs[0].shape[d] - (size - 1) * dilation

    def cut(held: list[Tensor], start: int, length: int, stride: int = 1) -> list[Tensor]:
        return [e.slice_axis(x, d, start, start + length, stride) for x in held]

    if size <= 4 or (step > 1 and size <= 16):
        made = cut(xs, 0, count, step)
        for k in range(1, size):
            made = _inlined(t, body, made, cut(xs, k * dilation, count, step))
        return made
    made, done, power, width = None, 0, xs, 1
    while True:
        if size & width:
            piece = cut(power, done * dilation, count)
            made = piece if made is None else _inlined(t, body, made, piece)
            done += width
        if width * 2 > size:
            break
        length = power[0].shape[d] - width * dilation
        power = _inlined(t, body, cut(power, 0, length), cut(power, width * dilation, length))
        width *= 2
    assert made is not None
    return cut(made, 0, count, step)


@rule("select_and_scatter")
def _select_and_scatter(t: Any, op: Any, x: Tensor, source: Tensor, init: Tensor) -> Tensor:
    """Gradient of pooling: each window adds its source element where the chosen element is.

    Where the pooling operator does not fit the better one and its place are kept, element by
    element of the window. Among equal elements the operator chooses the first.
    """
    e = t.e
    window = Window(op.attrs, len(x.shape))
    if t.options.fusions and _gives_first_maximum(op, init):
        fused = maximum_gradient(e, x, source, window)
        if fused is not None:
            return fused
    places = list(itertools.product(*map(range, window.size)))
    if len(places) > 512:
        raise Unsupported(f"a pooling gradient over {len(places)} elements", "pool in two steps")
    padded = e.pad(x, e.like(0, x), window.low, [
        max(h, 0) for h in window.high
    ])  # fmt: skip
    place, seen = _choose(t, op.regions[0], padded, x.shape, source.shape, window, places)
    flat = _flat_index(e, place, x.shape, window, places, source.shape)
    kind = binary_kind(op.regions[1])
    rows = e.broadcast_to(e.reshape(init, (1, 1)), (math.prod(x.shape), 1))
    if not seen.all():
        flat = e.select(e.const(seen), flat, e.const(np.array(math.prod(x.shape), np.int32)))
    flat = e.reshape(e.broadcast_to(flat, source.shape), (math.prod(source.shape),))
    updates = e.reshape(source, (math.prod(source.shape), 1))
    made = scatter_rows(t, op.regions[1], kind, rows, flat, updates, sure=bool(seen.all()))
    return e.reshape(made, x.shape)


def _gives_first_maximum(op: Any, init: Tensor) -> bool:
    """Whether the first of the largest elements is chosen, and what it is given is added to 0."""
    select, scatter = op.regions
    made = select.results[0].op
    if made is not None and made.name == "stablehlo.or":  # the first NaN is chosen, too
        made = next((x.op for x in made.operands if not _is_nan(x.op, select.params[0])), None)
    greater = made is not None and made.name == "stablehlo.compare" and (
        made.attrs["comparison_direction"] == "GE" and made.operands == select.params
    )  # fmt: skip
    return greater and binary_kind(scatter) == "add" and is_identity("add", init)


def _is_nan(op: Any, x: Any) -> bool:
    """Whether an operation asks whether `x` is NaN."""
    return op is not None and op.name == "stablehlo.compare" and (
        op.attrs["comparison_direction"] == "NE" and list(op.operands) == [x, x]
    )  # fmt: skip


def _choose(
    t: Any, select: Any, padded: Tensor, shape: Sequence[int], out: Sequence[int], window: Window,
    places: list[tuple[int, ...]],
) -> tuple[Tensor, np.ndarray]:  # fmt: skip
    """Number of the chosen place in every window, and which windows have one."""
    e = t.e
    chosen = place = None
    seen = np.zeros((1,) * len(shape), np.bool_)
    for number, offset in enumerate(places):
        inside = _inside(shape, out, window, offset)
        if not inside.any():
            continue
        limits = [o + (m - 1) * s + 1 for o, m, s in zip(offset, out, window.strides, strict=True)]
        piece = e.slice(padded, offset, limits, window.strides)
        mark = e.const(np.int32(number))
        if chosen is None or place is None:
            chosen, place, seen = piece, mark, inside
            continue
        keep = t.inline(select, [chosen, piece])[0]
        if not seen.all():
            keep = e.elementwise("LogicalAnd", keep, e.const(seen))
        if not inside.all():
            keep = e.elementwise("LogicalOr", keep, e.const(~inside))
        chosen, place = e.select(keep, chosen, piece), e.select(keep, place, mark)
        seen = seen | inside
    assert place is not None
    return place, seen


def _inside(
    shape: Sequence[int], out: Sequence[int], window: Window, offset: Sequence[int]
) -> np.ndarray:
    """For which windows the element at `offset` lies in the operand; compact like a tensor."""
    inside = np.ones((1,) * len(shape), np.bool_)
    for d, n in enumerate(shape):
        index = np.arange(out[d]) * window.strides[d] + offset[d] - window.low[d]
        one = (index >= 0) & (index < n)
        if not one.all():
            inside = inside & one.reshape([-1 if k == d else 1 for k in range(len(shape))])
    return inside


def _flat_index(
    e: Emitter, place: Tensor, shape: Sequence[int], window: Window,
    places: list[tuple[int, ...]], out: Sequence[int],
) -> Tensor:  # fmt: skip
    """Index of the chosen elements in the flattened operand."""
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    table = np.array([sum(o * s for o, s in zip(p, strides, strict=True)) for p in places])
    index = e.rows(e.const(table.astype(np.int32)), place)
    for d, n in enumerate(out):
        base = (np.arange(n) * window.strides[d] - window.low[d]) * strides[d]
        row = base.astype(np.int32).reshape([-1 if k == d else 1 for k in range(len(shape))])
        index = a.add(e, index, e.const(row))
    return index
