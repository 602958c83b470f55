"""Normal numbers and other continuous distributions with a closed formula."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import logic, manipulation, reductions, searching
from ms_func.numpy.creation import shape_tuple
from ms_func.numpy.diagonals import diagonal
from ms_func.numpy.factors import cholesky, eigh, qr, svd
from ms_func.numpy.floats import nextafter
from ms_func.numpy.fusion import run, whole
from ms_func.numpy.products import matmul
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

    Args:
        key: key, not used for anything else.
        shape: of the result.
        dtype: floating or complex; float32 by default.

    Raises:
        ValueError: the dtype is neither.
        TypeError: `key` is no key.

    Example:
        >>> from ms_func import random
        >>> first, second = random.split(random.key(0))
        >>> noise = 3.0 + 0.5 * random.normal(first, (2, 3))  # of mean 3, standard deviation 1/2
        >>> noise.shape
        (2, 3)
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
        key: key.
        lower: bound below.
        upper: bound above.
        shape: of the result, which the bounds broadcast to; by default, that of the bounds.
        dtype: floating; float32 by default.

    Raises:
        ValueError: the bounds do not broadcast to `shape`, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> x = random.truncated_normal(random.key(0), -2.0, 2.0, (100,))
        >>> (abs(x) <= 2).all().item()
        True
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
    """Exponentials of normal numbers of standard deviation `sigma`."""
    kind = float_dtype("lognormal", dtype)
    shape = joint_shape("lognormal", shape, sigma)
    sigma = convert(operand("lognormal", sigma), kind)
    return el.exp(ar.multiply(normal(key, shape, kind), sigma))


@placed
def exponential(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Exponentially distributed numbers of mean 1; divide by a rate for others.

    Args:
        key: key.
        shape: of the result.
        dtype: floating; float32 by default.

    Raises:
        ValueError: the dtype is not floating.
    """
    kind = float_dtype("exponential", dtype)
    return run(_exponential, (checked_key("exponential", key),), shape_tuple("e", shape), kind)


def _exponential(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    return ar.negative(el.log1p(ar.negative(unit(key, shape, kind))))


@placed
def laplace(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Numbers of the standard Laplace distribution."""
    kind = float_dtype("laplace", dtype)
    return run(_laplace, (checked_key("laplace", key),), shape_tuple("laplace", shape), kind)


def _laplace(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    u = unit(key, shape, kind, -1 + float(ml_dtypes.finfo(kind).epsneg))
    return ar.multiply(el.sign(u), el.log1p(ar.negative(el.abs(u))))


@placed
def logistic(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Numbers of the standard logistic distribution."""
    kind = float_dtype("logistic", dtype)
    return run(_logistic, (checked_key("logistic", key),), shape_tuple("logistic", shape), kind)


def _logistic(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    u = unit(key, shape, kind, float(ml_dtypes.finfo(kind).tiny))
    return ar.subtract(el.log(u), el.log1p(ar.negative(u)))


@placed
def cauchy(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Numbers of the standard Cauchy distribution."""
    kind = float_dtype("cauchy", dtype)
    return run(_cauchy, (checked_key("cauchy", key),), shape_tuple("cauchy", shape), kind)


def _cauchy(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    u = unit(key, shape, kind, float(ml_dtypes.finfo(kind).eps))
    return tan(ar.multiply(math.pi, ar.subtract(u, 0.5)))


@placed
def rayleigh(
    key: ArrayLike, scale: ArrayLike, shape: Shape | None = None, dtype: Any = None
) -> Array:
    """Lengths of normal vectors of two components of standard deviation `scale`."""
    kind = float_dtype("rayleigh", dtype)
    shape = joint_shape("rayleigh", shape, scale)
    scale = convert(operand("rayleigh", scale), kind)
    return run(_rayleigh, (checked_key("rayleigh", key), scale), shape, kind)


def _rayleigh(key: Any, scale: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    return ar.multiply(scale, el.sqrt(ar.multiply(el.log(unit(key, shape, kind)), -2.0)))


@placed
def pareto(key: ArrayLike, b: ArrayLike, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Numbers of the Pareto distribution with density `b / x ** (b + 1)` above 1."""
    kind = float_dtype("pareto", dtype)
    shape = joint_shape("pareto", shape, b)
    return el.exp(ar.divide(exponential(key, shape, kind), convert(operand("pareto", b), kind)))


@whole(3)
def weibull_min(
    key: ArrayLike, scale: ArrayLike, concentration: ArrayLike, shape: Shape = (),
    dtype: Any = None,
) -> Array:  # fmt: skip
    """Numbers of the Weibull distribution."""
    kind = float_dtype("weibull_min", dtype)
    drawn = exponential(key, shape, kind)
    exponent = ar.divide(1, convert(operand("weibull_min", concentration), kind))
    return ar.multiply(ar.power(drawn, exponent), convert(operand("weibull_min", scale), kind))


@placed
def maxwell(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Lengths of standard normal vectors of three components."""
    kind = float_dtype("maxwell", dtype)
    vectors = normal(key, (*shape_tuple("maxwell", shape), 3), kind)
    return el.sqrt(reductions.sum(ar.square(vectors), -1))


@whole(3)
def double_sided_maxwell(
    key: ArrayLike, loc: ArrayLike, scale: ArrayLike, shape: Shape = (), dtype: Any = None
) -> Array:
    """`loc + scale` times a Maxwell number with a random sign."""
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
    """Numbers whose density rises from `left` to `mode` and falls to `right`."""
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
    """Numbers of the inverse Gaussian distribution of shape 1.

    Reference:
        Michael, Schucany, Haas, "Generating random variates using transformations with
        multiple roots", The American Statistician 30(2), 1976.
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


# --- vectors and matrices -------------------------------------------------------------------


@placed
def multivariate_normal(
    key: ArrayLike, mean: ArrayLike, cov: ArrayLike, shape: Shape | None = None,
    dtype: Any = None, method: str = "cholesky",
) -> Array:  # fmt: skip
    """Normal vectors of a mean and a covariance.

    Args:
        key: key.
        mean: `[..., n]`.
        cov: `[..., n, n]`, symmetric and positive (semi-)definite.
        shape: leading dimensions of the result, those of `mean` and `cov` by default.
        dtype: floating dtype.
        method: the factor of `cov` that is used: "cholesky", "eigh" or "svd", of which the
            last two also take semi-definite matrices.

    Raises:
        ValueError: there is no such method, or the shapes do not fit.
    """
    if method not in ("svd", "eigh", "cholesky"):
        raise ArgumentValueError("method must be one of {'svd', 'eigh', 'cholesky'}")
    kind = float_dtype("multivariate_normal", dtype)
    mean, cov = (convert(operand("multivariate_normal", v), kind) for v in (mean, cov))
    n = np.shape(mean)[-1:]
    if not n or np.shape(cov)[-2:] != (*n, *n):
        raise ArgumentValueError(
            f"multivariate_normal requires cov.shape == (..., n, n) for n={n}, got {np.shape(cov)}"
        )
    lead = manipulation.broadcast_shapes(np.shape(mean)[:-1], np.shape(cov)[:-2])
    sizes = lead if shape is None else shape_tuple("multivariate_normal", shape)
    if manipulation.broadcast_shapes(lead, sizes) != sizes:
        raise ArgumentValueError(
            f"multivariate_normal got parameters of leading shape {lead} for the shape {sizes}"
        )
    factor = _factor(cov, method)
    drawn = manipulation.expand_dims(normal(key, (*sizes, *n), kind), -1)
    return ar.add(mean, manipulation.squeeze(matmul(factor, drawn), -1))


def _factor(cov: Any, method: str) -> Any:
    """A matrix whose product with its transposed is `cov`."""
    if method == "cholesky":
        return cholesky(cov)
    if method == "eigh":
        w, v = eigh(cov)
        return ar.multiply(v, manipulation.expand_dims(el.sqrt(w), -2))
    u, s, _ = svd(cov)
    return ar.multiply(u, manipulation.expand_dims(el.sqrt(s), -2))


@placed
def orthogonal(
    key: ArrayLike, n: int, shape: Shape = (), dtype: Any = None, m: int | None = None
) -> Array:
    """Uniformly distributed `n` by `m` matrices with orthonormal rows or columns.

    Reference:
        Mezzadri, "How to generate random matrices from the classical compact groups", Notices
        of the AMS 54(5), 2007.
    """
    kind = float_dtype("orthogonal", dtype, complex_too=True)
    m = n if m is None else m
    tall, thin = max(n, m), min(n, m)
    sizes = (*shape_tuple("orthogonal", shape), tall, thin)
    q, r = qr(normal(key, sizes, kind))
    d = diagonal(r, 0, -2, -1)
    q = ar.multiply(q, manipulation.expand_dims(ar.divide(d, convert(el.abs(d), kind)), -2))
    return q if n >= m else el.conjugate(manipulation.matrix_transpose(q))
