"""Random keys as values of their own type, and what is drawn from them.

`key<fry>[3]` is an array of three keys of the generator Threefry; what a key is made of is
known only to `random_wrap` and `random_unwrap`, which lead from 32-bit words to keys and back.
Before a program is compiled, `transforms.physical` writes it on words; the `words` rules here
say how each operation looks then.

Every number drawn is a function of a key and of the place of the element alone, so that it
does not depend on how an array is split over devices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func import config
from ms_func.dtypes import THREEFRY, KeyDtype, issubdtype, key_dtype
from ms_func.errors import ArgumentTypeError, ShapeError
from ms_func.ir.primitive import ZERO, Cost, NotSupported, Primitive, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives import threefry as fry
from ms_func.primitives.axis_slices import index_in_dim, slice_in_dim
from ms_func.primitives.basis import int_tuple, letters
from ms_func.primitives.batching import to_front
from ms_func.primitives.bits import bitwise_xor, shift_right_logical
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.pieces import concatenate
from ms_func.primitives.pieces import slice as slice_
from ms_func.primitives.rng import rng_bit_generator_p
from ms_func.primitives.shape import full, reshape
from ms_func.primitives.stacks import stack
from ms_func.primitives.threefry import WIDTHS
from ms_func.primitives.threefry_halves import bits_in_halves, split_in_halves

UINT32 = np.dtype(np.uint32)
_WORDS_FIRST = NotSupported("keys are written as words before a program is compiled")
_NO_NUMPY = "what a backend's own generator draws has no form in NumPy"


def _kind(name: str, t: ArrayType) -> KeyDtype:
    if t.key is None:
        raise ShapeError(f"{name} takes keys, got {t}\nfix: make one with random.key(seed)")
    return t.key


def numpy_words(keys: np.ndarray) -> np.ndarray:
    """Words of NumPy keys, in a new last dimension."""
    words = np.ascontiguousarray(keys).view(np.uint32)  # of one dimension at least
    return words.reshape(*keys.shape, keys.dtype.itemsize // 4)


def numpy_keys(words: np.ndarray, kind: KeyDtype) -> np.ndarray:
    """NumPy keys made of words in the last dimension."""
    words = np.ascontiguousarray(words)
    return words.view(kind.dtype).reshape(words.shape[:-1])


def _batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """All lanes at once, in front."""

    def batch(size: int, args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
        lanes = [to_front(x, d, size) for x, d in zip(args, dims, strict=True)]
        return primitive().bind(*lanes, **params), 0

    return batch


def _placed(lead: int, rank: int, ins: str) -> str:
    """Notation of a result whose dimensions behind the first `lead` need their global index."""
    names = letters(rank)
    placed = ", ".join(f"{n}: placed" for n in names[lead:])
    return f"{ins} -> {' '.join(names)}" + (f"; {placed}" if placed else "")


def _free(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    return Cost(0.0, 0.0, 0.0)


def _cipher(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    """A hundred operations for each element."""
    moved = sum(t.nbytes for t in (*ins, *outs))
    return Cost(100.0 * outs[0].size, 0.0, float(moved))


# --- words and keys ----------------------------------------------------------------------------


def _wrap_abstract(words: ArrayType, *, impl: str) -> ArrayType:
    kind = key_dtype(impl)
    if words.dtype != UINT32 or words.shape[-1:] != (kind.words,):
        raise ShapeError(
            f"keys of {impl} are made of uint32 words in a last dimension of {kind.words}, "
            f"got {words}"
        )
    return ArrayType(words.shape[:-1], kind)


def _wrap_shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    names = " ".join(letters(outs[0].ndim))
    return f"{names} . -> {names}".strip()


random_wrap_p = register(
    Primitive(
        "random_wrap",
        abstract=_wrap_abstract,
        ref=lambda words, *, impl: numpy_keys(words, key_dtype(impl)),
        lower=_WORDS_FIRST,
        jvp=ZERO,
        transpose=NotSupported("keys are not linear in their words"),
        batch=_batch(lambda: random_wrap_p),
        shard=_wrap_shard,
        cost=_free,
        words=lambda types, words, *, impl: words,
    )
)


def _unwrap_abstract(keys: ArrayType) -> ArrayType:
    return ArrayType((*keys.shape, _kind("random_unwrap", keys).words), UINT32)


def _unwrap_shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    names = " ".join(letters(ins[0].ndim))
    return f"{names} -> {names} ."


random_unwrap_p = register(
    Primitive(
        "random_unwrap",
        abstract=_unwrap_abstract,
        ref=numpy_words,
        lower=_WORDS_FIRST,
        jvp=ZERO,
        transpose=NotSupported("words are not linear in the keys made of them"),
        batch=_batch(lambda: random_unwrap_p),
        shard=_unwrap_shard,
        cost=_free,
        words=lambda types, keys: keys,
    )
)


def _clone_abstract(keys: ArrayType) -> ArrayType:
    _kind("random_clone", keys)
    return keys


def _same_shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    names = " ".join(letters(ins[0].ndim))
    return f"{names} -> {names}"


random_clone_p = register(
    Primitive(
        "random_clone",
        abstract=_clone_abstract,
        ref=lambda keys: keys.copy(),
        lower=_WORDS_FIRST,
        jvp=ZERO,
        transpose=NotSupported("keys are not linear in the keys they come from"),
        batch=_batch(lambda: random_clone_p),
        shard=_same_shard,
        cost=_free,
        words=lambda types, keys: keys,
    )
)


# --- from a seed -------------------------------------------------------------------------------


def _seed_abstract(seeds: ArrayType, *, impl: str) -> ArrayType:
    if not issubdtype(seeds.dtype, np.integer):
        raise ArgumentTypeError(f"PRNG key seed must be an integer; got {seeds}")
    return ArrayType(seeds.shape, key_dtype(impl))


def seed_words(seed: np.ndarray, words: int) -> np.ndarray:
    """Low and high half of each seed, repeated until a key is full."""
    wide = seed.dtype.itemsize == 8
    low = seed.astype(np.uint64) & np.uint64(0xFFFFFFFF)
    high = seed.astype(np.uint64) >> np.uint64(32) if wide else 0 * low
    pair = np.stack([high, low], -1).astype(UINT32)
    return np.concatenate([pair] * (words // 2), -1)


def _seed_on_words(types: Sequence[ArrayType], seeds: Any, *, impl: str) -> Any:
    low = convert_element_type(seeds, UINT32)
    if types[0].dtype.itemsize == 8:
        high = convert_element_type(shift_right_logical(seeds, _like(32, types[0])), UINT32)
    else:
        high = full(types[0].shape, np.uint32(0))
    pair = stack([high, low], -1)
    return pair if key_dtype(impl).words == 2 else concatenate([pair, pair], len(types[0].shape))


def _like(value: int, t: ArrayType) -> Any:
    return np.asarray(value, t.dtype)[()]


random_seed_p = register(
    Primitive(
        "random_seed",
        abstract=_seed_abstract,
        ref=lambda seeds, *, impl: numpy_keys(
            seed_words(seeds, key_dtype(impl).words), key_dtype(impl)
        ),
        lower=_WORDS_FIRST,
        jvp=ZERO,
        transpose=NotSupported("keys are not linear in the seed"),
        batch=_batch(lambda: random_seed_p),
        shard=_same_shard,
        words=_seed_on_words,
    )
)


# --- bits --------------------------------------------------------------------------------------


def _bits_abstract(keys: ArrayType, *, shape: tuple[int, ...], width: int) -> ArrayType:
    _kind("random_bits", keys)
    return ArrayType((*keys.shape, *shape), WIDTHS[width])


def _bits_ref(keys: np.ndarray, *, shape: tuple[int, ...], width: int) -> np.ndarray:
    _only_threefry(keys)
    return fry.threefry_bits_p.ref(numpy_words(keys), shape=shape, width=width)  # type: ignore[operator]


def _only_threefry(keys: np.ndarray) -> None:
    if keys.dtype != THREEFRY.dtype:
        raise NotImplementedError(_NO_NUMPY)


def _bits_on_words(
    types: Sequence[ArrayType], words: Any, *, shape: tuple[int, ...], width: int
) -> Any:
    if _kind("random_bits", types[0]) is THREEFRY:
        return fry.threefry_bits_p.bind(words, shape=shape, width=width)
    return rng_bit_generator_p.bind(words, shape=shape, dtype=WIDTHS[width], algorithm=0)[1]


random_bits_p = register(
    Primitive(
        "random_bits",
        abstract=_bits_abstract,
        ref=_bits_ref,
        lower=_WORDS_FIRST,
        jvp=ZERO,
        transpose=NotSupported("random bits are not linear in the key"),
        batch=_batch(lambda: random_bits_p),
        shard=lambda ins, outs, **params: _placed(
            ins[0].ndim, outs[0].ndim, " ".join(letters(ins[0].ndim))
        ),
        cost=_cipher,
        words=_bits_on_words,
    )
)


def random_bits(key: Any, width: int, shape: Sequence[int]) -> Any:
    """Uniform unsigned integers of `width` bits.

    Shapes: keys `[...]`; the result is `[..., *shape]`.
    Dtypes: uint8, uint16, uint32 or uint64 by `width`.

    Raises:
        TypeError: `key` is no key, or `width` is none of 8, 16, 32, 64.
    """
    if width not in WIDTHS:
        raise ArgumentTypeError(f"requires 8-, 16-, 32- or 64-bit field width, got {width}")
    sizes = int_tuple(shape, "shape")
    if not config.threefry_partitionable.value and typeof(key).key is THREEFRY:
        return bits_in_halves(random_unwrap_p.bind(key), width, sizes)
    return random_bits_p.bind(key, shape=sizes, width=width)


# --- keys from keys ------------------------------------------------------------------------------


def _split_abstract(keys: ArrayType, *, shape: tuple[int, ...]) -> ArrayType:
    return ArrayType((*keys.shape, *shape), _kind("random_split", keys))


def _split_ref(keys: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    _only_threefry(keys)
    return numpy_keys(fry.threefry_split_p.ref(numpy_words(keys), shape=shape), THREEFRY)  # type: ignore[operator]


def _split_on_words(types: Sequence[ArrayType], words: Any, *, shape: tuple[int, ...]) -> Any:
    kind = _kind("random_split", types[0])
    if kind is THREEFRY:
        return fry.threefry_split_p.bind(words, shape=shape)
    if kind.impl == "rbg":
        halves = [fry.threefry_split_p.bind(h, shape=shape) for h in _halves(words)]
        return concatenate(halves, typeof(halves[0]).ndim - 1)
    count = int(np.prod(shape, dtype=np.int64))
    drawn = rng_bit_generator_p.bind(words, shape=(10 * count, 4), dtype=UINT32, algorithm=0)[1]
    lead = types[0].shape
    every = (*(1 for _ in lead), 10, 1)
    kept = slice_(drawn, (0,) * len(every), typeof(drawn).shape, every)
    return reshape(kept, (*lead, *shape, 4))


def _halves(words: Any) -> list[Any]:
    """A key of four words as two of two."""
    axis = typeof(words).ndim - 1
    return [slice_in_dim(words, 0, 2, axis=axis), slice_in_dim(words, 2, 4, axis=axis)]


random_split_p = register(
    Primitive(
        "random_split",
        abstract=_split_abstract,
        ref=_split_ref,
        lower=_WORDS_FIRST,
        jvp=ZERO,
        transpose=NotSupported("keys are not linear in the key they come from"),
        batch=_batch(lambda: random_split_p),
        shard=lambda ins, outs, **params: _placed(
            ins[0].ndim, outs[0].ndim, " ".join(letters(ins[0].ndim))
        ),
        cost=_cipher,
        words=_split_on_words,
    )
)


def random_split(key: Any, shape: Sequence[int]) -> Any:
    """An array of keys made from each key: `[...]` to `[..., *shape]`.

    Raises:
        TypeError: `key` is no key.
    """
    sizes, kind = int_tuple(shape, "shape"), typeof(key).key
    if config.threefry_partitionable.value or kind is None or kind.impl == "unsafe_rbg":
        return random_split_p.bind(key, shape=sizes)
    words = random_unwrap_p.bind(key)
    parts = [split_in_halves(w, sizes) for w in ([words] if kind is THREEFRY else _halves(words))]
    joined = concatenate(parts, typeof(parts[0]).ndim - 1) if len(parts) > 1 else parts[0]
    return random_wrap_p.bind(joined, impl=kind.impl)


def _fold_abstract(keys: ArrayType, data: ArrayType) -> ArrayType:
    kind = _kind("random_fold_in", keys)
    if data.dtype != UINT32 or data.shape != keys.shape:
        raise ShapeError(f"random_fold_in takes one uint32 for each of the keys {keys}, got {data}")
    return ArrayType(keys.shape, kind)


def _fold_ref(keys: np.ndarray, data: np.ndarray) -> np.ndarray:
    _only_threefry(keys)
    return numpy_keys(fry.threefry_fold_in_p.ref(numpy_words(keys), data), THREEFRY)  # type: ignore[operator]


def _fold_on_words(types: Sequence[ArrayType], words: Any, data: Any) -> Any:
    kind = _kind("random_fold_in", types[0])
    if kind is THREEFRY:
        return fry.threefry_fold_in_p.bind(words, data)
    if kind.impl == "rbg":
        halves = [fry.threefry_fold_in_p.bind(h, data) for h in _halves(words)]
        return concatenate(halves, typeof(words).ndim - 1)
    pair = stack([full(types[1].shape, np.uint32(0)), convert_element_type(data, UINT32)], -1)
    state = concatenate([pair, pair], typeof(pair).ndim - 1)
    drawn = rng_bit_generator_p.bind(state, shape=(10, 4), dtype=UINT32, algorithm=0)[1]
    return bitwise_xor(words, index_in_dim(drawn, 9, axis=typeof(drawn).ndim - 2, keepdims=False))


random_fold_in_p = register(
    Primitive(
        "random_fold_in",
        abstract=_fold_abstract,
        ref=_fold_ref,
        lower=_WORDS_FIRST,
        jvp=ZERO,
        transpose=NotSupported("keys are not linear in the key they come from"),
        batch=_batch(lambda: random_fold_in_p),
        shard=lambda ins, outs: "{0}, {0} -> {0}".format(" ".join(letters(ins[0].ndim))),
        cost=_cipher,
        words=_fold_on_words,
    )
)


def random_fold_in(key: Any, data: Any) -> Any:
    """A key made from a key and an integer, one for each key of an array of them.

    Raises:
        TypeError: `key` is no key, or `data` is no uint32 of its shape.
    """
    if typeof(data).shape != typeof(key).shape:
        raise ShapeError(
            f"fold_in takes one integer for each key, got {typeof(data)} for {typeof(key)}"
        )
    return random_fold_in_p.bind(key, data)
