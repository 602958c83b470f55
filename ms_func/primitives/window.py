"""Sums and extrema over sliding windows, and the operations their derivatives are made of.

    y = reduce_window_sum(x)    dy = reduce_window_sum(dx); the transpose is a sum over
                                windows of the cotangent, spread by the stride
    y = reduce_window_max(x)    dy = select_and_gather_add(dx, x): of each window, the tangent
                                of its first largest element; the transpose is
                                select_and_scatter_add(ct, x)

On a CPU all of these are written as one strided slice for each place in the window, which
the compiler fuses into one pass over memory: 4 to 20 times as fast as its own window loops.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.errors import ShapeError
from ms_func.ir.function import Function
from ms_func.ir.primitive import Cost, Linear, NotSupported, Primitive, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import context as mlir
from ms_func.primitives.arithmetic import add, bitwise_and, bitwise_or, max, min
from ms_func.primitives.basis import full_of, sum_dtype
from ms_func.primitives.batching import move_batch
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import eq, gt, lt, ne, select
from ms_func.primitives.families import check_dtype, is_linear, literal
from ms_func.primitives.padding import (
    Pads,
    WindowError,
    dilated,
    explicit_pads,
    padded_array,
    padtype_to_pads,
    positive,
    strides_error,
    window_count,
)
from ms_func.primitives.pieces import pad, slice
from ms_func.primitives.reduce import highest, lowest
from ms_func.tracing.tracer import build

_UNROLLED = 64
"""Largest number of places in a window that is written out as slices."""


class Window(NamedTuple):
    """Parameters of one window, a number for each dimension of the operand."""

    window_dimensions: tuple[int, ...]
    window_strides: tuple[int, ...]
    padding: Pads
    base_dilation: tuple[int, ...]
    window_dilation: tuple[int, ...]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the result for an operand of `shape`."""
        if len(shape) != len(self.window_dimensions):
            raise strides_error("reduce_window", len(shape), len(self.window_dimensions))
        return tuple(
            window_count(n, dilated(k, r), s)
            for n, k, s, r in zip(
                self.padded_shape(shape), self.window_dimensions, self.window_strides,
                self.window_dilation, strict=True,
            )
        )  # fmt: skip

    def padded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the operand when it is spread and padded."""
        rows = zip(shape, self.base_dilation, self.padding, strict=True)
        sizes = tuple(dilated(n, d) + lo + hi for n, d, (lo, hi) in rows)
        if any(n < 0 for n in sizes):
            raise WindowError(f"padding {self.padding} takes away more than all of shape {shape}")
        return sizes

    def config(self) -> tuple[tuple[int, int, int], ...]:
        """Configuration of the padding of the operand."""
        rows = zip(self.padding, self.base_dilation, strict=True)
        return tuple((lo, hi, d - 1) for (lo, hi), d in rows)

    def places(self) -> Iterator[tuple[int, ...]]:
        """Offsets of the places of a window in the padded operand, first to last."""
        rows = zip(self.window_dimensions, self.window_dilation, strict=True)
        return itertools.product(*(range(0, k * r, r) for k, r in rows))

    @property
    def count(self) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Number of places."""
        return math.prod(self.window_dimensions)

    def with_lanes(self, dim: int) -> Window:
        """The window of one lane as one of all lanes, which lie along `dim`."""
        return Window(*(  # pyright: ignore[reportArgumentType]
            (*row[:dim], fill, *row[dim:]) for row, fill in zip(self, _ALONE, strict=True)
        ))  # fmt: skip

    def reversed(self, shape: tuple[int, ...]) -> Window:
        """Window whose sums over a cotangent are those for an operand of `shape`."""
        counts = self.out_shape(shape)
        pads = []
        rows = zip(shape, counts, self.window_dimensions, self.window_strides, self.padding,
                   self.base_dilation, self.window_dilation, strict=True)  # fmt: skip
        for n, count, k, s, (lo, _), d, r in rows:
            pads.append((dilated(k, r) - 1 - lo, dilated(n, d) - dilated(count, s) + lo))
        return self._replace(
            window_strides=self.base_dilation, base_dilation=self.window_strides,
            padding=tuple(pads),
        )  # fmt: skip


_ALONE: tuple[Any, ...] = (1, 1, (0, 0), 1, 1)


def window_of(
    name: str, operand: Any, window_dimensions: Any, window_strides: Any, padding: Any,
    base_dilation: Any, window_dilation: Any,
) -> Window:  # fmt: skip
    """Window from the arguments of a public function."""
    return _window(
        name,
        typeof(operand).shape,
        tuple(window_dimensions),
        None if window_strides is None else tuple(window_strides),
        padding if isinstance(padding, str) else tuple(map(tuple, padding)),
        None if base_dilation is None else tuple(base_dilation),
        None if window_dilation is None else tuple(window_dilation),
    )


@cache
def _window(
    name: str, shape: tuple[int, ...], window_dimensions: Any, window_strides: Any, padding: Any,
    base_dilation: Any, window_dilation: Any,
) -> Window:  # fmt: skip
    ndim = len(shape)
    if len(window_dimensions) != ndim:
        raise ShapeError(
            f"{name} needs a window size for each of the {ndim} dimensions of an operand of "
            f"shape {shape}, got {window_dimensions}"
        )
    if window_strides is not None and len(window_strides) != ndim:
        raise strides_error(name, ndim, len(window_strides))
    sizes = positive(name, "window_dimensions", window_dimensions, ndim)
    strides = positive(name, "window_strides", window_strides, ndim)
    spread = positive(name, "base_dilation", base_dilation, ndim)
    holes = positive(name, "window_dilation", window_dilation, ndim)
    reach = [dilated(k, r) for k, r in zip(sizes, holes, strict=True)]
    given = [dilated(n, d) for n, d in zip(shape, spread, strict=True)]
    pads = explicit_pads(name, padding, given, reach, strides)
    return Window(sizes, strides, pads, spread, holes)


# --- windows as slices ------------------------------------------------------------------------


def parts(x: Any, fill: Any, window: Window) -> list[Any]:
    """For each place of the window, the elements there of all windows.

    `fill` is the scalar that stands in the padding.
    """
    counts = window.out_shape(typeof(x).shape)
    if 0 in counts:
        return [full_of(0, ArrayType(counts, typeof(x).dtype))] * window.count
    config = window.config()
    if any(row != (0, 0, 0) for row in config):
        x = pad(x, fill, config)
    found = []
    for place in window.places():
        stops = [
            p + (n - 1) * s + 1
            for p, n, s in zip(place, counts, window.window_strides, strict=True)
        ]
        found.append(slice(x, place, stops, window.window_strides))
    return found


def _fold(combine: Callable[[Any, Any], Any], fill: Any, window: Window, x: Any) -> Any:
    """Reduction over windows; sums of 16-bit floats are taken in float32."""
    kind = typeof(x)
    narrow = combine is add and is_inexact(kind.dtype) and kind.dtype.itemsize < 4
    if narrow:
        x = convert_element_type(x, np.float32)
    total: Any = None
    for part in parts(x, literal(fill, x), window):
        total = part if total is None else combine(total, part)
    return convert_element_type(total, kind.dtype) if narrow else total


def _better(new: Any, old: Any, which: str) -> Any:
    """Where an element takes the place of the best one so far: larger, or the first NaN."""
    wins = (gt if which == "max" else lt)(new, old)
    if not is_inexact(typeof(new).dtype):
        return wins
    return bitwise_or(wins, bitwise_and(ne(new, new), eq(old, old)))


def _identity(which: str, dtype: np.dtype) -> Any:
    return lowest(dtype) if which == "max" else highest(dtype)


def _gather_parts(which: str, window: Window, t: Any, x: Any) -> Any:
    """Of each window of `t`, the element where that of `x` has its first extremum."""
    best: Any = None
    found: Any = None
    xs = parts(x, literal(_identity(which, typeof(x).dtype), x), window)
    for new, value in zip(xs, parts(t, literal(0, t), window), strict=True):
        if best is None:
            best, found = new, value
        else:
            wins = _better(new, best, which)
            best, found = select(wins, new, best), select(wins, value, found)
    return found


def _scatter_parts(which: str, window: Window, source: Any, x: Any) -> Any:
    """Each element of `source` added where its window of `x` has its first extremum."""
    kind, counts = typeof(x), typeof(source).shape
    best: Any = None
    at: Any = None
    number = np.dtype(np.int8 if window.count < 128 else np.int32)
    for k, new in enumerate(parts(x, literal(_identity(which, kind.dtype), x), window)):
        if best is None:
            best = new
            at = full_of(0, ArrayType(counts, number))
        else:
            wins = _better(new, best, which)
            best, at = select(wins, new, best), select(wins, literal(k, at), at)
    total: Any = None
    for k, place in enumerate(window.places()):
        mine = select(eq(at, literal(k, at)), source, literal(0, source))
        spread = pad(mine, literal(0, source), _back(place, kind.shape, counts, window))
        total = spread if total is None else add(total, spread)
    if any(d > 1 for d in window.base_dilation):
        total = slice(total, (0,) * kind.ndim, typeof(total).shape, window.base_dilation)
    return total


def _back(
    place: tuple[int, ...], shape: tuple[int, ...], counts: tuple[int, ...], window: Window
) -> list[tuple[int, int, int]]:
    """Padding that lays what windows have at `place` back where the spread operand has it."""
    config = []
    rows = zip(place, shape, counts, window.window_strides, window.padding,
               window.base_dilation, strict=True)  # fmt: skip
    for p, n, count, s, (lo, _), d in rows:
        config.append((p - lo, dilated(n, d) - dilated(count, s) - p + lo, s - 1))
    return config


@cache
def _program(kind: Any, which: str, window: Window, types: tuple[ArrayType, ...]) -> Function:
    """One of the above as a program, made once."""
    return build(f"window_{which}", types, lambda *xs: [kind(which, window, *xs)])


def _inline(b: Any, kind: Any, which: str, window: Window, eqn: Any, values: Any) -> Any:
    types = tuple(a.type for a in eqn.inputs)
    return b.inline(_program(kind, which, window, types), values)[0]


def _as_slices(b: Any, window: Window) -> bool:
    """Whether windows are written as slices: on a CPU, unless they are very large."""
    return b.lowerer.platform == "cpu" and window.count <= _UNROLLED


# --- what the reductions share ----------------------------------------------------------------


def _abstract(name: str, accepts: str) -> Callable[..., ArrayType]:
    def abstract(x: ArrayType, **params: Any) -> ArrayType:
        check_dtype(name, accepts, x.dtype)
        return ArrayType(Window(**params).out_shape(x.shape), x.dtype, x.weak_type)

    return abstract


def _numpy_parts(x: np.ndarray, fill: Any, window: Window) -> Iterator[np.ndarray]:
    counts = window.out_shape(x.shape)
    rows = zip(window.padding, window.base_dilation, strict=True)
    x = padded_array(x, fill, [(lo, hi, d) for (lo, hi), d in rows])
    for place in window.places():
        part = x
        for axis, (p, n, s) in enumerate(zip(place, counts, window.window_strides, strict=True)):
            part = np.take(part, p + s * np.arange(n), axis)
        yield part


def attributes(window: Window) -> dict[str, Any]:
    """Attributes of a StableHLO reduction over windows."""
    return {
        "window_dimensions": mlir.int_array(window.window_dimensions),
        "window_strides": mlir.int_array(window.window_strides),
        "base_dilations": mlir.int_array(window.base_dilation),
        "window_dilations": mlir.int_array(window.window_dilation),
        "padding": mlir.int_matrix(window.padding),
    }


def _batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    def batch(size: int, args: Any, dims: Any, **params: Any) -> Any:
        (dim,) = dims
        return primitive().bind(*args, **Window(**params).with_lanes(dim)._asdict()), dim

    return batch


def shard_terms(window: Window, full: ArrayType, reduced: ArrayType) -> tuple[str, str, str]:
    """Terms of the operand and of the result, and the kinds of the dimensions cut in windows."""
    left, right, kinds = [], [], []
    for k, row in enumerate(zip(*window, strict=True)):
        same = row[1] == row[3] == 1 and full.shape[k] == reduced.shape[k]
        left.append(f"i{k}" if same else ".")
        right.append(f"i{k}" if same else ".")
        if same and row[0] > 1:
            kinds.append(f"i{k}: window")
    return " ".join(left), " ".join(right), f"; {', '.join(kinds)}" if kinds else ""


def _shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    left, right, kinds = shard_terms(Window(**params), ins[0], outs[0])
    return f"{left} -> {right}{kinds}"


def _cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    moved = float(sum(t.nbytes for t in ins) + outs[0].nbytes)
    places = math.prod(params["window_dimensions"])
    windows = sorted((ins[0].size, outs[0].size))[0]
    return Cost(float(places * windows), 0.0, moved)


def _reduction(
    name: str, *, combine: Any, ufunc: np.ufunc, operation: str,
    identity: Callable[[np.dtype], Any], jvp: Any, transpose: Any = None, accepts: str = "any",
) -> Primitive:  # fmt: skip
    """Make and register a reduction over windows."""

    def ref(x: np.ndarray, **params: Any) -> np.ndarray:
        wide = sum_dtype(x.dtype) if combine is add else x.dtype
        parts = _numpy_parts(x.astype(wide), identity(x.dtype), Window(**params))
        out = next(parts)
        for part in parts:
            out = ufunc(out, part)
        return out.astype(x.dtype)

    def fold(which: str, window: Window, x: Any) -> Any:
        return _fold(combine, identity(typeof(x).dtype), window, x)

    def lower(b: Any, eqn: Any, x: Any) -> Any:
        window, out = Window(**eqn.params), eqn.outputs[0].type
        if not out.size or not eqn.inputs[0].type.size:
            return b.constant(identity(out.dtype), out)
        if _as_slices(b, window):
            return _inline(b, fold, name, window, eqn, [x])
        scalar = ArrayType((), out.dtype)
        init = b.constant(identity(out.dtype), scalar)

        def make(inner: Any, x: Any, init: Any) -> Any:
            made = inner.operation("stablehlo.reduce_window", [out], [x, init], attributes(window))
            inner.reducer(made, operation, out.dtype)
            return made

        kind = eqn.inputs[0].type
        return b.copied((name, kind, window), [kind, scalar], [x, init], make).results[0]

    primitive = register(
        Primitive(
            name,
            abstract=_abstract(name, accepts),
            ref=ref,
            lower=lower,
            jvp=jvp,
            transpose=transpose or NotSupported(f"{name} is not linear"),
            batch=_batch(lambda: primitive),
            shard=_shard,
            cost=_cost,
        )
    )
    return primitive


# --- sum --------------------------------------------------------------------------------------


def _sum_transpose(ct: Any, x: Any, **params: Any) -> list[Any]:
    back = Window(**params).reversed(x.type.shape)
    return [reduce_window_sum_p.bind(ct, **back._asdict())]


reduce_window_sum_p = _reduction(
    "reduce_window_sum", combine=add, ufunc=np.add, operation="stablehlo.add",
    identity=lambda d: 0, jvp=Linear(0), transpose=_sum_transpose, accepts="number",
)  # fmt: skip


def reduce_window_sum(
    operand: Any,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """Sums over sliding windows.

    Shapes: each dimension of the result counts the windows that fit along it.
    Dtypes: numbers; the result has the dtype of the operand.

    Args:
        operand: array.
        window_dimensions: size of the window in each dimension of the operand.
        window_strides: from one window to the next; 1 where None.
        padding: "SAME", "SAME_LOWER", "VALID", or `(before, after)` for each dimension, with
            zeros; negative numbers cut elements off.
        base_dilation: spreads the operand: `d - 1` zeros between neighbours.
        window_dilation: spreads the window, with places left out.

    Raises:
        TypeError: there is not one number for each dimension.
    """
    window = window_of("reduce_window", operand, window_dimensions, window_strides, padding,
                        base_dilation, window_dilation)  # fmt: skip
    return reduce_window_sum_p.bind(operand, **window._asdict())


# --- maximum and minimum ----------------------------------------------------------------------


def _extremum_jvp(which: str) -> Callable[..., Any]:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        (x,), (t,) = primals, tangents
        primitive = reduce_window_max_p if which == "max" else reduce_window_min_p
        out = primitive.bind(x, **params)
        if not typeof(x).size:
            return out, Zero(typeof(out).tangent)
        return out, select_and_gather_add_p.bind(t, x, which=which, **params)

    return jvp


reduce_window_max_p = _reduction(
    "reduce_window_max", combine=max, ufunc=np.maximum, operation="stablehlo.maximum",
    identity=lowest, jvp=_extremum_jvp("max"), accepts="ordered",
)  # fmt: skip
reduce_window_min_p = _reduction(
    "reduce_window_min", combine=min, ufunc=np.minimum, operation="stablehlo.minimum",
    identity=highest, jvp=_extremum_jvp("min"), accepts="ordered",
)  # fmt: skip


def reduce_window_max(
    operand: Any,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """Maxima over sliding windows; arguments as for `reduce_window_sum`.

    Padding counts as minus infinity, or the lowest value of the dtype. NaN wins. The
    derivative of a window is that of its first largest element.
    """
    window = window_of("reduce_window", operand, window_dimensions, window_strides, padding,
                        base_dilation, window_dilation)  # fmt: skip
    return reduce_window_max_p.bind(operand, **window._asdict())


def reduce_window_min(
    operand: Any,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """Minima over sliding windows; conventions as for `reduce_window_max`."""
    window = window_of("reduce_window", operand, window_dimensions, window_strides, padding,
                        base_dilation, window_dilation)  # fmt: skip
    return reduce_window_min_p.bind(operand, **window._asdict())


def reduce_window_shape_tuple(
    operand_shape: Sequence[int],
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Any,
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """Shape of the result of a reduction over windows."""
    shape = tuple(operand_shape)
    ones = (1,) * len(shape)
    spread, holes = tuple(base_dilation or ones), tuple(window_dilation or ones)
    if isinstance(padding, str):
        given = [dilated(n, d) for n, d in zip(shape, spread, strict=True)]
        reach = [dilated(k, r) for k, r in zip(window_dimensions, holes, strict=True)]
        padding = padtype_to_pads(given, reach, window_strides, padding)
    pads = tuple((lo, hi) for lo, hi in padding)
    window = Window(tuple(window_dimensions), tuple(window_strides), pads, spread, holes)
    return window.out_shape(shape)


# --- derivatives of the extrema ---------------------------------------------------------------


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
    parts = np.stack(list(_numpy_parts(x, _identity(which, x.dtype), window)))
    exact = parts.astype(np.float64) if is_inexact(x.dtype) else parts
    return (np.argmax if which == "max" else np.argmin)(exact, 0)


def _gather_ref(t: np.ndarray, x: np.ndarray, *, which: str, **params: Any) -> np.ndarray:
    window = Window(**params)
    at = _best_places(which, window, x)
    values = np.stack(list(_numpy_parts(t, 0, window)))
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
    if _as_slices(b, window):
        return _inline(b, _gather_parts, which, window, eqn, [t, x])
    out, kind = eqn.outputs[0].type, eqn.inputs[1].type
    keyed = ArrayType(out.shape, kind.dtype)
    value, key = ArrayType((), out.dtype), ArrayType((), kind.dtype)
    inits = [b.constant(_identity(which, kind.dtype), key), b.constant(0, value)]
    made = b.operation("stablehlo.reduce_window", [keyed, out], [x, t, *inits], attributes(window))

    def body(inner: Any, x1: Any, t1: Any, x2: Any, t2: Any) -> list[Any]:
        keeps = _compare(inner, which, x1, x2)
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


def _compare(b: Any, which: str, x: Any, y: Any) -> Any:
    """Whether the earlier `x` stays before the later `y`."""
    direction = "GE" if which == "max" else "LE"
    attribute = mlir.parsed(f"#stablehlo<comparison_direction {direction}>")
    return b.op(
        "stablehlo.compare", [ArrayType((), np.bool_)], [x, y], {"comparison_direction": attribute}
    )


def _scatter_lower(b: Any, eqn: Any, source: Any, x: Any) -> Any:
    """Native only without holes, and with the padding made explicit."""
    which, window = _which_and_window(eqn)
    empty = _lower_empty(b, eqn)
    if empty is not None:
        return empty
    holes = any(d > 1 for d in window.base_dilation + window.window_dilation)
    if holes or _as_slices(b, window):
        return _inline(b, _scatter_parts, which, window, eqn, [source, x])
    out, kind = eqn.outputs[0].type, eqn.inputs[1].type
    full = window.padded_shape(kind.shape)
    low, high = zip(*window.padding, strict=True) if window.padding else ((), ())
    lowest_key = b.constant(_identity(which, kind.dtype), ArrayType((), kind.dtype))
    x = _pad_op(b, x, lowest_key, low, high, ArrayType(full, kind.dtype))
    value, key = ArrayType((), out.dtype), ArrayType((), kind.dtype)
    zero = b.constant(0, value)
    made = b.operation(
        "stablehlo.select_and_scatter", [ArrayType(full, out.dtype)], [x, source, zero],
        {"window_dimensions": mlir.int_array(window.window_dimensions),
         "window_strides": mlir.int_array(window.window_strides)}, regions=2,
    )  # fmt: skip
    b.region(made, 0, [key, key], lambda inner, p, q: [_compare(inner, which, p, q)])
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

    def shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
        params.pop("which")
        reduced = outs[0] if name == "select_and_gather_add" else ins[0]
        full, counts, kinds = shard_terms(Window(**params), ins[1], reduced)
        first, out = (full, counts) if reduced is outs[0] else (counts, full)
        return f"{first}, {full} -> {out}{kinds}"

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
            cost=_cost,
        )
    )
    return primitive


select_and_gather_add_p = _pair(
    "select_and_gather_add", _gather_ref, _gather_lower, lambda: select_and_scatter_add_p
)
select_and_scatter_add_p = _pair(
    "select_and_scatter_add", _scatter_ref, _scatter_lower, lambda: select_and_gather_add_p
)
