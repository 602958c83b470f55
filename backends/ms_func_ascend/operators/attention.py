"""softmax(q k^T * scale + shift, perhaps masked) v as one operator.

A mask may be a constant or known at run time only. The operator leaves out what it is told to; a
row that has nothing left is another matter: a program that puts a large negative number in the
place of what is masked then takes the mean of all values, one that puts an infinity there gets
NaN. Both follow from a query that is 0 or NaN and a row that nothing is left out of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func_ascend.emitter import BOOL, FOLD_LIMIT, Emitter
from ms_func_ascend.graph import Tensor
from ms_func_ascend.legalize import holds
from ms_func_ascend.operators.arithmetic import negate
from ms_func_ascend.operators.dot import dot
from ms_func_ascend.operators.registry import rule
from ms_func_ascend.prototypes import accepts

SCORE = "FlashAttentionScore"
WIDEST = 256
"""Widest head that the operators take."""


class Scores(NamedTuple):
    """How the operators are told what becomes of products of queries and keys.

    Attributes:
        scale: number that the products are multiplied with.
        shift: what is added to them; batch or 1, heads, both positions. The operator multiplies
            it with its scale as well, so that the scale is then put into the queries.
        out: where an element is left out; batch or 1, heads or 1, both positions.
        rows: which rows keep something, one for each query; None where all of them do.
        fill: what the queries of other rows are.
    """

    scale: float
    shift: Tensor | None = None
    out: Tensor | None = None
    rows: Tensor | None = None
    fill: float = 0.0

    @property
    def factor(self) -> float:
        """The operator's own scale."""
        return self.scale if self.shift is None else 1.0

    def queries(self, e: Emitter, q: Tensor, order: Sequence[int]) -> Tensor:
        """Queries as they are fed, their dimensions in `order`; others in empty rows."""
        return self._scaled(e, self._chosen(e, q, order, self.fill))

    def slopes(self, e: Emitter, dq: Tensor, order: Sequence[int]) -> Tensor:
        """Gradients by queries, 0 in rows that keep nothing."""
        return self._scaled(e, self._chosen(e, dq, order, 0.0))

    def _scaled(self, e: Emitter, x: Tensor) -> Tensor:
        if self.shift is None or self.scale == 1:
            return x
        return e.elementwise("Mul", x, e.like(self.scale, x))

    def _chosen(self, e: Emitter, x: Tensor, order: Sequence[int], other: float) -> Tensor:
        if self.rows is None:
            return x
        return e.select(e.transpose(self.rows, order), x, e.like(other, x))


def scores(
    e: Emitter, keep: Tensor | None, fill: float, shift: Tensor | None, scale: float,
    shapes: Sequence[Sequence[int]], dtype: np.dtype,
) -> Scores | None:  # fmt: skip
    """The operators' form of scaled, shifted and masked products; None if they lack it.

    Args:
        e: the emitter.
        keep: where elements stay; four dimensions that broadcast to batch, heads, both positions.
        fill: what the program puts in the place of others.
        shift: what the program adds, broadcasting likewise.
        scale: what it multiplies with.
        shapes: those of queries and keys (batch, heads, positions, features).
        dtype: that of the queries.
    """
    (batch, heads, count, _), (_, _, keys, _), *_ = shapes
    if shift is not None and keep is None:
        keep, fill, shift = _as_mask(e, shift, fill)
    if shift is not None:
        shift = _of_dtype(e, shift, dtype)
        if shift is None:
            return None
    if keep is None:
        return Scores(scale, None if shift is None else _shift(e, shift, shapes))
    lead = keep.shape[:2]
    lead = lead if lead in ((1, 1), (batch, 1), (batch, heads)) else (batch, heads)
    value = e.computed(keep)
    out, rows = e.elementwise("LogicalNot", keep, dtype=BOOL), None
    if value is None or not value.any(-1).all():
        wide = e.broadcast_to(keep, (*keep.shape[:3], keys))
        kept = (*keep.shape[:3], 1)
        rows = e.one("ReduceAny", [wide, e.ints([3])], kept, BOOL, keep_dims=True)
        out = e.elementwise("LogicalAnd", out, rows, dtype=BOOL)
    if shift is not None and rows is not None:  # empty rows forget what was added, too
        shift = e.select(rows, shift, e.like(0, shift))
    out = e.broadcast_to(out, (*lead, count, keys))
    added = None if shift is None else _shift(e, shift, shapes)
    return Scores(scale, added, out, rows, math.nan if math.isinf(fill) else 0.0)


def aligned(e: Emitter, x: Tensor, logits: Sequence[int], full: Sequence[int]) -> Tensor:
    """`x`, which broadcasts to logits, with four dimensions that broadcast to `full`.

    Those have the same dimensions apart from ones that are 1, and may have groups of heads apart.
    """
    sizes = [1] * (len(logits) - len(x.shape)) + list(x.shape)
    x = e.reshape(x, sizes)
    places = [k for k, n in enumerate(logits) if n != 1]
    shape = []
    for n in full:
        parts: list[int] = []
        while math.prod(logits[k] for k in parts) < n:
            parts.append(places.pop(0))
        if any(sizes[k] != 1 for k in parts):
            for k in parts:
                sizes[k] = logits[k]
        shape.append(math.prod(sizes[k] for k in parts))
    return e.reshape(e.broadcast_to(x, sizes), shape)


def _of_dtype(e: Emitter, x: Tensor, dtype: np.dtype) -> Tensor | None:
    """`x` in the dtype of the operator's other operands; None where that would round it."""
    while x.dtype != dtype and x.node.op == "Cast":
        (x, *_) = x.node.inputs  # type: ignore[assignment]
    value = x.value
    fits = value is not None and bool((value.astype(dtype).astype(value.dtype) == value).all())
    return e.cast(x, dtype) if x.dtype == dtype or fits or holds(dtype, x.dtype) else None


def _shift(e: Emitter, shift: Tensor, shapes: Sequence[Sequence[int]]) -> Tensor:
    (_, heads, count, _), (_, _, keys, _), *_ = shapes
    return e.broadcast_to(shift, (shift.shape[0], heads, count, keys))


def _as_mask(e: Emitter, shift: Tensor, fill: float) -> tuple[Tensor | None, float, Tensor | None]:
    """A mask and its fill in the place of 0 and a large negative number that are added.

    Only where they mean the same: in a row without any key a finite number changes nothing.
    """
    keep: Tensor | None = None
    if shift.node.op == "SelectV2":
        keep, one, other = shift.node.inputs
        first, second = (None if t is None else t.number for t in (one, other))
        if keep is None or first is None or second is None or 0 not in (first, second):
            return None, fill, shift
        keep = keep if first == 0 else e.elementwise("LogicalNot", keep, dtype=BOOL)
        others = np.array([second if first == 0 else first])
    else:
        value = e.computed(shift)
        if value is None or value.size > FOLD_LIMIT:
            return None, fill, shift
        keep, others = e.const(value == 0), value[value != 0].astype(np.float64)
    known = e.computed(keep)
    same = np.isinf(others).all() or (known is not None and known.any(-1).all())
    if not others.size or not (others <= -1e4).all() or not same:
        return None, fill, shift
    return keep, float(others[0]), None


def takes(e: Emitter, q: Tensor, shapes: Sequence[Sequence[int]]) -> bool:
    """Whether the operator takes queries, keys and values of shapes (batch, head, place, width)."""
    queries, keys, values = shapes
    return (
        e.has(SCORE)
        and accepts(SCORE, "query", q.dtype)
        and queries[3] <= WIDEST
        and tuple(values) == tuple(keys)
        and queries[0] == keys[0]
        and queries[1] % keys[1] == 0
    )


@rule("ascend.Attention", compact=True)
def _attention(t: Any, op: Any, q: Tensor, k: Tensor, v: Tensor, *more: Tensor) -> Tensor:
    """One operator where it takes the heads; else the parts."""
    e, attrs, dtype = t.e, op.attrs, op.results[0].type.dtype
    whole = [e.cast(e.broadcast_to(x, y.type.shape), dtype)
             for x, y in zip((q, k, v), op.operands, strict=False)]  # fmt: skip
    held = [_heads(e, x, attrs[name]) for name, x in zip("qkv", whole, strict=True)]
    full = *held[0].shape[:3], held[1].shape[2]
    given = {
        name: aligned(e, x, attrs["logits"], full)
        for name, x in zip(attrs["more"], more, strict=True)
    }
    if attrs["sign"] < 0:
        given["shift"] = negate(e, given["shift"])
    shape = op.results[0].type.shape
    made = _flash(e, held, given, attrs, shape)
    if made is None:
        made = e.reshape(_spelled_out(e, held, given, attrs), shape)
    return made


def _heads(e: Emitter, x: Tensor, sides: Any) -> Tensor:
    """`x` as batch, head, position, feature; heads of a group lie side by side."""
    if len(sides.batch) == 3 and sides.batch[2] == sides.batch[1] + 1:
        first = sides.batch[1]
        x = e.reshape(x, (*x.shape[:first], x.shape[first] * x.shape[first + 1],
                          *x.shape[first + 2 :]))  # fmt: skip
        sides = sides._replace(
            batch=[d - (d > first) for d in sides.batch[:2]],
            position=[d - (d > first) for d in sides.position],
            feature=[d - (d > first) for d in sides.feature],
        )
    order = [*sides.batch, *sides.position, *sides.feature]
    rest = [d for d in range(len(x.shape)) if d not in order]
    heads = math.prod(x.shape[d] for d in sides.batch[1:])
    shape = [x.shape[order[0]], heads, *(x.shape[d] for d in order[-2:])]
    return e.reshape(e.transpose(x, [*order, *rest]), shape)


def _flash(
    e: Emitter, held: list[Tensor], given: dict[str, Tensor], attrs: Any, shape: tuple[int, ...]
) -> Tensor | None:
    q, k, _ = held
    if not takes(e, q, [x.shape for x in held]):
        return None
    shapes = q.shape, k.shape
    how = scores(e, given.get("keep"), attrs["fill"], given.get("shift"), attrs["scale"], shapes,
                 q.dtype)  # fmt: skip
    if how is None:
        return None
    turned = [e.transpose(x, [0, 2, 1, 3]) for x in held]
    plain = sum(x.node.op == "Transpose" for x in turned) < sum(
        x.node.op == "Transpose" for x in held
    )
    layout, fed, order = ("BSND", turned, [0, 2, 1, 3]) if plain else ("BNSD", held, [0, 1, 2, 3])
    fed[0] = how.queries(e, fed[0], order)
    made = score(e, fed, how, q.shape, layout)[3]
    if not plain:
        return e.reshape(made, shape)
    if len(shape) == 5 and (shape[1] * shape[2], shape[3]) == q.shape[1:3]:  # groups of heads apart
        apart = e.reshape(made, (shape[0], shape[3], shape[1], shape[2], shape[4]))
        return e.transpose(apart, [0, 2, 3, 1, 4])
    return e.reshape(e.transpose(made, [0, 2, 1, 3]), shape)


def score(
    e: Emitter, fed: Sequence[Tensor], how: Scores, shape: Sequence[int], layout: str
) -> list[Tensor]:
    """Outputs of the operator: maxima and sums of rows, nothing, and the result."""
    q = fed[0]
    sums = ((*shape[:3], 8), np.dtype(np.float32))
    outputs = [sums, sums, ((0, 0, 0, 0), q.dtype), (q.shape, q.dtype)]
    inputs = [*fed, how.shift, None, None, how.out]
    return e.node(SCORE, inputs, outputs, head_num=shape[1], input_layout=layout,
                  scale_value=how.factor)  # fmt: skip


def _repeated(e: Emitter, x: Tensor, heads: int) -> Tensor:
    """Each head of `x` as often as the queries of `heads` heads need it."""
    batch, own, *rest = x.shape
    wide = e.broadcast_to(e.reshape(x, (batch, own, 1, *rest)), (batch, own, heads // own, *rest))
    return e.reshape(wide, (batch, heads, *rest))


def _spelled_out(
    e: Emitter, held: list[Tensor], given: dict[str, Tensor], attrs: dict[str, Any]
) -> Tensor:
    q, k, v = held
    k, v = (_repeated(e, x, q.shape[1]) for x in (k, v))
    pairs, wide = ([0, 1], [0, 1]), attrs["dtype"]
    x = dot(e, q, k, pairs, ([3], [3]), wide)
    if attrs["scale"] != 1:
        x = e.elementwise("Mul", x, e.like(attrs["scale"], x))
    if "shift" in given:
        x = e.elementwise("Add", x, e.cast(given["shift"], wide))
    if "keep" in given:
        x = e.select(given["keep"], x, e.like(attrs["fill"], x))
    weights = e.cast(e.one("SoftmaxV2", [x], x.shape, x.dtype, axes=[3]), q.dtype)
    return dot(e, weights, v, pairs, ([3], [2]), q.dtype)
