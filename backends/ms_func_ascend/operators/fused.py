"""Operations that `recognise` has put together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func_ascend.emitter import Emitter
from ms_func_ascend.graph import Tensor
from ms_func_ascend.operators.reduce import Window, pool, window_of_kind
from ms_func_ascend.operators.registry import rule


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
    "ascend.LeakyRelu", "ascend.TanhGrad", "ascend.SigmoidGrad",
)  # fmt: skip
def _plain(t: Any, op: Any, x: Tensor, *more: Tensor) -> Tensor:
    """Operators whose ports and attributes are those of the operation."""
    name = op.name.removeprefix("ascend.")
    return t.e.one(name, [x, *more], x.shape, x.dtype, **op.attrs)


@rule("ascend.ReluGrad", "ascend.LeakyReluGrad", "ascend.GeluGradV2")
def _gradient(t: Any, op: Any, x: Tensor, g: Tensor) -> Tensor:
    """Operators that take the gradient first."""
    return t.e.one(op.name.removeprefix("ascend."), [g, x], x.shape, x.dtype, **op.attrs)


@rule("ascend.GeluGrad", "ascend.SwishGrad")
def _gradient_with_result(t: Any, op: Any, x: Tensor, g: Tensor) -> Tensor:
    """Operators that also take the result of the function."""
    name = op.name.removeprefix("ascend.")
    y = t.e.one(name.removesuffix("Grad"), [x], x.shape, x.dtype)
    return t.e.one(name, [g, x, y], x.shape, x.dtype)


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
    e, first = t.e, op.attrs["first"]
    gamma, beta = _parameters(e, op, x, given)
    name = "LayerNormV3" if e.has("LayerNormV3") else "LayerNorm"
    rows = (*x.shape[:first], *(1 for _ in x.shape[first:]))
    outputs = [(x.shape, x.dtype), (rows, x.dtype), (rows, x.dtype)]
    return e.node(name, [x, gamma, beta], outputs, begin_norm_axis=first, begin_params_axis=first,
                  epsilon=op.attrs["epsilon"])[0]  # fmt: skip


@rule("ascend.RmsNorm")
def _rms_norm(t: Any, op: Any, x: Tensor, *given: Tensor) -> Tensor:
    gamma, _ = _parameters(t.e, op, x, given)
    rows = (*x.shape[: op.attrs["first"]], *(1 for _ in x.shape[op.attrs["first"] :]))
    outputs = [(x.shape, x.dtype), (rows, np.dtype(np.float32))]
    return t.e.node("RmsNorm", [x, gamma], outputs, epsilon=op.attrs["epsilon"])[0]


def _parameters(e: Emitter, op: Any, x: Tensor, given: tuple[Tensor, ...]) -> list[Tensor]:
    """Scale and shift, 1 and 0 where the program has none."""
    held = iter(given)
    shape = x.shape[op.attrs["first"] :]
    return [
        next(held) if op.attrs[name] else e.broadcast_to(e.like(neutral, x), shape)
        for name, neutral in (("gamma", 1), ("beta", 0))
    ]
