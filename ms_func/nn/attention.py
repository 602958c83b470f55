"""Encodings of categories, and attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.nn.normalization import logsumexp, softmax
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import fusion, logic, manipulation, searching
from ms_func.numpy.creation import asarray
from ms_func.numpy.einsum import einsum
from ms_func.numpy.promotion import ArrayLike, convert, lay, operand
from ms_func.primitives import compare
from ms_func.primitives import shape as sh
from ms_func.primitives.collective_moves import axis_index, axis_size


def one_hot(x: Any, num_classes: int, *, dtype: Any = None, axis: int = -1) -> Array:
    """1 at the index that `x` gives along a new dimension of size `num_classes`, else 0.

    Indices out of range give zeros only. Where `axis` is the name of the axis of a `vmap` of size
    `num_classes`, each lane holds its class.
    """
    x = asarray(x)
    kind = np.dtype(np.float32) if dtype is None else canonicalize_dtype(dtype)
    if manipulation.axis_names(axis):
        return _one_hot_lane(x, num_classes, kind, axis)
    place = manipulation.axis_index(axis, x.ndim + 1)
    return fusion.run(_one_hot, (x,), int(num_classes), kind, place)


def _one_hot_lane(x: Any, count: int, kind: np.dtype, axis: Any) -> Any:
    """Whether `x` gives the index of this lane."""
    size = axis_size(axis)
    if size != count:
        raise ArgumentValueError(
            f"Expected num_classes to match the size of axis {axis!r}, but {count} != {size}"
        )
    own = convert(axis_index(axis), typeof(x).dtype)
    return convert(compare.eq(x, lay(own, typeof(x).shape, ())), kind)


def _one_hot(x: Any, count: int, kind: np.dtype, axis: int) -> Any:
    shape = typeof(x).shape
    full = (*shape[:axis], count, *shape[axis:])
    dims = tuple(i for i in range(len(full)) if i != axis)
    classes = sh.broadcasted_iota(typeof(x).dtype, full, axis)
    return convert(compare.eq(lay(x, full, dims), classes), kind)


def dot_product_attention(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, bias: ArrayLike | None = None,
    mask: ArrayLike | None = None, *, scale: float | None = None, is_causal: bool = False,
    query_seq_lengths: ArrayLike | None = None, key_value_seq_lengths: ArrayLike | None = None,
    local_window_size: int | tuple[int, int] | None = None, implementation: str | None = None,
    return_residual: bool = False,
) -> Any:  # fmt: skip
    """Scaled dot-product attention.

    Shapes: `query` `[batch, t, heads, d]`, `key` and `value` `[batch, s, groups, d]` where
        `groups` divides `heads`; all without the batch dimension too. `bias` and `mask`
        broadcast to `[batch, heads, t, s]`.

    Args:
        query: queries.
        key: keys.
        value: values.
        bias: added to the scores.
        mask: pairs that may attend.
        scale: factor of the scores, `1 / sqrt(d)` by default.
        is_causal: whether a query only attends to keys up to its own position.
        query_seq_lengths: number of queries of each row of the batch; the rest give zeros.
        key_value_seq_lengths: number of keys of each row of the batch.
        local_window_size: how many keys before and after its own position a query sees.
        implementation: None or "xla".
        return_residual: whether to return `(output, residual)`: the residual is the logarithm of
            the sum of the exponentials of each query's scores, `[batch, t, heads]` in float32.

    Reference:
        Vaswani et al., "Attention is all you need", NeurIPS 2017.
    """
    if implementation not in (None, "xla"):
        raise ArgumentValueError(f"there is no attention implementation {implementation!r}")
    q, k, v = (operand("dot_product_attention", a) for a in (query, key, value))
    if typeof(k).shape[:-1] != typeof(v).shape[:-1]:
        raise ArgumentValueError(f"keys and values have shapes {k.shape} and {v.shape}")
    if mask is not None and typeof(mask).dtype != np.bool_:
        raise ArgumentValueError(f"an attention mask must be boolean, got {typeof(mask)}")
    single = typeof(q).ndim == 3
    if single:
        q, k, v = (manipulation.expand_dims(a, 0) for a in (q, k, v))
    batch, t, heads, depth = typeof(q).shape
    s, groups = typeof(k).shape[1:3]
    grouped = manipulation.reshape(q, (batch, t, groups, heads // groups, depth))
    wide = np.promote_types(typeof(q).dtype, np.float32)
    scores = einsum("btghd,bsgd->bghts", grouped, k, preferred_element_type=wide)
    scores = manipulation.reshape(scores, (batch, heads, t, s))
    scores = ar.multiply(scores, 1 / math.sqrt(depth) if scale is None else scale)
    if bias is not None:
        scores = ar.add(scores, bias)
    allowed = _attention_mask(t, s, mask, is_causal, query_seq_lengths, key_value_seq_lengths,
                              local_window_size)  # fmt: skip
    if allowed is not None:
        scores = searching.where(allowed, scores, -0.7 * float(np.finfo(np.float32).max))
    weights = convert(softmax(scores), typeof(v).dtype)
    weights = manipulation.reshape(weights, (batch, groups, heads // groups, t, s))
    out = manipulation.reshape(einsum("bghts,bsgd->btghd", weights, v), (batch, t, heads, -1))
    if query_seq_lengths is not None:
        lengths = manipulation.reshape(query_seq_lengths, (-1, 1, 1, 1))
        places = sh.broadcasted_iota(np.int32, (1, t, 1, 1), 1)
        out = searching.where(logic.less(places, lengths), out, 0)
    lead = (0,) if single else ()
    if not return_residual:
        return manipulation.squeeze(out, lead)
    residual = manipulation.swapaxes(logsumexp(scores, -1), 1, 2)
    return manipulation.squeeze(out, lead), manipulation.squeeze(residual, lead)


def _attention_mask(
    t: int, s: int, mask: Any, causal: bool, query_lengths: Any, key_lengths: Any, window: Any
) -> Any:
    """Which keys each query may attend to, broadcastable to `[batch, heads, t, s]`."""
    rows = sh.broadcasted_iota(np.int32, (1, 1, t, s), 2)
    columns = sh.broadcasted_iota(np.int32, (1, 1, t, s), 3)
    found = [] if mask is None else [logic.truth("mask", mask)]
    if causal:
        found.append(compare.ge(rows, columns))
    if window is not None:
        before, after = (window, window) if isinstance(window, int) else window
        found.append(logic.greater_equal(columns, ar.subtract(rows, before)))
        found.append(logic.less_equal(columns, ar.add(rows, after)))
    for lengths, places in ((query_lengths, rows), (key_lengths, columns)):
        if lengths is not None:
            found.append(logic.less(places, manipulation.reshape(lengths, (-1, 1, 1, 1))))
    if not found:
        return None
    total = found[0]
    for part in found[1:]:
        total = logic.logical_and(total, part)
    return total
