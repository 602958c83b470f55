"""`Generator`: random numbers with a state, under the names of `numpy.random.Generator`.

The state is a key in a reference. Each method splits it, keeps one half and draws with the
other, so that a program that draws is an ordinary program with a reference: it runs under
`jit`, in loops and branches, and is differentiated.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func import tree
from ms_func.dtypes import DEFAULTS
from ms_func.errors import ArgumentTypeError
from ms_func.execution.array import Array
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import joining, logic, manipulation
from ms_func.numpy.fusion import run
from ms_func.numpy.promotion import ArrayLike, convert
from ms_func.numpy.searching import where
from ms_func.primitives.keys import random_split
from ms_func.random.binomial import binomial as _binomial
from ms_func.random.binomial import multinomial as _multinomial
from ms_func.random.discrete import choice as _choice
from ms_func.random.discrete import geometric as _geometric
from ms_func.random.discrete import permutation as _permutation
from ms_func.random.generator_continuous import Continuous
from ms_func.random.poisson import poisson as _poisson
from ms_func.random.stream import Size, shape_of
from ms_func.random.uniform import bits as _bits
from ms_func.random.uniform import randint as _randint
from ms_func.random.uniform import uniform as _uniform
from ms_func.tracing.reference import Ref


class Generator(Continuous):
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

    __slots__ = ()

    def spawn(self, n_children: int) -> list[Generator]:
        """New generators that are independent of this one and of each other.

        Args:
            n_children: how many; known while tracing.

        Returns:
            List of generators, one for each worker or layer. This one's state moves on by one step.

        Example:
            >>> first, second = Generator(0).spawn(2)
            >>> (first.random() == second.random()).item()
            False
        """
        keys = run(_pieces, (self._next(),), n_children)
        lanes = self._state.type.lanes == "split"
        return [Generator(k, split=lanes) for k in keys]

    # --- uniform ---------------------------------------------------------------------------

    def random(self, size: Size = None, dtype: Any = None) -> Array:
        """Uniform numbers in [0, 1).

        Args:
            size: shape of the result; a scalar by default.
            dtype: floating; float32 by default.

        Raises:
            ValueError: the dtype is not floating.

        Example:
            >>> Generator(0).random((2, 3), np.float16).dtype.name
            'float16'
        """
        return _uniform(self._next(), shape_of(size), dtype)

    def uniform(
        self, low: ArrayLike = 0.0, high: ArrayLike = 1.0, size: Size = None, dtype: Any = None
    ) -> Array:
        """Uniform numbers in [low, high).

        Args:
            low: bound below, which is included; differentiable, as is the other.
            high: bound above, which is not.
            size: shape of the result, which the bounds broadcast to; by default, their own.
            dtype: floating; float32 by default.

        Raises:
            ValueError: the bounds do not broadcast to `size`, or the dtype is not floating.

        Example:
            >>> x = Generator(0).uniform(-1.0, 1.0, 100)
            >>> (abs(x) <= 1).all().item()
            True
        """
        return _uniform(self._next(), shape_of(size, low, high), dtype, low, high)

    def integers(
        self, low: ArrayLike, high: ArrayLike | None = None, size: Size = None,
        dtype: Any = None, endpoint: bool = False,
    ) -> Array:  # fmt: skip
        """Uniform integers in [low, high), or in [0, low) without `high`.

        Args:
            low: bound below, or above if it is the only one.
            high: bound above.
            size: shape of the result, which the bounds broadcast to; by default, their own.
            dtype: integer; int32 by default, where NumPy has int64.
            endpoint: whether `high` itself is among the numbers.

        Raises:
            TypeError: the dtype is no integer.
            ValueError: the bounds do not broadcast to `size`. An empty range is no error: all
                numbers are `low`.

        Example:
            >>> Generator(0).integers(1, 6, 8, endpoint=True)  # dice
            Array([3, 5, 5, 4, 6, 4, 5, 5], dtype=int32)
        """
        if high is None:
            low, high = 0, low
        if endpoint:
            high = high + 1 if isinstance(high, int) else ar.add(high, 1)
        return _randint(self._next(), shape_of(size, low, high), low, high, dtype)

    def bytes(self, length: int) -> bytes:
        """Random bytes; outside of traces only.

        Args:
            length: how many.

        Raises:
            TypeError: something is recorded: a program has arrays as results, not `bytes`.

        Example:
            >>> len(Generator(0).bytes(4))
            4
        """
        return np.asarray(_bits(self._next(), (length,), "uint8")).tobytes()

    # --- order -------------------------------------------------------------------------------

    def choice(
        self, a: int | ArrayLike, size: Size = None, replace: bool = True,
        p: ArrayLike | None = None, axis: int = 0, shuffle: bool = True,
    ) -> Array:  # fmt: skip
        """Random elements of `a`, or of `arange(a)`, along a dimension.

        Args:
            a: array, or a number of elements.
            size: shape of the sample, in place of the dimension; one element by default.
            replace: whether an element may be chosen again.
            p: probability of each element, `[n]`; equal by default.
            axis: dimension.
            shuffle: taken for NumPy's sake: samples without replacement are in random order always.

        Raises:
            ValueError: the sample is larger than the population, without replacement, or `p` does
                not fit.

        Example:
            >>> hand = Generator(0).choice(np.array([2, 3, 5, 7]), 4, replace=False)
            >>> np.sort(hand).tolist()
            [2, 3, 5, 7]
        """
        return _choice(self._next(), a, shape_of(size), replace, p, axis)

    def permutation(self, x: int | ArrayLike, axis: int = 0) -> Array:
        """`x`, or `arange(x)`, in random order along a dimension; rows move as wholes.

        Args:
            x: array, or a number of elements.
            axis: dimension.

        Raises:
            TypeError: `x` is a scalar and no integer.
            ValueError: there is no such dimension.

        Example:
            >>> np.sort(Generator(0).permutation(4)).tolist()
            [0, 1, 2, 3]
        """
        return _permutation(self._next(), x, axis)

    def permuted(self, x: ArrayLike, *, axis: int | None = None) -> Array:
        """`x` with each vector along a dimension in an order of its own.

        Args:
            x: array of at least one dimension.
            axis: dimension; None mixes all elements.

        Raises:
            ValueError: there is no such dimension.

        Example:
            >>> x = np.array([[1, 2], [3, 4]])
            >>> np.sort(Generator(0).permuted(x, axis=1), axis=1).tolist()
            [[1, 2], [3, 4]]
        """
        if axis is None:
            flat = _permutation(self._next(), manipulation.ravel(x))
            return manipulation.reshape(flat, np.shape(x))
        return _permutation(self._next(), x, axis, independent=True)

    def shuffle(self, x: Any, axis: int = 0) -> None:
        """Put the elements of an array, or what a reference holds, in random order, in place.

        Args:
            x: array, NumPy's included, or a reference, of at least one dimension.
            axis: dimension that is mixed; rows move as wholes.

        Raises:
            TypeError: `x` is none of these, such as a list, or a scalar.

        Example:
            >>> x = np.arange(4)
            >>> Generator(0).shuffle(x)
            >>> np.sort(x).tolist()
            [0, 1, 2, 3]
        """
        if not isinstance(x, (Array, Ref, np.ndarray)) or not x.shape:
            raise ArgumentTypeError(
                "shuffle changes an array of at least one dimension in place, got "
                f"{type(x).__name__}{getattr(x, 'shape', '')}\n"
                "fix: use permutation, which returns a new array"
            )
        mixed = _permutation(self._next(), x[...], axis)
        x[...] = np.asarray(mixed) if isinstance(x, np.ndarray) else mixed

    # --- counts --------------------------------------------------------------------------------

    def binomial(self, n: ArrayLike, p: ArrayLike, size: Size = None) -> Array:
        """Numbers of successes in `n` trials of probability `p`, as integers.

        Args:
            n: number of trials.
            p: probability of success. Parameters that mean nothing give -1.
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> ms.eval_shape(lambda: Generator(0).binomial(10, np.array([0.1, 0.5])))
            ShapeDtypeStruct(shape=(2,), dtype=int32)
        """
        drawn = _binomial(self._next(), n, p, shape_of(size, n, p))
        return _integers(drawn)

    def negative_binomial(self, n: ArrayLike, p: ArrayLike, size: Size = None) -> Array:
        """Numbers of failures before the `n`-th success, as integers.

        Args:
            n: number of successes, positive, not only integers.
            p: probability of success, in (0, 1].
            size: shape of the result, which the parameters broadcast to; by default, their own.

        Raises:
            ValueError: the parameters do not broadcast to `size`.

        Example:
            >>> ms.eval_shape(lambda: Generator(0).negative_binomial(3.0, 0.5, 4))
            ShapeDtypeStruct(shape=(4,), dtype=int32)
        """
        rate = self.gamma(n, ar.divide(ar.subtract(1.0, p), p), shape_of(size, n, p))
        return self.poisson(rate)

    def geometric(self, p: ArrayLike, size: Size = None) -> Array:
        """Number of trials up to and including the first success, as integers.

        Args:
            p: probability of success, in (0, 1]; not checked.
            size: shape of the result, which `p` broadcasts to; by default, that of `p`.

        Raises:
            ValueError: `p` does not broadcast to `size`.

        Example:
            >>> Generator(0).geometric(1.0, 3).tolist()
            [1, 1, 1]
        """
        return _geometric(self._next(), p, shape_of(size, p))

    def poisson(self, lam: ArrayLike = 1.0, size: Size = None) -> Array:
        """Numbers of events that occur at a mean rate `lam`, as integers.

        Args:
            lam: rate, not negative; below 0 and for NaN the result is -1.
            size: shape of the result, which `lam` broadcasts to; by default, that of `lam`.

        Raises:
            ValueError: `lam` does not broadcast to `size`.

        Example:
            >>> ms.eval_shape(lambda: Generator(0).poisson(4.0, (2, 3)))
            ShapeDtypeStruct(shape=(2, 3), dtype=int32)
        """
        return _poisson(self._next(), lam, shape_of(size, lam))

    def multinomial(self, n: ArrayLike, pvals: ArrayLike, size: Size = None) -> Array:
        """How often each category comes up in `n` draws, as integers.

        Args:
            n: number of draws.
            pvals: `[..., k]`, probabilities that add up to 1.
            size: leading dimensions of the result; those of the parameters by default.

        Returns:
            Array `[..., k]`, whose sums along the last dimension are `n`.

        Raises:
            ValueError: the shapes do not fit.

        Example:
            >>> ms.eval_shape(lambda: Generator(0).multinomial(10, np.array([0.5, 0.5, 0.0]), 2))
            ShapeDtypeStruct(shape=(2, 3), dtype=int32)
        """
        shape = None if size is None else (*shape_of(size), np.shape(pvals)[-1])
        return _integers(_multinomial(self._next(), n, pvals, shape=shape))

    def __repr__(self) -> str:
        return f"Generator({self._state!r})"


def _pieces(key: Any, count: int) -> Any:
    return joining.unstack(random_split(key, (count,)))


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
