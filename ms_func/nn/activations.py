"""Activation functions."""

from __future__ import annotations

import math

from ms_func import numpy as np
from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.dtypes import is_inexact
from ms_func.execution.array import Array
from ms_func.numpy.promotion import ArrayLike
from ms_func.primitives import arithmetic, compare, elementwise
from ms_func.primitives.shape import full_like


def floating(x: ArrayLike) -> Array:
    """`x` as an array of a floating dtype; integers become float32."""
    x = np.asarray(x)
    return x if is_inexact(x.dtype) else x.astype(np.float32)


@custom_jvp
def _relu(x: Array) -> Array:
    return arithmetic.max(x, 0)


@_relu.defjvp
def _relu_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (t,) = primals, tangents
    return _relu(x), compare.select(compare.gt(x, 0), t, full_like(t, 0))


def relu(x: ArrayLike) -> Array:
    """`max(x, 0)`, with derivative 0 at 0.

    Example:
        >>> relu(np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    return _relu(np.asarray(x))


def relu6(x: ArrayLike) -> Array:
    """`min(max(x, 0), 6)`."""
    return np.minimum(np.maximum(x, 0), 6.0)


def sigmoid(x: ArrayLike) -> Array:
    """`1 / (1 + exp(-x))`."""
    return elementwise.logistic(floating(x))


def softplus(x: ArrayLike) -> Array:
    """`log(1 + exp(x))`, without overflow."""
    return np.logaddexp(x, 0.0)


def sparse_plus(x: ArrayLike) -> Array:
    """0 up to -1, `(x + 1)^2 / 4` between -1 and 1, `x` from 1 on."""
    x = np.asarray(x)
    return np.where(x <= -1.0, 0.0, np.where(x >= 1.0, x, (x + 1.0) ** 2 / 4))


def soft_sign(x: ArrayLike) -> Array:
    """`x / (|x| + 1)`."""
    x = np.asarray(x)
    return x / (np.abs(x) + 1)


def silu(x: ArrayLike) -> Array:
    """`x * sigmoid(x)`.

    Reference:
        Elfwing et al., "Sigmoid-weighted linear units for neural network function
        approximation in reinforcement learning", 2017.
    """
    x = floating(x)
    return x * elementwise.logistic(x)


swish = silu


def mish(x: ArrayLike) -> Array:
    """`x * tanh(softplus(x))`."""
    x = floating(x)
    return x * np.tanh(softplus(x))


def log_sigmoid(x: ArrayLike) -> Array:
    """`log(sigmoid(x))`, without overflow."""
    return -softplus(-floating(x))


def elu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """`x` where positive, else `alpha * (exp(x) - 1)`."""
    x = floating(x)
    positive = x > 0
    return np.where(positive, x, alpha * np.expm1(np.where(positive, 0.0, x)))


def selu(x: ArrayLike) -> Array:
    """Scaled `elu` that keeps mean 0 and variance 1.

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, for the constants.
    """
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def celu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """`max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1)`."""
    x = floating(x)
    return np.maximum(x, 0.0) + alpha * np.expm1(np.minimum(x, 0.0) / alpha)


def leaky_relu(x: ArrayLike, negative_slope: ArrayLike = 1e-2) -> Array:
    """`x` where not negative, else `negative_slope * x`."""
    x = np.asarray(x)
    return np.where(x >= 0, x, negative_slope * x)


def hard_tanh(x: ArrayLike) -> Array:
    """`x` limited to [-1, 1]."""
    x = np.asarray(x)
    return np.where(x > 1, 1, np.where(x < -1, -1, x))


def hard_sigmoid(x: ArrayLike) -> Array:
    """`relu6(x + 3) / 6`."""
    return relu6(np.asarray(x) + 3.0) / 6.0


def hard_silu(x: ArrayLike) -> Array:
    """`x * hard_sigmoid(x)`."""
    x = np.asarray(x)
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def squareplus(x: ArrayLike, b: ArrayLike = 4) -> Array:
    """`(x + sqrt(x^2 + b)) / 2`."""
    x = floating(x)
    return (x + np.sqrt(np.square(x) + b)) / 2


def gelu(x: ArrayLike, approximate: bool = True) -> Array:
    """`x` times the standard normal distribution function at `x`.

    Args:
        x: array.
        approximate: use the tanh form instead of the error function.

    Reference:
        Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, equation 2.
    """
    x = floating(x)
    if approximate:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
        return x * (0.5 * (1.0 + np.tanh(inner)))
    return 0.5 * x * elementwise.erfc(-x * math.sqrt(0.5))


def glu(x: ArrayLike, axis: int = -1) -> Array:
    """First half of `x` along `axis` times the sigmoid of the second half.

    Raises:
        ValueError: the axis has an odd length.
    """
    x = np.asarray(x)
    if x.shape[axis] % 2:
        raise ValueError(f"glu needs an axis of even length, got shape {x.shape} and axis {axis}")
    first, second = np.split(x, 2, axis)
    return first * sigmoid(second)
