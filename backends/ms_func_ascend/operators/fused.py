"""Operations that `recognise` has put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func_ascend.emitter import F32, Emitter
from ms_func_ascend.graph import Tensor
from ms_func_ascend.legalize import is_float
from ms_func_ascend.operators.arithmetic import negate
from ms_func_ascend.operators.pooling import Window, pool
from ms_func_ascend.operators.reduce import window_of_kind
from ms_func_ascend.operators.registry import rule


def fused(*names: str, compact: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the rule of expressions; operands of narrower floats come in the result's dtype."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def emit(t: Any, op: Any, *xs: Tensor) -> Any:
            dtype = op.results[0].type.dtype
            return function(t, op, *(t.e.cast(x, dtype) if is_float(x.dtype) else x for x in xs))

        rule(*names, compact=compact)(emit)
        return function

    return register


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


@fused(
    "ascend.SoftmaxV2", "ascend.LogSoftmaxV2", "ascend.SoftmaxGrad", "ascend.Relu", "ascend.Gelu",
    "ascend.GeluV2", "ascend.Sigmoid", "ascend.Swish", "ascend.Softplus", "ascend.Elu",
    "ascend.LeakyRelu", "ascend.TanhGrad", "ascend.SigmoidGrad", "ascend.Selu", "ascend.Relu6",
    "ascend.HardSwish", "ascend.Mish", "ascend.Softsign",
)  # fmt: skip
def _plain(t: Any, op: Any, x: Tensor, *more: Tensor) -> Tensor:
    """Operators whose ports and attributes are those of the operation."""
    name = op.name.removeprefix("ascend.")
    return t.e.one(name, [x, *more], x.shape, x.dtype, **op.attrs)


@fused(
    "ascend.ReluGrad", "ascend.LeakyReluGrad", "ascend.GeluGradV2", "ascend.SoftplusGrad",
    "ascend.Relu6Grad",
)  # fmt: skip
def _gradient(t: Any, op: Any, x: Tensor, g: Tensor) -> Tensor:
    """Operators that take the gradient first."""
    return t.e.one(op.name.removeprefix("ascend."), [g, x], x.shape, x.dtype, **op.attrs)


@fused("ascend.GeluGrad", "ascend.SwishGrad")
def _gradient_with_result(t: Any, op: Any, x: Tensor, g: Tensor) -> Tensor:
    """Operators that also take the result of the function."""
    name = op.name.removeprefix("ascend.")
    y = t.e.one(name.removesuffix("Grad"), [x], x.shape, x.dtype)
    return t.e.one(name, [g, x, y], x.shape, x.dtype)


@fused("ascend.EluGrad")
def _elu_gradient(t: Any, op: Any, x: Tensor, g: Tensor) -> Tensor:
    """From the result of the function, not its argument."""
    y = t.e.one("Elu", [x], x.shape, x.dtype)
    return t.e.one("EluGrad", [g, y], x.shape, x.dtype)


@fused("ascend.LogSoftmaxGrad")
def _log_softmax_gradient(t: Any, op: Any, x: Tensor, g: Tensor) -> Tensor:
    axes = op.attrs["axes"]
    y = t.e.one("LogSoftmaxV2", [x], x.shape, x.dtype, axes=axes)
    return t.e.one("LogSoftmaxGrad", [g, y], x.shape, x.dtype, axis=axes)


@fused("ascend.SoftmaxGradient")
def _softmax_gradient(t: Any, op: Any, x: Tensor, g: Tensor) -> Tensor:
    """From the argument of the function, not its result."""
    y = t.e.one("SoftmaxV2", [x], x.shape, x.dtype, **op.attrs)
    return t.e.one("SoftmaxGrad", [y, g], x.shape, x.dtype, **op.attrs)


@fused("ascend.SwiGlu")
def _swiglu(t: Any, op: Any, x: Tensor) -> Tensor:
    shape = op.results[0].type.shape
    return t.e.one("SwiGlu", [x], shape, x.dtype, dim=op.attrs["dim"])


@fused("ascend.LayerNorm")
def _layer_norm(t: Any, op: Any, x: Tensor, *given: Tensor) -> Tensor:
    return _normed(t.e, "LayerNorm", op.attrs, x, given)[0]


@fused("ascend.BatchNorm")
def _batch_norm(t: Any, op: Any, x: Tensor, *given: Tensor) -> Tensor:
    return _batch_normed(t.e, op.attrs, x, given)[0]


@rule("ascend.BatchVariance")
def _batch_variance(t: Any, op: Any, x: Tensor, *given: Tensor) -> Tensor:
    """Sum of squared distances from the mean, from the variance that the norm makes."""
    variance = _batch_normed(t.e, op.attrs, x, given)[2]
    total = t.e.elementwise("Mul", variance, t.e.like(op.attrs["count"], variance))
    return t.e.cast(total, op.results[0].type.dtype)


def _image_layout(channel: int) -> str:
    return {1: "NCHW", 3: "NHWC"}[channel]


def _batch_normed(
    e: Emitter, attrs: dict[str, Any], x: Tensor, given: Sequence[Tensor]
) -> list[Tensor]:
    """The value, and mean and variance of each channel."""
    (channel,) = (d for d in range(4) if d not in attrs["axes"])
    layouts = dict.fromkeys("xy", _image_layout(channel))
    vector = ((x.shape[channel],), F32)
    scale, offset = _vectors(e, attrs, vector[0], given)
    total, squares = e.node("BNTrainingReduce", [x], [vector, vector], {"x": layouts["x"]})
    outputs = [(x.shape, x.dtype), vector, vector]
    return e.node("BNTrainingUpdateV2", [x, total, squares, scale, offset], outputs, layouts,
                  epsilon=attrs["epsilon"])  # fmt: skip


def _vectors(
    e: Emitter, attrs: dict[str, Any], shape: tuple[int, ...], given: Sequence[Tensor]
) -> list[Tensor]:
    """Scale and shift of channels in float32, 1 and 0 where the program has none."""
    held = iter(given)
    return [
        e.cast(next(held), F32)
        if attrs[name]
        else e.broadcast_to(e.const(np.float32(neutral)), shape)
        for name, neutral in (("gamma", 1), ("beta", 0))
    ]


@fused("ascend.BatchNormGradient")
def _batch_norm_gradient(t: Any, op: Any, x: Tensor, *more: Tensor) -> Tensor:
    """With respect to the argument, perhaps with another term added, or to the scale."""
    e, attrs = t.e, op.attrs
    count = attrs["gamma"] + attrs["beta"]
    given, (g, *plus) = more[:count], more[count:]
    (channel,) = (d for d in range(4) if d not in attrs["axes"])
    layouts = dict.fromkeys(("grads", "x", "y"), _image_layout(channel))
    _, mean, variance = _batch_normed(e, attrs, x, given)
    vector = (mean.shape, F32)
    epsilon = attrs["epsilon"]
    slopes = e.node("BNTrainingUpdateGrad", [g, x, mean, variance], [vector, vector],
                    {k: layouts[k] for k in ("grads", "x")}, epsilon=epsilon)  # fmt: skip
    if attrs["of"] == "gamma":
        shape, dtype = op.results[0].type
        return e.cast(e.reshape(slopes[0], shape), dtype)
    scale = _vectors(e, attrs, mean.shape, given)[0]
    made = e.node("BNTrainingReduceGrad", [g, x, *slopes, scale, mean, variance],
                  [(x.shape, x.dtype)], layouts, epsilon=epsilon)[0]  # fmt: skip
    return e.elementwise("Add", made, plus[0]) if plus else made


@fused("ascend.BNInfer")
def _inferred(t: Any, op: Any, x: Tensor, *vectors: Tensor) -> Tensor:
    """Batch norm with mean and variance given."""
    e, attrs = t.e, op.attrs
    *given, mean, variance = vectors
    layouts = dict.fromkeys("xy", _image_layout(attrs["channel"]))
    scale, offset = _vectors(e, attrs, mean.shape, given)
    held = [scale, offset, e.cast(mean, F32), e.cast(variance, F32)]
    return e.node("BNInfer", [x, *held], [(x.shape, x.dtype)], layouts,
                  epsilon=attrs["epsilon"])[0]  # fmt: skip


@fused("ascend.RmsNorm")
def _rms_norm(t: Any, op: Any, x: Tensor, *given: Tensor) -> Tensor:
    return _normed(t.e, "RmsNorm", op.attrs, x, given)[0]


def _normed(
    e: Emitter, name: str, attrs: dict[str, Any], x: Tensor, given: Sequence[Tensor]
) -> list[Tensor]:
    """Outputs of a norm: the value, then what its gradient needs of each row."""
    first, epsilon = attrs["axes"][0], attrs["epsilon"]
    gamma, beta = _parameters(e, attrs, x, given)
    rows = (*x.shape[:first], *(1 for _ in x.shape[first:]))
    if name == "RmsNorm":
        outputs = [(x.shape, x.dtype), (rows, F32)]
        return e.node(name, [x, gamma], outputs, epsilon=epsilon)
    name = "LayerNormV3" if e.has("LayerNormV3") else name
    outputs = [(x.shape, x.dtype), (rows, x.dtype), (rows, x.dtype)]
    return e.node(name, [x, gamma, beta], outputs, begin_norm_axis=first, begin_params_axis=first,
                  epsilon=epsilon)  # fmt: skip


@fused("ascend.LayerNormGradient", "ascend.RmsNormGradient")
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


@fused("ascend.RotaryPositionEmbedding", compact=True)
def _rotary(t: Any, op: Any, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Tables have all features, and the other dimensions as the operator takes them."""
    e, attrs, shape = t.e, op.attrs, op.results[0].type.shape
    if attrs["sign"] < 0:
        sine = negate(e, sine)
    tables = [_table(e, table, attrs, shape) for table in (cosine, sine)]
    if attrs.get("swapped"):
        pairs = (2, shape[3] // 2) if attrs["mode"] == 0 else (shape[3] // 2, 2)
        apart = e.reshape(tables[1], (*tables[1].shape[:3], *pairs))
        tables[1] = e.reshape(e.reverse(apart, [3 + attrs["mode"]]), tables[1].shape)
    lead = np.broadcast_shapes(*[table.shape for table in tables])[:3]
    if lead[1] == lead[2] == 1:
        lead = (lead[0], 1, shape[2])
    elif 1 not in lead[1:]:
        lead = shape[:3]
    tables = [e.broadcast_to(table, (*lead, shape[3])) for table in tables]
    whole = e.broadcast_to(x, shape)
    return e.one("RotaryPositionEmbedding", [whole, *tables], shape, x.dtype, mode=attrs["mode"])


def _table(e: Emitter, x: Tensor, attrs: dict[str, Any], shape: tuple[int, ...]) -> Tensor:
    """Cosines or sines of every feature."""
    width = shape[3] if attrs["whole"] else shape[3] // 2
    x = e.broadcast_to(x, (*(x.shape or (1, 1, 1, 1))[:3], width))
    if attrs["whole"]:
        return x
    if attrs["mode"] == 0:
        return e.concat([x, x], 3)
    pairs = e.broadcast_to(e.reshape(x, (*x.shape, 1)), (*x.shape, 2))
    return e.reshape(pairs, (*x.shape[:3], shape[3]))


def _parameters(
    e: Emitter, attrs: dict[str, Any], x: Tensor, given: Sequence[Tensor]
) -> list[Tensor]:
    """Scale and shift, 1 and 0 where the program has none."""
    held = iter(given)
    shape = x.shape[attrs["axes"][0] :]
    return [
        next(held) if attrs[name] else e.broadcast_to(e.like(neutral, x), shape)
        for name, neutral in (("gamma", 1), ("beta", 0))
    ]
