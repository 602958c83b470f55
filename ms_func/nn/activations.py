"""Activation functions.

At a kink the derivative is one of the two sides': 0 at 0 for `relu`. Complex numbers compare by
real, then by imaginary part.
"""

from __future__ import annotations

import math
from typing import Any

from ms_func.control_flow.identities import stop_gradient
from ms_func.dtypes import DEFAULTS
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion, joining, logic, searching
from ms_func.numpy.promotion import ArrayLike, convert, inexact, operand, promote_inexact, strong
from ms_func.numpy.trigonometry import tanh
from ms_func.primitives import compare, hyperbolic
from ms_func.primitives import elementwise as pe


def identity(x: ArrayLike) -> Array:
    """`x` itself, as an array.

    Args:
        x: array or number of any dtype but bool.

    Raises:
        TypeError: `x` is a boolean, or no array.

    Example:
        >>> identity(2.5)
        Array(2.5, dtype=float32, weak_type=True)
    """
    return ar.positive(x)


# --- rectifiers ---------------------------------------------------------------------------


@fusion.whole(1)
def relu(x: ArrayLike) -> Array:
    """`max(x, 0)`, with derivative 0 at 0.

    Args:
        x: real or complex array; integers stay integers, booleans count as such.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(relu(np.array([-1.0, 0.0, 2.0])))
        [0. 0. 2.]
        >>> ms.grad(relu)(0.0).item()
        0.0

    Reference:
        Nair, Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML 2010.
    """
    return fusion.run(_relu, (_number("relu", x),))


def _number(name: str, x: Any) -> Any:
    """The operand of a function that counts booleans as integers."""
    x = operand(name, x)
    return convert(x, DEFAULTS[int], True) if typeof(x).dtype.kind == "b" else x


def _relu(x: Any) -> Any:
    """The other case is 0 or NaN, which has no slope."""
    return compare.select(logic.greater(x, 0), x, ar.maximum(stop_gradient(x), 0))


@fusion.whole(1)
def relu6(x: ArrayLike) -> Array:
    """`min(max(x, 0), 6)`, with derivative 0 at 0 and 6.

    Args:
        x: real or complex array; integers become floats.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(relu6(np.array([-1.0, 3.0, 10.0])))
        [0. 3. 6.]

    Reference:
        Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
    """
    return fusion.run(_relu6, (inexact("relu6", x),))


def _relu6(x: Any) -> Any:
    return compare.select(logic.greater_equal(x, 6), 6, _relu(x))


@fusion.whole(2)
def leaky_relu(x: ArrayLike, negative_slope: ArrayLike = 0.01) -> Array:
    """`x` where it is not negative, else `negative_slope * x`.

    Args:
        x: real or complex array; integers become floats.
        negative_slope: number, or array that broadcasts with `x`; differentiable.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(leaky_relu(np.array([-4.0, 4.0]), 0.25))
        [-1.  4.]

    Reference:
        Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models",
        ICML 2013.
    """
    return fusion.run(_leaky_relu, promote_inexact("leaky_relu", x, negative_slope))


def _leaky_relu(x: Any, slope: Any) -> Any:
    return searching.where(logic.greater_equal(x, 0), x, ar.multiply(slope, x))


@fusion.whole(2)
def elu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """`x` where positive, else `alpha * (exp(x) - 1)`.

    Args:
        x: real or complex array; integers become floats.
        alpha: number, or array that broadcasts with `x`: minus the limit at -inf. The derivative
            at 0 is `alpha`.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(elu(np.array([-np.inf, 0.0, 2.0]), 3.0))
        [-3.  0.  2.]

    Reference:
        Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by exponential
        linear units", ICLR 2016.
    """
    return fusion.run(_elu, promote_inexact("elu", x, alpha))


def _elu(x: Any, alpha: Any) -> Any:
    positive = logic.greater(x, 0)
    safe = compare.select(positive, 0, x)  # the other case must not overflow in the derivative
    return searching.where(positive, x, ar.multiply(alpha, el.expm1(safe)))


@fusion.whole(2)
def celu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """`x` where positive, else `alpha * (exp(x / alpha) - 1)`: smooth for every `alpha`.

    Args:
        x: real or complex array; integers become floats.
        alpha: number, or array that broadcasts with `x`; not 0.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(celu(np.array([-np.inf, 0.0, 2.0]), 3.0), ms.grad(celu)(0.0, 3.0))
        [-3.  0.  2.] 1.0

    Reference:
        Barron, "Continuously differentiable exponential linear units", 2017.
    """
    return fusion.run(_celu, promote_inexact("celu", x, alpha))


def _celu(x: Any, alpha: Any) -> Any:
    positive = logic.greater(x, 0)
    safe = compare.select(positive, 0, x)
    return searching.where(positive, x, ar.multiply(alpha, el.expm1(ar.divide(safe, alpha))))


@fusion.whole(1)
def selu(x: ArrayLike) -> Array:
    """Scaled `elu` that keeps mean 0 and variance 1.

    `1.0507 * elu(x, 1.6733)`: of standard normal numbers, the result has mean 0 and variance 1.

    Args:
        x: real or complex array; integers become floats.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(f"{selu(1.0):.4f}", f"{selu(-np.inf):.4f}")
        1.0507 -1.7581

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
    """`1 / (1 + exp(-x))`, without overflow.

    Args:
        x: real or complex array; integers become floats.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(sigmoid(np.array([-np.inf, 0.0, 1000.0])))
        [0.  0.5 1. ]
    """
    return hyperbolic.logistic_p.bind(inexact("sigmoid", x))


@fusion.whole(1)
def softplus(x: ArrayLike) -> Array:
    """`log(1 + exp(x))`, without overflow: `relu` with a round corner.

    Args:
        x: real or complex array; integers become floats.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(softplus(np.array([-1000.0, 1000.0])), f"{softplus(0.0):.4f}")
        [   0. 1000.] 0.6931
    """
    return fusion.run(_softplus, (inexact("softplus", x),))


def _softplus(x: Any) -> Any:
    return el.logaddexp(x, 0.0)


@fusion.whole(1)
def log_sigmoid(x: ArrayLike) -> Array:
    """`log(sigmoid(x))`, without underflow.

    Args:
        x: real or complex array; integers become floats.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> log_sigmoid(-1000.0).item()  # the sigmoid itself is 0
        -1000.0
    """
    return fusion.run(_log_sigmoid, (inexact("log_sigmoid", x),))


def _log_sigmoid(x: Any) -> Any:
    return ar.negative(_softplus(ar.negative(x)))


@fusion.whole(1)
def silu(x: ArrayLike) -> Array:
    """`x * sigmoid(x)`, also called swish.

    Args:
        x: real or complex array; integers become floats.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(np.array_str(silu(np.array([-1.0, 0.0, 1.0])), precision=4))
        [-0.2689  0.      0.7311]

    Reference:
        Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units for neural network function
        approximation in reinforcement learning", Neural Networks 107, 2018.
    """
    return fusion.run(_silu, (inexact("silu", x),))


swish = silu


def _silu(x: Any) -> Any:
    return ar.multiply(x, hyperbolic.logistic_p.bind(x))


@fusion.whole(1)
def mish(x: ArrayLike) -> Array:
    """`x * tanh(softplus(x))`.

    Args:
        x: real or complex array; integers become floats.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> f"{mish(1.0):.4f}"
        '0.8651'

    Reference:
        Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.
    """
    return fusion.run(_mish, (inexact("mish", x),))


def _mish(x: Any) -> Any:
    return ar.multiply(x, tanh(_softplus(x)))


def gelu(x: ArrayLike, approximate: bool = True) -> Array:
    """`x` times the normal distribution function.

    Args:
        x: real or complex array; integers become floats.
        approximate: use `0.5 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))` instead of the
            distribution function; it is off by 5e-4 at most.

    Raises:
        TypeError: `x` is no array.

    Reference:
        Hendrycks, Gimpel, "Gaussian error linear units", 2016.

    Example:
        >>> f"{gelu(1.0):.5f}", f"{gelu(1.0, approximate=False):.5f}"
        ('0.84119', '0.84134')
    """
    return fusion.run(_gelu_tanh if approximate else _gelu_exact, (strong(inexact("gelu", x)),))


def _gelu_tanh(x: Any) -> Any:
    cube = ar.multiply(ar.multiply(x, x), x)
    inner = ar.multiply(math.sqrt(2 / math.pi), ar.add(x, ar.multiply(0.044715, cube)))
    return ar.multiply(x, ar.multiply(0.5, ar.add(1.0, tanh(inner))))


def _gelu_exact(x: Any) -> Any:
    return ar.multiply(ar.multiply(0.5, x), pe.erfc(ar.multiply(x, -math.sqrt(0.5))))


def squareplus(x: ArrayLike, b: ArrayLike = 4) -> Array:
    """`(x + sqrt(x**2 + b)) / 2`: `relu` with a round corner, without exponentials.

    Args:
        x: real or complex array; integers become floats.
        b: width of the corner, not negative: the value at 0 is `sqrt(b) / 2`.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(squareplus(np.array([0.0, 1.5])))
        [1. 2.]

    Reference:
        Barron, "Squareplus: a softplus-like algebraic rectifier", 2021.
    """
    return fusion.run(_squareplus, promote_inexact("squareplus", x, b))


def _squareplus(x: Any, b: Any) -> Any:
    return ar.divide(ar.add(x, el.sqrt(ar.add(ar.square(x), b))), 2)


@fusion.whole(1)
def soft_sign(x: ArrayLike) -> Array:
    """`x / (abs(x) + 1)`, between -1 and 1.

    Args:
        x: real or complex array; integers become floats. Infinite ones give NaN.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(soft_sign(np.array([-1.0, 0.0, 3.0])))
        [-0.5   0.    0.75]
    """
    return fusion.run(_soft_sign, (inexact("soft_sign", x),))


def _soft_sign(x: Any) -> Any:
    return ar.divide(x, ar.add(el.abs(x), 1))


@fusion.whole(1)
def hard_tanh(x: ArrayLike) -> Array:
    """`x` limited to `[-1, 1]`.

    Args:
        x: real or complex array; integers stay integers, booleans count as such.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(hard_tanh(np.array([-2.0, 0.5, 2.0])))
        [-1.   0.5  1. ]
    """
    return fusion.run(_hard_tanh, (_number("hard_tanh", x),))


def _hard_tanh(x: Any) -> Any:
    if typeof(x).dtype.kind != "u":
        x = searching.where(logic.less(x, -1), -1, x)
    return searching.where(logic.greater(x, 1), 1, x)


@fusion.whole(1)
def hard_sigmoid(x: ArrayLike) -> Array:
    """`relu6(x + 3) / 6`: 0 up to -3, 1 from 3 on, and a line between.

    Args:
        x: real or complex array; integers become floats.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(hard_sigmoid(np.array([-3.0, 0.0, 3.0])))
        [0.  0.5 1. ]
    """
    return fusion.run(_hard_sigmoid, (inexact("hard_sigmoid", x),))


def _hard_sigmoid(x: Any) -> Any:
    return ar.divide(_relu6(ar.add(x, 3.0)), 6.0)


@fusion.whole(1)
def hard_silu(x: ArrayLike) -> Array:
    """`x * hard_sigmoid(x)`, also called hard swish.

    Args:
        x: real or complex array; integers become floats.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(hard_silu(np.array([-3.0, 0.0, 3.0])))
        [-0.  0.  3.]

    Reference:
        Howard et al., "Searching for MobileNetV3", ICCV 2019.
    """
    return fusion.run(_hard_silu, (inexact("hard_silu", x),))


hard_swish = hard_silu


def _hard_silu(x: Any) -> Any:
    return ar.multiply(x, _hard_sigmoid(x))


def sparse_plus(x: ArrayLike) -> Array:
    """0 up to -1, `(x + 1)**2 / 4` up to 1, `x` above.

    Args:
        x: real or complex array; integers become floats.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(sparse_plus(np.array([-1.0, 0.0, 1.0, 2.0])))
        [0.   0.25 1.   2.  ]
    """
    return fusion.run(_sparse_plus, (inexact("sparse_plus", x),))


def _sparse_plus(x: Any) -> Any:
    middle = ar.divide(ar.square(ar.add(x, 1.0)), 4.0)
    above = searching.where(logic.greater_equal(x, 1.0), x, middle)
    return searching.where(logic.less_equal(x, -1.0), 0.0, above)


def sparse_sigmoid(x: ArrayLike) -> Array:
    """`(x + 1) / 2` limited to `[0, 1]`: the derivative of `sparse_plus`.

    It is the sparsemax of two classes of logits `x` and `-x`.

    Args:
        x: real array; integers become floats.

    Raises:
        TypeError: `x` is no array.
        ValueError: `x` is complex.

    Example:
        >>> print(sparse_sigmoid(np.array([-2.0, 0.0, 1.0])), ms.grad(sparse_plus)(0.0))
        [0.  0.5 1. ] 0.5

    Reference:
        Martins, Astudillo, "From softmax to sparsemax", ICML 2016.
    """
    return ar.multiply(0.5, ar.clip(ar.add(inexact("sparse_sigmoid", x), 1.0), 0.0, 2.0))


def log1mexp(x: ArrayLike) -> Array:
    """`log(1 - exp(-x))` for positive `x`, accurate near 0 and for large `x`.

    Args:
        x: real or complex array; integers become floats. 0 gives -inf, negative ones NaN.

    Raises:
        TypeError: `x` is no array.

    Reference:
        Maechler, "Accurately computing log(1 - exp(-|a|))", 2012.

    Example:
        >>> f"{log1mexp(1e-20):.2f}", f"{np.log(1 - np.exp(-1e-20)):.2f}"
        ('-46.05', '-inf')
    """
    return fusion.run(_log1mexp, (inexact("log1mexp", x),))


def _log1mexp(x: Any) -> Any:
    small = logic.less_equal(x, math.log(2))
    near = el.log(ar.negative(el.expm1(ar.negative(compare.select(small, x, 1.0)))))
    far = el.log1p(ar.negative(el.exp(ar.negative(compare.select(small, 1.0, x)))))
    return searching.where(small, near, far)


@fusion.whole(1)
def glu(x: ArrayLike, axis: int = -1) -> Array:
    """First half of `x` along a dimension times the sigmoid of the second.

    Args:
        x: real or complex array; integers become floats.
        axis: dimension that is halved.

    Raises:
        ValueError: the dimension has an odd size.
        IndexError: there is no such dimension.

    Example:
        >>> print(glu(np.array([2.0, 4.0, 0.0, 0.0])))
        [1. 2.]

    Reference:
        Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017.
    """
    x = inexact("glu", x)
    size = typeof(x).shape[axis]
    if size % 2:
        raise ArgumentValueError(f"glu needs a dimension of even size, got {size}")
    return fusion.run(_glu, (x,), axis)


def _glu(x: Any, axis: int) -> Any:
    value, gate = joining.split(x, 2, axis)
    return ar.multiply(value, sigmoid(gate))
