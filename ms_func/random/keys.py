"""Keys: made from seeds, split, and joined with integers.

A key is a value of a dtype of its own, `key<fry>`. Its words, a plain uint32 array as older
programs use it, are taken wherever a key is; what is made of them is words again.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ms_func import config
from ms_func.dtypes import KeyDtype, issubdtype
from ms_func.dtypes import key_dtype as generator
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array, wrap
from ms_func.execution.buffers import put, relabel
from ms_func.execution.dispatch import bottom
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy.filled import shape_tuple
from ms_func.numpy.promotion import HANDLES, ArrayLike, as_handle, convert, operand
from ms_func.primitives.keys import (
    random_clone_p,
    random_fold_in,
    random_seed_p,
    random_split,
    random_unwrap_p,
    random_wrap_p,
    seed_words,
)

UINT32 = np.dtype(np.uint32)


# --- from seeds -----------------------------------------------------------------------------------


legacy_prng_key = config.Setting(
    "legacy_prng_key", "allow", "What happens where uint32 words stand for a key.", in_key=True,
    choices=("allow", "warn", "error"),
)  # fmt: skip
enable_custom_prng = config.Setting(
    "enable_custom_prng", False, "Whether `PRNGKey` gives a key of a key dtype.", in_key=True
)


def key(seed: int | ArrayLike, *, impl: Any = None, dtype: Any = None) -> Array:
    """Key from an integer seed.

    Args:
        seed: integer scalar, traced or not; its low and high 32 bits are the words of the key.
        impl: name of the generator: "threefry2x32", whose numbers are the same everywhere,
            "rbg" or "unsafe_rbg", which draw with the backend's own generator and are faster
            on accelerators; None takes `config.default_prng_impl`.
        dtype: the same as a dtype of keys, such as that of another key.

    Returns:
        Scalar of a dtype of its own, such as `key<fry>`. It has no arithmetic; it can be stacked,
        indexed, carried through loops and given to `vmap`.

    Raises:
        TypeError: `seed` is no integer scalar.
        ValueError: there is no such generator, or `impl` and `dtype` are both given.
        OverflowError: a Python integer has more than 64 bits.

    Reference:
        Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011: Threefry.

    Example:
        >>> key(0).dtype
        key<fry>
        >>> seeds = np.arange(3)
        >>> ms.vmap(key)(seeds).shape
        (3,)
    """
    return _seeded("key", seed, _one_of("key", impl, dtype))


def PRNGKey(seed: int | ArrayLike, *, impl: str | None = None) -> Array:
    """Like `key`, as the uint32 words of the key, which samplers take as well.

    What is made of words, by `split` or `fold_in`, is words again. New programs use `key`.

    Args:
        seed: integer scalar, as for `key`.
        impl: name of the generator, as for `key`. Words do not remember it: they are read as
            those of `config.default_prng_impl`.

    Returns:
        uint32 array `[2]`, or `[4]` for "rbg" and "unsafe_rbg"; a key as of `key` where the
        setting `enable_custom_prng` is on.

    Raises:
        TypeError: `seed` is no integer scalar.
        ValueError: there is no such generator.
        OverflowError: a Python integer has more than 64 bits.

    Example:
        >>> PRNGKey(3).tolist()
        [0, 3]
    """
    made = _seeded("PRNGKey", seed, _impl(impl))
    return made if enable_custom_prng.value else _words(made)


def _impl(impl: Any) -> KeyDtype:
    """The generator of a name, of a dtype of keys, or the default one."""
    if isinstance(impl, KeyDtype):
        return impl
    return generator(config.default_prng_impl.value if impl is None else impl)


def _one_of(name: str, impl: Any, dtype: Any) -> KeyDtype:
    """The generator that one of two arguments names."""
    if impl is not None and dtype is not None:
        raise ArgumentValueError(f"{name} takes impl or dtype, not both")
    if dtype is not None and not isinstance(dtype, KeyDtype):
        raise ArgumentValueError(f"{name}: dtype must be a dtype of keys, got {dtype!r}")
    return _impl(impl if dtype is None else dtype)


def key_dtype(impl_spec: Any = None) -> KeyDtype:
    """The dtype of keys of a generator.

    Args:
        impl_spec: name of the generator, or a dtype of keys; by default `config.default_prng_impl`.

    Raises:
        ValueError: there is no such generator.

    Example:
        >>> key_dtype("rbg")
        key<rbg>
        >>> key_dtype() == key(0).dtype
        True
    """
    return _impl(impl_spec)


def _seeded(name: str, seed: Any, kind: KeyDtype) -> Any:
    if isinstance(seed, int):
        if not -(2**63) <= seed < 2**64:
            raise OverflowError(f"a seed has 64 bits at most, got {seed}")
        # A seed has as many bits as its integer type, which by default is what it needs.
        wide = config.x64.value
        short = -(2**31) <= seed < 0 if wide is None else not wide
        half = [0 if short else (seed >> 32) & 0xFFFFFFFF, seed & 0xFFFFFFFF]
        words = np.array(half * (kind.words // 2), UINT32)
        return wrap(put(words, ArrayType((), kind)))
    seed = operand(name, seed)
    t = typeof(seed)
    if t.key is not None or not issubdtype(t.dtype, np.integer):
        raise ArgumentTypeError(
            f"PRNG key seed must be an integer; got {getattr(seed, 'value', seed)!r} of type {t}"
        )
    if t.ndim:
        raise ArgumentTypeError(
            f"{name} accepts a scalar seed, but was given an array of shape {t.shape} != (). Use "
            "vmap for batching"
        )
    if current.interpreter is bottom and not isinstance(seed, Array):
        value = np.asarray(getattr(seed, "value", seed), t.dtype)
        return wrap(put(seed_words(value, kind.words), ArrayType((), kind)))
    return random_seed_p.bind(seed, impl=kind.impl)


# --- keys and their words -----------------------------------------------------------------------


def _words(keys: Any) -> Any:
    """Words of typed keys; outside of traces the same memory."""
    if current.interpreter is bottom:
        return wrap(relabel(keys.buffer, keys.type.words))
    return random_unwrap_p.bind(keys)


def _wrapped(words: Any, kind: KeyDtype) -> Any:
    """Keys made of words; outside of traces the same memory."""
    if current.interpreter is bottom and type(words) is Array:
        return wrap(relabel(words.buffer, ArrayType(words.shape[:-1], kind)))
    return random_wrap_p.bind(words, impl=kind.impl)


def _checked_words(words: Any, kind: KeyDtype) -> Any:
    """Words that can be keys.

    Raises:
        TypeError: dtype or shape are others.
    """
    if not all(hasattr(words, a) for a in ("ndim", "shape", "dtype")):
        raise _no_words(
            f"to have ndim, shape, and dtype attributes. Got {words!r}\n"
            "fix: make a key with random.key(seed)"
        )
    if words.ndim < 1:
        raise _no_words(f".ndim >= 1; got ndim={words.ndim}")
    if words.shape[-1] != kind.words:
        raise _no_words(
            f".shape to end with ({kind.words},); got shape={tuple(words.shape)} for "
            f"impl={kind.impl}"
        )
    if words.dtype != UINT32:
        raise _no_words(f".dtype = uint32; got dtype={words.dtype}")
    return words if type(words) in HANDLES else operand("random", words)


def _no_words(expected: str) -> Exception:
    who = "JAX encountered " * config.jax_rules()
    space = "" if expected.startswith(".") else " "
    return ArgumentTypeError(f"{who}invalid PRNG key data: expected key_data{space}{expected}")


def typed(keys: Any) -> tuple[Any, bool]:
    """Keys as values of a key dtype, and whether they were words before.

    Raises:
        TypeError: they are neither.
    """
    if type(keys) in HANDLES:
        if keys.type.key is not None:
            return keys, False
    elif not isinstance(keys, np.ndarray) and hasattr(keys, "__jax_array__"):
        return typed(keys.__jax_array__())
    kind = _impl(None)
    words = _checked_words(keys, kind)
    if legacy_prng_key.value != "allow" or enable_custom_prng.value:
        _complain_of_words(kind)
    if current.interpreter is bottom and type(words) is not Array:
        words = bottom.operand(words)
    return _wrapped(words, kind), not enable_custom_prng.value


def _complain_of_words(kind: KeyDtype) -> None:
    """Warn of, or refuse, words in place of a key, as the settings say.

    Raises:
        ValueError: `legacy_prng_key` is "error".
    """
    if enable_custom_prng.value:
        warnings.warn(
            "Raw arrays as random keys to jax.random functions are deprecated. Assuming valid "
            f"{kind.impl} key for now.", FutureWarning, stacklevel=5,
        )  # fmt: skip
    message = (
        "Legacy uint32 key array passed as key to jax.random function. Please create keys using "
        "jax.random.key(). If use of a raw key array was intended, set "
        'jax_legacy_prng_key="allow".'
    )
    if legacy_prng_key.value == "error":
        raise ArgumentValueError(message)
    if legacy_prng_key.value == "warn":
        warnings.warn(message, stacklevel=5)


def checked_key(name: str, key: Any) -> Any:
    """A single key, of a key dtype.

    Raises:
        TypeError: it is no key.
        ValueError: it is an array of keys.
    """
    return _single(name, *typed(key))[0]


def refuse_many(name: str, key: Any) -> None:
    """Refuse an array of keys, under the name of a sampler that is made of others.

    Raises:
        ValueError: `key` is one.
    """
    if type(key) in HANDLES and len(key.type.shape) > (key.type.key is None):
        raise _many(name, key.type.shape)


def _single(name: str, keys: Any, raw: bool) -> tuple[Any, bool]:
    if keys.type.shape:
        raise _many(name, keys.type.words.shape if raw else keys.type.shape)
    return keys, raw


def _many(name: str, shape: tuple[int, ...]) -> ArgumentValueError:
    library = "jax." * config.jax_rules()
    return ArgumentValueError(
        f"{name} accepts a single key, but was given a key array of shape {shape} != ()."
        f" Use {library}vmap for batching."
    )


def split(key: ArrayLike, num: int | tuple[int, ...] = 2) -> Array:
    """`num` new keys from one; draw from those, and not from the old key again.

    Args:
        key: single key, or the uint32 words of one.
        num: how many, or the shape of an array of keys.

    Returns:
        Keys of shape `(num,)` or `num`; of words, uint32 words with one dimension more.

    Raises:
        TypeError: `key` is no key, or `num` no integers.
        ValueError: `key` is an array of keys: map over it by `vmap`.

    Example:
        >>> first, second = split(key(0))
        >>> split(key(0), (2, 3)).shape
        (2, 3)
        >>> split(PRNGKey(0), 3).shape
        (3, 2)
    """
    shape = shape_tuple("split", num)
    single, raw = _single("split", *typed(key))
    made = random_split(single, shape)
    return _words(made) if raw else made


def fold_in(key: ArrayLike, data: int | ArrayLike) -> Array:
    """New key from a key and an integer, such as the number of a step or of a device.

    Args:
        key: single key, or the uint32 words of one.
        data: integer scalar, taken modulo `2**32`; a Python integer has to be in that range.

    Returns:
        A key, or words, as `key` was.

    Raises:
        OverflowError: a Python integer is negative or has more than 32 bits.
        TypeError: `data` is no scalar, or `key` no key.
        ValueError: `key` is an array of keys.

    Example:
        >>> steps = np.arange(3)
        >>> keys = ms.vmap(fold_in, (None, 0))(key(0), steps)
        >>> (keys[1] == fold_in(key(0), 1)).item()
        True
    """
    single, raw = _single("fold_in", *typed(key))
    if isinstance(data, int):
        if not 0 <= data < 2**32:
            raise OverflowError(f"Python integer {data} out of bounds for uint32")
        word: Any = np.uint32(data)
    else:
        word = operand("fold_in", data)
        if typeof(word).ndim:
            raise ArgumentTypeError(
                "fold_in accepts a scalar, but was given an array of shape "
                f"{typeof(word).shape} != (). Use vmap for batching."
            )
        word = convert(word, UINT32)
    made = random_fold_in(single, word)
    return _words(made) if raw else made


def key_data(keys: ArrayLike) -> Array:
    """The uint32 words of keys, in a dimension behind theirs; words stay as they are.

    Args:
        keys: keys of any shape, or words.

    Returns:
        uint32 array `[..., 2]`, or `[..., 4]` for "rbg" and "unsafe_rbg": what to save to a file.

    Raises:
        TypeError: `keys` are neither keys nor words.

    Example:
        >>> key_data(key(7)).tolist()
        [0, 7]
    """
    found, _ = typed(keys)
    return _words(found)


def wrap_key_data(key_bits_array: ArrayLike, *, impl: Any = None, dtype: Any = None) -> Array:
    """Keys from their words; inverse of `key_data`.

    Args:
        key_bits_array: uint32 array `[..., 2]`, or `[..., 4]` for "rbg" and "unsafe_rbg".
        impl: name of the generator; by default `config.default_prng_impl`.
        dtype: the same as a dtype of keys; at most one of the two is given.

    Raises:
        TypeError: they are no uint32 array whose last dimension has the size of a key.
        ValueError: there is no such generator, or `impl` and `dtype` are both given.

    Example:
        >>> words = np.array([[0, 1], [0, 2]], np.uint32)
        >>> wrap_key_data(words).shape
        (2,)
    """
    kind = _one_of("wrap_key_data", impl, dtype)
    words = _checked_words(key_bits_array, kind)
    if current.interpreter is bottom and type(words) is not Array:
        words = bottom.operand(words)
    return _wrapped(words, kind)


def key_impl(keys: ArrayLike) -> str:
    """Name of the generator of keys.

    Args:
        keys: keys of any shape; words are taken as those of `config.default_prng_impl`.

    Raises:
        TypeError: `keys` are neither keys nor words.

    Example:
        >>> key_impl(key(0, impl="rbg"))
        'rbg'
    """
    return typed(keys)[0].type.key.impl


def clone(key: ArrayLike) -> Array:
    """The same keys again, for a use that `config.debug_key_reuse` shall not count.

    Args:
        key: keys of any shape, or words.

    Raises:
        TypeError: `key` is no key.

    Example:
        >>> k = key(0)
        >>> same = clone(k)  # numbers drawn by both are equal: wanted, here
        >>> (key_data(same) == key_data(k)).all().item()
        True
    """
    found, raw = typed(key)
    if current.interpreter is bottom:
        return as_handle(key) if raw else wrap(found.buffer)
    made = random_clone_p.bind(found)
    return _words(made) if raw else made
