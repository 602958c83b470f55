"""softmax(q k^T * scale, perhaps masked) v as one operator.

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

from ms_func_ascend.emitter import BOOL, Emitter
from ms_func_ascend.graph import Tensor
from ms_func_ascend.operators.dot import dot
from ms_func_ascend.operators.fused import fused
from ms_func_ascend.prototypes import accepts

SCORE = "FlashAttentionScore"
WIDEST = 256
"""Widest head that the operators take."""


class Masked(NamedTuple):
    """How a mask is given to the operators.

    Attributes:
        out: where an element is left out; batch or 1, heads or 1, both positions.
        rows: which rows keep something, one for each query; None where all of them do.
        fill: what the queries of other rows are.
    """

    out: Tensor
    rows: Tensor | None
    fill: float

    def queries(self, e: Emitter, q: Tensor, order: Sequence[int]) -> Tensor:
        """Queries, their dimensions in `order`, with those of rows that keep nothing replaced."""
        return self._chosen(e, q, order, self.fill)

    def slopes(self, e: Emitter, dq: Tensor, order: Sequence[int]) -> Tensor:
        """Gradients by queries, 0 in rows that keep nothing."""
        return self._chosen(e, dq, order, 0.0)

    def _chosen(self, e: Emitter, x: Tensor, order: Sequence[int], other: float) -> Tensor:
        if self.rows is None:
            return x
        return e.select(e.transpose(self.rows, order), x, e.like(other, x))


def masked(e: Emitter, keep: Tensor, fill: float, shape: Sequence[int], keys: int) -> Masked | None:
    """The operators' form of a mask over `shape` (batch, heads, positions); None if they lack it.

    Args:
        keep: where elements stay, broadcasting to (batch, heads, positions, keys).
        fill: what the program puts in the place of others.
    """
    batch, heads, count = shape[:3]
    if len(keep.shape) > 4 or not keep.shape:
        return None
    whole = e.reshape(keep, (1,) * (4 - len(keep.shape)) + keep.shape)
    lead = whole.shape[:2]
    lead = lead if lead in ((1, 1), (batch, 1), (batch, heads)) else (batch, heads)
    value = e.computed(whole)
    out, rows = e.elementwise("LogicalNot", whole, dtype=BOOL), None
    if value is None or not value.any(-1).all():
        wide = e.broadcast_to(whole, (*whole.shape[:3], keys))
        kept = (*whole.shape[:3], 1)
        rows = e.one("ReduceAny", [wide, e.ints([3])], kept, BOOL, keep_dims=True)
        out = e.elementwise("LogicalAnd", out, rows, dtype=BOOL)
    out = e.broadcast_to(out, (*lead, count, keys))
    return Masked(out, rows, math.nan if math.isinf(fill) else 0.0)


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


@fused("ascend.Attention", compact=True)
def _attention(t: Any, op: Any, q: Tensor, k: Tensor, v: Tensor, *mask: Tensor) -> Tensor:
    """One operator where it takes the heads; else the parts."""
    e, attrs = t.e, op.attrs
    full = [e.broadcast_to(x, y.type.shape) for x, y in zip((q, k, v), op.operands, strict=False)]
    held = [_heads(e, x, attrs[name]) for name, x in zip("qkv", full, strict=True)]
    keep = mask[0] if mask else None
    shape = op.results[0].type.shape
    made = _flash(e, held, keep, attrs, shape)
    if made is None:
        made = e.reshape(_spelled_out(e, held, keep, attrs), shape)
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
    e: Emitter, held: list[Tensor], keep: Tensor | None, attrs: Any, shape: tuple[int, ...]
) -> Tensor | None:
    q, k, _ = held
    if not takes(e, q, [x.shape for x in held]):
        return None
    mask = None if keep is None else masked(e, keep, attrs["fill"], q.shape, k.shape[2])
    if keep is not None and mask is None:
        return None
    turned = [e.transpose(x, [0, 2, 1, 3]) for x in held]
    plain = sum(x.node.op == "Transpose" for x in turned) < sum(
        x.node.op == "Transpose" for x in held
    )
    layout, fed, order = ("BSND", turned, [0, 2, 1, 3]) if plain else ("BNSD", held, [0, 1, 2, 3])
    if mask is not None:
        fed[0] = mask.queries(e, fed[0], order)
    made = score(e, fed, mask, q.shape, layout, attrs["scale"])[3]
    if not plain:
        return e.reshape(made, shape)
    if len(shape) == 5 and (shape[1] * shape[2], shape[3]) == q.shape[1:3]:  # groups of heads apart
        apart = e.reshape(made, (shape[0], shape[3], shape[1], shape[2], shape[4]))
        return e.transpose(apart, [0, 2, 3, 1, 4])
    return e.reshape(e.transpose(made, [0, 2, 1, 3]), shape)


def score(
    e: Emitter, fed: Sequence[Tensor], mask: Masked | None, shape: Sequence[int], layout: str,
    scale: float,
) -> list[Tensor]:  # fmt: skip
    """Outputs of the operator: maxima and sums of rows, nothing, and the result."""
    q = fed[0]
    sums = ((*shape[:3], 8), np.dtype(np.float32))
    outputs = [sums, sums, ((0, 0, 0, 0), q.dtype), (q.shape, q.dtype)]
    inputs = [*fed, None, None, None, None if mask is None else mask.out]
    return e.node(SCORE, inputs, outputs, head_num=shape[1], input_layout=layout,
                  scale_value=scale)  # fmt: skip


def _repeated(e: Emitter, x: Tensor, heads: int) -> Tensor:
    """Each head of `x` as often as the queries of `heads` heads need it."""
    batch, own, *rest = x.shape
    wide = e.broadcast_to(e.reshape(x, (batch, own, 1, *rest)), (batch, own, heads // own, *rest))
    return e.reshape(wide, (batch, heads, *rest))


def _spelled_out(
    e: Emitter, held: list[Tensor], keep: Tensor | None, attrs: dict[str, Any]
) -> Tensor:
    q, k, v = held
    k, v = (_repeated(e, x, q.shape[1]) for x in (k, v))
    pairs, wide = ([0, 1], [0, 1]), attrs["dtype"]
    x = dot(e, q, k, pairs, ([3], [3]), wide)
    if attrs["scale"] != 1:
        x = e.elementwise("Mul", x, e.like(attrs["scale"], x))
    if keep is not None:
        x = e.select(keep, x, e.like(attrs["fill"], x))
    weights = e.cast(e.one("SoftmaxV2", [x], x.shape, x.dtype, axes=[3]), q.dtype)
    return dot(e, weights, v, pairs, ([3], [2]), q.dtype)
