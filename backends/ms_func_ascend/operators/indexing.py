"""Gather, scatter, dynamic slices that write, sorting.

Gather and scatter are one scheme. The operand's dimensions fall in two groups: those that an
index moves along, and those taken whole. The first are flattened to rows, the second to the
length of a row; StableHLO's index arithmetic then becomes a vector of row numbers, and the
operation a plain one on rows. Gathers clamp a window into the operand, scatters drop one that
sticks out; the operators of the device do neither, so both are written into the graph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func_ascend.emitter import BOOL, I8, I32, I64, Emitter, Unsupported
from ms_func_ascend.graph import Tensor
from ms_func_ascend.legalize import accumulator, signed_twin
from ms_func_ascend.operators import arithmetic as a
from ms_func_ascend.operators.region import Key, binary_kind, lexicographic, second_argument
from ms_func_ascend.operators.registry import rule
from ms_func_ascend.operators.shape import clamped
from ms_func_ascend.prototypes import accepts

SEQUENTIAL_LIMIT = 64
"""A scatter with a body of its own kind and repeated indices is unrolled up to this length."""


class _Rows:
    """Which row of the flattened operand every element of every window lies in.

    Args:
        t: the translator.
        shape: shape of the operand.
        sizes: window size per operand dimension.
        indices: index vectors, last dimension the vector; shape [*batch, k].
        mapped: operand dimension of each vector component.
        batching: pairs of operand dimension and batch dimension that run together.
    """

    def __init__(
        self,
        t: Any,
        shape: Sequence[int],
        sizes: Sequence[int],
        indices: Tensor,
        mapped: Sequence[int],
        batching: Sequence[tuple[int, int]],
    ) -> None:
        self.e: Emitter = t.e
        self.shape, self.sizes = list(shape), list(sizes)
        self.batch = indices.shape[:-1]
        self.columns = {
            d: self._column(indices, k) for k, d in enumerate(mapped)
        }  # fmt: skip
        self.batching = list(batching)
        paired = {d for d, _ in batching}
        everything = range(len(self.shape))
        self.moving = [d for d in everything if d in paired or self.sizes[d] != self.shape[d]]
        self.whole = [d for d in everything if d not in self.moving]
        self.count = math.prod(self.shape[d] for d in self.moving)
        self.width = math.prod(self.shape[d] for d in self.whole)
        self.index_type = I32 if self.count < 2**31 else I64
        self.order = [*self.moving, *self.whole]

    def apart(self, x: Tensor) -> Tensor:
        """The operand, or one like it, as rows."""
        return self.e.reshape(self.e.transpose(x, self.order), (self.count, self.width))

    def together(self, rows: Tensor) -> Tensor:
        """Rows as an operand."""
        shaped = self.e.reshape(rows, [self.shape[d] for d in self.order])
        return self.e.transpose(shaped, [int(p) for p in np.argsort(self.order)])

    def _column(self, indices: Tensor, k: int) -> Tensor:
        last = len(indices.shape) - 1
        return self.e.reshape(self.e.slice_axis(indices, last, k, k + 1), self.batch)

    def numbers(self) -> Tensor:
        """Row numbers, windows moved inside; shape [*batch, *window sizes of moving dims]."""
        e, dims = self.e, len(self.batch) + len(self.moving)
        total = e.const(np.zeros((1,) * dims, self.index_type))
        for place, d in enumerate(self.moving):
            stride = math.prod(self.shape[m] for m in self.moving[place + 1 :])
            axis = len(self.batch) + place
            if self.sizes[d] > 1:
                total = self._plus(total, self._ramp(self.sizes[d], stride, axis, dims))
            if d in self.columns:
                start = clamped(e, self.columns[d], self.shape[d] - self.sizes[d])
                start = e.reshape(start, self.batch + (1,) * len(self.moving))
                total = self._plus(total, self._times(e.cast(start, self.index_type), stride))
        for d, b in self.batching:
            stride = math.prod(self.shape[m] for m in self.moving if m > d)
            total = self._plus(total, self._ramp(self.batch[b], stride, b, dims))
        full = self.batch + tuple(self.sizes[d] for d in self.moving)
        return e.broadcast_to(total, full)

    def _ramp(self, n: int, stride: int, axis: int, dims: int) -> Tensor:
        values = np.arange(n).astype(self.index_type) * self.index_type.type(stride)
        return self.e.const(values.reshape([-1 if k == axis else 1 for k in range(dims)]))

    def _plus(self, x: Tensor, y: Tensor) -> Tensor:
        one, two = x.value, y.value
        if one is not None and not one.any():
            return y
        if one is not None and two is not None:
            return self.e.const(one + two)
        return a.add(self.e, x, y)

    def _times(self, x: Tensor, stride: int) -> Tensor:
        value = x.value
        if value is not None:
            return self.e.const(value * self.index_type.type(stride))
        return x if stride == 1 else a.multiply(self.e, x, self.e.like(stride, x))

    def fits(self) -> Tensor | None:
        """Which windows lie inside the operand; shape `batch`. None where all surely do."""
        e = self.e
        made: Tensor | None = None
        for d, column in self.columns.items():
            top = self.shape[d] - self.sizes[d]
            value = column.value
            if value is not None and ((value >= 0) & (value <= top)).all():
                continue
            held = e.const(np.array(min(top, np.iinfo(column.dtype).max), column.dtype))
            good = a.compare(e, "LE", column, held)
            if column.dtype.kind == "i":
                positive = a.compare(e, "GE", column, e.like(0, column))
                good = e.elementwise("LogicalAnd", positive, good)
            made = good if made is None else e.elementwise("LogicalAnd", made, good)
        return made


def _index_vectors(e: Emitter, indices: Tensor, vector_dim: int) -> Tensor:
    """Indices with the vector dimension last; a dimension of 1 where it was implied."""
    rank = len(indices.shape)
    if vector_dim == rank:
        return e.reshape(indices, (*indices.shape, 1))
    perm = [*(d for d in range(rank) if d != vector_dim), vector_dim]
    return e.transpose(indices, perm)


@rule("gather")
def _gather(t: Any, op: Any, x: Tensor, indices: Tensor) -> Tensor:
    e, dims, sizes = t.e, op.attrs["dimension_numbers"], op.attrs["slice_sizes"]
    vectors = _index_vectors(e, indices, dims.get("index_vector_dim", 0))
    operand_batch = dims.get("operand_batching_dims", [])
    pairs = list(zip(operand_batch, _batch_axes(dims, "start_indices_batching_dims"), strict=True))
    rows = _Rows(t, x.shape, sizes, vectors, dims.get("start_index_map", []), pairs)
    dropped = {*dims.get("collapsed_slice_dims", []), *operand_batch}
    labels: list[tuple[str, int]] = [("batch", k) for k in range(len(rows.batch))]
    if len(rows.moving) == 1:
        axis, numbers = rows.moving[0], rows.numbers()
        own = [("offset", axis)]
        if axis in dropped:
            numbers, own = e.reshape(numbers, rows.batch), []
        made = e.rows(x, numbers, axis)
        before = [("offset", d) for d in rows.whole if d < axis]
        after = [("offset", d) for d in rows.whole if d > axis]
        labels = [*before, *labels, *own, *after]
    else:
        numbers = rows.numbers()
        made = e.rows(rows.apart(x), numbers)
        made = e.reshape(made, [*numbers.shape, *(x.shape[d] for d in rows.whole)])
        labels += [("offset", d) for d in rows.order]
    return _arranged(e, made, labels, dropped, dims.get("offset_dims", []))


def _batch_axes(dims: dict[str, Any], name: str) -> list[int]:
    """Batching dimensions of the indices as dimensions of the batch: the vector's is not one."""
    vector = dims.get("index_vector_dim", 0)
    return [d - (d > vector) for d in dims.get(name, [])]


def _arranged(
    e: Emitter, x: Tensor, labels: list[tuple[str, int]], dropped: set[int], offset: Sequence[int]
) -> Tensor:
    """Drop the dimensions that collapse and put batch and offset dimensions where they belong."""
    kept = [label for label in labels if not (label[0] == "offset" and label[1] in dropped)]
    shape = [n for n, lb in zip(x.shape, labels, strict=True) if lb in kept]
    offsets = sorted(d for kind, d in kept if kind == "offset")
    batch = iter(range(len(kept)))
    wanted = [
        ("offset", offsets[list(offset).index(p)]) if p in offset else ("batch", next(batch))
        for p in range(len(kept))
    ]
    return e.transpose(e.reshape(x, shape), [kept.index(w) for w in wanted])


@rule("scatter")
def _scatter(t: Any, op: Any, *operands: Tensor) -> list[Tensor]:
    e, n, dims = t.e, len(operands) // 2, op.attrs["scatter_dimension_numbers"]
    xs, indices, updates = operands[:n], operands[n], operands[n + 1 :]
    (x, *_), (update, *_) = xs, updates
    if 0 in update.shape:
        return list(xs)
    place = _window_places(dims, len(x.shape))
    sizes = [update.shape[place[d]] if d in place else 1 for d in range(len(x.shape))]
    batching = dims.get("input_batching_dims", [])
    pairs = list(zip(batching, _batch_axes(dims, "scatter_indices_batching_dims"), strict=True))
    vectors = _index_vectors(e, indices, dims.get("index_vector_dim", 0))
    rows = _Rows(t, x.shape, sizes, vectors, dims.get("scatter_dims_to_operand_dims", []), pairs)
    fits, flat = rows.fits(), rows.numbers()
    if fits is not None:
        fits = e.reshape(fits, rows.batch + (1,) * len(rows.moving))
        flat = e.select(fits, flat, e.const(np.array(rows.count, rows.index_type)))
    flat = e.reshape(flat, (math.prod(flat.shape),))
    batch = [d for d in range(len(update.shape)) if d not in place.values()]
    order = [*batch, *(place[d] for d in rows.order if d in place)]
    fresh = [e.reshape(e.transpose(u, order), (flat.shape[0], rows.width)) for u in updates]
    unique = bool(op.attrs.get("unique_indices")) or flat.shape[0] == 1
    held = [rows.apart(x) for x in xs]
    made = _scattered(t, op.regions[0], held, flat, fresh, fits is None, unique)
    return [rows.together(m) for m in made]


def _window_places(dims: dict[str, Any], rank: int) -> dict[int, int]:
    """For each dimension of an operand that windows have, which dimension of the updates it is."""
    gone = {*dims.get("inserted_window_dims", []), *dims.get("input_batching_dims", [])}
    kept = [d for d in range(rank) if d not in gone]
    return dict(zip(kept, dims.get("update_window_dims", []), strict=True))


def _scattered(
    t: Any, block: Any, rows: list[Tensor], flat: Tensor, updates: list[Tensor], sure: bool,
    unique: bool,
) -> list[Tensor]:  # fmt: skip
    """Scatter of one or more operands with any body."""
    kind = "assign" if second_argument(block) else binary_kind(block)
    if len(rows) == 1 and kind is not None and _has_operator(kind, rows[0].dtype):
        return [scatter_rows(t, block, kind, rows[0], flat, updates[0], sure)]
    if kind == "assign":
        return [
            scatter_rows(t, block, kind, r, flat, u, sure)
            for r, u in zip(rows, updates, strict=True)
        ]
    e = t.e
    held = rows if sure else [_with_spare(e, r) for r in rows]
    steps = [(0, flat.shape[0])] if unique else [(k, k + 1) for k in range(flat.shape[0])]
    if len(steps) > SEQUENTIAL_LIMIT:
        raise Unsupported(
            f"a scatter of {len(steps)} updates with a body of its own kind",
            "pass unique_indices=True where no index repeats, or use add, max, min or multiply",
        )
    for start, stop in steps:
        index = e.slice_axis(flat, 0, start, stop)
        new = [e.slice_axis(u, 0, start, stop) for u in updates]
        made = t.inline(block, [*(e.rows(h, index) for h in held), *new])
        made = [e.broadcast_to(m, n.shape) for m, n in zip(made, new, strict=True)]
        held = [_assign(e, h, index, m) for h, m in zip(held, made, strict=True)]
    return held if sure else [_without_spare(e, h) for h in held]


def _has_operator(kind: str, dtype: np.dtype) -> bool:
    return kind in ("assign", "add", "maximum", "minimum", "multiply") or (
        dtype == BOOL and kind in ("and", "or")
    )


def _with_spare(e: Emitter, rows: Tensor) -> Tensor:
    """`rows` with one more row, where updates go that must be dropped."""
    return e.concat([rows, e.broadcast_to(e.like(0, rows), (1, rows.shape[1]))], 0)


def _without_spare(e: Emitter, rows: Tensor) -> Tensor:
    return e.slice_axis(rows, 0, 0, rows.shape[0] - 1)


def scatter_rows(
    t: Any, block: Any, kind: str | None, rows: Tensor, flat: Tensor, updates: Tensor, sure: bool
) -> Tensor:
    """`rows` [r, w] with `updates` [n, w] brought in at rows `flat` [n].

    Args:
        t: the translator.
        block: the body, for kinds without an operator.
        kind: what is done with the update: `assign` or a kind of reduction.
        rows: the rows.
        flat: row numbers; `r` stands for a dropped update unless `sure`.
        updates: one row per number.
        sure: whether all numbers are in range.
    """
    e = t.e
    if kind is None or not _has_operator(kind, rows.dtype):
        return _scattered(t, block, [rows], flat, [updates], sure, False)[0]
    dtype = rows.dtype
    if dtype.kind == "c" and kind == "add":
        pairs = zip(e.parts(rows), e.parts(updates), strict=True)
        return e.complex(*(scatter_rows(t, block, kind, r, flat, u, sure) for r, u in pairs))
    held = rows if sure else _with_spare(e, rows)
    made = _by_kind(e, kind, held, flat, updates)
    return made if sure else _without_spare(e, made)


def _by_kind(e: Emitter, kind: str, rows: Tensor, flat: Tensor, updates: Tensor) -> Tensor:
    if kind == "assign":
        return _assign(e, rows, flat, updates)
    dtype = rows.dtype
    if dtype == BOOL:
        op = "minimum" if kind in ("and", "multiply", "minimum") else "maximum"
        made = _by_kind(e, op, e.cast(rows, I8), flat, e.cast(updates, I8))
        return a.compare(e, "NE", made, e.like(0, made))
    if kind in ("maximum", "minimum"):
        return _extreme(e, kind, rows, flat, updates)
    if dtype.kind in "iu" and dtype.itemsize < 4:
        made = _by_kind(e, kind, e.cast(rows, I32), flat, e.cast(updates, I32))
        return a.to_integer(e, made, dtype)
    if dtype.kind == "u":
        twin = signed_twin(dtype)
        made = _by_kind(e, kind, e.bitcast(rows, twin), flat, e.bitcast(updates, twin))
        return e.bitcast(made, dtype)
    wide = accumulator(dtype)
    rows, updates = e.cast(rows, wide), e.cast(updates, wide)
    if kind == "add" and accepts("TensorScatterAdd", "x", wide):
        index = e.reshape(flat, (*flat.shape, 1))
        made = e.one("TensorScatterAdd", [rows, index, updates], rows.shape, wide)
    else:
        index = e.broadcast_to(e.reshape(flat, (*flat.shape, 1)), updates.shape)
        made = e.one("ScatterElements", [rows, index, updates], rows.shape, wide,
                     reduction="add" if kind == "add" else "mul")  # fmt: skip
    return e.cast(made, dtype)


def _assign(e: Emitter, rows: Tensor, flat: Tensor, updates: Tensor) -> Tensor:
    index = e.reshape(flat, (*flat.shape, 1))
    return e.one("TensorScatterUpdate", [rows, index, updates], rows.shape, rows.dtype)


def _extreme(e: Emitter, kind: str, rows: Tensor, flat: Tensor, updates: Tensor) -> Tensor:
    op = "TensorScatterMax" if kind == "maximum" else "TensorScatterMin"
    index = e.reshape(flat, (*flat.shape, 1))
    made = e.one(op, [rows, index, updates], rows.shape, rows.dtype)
    if not (e.may_be_nan(rows) or e.may_be_nan(updates)):
        return made
    flags = [e.cast(e.is_nan(x), I32) for x in (rows, updates)]
    seen = e.one("TensorScatterMax", [flags[0], index, flags[1]], rows.shape, I32)
    nan = a.compare(e, "NE", seen, e.like(0, seen))
    return e.select(nan, e.like(np.nan, made), made)


@rule("dynamic_update_slice")
def _dynamic_update_slice(t: Any, op: Any, x: Tensor, update: Tensor, *starts: Tensor) -> Tensor:
    """Write a window whose place is moved inside, as a scatter of rows."""
    e = t.e
    moving = [d for d, (n, k) in enumerate(zip(x.shape, update.shape, strict=True)) if n != k]
    if not moving:
        return update
    if 0 in update.shape:
        return x
    offsets = [clamped(e, starts[d], x.shape[d] - update.shape[d]) for d in moving]
    fixed = offsets[0].value
    if len(moving) == 1 and fixed is not None:
        d, start = moving[0], int(fixed)
        before = e.slice_axis(x, d, 0, start)
        after = e.slice_axis(x, d, start + update.shape[d], x.shape[d])
        return e.concat([part for part in (before, update, after) if part.shape[d]], d)
    if moving == [0] and accepts("TensorScatterUpdate", "x", x.dtype):
        count = update.shape[0]
        first = e.reshape(offsets[0], (1, 1))
        if count > 1:
            first = a.add(e, first, e.const(np.arange(count, dtype=first.dtype)[:, None]))
        return e.one("TensorScatterUpdate", [x, first, update], x.shape, x.dtype)
    vector = e.reshape(e.concat([e.reshape(o, (1,)) for o in _same(e, offsets)], 0), (len(moving),))
    rows = _Rows(t, x.shape, update.shape, vector, moving, [])
    flat = e.reshape(rows.numbers(), (math.prod(update.shape[d] for d in moving),))
    fresh = e.reshape(e.transpose(update, rows.order), (flat.shape[0], rows.width))
    return rows.together(_assign(e, rows.apart(x), flat, fresh))


def _same(e: Emitter, xs: list[Tensor]) -> list[Tensor]:
    wide = I64 if any(x.dtype == I64 for x in xs) else I32
    return [e.cast(x, wide) for x in xs]


@rule("sort")
def _sort(t: Any, op: Any, *xs: Tensor) -> list[Tensor]:
    e, rank = t.e, len(xs[0].shape)
    dim = op.attrs.get("dimension", -1) % rank if rank else 0
    if not rank or xs[0].shape[dim] <= 1:
        return list(xs)
    keys = lexicographic(op.regions[0])
    if not keys:
        raise Unsupported("a sort whose comparator is not an order by its operands",
                          "sort by keys: compare operands with < or >")  # fmt: skip
    perm = [*(d for d in range(rank) if d != dim), dim]
    held = [e.transpose(x, perm) for x in xs]
    parts = [p for x in held for p in (e.parts(x) if x.dtype.kind == "c" else (x,))]
    made = iter(sorted_by(e, parts, keys))
    joined = [e.complex(next(made), next(made)) if x.dtype.kind == "c" else next(made) for x in xs]
    return [e.transpose(m, [int(p) for p in np.argsort(perm)]) for m in joined]


def sorted_by(e: Emitter, xs: Sequence[Tensor], keys: Sequence[Key]) -> list[Tensor]:
    """Tensors sorted along their last dimension by keys: a stable sort per key, last key first."""
    order: Tensor | None = None
    for k, descending, canonical in reversed(keys):
        key = _sort_key(e, xs[k], descending, canonical)
        if order is not None:
            key = pick(e, key, order)
        outputs = [(key.shape, key.dtype), (key.shape, I32)]
        values, place = e.node("Sort", [key], outputs, stable=True)
        if len(xs) == len(keys) == 1 and key is xs[0]:
            return [values]
        order = place if order is None else pick(e, order, place)
    assert order is not None
    return [pick(e, x, order) for x in xs]


def _sort_key(e: Emitter, x: Tensor, descending: bool, canonical: bool) -> Tensor:
    if (
        accepts("Sort", "x", x.dtype)
        and not e.may_be_nan(x)
        and (canonical or x.dtype.kind in "iu")
    ):
        if not descending:
            return x
        return a.negate(e, x) if x.dtype.kind not in "iu" else e.elementwise("Invert", x)
    key = a.sort_key(e, x, canonical)
    return e.elementwise("Invert", key) if descending else key


def pick(e: Emitter, x: Tensor, index: Tensor) -> Tensor:
    """Elements of `x` along its last dimension at `index`, which has the shape of the result."""
    moved, dtype = e.moved("GatherElements", "x", x)
    made = e.one("GatherElements", [moved, index], index.shape, moved.dtype, dim=len(x.shape) - 1)
    return e.back(made, dtype)


@rule("chlo.top_k")
def _top_k(t: Any, op: Any, x: Tensor) -> list[Tensor]:
    """A stable sort, cut: among equal elements the first, which `TopKV2` does not promise."""
    e, k, last = t.e, op.attrs["k"], len(x.shape) - 1
    key = _sort_key(e, x, descending=True, canonical=False)
    _, place = e.node("Sort", [key], [(key.shape, key.dtype), (key.shape, I32)], stable=True)
    index = e.slice_axis(place, last, 0, k)
    return [pick(e, x, index), index]
