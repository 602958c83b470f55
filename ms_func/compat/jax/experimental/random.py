"""`jax.experimental.random`: a generator of random numbers that keeps its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import ms_func
import ms_func.numpy as jnp
from ms_func import random, tree_util

__all__ = ["StatefulPRNG", "stateful_rng"]


def _shape(size: int | Sequence[int] | None, *args: Any) -> tuple[int, ...]:
    """The shape asked for; without one that of the arguments."""
    if size is None:
        return np.broadcast_shapes(*map(jnp.shape, args))
    return (size,) if isinstance(size, (int, np.integer)) else tuple(size)


@tree_util.register_dataclass
@dataclass(frozen=True)
class StatefulPRNG:
    """A generator with NumPy's names whose count of draws is held in a mutable cell.

    Attributes:
        _base_key: the key that all others are derived from.
        _counter: how many were.

    Example:
        >>> rng = stateful_rng(0)
        >>> rng.normal(size=3).shape
        (3,)
    """

    _base_key: Any
    _counter: Any

    def key(self, shape: int | Sequence[int] = ()) -> Any:
        """A new key, or an array of keys."""
        if jnp.ndim(self._base_key):
            raise ValueError(
                "a generator made by split() draws nothing itself\nfix: use it under vmap"
            )
        found = random.fold_in(self._base_key, self._counter[...])
        self._counter[...] = self._counter[...] + 1
        sizes = _shape(shape)
        return random.split(found, sizes) if sizes else found

    def random(self, size: int | Sequence[int] | None = None, dtype: Any = float) -> Any:
        """Uniform numbers in [0, 1)."""
        return random.uniform(self.key(), _shape(size), dtype)

    def uniform(
        self, low: Any = 0, high: Any = 1, size: int | Sequence[int] | None = None, *,
        dtype: Any = float,
    ) -> Any:  # fmt: skip
        """Uniform numbers in [low, high)."""
        return random.uniform(self.key(), _shape(size, low, high), dtype, minval=low, maxval=high)

    def normal(
        self, loc: Any = 0, scale: Any = 1, size: int | Sequence[int] | None = None, *,
        dtype: Any = float,
    ) -> Any:  # fmt: skip
        """Normal numbers of mean `loc` and standard deviation `scale`."""
        drawn = random.normal(self.key(), _shape(size, loc, scale), dtype)
        return (loc + scale * drawn).astype(drawn.dtype)

    def integers(
        self, low: Any, high: Any = None, size: int | Sequence[int] | None = None, *,
        dtype: Any = int,
    ) -> Any:  # fmt: skip
        """Integers in [low, high), or in [0, low)."""
        if high is None:
            low, high = 0, low
        return random.randint(self.key(), _shape(size, low, high), low, high, dtype)

    def spawn(self, n_children: int) -> list[StatefulPRNG]:
        """Independent generators."""
        keys = self.key(n_children)
        return [StatefulPRNG(keys[i], ms_func.new_ref(0)) for i in range(n_children)]

    def split(self, num: int | Sequence[int]) -> StatefulPRNG:
        """Independent generators in one, to be used under `vmap`."""
        keys = self.key(num)
        return StatefulPRNG(keys, ms_func.new_ref(jnp.zeros(keys.shape, jnp.int32)))


def stateful_rng(seed: Any = None, *, impl: Any = None) -> StatefulPRNG:
    """Generator from a seed, by default one that the system gives.

    Args:
        seed: an integer, None for one of the system's; traced values are allowed.
        impl: kind of the keys.
    """
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    return StatefulPRNG(random.key(seed, impl=impl), ms_func.new_ref(0))
