"""Normal numbers and other continuous distributions with a closed formula."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.execution.array import Array
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import logic, manipulation, reductions, searching
from ms_func.numpy.filled import shape_tuple
from ms_func.numpy.floats import nextafter
from ms_func.numpy.fusion import run, whole
from ms_func.numpy.promotion import ArrayLike, convert, operand
from ms_func.numpy.trigonometry import tan
from ms_func.primitives import cast
from ms_func.primitives import elementwise as pe
from ms_func.primitives.keys import random_split
from ms_func.random.discrete import rademacher
from ms_func.random.keys import checked_key, split
from ms_func.random.placing import placed
from ms_func.random.uniform import Shape, float_dtype, joint_shape, scaled, unit


@placed
def normal(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Normal numbers of mean 0 and variance 1; complex ones have independent parts.

    The density is `exp(-x**2 / 2) / sqrt(2 pi)`, from uniform numbers by the inverse of the
    distribution. The parts of complex numbers have variance 1/2 each.

    Args:
        key: single key, not used for anything else.
        shape: of the result.
        dtype: floating or complex; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the dtype is neither, or `key` is an array of keys.
        TypeError: `key` is no key.

    Example:
        >>> from ms_func import random
        >>> first, second = random.split(random.key(0))
        >>> noise = 3.0 + 0.5 * random.normal(first, (2, 3))  # of mean 3, standard deviation 1/2
        >>> print(np.array_str(noise, precision=2))
        [[3.5  2.55 2.63]
         [2.41 2.56 3.29]]
    """
    kind = float_dtype("normal", dtype, complex_too=True)
    return run(normal_of, (checked_key("normal", key),), shape_tuple("normal", shape), kind)


def normal_of(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    """Standard normal numbers; for an array of keys, `shape` of them for each."""
    if kind.kind == "c":
        part = np.dtype(f"f{kind.itemsize // 2}")
        keys = random_split(key, (2,))
        real, imag = (normal_of(keys[i], shape, part) for i in range(2))
        return ar.divide(cast.complex(real, imag), np.asarray(math.sqrt(2), kind)[()])
    low = np.nextafter(np.asarray(-1, kind), np.asarray(0, kind))
    u = scaled(key, low[()], np.asarray(1, kind)[()], shape, kind)
    return ar.multiply(np.asarray(math.sqrt(2), kind)[()], pe.erf_inv(u))


@placed
def truncated_normal(
    key: ArrayLike, lower: ArrayLike, upper: ArrayLike, shape: Shape | None = None,
    dtype: Any = None,
) -> Array:  # fmt: skip
    """Normal numbers of mean 0 and variance 1, of those between `lower` and `upper`.

    Args:
        key: single key, not used for anything else.
        lower: bound below; differentiable, as is the other, where the result is inside of them.
        upper: bound above; the result is strictly between them.
        shape: of the result, which the bounds broadcast to; by default, that of the bounds.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the bounds do not broadcast to `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> low = np.array([-3.0, 0.0, 2.0])  # bounds broadcast
        >>> x = random.truncated_normal(random.key(0), low, 3.0)
        >>> print(np.array_str(x, precision=2))
        [1.61 2.26 2.15]
    """
    kind = float_dtype("truncated_normal", dtype)
    shape = joint_shape("truncated_normal", shape, lower, upper)
    bounds = [convert(operand("truncated_normal", v), kind) for v in (lower, upper)]
    return run(_truncated, (checked_key("truncated_normal", key), *bounds), shape, kind)


def _truncated(key: Any, lower: Any, upper: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    root = np.asarray(math.sqrt(2), kind)[()]
    a, b = (pe.erf(ar.divide(v, root)) for v in (lower, upper))
    out = ar.multiply(root, pe.erf_inv(scaled(key, a, b, shape, kind)))
    inner = nextafter(lower, np.asarray(math.inf, kind)[()])
    outer = nextafter(upper, np.asarray(-math.inf, kind)[()])
    return ar.minimum(ar.maximum(out, inner), outer)


@placed
def lognormal(
    key: ArrayLike, sigma: ArrayLike = 1.0, shape: Shape | None = None, dtype: Any = None
) -> Array:
    """Exponentials of normal numbers of mean 0 and standard deviation `sigma`.

    The density at `x > 0` is `exp(-log(x)**2 / (2 sigma**2)) / (x sigma sqrt(2 pi))`. Add a mean
    to the logarithm by a factor: `exp(mean) * lognormal(key, sigma)`.

    Args:
        key: single key, not used for anything else.
        sigma: standard deviation of the logarithm; differentiable.
        shape: of the result, which `sigma` broadcasts to; by default, that of `sigma`.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: `sigma` does not broadcast to `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> x = random.lognormal(random.key(0), np.array([0.0, 0.1, 1.0]))
        >>> print(np.array_str(x, precision=2))
        [1.   1.22 0.65]
    """
    kind = float_dtype("lognormal", dtype)
    shape = joint_shape("lognormal", shape, sigma)
    sigma = convert(operand("lognormal", sigma), kind)
    return el.exp(ar.multiply(normal(key, shape, kind), sigma))


@placed
def exponential(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Exponentially distributed numbers of mean 1: the density is `exp(-x)` for `x >= 0`.

    Divide by a rate, or multiply by a mean, for others: that is differentiable, and exact.

    Args:
        key: single key, not used for anything else.
        shape: of the result.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> x = random.exponential(random.key(0), (3,)) / 2  # of rate 2
        >>> print(np.array_str(x, precision=2))
        [1.48 1.92 0.2 ]
    """
    kind = float_dtype("exponential", dtype)
    return run(_exponential, (checked_key("exponential", key),), shape_tuple("e", shape), kind)


def _exponential(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    return ar.negative(el.log1p(ar.negative(unit(key, shape, kind))))


@placed
def laplace(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Numbers of the standard Laplace distribution, of density `exp(-abs(x)) / 2`.

    For others use `loc + scale * laplace(...)`; their variance is `2 * scale**2`.

    Args:
        key: single key, not used for anything else.
        shape: of the result.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> x = random.laplace(random.key(0), (3,))
        >>> print(np.array_str(x, precision=2))
        [-2.26 -3.15  0.41]
    """
    kind = float_dtype("laplace", dtype)
    return run(_laplace, (checked_key("laplace", key),), shape_tuple("laplace", shape), kind)


def _laplace(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    u = unit(key, shape, kind, -1 + float(ml_dtypes.finfo(kind).epsneg))
    return ar.multiply(el.sign(u), el.log1p(ar.negative(el.abs(u))))


@placed
def logistic(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Numbers of the standard logistic distribution, of density `exp(-x) / (1 + exp(-x))**2`.

    They are logits of uniform numbers, of mean 0 and variance `pi**2 / 3`.

    Args:
        key: single key, not used for anything else.
        shape: of the result.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> x = random.logistic(random.key(0), (3,))
        >>> print(np.array_str(x, precision=2))
        [ 2.9   3.82 -0.7 ]
    """
    kind = float_dtype("logistic", dtype)
    return run(_logistic, (checked_key("logistic", key),), shape_tuple("logistic", shape), kind)


def _logistic(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    u = unit(key, shape, kind, float(ml_dtypes.finfo(kind).tiny))
    return ar.subtract(el.log(u), el.log1p(ar.negative(u)))


@placed
def cauchy(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Numbers of the standard Cauchy distribution, of density `1 / (pi * (1 + x**2))`.

    It has neither mean nor variance: averages of many do not settle. For others use
    `loc + scale * cauchy(...)`.

    Args:
        key: single key, not used for anything else.
        shape: of the result.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> x = random.cauchy(random.key(0), (3,))
        >>> print(np.array_str(x, precision=2))
        [ 6.03 14.84 -0.58]
    """
    kind = float_dtype("cauchy", dtype)
    return run(_cauchy, (checked_key("cauchy", key),), shape_tuple("cauchy", shape), kind)


def _cauchy(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    u = unit(key, shape, kind, float(ml_dtypes.finfo(kind).eps))
    return tan(ar.multiply(math.pi, ar.subtract(u, 0.5)))


@placed
def rayleigh(
    key: ArrayLike, scale: ArrayLike, shape: Shape | None = None, dtype: Any = None
) -> Array:
    """Lengths of normal vectors of two components of standard deviation `scale`.

    The density at `x >= 0` is `x / scale**2 * exp(-x**2 / (2 scale**2))`.

    Args:
        key: single key, not used for anything else.
        scale: positive; differentiable.
        shape: of the result, which `scale` broadcasts to; by default, that of `scale`.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: `scale` does not broadcast to `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> k = random.key(0)
        >>> print(f"{random.rayleigh(k, 2.0):.2f}", f"{ms.grad(random.rayleigh, 1)(k, 2.0):.2f}")
        0.66 0.33
    """
    kind = float_dtype("rayleigh", dtype)
    shape = joint_shape("rayleigh", shape, scale)
    scale = convert(operand("rayleigh", scale), kind)
    return run(_rayleigh, (checked_key("rayleigh", key), scale), shape, kind)


def _rayleigh(key: Any, scale: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    return ar.multiply(scale, el.sqrt(ar.multiply(el.log(unit(key, shape, kind)), -2.0)))


@placed
def pareto(key: ArrayLike, b: ArrayLike, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Numbers of the Pareto distribution with density `b / x ** (b + 1)` above 1.

    The mean is infinite for `b <= 1`. (NumPy's generator subtracts 1 from such numbers, and so
    does `Generator.pareto`.)

    Args:
        key: single key, not used for anything else.
        b: shape of the distribution, positive; differentiable.
        shape: of the result, which `b` broadcasts to; by default, that of `b`.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: `b` does not broadcast to `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> x = random.pareto(random.key(0), np.array([1.0, 10.0, 100.0]))
        >>> print(np.array_str(x, precision=2))
        [19.11  1.47  1.  ]
    """
    kind = float_dtype("pareto", dtype)
    shape = joint_shape("pareto", shape, b)
    return el.exp(ar.divide(exponential(key, shape, kind), convert(operand("pareto", b), kind)))


@whole(3)
def weibull_min(
    key: ArrayLike, scale: ArrayLike, concentration: ArrayLike, shape: Shape = (),
    dtype: Any = None,
) -> Array:  # fmt: skip
    """Numbers of the Weibull distribution, `scale` times powers of exponential numbers.

    With `y = x / scale` and `c = concentration` the density at `x >= 0` is
    `c / scale * y**(c - 1) * exp(-y**c)`; `c` 1 is the exponential distribution, 2 Rayleigh's.

    Args:
        key: single key, not used for anything else.
        scale: positive; differentiable.
        concentration: shape of the distribution, positive; differentiable.
        shape: of the numbers that are drawn. The parameters broadcast with it: unlike elsewhere,
            parameters of more dimensions than `shape` share draws.
        dtype: floating; float32 by default.

    Raises:
        ValueError: the parameters do not broadcast with `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> x = random.weibull_min(random.key(0), np.array([[1.0], [2.0]]), 0.5, (3,))
        >>> print(np.array_str(x, precision=2))
        [[ 8.7  14.77  0.16]
         [17.41 29.54  0.33]]
    """
    kind = float_dtype("weibull_min", dtype)
    drawn = exponential(key, shape, kind)
    exponent = ar.divide(1, convert(operand("weibull_min", concentration), kind))
    return ar.multiply(ar.power(drawn, exponent), convert(operand("weibull_min", scale), kind))


@placed
def maxwell(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Lengths of standard normal vectors of three components.

    The density at `x >= 0` is `sqrt(2 / pi) * x**2 * exp(-x**2 / 2)`: speeds in an ideal gas, in
    units of `sqrt(k T / m)`.

    Args:
        key: single key, not used for anything else.
        shape: of the result.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> x = random.maxwell(random.key(0), (3,))
        >>> print(np.array_str(x, precision=2))
        [2.63 0.99 0.96]
    """
    kind = float_dtype("maxwell", dtype)
    vectors = normal(key, (*shape_tuple("maxwell", shape), 3), kind)
    return el.sqrt(reductions.sum(ar.square(vectors), -1))


@whole(3)
def double_sided_maxwell(
    key: ArrayLike, loc: ArrayLike, scale: ArrayLike, shape: Shape = (), dtype: Any = None
) -> Array:
    """`loc + scale` times a Maxwell number with a random sign.

    With `y = (x - loc) / scale` the density is `y**2 * exp(-y**2 / 2) / (scale * sqrt(2 pi))`: two
    humps, and zero at `loc`.

    Args:
        key: single key, not used for anything else.
        loc: centre; differentiable.
        scale: positive; differentiable.
        shape: leading dimensions of the result; those of the broadcast parameters follow.
        dtype: floating; float32 by default.

    Returns:
        Array of shape `(*shape, *s)`, where `s` is the shape of `loc + scale`.

    Raises:
        ValueError: the parameters do not broadcast, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> random.double_sided_maxwell(random.key(0), np.array([0.0, 1.0]), 2.0, (3,)).shape
        (3, 2)
    """
    kind = float_dtype("double_sided_maxwell", dtype)
    own = manipulation.broadcast_shapes(np.shape(loc), np.shape(scale))
    sizes = (*shape_tuple("double_sided_maxwell", shape), *own)
    keys = split(key)
    length = maxwell(keys[0], sizes, kind)
    turned = ar.multiply(rademacher(keys[1], sizes, kind), length)
    loc, scale = (convert(operand("double_sided_maxwell", v), kind) for v in (loc, scale))
    return ar.add(ar.multiply(turned, scale), loc)


@placed
def triangular(
    key: ArrayLike, left: ArrayLike, mode: ArrayLike, right: ArrayLike,
    shape: Shape | None = None, dtype: Any = None,
) -> Array:  # fmt: skip
    """Numbers whose density rises from 0 at `left` to a peak at `mode` and falls to 0 at `right`.

    Args:
        key: single key, not used for anything else.
        left: least value; differentiable, as are the others.
        mode: value of the greatest density, between `left` and `right`.
        right: greatest value.
        shape: of the result, which the parameters broadcast to; by default, their own.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the parameters do not broadcast to `shape`, or the dtype is not floating. Values
            are not checked: outside of their order some results are NaN.

    Example:
        >>> from ms_func import random
        >>> k = random.key(0)
        >>> x = random.triangular(k, 0.0, np.array([0.0, 0.5, 1.0]), 1.0)
        >>> print(np.array_str(x, precision=2))
        [0.77 0.9  0.58]
    """
    kind = float_dtype("triangular", dtype)
    shape = joint_shape("triangular", shape, left, mode, right)
    points = [convert(operand("triangular", v), kind) for v in (left, mode, right)]
    return run(_triangular, (checked_key("triangular", key), *points), shape, kind)


def _triangular(
    key: Any, left: Any, mode: Any, right: Any, shape: tuple[int, ...], kind: np.dtype
) -> Any:
    u = unit(key, shape, kind)
    width, rise, fall = (ar.subtract(a, b) for a, b in ((right, left), (mode, left), (right, mode)))
    low = ar.add(left, el.sqrt(ar.multiply(ar.multiply(u, width), rise)))
    rest = ar.multiply(ar.multiply(ar.subtract(1, u), width), fall)
    return searching.where(logic.less(u, ar.divide(rise, width)), low,
                           ar.subtract(right, el.sqrt(rest)))  # fmt: skip


@placed
def wald(key: ArrayLike, mean: ArrayLike, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Numbers of the inverse Gaussian distribution of a mean and of shape 1.

    The density at `x > 0` is `exp(-(x - mean)**2 / (2 mean**2 x)) / sqrt(2 pi x**3)`. For a shape
    `s` use `s * wald(key, mean / s)`.

    Args:
        key: single key, not used for anything else.
        mean: positive. The derivative by it is that of the root that was drawn; since which root
            also depends on the mean, its average is not the derivative of the expectation.
        shape: of the result, which `mean` broadcasts to; by default, that of `mean`.
        dtype: floating; float32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: `mean` does not broadcast to `shape`, or the dtype is not floating.

    Reference:
        Michael, Schucany, Haas, "Generating random variates using transformations with
        multiple roots", The American Statistician 30(2), 1976.

    Example:
        >>> from ms_func import random
        >>> x = random.wald(random.key(0), np.array([0.5, 2.0]))
        >>> print(np.array_str(x, precision=2))
        [0.25 0.6 ]
    """
    kind = float_dtype("wald", dtype)
    shape = joint_shape("wald", shape, mean)
    mean = convert(operand("wald", mean), kind)
    return run(_wald, (checked_key("wald", key), mean), shape, kind)


def _wald(key: Any, mean: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    keys = random_split(key, (2,))
    v, z = normal_of(keys[0], shape, kind), unit(keys[1], shape, kind)
    y = ar.square(v)
    m2 = ar.square(mean)
    root = el.sqrt(ar.add(ar.multiply(ar.multiply(4.0, mean), y), ar.multiply(m2, ar.square(y))))
    half = ar.divide(mean, 2.0)
    x = ar.subtract(ar.add(mean, ar.divide(ar.multiply(m2, y), 2.0)), ar.multiply(half, root))
    test = logic.less_equal(z, ar.divide(mean, ar.add(mean, x)))
    return searching.where(test, x, ar.divide(m2, x))
