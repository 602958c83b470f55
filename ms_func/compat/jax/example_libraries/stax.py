"""Networks as pairs of functions: `init(rng, input_shape)` and `apply(params, inputs, ...)`."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from ms_func import lax, nn, random
from ms_func import numpy as np
from ms_func.nn.initializers import glorot_normal, normal, ones, zeros

__all__ = [
    "AvgPool", "BatchNorm", "Conv", "Conv1DTranspose", "ConvTranspose", "Dense", "Dropout", "Elu",
    "Exp", "FanInConcat", "FanInSum", "FanOut", "Flatten", "Gelu", "GeneralConv",
    "GeneralConvTranspose", "Identity", "LeakyRelu", "LogSoftmax", "MaxPool", "Relu", "Selu",
    "Sigmoid", "Softmax", "Softplus", "SumPool", "Tanh", "elementwise", "elu", "gelu", "glorot",
    "glorot_normal", "leaky_relu", "log_softmax", "logsoftmax", "normal", "ones", "parallel",
    "randn", "relu", "selu", "serial", "shape_dependent", "sigmoid", "softmax", "softplus",
    "standardize", "zeros",
]  # fmt: skip

Layer = tuple[Callable[..., Any], Callable[..., Any]]
relu, log_softmax, softmax, softplus = nn.relu, nn.log_softmax, nn.softmax, nn.softplus
sigmoid, elu, leaky_relu, selu, gelu = nn.sigmoid, nn.elu, nn.leaky_relu, nn.selu, nn.gelu
standardize, glorot, randn, logsoftmax = nn.standardize, glorot_normal, normal, nn.log_softmax
_DENSE, _BIAS, _SMALL = glorot_normal(), normal(), normal(1e-6)


def Dense(out_dim: int, W_init: Any = _DENSE, b_init: Any = _BIAS) -> Layer:
    """`inputs @ W + b`."""

    def init(rng: Any, input_shape: Sequence[int]) -> Any:
        one, two = random.split(rng)
        weights = W_init(one, (input_shape[-1], out_dim)), b_init(two, (out_dim,))
        return (*input_shape[:-1], out_dim), weights

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        return np.dot(inputs, params[0]) + params[1]

    return init, apply


def _conv(
    transposed: bool, dimension_numbers: Any, out_chan: int, filter_shape: Sequence[int],
    strides: Any, padding: Any, W_init: Any, b_init: Any,
) -> Layer:  # fmt: skip
    left, kernel, out = dimension_numbers
    ones_ = (1,) * len(filter_shape)
    steps = tuple(strides or ones_)
    make = W_init or glorot_normal(kernel.index("I"), kernel.index("O"))

    def run(x: Any, w: Any) -> Any:
        if transposed:
            return lax.conv_transpose(x, w, steps, padding, dimension_numbers=dimension_numbers)
        return lax.conv_general_dilated(x, w, steps, padding, ones_, ones_, dimension_numbers)

    def init(rng: Any, input_shape: Sequence[int]) -> Any:
        sizes = iter(filter_shape)
        shape = [
            out_chan if c == "O" else input_shape[left.index("C")] if c == "I" else next(sizes)
            for c in kernel
        ]
        from ms_func import ShapeDtypeStruct, eval_shape

        types = ShapeDtypeStruct(tuple(input_shape), "float32"), ShapeDtypeStruct(
            tuple(shape), "float32")  # fmt: skip
        bias = tuple(out_chan if c == "C" else 1 for c in out)
        one, two = random.split(rng)
        return eval_shape(run, *types).shape, (make(one, tuple(shape)), b_init(two, bias))

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        return run(inputs, params[0]) + params[1]

    return init, apply


def GeneralConv(
    dimension_numbers: Any, out_chan: int, filter_shape: Sequence[int], strides: Any = None,
    padding: Any = "VALID", W_init: Any = None, b_init: Any = _SMALL,
) -> Layer:  # fmt: skip
    """Convolution of arrays laid out as `dimension_numbers` says."""
    return _conv(False, dimension_numbers, out_chan, filter_shape, strides, padding, W_init, b_init)


def GeneralConvTranspose(
    dimension_numbers: Any, out_chan: int, filter_shape: Sequence[int], strides: Any = None,
    padding: Any = "VALID", W_init: Any = None, b_init: Any = _SMALL,
) -> Layer:  # fmt: skip
    """Transposed convolution of arrays laid out as `dimension_numbers` says."""
    return _conv(True, dimension_numbers, out_chan, filter_shape, strides, padding, W_init, b_init)


Conv = functools.partial(GeneralConv, ("NHWC", "HWIO", "NHWC"))
ConvTranspose = functools.partial(GeneralConvTranspose, ("NHWC", "HWIO", "NHWC"))
Conv1DTranspose = functools.partial(GeneralConvTranspose, ("NHC", "HIO", "NHC"))


def BatchNorm(
    axis: Any = (0, 1, 2), epsilon: float = 1e-5, center: bool = True, scale: bool = True,
    beta_init: Any = zeros, gamma_init: Any = ones,
) -> Layer:  # fmt: skip
    """Mean 0 and variance 1 over some dimensions, then a scale and a shift."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)

    def init(rng: Any, input_shape: Sequence[int]) -> Any:
        shape = tuple(n for i, n in enumerate(input_shape) if i not in axes)
        one, two = random.split(rng)
        beta = beta_init(one, shape) if center else ()
        return tuple(input_shape), (beta, gamma_init(two, shape) if scale else ())

    def apply(params: Any, x: Any, **kwargs: Any) -> Any:
        beta, gamma = params
        place = tuple(None if i in axes else slice(None) for i in range(np.ndim(x)))
        out = standardize(x, axes, epsilon=epsilon)
        out = out * gamma[place] if scale else out
        return out + beta[place] if center else out

    return init, apply


def elementwise(fun: Callable[..., Any], **fun_kwargs: Any) -> Layer:
    """A function of each element."""
    return (
        lambda rng, input_shape: (input_shape, ()),
        lambda params, inputs, **kwargs: fun(inputs, **fun_kwargs),
    )


Tanh, Relu, Exp = elementwise(np.tanh), elementwise(relu), elementwise(np.exp)
LogSoftmax, Softmax = elementwise(log_softmax, axis=-1), elementwise(softmax, axis=-1)
Softplus, Sigmoid, Elu = elementwise(softplus), elementwise(sigmoid), elementwise(elu)
LeakyRelu, Selu, Gelu = elementwise(leaky_relu), elementwise(selu), elementwise(gelu)


def _pooling(reducer: Any, start: Any, rescale: Any = None) -> Callable[..., Layer]:
    def pool(
        window_shape: Sequence[int], strides: Any = None, padding: Any = "VALID",
        spec: str | None = None,
    ) -> Layer:  # fmt: skip
        letters = spec or "N" + "HWDXYZ"[: len(window_shape)] + "C"
        given, steps = iter(window_shape), iter(strides or (1,) * len(window_shape))
        window = tuple(1 if c in "NC" else next(given) for c in letters)
        moved = tuple(1 if c in "NC" else next(steps) for c in letters)

        def run(x: Any) -> Any:
            out = lax.reduce_window(x, start, reducer, window, moved, padding)
            if rescale is None:
                return out
            counts = lax.reduce_window(np.ones(x.shape, x.dtype), 0.0, lax.add, window, moved,
                                       padding)  # fmt: skip
            return rescale(out, counts)

        def init(rng: Any, input_shape: Sequence[int]) -> Any:
            from ms_func import ShapeDtypeStruct, eval_shape

            return eval_shape(run, ShapeDtypeStruct(tuple(input_shape), "float32")).shape, ()

        return init, lambda params, inputs, **kwargs: run(inputs)

    return pool


MaxPool = _pooling(lax.max, -float("inf"))
SumPool = _pooling(lax.add, 0.0)
AvgPool = _pooling(lax.add, 0.0, operator.truediv)


def _flat(input_shape: Sequence[int]) -> tuple[int, ...]:
    return input_shape[0], functools.reduce(operator.mul, input_shape[1:], 1)


Flatten: Layer = (
    lambda rng, input_shape: (_flat(input_shape), ()),
    lambda params, inputs, **kwargs: np.reshape(inputs, (inputs.shape[0], -1)),
)
Identity: Layer = (
    lambda rng, input_shape: (input_shape, ()),
    lambda params, inputs, **kwargs: inputs,
)


def FanOut(num: int) -> Layer:
    """The input several times."""
    return (
        lambda rng, input_shape: ([input_shape] * num, ()),
        lambda params, inputs, **kwargs: [inputs] * num,
    )


FanInSum: Layer = (
    lambda rng, input_shape: (input_shape[0], ()),
    lambda params, inputs, **kwargs: sum(inputs),
)


def FanInConcat(axis: int = -1) -> Layer:
    """Inputs behind each other along a dimension."""

    def init(rng: Any, input_shape: Any) -> Any:
        at = axis % len(input_shape[0])
        total = sum(s[at] for s in input_shape)
        return (*input_shape[0][:at], total, *input_shape[0][at + 1 :]), ()

    return init, lambda params, inputs, **kwargs: np.concatenate(inputs, axis)


def Dropout(rate: float, mode: str = "train") -> Layer:
    """Each element kept with probability `rate`, and scaled up; in mode "test" nothing is done."""

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        rng = kwargs.get("rng")
        if rng is None:
            raise ValueError(
                "Dropout layer requires apply_fun to be called with a PRNG key argument: "
                "apply_fun(params, inputs, rng=key)"
            )
        if mode != "train":
            return inputs
        keep = random.bernoulli(rng, rate, inputs.shape)
        return np.where(keep, inputs / rate, 0)

    return lambda rng, input_shape: (input_shape, ()), apply


def serial(*layers: Layer) -> Layer:
    """Layers behind each other."""
    inits, applies = zip(*layers, strict=True)

    def init(rng: Any, input_shape: Any) -> Any:
        params = []
        for one in inits:
            rng, own = random.split(rng)
            input_shape, param = one(own, input_shape)
            params.append(param)
        return input_shape, params

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        rng = kwargs.pop("rng", None)
        keys = [None] * len(layers) if rng is None else random.split(rng, len(layers))
        for one, param, key in zip(applies, params, keys, strict=True):
            inputs = one(param, inputs, rng=key, **kwargs)
        return inputs

    return init, apply


def parallel(*layers: Layer) -> Layer:
    """Layers beside each other, one for each of several inputs."""
    inits, applies = zip(*layers, strict=True)

    def init(rng: Any, input_shape: Any) -> Any:
        keys = random.split(rng, len(layers))
        found = [f(k, s) for f, k, s in zip(inits, keys, input_shape, strict=True)]
        return [shape for shape, _ in found], tuple(param for _, param in found)

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        rng = kwargs.pop("rng", None)
        keys = [None] * len(layers) if rng is None else random.split(rng, len(layers))
        rows = zip(applies, params, inputs, keys, strict=True)
        return [f(p, x, rng=k, **kwargs) for f, p, x, k in rows]

    return init, apply


def shape_dependent(make_layer: Callable[..., Layer]) -> Layer:
    """A layer that is made from the shape of its input."""
    return (
        lambda rng, input_shape: make_layer(input_shape)[0](rng, input_shape),
        lambda params, inputs, **kwargs: make_layer(inputs.shape)[1](params, inputs, **kwargs),
    )
