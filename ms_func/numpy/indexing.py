"""`x[index]` with NumPy's meaning: slices, integers, arrays of integers, masks, new axes.

Indices known beforehand become slice, rev and reshape; one place known only at run time
becomes dynamic_slice; arrays of places become one gather. Called eagerly, each is one program.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func import config
from ms_func.dtypes import issubdtype
from ms_func.errors import (
    ArgumentTypeError,
    NonConcreteBooleanIndexError,
    PlacesError,
    TracerIntegerConversionError,
    TracerSliceError,
)
from ms_func.execution.dispatch import bottom
from ms_func.ir.function import Literal
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion
from ms_func.numpy.promotion import HANDLES, as_handle, broadcast, common_shape, convert, fill
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import compare, pieces
from ms_func.primitives import shape as sh
from ms_func.primitives.gather import fill_of, gather
from ms_func.primitives.indices import GatherDimensionNumbers
from ms_func.primitives.slicing import dynamic_slice_p
from ms_func.tracing.tracer import Tracer

_BOOL = np.dtype(np.bool_)
_ALL = slice(None)
_INDEX = ArrayType((), np.int32)


class Part(NamedTuple):
    """One entry of an index after normalisation.

    Attributes:
        kind: "new" (an axis of size 1), "slice", "int" or "array".
        dim: dimension of the operand it indexes; -1 for "new".
        value: (start, size, step) of a slice, a Python int counted from the front, or an
            array of integers.
    """

    kind: str
    dim: int
    value: Any


class Window(NamedTuple):
    """A slice of `size` elements that starts at a place known only at run time."""

    start: Any
    size: int


# --- reading an index -------------------------------------------------------------------


def parse(
    shape: tuple[int, ...], index: Any, strict: bool | None = None, below: str | None = None
) -> tuple[list[Part], tuple[int, ...]]:
    """Entries of an index, one for each dimension and each new axis.

    Args:
        shape: of the indexed array.
        index: what stands between the brackets.
        strict: whether a Python int out of bounds is an error; None: but not by JAX's rules.
        below: what an integer below 0 means: None counts from the end, "start" the first element,
            "outside" one that is not there.

    Returns:
        The entries, and the shape they index: `shape` with a dimension of size 1 for each
        Python bool among them.

    Raises:
        IndexError: too many indices, two ellipses, an integer or a mask that does not fit.
        TypeError: an entry that is no index.
        NonConcreteBooleanIndexError: a mask known only at run time.
    """
    entries = index if isinstance(index, tuple) and type(index) is not Window else (index,)
    if config.jax_rules() and isinstance(index, Sequence) and not isinstance(index, (tuple, str)):
        raise ArgumentTypeError(
            "Using a non-tuple sequence for multidimensional indexing is not allowed; "
            f"use `arr[array(seq)]` instead of `arr[seq]`, got {index!r}"
        )
    if not _SEQUENCES.isdisjoint(map(type, entries)):
        entries = tuple([_listed(e) if type(e) in _SEQUENCES else e for e in entries])
    strict = not config.jax_rules() if strict is None else strict
    parts: list[Part] = []
    sizes = list(shape)
    for entry in _spelled_out(shape, entries):
        dim = sum(p.dim >= 0 for p in parts)
        if entry is None:
            parts.append(Part("new", -1, None))
        elif type(entry) is slice:
            parts.append(Part("slice", dim, _bounds(entry, sizes[dim])))
        elif type(entry) is Window:
            parts.append(Part("slice", dim, (*entry, 1)))
        elif type(entry) is int:
            parts.append(Part("int", dim, _checked(entry, sizes[dim], dim, strict, below)))
        elif _is_flag(entry):
            sizes.insert(dim, 1)
            parts.append(Part("array", dim, np.zeros(1 if _known(entry) else 0, np.int32)))
        else:
            parts.extend(_array_parts(entry, sizes, dim, strict, below))
    return parts, tuple(sizes)


def windows(
    shape: tuple[int, ...], parts: Sequence[Part]
) -> tuple[list[Part], Sequence[Part]] | None:
    """Entries that take windows out of an array, and those that index what is left.

    None where no entry is a window.
    """
    moving = [p.kind == "slice" and type(p.value[0]) is not int for p in parts]
    if not any(moving):
        return None
    pairs = list(zip(parts, moving, strict=True))
    taken = [p if m else Part("slice", p.dim, (0, shape[p.dim], 1)) for p, m in pairs if p.dim >= 0]
    return taken, [p._replace(value=(0, *p.value[1:])) if m else p for p, m in pairs]


_SEQUENCES = frozenset({list, tuple})


def _listed(entry: Any) -> Any:
    """Array of a list of indices or flags that stands among other indices."""
    if any(type(e) in HANDLES for e in entry):
        parts = [sh.reshape(convert(e, _INDEX.dtype), (1,)) for e in entry]
        return sh.concatenate(parts, 0)
    found = np.asarray(entry)
    return found if found.size else found.astype(np.int32)


def _spelled_out(shape: tuple[int, ...], entries: tuple[Any, ...]) -> list[Any]:
    """The entries with the ellipsis, or what is missing at the end, as full slices."""
    taken, dots = 0, -1
    for i, e in enumerate(entries):
        if e is Ellipsis:
            if dots >= 0:
                raise IndexError("an index can only have a single ellipsis ('...')")
            dots = i
        elif e is not None and not _is_flag(e):
            taken += np.ndim(e) if getattr(e, "dtype", None) == _BOOL else 1
    if taken > len(shape):
        raise IndexError(
            f"Too many indices: array is {len(shape)}-dimensional, but {taken} were indexed"
        )
    rest = [_ALL] * (len(shape) - taken)
    if dots < 0:
        return [*entries, *rest]
    return [*entries[:dots], *rest, *entries[dots + 1 :]]


def _is_flag(e: Any) -> bool:
    """Whether an entry is one boolean: it adds a dimension instead of indexing one."""
    return isinstance(e, (bool, np.bool_)) or (
        getattr(e, "dtype", None) == _BOOL and np.ndim(e) == 0
    )


def _array_parts(
    entry: Any, sizes: list[int], dim: int, strict: bool, below: str | None
) -> list[Part]:
    """Entries of an integer, an array of integers or a mask."""
    if isinstance(entry, str):
        who = "JAX does not support string indexing"
        raise ArgumentTypeError(
            f"{who if config.jax_rules() else 'strings are no indices'}; got idx={entry!r}"
        )
    dtype = getattr(entry, "dtype", None)
    if dtype is None:
        try:
            return [
                Part("int", dim, _checked(operator.index(entry), sizes[dim], dim, strict, below))
            ]
        except TypeError:
            dtype = np.dtype(type(entry)) if isinstance(entry, (float, complex)) else type(entry)
    if dtype == _BOOL:
        places = _true_places(entry, sizes, dim)
        return [Part("array", dim + i, p) for i, p in enumerate(places)]
    if not isinstance(dtype, np.dtype):
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), newaxis (`None`) and integer or "
            f"boolean arrays are valid indices. Got {entry!r}"
        )
    if not issubdtype(dtype, np.integer):
        raise ArgumentTypeError(
            f"Indexer must have integer or boolean type, got indexer with type {dtype}: {entry!r}\n"
            "fix: convert it, for example with .astype(int) or x // y in place of x / y"
        )
    if isinstance(entry, (np.integer, np.ndarray)) and entry.ndim == 0:
        return [Part("int", dim, _checked(int(entry), sizes[dim], dim, strict, below))]
    if below is not None:
        kind = np.dtype(np.int64 if dtype.itemsize == 8 else np.int32)
        entry, there = convert(entry, kind), 0 if below == "start" else sizes[dim]
        entry = compare.select(compare.lt(entry, 0), there, entry)
    return [Part("array", dim, entry)]


def _known(mask: Any) -> Any:
    """A mask that is known while tracing.

    Raises:
        NonConcreteBooleanIndexError: it is not.
    """
    if type(mask) is not Tracer:
        return mask
    value = mask.recorder.asked(mask.variable)
    if value is None:
        raise NonConcreteBooleanIndexError(
            f"Array boolean indices must be concrete; got {mask.type}: a mask known only at run "
            "time was used as an index, so the shape of the result is not known\n"
            "fix: use np.where(mask, x, other), or nonzero with a size",
            user_loc(),
        )
    return value


def _true_places(mask: Any, sizes: list[int], dim: int) -> list[np.ndarray]:
    """Positions of the true elements of a mask along each of its dimensions."""
    mask = _known(mask)
    for i, (n, m) in enumerate(zip(mask.shape, sizes[dim:], strict=False)):
        if n != m:
            raise IndexError(
                f"boolean index did not match shape of indexed array in index {dim + i}: "
                f"got {mask.shape}, expected {sizes[dim : dim + len(mask.shape)]}"
            )
    return [p.astype(np.int32) for p in np.nonzero(np.asarray(mask))]


def _bounds(s: slice, n: int) -> tuple[int, int, int]:
    """Start, number of elements and step of a slice over `n` elements."""
    if s.start is None and s.stop is None and s.step is None:
        return 0, n, 1
    try:
        bounds = [v if v is None else operator.index(v) for v in (s.start, s.stop, s.step)]
    except TypeError as error:
        traced = isinstance(error, TracerIntegerConversionError)
        raise (TracerSliceError if traced else type(error))(
            f"Slice entries must be static integers. Got {s}: a slice needs bounds known while "
            "tracing\n"
            "fix: use lax.dynamic_slice with a static size, or mark the bounds static"
        ) from error
    lo, hi, by = slice(*bounds).indices(n)
    size = len(range(lo, hi, by))
    return (lo, size, by) if size > 1 else (max(lo, 0), size, 1)  # a step may be huge


def _checked(i: int, n: int, dim: int, strict: bool, below: str | None = None) -> int:
    """An integer index counted from the front; one that is out of bounds stays so."""
    if i < 0 and below is not None:
        return 0 if below == "start" else n
    if strict and not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for axis {dim} with size {n}")
    return i + n if -n <= i < 0 else i


_BOUNDS = (int, type(None))

# --- x[index] -----------------------------------------------------------------------------


def getitem(x: Any, index: Any) -> Any:
    """The elements that an index names, with NumPy's meaning.

    Integers take one slice of a dimension and leave it out, slices take several, `None` puts in a
    new dimension of size 1, `...` stands for all that are not mentioned. Arrays of integers take
    elements at places, and broadcast together; masks stand for the places where they hold. The
    dimensions of these arrays stand where they were, or come first where they were apart.

    Args:
        x: array.
        index: what stands between the brackets. Bounds of slices are known while tracing, but for
            windows `x[i : i + 3]` in converted functions.

    Returns:
        A new array: it does not change when `x` is assigned to.

    Raises:
        IndexError: an integer known while tracing is out of bounds; there are more indices than
            dimensions; a mask has another shape than what it indexes. At run time integers out
            of bounds read the nearest element: `x.at[index].get(mode="fill")` tells them apart.
        TypeError: an index is a float or a text, or a bound of a slice is known only at run time.
        NonConcreteBooleanIndexError: a mask is known only at run time.

    Example:
        >>> x = np.array([[1, 2, 3], [4, 5, 6]])
        >>> x[0, -1], x[:, ::-1]
        (Array(3, dtype=int32), Array([[3, 2, 1],
               [6, 5, 4]], dtype=int32))
        >>> x[np.array([1, 0]), np.array([0, 2])]
        Array([4, 3], dtype=int32)
        >>> x[x > 4], x[None].shape
        (Array([5, 6], dtype=int32), (1, 2, 3))
    """
    shape = x.type.shape
    if type(index) is int and shape:
        if config.jax_rules() and not -shape[0] <= index < shape[0]:  # where `checkify` sees it
            return read(x, index, False, "promise_in_bounds", None)
        i = _checked(index, shape[0], 0, True)
        return _window(x, (i, *[0] * (len(shape) - 1)), (1, *shape[1:]), shape[1:])
    if type(index) is slice and shape and index.step is None and _is_known(index):
        start, stop, _ = index.indices(shape[0])
        sizes = (max(stop - start, 0), *shape[1:])
        return _window(x, (start, *[0] * (len(shape) - 1)), sizes, sizes)
    return read(x, index, None, "promise_in_bounds", None)


def _is_known(index: Any) -> bool:
    """Whether the bounds of a slice are Python integers or left out."""
    return type(index.start) in _BOUNDS and type(index.stop) in _BOUNDS


def read(
    x: Any, index: Any, strict: bool | None, mode: Any, fill_value: Any, below: str | None = None,
    **promises: bool,
) -> Any:  # fmt: skip
    """The elements of `x` that an index names; `mode` as for `gather`, `below` as for `parse`."""
    parts, shape = parse(x.type.shape, index, strict, below)
    if shape != x.type.shape:
        x = sh.reshape_p.bind(x, new_sizes=shape)
    moving = windows(shape, parts)
    if moving is not None:
        x, parts = basic(x, moving[0], False), moving[1]
        shape = x.type.shape
    scattered = any(p.kind == "array" and np.ndim(p.value) for p in parts)
    inside = all(p.kind != "int" or 0 <= p.value < shape[p.dim] for p in parts)
    known = not any(p.kind == "array" for p in parts)
    nearest = inside or (mode == "promise_in_bounds" and 0 not in shape)  # as at run time
    if scattered or not nearest or (mode == "fill" and not known):
        return _gathered(x, parts, mode, fill_value, promises)
    return basic(x, parts, known and inside)


def basic(x: Any, parts: Sequence[Part], known: bool) -> Any:
    """Slices, integers and run-time scalars: one window of `x`."""
    shape = x.type.shape
    out = tuple(1 if p.kind == "new" else p.value[1] for p in parts if p.kind in ("new", "slice"))
    own = [p for p in parts if p.dim >= 0]
    sliced = [p.value if p.kind == "slice" else (p.value, 1, 1) for p in own]
    if any(step != 1 for _, _, step in sliced):
        if known:
            return fusion.run(_strided, (x,), tuple(sliced), out)
        static = tuple(
            p.value if p.kind == "slice" else (0, n, 1) for p, n in zip(own, shape, strict=True)
        )
        x = fusion.run(_strided, (x,), static, tuple(size for _, size, _ in static))
        sliced = [(p.value, 1, 1) if p.kind != "slice" else (0, p.value[1], 1) for p in own]
    starts = tuple(start for start, _, _ in sliced)
    return _window(x, starts, tuple(size for _, size, _ in sliced), out)


def _strided(x: Any, bounds: tuple[tuple[int, int, int], ...], out: tuple[int, ...]) -> Any:
    """Static slices with any steps: a forward slice, then reversal."""
    lows, highs, steps, turned = [], [], [], []
    for d, (start, size, step) in enumerate(bounds):
        last = start + (size - 1) * step
        lows.append(min(start, last) if size else 0)
        highs.append(max(start, last) + 1 if size else 0)
        steps.append(abs(step))
        if step < 0:
            turned.append(d)
    x = pieces.slice(x, lows, highs, steps)
    if turned:
        x = sh.rev_p.bind(x, dimensions=tuple(turned))
    return x if typeof(x).shape == out else sh.reshape_p.bind(x, new_sizes=out)


def _is_inside(starts: Sequence[Any], sizes: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether a window begins at known places, and reaches beyond no end."""
    spans = zip(starts, sizes, shape, strict=True)
    return all(type(s) is int and 0 <= s <= n - size for s, size, n in spans)


def _window(x: Any, starts: tuple[Any, ...], sizes: tuple[int, ...], out: tuple[int, ...]) -> Any:
    """The window of `x` at `starts`, integers known or not, reshaped to `out`."""
    shape = x.type.shape
    if sizes == shape:
        return as_handle(x) if out == shape else sh.reshape_p.bind(x, new_sizes=out)
    if current.interpreter is not bottom and _is_inside(starts, sizes, shape):
        limits = tuple([s + n for s, n in zip(starts, sizes, strict=True)])
        x = pieces.slice_p.bind(x, start_indices=starts, limit_indices=limits, strides=None)
        return x if out == sizes else sh.reshape_p.bind(x, new_sizes=out)
    moving = tuple([d for d, n in enumerate(shape) if n != sizes[d]])
    places = [Literal(starts[d], _INDEX) if type(starts[d]) is int else starts[d] for d in moving]
    return fusion.run(_moving_window, (x, *places), moving, sizes, out)


def _moving_window(x: Any, *args: Any) -> Any:
    *places, moving, sizes, out = args
    shape = typeof(x).shape
    found = dict(zip(moving, integers(places, [shape[d] for d in moving]), strict=True))
    kind = typeof(next(iter(found.values()))).dtype
    zero = Literal(0, ArrayType((), kind))
    starts = [found.get(d, zero) for d in range(len(shape))]
    x = dynamic_slice_p.bind(x, *starts, slice_sizes=sizes)
    return x if out == sizes else sh.reshape_p.bind(x, new_sizes=out)


def integers(places: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
    """Indices as integers of one dtype of at least 32 bits, negative ones from the end."""
    types = [typeof(p).dtype for p in places]
    wide = any(t.itemsize == 8 for t in types) or any(n > 2**31 - 1 for n in sizes)
    kind = np.dtype(np.int64 if wide else np.int32)
    found = []
    for p, t, n in zip(places, types, sizes, strict=True):
        if type(p) is Literal:
            found.append(Literal(p.value, ArrayType((), kind)))
            continue
        if isinstance(p, np.ndarray):
            p = p.astype(kind)
            found.append(np.where(p < 0, p + n, p).astype(kind) if (p < 0).any() else p)
            continue
        p = convert(p, kind)
        if issubdtype(t, np.signedinteger):
            p = compare.select(compare.lt(p, 0), ar.add(p, n), p)
        found.append(p)
    return found


# --- arrays of places -----------------------------------------------------------------------


class Layout(NamedTuple):
    """Where the dimensions of an advanced index go; all of it is known while tracing.

    Attributes:
        dims: dimensions of the operand that integers and arrays index.
        windows: (start, size, step) of every dimension; those of `dims` are whole.
        offsets: dimensions of the gathered array that run along slices.
        shape: of the broadcast index arrays.
        out: shape of the result, new axes included.
    """

    dims: tuple[int, ...]
    windows: tuple[tuple[int, int, int], ...]
    offsets: tuple[int, ...]
    shape: tuple[int, ...]
    out: tuple[int, ...]


def layout(shape: tuple[int, ...], parts: Sequence[Part]) -> Layout:
    """Dimensions of `x[parts]`: index arrays side by side stay in place, others come first.

    Raises:
        IndexError: the index arrays do not broadcast.
    """
    places = [i for i, p in enumerate(parts) if p.kind in ("int", "array")]
    shapes = [np.shape(parts[i].value) for i in places]
    try:
        joint = common_shape("indexing", shapes or [()])
    except TypeError:
        listed = ", ".join(map(str, shapes))
        raise PlacesError(
            f"Incompatible shapes for broadcasting: shapes=[{listed}]: indexing arrays of these "
            "shapes stand for one array of places"
        ) from None
    together = bool(places) and places[-1] - places[0] == len(places) - 1
    out: list[int] = [] if together else list(joint)
    offsets, gathered = [], 0 if together else len(joint)
    for i, p in enumerate(parts):
        if together and i == places[0]:
            out.extend(joint)
            gathered += len(joint)
        if p.kind == "new":
            out.append(1)
        elif p.kind == "slice":
            out.append(p.value[1])
            offsets.append(gathered)
            gathered += 1
    windows = tuple(
        p.value if p.kind == "slice" else (0, shape[p.dim], 1) for p in parts if p.dim >= 0
    )
    dims = tuple(parts[i].dim for i in places)
    return Layout(dims, windows, tuple(offsets), joint, tuple(out))


def index_operands(parts: Sequence[Part]) -> list[Any]:
    """The integers and arrays of an index, Python ints as literals."""
    return [
        Literal(p.value, _INDEX) if p.kind == "int" else p.value
        for p in parts
        if p.kind in ("int", "array")
    ]


def _gathered(
    x: Any, parts: Sequence[Part], mode: Any, fill_value: Any, promises: dict[str, bool]
) -> Any:
    """Elements at arrays of places."""
    shape = x.type.shape
    plan = layout(shape, parts)
    if any(shape[d] == 0 for d in plan.dims) or 0 in plan.out:
        if 0 not in plan.out and mode != "fill":
            raise IndexError(f"index is out of bounds: {shape} has an empty dimension")
        value = fill_of(x.dtype, fill_value) if mode == "fill" else 0
        return fill(value, x.type.update(shape=plan.out))
    if fill_value is not None:
        fill_value = np.asarray(fill_value).item()
    static = (plan, mode, fill_value, *(bool(promises.get(k)) for k in _PROMISES))
    return fusion.run(_gather_program, (x, *index_operands(parts)), *static)


_PROMISES = ("indices_are_sorted", "unique_indices")


def _gather_program(x: Any, *args: Any) -> Any:
    *places, plan, mode, fill_value, ordered, unique = args
    old = typeof(x).shape
    if any(w != (0, n, 1) for w, n in zip(plan.windows, old, strict=True)):
        x = _strided(x, plan.windows, tuple(size for _, size, _ in plan.windows))
    indices = stacked(integers(places, [old[d] for d in plan.dims]), plan.shape)
    sizes = [1 if d in plan.dims else n for d, n in enumerate(typeof(x).shape)]
    numbers = GatherDimensionNumbers(plan.offsets, tuple(sorted(plan.dims)), plan.dims)
    out = gather(
        x, indices, numbers, sizes, unique_indices=unique, indices_are_sorted=ordered,
        mode=mode, fill_value=fill_value,
    )  # fmt: skip
    return out if typeof(out).shape == plan.out else sh.reshape_p.bind(out, new_sizes=plan.out)


def stacked(coordinates: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Index arrays broadcast to one shape and joined along a last dimension."""
    kind = typeof(coordinates[0]).dtype
    if all(isinstance(c, (Literal, np.ndarray)) for c in coordinates):
        values = [c.value if type(c) is Literal else c for c in coordinates]
        return np.stack([np.broadcast_to(np.asarray(v, kind), shape) for v in values], -1)
    columns = []
    for c in coordinates:
        full = (
            broadcast(c, shape) if type(c) is not Literal else fill(c.value, ArrayType(shape, kind))
        )
        columns.append(sh.reshape_p.bind(full, new_sizes=(*shape, 1)))
    return columns[0] if len(columns) == 1 else pieces.concatenate(columns, len(shape))
