"""Continuous distributions as methods of a `Generator`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.execution.array import Array
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy.promotion import ArrayLike
from ms_func.random.continuous import cauchy as _cauchy
from ms_func.random.continuous import exponential as _exponential
from ms_func.random.continuous import laplace as _laplace
from ms_func.random.continuous import logistic as _logistic
from ms_func.random.continuous import normal as _normal
from ms_func.random.continuous import pareto as _pareto
from ms_func.random.continuous import rayleigh as _rayleigh
from ms_func.random.continuous import triangular as _triangular
from ms_func.random.continuous import wald as _wald
from ms_func.random.continuous import weibull_min as _weibull_min
from ms_func.random.discrete import gumbel as _gumbel
from ms_func.random.gamma import beta as _beta
from ms_func.random.gamma import chisquare as _chisquare
from ms_func.random.gamma import dirichlet as _dirichlet
from ms_func.random.gamma import f as _f
from ms_func.random.gamma import gamma as _gamma
from ms_func.random.gamma import t as _t
from ms_func.random.poisson import poisson as _poisson
from ms_func.random.stream import Size, Stream, shape_of
from ms_func.random.vectors import multivariate_normal as _multivariate_normal


class Continuous(Stream):
    """What a `Generator` draws that is not whole."""

    __slots__ = ()

    def standard_normal(self, size: Size = None, dtype: Any = None) -> Array:
        """Normal numbers of mean 0 and variance 1.

        Args:
            size: shape of the result; a scalar by default.
            dtype: floating or complex; float32 by default.

        Raises:
            ValueError: the dtype is neither.

        Example:
            >>> random.Generator(0).standard_normal((2, 3)).shape
            (2, 3)
        """
        return _normal(self._next(), shape_of(size), dtype)

    def normal(self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Normal numbers of mean `loc` and standard deviation `scale`; differentiable by both.

        Args:
            loc: mean.
            scale: standard deviation; not checked to be positive.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> draw = lambda scale: random.Generator(0).normal(1.0, scale)
            >>> value, slope = ms.value_and_grad(draw)(2.0)
            >>> print(f"{value:.4f}", f"{1 + 2 * slope:.4f}")
            -3.8849 -3.8849
        """
        return _moved(_normal(self._next(), shape_of(size, loc, scale)), loc, scale)

    def lognormal(self, mean: ArrayLike = 0.0, sigma: ArrayLike = 1.0, size: Size = None) -> Array:
        """Exponentials of normal numbers of mean `mean` and standard deviation `sigma`.

        Args:
            mean: of the logarithm, not of the result; differentiable.
            sigma: standard deviation of the logarithm; differentiable.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> random.Generator(0).lognormal(2.0, 0.0) == np.exp(2.0)
            Array(True, dtype=bool)
        """
        return el.exp(self.normal(mean, sigma, size))

    def standard_exponential(self, size: Size = None, dtype: Any = None) -> Array:
        """Exponentially distributed numbers of mean 1.

        Args:
            size: shape of the result; a scalar by default.
            dtype: floating; float32 by default.

        Raises:
            ValueError: the dtype is not floating.

        Example:
            >>> (random.Generator(0).standard_exponential(10) > 0).all().item()
            True
        """
        return _exponential(self._next(), shape_of(size), dtype)

    def exponential(self, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Exponentially distributed numbers of mean `scale`, which is the inverse of the rate.

        Args:
            scale: mean, not negative; differentiable.
            size: shape of the result, which `scale` broadcasts to; by default, that of `scale`.

        Raises:
            ValueError: `scale` does not broadcast to `size`.

        Example:
            >>> random.Generator(0).exponential(np.array([1.0, 10.0])).shape
            (2,)
        """
        return ar.multiply(_exponential(self._next(), shape_of(size, scale)), scale)

    def laplace(self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Numbers of density `exp(-abs(x - loc) / scale) / (2 * scale)`.

        Args:
            loc: mean; differentiable.
            scale: positive; differentiable. The variance is `2 * scale**2`.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> random.Generator(0).laplace(3.0, 0.0).item()
            3.0
        """
        return _moved(_laplace(self._next(), shape_of(size, loc, scale)), loc, scale)

    def logistic(self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Numbers of the logistic distribution: `loc + scale * log(u / (1 - u))` of uniform `u`.

        Args:
            loc: mean; differentiable.
            scale: positive; differentiable. The variance is `(pi * scale) ** 2 / 3`.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> random.Generator(0).logistic(3.0, 0.0).item()
            3.0
        """
        return _moved(_logistic(self._next(), shape_of(size, loc, scale)), loc, scale)

    def gumbel(self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Numbers of the Gumbel distribution of greatest values.

        With `y = (x - loc) / scale` the density is `exp(-y - exp(-y)) / scale`.

        Args:
            loc: mode; differentiable.
            scale: positive; differentiable.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> random.Generator(0).gumbel(np.array([0.0, 1.0]), 2.0, (3, 2)).shape
            (3, 2)
        """
        return _moved(_gumbel(self._next(), shape_of(size, loc, scale)), loc, scale)

    def standard_cauchy(self, size: Size = None) -> Array:
        """Numbers of density `1 / (pi * (1 + x**2))`, which have no mean.

        Args:
            size: shape of the result; a scalar by default.

        Example:
            >>> random.Generator(0).standard_cauchy((2, 2)).shape
            (2, 2)
        """
        return _cauchy(self._next(), shape_of(size))

    def rayleigh(self, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Lengths of normal vectors of two components of standard deviation `scale`.

        Args:
            scale: not negative; differentiable.
            size: shape of the result, which `scale` broadcasts to; by default, that of `scale`.

        Raises:
            ValueError: `scale` does not broadcast to `size`.

        Example:
            >>> random.Generator(0).rayleigh(2.0, 3).shape
            (3,)
        """
        return _rayleigh(self._next(), scale, shape_of(size, scale))

    def pareto(self, a: ArrayLike, size: Size = None) -> Array:
        """Numbers of the Pareto distribution of the second kind (Lomax), which starts at 0.

        The density is `a / (1 + x) ** (a + 1)`; add 1 for the classical distribution, which is that
        of `random.pareto`.

        Args:
            a: shape of the distribution, positive; differentiable.
            size: shape of the result, which `a` broadcasts to; by default, that of `a`.

        Raises:
            ValueError: `a` does not broadcast to `size`.

        Example:
            >>> (random.Generator(0).pareto(3.0, 10) > 0).all().item()
            True
        """
        return ar.subtract(_pareto(self._next(), a, shape_of(size, a)), 1)

    def power(self, a: ArrayLike, size: Size = None) -> Array:
        """Numbers in [0, 1] with density `a * x ** (a - 1)`.

        Args:
            a: positive; differentiable.
            size: shape of the result, which `a` broadcasts to; by default, that of `a`.

        Raises:
            ValueError: `a` does not broadcast to `size`.

        Example:
            >>> (random.Generator(0).power(3.0, 10) <= 1).all().item()
            True
        """
        drawn = _exponential(self._next(), shape_of(size, a))
        return ar.power(ar.negative(el.expm1(ar.negative(drawn))), ar.divide(1, a))

    def weibull(self, a: ArrayLike, size: Size = None) -> Array:
        """Numbers of the Weibull distribution of shape `a` and scale 1; multiply by a scale.

        Args:
            a: positive; differentiable. The density is `a * x**(a - 1) * exp(-x**a)`.
            size: shape of the result, which `a` broadcasts to; by default, that of `a`.

        Raises:
            ValueError: `a` does not broadcast to `size`.

        Example:
            >>> (2.0 * random.Generator(0).weibull(3.0, 10) > 0).all().item()
            True
        """
        return _weibull_min(self._next(), 1.0, a, shape_of(size, a))

    def triangular(
        self, left: ArrayLike, mode: ArrayLike, right: ArrayLike, size: Size = None
    ) -> Array:
        """Numbers whose density rises from 0 at `left` to `mode` and falls to 0 at `right`.

        Args:
            left: least value; differentiable, as are the others.
            mode: value of the greatest density.
            right: greatest value; the order of the three is not checked.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> x = random.Generator(0).triangular(1.0, 2.0, 3.0, 10)
            >>> ((x >= 1) & (x <= 3)).all().item()
            True
        """
        return _triangular(self._next(), left, mode, right, shape_of(size, left, mode, right))

    def wald(self, mean: ArrayLike, scale: ArrayLike, size: Size = None) -> Array:
        """Numbers of the inverse Gaussian distribution.

        The density is `sqrt(s / (2 pi x**3)) * exp(-s * (x - mean)**2 / (2 mean**2 x))` with
        `s = scale`; the variance is `mean**3 / scale`.

        Args:
            mean: positive.
            scale: shape of the distribution, positive.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> ms.eval_shape(lambda: random.Generator(0).wald(1.0, np.array([1.0, 2.0])))
            ShapeDtypeStruct(shape=(2,), dtype=float32)
        """
        drawn = _wald(self._next(), ar.divide(mean, scale), shape_of(size, mean, scale))
        return ar.multiply(drawn, scale)

    def standard_gamma(self, shape: ArrayLike, size: Size = None, dtype: Any = None) -> Array:
        """Gamma numbers of scale 1: density `x ** (shape - 1) * exp(-x) / gamma(shape)`.

        Args:
            shape: shape of the distribution, positive; differentiable.
            size: shape of the result, which `shape` broadcasts to; by default, that of `shape`.
            dtype: floating; float32 by default.

        Raises:
            ValueError: `shape` does not broadcast to `size`, or the dtype is not floating.

        Example:
            >>> ms.eval_shape(lambda: random.Generator(0).standard_gamma(np.ones((2, 1)), (2, 3)))
            ShapeDtypeStruct(shape=(2, 3), dtype=float32)
        """
        return _gamma(self._next(), shape, shape_of(size, shape), dtype)

    def gamma(self, shape: ArrayLike, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Gamma numbers of mean `shape * scale` and variance `shape * scale**2`.

        Args:
            shape: shape of the distribution, positive; differentiable.
            scale: factor, the inverse of a rate; differentiable.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> one, two = random.Generator(0).gamma(3.0), random.Generator(0).gamma(3.0, 2.0)
            >>> (two / one).item()
            2.0
        """
        return ar.multiply(_gamma(self._next(), shape, shape_of(size, shape, scale)), scale)

    def beta(self, a: ArrayLike, b: ArrayLike, size: Size = None) -> Array:
        """Numbers in [0, 1] with density proportional to `x ** (a - 1) * (1 - x) ** (b - 1)`.

        Args:
            a: positive; differentiable.
            b: positive; differentiable.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> ms.eval_shape(lambda: random.Generator(0).beta(2.0, np.array([1.0, 3.0])))
            ShapeDtypeStruct(shape=(2,), dtype=float32)
        """
        return _beta(self._next(), a, b, shape_of(size, a, b))

    def chisquare(self, df: ArrayLike, size: Size = None) -> Array:
        """Sums of squares of `df` standard normal numbers.

        Args:
            df: degrees of freedom, positive, not only integers; differentiable.
            size: shape of the result, which `df` broadcasts to; by default, that of `df`.

        Raises:
            ValueError: `df` does not broadcast to `size`.

        Example:
            >>> ms.eval_shape(lambda: random.Generator(0).chisquare(3.0, (2, 3)))
            ShapeDtypeStruct(shape=(2, 3), dtype=float32)
        """
        return _chisquare(self._next(), df, shape_of(size, df))

    def noncentral_chisquare(self, df: ArrayLike, nonc: ArrayLike, size: Size = None) -> Array:
        """Sums of squares of normal numbers of variance 1 whose squared means add up to `nonc`.

        Args:
            df: degrees of freedom, positive; differentiable.
            nonc: noncentrality, not negative. Its derivative is zero: it is the rate of a Poisson
                number that is added to `df`.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> ms.eval_shape(lambda: random.Generator(0).noncentral_chisquare(np.ones(2), 5.0))
            ShapeDtypeStruct(shape=(2,), dtype=float32)
        """
        more = _poisson(self._next(), ar.divide(nonc, 2), shape_of(size, df, nonc))
        return self.chisquare(ar.add(df, ar.multiply(2.0, more)))

    def f(self, dfnum: ArrayLike, dfden: ArrayLike, size: Size = None) -> Array:
        """Ratios of mean squares of `dfnum` and `dfden` normal numbers: Fisher's distribution.

        Args:
            dfnum: degrees of freedom above the line, positive; differentiable.
            dfden: degrees of freedom below the line, positive; differentiable.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> ms.eval_shape(lambda: random.Generator(0).f(2.0, 3.0, 4))
            ShapeDtypeStruct(shape=(4,), dtype=float32)
        """
        return _f(self._next(), dfnum, dfden, shape_of(size, dfnum, dfden))

    def standard_t(self, df: ArrayLike, size: Size = None) -> Array:
        """Numbers of Student's distribution.

        The density is proportional to `(1 + x**2 / df) ** (-(df + 1) / 2)`.

        Args:
            df: degrees of freedom, positive; differentiable.
            size: shape of the result, which `df` broadcasts to; by default, that of `df`.

        Raises:
            ValueError: `df` does not broadcast to `size`.

        Example:
            >>> ms.eval_shape(lambda: random.Generator(0).standard_t(np.array([1.0, 30.0])))
            ShapeDtypeStruct(shape=(2,), dtype=float32)
        """
        return _t(self._next(), df, shape_of(size, df))

    def dirichlet(self, alpha: ArrayLike, size: Size = None) -> Array:
        """Vectors of positive numbers that sum to 1, of mean `alpha / alpha.sum(-1)`.

        Args:
            alpha: `[..., k]`, positive; differentiable.
            size: leading dimensions of the result; by default those of `alpha`.

        Raises:
            ValueError: `alpha` has no dimension.

        Example:
            >>> ms.eval_shape(lambda: random.Generator(0).dirichlet(np.ones(3), size=2))
            ShapeDtypeStruct(shape=(2, 3), dtype=float32)
        """
        lead = np.shape(alpha)[:-1] if size is None else shape_of(size)
        return _dirichlet(self._next(), alpha, lead)

    def multivariate_normal(
        self, mean: ArrayLike, cov: ArrayLike, size: Size = None, *, method: str = "svd"
    ) -> Array:
        """Normal vectors of a mean and a covariance; differentiable by both.

        Args:
            mean: `[..., n]`.
            cov: `[..., n, n]`, symmetric and positive semi-definite, which is not checked.
            size: leading dimensions of the result; those of the parameters by default.
            method: "svd", "eigh" or "cholesky", the fastest, for positive definite ones.

        Raises:
            ValueError: there is no such method, or the shapes do not fit.

        Example:
            >>> mean, cov = np.zeros(2), np.eye(2)
            >>> random.Generator(0).multivariate_normal(mean, cov, 3, method="cholesky").shape
            (3, 2)
        """
        shape = None if size is None else shape_of(size)
        return _multivariate_normal(self._next(), mean, cov, shape, method=method)


def _moved(drawn: Any, loc: ArrayLike, scale: ArrayLike) -> Any:
    if isinstance(loc, float) and isinstance(scale, float) and (loc, scale) == (0.0, 1.0):
        return drawn
    return ar.add(ar.multiply(drawn, scale), loc)
