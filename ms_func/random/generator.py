"""`Generator`: random numbers with a state, under the names of `numpy.random.Generator`.

The state is a key in a reference. Each method splits it, keeps one half and draws with the
other, so that a program that draws is an ordinary program with a reference: it runs under
`jit`, in loops and branches, and is differentiated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func import tree
from ms_func.dtypes import DEFAULTS
from ms_func.errors import ArgumentTypeError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import joining, logic, manipulation
from ms_func.numpy.filled import shape_tuple
from ms_func.numpy.fusion import run
from ms_func.numpy.promotion import ArrayLike, convert
from ms_func.numpy.searching import where
from ms_func.primitives.keys import random_split
from ms_func.random.binomial import binomial as _binomial
from ms_func.random.binomial import multinomial as _multinomial
from ms_func.random.continuous import cauchy as _cauchy
from ms_func.random.continuous import exponential as _exponential
from ms_func.random.continuous import laplace as _laplace
from ms_func.random.continuous import logistic as _logistic
from ms_func.random.continuous import multivariate_normal as _multivariate_normal
from ms_func.random.continuous import normal as _normal
from ms_func.random.continuous import pareto as _pareto
from ms_func.random.continuous import rayleigh as _rayleigh
from ms_func.random.continuous import triangular as _triangular
from ms_func.random.continuous import wald as _wald
from ms_func.random.continuous import weibull_min as _weibull_min
from ms_func.random.discrete import choice as _choice
from ms_func.random.discrete import geometric as _geometric
from ms_func.random.discrete import gumbel as _gumbel
from ms_func.random.discrete import permutation as _permutation
from ms_func.random.gamma import beta as _beta
from ms_func.random.gamma import chisquare as _chisquare
from ms_func.random.gamma import dirichlet as _dirichlet
from ms_func.random.gamma import f as _f
from ms_func.random.gamma import gamma as _gamma
from ms_func.random.gamma import t as _t
from ms_func.random.keys import key as key_of_seed
from ms_func.random.keys import typed
from ms_func.random.poisson import poisson as _poisson
from ms_func.random.uniform import bits as _bits
from ms_func.random.uniform import randint as _randint
from ms_func.random.uniform import uniform as _uniform
from ms_func.tracing import reference
from ms_func.tracing.reference import Ref

Size = int | Sequence[int] | None


class Generator:
    """Random numbers with a state, under the names of `numpy.random.Generator`.

    Functions under `jit`, `grad` and in loops may close over a generator, take it as an
    argument, or make one; the state moves on as if they ran in Python.

    Args:
        seed: integer, traced or not, a key, or None for a seed from the system.
        split: what `vmap` does with a generator that all lanes share: True gives each lane
            numbers of its own, False (the default) raises, because lanes would draw the same.
        impl: name of the generator of bits, as for `random.key`.

    Raises:
        TypeError: `seed` is none of these.

    Example:
        >>> rng = Generator(0)
        >>> rng.normal(size=3).shape, rng.integers(0, 10, size=(2, 2)).dtype.name
        ((3,), 'int32')
    """

    __slots__ = ("_state",)

    def __init__(
        self, seed: int | ArrayLike | None = None, *, split: bool = False, impl: Any = None
    ) -> None:
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        if _is_key(seed):
            state = typed(seed)[0]
            if typeof(state).shape:
                raise ArgumentTypeError(f"a Generator needs a single key, got {typeof(state)}")
        else:
            state = key_of_seed(seed, impl=impl)
        self._state = reference.new(state, "split" if split else "apart")

    @property
    def key(self) -> Array:
        """The key that the next method splits."""
        return reference.read(self._state)

    def _next(self) -> Any:
        """A key to draw with; the state moves on."""
        state, drawn = run(_halves, (reference.read(self._state),))
        reference.swap(self._state, state)
        return drawn

    def spawn(self, n_children: int) -> list[Generator]:
        """New generators that are independent of this one and of each other."""
        keys = run(_pieces, (self._next(),), n_children)
        lanes = self._state.type.lanes == "split"
        return [Generator(k, split=lanes) for k in keys]

    # --- uniform ---------------------------------------------------------------------------

    def random(self, size: Size = None, dtype: Any = None) -> Array:
        """Uniform numbers in [0, 1)."""
        return _uniform(self._next(), _shape(size), dtype)

    def uniform(
        self, low: ArrayLike = 0.0, high: ArrayLike = 1.0, size: Size = None, dtype: Any = None
    ) -> Array:
        """Uniform numbers in [low, high)."""
        return _uniform(self._next(), _shape(size, low, high), dtype, low, high)

    def integers(
        self, low: ArrayLike, high: ArrayLike | None = None, size: Size = None,
        dtype: Any = None, endpoint: bool = False,
    ) -> Array:  # fmt: skip
        """Uniform integers in [low, high), or [0, low) without `high`; `endpoint` adds `high`."""
        if high is None:
            low, high = 0, low
        if endpoint:
            high = high + 1 if isinstance(high, int) else ar.add(high, 1)
        return _randint(self._next(), _shape(size, low, high), low, high, dtype)

    def bytes(self, length: int) -> bytes:
        """Random bytes; outside of traces only."""
        return np.asarray(_bits(self._next(), (length,), "uint8")).tobytes()

    # --- order -------------------------------------------------------------------------------

    def choice(
        self, a: int | ArrayLike, size: Size = None, replace: bool = True,
        p: ArrayLike | None = None, axis: int = 0, shuffle: bool = True,
    ) -> Array:  # fmt: skip
        """Random elements of `a`, or of `arange(a)`, with probabilities `p`."""
        return _choice(self._next(), a, _shape(size), replace, p, axis)

    def permutation(self, x: int | ArrayLike, axis: int = 0) -> Array:
        """`x`, or `arange(x)`, in random order along a dimension."""
        return _permutation(self._next(), x, axis)

    def permuted(self, x: ArrayLike, *, axis: int | None = None) -> Array:
        """`x` with each vector along a dimension in an order of its own; all of it for None."""
        if axis is None:
            flat = _permutation(self._next(), manipulation.ravel(x))
            return manipulation.reshape(flat, np.shape(x))
        return _permutation(self._next(), x, axis, independent=True)

    def shuffle(self, x: Any, axis: int = 0) -> None:
        """Put the elements of an array, or what a reference holds, in random order, in place."""
        if not isinstance(x, (Array, Ref, np.ndarray)):
            raise ArgumentTypeError(
                f"shuffle changes an array in place, got {type(x).__name__}\n"
                "fix: use permutation, which returns a new array"
            )
        mixed = _permutation(self._next(), x[...], axis)
        x[...] = np.asarray(mixed) if isinstance(x, np.ndarray) else mixed

    # --- continuous ----------------------------------------------------------------------------

    def standard_normal(self, size: Size = None, dtype: Any = None) -> Array:
        """Normal numbers of mean 0 and variance 1."""
        return _normal(self._next(), _shape(size), dtype)

    def normal(self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Normal numbers of mean `loc` and standard deviation `scale`."""
        return _moved(_normal(self._next(), _shape(size, loc, scale)), loc, scale)

    def lognormal(self, mean: ArrayLike = 0.0, sigma: ArrayLike = 1.0, size: Size = None) -> Array:
        """Exponentials of normal numbers of mean `mean` and standard deviation `sigma`."""
        return el.exp(self.normal(mean, sigma, size))

    def standard_exponential(self, size: Size = None, dtype: Any = None) -> Array:
        """Exponentially distributed numbers of mean 1."""
        return _exponential(self._next(), _shape(size), dtype)

    def exponential(self, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Exponentially distributed numbers of mean `scale`."""
        return ar.multiply(_exponential(self._next(), _shape(size, scale)), scale)

    def laplace(self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Numbers of the Laplace distribution."""
        return _moved(_laplace(self._next(), _shape(size, loc, scale)), loc, scale)

    def logistic(self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Numbers of the logistic distribution."""
        return _moved(_logistic(self._next(), _shape(size, loc, scale)), loc, scale)

    def gumbel(self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Numbers of the Gumbel distribution."""
        return _moved(_gumbel(self._next(), _shape(size, loc, scale)), loc, scale)

    def standard_cauchy(self, size: Size = None) -> Array:
        """Numbers of the Cauchy distribution."""
        return _cauchy(self._next(), _shape(size))

    def rayleigh(self, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Lengths of normal vectors of two components of standard deviation `scale`."""
        return _rayleigh(self._next(), scale, _shape(size, scale))

    def pareto(self, a: ArrayLike, size: Size = None) -> Array:
        """Numbers of the Pareto distribution of the second kind, which starts at 0."""
        return ar.subtract(_pareto(self._next(), a, _shape(size, a)), 1)

    def power(self, a: ArrayLike, size: Size = None) -> Array:
        """Numbers in [0, 1] with density `a * x ** (a - 1)`."""
        drawn = _exponential(self._next(), _shape(size, a))
        return ar.power(ar.negative(el.expm1(ar.negative(drawn))), ar.divide(1, a))

    def weibull(self, a: ArrayLike, size: Size = None) -> Array:
        """Numbers of the Weibull distribution of shape `a` and scale 1."""
        return _weibull_min(self._next(), 1.0, a, _shape(size, a))

    def triangular(
        self, left: ArrayLike, mode: ArrayLike, right: ArrayLike, size: Size = None
    ) -> Array:
        """Numbers whose density rises from `left` to `mode` and falls to `right`."""
        return _triangular(self._next(), left, mode, right, _shape(size, left, mode, right))

    def wald(self, mean: ArrayLike, scale: ArrayLike, size: Size = None) -> Array:
        """Numbers of the inverse Gaussian distribution."""
        drawn = _wald(self._next(), ar.divide(mean, scale), _shape(size, mean, scale))
        return ar.multiply(drawn, scale)

    def standard_gamma(self, shape: ArrayLike, size: Size = None, dtype: Any = None) -> Array:
        """Gamma numbers of scale 1."""
        return _gamma(self._next(), shape, _shape(size, shape), dtype)

    def gamma(self, shape: ArrayLike, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Gamma numbers."""
        return ar.multiply(_gamma(self._next(), shape, _shape(size, shape, scale)), scale)

    def beta(self, a: ArrayLike, b: ArrayLike, size: Size = None) -> Array:
        """Numbers of the beta distribution."""
        return _beta(self._next(), a, b, _shape(size, a, b))

    def chisquare(self, df: ArrayLike, size: Size = None) -> Array:
        """Sums of squares of `df` normal numbers."""
        return _chisquare(self._next(), df, _shape(size, df))

    def noncentral_chisquare(self, df: ArrayLike, nonc: ArrayLike, size: Size = None) -> Array:
        """Sums of squares of normal numbers whose squared means add up to `nonc`."""
        more = self.poisson(ar.divide(nonc, 2), _shape(size, df, nonc))
        return self.chisquare(ar.add(df, ar.multiply(2.0, more)))

    def f(self, dfnum: ArrayLike, dfden: ArrayLike, size: Size = None) -> Array:
        """Ratios of mean squares of `dfnum` and `dfden` normal numbers."""
        return _f(self._next(), dfnum, dfden, _shape(size, dfnum, dfden))

    def standard_t(self, df: ArrayLike, size: Size = None) -> Array:
        """Numbers of Student's distribution."""
        return _t(self._next(), df, _shape(size, df))

    def dirichlet(self, alpha: ArrayLike, size: Size = None) -> Array:
        """Vectors of positive numbers that sum to 1."""
        lead = np.shape(alpha)[:-1] if size is None else _shape(size)
        return _dirichlet(self._next(), alpha, lead)

    def multivariate_normal(
        self, mean: ArrayLike, cov: ArrayLike, size: Size = None, *, method: str = "svd"
    ) -> Array:
        """Normal vectors of a mean and a covariance."""
        shape = None if size is None else _shape(size)
        return _multivariate_normal(self._next(), mean, cov, shape, method=method)

    # --- counts --------------------------------------------------------------------------------

    def binomial(self, n: ArrayLike, p: ArrayLike, size: Size = None) -> Array:
        """Numbers of successes in `n` trials of probability `p`, as integers."""
        drawn = _binomial(self._next(), n, p, _shape(size, n, p))
        return _integers(drawn)

    def negative_binomial(self, n: ArrayLike, p: ArrayLike, size: Size = None) -> Array:
        """Numbers of failures before the `n`-th success."""
        rate = self.gamma(n, ar.divide(ar.subtract(1.0, p), p), _shape(size, n, p))
        return self.poisson(rate)

    def geometric(self, p: ArrayLike, size: Size = None) -> Array:
        """Number of trials up to the first success."""
        return _geometric(self._next(), p, _shape(size, p))

    def poisson(self, lam: ArrayLike = 1.0, size: Size = None) -> Array:
        """Numbers of events that occur at a mean rate `lam`."""
        return _poisson(self._next(), lam, _shape(size, lam))

    def multinomial(self, n: ArrayLike, pvals: ArrayLike, size: Size = None) -> Array:
        """How often each category comes up in `n` draws, as integers."""
        shape = None if size is None else (*_shape(size), np.shape(pvals)[-1])
        return _integers(_multinomial(self._next(), n, pvals, shape=shape))

    def __repr__(self) -> str:
        return f"Generator({self._state!r})"


def _is_key(seed: Any) -> bool:
    """Whether a seed is a key, or the words of one."""
    dtype = getattr(seed, "dtype", None)
    if dtype is None or type(seed) is Ref:
        return False
    return typeof(seed).key is not None or (dtype == np.uint32 and np.ndim(seed) == 1)


def _halves(key: Any) -> Any:
    pair = random_split(key, (2,))
    return pair[0], pair[1]


def _pieces(key: Any, count: int) -> Any:
    return joining.unstack(random_split(key, (count,)))


def _shape(size: Size, *args: Any) -> tuple[int, ...]:
    """Shape that was asked for, or that of the arguments."""
    if size is None:
        return manipulation.broadcast_shapes(*(np.shape(a) for a in args))
    return shape_tuple("size", size)


def _moved(drawn: Any, loc: ArrayLike, scale: ArrayLike) -> Any:
    if isinstance(loc, float) and isinstance(scale, float) and (loc, scale) == (0.0, 1.0):
        return drawn
    return ar.add(ar.multiply(drawn, scale), loc)


def _integers(x: Any) -> Any:
    """Whole numbers as integers; NaN, from parameters that mean nothing, as -1."""
    return convert(where(logic.isnan(x), -1.0, x), DEFAULTS[int])


def _flatten(rng: Generator) -> tuple[tuple[Ref], None]:
    return (rng._state,), None


def _unflatten(_: None, children: Any) -> Generator:
    rng = object.__new__(Generator)
    (rng._state,) = children
    return rng


tree.register_node(Generator, _flatten, _unflatten)
