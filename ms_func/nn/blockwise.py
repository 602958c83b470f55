"""Attention in memory that does not grow with the product of the lengths.

T. Dao, "FlashAttention-2", 2023: blocks of queries see one block of keys after the other, and keep
the largest score so far, the sum of exponentials relative to it, and the sum of values weighted by
them. Two nested loops; derivatives compute the scores of a block again (`checkpoint`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ms_func.control_flow.checkpoint import checkpoint
from ms_func.control_flow.cond import cond
from ms_func.control_flow.identities import stop_gradient
from ms_func.control_flow.scan import scan
from ms_func.dtypes import promote_types
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import logic, manipulation, reductions, searching
from ms_func.numpy.einsum import einsum
from ms_func.numpy.filled import full, zeros
from ms_func.numpy.padding import pad
from ms_func.numpy.promotion import convert
from ms_func.primitives import compare
from ms_func.primitives import shape as sh

_BLOCK = 512


class Rules(NamedTuple):
    """What scores are made of, and which of them count.

    Attributes:
        scale: factor of the products.
        bias: added to them, broadcastable to `[batch, heads, t, s]`.
        mask: pairs that count, likewise.
        causal: whether only keys up to the place of the query count.
        query_lengths: number of queries `[batch]`.
        key_lengths: number of keys `[batch]`.
        window: how many keys before and after the place of the query count.
    """

    scale: Any
    bias: Any
    mask: Any
    causal: bool
    query_lengths: Any
    key_lengths: Any
    window: tuple[int, int] | None

    def allowed(self, rows: Any, columns: Any, mask: Any) -> Any:
        """Which pairs count, for places `[1, 1, t, s]` of queries and keys; None for all."""
        found = [] if mask is None else [mask]
        if self.causal:
            found.append(compare.ge(rows, columns))
        if self.window is not None:
            before, after = self.window
            found.append(logic.greater_equal(columns, ar.subtract(rows, before)))
            found.append(logic.less_equal(columns, ar.add(rows, after)))
        for lengths, places in ((self.query_lengths, rows), (self.key_lengths, columns)):
            if lengths is not None:
                found.append(logic.less(places, manipulation.reshape(lengths, (-1, 1, 1, 1))))
        total = None
        for part in found:
            total = part if total is None else logic.logical_and(total, part)
        return total

    def may_skip(self, t: int, s: int) -> bool:
        """Whether blocks that cannot count may be left out: every query has a key that counts."""
        near = self.window is None or (min(self.window) >= 0 and t <= s)
        plain = self.mask is None and self.query_lengths is None and self.key_lengths is None
        return plain and near and (self.causal or self.window is not None)


def masked_score(scores: Any) -> float:
    """Score of a pair that does not count: finite, so that rows of none of them stay finite."""
    return -0.7 * float(np.finfo(typeof(scores).dtype).max)


def blockwise(q: Any, k: Any, v: Any, rules: Rules) -> tuple[Any, Any]:
    """Result `[batch, t, heads, d]` and logarithms of sums `[batch, t, heads]`."""
    (batch, t, heads, _), (_, s, groups, _) = typeof(q).shape, typeof(k).shape
    (many, size), (many_keys, key_size) = _cut(t), _cut(s)
    queries = _split(_grouped(q, groups), 3, many, size)
    keys, values = (_split(_grouped(x, groups), 3, many_keys, key_size) for x in (k, v))
    tables = {
        name: _table(x, (many, size), (many_keys, key_size))
        for name, x in (("bias", rules.bias), ("mask", rules.mask))
        if x is not None
    }
    wide = promote_types(typeof(q).dtype, np.float32)
    cut = _Cut(
        rules, wide, batch, heads, groups, size, s, many_keys, key_size, rules.may_skip(t, s)
    )  # fmt: skip

    def row(_: None, at: Any) -> Any:
        i, block, given = at
        return None, cut.row(i, block, keys, values, _own(tables, given))

    steps = (np.arange(many, dtype=np.int32), queries, _given(tables))
    _, (out, residual) = scan(checkpoint(row), None, steps)
    out = manipulation.reshape(manipulation.moveaxis(out, 0, 3), (batch, heads, many * size, -1))
    residual = manipulation.reshape(manipulation.moveaxis(residual, 0, 2), (batch, heads, -1))
    out, residual = out[:, :, :t], residual[:, :, :t]
    return (
        convert(manipulation.swapaxes(out, 1, 2), typeof(v).dtype),
        manipulation.swapaxes(residual, 1, 2),
    )


def _given(tables: dict[str, Any]) -> dict[str, Any]:
    """Those tables that have a part for each block; the others have one for all."""
    return {name: x for name, x in tables.items() if typeof(x).shape[0] > 1}


def _own(tables: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The parts of the tables for one block, of which those in `given` were taken already."""
    return {name: given[name] if name in given else x[0] for name, x in tables.items()}


class _Cut(NamedTuple):
    """How queries and keys are cut into blocks, and what is done with a pair of them.

    Attributes:
        rules: which pairs count, and how much.
        wide: dtype of scores and sums.
        batch, heads, groups: sizes; each group of heads shares its keys.
        size: queries in a block.
        keys: number of keys, without those that fill up the last block.
        key_blocks: number of their blocks.
        key_size: keys in a block.
        skip: whether blocks that do not count are left out.
    """

    rules: Rules
    wide: np.dtype
    batch: int
    heads: int
    groups: int
    size: int
    keys: int
    key_blocks: int
    key_size: int
    skip: bool

    def row(self, i: Any, block: Any, keys: Any, values: Any, local: dict[str, Any]) -> Any:
        """Result of the block of queries number `i`, and logarithms of its sums."""
        rows = ar.add(
            ar.multiply(i, self.size), sh.broadcasted_iota(np.int32, (1, 1, self.size, 1), 2)
        )

        def column(state: Any, at: Any) -> Any:
            j, key, value, given = at
            first = ar.multiply(j, self.key_size)
            columns = ar.add(first, sh.broadcasted_iota(np.int32, (1, 1, 1, self.key_size), 3))

            def look(state: Any) -> Any:
                scores = self.scores(block, key, rows, columns, _own(local, given))
                return _seen(state, scores, value, self.groups)

            if not self.skip:
                return look(state), None
            counts = _overlap(self.rules, i, self.size, j, self.key_size)
            return cond(counts, look, lambda old: old, state), None

        steps = (np.arange(self.key_blocks, dtype=np.int32), keys, values, _given(local))
        start = self.start(typeof(values).shape[-1])
        (top, total, sums), _ = scan(checkpoint(column), start, steps)
        share = manipulation.reshape(total, (*typeof(sums).shape[:-1], 1))
        return ar.divide(sums, share), ar.add(top, el.log(total))

    def start(self, depth: int) -> tuple[Any, Any, Any]:
        """Reference, sum of weights and weighted sum before the first block of keys."""
        lead = (self.batch, self.heads, self.size)
        grouped = (self.batch, self.groups, self.heads // self.groups, self.size, depth)
        return full(lead, -np.inf, self.wide), zeros(lead, self.wide), zeros(grouped, self.wide)

    def scores(self, block: Any, key: Any, rows: Any, columns: Any, table: dict[str, Any]) -> Any:
        """Scores of a pair of blocks; very low where a pair does not count."""
        scores = einsum("bghtd,bgxsd->bghts", block, key, preferred_element_type=self.wide)
        scores = manipulation.reshape(scores, (self.batch, self.heads, self.size, self.key_size))
        scores = ar.multiply(scores, self.rules.scale)
        scores = ar.add(scores, table["bias"]) if "bias" in table else scores
        allowed = self.rules.allowed(rows, columns, table.get("mask"))
        if allowed is not None:
            scores = searching.where(allowed, scores, masked_score(scores))
        if self.key_blocks * self.key_size > self.keys:
            scores = searching.where(compare.lt(columns, self.keys), scores, -np.inf)
        return scores


def _seen(state: Any, scores: Any, value: Any, groups: int) -> Any:
    """State after one more block of keys; results do not depend on the reference `top`."""
    top, total, sums = state
    batch, heads, size = typeof(top).shape
    new = stop_gradient(ar.maximum(top, reductions.max(scores, -1)))
    weights = el.exp(ar.subtract(scores, manipulation.expand_dims(new, -1)))
    fade = el.exp(ar.subtract(stop_gradient(top), new))
    total = ar.add(ar.multiply(total, fade), reductions.sum(weights, -1))
    split = (batch, groups, heads // groups, size)
    shares = manipulation.reshape(weights, (*split, -1))
    more = einsum("bghts,bgxsd->bghtd", convert(shares, typeof(value).dtype), value,
                  preferred_element_type=typeof(scores).dtype)  # fmt: skip
    faded = ar.multiply(sums, manipulation.reshape(fade, (*split, 1)))
    return new, total, ar.add(faded, more)


def _cut(n: int) -> tuple[int, int]:
    """Number of blocks and their length, equal for all."""
    many = max(-(-n // _BLOCK), 1)
    return many, max(-(-n // many), 1)


def _grouped(x: Any, groups: int) -> Any:
    """`[batch, t, heads, d]` as `[batch, groups, heads of a group, t, d]`."""
    batch, t, heads, depth = typeof(x).shape
    x = manipulation.reshape(x, (batch, t, groups, heads // groups, depth))
    return manipulation.moveaxis(x, 1, 3)


def _split(x: Any, axis: int, many: int, size: int) -> Any:
    """Blocks of a dimension, which zeros fill up, along a new first dimension."""
    shape = typeof(x).shape
    missing = many * size - shape[axis]
    if missing:
        x = pad(x, [(0, missing if d == axis else 0) for d in range(len(shape))])
    x = manipulation.reshape(x, (*shape[:axis], many, size, *shape[axis + 1 :]))
    return manipulation.moveaxis(x, axis, 0)


def _table(x: Any, rows: tuple[int, int], columns: tuple[int, int]) -> Any:
    """Blocks `[many or 1, many keys or 1, ...]` of a bias or a mask, whose lengths of 1 stay."""
    shape = (1,) * (4 - typeof(x).ndim) + typeof(x).shape
    x = manipulation.reshape(x, shape)
    x = manipulation.expand_dims(x, 0) if shape[3] == 1 else _split(x, 3, *columns)
    return manipulation.expand_dims(x, 0) if shape[2] == 1 else _split(x, 3, *rows)


def _overlap(rules: Rules, i: Any, size: int, j: Any, key_size: int) -> Any:
    """Whether some pair of two blocks counts."""
    first, last = ar.multiply(i, size), ar.add(ar.multiply(i, size), size - 1)
    first_key = ar.multiply(j, key_size)
    last_key = ar.add(first_key, key_size - 1)
    found = compare.ge(last, first_key) if rules.causal else None
    if rules.window is not None:
        before, after = rules.window
        near = logic.logical_and(
            logic.greater_equal(last_key, ar.subtract(first, before)),
            logic.less_equal(first_key, ar.add(last, after)),
        )
        found = near if found is None else logic.logical_and(found, near)
    return found
