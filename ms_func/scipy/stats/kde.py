"""Density of a sample by a sum of normal kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ms_func import numpy as np
from ms_func import random, tree_util
from ms_func.api.vectorize import vmap
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy import linalg
from ms_func.numpy.promotion import ArrayLike
from ms_func.scipy import special
from ms_func.scipy.linalg import solve_triangular

_FIELDS = ("neff", "dataset", "weights", "covariance", "inv_cov")


@tree_util.register_pytree_node_class
class gaussian_kde:
    """Density estimate from samples: a normal kernel around each of them.

    The kernels' covariance is that of the sample times the square of a factor: Scott's
    n^(-1/(d+4)) or Silverman's (n (d+2)/4)^(-1/(d+4)), n the effective size of the sample, d its
    dimension (Scott, "Multivariate Density Estimation", 1992; Silverman, "Density Estimation
    for Statistics and Data Analysis", 1986).

    Args:
        dataset: sample `[n]` or `[d, n]`.
        bw_method: "scott" (default), "silverman", a number, or a function of this object.
        weights: weight of each element, `[n]`.

    Raises:
        ValueError: the shapes do not fit, or there is no such method.

    Example:
        >>> kde = gaussian_kde(np.array([-1.0, 0.0, 1.0]))
        >>> kde(0.0) > kde(2.0)
        Array([ True], dtype=bool)
    """

    neff: Array
    dataset: Array
    weights: Array
    covariance: Array
    inv_cov: Array

    def __init__(
        self, dataset: ArrayLike,
        bw_method: str | float | Array | Callable[[Any], Any] | None = None,
        weights: ArrayLike | None = None,
    ) -> None:  # fmt: skip
        data = np.atleast_2d(np.asarray(dataset))
        if np.issubdtype(data.dtype, np.complexfloating):
            raise NotImplementedError("gaussian_kde does not support complex data")
        if not data.size > 1:
            raise ArgumentValueError("`dataset` input should have multiple elements.")
        data = data.astype(np.result_type(data, np.float32 if data.dtype.kind in "iub" else data))
        self.dataset = data
        self.weights = _weights(weights, data)
        self.neff = 1 / np.sum(self.weights**2)
        factor = _factor(self, bw_method)
        spread = np.cov(data, rowvar=True, bias=False, aweights=self.weights)
        spread = np.atleast_2d(spread)
        self.covariance = (spread * factor**2).astype(data.dtype)
        self.inv_cov = (linalg.inv(spread) / factor**2).astype(data.dtype)

    d = property(lambda self: self.dataset.shape[0], doc="Dimension of the sample.")
    n = property(lambda self: self.dataset.shape[1], doc="Number of elements.")

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        """The arrays the estimate is made of: it is a pytree, which `jit`, `grad` and `vmap` take.

        Returns:
            Tuple of five arrays, and None.

        Example:
            >>> kde = gaussian_kde(np.array([-1.0, 0.0, 1.0]))
            >>> len(kde.tree_flatten()[0])
            5
        """
        return tuple(getattr(self, name) for name in _FIELDS), None

    @classmethod
    def tree_unflatten(cls, aux: None, children: Any) -> gaussian_kde:
        """The estimate made of the given arrays.

        Args:
            aux: None.
            children: what `tree_flatten` gave.

        Example:
            >>> kde = gaussian_kde(np.array([-1.0, 0.0, 1.0]))
            >>> ms.tree.map(lambda x: x, kde).d
            1
        """
        out = object.__new__(cls)
        for name, child in zip(_FIELDS, children, strict=True):
            setattr(out, name, child)
        return out

    def evaluate(self, points: ArrayLike) -> Array:
        """Density at points; the same as calling the estimate.

        Args:
            points: `[d, m]`, or `[m]` for samples of one dimension.

        Returns:
            Array `[m]`.

        Raises:
            ValueError: the dimension is another one.

        Example:
            >>> kde = gaussian_kde(np.array([-1.0, 0.0, 1.0]))
            >>> print(np.array_str(kde.evaluate(np.array([0.0, 2.0])), precision=3))
            [0.318 0.084]
        """
        return np.exp(self.logpdf(points))

    def __call__(self, points: ArrayLike) -> Array:
        """Density at points `[d, m]`: an array `[m]`."""
        return self.evaluate(points)

    def pdf(self, x: ArrayLike) -> Array:
        """Density at points; the same as calling the estimate.

        Args:
            x: `[d, m]`, or `[m]` for samples of one dimension.

        Returns:
            Array `[m]`.

        Raises:
            ValueError: the dimension is another one.

        Example:
            >>> kde = gaussian_kde(np.array([-1.0, 0.0, 1.0]))
            >>> print(np.array_str(kde.pdf(0.0), precision=3))
            [0.318]
        """
        return self.evaluate(x)

    def logpdf(self, x: ArrayLike) -> Array:
        """Logarithm of the density at points.

        Args:
            x: `[d, m]`, or `[m]` for samples of one dimension.

        Returns:
            Array `[m]`, finite far from the sample too.

        Raises:
            ValueError: the dimension is another one.

        Example:
            >>> kde = gaussian_kde(np.array([-1.0, 0.0, 1.0]))
            >>> print(kde.logpdf(np.array([100.0])).round(), kde.pdf(np.array([100.0])))
            [-7607.] [0.]
        """
        points = self._points(x)
        return _log_mixture(self.dataset, self.weights, points, self.covariance)

    def integrate_gaussian(self, mean: ArrayLike, cov: ArrayLike) -> Array:
        """Integral of the density times a normal density of the given mean and covariance.

        Args:
            mean: `[d]`, or a number for `d` 1.
            cov: `[d, d]`, or a number.

        Returns:
            Scalar.

        Raises:
            ValueError: the shapes do not fit the sample's dimension.

        Example:
            >>> kde = gaussian_kde(np.array([-1.0, 0.0, 1.0]))
            >>> print(f"{kde.integrate_gaussian(0.0, 1e-8):.3f}")  # a narrow one picks the density
            0.318
        """
        centre: Array = np.atleast_1d(np.squeeze(np.asarray(mean)))
        spread: Array = np.atleast_2d(np.asarray(cov))
        if centre.shape != (self.d,):
            raise ArgumentValueError(f"mean does not have dimension {self.d}")
        if spread.shape != (self.d, self.d):
            raise ArgumentValueError(f"covariance does not have dimension {self.d}")
        both = self.covariance + spread
        return np.exp(_log_mixture(self.dataset, self.weights, centre[:, None], both)[0])

    def integrate_box_1d(self, low: ArrayLike, high: ArrayLike) -> Array:
        """Probability of the interval from `low` to `high`, for one-dimensional samples.

        Args:
            low: scalar.
            high: scalar.

        Returns:
            Scalar; negative where the bounds are exchanged.

        Raises:
            ValueError: the sample has more dimensions, or a bound is no scalar.

        Example:
            >>> kde = gaussian_kde(np.array([-1.0, 0.0, 1.0]))
            >>> print(f"{kde.integrate_box_1d(0.0, np.inf):.3f}")
            0.500
        """
        if self.d != 1:
            raise ArgumentValueError("integrate_box_1d() only handles 1D pdfs")
        if np.ndim(low) or np.ndim(high):
            raise ArgumentValueError(
                "the limits of integration in integrate_box_1d must be scalars"
            )
        sigma = np.sqrt(self.covariance[0, 0])
        low, high = ((np.squeeze(v) - self.dataset[0]) / sigma for v in (low, high))
        return np.sum(self.weights * (special.ndtr(high) - special.ndtr(low)))

    def integrate_kde(self, other: gaussian_kde) -> Array:
        """Integral of the product of two estimates of the same dimension.

        Args:
            other: the other estimate.

        Returns:
            Scalar.

        Raises:
            ValueError: the dimensions differ.

        Example:
            >>> near, far = gaussian_kde(np.array([0.0, 1.0])), gaussian_kde(np.array([50.0, 51.0]))
            >>> (near.integrate_kde(near) > near.integrate_kde(far)).item()
            True
        """
        if other.d != self.d:
            raise ArgumentValueError("KDEs are not the same dimensionality")
        both = self.covariance + other.covariance
        at = _log_mixture(self.dataset, self.weights, other.dataset, both)
        return np.sum(other.weights * np.exp(at))

    def resample(self, key: Any, shape: tuple[int, ...] = ()) -> Array:
        """Draw from the estimate: an element of the sample, and noise of the kernel.

        Args:
            key: key of `ms_func.random` (SciPy's argument is a size and a seed).
            shape: how many.

        Returns:
            Array `[d, *shape]`.

        Example:
            >>> kde = gaussian_kde(np.array([-1.0, 0.0, 1.0]))
            >>> kde.resample(random.key(0), (4,)).shape
            (1, 4)
        """
        which, noise = random.split(key)
        index = random.choice(which, self.n, shape=shape, p=self.weights)
        eps = random.multivariate_normal(
            noise, np.zeros(self.d, self.dataset.dtype), self.covariance, shape=shape,
            dtype=self.dataset.dtype,
        )  # fmt: skip
        return self.dataset[:, index] + np.moveaxis(eps, -1, 0)

    def integrate_box(
        self, low_bounds: ArrayLike, high_bounds: ArrayLike, maxpts: int | None = None
    ) -> Array:
        """Not there: it would need cubature in several dimensions.

        Args:
            low_bounds: not used.
            high_bounds: not used.
            maxpts: not used.

        Raises:
            NotImplementedError: always.

        Example:
            >>> gaussian_kde(np.array([-1.0, 0.0, 1.0])).integrate_box([0.0], [1.0])
            Traceback (most recent call last):
                ...
            NotImplementedError: only 1D box integrations are supported; use `integrate_box_1d`
        """
        raise NotImplementedError("only 1D box integrations are supported; use `integrate_box_1d`")

    def set_bandwidth(self, bw_method: Any = None) -> None:
        """Not there: estimates are values.

        Args:
            bw_method: not used; it is an argument of the constructor.

        Raises:
            NotImplementedError: always.

        Example:
            >>> gaussian_kde(np.array([-1.0, 0.0, 1.0])).set_bandwidth(0.5)
            Traceback (most recent call last):
                ...
            NotImplementedError: dynamically changing the bandwidth method is not supported
            fix: make a new gaussian_kde with this bw_method
        """
        raise NotImplementedError(
            "dynamically changing the bandwidth method is not supported\n"
            "fix: make a new gaussian_kde with this bw_method"
        )

    def _points(self, x: ArrayLike) -> Array:
        points = np.atleast_2d(np.asarray(x))
        if np.issubdtype(points.dtype, np.complexfloating):
            raise NotImplementedError("gaussian_kde does not support complex coordinates")
        d, m = points.shape
        if d == self.d:
            return points
        if d == 1 and m == self.d:
            return points.reshape(self.d, 1)
        raise ArgumentValueError(f"points have dimension {d}, dataset has dimension {self.d}")


def _weights(weights: ArrayLike | None, data: Array) -> Array:
    n = data.shape[1]
    if weights is None:
        return np.full(n, 1 / n, data.dtype)
    w = np.atleast_1d(np.asarray(weights)).astype(data.dtype)
    if w.ndim != 1:
        raise ArgumentValueError("`weights` input should be one-dimensional.")
    if len(w) != n:
        raise ArgumentValueError("`weights` input should be of length n")
    return w / np.sum(w)


def _factor(kde: gaussian_kde, method: Any) -> Any:
    """Factor of the kernels' standard deviation."""
    n, d = kde.neff, kde.d
    if method is None or method == "scott":
        return n ** (-1 / (d + 4))
    if isinstance(method, str):
        if method == "silverman":
            return (n * (d + 2) / 4) ** (-1 / (d + 4))
        raise ArgumentValueError(
            f"`bw_method` should be 'scott', 'silverman', a scalar, or a callable; got {method!r}"
        )
    return method(kde) if callable(method) else method


def _log_mixture(centres: Array, weights: Array, points: Array, covariance: Array) -> Array:
    """Logarithm of the weighted sum of normal densities around `centres`, at each point."""
    d = centres.shape[0]
    low = linalg.cholesky(covariance)
    whiten = lambda x: solve_triangular(low, x, lower=True)  # noqa: E731
    inside, at = whiten(centres), whiten(points.astype(centres.dtype))
    log_det = np.sum(np.log(np.diagonal(low)))

    def one(point: Array) -> Array:
        square = np.sum((inside - point[:, None]) ** 2, axis=0)
        return special.logsumexp(-0.5 * square, b=weights)

    return vmap(one)(at.T) - log_det - d / 2 * math.log(2 * math.pi)
