"""Encodings of categories, and attention."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.dtypes import DEFAULTS, canonicalize_dtype, promote_types
from ms_func.errors import ArgumentValueError, ConcretizationTypeError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.nn.blockwise import Rules, blockwise, masked_score
from ms_func.nn.normalization import logsumexp, softmax
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import axes, fusion, logic, manipulation, searching
from ms_func.numpy.creation import asarray
from ms_func.numpy.einsum import einsum
from ms_func.numpy.promotion import ArrayLike, common_shape, convert, lay, operand
from ms_func.primitives import compare
from ms_func.primitives import shape as sh
from ms_func.primitives.collective_places import axis_index, axis_size


def one_hot(x: Any, num_classes: int, *, dtype: Any = None, axis: int = -1) -> Array:
    """1 at the index that `x` gives along a new dimension of size `num_classes`, else 0.

    Args:
        x: indices, of any real dtype. Those out of range, negative ones too, give zeros only.
        num_classes: size of the new dimension.
        dtype: of the result; float32 by default.
        axis: place of the new dimension in the result. Where it is the name of the axis of a
            `vmap` of size `num_classes`, each lane holds its class.

    Returns:
        Array of the shape of `x` with `num_classes` put in at `axis`.

    Raises:
        TypeError: `num_classes` is no integer.
        ValueError: there is no such place, or the named axis has another size.

    Example:
        >>> print(one_hot(np.array([0, 2, 3]), 3))
        [[1. 0. 0.]
         [0. 0. 1.]
         [0. 0. 0.]]
    """
    x = asarray(x)
    kind = DEFAULTS[float] if dtype is None else canonicalize_dtype(dtype)
    try:
        num_classes = operator.index(num_classes)
    except ConcretizationTypeError as error:
        where = f"It arose in {'jax.' * jax_rules()}nn.one_hot argument `num_classes`: {error}"
        raise type(error)(where) from None
    if axes.axis_names(axis):
        return _one_hot_lane(x, num_classes, kind, axis)
    place = axes.axis_index(axis, x.ndim + 1)
    return fusion.run(_one_hot, (x,), num_classes, kind, place)


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


_LARGE = 2**24
"""Number of scores above which they are not held at once: 64 MiB in single precision."""


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
        mask: pairs that may attend, boolean.
        scale: factor of the scores, `1 / sqrt(d)` by default.
        is_causal: whether a query only attends to keys up to its own position.
        query_seq_lengths: number of queries of each row of the batch; the rest give zeros.
        key_value_seq_lengths: number of keys of each row of the batch.
        local_window_size: how many keys before and after its own position a query sees.
        implementation: "xla" holds all scores at once, "blockwise" never more than a block of
            them, in derivatives too: memory grows with `t + s` and not with their product. None
            is "blockwise" above 2^24 scores.
        return_residual: also return the logarithms of the sums of exponentials of the scores,
            `[batch, t, heads]` in float32, or in the dtype of `query` if that is wider.

    Returns:
        Array `[batch, t, heads, d]`; where a query may attend to no key, the mean of the values.

    Raises:
        ValueError: shapes do not fit, `mask` is not boolean, or there is no such implementation.

    Reference:
        Vaswani et al., "Attention is all you need", NeurIPS 2017; Dao, "FlashAttention-2", 2023.

    Example:
        >>> queries, keys = np.zeros((3, 1, 2)), np.zeros((3, 1, 2))  # [t, heads, d]: equal scores
        >>> values = np.array([1.0, 3.0, 8.0]).reshape(3, 1, 1)
        >>> values = np.broadcast_to(values, (3, 1, 2))
        >>> print(dot_product_attention(queries, keys, values, is_causal=True)[:, 0, 0])
        [1. 2. 4.]
    """
    if implementation not in (None, "xla", "blockwise"):
        raise ArgumentValueError(
            f"Unsupported implementation option: {implementation}\n"
            "fix: implementation=None, 'xla' or 'blockwise'"
        )
    q, k, v = (operand("dot_product_attention", a) for a in (query, key, value))
    single = typeof(q).ndim == 3
    if single:
        q, k, v = (manipulation.expand_dims(a, 0) for a in (q, k, v))
    lengths = query_seq_lengths, key_value_seq_lengths
    rules = _rules(q, k, v, bias, mask, scale, is_causal, lengths, local_window_size)
    (batch, t, heads, _), s = typeof(q).shape, typeof(k).shape[1]
    large = batch * heads * t * s > _LARGE
    blocks = implementation == "blockwise" or (implementation is None and large)
    out, residual = blockwise(q, k, v, rules) if blocks else _at_once(q, k, v, rules)
    if query_seq_lengths is not None:
        count = manipulation.reshape(query_seq_lengths, (-1, 1, 1, 1))
        places = sh.broadcasted_iota(np.int32, (1, t, 1, 1), 1)
        out = searching.where(logic.less(places, count), out, 0)
    if single:
        out, residual = manipulation.squeeze(out, 0), manipulation.squeeze(residual, 0)
    return (out, residual) if return_residual else out


def _rules(
    q: Any, k: Any, v: Any, bias: Any, mask: Any, scale: float | None, causal: bool,
    lengths: tuple[Any, Any], window: Any,
) -> Rules:  # fmt: skip
    """What scores are made of and which of them count.

    Raises:
        ValueError: shapes do not fit, or `mask` is not boolean.
    """
    shapes = [typeof(x).shape for x in (q, k, v)]
    if any(len(x) != 4 for x in shapes):
        raise ArgumentValueError(
            f"query, key and value must all have 4 dimensions, or all 3, got shapes {shapes}"
        )
    (batch, t, heads, depth), (_, s, groups, _) = shapes[:2]
    for name, got, want in (("key", shapes[1], (batch, s, groups, depth)),
                            ("value", shapes[2], (batch, s, groups, shapes[2][3]))):  # fmt: skip
        if got != want:
            raise ArgumentValueError(f"{name} shape should be {list(want)}: but got {got}")
    if not groups or heads % groups:
        raise ArgumentValueError(
            f"The number of query heads must be a multiple of key/value heads, but got {heads} vs "
            f"{groups}"
        )
    if mask is not None and typeof(mask).dtype != np.bool_:
        raise ArgumentValueError(f"mask dtype should be bool, but got {typeof(mask).dtype}")
    _check_broadcasts("bias", bias, (batch, heads, t, s))
    _check_broadcasts("mask", mask, (batch, heads, t, s))
    for name, x in zip(("query_seq_lengths", "key_value_seq_lengths"), lengths, strict=True):
        if x is not None and typeof(asarray(x)).shape != (batch,):
            raise ArgumentValueError(
                f"{name} shape should be [{batch}]: but got {typeof(asarray(x)).shape}"
            )
    reach = (window, window) if isinstance(window, int) else window
    factor = 1 / math.sqrt(depth) if scale is None else scale
    return Rules(factor, bias, mask, bool(causal), *lengths, reach)


def _check_broadcasts(name: str, x: Any, shape: tuple[int, ...]) -> None:
    """Raise ValueError where what stands beside the scores has not their shape."""
    if x is not None:
        own = typeof(x).shape
        if common_shape("dot_product_attention", [own, shape]) != shape:
            raise ArgumentValueError(f"{name} of shape {own} does not broadcast to {shape}")


def _at_once(q: Any, k: Any, v: Any, rules: Rules) -> tuple[Any, Any]:
    """Result `[batch, t, heads, d]` and logarithms of sums `[batch, t, heads]`."""
    batch, t, heads, depth = typeof(q).shape
    s, groups = typeof(k).shape[1:3]
    wide = promote_types(typeof(q).dtype, np.float32)
    grouped = manipulation.reshape(q, (batch, t, groups, heads // groups, depth))
    scores = einsum("btghd,bsgd->bghts", grouped, k, preferred_element_type=wide)
    scores = manipulation.reshape(scores, (batch, heads, t, s))
    scores = ar.multiply(scores, rules.scale)
    if rules.bias is not None:
        scores = ar.add(scores, rules.bias)
    rows = sh.broadcasted_iota(np.int32, (1, 1, t, s), 2)
    columns = sh.broadcasted_iota(np.int32, (1, 1, t, s), 3)
    allowed = rules.allowed(rows, columns, rules.mask)
    if allowed is not None:
        scores = searching.where(allowed, scores, masked_score(scores))
    weights = convert(softmax(scores), typeof(v).dtype)
    weights = manipulation.reshape(weights, (batch, groups, heads // groups, t, s))
    out = manipulation.reshape(einsum("bghts,bsgd->btghd", weights, v), (batch, t, heads, -1))
    return out, manipulation.swapaxes(logsumexp(scores, -1), 1, 2)
