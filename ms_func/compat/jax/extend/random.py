"""`jax.extend.random`: generators of random keys, and the cipher of the default one."""

from __future__ import annotations

import operator
from typing import Any

from ms_func import lax, numpy, random
from ms_func.primitives import threefry

__all__ = ["random_seed", "rbg_prng_impl", "seed_with_impl", "threefry_2x32",
           "threefry_prng_impl", "unsafe_rbg_prng_impl"]  # fmt: skip

threefry_prng_impl = random.key_dtype("threefry2x32")
rbg_prng_impl = random.key_dtype("rbg")
unsafe_rbg_prng_impl = random.key_dtype("unsafe_rbg")


def seed_with_impl(impl: Any, seed: Any) -> Any:
    """A key of a generator from a seed."""
    return random.key(seed, impl=impl)


def random_seed(seeds: Any, impl: Any) -> Any:
    """Keys of a generator, one for each seed of an array."""
    made = lambda seed: random.key(seed, impl=impl)  # noqa: E731
    flat = numpy.vectorize(made)
    return flat(seeds) if numpy.ndim(seeds) else made(seeds)


class _Words:
    """The cipher's operations on arrays and traced values."""

    add = staticmethod(operator.add)
    xor = staticmethod(operator.xor)
    constant = staticmethod(numpy.uint32)

    @staticmethod
    def rotate(x: Any, distance: int) -> Any:
        return (x << numpy.uint32(distance)) | lax.shift_right_logical(
            x, numpy.full(x.shape, 32 - distance, numpy.uint32)
        )


def threefry_2x32(keypair: Any, count: Any) -> Any:
    """Threefry-2x32 of counters: their first half and their second are the two words of blocks.

    Args:
        keypair: two words, as an array or a pair.
        count: uint32 counters of any shape; of an odd number of them the last block is padded.

    Returns:
        As many random words, in the shape of `count`.

    Raises:
        TypeError: a word is no uint32.

    Reference:
        Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    first, second = (numpy.asarray(w) for w in keypair)
    count = numpy.asarray(count)
    for x in (first, second, count):
        if x.dtype != numpy.uint32:
            raise TypeError(f"threefry_2x32 takes uint32 words and counters, got {x.dtype}")
    flat = numpy.pad(count.ravel(), (0, count.size % 2))
    out = threefry.rounds(_Words, (first, second), tuple(flat.reshape(2, -1)))
    return numpy.concatenate(out)[: count.size].reshape(count.shape)
