"""Operations that `recognise` has put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func_ascend.emitter import F32, Emitter
from ms_func_ascend.graph import Tensor
from ms_func_ascend.operators.dot import dot
from ms_func_ascend.operators.reduce import Window, pool, window_of_kind
from ms_func_ascend.operators.registry import rule
from ms_func_ascend.prototypes import accepts


@rule("ascend.pool")
def _pool(t: Any, op: Any, x: Tensor) -> Tensor:
    """A window over two dimensions; negative padding is cut off first."""
    e, padding = t.e, op.attrs["padding"]
    zero = e.like(0, x)
    x = e.pad(x, zero, np.minimum(padding[:, 0], 0).tolist(), np.minimum(padding[:, 1], 0).tolist())
    window = Window(op.attrs | {"padding": np.maximum(padding, 0)}, len(x.shape))
    kind = op.attrs["kind"]
    made = pool(e, kind, x, window)
    return window_of_kind(t, kind, x, window) if made is None else made


@rule(
    "ascend.SoftmaxV2", "ascend.LogSoftmaxV2", "ascend.SoftmaxGrad", "ascend.Relu", "ascend.Gelu",
    "ascend.GeluV2", "ascend.Sigmoid", "ascend.Swish", "ascend.Softplus", "ascend.Elu",
    "ascend.LeakyRelu", "ascend.TanhGrad", "ascend.SigmoidGrad", "ascend.Selu", "ascend.Relu6",
    "ascend.HardSwish", "ascend.Mish", "ascend.Softsign",
)  # fmt: skip
def _plain(t: Any, op: Any, x: Tensor, *more: Tensor) -> Tensor:
    """Operators whose ports and attributes are those of the operation."""
    name = op.name.removeprefix("ascend.")
    return t.e.one(name, [x, *more], x.shape, x.dtype, **op.attrs)


@rule(
    "ascend.ReluGrad", "ascend.LeakyReluGrad", "ascend.GeluGradV2", "ascend.SoftplusGrad",
    "ascend.Relu6Grad",
)  # fmt: skip
def _gradient(t: Any, op: Any, x: Tensor, g: Tensor) -> Tensor:
    """Operators that take the gradient first."""
    return t.e.one(op.name.removeprefix("ascend."), [g, x], x.shape, x.dtype, **op.attrs)


@rule("ascend.GeluGrad", "ascend.SwishGrad")
def _gradient_with_result(t: Any, op: Any, x: Tensor, g: Tensor) -> Tensor:
    """Operators that also take the result of the function."""
    name = op.name.removeprefix("ascend.")
    y = t.e.one(name.removesuffix("Grad"), [x], x.shape, x.dtype)
    return t.e.one(name, [g, x, y], x.shape, x.dtype)


@rule("ascend.EluGrad")
def _elu_gradient(t: Any, op: Any, x: Tensor, g: Tensor) -> Tensor:
    """From the result of the function, not its argument."""
    y = t.e.one("Elu", [x], x.shape, x.dtype)
    return t.e.one("EluGrad", [g, y], x.shape, x.dtype)


@rule("ascend.LogSoftmaxGrad")
def _log_softmax_gradient(t: Any, op: Any, x: Tensor, g: Tensor) -> Tensor:
    axes = op.attrs["axes"]
    y = t.e.one("LogSoftmaxV2", [x], x.shape, x.dtype, axes=axes)
    return t.e.one("LogSoftmaxGrad", [g, y], x.shape, x.dtype, axis=axes)


@rule("ascend.SwiGlu")
def _swiglu(t: Any, op: Any, x: Tensor) -> Tensor:
    shape = op.results[0].type.shape
    return t.e.one("SwiGlu", [x], shape, x.dtype, dim=op.attrs["dim"])


@rule("ascend.LayerNorm")
def _layer_norm(t: Any, op: Any, x: Tensor, *given: Tensor) -> Tensor:
    return _normed(t.e, "LayerNorm", op.attrs, x, given)[0]


@rule("ascend.RmsNorm")
def _rms_norm(t: Any, op: Any, x: Tensor, *given: Tensor) -> Tensor:
    return _normed(t.e, "RmsNorm", op.attrs, x, given)[0]


def _normed(
    e: Emitter, name: str, attrs: dict[str, Any], x: Tensor, given: Sequence[Tensor]
) -> list[Tensor]:
    """Outputs of a norm: the value, then what its gradient needs of each row."""
    first, epsilon = attrs["first"], attrs["epsilon"]
    gamma, beta = _parameters(e, attrs, x, given)
    rows = (*x.shape[:first], *(1 for _ in x.shape[first:]))
    if name == "RmsNorm":
        outputs = [(x.shape, x.dtype), (rows, F32)]
        return e.node(name, [x, gamma], outputs, epsilon=epsilon)
    name = "LayerNormV3" if e.has("LayerNormV3") else name
    outputs = [(x.shape, x.dtype), (rows, x.dtype), (rows, x.dtype)]
    return e.node(name, [x, gamma, beta], outputs, begin_norm_axis=first, begin_params_axis=first,
                  epsilon=epsilon)  # fmt: skip


@rule("ascend.LayerNormGradient", "ascend.RmsNormGradient")
def _norm_gradient(t: Any, op: Any, x: Tensor, *more: Tensor) -> Tensor:
    """With respect to the argument, perhaps with another term added, or to the scale."""
    e, attrs = t.e, op.attrs
    count = attrs["gamma"] + attrs["beta"]
    given, (g, *plus) = more[:count], more[count:]
    name = op.name.removeprefix("ascend.").removesuffix("Gradient")
    gamma = _parameters(e, attrs, x, given)[0]
    made = _normed(e, name, attrs, x, given)
    scale = (gamma.shape, x.dtype if name == "LayerNorm" else F32)
    if name == "LayerNorm":
        outputs = [(x.shape, x.dtype), scale, scale]
        slopes = e.node("LayerNormGradV3", [g, x, made[2], made[1], gamma], outputs)
    else:
        slopes = e.node("RmsNormGrad", [g, x, made[1], gamma], [(x.shape, x.dtype), scale])
    if attrs["of"] == "gamma":
        return e.cast(slopes[1], x.dtype)
    return e.elementwise("Add", slopes[0], plus[0]) if plus else slopes[0]


@rule("ascend.Attention", compact=True)
def _attention(t: Any, op: Any, q: Tensor, k: Tensor, v: Tensor, *mask: Tensor) -> Tensor:
    """One operator where it takes the heads and no row is masked altogether; else the parts."""
    e, attrs = t.e, op.attrs
    full = [e.broadcast_to(x, y.type.shape) for x, y in zip((q, k, v), op.operands, strict=False)]
    held = [_heads(e, x, attrs[name]) for name, x in zip("qkv", full, strict=True)]
    keep = mask[0] if mask else None
    made = _flash(e, held, keep, attrs["scale"])
    if made is None:
        made = _spelled_out(e, held, keep, attrs)
    return e.reshape(made, op.results[0].type.shape)


def _heads(e: Emitter, x: Tensor, sides: Any) -> Tensor:
    """`x` as batch, head, position, feature."""
    order = [*sides.batch, *sides.position, *sides.feature]
    rest = [d for d in range(len(x.shape)) if d not in order]
    shape = [x.shape[d] for d in order]
    return e.reshape(e.transpose(x, [*order, *rest]), shape)


def _flash(e: Emitter, held: list[Tensor], keep: Tensor | None, scale: float) -> Tensor | None:
    q, k, v = held
    batch, heads, rows, width = q.shape
    name = "FlashAttentionScore"
    if not e.has(name) or not accepts(name, "query", q.dtype) or width > 256:
        return None
    if k.shape[:2] != q.shape[:2] or v.shape != k.shape:
        return None
    masked = None
    if keep is not None:
        value = e.computed(keep)
        whole = (1,) * (4 - len(keep.shape)) + keep.shape
        if value is None or len(whole) != 4 or not value.any(-1).all():
            return None
        masked = e.elementwise("LogicalNot", e.reshape(keep, whole))
        masked = e.broadcast_to(masked, (*masked.shape[:2], rows, k.shape[2]))
    turned = [e.transpose(x, [0, 2, 1, 3]) for x in held]
    plain = sum(x.node.op == "Transpose" for x in turned) < sum(
        x.node.op == "Transpose" for x in held
    )
    layout, fed = ("BSND", turned) if plain else ("BNSD", held)
    sums = ((batch, heads, rows, 8), np.dtype(np.float32))
    outputs = [sums, sums, ((0, 0, 0, 0), q.dtype), (fed[0].shape, q.dtype)]
    inputs = [*fed, None, None, None, masked]
    made = e.node(name, inputs, outputs, head_num=heads, input_layout=layout, scale_value=scale)[3]
    return e.transpose(made, [0, 2, 1, 3]) if plain else made


def _spelled_out(
    e: Emitter, held: list[Tensor], keep: Tensor | None, attrs: dict[str, Any]
) -> Tensor:
    q, k, v = held
    pairs = ([0, 1], [0, 1])
    x = dot(e, q, k, pairs, ([3], [3]), q.dtype)
    if attrs["scale"] != 1:
        x = e.elementwise("Mul", x, e.like(attrs["scale"], x))
    if keep is not None:
        x = e.select(keep, x, e.like(attrs["fill"], x))
    weights = e.one("SoftmaxV2", [x], x.shape, x.dtype, axes=[3])
    return dot(e, weights, v, pairs, ([3], [2]), q.dtype)


def _parameters(
    e: Emitter, attrs: dict[str, Any], x: Tensor, given: Sequence[Tensor]
) -> list[Tensor]:
    """Scale and shift, 1 and 0 where the program has none."""
    held = iter(given)
    shape = x.shape[attrs["first"] :]
    return [
        next(held) if attrs[name] else e.broadcast_to(e.like(neutral, x), shape)
        for name, neutral in (("gamma", 1), ("beta", 0))
    ]
