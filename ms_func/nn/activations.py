"""Activation functions.

At a kink the derivative is one of the two sides': 0 at 0 for `relu`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion, joining, searching
from ms_func.numpy.promotion import ArrayLike, convert, inexact, operand, promote, strong
from ms_func.numpy.trigonometry import tanh
from ms_func.primitives import compare
from ms_func.primitives import elementwise as pe


def identity(x: ArrayLike) -> Array:
    """`x` itself."""
    return ar.positive(x)


# --- rectifiers ---------------------------------------------------------------------------


@fusion.whole(1)
def relu(x: ArrayLike) -> Array:
    """`max(x, 0)`, with derivative 0 at 0."""
    return fusion.run(_relu, (_number("relu", x),))


def _number(name: str, x: Any) -> Any:
    """The operand of a function that counts booleans as integers."""
    x = operand(name, x)
    return convert(x, np.dtype(np.int32), True) if typeof(x).dtype.kind == "b" else x


def _relu(x: Any) -> Any:
    return compare.select(compare.le(x, 0), 0, x)


@fusion.whole(1)
def relu6(x: ArrayLike) -> Array:
    """`min(max(x, 0), 6)`, with derivative 0 at 0 and 6."""
    return fusion.run(_relu6, (inexact("relu6", x),))


def _relu6(x: Any) -> Any:
    return compare.select(compare.ge(x, 6), 6, _relu(x))


@fusion.whole(2)
def leaky_relu(x: ArrayLike, negative_slope: ArrayLike = 0.01) -> Array:
    """`x` where it is not negative, else `negative_slope * x`."""
    return fusion.run(_leaky_relu, promote("leaky_relu", inexact("leaky_relu", x), negative_slope))


def _leaky_relu(x: Any, slope: Any) -> Any:
    return searching.where(compare.ge(x, 0), x, ar.multiply(slope, x))


@fusion.whole(2)
def elu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """`x` where positive, else `alpha * (exp(x) - 1)`."""
    return fusion.run(_elu, promote("elu", inexact("elu", x), alpha))


def _elu(x: Any, alpha: Any) -> Any:
    positive = compare.gt(x, 0)
    safe = compare.select(positive, 0, x)  # the other case must not overflow in the derivative
    return searching.where(positive, x, ar.multiply(alpha, el.expm1(safe)))


@fusion.whole(2)
def celu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """`x` where positive, else `alpha * (exp(x / alpha) - 1)`."""
    return fusion.run(_celu, promote("celu", inexact("celu", x), alpha))


def _celu(x: Any, alpha: Any) -> Any:
    positive = compare.gt(x, 0)
    safe = compare.select(positive, 0, x)
    return searching.where(positive, x, ar.multiply(alpha, el.expm1(ar.divide(safe, alpha))))


@fusion.whole(1)
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


@fusion.whole(1)
def sigmoid(x: ArrayLike) -> Array:
    """`1 / (1 + exp(-x))`."""
    return pe.logistic_p.bind(inexact("sigmoid", x))


@fusion.whole(1)
def softplus(x: ArrayLike) -> Array:
    """`log(1 + exp(x))`, without overflow."""
    return fusion.run(_softplus, (inexact("softplus", x),))


def _softplus(x: Any) -> Any:
    return el.logaddexp(x, 0.0)


@fusion.whole(1)
def log_sigmoid(x: ArrayLike) -> Array:
    """`log(sigmoid(x))`, without underflow."""
    return fusion.run(_log_sigmoid, (inexact("log_sigmoid", x),))


def _log_sigmoid(x: Any) -> Any:
    return ar.negative(_softplus(ar.negative(x)))


@fusion.whole(1)
def silu(x: ArrayLike) -> Array:
    """`x * sigmoid(x)`."""
    return fusion.run(_silu, (inexact("silu", x),))


swish = silu


def _silu(x: Any) -> Any:
    return ar.multiply(x, pe.logistic_p.bind(x))


@fusion.whole(1)
def mish(x: ArrayLike) -> Array:
    """`x * tanh(softplus(x))`."""
    return fusion.run(_mish, (inexact("mish", x),))


def _mish(x: Any) -> Any:
    return ar.multiply(x, tanh(_softplus(x)))


def gelu(x: ArrayLike, approximate: bool = True) -> Array:
    """`x` times the normal distribution function.

    Args:
        x: array.
        approximate: use `tanh` instead of the error function.

    Reference:
        Hendrycks, Gimpel, "Gaussian error linear units", 2016.
    """
    return fusion.run(_gelu_tanh if approximate else _gelu_exact, (strong(inexact("gelu", x)),))


def _gelu_tanh(x: Any) -> Any:
    cube = ar.multiply(ar.multiply(x, x), x)
    inner = ar.multiply(math.sqrt(2 / math.pi), ar.add(x, ar.multiply(0.044715, cube)))
    return ar.multiply(x, ar.multiply(0.5, ar.add(1.0, tanh(inner))))


def _gelu_exact(x: Any) -> Any:
    return ar.multiply(ar.multiply(0.5, x), pe.erfc(ar.multiply(x, -math.sqrt(0.5))))


def squareplus(x: ArrayLike, b: ArrayLike = 4) -> Array:
    """`(x + sqrt(x**2 + b)) / 2`."""
    return fusion.run(_squareplus, promote("squareplus", inexact("squareplus", x), b))


def _squareplus(x: Any, b: Any) -> Any:
    return ar.divide(ar.add(x, el.sqrt(ar.add(ar.square(x), b))), 2)


@fusion.whole(1)
def soft_sign(x: ArrayLike) -> Array:
    """`x / (abs(x) + 1)`."""
    return fusion.run(_soft_sign, (inexact("soft_sign", x),))


def _soft_sign(x: Any) -> Any:
    return ar.divide(x, ar.add(el.abs(x), 1))


@fusion.whole(1)
def hard_tanh(x: ArrayLike) -> Array:
    """`x` limited to `[-1, 1]`."""
    return fusion.run(_hard_tanh, (_number("hard_tanh", x),))


def _hard_tanh(x: Any) -> Any:
    if typeof(x).dtype.kind != "u":
        x = searching.where(compare.lt(x, -1), -1, x)
    return searching.where(compare.gt(x, 1), 1, x)


@fusion.whole(1)
def hard_sigmoid(x: ArrayLike) -> Array:
    """`relu6(x + 3) / 6`."""
    return fusion.run(_hard_sigmoid, (inexact("hard_sigmoid", x),))


def _hard_sigmoid(x: Any) -> Any:
    return ar.divide(_relu6(ar.add(x, 3.0)), 6.0)


@fusion.whole(1)
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


@fusion.whole(1)
def glu(x: ArrayLike, axis: int = -1) -> Array:
    """First half of `x` along a dimension times the sigmoid of the second.

    Raises:
        ValueError: the dimension has an odd size.
    """
    x = inexact("glu", x)
    size = typeof(x).shape[axis]
    if size % 2:
        raise ArgumentValueError(f"glu needs a dimension of even size, got {size}")
    return fusion.run(_glu, (x,), axis)


def _glu(x: Any, axis: int) -> Any:
    value, gate = joining.split(x, 2, axis)
    return ar.multiply(value, sigmoid(gate))
