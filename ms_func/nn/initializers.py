"""Initial values of parameters: functions of a key, a shape and a dtype."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func import random
from ms_func.execution.array import Array

Initializer = Callable[..., Array]
Axes = int | Sequence[int]


def zeros(key: Any, shape: Sequence[int], dtype: Any = onp.float32) -> Array:
    """Zeros; the key is not used."""
    return np.zeros(shape, dtype)


def ones(key: Any, shape: Sequence[int], dtype: Any = onp.float32) -> Array:
    """Ones; the key is not used."""
    return np.ones(shape, dtype)


def constant(value: Any, dtype: Any = onp.float32) -> Initializer:
    """Initialiser of one value."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Array:
        return np.full(shape, value, dtype)

    return init


def uniform(scale: float = 1e-2, dtype: Any = onp.float32) -> Initializer:
    """Initialiser uniform in [0, scale)."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Array:
        return random.uniform(key, shape, dtype) * np.asarray(scale, dtype)

    return init


def normal(stddev: float = 1e-2, dtype: Any = onp.float32) -> Initializer:
    """Initialiser normal with mean 0 and the given standard deviation."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Array:
        return random.normal(key, shape, dtype) * np.asarray(stddev, dtype)

    return init


def truncated_normal(
    stddev: float = 1e-2, dtype: Any = onp.float32, lower: float = -2.0, upper: float = 2.0
) -> Initializer:
    """Initialiser normal, cut off at `lower` and `upper` standard deviations."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Array:
        return random.truncated_normal(key, lower, upper, shape, dtype) * np.asarray(stddev, dtype)

    return init


def variance_scaling(
    scale: float,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = onp.float32,
) -> Initializer:
    """Initialiser of variance `scale / n`.

    Args:
        scale: factor of the variance.
        mode: what n is: "fan_in", "fan_out", "fan_avg", or "fan_geo_avg".
        distribution: "truncated_normal", "normal" or "uniform".
        in_axis: axes of inputs.
        out_axis: axes of outputs.
        batch_axis: axes that count for neither.
        dtype: default dtype.

    Raises:
        ValueError: the mode or the distribution is unknown.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015; Glorot and Bengio, "Understanding the
        difficulty of training deep feedforward neural networks", 2010.
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Array:
        fan_in, fan_out = _fans(tuple(shape), in_axis, out_axis, batch_axis)
        sizes = {
            "fan_in": fan_in,
            "fan_out": fan_out,
            "fan_avg": (fan_in + fan_out) / 2,
            "fan_geo_avg": math.sqrt(fan_in * fan_out),
        }
        if mode not in sizes:
            raise ValueError(f"invalid mode for variance scaling initializer: {mode}")
        return _draw(key, shape, dtype, scale / max(1.0, sizes[mode]), distribution)

    return init


def _fans(shape: tuple[int, ...], ins: Axes, outs: Axes, batch: Axes) -> tuple[float, float]:
    """Number of inputs and of outputs of one element, windows counted in."""
    if len(shape) <= 1:
        raise ValueError(f"variance scaling needs a shape of at least two dimensions, got {shape}")

    def size(axes: Axes) -> int:
        return math.prod(shape[a] for a in ([axes] if isinstance(axes, int) else axes))

    window = math.prod(shape) / size(ins) / size(outs) / size(batch)
    return size(ins) * window, size(outs) * window


def _draw(key: Any, shape: Any, dtype: Any, variance: float, distribution: str) -> Array:
    spread = math.sqrt(variance)
    if distribution == "normal":
        return random.normal(key, shape, dtype) * np.asarray(spread, dtype)
    if distribution == "uniform":
        return random.uniform(key, shape, dtype, -1) * np.asarray(math.sqrt(3) * spread, dtype)
    if distribution == "truncated_normal":
        # standard deviation of a standard normal cut off at -2 and 2
        stddev = spread / 0.87962566103423978
        return random.truncated_normal(key, -2, 2, shape, dtype) * np.asarray(stddev, dtype)
    raise ValueError(f"invalid distribution for variance scaling initializer: {distribution}")


def _scaled(scale: float, mode: str, distribution: str) -> Callable[..., Initializer]:
    def make(
        in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = onp.float32
    ) -> Initializer:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    make.__doc__ = f"Initialiser `variance_scaling({scale}, {mode!r}, {distribution!r}, ...)`."
    return make


glorot_uniform = xavier_uniform = _scaled(1.0, "fan_avg", "uniform")
glorot_normal = xavier_normal = _scaled(1.0, "fan_avg", "truncated_normal")
lecun_uniform = _scaled(1.0, "fan_in", "uniform")
lecun_normal = _scaled(1.0, "fan_in", "truncated_normal")
he_uniform = kaiming_uniform = _scaled(2.0, "fan_in", "uniform")
he_normal = kaiming_normal = _scaled(2.0, "fan_in", "truncated_normal")
