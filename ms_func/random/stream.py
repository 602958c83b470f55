"""A key in a reference: the state of a `Generator`, and what its methods have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy.fusion import run
from ms_func.numpy.promotion import ArrayLike
from ms_func.primitives.keys import random_split
from ms_func.random.keys import key as key_of_seed
from ms_func.random.keys import typed
from ms_func.random.uniform import joint_shape
from ms_func.tracing import reference
from ms_func.tracing.reference import Ref

Size = int | Sequence[int] | None


class Stream:
    """Keys one after the other, made from one that is kept."""

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
        """The key that the next method splits: what to save for going on from here.

        Example:
            >>> rng = random.Generator(3)
            >>> again = random.Generator(rng.key)
            >>> (rng.random() == again.random()).item()
            True
        """
        return reference.read(self._state)

    def _next(self) -> Any:
        """A key to draw with; the state moves on."""
        state, drawn = run(_halves, (reference.read(self._state),))
        reference.swap(self._state, state)
        return drawn


def _is_key(seed: Any) -> bool:
    """Whether a seed is a key, or the words of one."""
    dtype = getattr(seed, "dtype", None)
    if dtype is None or type(seed) is Ref:
        return False
    return typeof(seed).key is not None or (dtype == np.uint32 and np.ndim(seed) == 1)


def _halves(key: Any) -> Any:
    pair = random_split(key, (2,))
    return pair[0], pair[1]


def shape_of(size: Size, *args: Any) -> tuple[int, ...]:
    """Shape that was asked for, or that of the arguments.

    Raises:
        ValueError: the arguments do not broadcast to `size`.
    """
    return joint_shape("Generator", size, *args)
