"""Of each window the element where another array has its extremum, and the way back.

    y = select_and_gather_add(t, x)    of each window of `t`, the element where the same window
                                       of `x` has its first largest (or smallest) element
    t = select_and_scatter_add(y, x)   the transpose: each element of `y` added there

They are the derivatives of extrema over windows, and each other's transposes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.errors import ShapeError
from ms_func.ir.notation import Cut
from ms_func.ir.primitive import Primitive, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.across import bordered
from ms_func.primitives.arithmetic import add
from ms_func.primitives.basis import full_of, sum_dtype
from ms_func.primitives.batching import move_batch
from ms_func.primitives.bits import bitwise_or
from ms_func.primitives.compare import eq, ge, le, ne, select
from ms_func.primitives.families import check_dtype, is_linear, literal
from ms_func.primitives.padding import dilated
from ms_func.primitives.pieces import pad, slice
from ms_func.primitives.reduce import highest, lowest
from ms_func.primitives.window_geometry import (
    Window,
    as_slices,
    attributes,
    cost,
    inline,
    numpy_parts,
    parts,
    shard_terms,
)
from ms_func.tracing.tracer import build

# --- as slices --------------------------------------------------------------------------------


def _stays(best: Any, new: Any, which: str) -> Any:
    """Whether the best element so far stays beside a later one: as good, or the first NaN."""
    as_good = (ge if which == "max" else le)(best, new)
    return bitwise_or(as_good, ne(best, best)) if is_inexact(typeof(best).dtype) else as_good


def _extreme(which: str, dtype: np.dtype) -> Any:
    return lowest(dtype) if which == "max" else highest(dtype)


def _gather_parts(which: str, window: Window, t: Any, x: Any) -> Any:
    """Of each window of `t`, the element where that of `x` has its first extremum."""
    best: Any = None
    found: Any = None
    xs = parts(x, literal(_extreme(which, typeof(x).dtype), x), window)
    for new, value in zip(xs, parts(t, literal(0, t), window), strict=True):
        if best is None:
            best, found = new, value
        else:
            stays = _stays(best, new, which)
            best, found = select(stays, best, new), select(stays, found, value)
    return found


def _scatter_parts(which: str, window: Window, source: Any, x: Any) -> Any:
    """Each element of `source` added where its window of `x` has its first extremum."""
    kind, counts = typeof(x), typeof(source).shape
    best: Any = None
    at: Any = None
    number = np.dtype(np.int8 if window.places_count < 128 else np.int32)
    for k, new in enumerate(parts(x, literal(_extreme(which, kind.dtype), x), window)):
        if best is None:
            best = new
            at = full_of(0, ArrayType(counts, number))
        else:
            stays = _stays(best, new, which)
            best, at = select(stays, best, new), select(stays, at, literal(k, at))
    total: Any = None
    for k, mine in enumerate(_laid_back(window, at, source, kind.shape)):
        total = mine if k == 0 else add(total, mine)
    if any(d > 1 for d in window.base_dilation):
        total = slice(total, (0,) * kind.ndim, typeof(total).shape, window.base_dilation)
    return total


def _laid_back(window: Window, at: Any, source: Any, shape: tuple[int, ...]) -> Iterator[Any]:
    """For each place, what windows have there, where the spread operand has it.

    Numbers of places and source are spread and padded once, and read at an offset for each place.
    """
    full = [dilated(n, d) for n, d in zip(shape, window.base_dilation, strict=True)]
    starts = [low for low, _ in window.padding]
    config = []
    for i, (n, low, s) in enumerate(zip(full, starts, window.window_strides, strict=True)):
        last = (window.window_dimensions[i] - 1) * window.window_dilation[i]
        count = dilated(typeof(at).shape[i], s)
        config.append((max(0, last - low), max(0, n - count + low), s - 1))
    at, source = pad(at, literal(-1, at), config), pad(source, literal(0, source), config)
    for k, place in enumerate(window.places()):
        first = [c + lo - p for (c, _, _), lo, p in zip(config, starts, place, strict=True)]
        last = [a + n for a, n in zip(first, full, strict=True)]
        here = slice(at, first, last)
        yield select(eq(here, literal(k, here)), slice(source, first, last), literal(0, source))


# --- the rules --------------------------------------------------------------------------------


def _pair_abstract(name: str) -> Callable[..., ArrayType]:
    """Type rule of gathering (operand of the operand's shape) and scattering (the result's)."""

    def abstract(source: ArrayType, x: ArrayType, *, which: str, **params: Any) -> ArrayType:
        check_dtype(name, "ordered", x.dtype)
        full, counts = x.shape, Window(**params).out_shape(x.shape)
        expected, given = (full, counts) if name == "select_and_gather_add" else (counts, full)
        if source.shape != expected:
            raise ShapeError(
                f"{name} of windows of {x} needs a first operand of shape {expected}, got {source}"
            )
        return ArrayType(given, source.dtype)

    return abstract


def _best_places(which: str, window: Window, x: np.ndarray) -> np.ndarray:
    """Number of the place of the first extremum of each window."""
    parts = np.stack(list(numpy_parts(x, _extreme(which, x.dtype), window)))
    exact = parts.astype(np.float64) if is_inexact(x.dtype) else parts
    return (np.argmax if which == "max" else np.argmin)(exact, 0)


def _gather_ref(t: np.ndarray, x: np.ndarray, *, which: str, **params: Any) -> np.ndarray:
    window = Window(**params)
    at = _best_places(which, window, x)
    values = np.stack(list(numpy_parts(t, 0, window)))
    return np.take_along_axis(values, at[None], 0)[0]


def _scatter_ref(source: np.ndarray, x: np.ndarray, *, which: str, **params: Any) -> np.ndarray:
    window = Window(**params)
    at = _best_places(which, window, x)
    padded = np.zeros(window.padded_shape(x.shape), sum_dtype(source.dtype))
    places = list(window.places())
    for index in np.ndindex(source.shape):
        start = zip(index, window.window_strides, places[at[index]], strict=True)
        padded[tuple(i * s + p for i, s, p in start)] += source[index]
    rows = zip(window.padding, window.base_dilation, x.shape, strict=True)
    out = np.zeros(x.shape, padded.dtype)
    keep, into = [], []
    for (lo, hi), d, n in rows:
        size = dilated(n, d) + lo + hi
        inside = [i for i in range(n) if 0 <= i * d + lo < size]
        into.append(inside)
        keep.append([i * d + lo for i in inside])
    if out.size:
        out[np.ix_(*into)] = padded[np.ix_(*keep)]
    return out.astype(source.dtype)


def _gather_lower(b: Any, eqn: Any, t: Any, x: Any) -> Any:
    """Reduction of (element, tangent) pairs by the element."""
    which, window = _which_and_window(eqn)
    empty = _lower_empty(b, eqn)
    if empty is not None:
        return empty
    if as_slices(b, window):
        return inline(b, _gather_parts, which, window, eqn, [t, x])
    out, kind = eqn.outputs[0].type, eqn.inputs[1].type
    keyed = ArrayType(out.shape, kind.dtype)
    value, key = ArrayType((), out.dtype), ArrayType((), kind.dtype)
    inits = [b.constant(_extreme(which, kind.dtype), key), b.constant(0, value)]
    made = b.operation("stablehlo.reduce_window", [keyed, out], [x, t, *inits], attributes(window))

    def body(inner: Any, x1: Any, t1: Any, x2: Any, t2: Any) -> list[Any]:
        (keeps,) = inner.inline(_stays_program(which, kind.dtype), [x1, x2])
        return [
            inner.op("stablehlo.select", [key], [keeps, x1, x2]),
            inner.op("stablehlo.select", [value], [keeps, t1, t2]),
        ]

    b.region(made, 0, [key, value, key, value], body)
    return made.results[1]


def _which_and_window(eqn: Any) -> tuple[str, Window]:
    params = dict(eqn.params)
    return params.pop("which"), Window(**params)


def _lower_empty(b: Any, eqn: Any) -> Any:
    """Zeros where nothing is selected, else None."""
    empty = any(not v.type.size for v in (*eqn.inputs, *eqn.outputs))
    return b.constant(0, eqn.outputs[0].type) if empty else None


@cache
def _stays_program(which: str, dtype: np.dtype) -> Any:
    scalar = ArrayType((), dtype)
    return build("stays", [scalar, scalar], lambda x, y: [_stays(x, y, which)])


def _scatter_lower(b: Any, eqn: Any, source: Any, x: Any) -> Any:
    """Native only without holes, and with the padding made explicit."""
    which, window = _which_and_window(eqn)
    empty = _lower_empty(b, eqn)
    if empty is not None:
        return empty
    holes = any(d > 1 for d in window.base_dilation + window.window_dilation)
    if holes or as_slices(b, window):
        return inline(b, _scatter_parts, which, window, eqn, [source, x])
    out, kind = eqn.outputs[0].type, eqn.inputs[1].type
    full = window.padded_shape(kind.shape)
    low, high = zip(*window.padding, strict=True) if window.padding else ((), ())
    lowest_key = b.constant(_extreme(which, kind.dtype), ArrayType((), kind.dtype))
    x = _pad_op(b, x, lowest_key, low, high, ArrayType(full, kind.dtype))
    value, key = ArrayType((), out.dtype), ArrayType((), kind.dtype)
    zero = b.constant(0, value)
    made = b.operation(
        "stablehlo.select_and_scatter", [ArrayType(full, out.dtype)], [x, source, zero],
        {"window_dimensions": mlir.int_array(window.window_dimensions),
         "window_strides": mlir.int_array(window.window_strides)}, regions=2,
    )  # fmt: skip
    stays = _stays_program(which, kind.dtype)
    b.region(made, 0, [key, key], lambda inner, p, q: inner.inline(stays, [p, q]))
    b.region(
        made, 1, [value, value], lambda inner, p, q: [inner.op("stablehlo.add", [value], [p, q])]
    )
    low, high = tuple(-n for n in low), tuple(-n for n in high)
    return _pad_op(b, made.results[0], zero, low, high, out)


def _pad_op(b: Any, x: Any, fill: Any, low: Any, high: Any, out: ArrayType) -> Any:
    if not any(low) and not any(high):
        return x
    attributes = {
        "edge_padding_low": mlir.int_array(low),
        "edge_padding_high": mlir.int_array(high),
        "interior_padding": mlir.int_array((0,) * out.ndim),
    }
    return b.op("stablehlo.pad", [out], [x, fill], attributes)


# --- pieces ---------------------------------------------------------------------------------------


def _borders(window: Window, k: int, scatters: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Elements of the neighbours that a device needs of the first and the second operand.

    Where something is scattered, those are the windows that reach into its piece, and all that
    lies in them.
    """
    low, s = window.padding[k][0], window.window_strides[k]
    reach = (window.window_dimensions[k] - 1) * window.window_dilation[k]
    before, behind = 0, 0
    if scatters:
        before, behind = max(0, (reach - low) // s), max(0, (low - 1) // s + 1)
    around = max(0, before * s + low), max(0, (behind - 1) * s + reach + 1 - low)
    return ((before, behind) if scatters else around), around


def _halos(kinds: str, window: Window, scatters: bool) -> str:
    """Kinds of indices with the borders of both operands."""
    found = [kind for kind in kinds.removeprefix("; ").split(", ") if kind]
    slid = [kind.partition(":")[0] for kind in found if "halo" in kind]
    found = [kind for kind in found if "halo" not in kind]
    for name in slid:
        both = _borders(window, int(name[1:]), scatters)
        found += [f"{name}: halo {a} {b} of {n}" for n, (a, b) in enumerate(both)]
    return f"; {', '.join(found)}" if found else ""


def _of_piece(
    primitive: Primitive, which: str, window: Window, scatters: bool, cuts: dict[int, Cut],
    source: Any, x: Any,
) -> Any:  # fmt: skip
    """The result of one device, from its pieces and the borders of those beside it."""
    size, starts, pads = typeof(x).shape, [0] * typeof(x).ndim, list(window.padding)
    for k, cut in cuts.items():
        first, second = _borders(window, k, scatters)
        source = bordered(source, k, cut, *first)
        x = bordered(x, k, cut, *second, _extreme(which, typeof(x).dtype))
        stride = window.window_strides[k]
        count = typeof(source).shape[k] if scatters else size[k] // stride
        low = window.padding[k][0] + first[0] * stride * scatters - second[0]
        reach = (count - 1) * stride + dilated(
            window.window_dimensions[k], window.window_dilation[k]
        )
        pads[k] = low, reach - typeof(x).shape[k] - low
        starts[k] = second[0]
    out = primitive.bind(source, x, which=which, **window._replace(padding=tuple(pads))._asdict())
    if not scatters or not any(starts):
        return out
    return slice(out, starts, [a + n for a, n in zip(starts, size, strict=True)])


def _pair(name: str, ref: Any, lower: Any, back: Callable[[], Primitive]) -> Primitive:
    """Make and register one of the two; each is the transpose of the other."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        (source, x), (t, _) = primals, tangents
        out = primitive.bind(source, x, **params)
        if type(t) is Zero:
            return out, Zero(typeof(out).tangent)
        return out, primitive.bind(t, x, **params)

    def transpose(ct: Any, source: Any, x: Any, **params: Any) -> list[Any]:
        return [back().bind(ct, x, **params) if is_linear(source) else None, None]

    def batch(size: int, args: Any, dims: Any, *, which: str, **params: Any) -> Any:
        at = next(d for d in dims if d is not None)
        laid = [move_batch(x, d, at, size) for x, d in zip(args, dims, strict=True)]
        window = Window(**params).with_lanes(at)
        return primitive.bind(*laid, which=which, **window._asdict()), at

    scatters = name == "select_and_scatter_add"

    def shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
        params.pop("which")
        reduced, window = (ins if scatters else outs)[0], Window(**params)
        near = all(d == 1 for d in window.base_dilation)
        full, counts, kinds = shard_terms(window, ins[1], reduced, near)
        first, out = (counts, full) if scatters else (full, counts)
        return f"{first}, {full} -> {out}{_halos(kinds, window, scatters)}"

    def local(ins: Any, outs: Any, cuts: Any, *, which: str, **params: Any) -> Any:
        window = Window(**params)
        cut = {k: c for k in range(ins[0].ndim) if (c := cuts.get(f"s{k}")) is not None}
        if not any(any(map(any, _borders(window, k, scatters))) for k in cut):
            return None
        return lambda source, x: _of_piece(primitive, which, window, scatters, cut, source, x)

    primitive = register(
        Primitive(
            name,
            abstract=_pair_abstract(name),
            ref=ref,
            lower=lower,
            jvp=jvp,
            transpose=transpose,
            batch=batch,
            shard=shard,
            local=local,
            cost=cost,
        )
    )
    return primitive


select_and_gather_add_p = _pair(
    "select_and_gather_add", _gather_ref, _gather_lower, lambda: select_and_scatter_add_p
)
select_and_scatter_add_p = _pair(
    "select_and_scatter_add", _scatter_ref, _scatter_lower, lambda: select_and_gather_add_p
)
