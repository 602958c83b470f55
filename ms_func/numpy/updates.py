"""Updates of the elements that an index names; `x[index] = v`.

Windows known beforehand, and windows at run-time places that may be clamped, are written by
dynamic_update_slice; everything else is one scatter.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import config
from ms_func.errors import ArgumentTypeError, ArgumentValueError, ShardingTypeError
from ms_func.ir.explicit import agrees, choice
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import creation, fusion, indexing
from ms_func.numpy.indexing import Part, integers, layout, parse, stacked
from ms_func.numpy.promotion import admit, as_handle, broadcast, convert, join_types, lay
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import compare, pieces
from ms_func.primitives import scatter as sc
from ms_func.primitives import shape as sh
from ms_func.primitives.cast import convert_p
from ms_func.primitives.indices import GatherScatterMode, ScatterDimensionNumbers
from ms_func.primitives.sharding import constrained, laid_out
from ms_func.primitives.slicing import dynamic_update_slice_p
from ms_func.tracing.tracer import Tracer

_INDEX = ArrayType((), np.int32)
_MODES = frozenset({None, "clip", "fill", "drop", "fill_or_drop", "promise_in_bounds", "wrap"})


def _second(x: Any, y: Any) -> Any:
    return y


_SCATTERS: dict[str, tuple[Callable[..., Any], Callable[[Any, Any], Any]]] = {
    "set": (sc.scatter, _second),
    "add": (sc.scatter_add, ar.add_p.bind),
    "subtract": (sc.scatter_sub, ar.sub_p.bind),
    "multiply": (sc.scatter_mul, ar.mul_p.bind),
    "min": (sc.scatter_min, ar.min_p.bind),
    "max": (sc.scatter_max, ar.max_p.bind),
}
"""Each update as a scatter, and as a function of the old and the new elements."""


def mode_name(mode: Any) -> Any:
    """The name of a mode.

    Raises:
        ValueError: there is no such mode.
    """
    if isinstance(mode, GatherScatterMode):
        mode = mode.name.lower()
    if mode not in _MODES:
        GatherScatterMode.from_any(mode)
    return "fill" if mode in ("fill_or_drop", "drop") else mode


def meaning_below(mode: Any, wrap: bool) -> str | None:
    """What an index below 0 means."""
    return None if wrap else "start" if mode == "clip" else "outside"


def update(
    x: Any, index: Any, values: Any, kind: str, *, indices_are_sorted: bool = False,
    unique_indices: bool = False, mode: Any = None, out_sharding: Any = None,
    wrap_negative_indices: bool = True,
) -> Any:  # fmt: skip
    """New array in which the elements that `index` names are combined with `values`.

    Raises:
        ValueError: `values` does not broadcast to what the index names.
    """
    options = (indices_are_sorted, unique_indices, mode_name(mode or "fill"), wrap_negative_indices)
    given = (x, index, _fitting(x, values), kind, *options)
    out = _updated(*given) if out_sharding is None else laid_out(out_sharding, _updated, *given)
    if x.type.weak_type and not out.type.weak_type:
        return convert_p.bind(out, new_dtype=x.type.dtype, weak_type=True)
    return out


def _updated(
    x: Any, index: Any, values: Any, kind: str, indices_are_sorted: bool, unique_indices: bool,
    mode: Any, wrap_negative_indices: bool,
) -> Any:  # fmt: skip
    masked = _masked(x, index, values, kind)
    if masked is not None:
        return masked
    parts, shape = parse(x.type.shape, index, False, meaning_below(mode, wrap_negative_indices))
    static = (kind, mode, bool(indices_are_sorted), bool(unique_indices))
    moving = indexing.windows(shape, parts)
    if moving is None:
        return _placed(x, parts, shape, values, *static)
    window, parts = moving
    whole = x if shape == x.type.shape else sh.reshape_p.bind(x, new_sizes=shape)
    inside = indexing.basic(whole, window, False)
    inside = _placed(inside, parts, inside.type.shape, values, *static)
    return _written(x, window, shape, inside, "set")


def _placed(
    x: Any, parts: Sequence[Part], shape: tuple[int, ...], values: Any, kind: str, mode: Any,
    ordered: bool, unique: bool,
) -> Any:  # fmt: skip
    """Update of a static window or of scattered places."""
    if any(p.kind == "array" for p in parts) or _outside(parts, shape):
        return _scattered(x, parts, shape, values, kind, mode, ordered, unique)
    return _written(x, parts, shape, values, kind)


def _fitting(x: Any, values: Any) -> Any:
    """`values` in the dtype of `x`, with a warning where that loses something."""
    if isinstance(values, (list, tuple)):
        values = creation.asarray(values)
    values = admit("scatter", values)
    dtype, t = x.type.dtype, typeof(values)
    if t.dtype == dtype:
        return (
            values
            if not isinstance(values, (bool, int, float, complex))
            else convert(values, dtype)
        )
    if type(values) is int and dtype.kind in "iu" and config.jax_rules():
        values = np.asarray(values)  # wraps around
    if join_types([x.type, t], "scatter")[0] != dtype:
        warnings.warn(
            "scatter inputs have incompatible types: cannot safely cast value from "
            f"dtype={t.dtype} to dtype={dtype}; convert it with .astype",
            FutureWarning,
            stacklevel=5,
        )
        if t.dtype.kind == "c" and dtype.kind != "c":
            warnings.warn(
                "Casting complex values to real discards the imaginary part",
                np.exceptions.ComplexWarning, stacklevel=5,
            )  # fmt: skip
        if type(values) is complex and dtype.kind != "c":
            values = values.real
        if type(values) is float and dtype.kind in "iu":
            values = np.asarray(values)
    return convert(values, dtype)


def _masked(x: Any, index: Any, values: Any, kind: str) -> Any:
    """Update through one mask over the first dimensions by a scalar; also of traced masks."""
    if getattr(index, "dtype", None) != np.bool_ or np.ndim(index) == 0 or np.shape(values):
        return None
    shape = np.shape(index)
    if shape != x.type.shape[: len(shape)]:
        return None
    return fusion.run(_select_update, (x, index, values), kind)


def _select_update(x: Any, mask: Any, value: Any, kind: str) -> Any:
    full = typeof(x).shape
    if typeof(mask).shape != full:
        dims = tuple(range(typeof(mask).ndim))
        mask = lay(mask, full, dims)
    if kind == "set":
        return compare.select_p.bind(mask, value, x)
    return compare.select_p.bind(mask, _SCATTERS[kind][1](x, value), x)


def _outside(parts: Sequence[Part], shape: tuple[int, ...]) -> bool:
    """Whether the window may not be written as a whole: a step, or an integer out of bounds."""
    for p in parts:
        if p.kind == "slice" and p.value[2] != 1:
            return True
        if p.kind == "int" and not 0 <= p.value < shape[p.dim]:
            return True
    return False


def _result_shape(parts: Sequence[Part]) -> tuple[int, ...]:
    return tuple(1 if p.kind == "new" else p.value[1] for p in parts if p.kind in ("new", "slice"))


def _broadcastable(values: Any, shape: tuple[int, ...]) -> Any:
    """`values` without leading axes of size 1 that `shape` lacks, checked to broadcast."""
    own = typeof(values).shape
    if len(own) > len(shape) and config.jax_rules():
        raise ArgumentValueError(
            "Cannot broadcast to shape with fewer dimensions: Incompatible shapes for "
            f"broadcasting, arr_shape={own} shape={shape}"
        )
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    pairs = zip(own[::-1], shape[::-1], strict=False)
    if len(own) > len(shape) or any(n not in (1, m) for n, m in pairs):
        raise ArgumentValueError(
            f"Incompatible shapes for broadcasting: values of shape {typeof(values).shape} "
            f"cannot be written to elements of shape {shape}"
        )
    return values if own == typeof(values).shape else sh.reshape_p.bind(values, new_sizes=own)


def _full(values: Any, shape: tuple[int, ...]) -> Any:
    """`values` broadcast to `shape`."""
    if type(values) is Literal or not typeof(values).shape:
        return lay(values, shape, ())
    return broadcast(values, shape)


def _written(x: Any, parts: Sequence[Part], shape: tuple[int, ...], values: Any, kind: str) -> Any:
    """Update of one window."""
    bounds = [p.value if p.kind == "slice" else (p.value, 1, 1) for p in parts if p.dim >= 0]
    sizes = tuple(size for _, size, _ in bounds)
    out = _result_shape(parts)
    values = _broadcastable(values, out)
    if 0 in sizes:
        return as_handle(x)
    moving = tuple(d for d, n in enumerate(shape) if sizes[d] != n)
    starts = [_start(bounds[d][0]) for d in moving]
    starts = indexing.integers(starts, [shape[d] for d in moving])
    return fusion.run(_write_program, (x, values, *starts), moving, shape, sizes, out, kind)


def _start(place: Any) -> Any:
    return Literal(place, _INDEX) if type(place) is int else place


def _write_program(x: Any, values: Any, *args: Any) -> Any:
    *places, moving, shape, sizes, out, kind = args
    old = typeof(x).shape
    values = _full(values, out)
    if out != sizes:
        values = sh.reshape_p.bind(values, new_sizes=sizes)
    if shape != old:
        x = sh.reshape_p.bind(x, new_sizes=shape)
    found = dict(zip(moving, places, strict=True))
    starts = [found.get(d, Literal(0, _INDEX)) for d in range(len(shape))]
    values = _laid_in(values, typeof(x).explicit, moving)
    if kind != "set":
        values = _SCATTERS[kind][1](_window_at(x, starts, sizes), values)
    if moving:
        x = dynamic_update_slice_p.bind(x, values, *starts)
    else:
        x = values
    return x if shape == old else sh.reshape_p.bind(x, new_sizes=old)


def _laid_in(values: Any, held: Any, moving: Sequence[int]) -> Any:
    """Values that lie as the window of an array that they are written to, where types tell.

    Raises:
        ShardingTypeError: they lie otherwise.
    """
    t = typeof(values)
    if held is not None:
        each = enumerate(held.dim_axes(t.ndim))
        held = held.with_dims([() if d in moving else axes for d, axes in each])
    if t.explicit == held or choice.free:
        return values
    if not agrees(t, held):
        raise ShardingTypeError(
            f"Incompatible types for broadcasting: input type={t} and requested "
            f"type={t.update(explicit=held)}\nfix: lay the values out so with reshard"
        )
    return constrained(values, held)


def _window_at(x: Any, starts: Sequence[Any], sizes: tuple[int, ...]) -> Any:
    if sizes == typeof(x).shape:
        return x
    if all(type(s) is Literal for s in starts):
        lows = tuple(s.value for s in starts)
        highs = tuple(s + n for s, n in zip(lows, sizes, strict=True))
        return pieces.slice_p.bind(x, start_indices=lows, limit_indices=highs, strides=None)
    return indexing.dynamic_slice_p.bind(x, *starts, slice_sizes=sizes)


# --- scatter ------------------------------------------------------------------------------


def _scattered(
    x: Any, parts: Sequence[Part], shape: tuple[int, ...], values: Any, kind: str, mode: Any,
    ordered: bool, unique: bool,
) -> Any:  # fmt: skip
    """Update of arrays of places, or of slices with steps."""
    plan = layout(shape, parts)
    values = _broadcastable(values, plan.out)
    nowhere = mode == "fill" and any(shape[d] == 0 for d in plan.dims)
    if 0 in plan.out or nowhere:
        return as_handle(x)
    operands = indexing.index_operands(parts)
    return fusion.run(
        _scatter_program, (x, values, *operands), plan, shape, kind, mode, ordered, unique
    )


def _scatter_program(x: Any, values: Any, *args: Any) -> Any:
    """One scatter: slices of step 1 are windows, arrays and other slices are coordinates."""
    *places, plan, shape, kind, mode, ordered, unique = args
    old = typeof(x).shape
    if shape != old:
        x = sh.reshape_p.bind(x, new_sizes=shape)
    sliced = [d for d in range(len(shape)) if d not in plan.dims]
    owner = dict(zip(plan.offsets, sliced, strict=True))
    whole = {r for r, d in owner.items() if plan.windows[d][2] == 1}
    joint = iter(plan.shape)
    rank = len(owner) + len(plan.shape)
    result = [plan.windows[owner[r]][1] if r in owner else next(joint) for r in range(rank)]
    batch = [r for r in range(rank) if r not in whole]
    coordinates = _coordinates(places, plan, shape, batch, owner, result)
    indices = stacked(list(coordinates.values()), tuple(result[r] for r in batch))
    inserted = tuple(sorted(d for d in range(len(shape)) if d not in {owner[r] for r in whole}))
    numbers = ScatterDimensionNumbers(tuple(sorted(whole)), inserted, tuple(coordinates))
    values = _full(values, plan.out)
    if plan.out != tuple(result):
        values = sh.reshape_p.bind(values, new_sizes=tuple(result))
    out = _SCATTERS[kind][0](
        x, indices, values, numbers, indices_are_sorted=ordered, unique_indices=unique, mode=mode
    )
    return out if shape == old else sh.reshape_p.bind(out, new_sizes=old)


def _coordinates(
    places: Sequence[Any], plan: indexing.Layout, shape: tuple[int, ...], batch: Sequence[int],
    owner: dict[int, int], result: Sequence[int],
) -> dict[int, Any]:  # fmt: skip
    """Index array for each dimension that has one, broadcastable to the batch dimensions."""
    sizes = tuple(result[r] for r in batch)
    own = [i for i, r in enumerate(batch) if r not in owner]
    found = {}
    listed = integers(places, [shape[d] for d in plan.dims]) if places else []
    for d, value in zip(plan.dims, listed, strict=True):
        found[d] = _laid(value, plan.shape, sizes, own)
    kind = typeof(listed[0]).dtype if listed else _INDEX.dtype
    for r, d in owner.items():
        start, size, step = plan.windows[d]
        if step != 1:
            steps = ar.mul(sh.broadcasted_iota(kind, sizes, batch.index(r)), step)
            found[d] = ar.add(steps, start)
        elif size != shape[d]:
            found[d] = Literal(start, ArrayType((), kind))
    return found


def _laid(value: Any, joint: tuple[int, ...], sizes: tuple[int, ...], dims: Sequence[int]) -> Any:
    """An index array broadcast to `joint`, laid along `dims` of the batch dimensions."""
    if type(value) is Literal:
        return value
    if isinstance(value, np.ndarray):
        spread = [1] * len(sizes)
        for d, n in zip(dims, joint, strict=True):
            spread[d] = n
        return np.broadcast_to(value, joint).reshape(spread)
    return lay(broadcast(value, joint), sizes, tuple(dims))


# --- x[index] = v ---------------------------------------------------------------------------


OUTSIDE = (
    "an array from outside of the function being recorded cannot be assigned to inside\n"
    "fix: copy it first (`x = x.copy()`), or use `x = x.at[index].set(values)`"
)


def setitem(x: Any, index: Any, values: Any) -> None:
    """`x[index] = values`: the handle `x` stands for the updated array from here on.

    Other handles of the same object see it; arrays computed from it earlier do not change.

    Args:
        x: array.
        index: as for reading.
        values: array or number that broadcasts to what the index names; converted to the dtype of
            `x`.

    Raises:
        IndexError: an integer known while tracing is out of bounds, or as for reading.
        ValueError: `values` does not broadcast.
        TypeError: a value of a recording would be stored in an array from outside of it.

    Example:
        >>> x = np.array([1, 2, 3])
        >>> same, other = x, x + 0
        >>> x[1:] = 0
        >>> same, other
        (Array([1, 0, 0], dtype=int32), Array([1, 2, 3], dtype=int32))
    """
    if config.jax_rules():
        raise ArgumentTypeError(
            "JAX arrays are immutable and do not support in-place item assignment; so are arrays "
            "under as_jax()\nfix: x = x.at[index].set(values), which gives a new array"
        )
    parse(x.type.shape, index)  # integers out of bounds are an error here
    new = update(x, index, values, "set")
    if type(new) is type(x) and type(x) is not Tracer:
        x.buffer = new.buffer
    elif type(new) is Tracer and type(x) is Tracer and new.recorder is x.recorder:
        x.variable, x.type = new.variable, new.type
    else:
        raise ArgumentTypeError(OUTSIDE)
