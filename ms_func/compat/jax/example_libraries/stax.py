"""`jax.example_libraries.stax`: layers as pairs of functions.

A layer is `(init_fun, apply_fun)`. `init_fun(key, input_shape)` gives the shape of the results and
the parameters, and `apply_fun(params, inputs, rng=None)` the results. The number of examples in a
shape may be -1, for "any".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import ms_func.numpy as np
from ms_func import lax, nn, random
from ms_func.api.compile import eval_shape
from ms_func.ir.types import ShapeDtypeStruct
from ms_func.nn import initializers
from ms_func.nn.initializers import glorot_normal, normal, ones, zeros

__all__ = [
    "AvgPool", "BatchNorm", "Conv", "Conv1DTranspose", "ConvTranspose", "Dense", "Dropout", "Elu",
    "Exp", "FanInConcat", "FanInSum", "FanOut", "Flatten", "Gelu", "GeneralConv",
    "GeneralConvTranspose", "Identity", "LeakyRelu", "LogSoftmax", "MaxPool", "Relu", "Selu",
    "Sigmoid", "Softmax", "Softplus", "SumPool", "Tanh", "elementwise", "glorot", "glorot_normal",
    "logsoftmax", "normal", "ones", "parallel", "randn", "serial", "shape_dependent", "zeros",
]  # fmt: skip

Layer = tuple[Callable[..., Any], Callable[..., Any]]
Shape = tuple[int, ...]

_KERNEL, _BIAS, _SMALL = glorot_normal(), normal(), normal(1e-6)
glorot, randn, logsoftmax = initializers.glorot_normal, initializers.normal, nn.log_softmax


def _shape_after(apply: Callable[..., Any], shape: Shape, *operands: Any) -> Shape:
    """Shape of what a function makes of inputs of a shape whose first size may be -1."""
    known = ShapeDtypeStruct(tuple(1 if n < 0 else n for n in shape), np.float32)
    found = eval_shape(apply, known, *operands).shape
    return (shape[0], *found[1:]) if shape and shape[0] < 0 else found


# --- layers with parameters -----------------------------------------------------------------------


def Dense(out_dim: int, W_init: Any = _KERNEL, b_init: Any = _BIAS) -> Layer:
    """Every vector along the last dimension multiplied by a matrix, plus a vector."""

    def init_fun(rng: Any, input_shape: Shape) -> tuple[Shape, Any]:
        key, other = random.split(rng)
        kernel, bias = W_init(key, (input_shape[-1], out_dim)), b_init(other, (out_dim,))
        return (*input_shape[:-1], out_dim), (kernel, bias)

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        kernel, bias = params
        return np.dot(inputs, kernel) + bias

    return init_fun, apply_fun


def GeneralConv(
    dimension_numbers: tuple[str, str, str], out_chan: int, filter_shape: Sequence[int],
    strides: Sequence[int] | None = None, padding: Any = "VALID", W_init: Any = None,
    b_init: Any = _SMALL,
) -> Layer:  # fmt: skip
    """Convolution with dimensions in any order, plus a number for each channel."""

    def convolve(x: Any, kernel: Any) -> Any:
        steps = strides or (1,) * len(filter_shape)
        return lax.conv_general_dilated(
            x, kernel, steps, padding, dimension_numbers=dimension_numbers
        )

    return _convolution(convolve, dimension_numbers, out_chan, filter_shape, W_init, b_init)


def GeneralConvTranspose(
    dimension_numbers: tuple[str, str, str], out_chan: int, filter_shape: Sequence[int],
    strides: Sequence[int] | None = None, padding: Any = "VALID", W_init: Any = None,
    b_init: Any = _SMALL,
) -> Layer:  # fmt: skip
    """Transposed convolution with dimensions in any order, plus a number for each channel."""

    def convolve(x: Any, kernel: Any) -> Any:
        steps = strides or (1,) * len(filter_shape)
        return lax.conv_transpose(x, kernel, steps, padding, dimension_numbers=dimension_numbers)

    return _convolution(convolve, dimension_numbers, out_chan, filter_shape, W_init, b_init)


def _convolution(
    convolve: Callable[..., Any], dimension_numbers: tuple[str, str, str], out_chan: int,
    filter_shape: Sequence[int], W_init: Any, b_init: Any,
) -> Layer:  # fmt: skip
    lhs, rhs, out = dimension_numbers
    W_init = W_init or glorot_normal(rhs.index("I"), rhs.index("O"))

    def init_fun(rng: Any, input_shape: Shape) -> tuple[Shape, Any]:
        sizes = iter(filter_shape)
        channels = {"O": out_chan, "I": input_shape[lhs.index("C")]}
        kernel_shape = tuple(channels[c] if c in channels else next(sizes) for c in rhs)
        key, other = random.split(rng)
        kernel = W_init(key, kernel_shape)
        bias = b_init(other, tuple(out_chan if c == "C" else 1 for c in out))
        return _shape_after(convolve, input_shape, kernel), (kernel, bias)

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        kernel, bias = params
        return convolve(inputs, kernel) + bias

    return init_fun, apply_fun


Conv = partial(GeneralConv, ("NHWC", "HWIO", "NHWC"))
Conv1DTranspose = partial(GeneralConvTranspose, ("NHC", "HIO", "NHC"))
ConvTranspose = partial(GeneralConvTranspose, ("NHWC", "HWIO", "NHWC"))


def BatchNorm(
    axis: Any = (0, 1, 2), epsilon: float = 1e-5, center: bool = True, scale: bool = True,
    beta_init: Any = zeros, gamma_init: Any = ones,
) -> Layer:  # fmt: skip
    """Inputs with mean 0 and variance 1 over some dimensions, then scaled and shifted."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)

    def init_fun(rng: Any, input_shape: Shape) -> tuple[Shape, Any]:
        shape = tuple(n for i, n in enumerate(input_shape) if i not in axes)
        first, second = random.split(rng)
        beta = beta_init(first, shape) if center else ()
        gamma = gamma_init(second, shape) if scale else ()
        return input_shape, (beta, gamma)

    def apply_fun(params: Any, x: Any, **kwargs: Any) -> Any:
        beta, gamma = params
        spread = tuple(None if i in axes else slice(None) for i in range(np.ndim(x)))
        x = nn.standardize(x, axes, epsilon=epsilon)
        x = gamma[spread] * x if scale else x
        return x + beta[spread] if center else x

    return init_fun, apply_fun


# --- layers without parameters --------------------------------------------------------------------


def elementwise(fun: Callable[..., Any], **fun_kwargs: Any) -> Layer:
    """A function of each element."""
    return (
        lambda rng, input_shape: (input_shape, ()),
        lambda params, inputs, **kwargs: fun(inputs, **fun_kwargs),
    )


Tanh = elementwise(np.tanh)
Relu = elementwise(nn.relu)
Exp = elementwise(np.exp)
LogSoftmax = elementwise(nn.log_softmax, axis=-1)
Softmax = elementwise(nn.softmax, axis=-1)
Softplus = elementwise(nn.softplus)
Sigmoid = elementwise(nn.sigmoid)
Elu = elementwise(nn.elu)
LeakyRelu = elementwise(nn.leaky_relu)
Selu = elementwise(nn.selu)
Gelu = elementwise(nn.gelu)
Identity = elementwise(lambda x: x)


def _pooling(start: float, reducer: Any, averaged: bool) -> Callable[..., Layer]:
    def pool(
        window_shape: Sequence[int], strides: Sequence[int] | None = None, padding: str = "VALID",
        spec: str | None = None,
    ) -> Layer:  # fmt: skip
        order = spec or "N" + "." * len(window_shape) + "C"

        def spread(sizes: Sequence[int]) -> Shape:
            left = iter(sizes)
            return tuple(1 if c in "NC" else next(left) for c in order)

        window, steps = spread(window_shape), spread(strides or (1,) * len(window_shape))

        def reduced(x: Any) -> Any:
            return lax.reduce_window(x, start, reducer, window, steps, padding)

        def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
            out = reduced(inputs)
            return out / reduced(np.ones_like(inputs)) if averaged else out

        return lambda rng, shape: (_shape_after(reduced, shape), ()), apply_fun

    return pool


MaxPool = _pooling(-math.inf, lax.max, averaged=False)
SumPool = _pooling(0.0, lax.add, averaged=False)
AvgPool = _pooling(0.0, lax.add, averaged=True)


def _flat(shape: Shape) -> Shape:
    return shape[0], math.prod(shape[1:])


Flatten: Layer = (
    lambda rng, input_shape: (_flat(input_shape), ()),
    lambda params, inputs, **kwargs: np.reshape(inputs, _flat(inputs.shape)),
)


def FanOut(num: int) -> Layer:
    """The same inputs `num` times."""
    return (
        lambda rng, input_shape: ([input_shape] * num, ()),
        lambda params, inputs, **kwargs: [inputs] * num,
    )


FanInSum: Layer = (
    lambda rng, input_shapes: (input_shapes[0], ()),
    lambda params, inputs, **kwargs: sum(inputs),
)


def FanInConcat(axis: int = -1) -> Layer:
    """Several inputs side by side along a dimension."""

    def init_fun(rng: Any, input_shapes: Sequence[Shape]) -> tuple[Shape, Any]:
        shape = list(input_shapes[0])
        shape[axis] = sum(s[axis] for s in input_shapes)
        return tuple(shape), ()

    return init_fun, lambda params, inputs, **kwargs: np.concatenate(inputs, axis)


def Dropout(rate: float, mode: str = "train") -> Layer:
    """Elements kept with probability `rate` and divided by it; all as they are unless "train"."""

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        if mode != "train":
            return inputs
        rng = kwargs.get("rng")
        if rng is None:
            raise ValueError(
                "Dropout needs a key to draw from\nfix: call apply_fun(params, inputs, rng=key), "
                "or make the layer with a mode other than 'train'"
            )
        keep = random.bernoulli(rng, rate, inputs.shape)
        return np.where(keep, inputs / rate, 0)

    return lambda rng, input_shape: (input_shape, ()), apply_fun


# --- layers made of layers ------------------------------------------------------------------------


def _keys(rng: Any, count: int) -> Any:
    return (None,) * count if rng is None else random.split(rng, count)


def serial(*layers: Layer) -> Layer:
    """Layers one after the other."""

    def init_fun(rng: Any, input_shape: Any) -> tuple[Any, Any]:
        params = []
        for init, _ in layers:
            rng, key = random.split(rng)
            input_shape, own = init(key, input_shape)
            params.append(own)
        return input_shape, params

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        keys = _keys(kwargs.pop("rng", None), len(layers))
        for (_, apply), own, key in zip(layers, params, keys, strict=True):
            inputs = apply(own, inputs, rng=key, **kwargs)
        return inputs

    return init_fun, apply_fun


def parallel(*layers: Layer) -> Layer:
    """Layers side by side, each on an input of its own, as from `FanOut`."""

    def init_fun(rng: Any, input_shape: Any) -> tuple[Any, Any]:
        keys = random.split(rng, len(layers))
        made = [init(k, s) for (init, _), k, s in zip(layers, keys, input_shape, strict=True)]
        return [shape for shape, _ in made], [own for _, own in made]

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        keys = _keys(kwargs.pop("rng", None), len(layers))
        return [
            apply(own, x, rng=key, **kwargs)
            for (_, apply), own, x, key in zip(layers, params, inputs, keys, strict=True)
        ]

    return init_fun, apply_fun


def shape_dependent(make_layer: Callable[[Any], Layer]) -> Layer:
    """The layer that `make_layer` makes for the shape of the inputs."""
    return (
        lambda rng, input_shape: make_layer(input_shape)[0](rng, input_shape),
        lambda params, inputs, **kwargs: make_layer(inputs.shape)[1](params, inputs, **kwargs),
    )
