"""Random vectors and matrices: normal vectors of a covariance, orthogonal matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import manipulation
from ms_func.numpy.diagonals import diagonal
from ms_func.numpy.factors import cholesky, eigh, qr, svd
from ms_func.numpy.filled import shape_tuple
from ms_func.numpy.products import matmul
from ms_func.numpy.promotion import ArrayLike, convert, operand
from ms_func.random.continuous import normal
from ms_func.random.placing import placed
from ms_func.random.uniform import Shape, float_dtype


@placed
def multivariate_normal(
    key: ArrayLike, mean: ArrayLike, cov: ArrayLike, shape: Shape | None = None,
    dtype: Any = None, method: str = "cholesky",
) -> Array:  # fmt: skip
    """Normal vectors of a mean and a covariance.

    They are `mean + f @ z`, where `f @ f.T == cov` and `z` is standard normal; differentiable by
    `mean` and `cov`.

    Args:
        key: single key, not used for anything else.
        mean: `[..., n]`.
        cov: `[..., n, n]`, symmetric and positive (semi-)definite.
        shape: leading dimensions of the result, those of `mean` and `cov` by default.
        dtype: floating; float32 by default.
        method: the factor of `cov` that is used: "cholesky", "eigh" or "svd", of which the
            last two also take semi-definite matrices. "cholesky" is the fastest; where `cov` is
            not positive definite, its result is NaN.
        out_sharding: sharding of the result; left to the compiler by default.

    Returns:
        Array of shape `(*shape, n)`.

    Raises:
        ValueError: there is no such method, the shapes do not fit, or the dtype is not floating.

    Example:
        >>> from ms_func import random
        >>> cov = np.array([[4.0, 2.0], [2.0, 2.0]])
        >>> x = random.multivariate_normal(random.key(0), np.zeros(2), cov, (3,))
        >>> print(np.array_str(x, precision=2))
        [[ 3.25  3.65]
         [-0.87 -0.51]
         [ 0.35 -0.8 ]]
    """
    if method not in ("svd", "eigh", "cholesky"):
        raise ArgumentValueError("method must be one of {'svd', 'eigh', 'cholesky'}")
    kind = float_dtype("multivariate_normal", dtype)
    mean, cov = (convert(operand("multivariate_normal", v), kind) for v in (mean, cov))
    _check_moments(np.shape(mean), np.shape(cov))
    lead = manipulation.broadcast_shapes(np.shape(mean)[:-1], np.shape(cov)[:-2])
    sizes = lead if shape is None else shape_tuple("multivariate_normal", shape)
    if manipulation.broadcast_shapes(lead, sizes) != sizes:
        raise ArgumentValueError(
            f"multivariate_normal got parameters of leading shape {lead} for the shape {sizes}"
        )
    factor = _factor(cov, method)
    drawn = manipulation.expand_dims(normal(key, (*sizes, np.shape(mean)[-1]), kind), -1)
    return ar.add(mean, manipulation.squeeze(matmul(factor, drawn), -1))


def _check_moments(mean: tuple[int, ...], cov: tuple[int, ...]) -> None:
    """See that a mean is a vector and a covariance a matrix of its size, or rows of them."""
    for name, shape, least in (("mean", mean, 1), ("cov", cov, 2)):
        if len(shape) < least:
            raise ArgumentValueError(
                f"multivariate_normal requires {name}.ndim >= {least}, got {name}.ndim == "
                f"{len(shape)}"
            )
    n = mean[-1]
    if cov[-2:] != (n, n):
        raise ArgumentValueError(
            f"multivariate_normal requires cov.shape == (..., n, n) for {n=}, but got cov.shape == "
            f"{cov}."
        )


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

    Uniform means by the Haar measure: a product with any fixed orthogonal matrix has the same
    distribution. They are factors of the QR decomposition of normal matrices, with signs chosen
    such that the diagonal of R is positive.

    Args:
        key: single key, not used for anything else.
        n: number of rows.
        shape: leading dimensions of the result.
        dtype: floating, or complex for unitary matrices; float32 by default.
        m: number of columns, `n` by default. With fewer columns than rows these are orthonormal,
            otherwise the rows are.
        out_sharding: sharding of the result; left to the compiler by default.

    Returns:
        Array of shape `(*shape, n, m)`.

    Raises:
        ValueError: the dtype is neither floating nor complex.

    Reference:
        Mezzadri, "How to generate random matrices from the classical compact groups", Notices
        of the AMS 54(5), 2007.

    Example:
        >>> from ms_func import random
        >>> q = random.orthogonal(random.key(0), 3, m=2)
        >>> np.allclose(q.T @ q, np.eye(2), atol=1e-6).item()
        True
    """
    kind = float_dtype("orthogonal", dtype, complex_too=True)
    m = n if m is None else m
    tall, thin = max(n, m), min(n, m)
    sizes = (*shape_tuple("orthogonal", shape), tall, thin)
    q, r = qr(normal(key, sizes, kind))
    d = diagonal(r, 0, -2, -1)
    q = ar.multiply(q, manipulation.expand_dims(ar.divide(d, convert(el.abs(d), kind)), -2))
    return q if n >= m else manipulation.matrix_transpose(q)
