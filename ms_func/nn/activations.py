"""Activation functions, normalisation over a dimension, encodings.

At a kink the derivative is one of the two sides': 0 at 0 for `relu`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.control_flow.identities import stop_gradient
from ms_func.dtypes import canonicalize_dtype
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion, logic, manipulation, reductions, searching
from ms_func.numpy.creation import asarray
from ms_func.numpy.einsum import einsum
from ms_func.numpy.promotion import ArrayLike, convert, inexact, lay, operand
from ms_func.numpy.reductions import Axis
from ms_func.primitives import compare
from ms_func.primitives import elementwise as pe
from ms_func.primitives import shape as sh


def identity(x: ArrayLike) -> Array:
    """`x` itself."""
    return ar.positive(x)


# --- rectifiers ---------------------------------------------------------------------------


def relu(x: ArrayLike) -> Array:
    """`max(x, 0)`, with derivative 0 at 0."""
    return fusion.run(_relu, (operand("relu", x),))


def _relu(x: Any) -> Any:
    return compare.select(compare.le(x, 0), 0, x)


def relu6(x: ArrayLike) -> Array:
    """`min(max(x, 0), 6)`, with derivative 0 at 0 and 6."""
    return fusion.run(_relu6, (operand("relu6", x),))


def _relu6(x: Any) -> Any:
    return compare.select(compare.ge(x, 6), 6, _relu(x))


def leaky_relu(x: ArrayLike, negative_slope: ArrayLike = 0.01) -> Array:
    """`x` where it is not negative, else `negative_slope * x`."""
    return fusion.run(_leaky_relu, (inexact("leaky_relu", x), operand("slope", negative_slope)))


def _leaky_relu(x: Any, slope: Any) -> Any:
    return searching.where(compare.ge(x, 0), x, ar.multiply(slope, x))


def elu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """`x` where positive, else `alpha * (exp(x) - 1)`."""
    return fusion.run(_elu, (inexact("elu", x), operand("elu", alpha)))


def _elu(x: Any, alpha: Any) -> Any:
    positive = compare.gt(x, 0)
    safe = compare.select(positive, 0, x)  # the other case must not overflow in the derivative
    return searching.where(positive, x, ar.multiply(alpha, el.expm1(safe)))


def celu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """`x` where positive, else `alpha * (exp(x / alpha) - 1)`."""
    return fusion.run(_celu, (inexact("celu", x), operand("celu", alpha)))


def _celu(x: Any, alpha: Any) -> Any:
    positive = compare.gt(x, 0)
    safe = compare.select(positive, 0, x)
    return searching.where(positive, x, ar.multiply(alpha, el.expm1(ar.divide(safe, alpha))))


def selu(x: ArrayLike) -> Array:
    """Scaled `elu` that keeps mean 0 and variance 1.

    Reference:
        Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, equation 2.
    """
    return fusion.run(_selu, (inexact("selu", x),))


def _selu(x: Any) -> Any:
    return ar.multiply(
        1.0507009873554804934193349852946, _elu(x, 1.6732632423543772848170429916717)
    )


# --- smooth functions ---------------------------------------------------------------------


def sigmoid(x: ArrayLike) -> Array:
    """`1 / (1 + exp(-x))`."""
    return pe.logistic_p.bind(inexact("sigmoid", x))


def softplus(x: ArrayLike) -> Array:
    """`log(1 + exp(x))`, without overflow."""
    return fusion.run(_softplus, (inexact("softplus", x),))


def _softplus(x: Any) -> Any:
    return el.logaddexp(x, 0.0)


def log_sigmoid(x: ArrayLike) -> Array:
    """`log(sigmoid(x))`, without underflow."""
    return fusion.run(_log_sigmoid, (inexact("log_sigmoid", x),))


def _log_sigmoid(x: Any) -> Any:
    return ar.negative(_softplus(ar.negative(x)))


def silu(x: ArrayLike) -> Array:
    """`x * sigmoid(x)`."""
    return fusion.run(_silu, (inexact("silu", x),))


swish = silu


def _silu(x: Any) -> Any:
    return ar.multiply(x, pe.logistic_p.bind(x))


def mish(x: ArrayLike) -> Array:
    """`x * tanh(softplus(x))`."""
    return fusion.run(_mish, (inexact("mish", x),))


def _mish(x: Any) -> Any:
    return ar.multiply(x, el.tanh(_softplus(x)))


def gelu(x: ArrayLike, approximate: bool = True) -> Array:
    """`x` times the normal distribution function.

    Args:
        x: array.
        approximate: use `tanh` instead of the error function.

    Reference:
        Hendrycks, Gimpel, "Gaussian error linear units", 2016.
    """
    return fusion.run(_gelu_tanh if approximate else _gelu_exact, (inexact("gelu", x),))


def _gelu_tanh(x: Any) -> Any:
    cube = ar.multiply(ar.multiply(x, x), x)
    inner = ar.multiply(math.sqrt(2 / math.pi), ar.add(x, ar.multiply(0.044715, cube)))
    return ar.multiply(x, ar.multiply(0.5, ar.add(1.0, el.tanh(inner))))


def _gelu_exact(x: Any) -> Any:
    return ar.multiply(ar.multiply(0.5, x), pe.erfc(ar.multiply(x, -math.sqrt(0.5))))


def squareplus(x: ArrayLike, b: ArrayLike = 4) -> Array:
    """`(x + sqrt(x**2 + b)) / 2`."""
    return fusion.run(_squareplus, (inexact("squareplus", x), operand("squareplus", b)))


def _squareplus(x: Any, b: Any) -> Any:
    return ar.divide(ar.add(x, el.sqrt(ar.add(ar.square(x), b))), 2)


def soft_sign(x: ArrayLike) -> Array:
    """`x / (abs(x) + 1)`."""
    return fusion.run(_soft_sign, (inexact("soft_sign", x),))


def _soft_sign(x: Any) -> Any:
    return ar.divide(x, ar.add(el.abs(x), 1))


def hard_tanh(x: ArrayLike) -> Array:
    """`x` limited to `[-1, 1]`."""
    return fusion.run(_hard_tanh, (operand("hard_tanh", x),))


def _hard_tanh(x: Any) -> Any:
    return searching.where(compare.gt(x, 1), 1, searching.where(compare.lt(x, -1), -1, x))


def hard_sigmoid(x: ArrayLike) -> Array:
    """`relu6(x + 3) / 6`."""
    return fusion.run(_hard_sigmoid, (inexact("hard_sigmoid", x),))


def _hard_sigmoid(x: Any) -> Any:
    return ar.divide(_relu6(ar.add(x, 3.0)), 6.0)


def hard_silu(x: ArrayLike) -> Array:
    """`x * hard_sigmoid(x)`."""
    return fusion.run(_hard_silu, (inexact("hard_silu", x),))


hard_swish = hard_silu


def _hard_silu(x: Any) -> Any:
    return ar.multiply(x, _hard_sigmoid(x))


def sparse_plus(x: ArrayLike) -> Array:
    """0 up to -1, `(x + 1)**2 / 4` up to 1, `x` above."""
    return fusion.run(_sparse_plus, (inexact("sparse_plus", x),))


def _sparse_plus(x: Any) -> Any:
    middle = ar.divide(ar.square(ar.add(x, 1.0)), 4.0)
    above = searching.where(compare.ge(x, 1.0), x, middle)
    return searching.where(compare.le(x, -1.0), 0.0, above)


def sparse_sigmoid(x: ArrayLike) -> Array:
    """`(x + 1) / 2` limited to `[0, 1]`: the derivative of `sparse_plus`."""
    return ar.multiply(0.5, ar.clip(ar.add(inexact("sparse_sigmoid", x), 1.0), 0.0, 2.0))


def log1mexp(x: ArrayLike) -> Array:
    """`log(1 - exp(-x))` for positive `x`, accurate near 0 and for large `x`.

    Reference:
        Maechler, "Accurately computing log(1 - exp(-|a|))", 2012.
    """
    return fusion.run(_log1mexp, (inexact("log1mexp", x),))


def _log1mexp(x: Any) -> Any:
    small = compare.le(x, math.log(2))
    near = el.log(ar.negative(el.expm1(ar.negative(compare.select(small, x, 1.0)))))
    far = el.log1p(ar.negative(el.exp(ar.negative(compare.select(small, 1.0, x)))))
    return searching.where(small, near, far)


def glu(x: ArrayLike, axis: int = -1) -> Array:
    """First half of `x` along a dimension times the sigmoid of the second.

    Raises:
        ValueError: the dimension has an odd size.
    """
    x = inexact("glu", x)
    size = typeof(x).shape[axis]
    if size % 2:
        raise ValueError(f"glu needs a dimension of even size, got {size}")
    return fusion.run(_glu, (x,), axis)


def _glu(x: Any, axis: int) -> Any:
    value, gate = manipulation.split(x, 2, axis)
    return ar.multiply(value, sigmoid(gate))


# --- normalisation ------------------------------------------------------------------------


def _peak(x: Any, axis: Axis, where: Any) -> Any:
    """Maximum along dimensions, finite where all is -inf, and not differentiated."""
    top = reductions.max(x, axis, keepdims=True, where=where,
                         initial=-math.inf if where is not None else None)  # fmt: skip
    return stop_gradient(compare.select(logic.isfinite(top), top, 0))


def softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """`exp(x)` divided by its sum along dimensions.

    Args:
        x: array.
        axis: dimensions that sum to 1.
        where: elements to count; the others give 0.
    """
    return _over_axis(_softmax, inexact("softmax", x), axis, where)


def _over_axis(body: Any, x: Any, axis: Axis, where: Any) -> Any:
    axes = None if axis is None else tuple(axis) if isinstance(axis, (tuple, list)) else axis
    if where is None:
        return fusion.run(body, (x,), axes)
    return fusion.run(body, (x, logic.truth("where", where)), axes)


def _softmax(x: Any, *args: Any) -> Any:
    *mask, axis = args
    where = mask[0] if mask else None
    shifted = el.exp(ar.subtract(x, _peak(x, axis, where)))
    if where is not None:
        shifted = searching.where(where, shifted, 0)
    return ar.divide(shifted, reductions.sum(shifted, axis, keepdims=True))


def log_softmax(x: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None) -> Array:
    """`log(softmax(x))`, accurate where the softmax underflows; -inf outside of `where`."""
    return _over_axis(_log_softmax, inexact("log_softmax", x), axis, where)


def _log_softmax(x: Any, *args: Any) -> Any:
    *mask, axis = args
    where = mask[0] if mask else None
    shifted = ar.subtract(x, _peak(x, axis, where))
    total = reductions.sum(el.exp(shifted), axis, keepdims=True, where=where)
    out = ar.subtract(shifted, el.log(total))
    return out if where is None else searching.where(where, out, -math.inf)


def logsumexp(
    a: ArrayLike, axis: Axis = None, b: ArrayLike | None = None, keepdims: bool = False,
    return_sign: bool = False, where: ArrayLike | None = None,
) -> Any:  # fmt: skip
    """`log(sum(b * exp(a)))` along dimensions, without overflow.

    Args:
        a: array.
        axis: dimensions, all by default.
        b: factors, 1 by default.
        keepdims: keep the dimensions with size 1.
        return_sign: also return the sign of the sum, whose logarithm of magnitude is given.
        where: elements to count.
    """
    if b is not None:
        a, b = reductions.promote_dtype("logsumexp", inexact("logsumexp", a), b)
        a = searching.where(logic.not_equal(b, 0), a, -math.inf)
    else:
        a = inexact("logsumexp", a)
    real = el.real(a) if typeof(a).dtype.kind == "c" else a
    peak = _peak(real, axis, where)
    scaled = el.exp(ar.subtract(a, peak))
    scaled = scaled if b is None else ar.multiply(b, scaled)
    total = reductions.sum(scaled, axis, keepdims=keepdims, where=where)
    axes = manipulation.axes_tuple(axis, typeof(peak).ndim)
    base = peak if keepdims else manipulation.squeeze(peak, axes)
    if return_sign:
        sign = el.sign(total)
        return ar.add(el.log(el.abs(total)), base), sign
    if b is not None and typeof(total).dtype.kind != "c":
        total = searching.where(logic.less(total, 0), math.nan, total)
    return ar.add(el.log(total), base)


def logmeanexp(
    x: ArrayLike, axis: Axis = None, where: ArrayLike | None = None, keepdims: bool = False
) -> Array:
    """`log(mean(exp(x)))` along dimensions, without overflow."""
    x = inexact("logmeanexp", x)
    total = logsumexp(x, axis, keepdims=keepdims, where=where)
    if where is None:
        shape = typeof(x).shape
        count: Any = math.log(
            math.prod(shape[i] for i in manipulation.axes_tuple(axis, len(shape)))
        )
    else:
        full = manipulation.broadcast_to(where, typeof(x).shape)
        count = el.log(reductions.sum(full, axis, np.float32, keepdims=keepdims))
    return ar.subtract(total, count)


def standardize(
    x: ArrayLike, axis: Axis = -1, mean: ArrayLike | None = None,
    variance: ArrayLike | None = None, epsilon: ArrayLike = 1e-5,
    where: ArrayLike | None = None, *, algorithm: str = "fast",
) -> Array:  # fmt: skip
    """`(x - mean) / sqrt(variance + epsilon)` along dimensions.

    Args:
        x: array.
        axis: dimensions.
        mean: mean, computed where None.
        variance: variance, computed where None.
        epsilon: added to the variance.
        where: elements that mean and variance count.
        algorithm: "fast" computes the variance as mean of squares minus square of the mean,
            "two_pass" from the distances.
    """
    x = inexact("standardize", x)
    if mean is None:
        mean = reductions.mean(x, axis, keepdims=True, where=where)
    if variance is None and algorithm == "two_pass":
        variance = reductions.var(x, axis, keepdims=True, where=where, mean=mean)
    elif variance is None:
        squares = reductions.mean(ar.square(x), axis, keepdims=True, where=where)
        variance = ar.maximum(ar.subtract(squares, ar.square(mean)), 0)
    return ar.multiply(ar.subtract(x, mean), pe.rsqrt(ar.add(variance, epsilon)))


# --- encodings and attention ----------------------------------------------------------------


def one_hot(x: Any, num_classes: int, *, dtype: Any = None, axis: int = -1) -> Array:
    """1 at the index that `x` gives along a new dimension of size `num_classes`, else 0.

    Indices out of range give zeros only.
    """
    x = asarray(x)
    kind = np.dtype(np.float32) if dtype is None else canonicalize_dtype(dtype)
    place = manipulation.axis_index(axis, x.ndim + 1)
    return fusion.run(_one_hot, (x,), int(num_classes), kind, place)


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
) -> Array:  # fmt: skip
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

    Reference:
        Vaswani et al., "Attention is all you need", NeurIPS 2017.
    """
    if implementation not in (None, "xla"):
        raise NotImplementedError(f"there is no attention implementation {implementation!r}")
    q, k, v = (operand("dot_product_attention", a) for a in (query, key, value))
    single = typeof(q).ndim == 3
    if single:
        q, k, v = (manipulation.expand_dims(a, 0) for a in (q, k, v))
    batch, t, heads, depth = typeof(q).shape
    s, groups = typeof(k).shape[1:3]
    grouped = manipulation.reshape(q, (batch, t, groups, heads // groups, depth))
    scores = einsum("btghd,bsgd->bghts", grouped, k, preferred_element_type=np.float32)
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
    return manipulation.squeeze(out, 0) if single else out


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
