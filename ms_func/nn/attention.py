"""One-hot encoding and attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.dtypes import canonicalize_dtype
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.nn.normalization import softmax
from ms_func.numpy.promotion import ArrayLike
from ms_func.primitives.shape import broadcasted_iota


def one_hot(x: Any, num_classes: int, *, dtype: Any = onp.float32, axis: int = -1) -> Array:
    """A new axis that is 1 at the index and 0 elsewhere; zeros for indices out of range.

    Example:
        >>> one_hot(np.array([0, 2]), 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x = np.asarray(x)
    place = axis % (x.ndim + 1)
    shape = (*x.shape[:place], num_classes, *x.shape[place:])
    classes = broadcasted_iota(typeof(x).dtype, shape, place)
    return (np.expand_dims(x, place) == classes).astype(canonicalize_dtype(dtype))


def dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    bias: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
) -> Array:
    """Attention `softmax(q k^T * scale + bias) v` over heads.

    Args:
        query: [..., t, n, h]: positions, heads, features.
        key: [..., s, k, h], where the number of heads n is a multiple of k.
        value: [..., s, k, h].
        bias: added to the scores, broadcast to [..., n, t, s].
        mask: boolean, broadcast to [..., n, t, s]; scores count where it is true.
        scale: factor of the scores; `1 / sqrt(h)` if None.
        is_causal: let a position see itself and earlier ones only.

    Returns:
        [..., t, n, h].

    Reference:
        Vaswani et al., "Attention Is All You Need", 2017, equation 1.
    """
    query, key, value = (np.asarray(a) for a in (query, key, value))
    heads, groups = query.shape[-2], key.shape[-2]
    if heads % groups:
        raise ValueError(f"{heads} heads of query are not a multiple of {groups} heads of key")
    key, value = (np.repeat(a, heads // groups, axis=-2) for a in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = np.einsum("...tnh,...snh->...nts", query, key) * scale
    scores = scores if bias is None else scores + bias
    if is_causal:
        seen = np.tril(np.ones(scores.shape[-2:], bool))
        mask = seen if mask is None else np.logical_and(mask, seen)
    if mask is not None:
        scores = np.where(mask, scores, np.finfo(scores.dtype).min)
    weights = softmax(scores.astype(np.float32)).astype(query.dtype)
    return np.einsum("...nts,...snh->...tnh", weights, value)
