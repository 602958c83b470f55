"""Operators of neural networks: activations, softmax, normalisation, attention.

16-bit floats are computed in float32 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func_ascend.graph import Node
from ms_func_ascend.kernels.base import Array, elementwise, half, kernel, same, sigmoid

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _gelu(x: Array) -> Array:
    """The tanh approximation in the form of the public kernel."""
    return x * sigmoid(1.5957691216057308 * (x + 0.044715 * x**3))


def _gelu_slope(x: Array) -> Array:
    s = sigmoid(1.5957691216057308 * (x + 0.044715 * x**3))
    return s + x * s * (1 - s) * 1.5957691216057308 * (1 + 0.134145 * x**2)


def _normal(x: Array) -> Array:
    """Distribution function of the normal distribution."""
    return 0.5 * (1 + _erf(x / math.sqrt(2)))


def _gelu_v2(node: Node, x: Array) -> Array:
    return _gelu(x) if node.attr("approximate") == "tanh" else x * _normal(x)


def _gelu_v2_slope(node: Node, g: Array, x: Array) -> Array:
    if node.attr("approximate") == "tanh":
        return g * _gelu_slope(x)
    return g * (_normal(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))


def _swish_slope(node: Node, g: Array, x: Array, y: Array) -> Array:
    scale = node.attr("scale")
    s = sigmoid(scale * x)
    return g * (s + scale * x * s * (1 - s))


def _slope(node: Node) -> np.float32:
    return np.float32(node.attr("negative_slope"))


# `Relu` is documented to be TensorFlow's, which carries NaN.
elementwise("Relu", lambda node, x: np.maximum(x, np.zeros((), x.dtype)))
elementwise("ReluGrad", lambda node, g, x: np.where(x > 0, g, 0))
elementwise("LeakyRelu", lambda node, x: np.where(x > 0, x, _slope(node) * x))
elementwise("LeakyReluGrad", lambda node, g, x: np.where(x > 0, g, _slope(node) * g))
elementwise("Gelu", lambda node, x: _gelu(x))
elementwise("GeluGrad", lambda node, g, x, y: g * _gelu_slope(x))
elementwise("GeluV2", _gelu_v2)
elementwise("GeluGradV2", _gelu_v2_slope)
elementwise("Swish", lambda node, x: x * sigmoid(node.attr("scale") * x))
elementwise("SwishGrad", _swish_slope)
elementwise("TanhGrad", lambda node, y, g: g * (1 - y * y))
elementwise("SigmoidGrad", lambda node, y, g: g * y * (1 - y))
elementwise("Softplus", lambda node, x: np.logaddexp(x, np.zeros((), x.dtype)))
elementwise("Elu", lambda node, x: np.where(x > 0, x, node.attr("alpha") * np.expm1(x)))
# TensorFlow's `EluGrad` takes the result of the function: the slope below 0 is y + 1.
elementwise("EluGrad", lambda node, g, y: np.where(y > 0, g, g * (y + 1)))
elementwise("SoftplusGrad", lambda node, g, x: g / (np.exp(-x) + 1))
elementwise("Selu", lambda node, x: 1.0507009873554805 * np.where(
    x > 0, x, 1.6732632423543772 * np.expm1(x)))  # fmt: skip
elementwise("Relu6", lambda node, x: np.minimum(np.maximum(x, 0), 6))
elementwise("Relu6Grad", lambda node, g, x: np.where((x > 0) & (x < 6), g, 0))
elementwise("HardSwish", lambda node, x: x * np.clip(x + 3, 0, 6) / 6)
elementwise("Mish", lambda node, x: x * np.tanh(np.logaddexp(x, np.zeros((), x.dtype))))
elementwise("Softsign", lambda node, x: x / (1 + np.abs(x)))


@kernel("SwiGlu")
def _swiglu(node: Node, x: Array) -> Array:
    a, b = np.split(x.astype(np.float32), 2, node.attr("dim"))
    return (a * sigmoid(a) * b).astype(x.dtype)


@kernel("SoftmaxGrad")
def _softmax_grad(node: Node, s: Array, g: Array) -> Array:
    same(s, g)
    wide, grad = s.astype(np.float32), g.astype(np.float32)
    row = (wide * grad).sum(tuple(node.attr("axes")), keepdims=True)
    return (wide * (grad - row)).astype(s.dtype)


@kernel("LogSoftmaxGrad")
def _log_softmax_grad(node: Node, g: Array, y: Array) -> Array:
    same(g, y)
    grad = g.astype(np.float32)
    row = grad.sum(tuple(node.attr("axis")), keepdims=True)
    return (grad - np.exp(y.astype(np.float32)) * row).astype(g.dtype)


@kernel("RotaryPositionEmbedding")
def _rotary(node: Node, x: Array, cosine: Array, sine: Array) -> Array:
    """Modes 0, halves, and 1, neighbours: x * cos + (-x2, x1) * sin."""
    same(x, cosine, sine)
    if x.ndim != 4 or x.shape[3] % 2 or x.shape[3] > 896 or cosine.shape != sine.shape or any(
        n not in (1, m) for n, m in zip(cosine.shape, x.shape, strict=True)
    ):  # fmt: skip
        raise ValueError("no rows of an even number of features, or tables that do not fit")
    a, b = (x[..., ::2], x[..., 1::2]) if node.attr("mode") == 1 else np.split(x, 2, -1)
    turned = np.stack([-b, a], -1 if node.attr("mode") == 1 else -2).reshape(x.shape)
    wide, c, s, turned = (v.astype(np.float32) for v in (x, cosine, sine, turned))
    return (wide * c + turned * s).astype(x.dtype)


def _rows(x: Array, first: int, parameters: list[Array]) -> tuple[Array, tuple[int, ...]]:
    """`x` in float32 and the axes of a row; scale and shift must have the shape of one."""
    for p in parameters:
        if p.shape != x.shape[first:]:
            raise ValueError(f"scale or shift of shape {p.shape} for rows of {x.shape[first:]}")
    return x.astype(np.float32), tuple(range(first, x.ndim))


@kernel("LayerNorm", "LayerNormV3")
def _layer_norm(node: Node, x: Array, gamma: Array, beta: Array) -> tuple[Array, ...]:
    first = node.attr("begin_norm_axis")
    if node.attr("begin_params_axis") != first:
        raise ValueError("begin_params_axis is not begin_norm_axis")
    wide, axes = _rows(x, first, [gamma, beta])
    mean = wide.mean(axes, keepdims=True)
    variance = ((wide - mean) ** 2).mean(axes, keepdims=True)
    rstd = 1 / np.sqrt(variance + np.float32(node.attr("epsilon")))
    y = (wide - mean) * rstd * gamma.astype(np.float32) + beta.astype(np.float32)
    last = rstd if node.op == "LayerNormV3" else variance
    return tuple(v.astype(x.dtype) for v in (y, mean, last))


def _rms(x: Array, gamma: Array, epsilon: float) -> tuple[Array, Array]:
    wide, axes = _rows(x, x.ndim - gamma.ndim, [gamma])
    mean = (wide * wide).mean(axes, keepdims=True)
    rstd = 1 / np.sqrt(mean + np.float32(epsilon))
    return (wide * rstd * gamma.astype(np.float32)).astype(x.dtype), rstd


@kernel("RmsNorm")
def _rms_norm(node: Node, x: Array, gamma: Array) -> tuple[Array, Array]:
    return _rms(x, gamma, node.attr("epsilon"))


@kernel("LayerNormGradV3")
def _layer_norm_gradient(
    node: Node, dy: Array, x: Array, rstd: Array, mean: Array, gamma: Array
) -> tuple[Array, ...]:
    first = x.ndim - gamma.ndim
    wide, axes = _rows(x, first, [gamma])
    normal = (wide - mean) * rstd
    g = dy.astype(np.float32) * gamma
    inner = g - g.mean(axes, keepdims=True) - normal * (g * normal).mean(axes, keepdims=True)
    lead = tuple(range(first))
    scale, shift = (dy * normal).sum(lead), dy.astype(np.float32).sum(lead)
    return tuple(v.astype(x.dtype) for v in (rstd * inner, scale, shift))


@kernel("RmsNormGrad")
def _rms_norm_gradient(
    node: Node, dy: Array, x: Array, rstd: Array, gamma: Array
) -> tuple[Array, Array]:
    first = x.ndim - gamma.ndim
    wide, axes = _rows(x, first, [gamma])
    normal = wide * rstd
    g = dy.astype(np.float32) * gamma
    inner = g - normal * (g * normal).mean(axes, keepdims=True)
    scale = (dy * normal).sum(tuple(range(first))).astype(np.float32)
    return (rstd * inner).astype(x.dtype), scale


@kernel("AddRmsNorm")
def _add_rms_norm(node: Node, x: Array, y: Array, gamma: Array) -> tuple[Array, ...]:
    same(x, y)
    total = x + y
    return *_rms(total, gamma, node.attr("epsilon")), total


def _heads_first(node: Node, xs: Sequence[Array], unused: Sequence[Any]) -> list[Array]:
    """Operands as batch, head, position, feature in float32."""
    same(*xs)
    layout = node.attr("input_layout")
    turned = [(np.swapaxes(x, 1, 2) if layout == "BSND" else x).astype(np.float32) for x in xs]
    if layout not in ("BNSD", "BSND") or node.attr("keep_prob") != 1 or any(
        m is not None for m in unused
    ) or node.attr("head_num") != turned[0].shape[1]:  # fmt: skip
        raise ValueError("only plain attention over heads of layout BNSD or BSND")
    return turned


def _logits(node: Node, q: Array, k: Array, shift: Array | None, mask: Array | None) -> Array:
    """Scaled products; ones in the mask take elements out. A shift is scaled as well."""
    logits = q @ np.swapaxes(k, -1, -2)
    if shift is not None:
        if shift.shape not in (logits.shape, (1, *logits.shape[1:])):
            raise ValueError(f"a shift of {shift.shape} for scores of {logits.shape}")
        logits = logits + shift.astype(np.float32)
    logits = np.float32(node.attr("scale_value")) * logits
    if mask is None:
        return logits
    if np.broadcast_to(mask, logits.shape).all(-1).any():
        raise ValueError("a row of the mask takes all elements out")
    return np.where(mask, np.float32(-np.inf), logits)


def _repeated(x: Array, heads: int) -> Array:
    """Heads of keys or values, each for its group of those of the queries."""
    return np.repeat(x, heads // x.shape[1], 1)


def _grouped(x: Array, heads: int) -> Array:
    """Sums over the groups that share a head."""
    batch, own, *rest = x.shape
    return x.reshape(batch, heads, own // heads, *rest).sum(2)


@kernel("FlashAttentionScoreGrad")
def _flash_gradient(
    node: Node, q: Array, k: Array, v: Array, dy: Array, *more: Any
) -> tuple[Array, ...]:
    """From the maximum and the sum of each row that the score has left, eight times each."""
    shift, _, _, mask, top, total, _, out, *rest = more
    dtype = q.dtype
    same(q, *([] if shift is None else [shift]))
    q, k, v, dy, out = _heads_first(node, (q, k, v, dy, out), (*more[1:3], more[6], *rest))
    heads, own = q.shape[1], k.shape[1]
    k, v = (_repeated(x, heads) for x in (k, v))
    weights = np.exp(_logits(node, q, k, shift, mask) - top[..., :1]) / total[..., :1]
    inner = dy @ np.swapaxes(v, -1, -2) - (dy * out).sum(-1, keepdims=True)
    slope = weights * inner * np.float32(node.attr("scale_value"))
    dk, dv = (_grouped(np.swapaxes(x, -1, -2) @ y, own) for x, y in ((slope, q), (weights, dy)))
    made = slope @ k, dk, dv
    if node.attr("input_layout") == "BSND":
        made = tuple(np.swapaxes(x, 1, 2) for x in made)
    return *(x.astype(dtype) for x in made), np.zeros((0,), dtype)


@kernel("FlashAttentionScore")
def _flash_attention(node: Node, q: Array, k: Array, v: Array, *more: Any) -> tuple[Array, ...]:
    """Layouts `BNSD` and `BSND`; no options but a shift and a mask."""
    dtype, layout = q.dtype, node.attr("input_layout")
    same(q, *([] if more[0] is None else [more[0]]))
    q, k, v = _heads_first(node, (q, k, v), (*more[1:3], *more[4:]))
    k, v = (_repeated(x, q.shape[1]) for x in (k, v))
    logits = _logits(node, q, k, more[0], more[3])
    top = logits.max(-1, keepdims=True)
    e = np.exp(logits - top)
    total = e.sum(-1, keepdims=True)
    out = ((e / total) @ v).astype(dtype)
    out = np.swapaxes(out, 1, 2) if layout == "BSND" else out
    wide = [np.repeat(r, 8, -1) for r in (top, total)]
    return *wide, np.zeros((0, 0, 0, 0), dtype), out


elementwise("Axpy", lambda node, x, y: x + np.asarray(node.attr("alpha"), x.dtype) * y)


@kernel("AdamApplyOne")
def _adam(node: Node, *xs: Array) -> tuple[Array, ...]:
    """New second moment, first moment and parameter."""
    return _adam_step(xs[:9], xs[9], None)


@kernel("AdamApplyOneWithDecay")
def _adam_with_decay(node: Node, *xs: Array) -> tuple[Array, ...]:
    return _adam_step(xs[:9], xs[10], xs[9])


def _adam_step(xs: Sequence[Array], epsilon: Array, decay: Array | None) -> tuple[Array, ...]:
    same(*xs, epsilon)
    g, v, m, p, rate, *betas = (x.astype(np.float32) if half(x) else x for x in xs)
    v = g * g * betas[3] + v * betas[2]
    m = m * betas[0] + g * betas[1]
    step = m / (np.sqrt(v) + epsilon)
    step = step if decay is None else step + p * decay
    return tuple(x.astype(xs[0].dtype) for x in (v, m, p - step * rate))
