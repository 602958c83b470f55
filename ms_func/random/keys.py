"""Keys: made from seeds, split, and joined with integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import creation, logic, manipulation
from ms_func.numpy.creation import shape_tuple
from ms_func.numpy.fusion import run
from ms_func.numpy.promotion import ArrayLike, convert, operand
from ms_func.primitives.random_bits import random_fold_in, random_split

UINT32 = np.dtype(np.uint32)


def PRNGKey(seed: int | ArrayLike, *, impl: str | None = None) -> Array:
    """Key from an integer seed.

    Args:
        seed: integer; its low and high 32 bits are the words of the key.
        impl: None or "threefry2x32", the only generator there is.

    Raises:
        TypeError: `seed` is no integer scalar.
        ValueError: there is no such generator.
    """
    _check_impl(impl)
    if isinstance(seed, (bool, int)):
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise OverflowError(f"a seed has 64 bits at most, got {seed}")
        high = 0 if -(2**31) <= seed < 0 else seed >> 32
        words = [high & 0xFFFFFFFF, seed & 0xFFFFFFFF]
        return creation.asarray(np.array(words, UINT32))
    seed = operand("PRNGKey", seed)
    if not issubdtype(typeof(seed).dtype, np.integer):
        raise TypeError(f"PRNG key seed must be an integer; got {seed!r}")
    if typeof(seed).ndim:
        raise TypeError(
            "PRNGKey accepts a scalar seed, but was given an array of shape "
            f"{typeof(seed).shape} != (). Use vmap for batching"
        )
    return run(_seeded, (seed,))


key = PRNGKey


def _check_impl(impl: Any) -> None:
    if impl not in (None, "threefry2x32", "fry"):
        raise ValueError(f"unrecognized PRNG implementation {impl!r}; there is 'threefry2x32'")


def _seeded(seed: Any) -> Any:
    wide = typeof(seed).dtype.itemsize == 8
    low = convert(seed, UINT32)
    high = convert(logic.right_shift(seed, 32), UINT32) if wide else ar.multiply(low, 0)
    return manipulation.stack([high, low])


def checked_key(name: str, key: Any) -> Any:
    """A single key.

    Raises:
        TypeError: it is no key.
        ValueError: it is an array of keys.
    """
    key = operand(name, key)
    t = typeof(key)
    if t.dtype != UINT32 or not t.shape or t.shape[-1] != 2:
        raise TypeError(
            f"{name} requires a key of dtype uint32 and shape (2,), got {t}\n"
            "fix: make one with random.key(seed) or random.split"
        )
    if t.ndim != 1:
        raise ValueError(
            f"{name} accepts a single key, but was given a key array of shape {t.shape[:-1]} != ()."
            " Use vmap for batching."
        )
    return key


def split(key: ArrayLike, num: int | tuple[int, ...] = 2) -> Array:
    """`num` new keys (or an array of them) from one: `[2]` to `[num, 2]`."""
    shape = shape_tuple("split", num)
    return random_split(checked_key("split", key), shape)


def fold_in(key: ArrayLike, data: int | ArrayLike) -> Array:
    """New key from a key and an integer.

    Raises:
        OverflowError: a Python integer has more than 32 bits.
        TypeError: `data` is no integer scalar.
    """
    key = checked_key("fold_in", key)
    if isinstance(data, int):
        if not -(2**31) <= data < 2**32:
            raise OverflowError(f"fold_in takes integers of 32 bits, got {data}")
        return random_fold_in(key, np.uint32(data & 0xFFFFFFFF))
    data = operand("fold_in", data)
    if not issubdtype(typeof(data).dtype, np.integer):
        raise TypeError(f"fold_in takes an integer, got {typeof(data)}")
    if typeof(data).ndim:
        raise TypeError(
            f"fold_in accepts a scalar, but was given an array of shape {typeof(data).shape} != ()."
            " Use vmap for batching."
        )
    return random_fold_in(key, convert(data, UINT32))


def key_data(keys: ArrayLike) -> Array:
    """The words of keys: here, the keys themselves."""
    return creation.asarray(keys)


def wrap_key_data(key_bits_array: ArrayLike, *, impl: str | None = None) -> Array:
    """Keys from their words: here, the words themselves.

    Raises:
        TypeError: they are no uint32 pairs.
    """
    _check_impl(impl)
    words = creation.asarray(key_bits_array)
    if words.dtype != UINT32 or not words.shape or words.shape[-1] != 2:
        raise TypeError(f"keys are uint32 arrays whose last dimension has size 2, got {words.type}")
    return words


def key_impl(keys: ArrayLike) -> str:
    """Name of the generator of keys."""
    return "threefry2x32"


def clone(key: ArrayLike) -> Array:
    """The same key again."""
    return creation.copy(key)
