"""Random numbers as pure functions of keys.

The same key always gives the same numbers, on every backend and however arrays are split:
make new keys with `split` or `fold_in`. A key is a uint32 pair; `key` and `PRNGKey` make one
from a seed. Numbers agree with those of `jax.random` for its default generator.

Example:
    >>> key, sub = split(PRNGKey(0))
    >>> normal(sub, (3,)).shape
    (3,)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.dtypes import DEFAULTS, canonicalize_dtype, issubdtype, to_inexact
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import (
    arithmetic as ar,
)
from ms_func.numpy import (
    creation,
    logic,
    manipulation,
    reductions,
    searching,
    sorting,
)
from ms_func.numpy import (
    elementwise as el,
)
from ms_func.numpy.creation import shape_tuple
from ms_func.numpy.fusion import run
from ms_func.numpy.promotion import ArrayLike, convert, operand
from ms_func.primitives import cast
from ms_func.primitives import elementwise as pe
from ms_func.primitives.random_bits import random_bits, random_fold_in, random_split
from ms_func.primitives.sort import sort

__all__ = [
    "PRNGKey", "bernoulli", "bits", "categorical", "cauchy", "choice", "clone",
    "double_sided_maxwell", "exponential", "fold_in", "geometric", "gumbel", "key", "key_data",
    "key_impl", "laplace", "logistic", "lognormal", "maxwell", "normal", "pareto", "permutation",
    "rademacher", "randint", "rayleigh", "split", "triangular", "truncated_normal", "uniform",
    "wald", "weibull_min", "wrap_key_data",
]  # fmt: skip

Shape = Sequence[int] | int
_UINT32 = np.dtype(np.uint32)

# --- keys -----------------------------------------------------------------------------


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
        return creation.asarray(np.array(words, _UINT32))
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
    low = convert(seed, _UINT32)
    high = convert(logic.right_shift(seed, 32), _UINT32) if wide else ar.multiply(low, 0)
    return manipulation.stack([high, low])


def _checked(name: str, key: Any) -> Any:
    """A single key.

    Raises:
        TypeError: it is no key.
        ValueError: it is an array of keys.
    """
    key = operand(name, key)
    t = typeof(key)
    if t.dtype != _UINT32 or not t.shape or t.shape[-1] != 2:
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
    return random_split(_checked("split", key), shape)


def fold_in(key: ArrayLike, data: int | ArrayLike) -> Array:
    """New key from a key and an integer.

    Raises:
        OverflowError: a Python integer has more than 32 bits.
        TypeError: `data` is no integer scalar.
    """
    key = _checked("fold_in", key)
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
    return random_fold_in(key, convert(data, _UINT32))


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
    if words.dtype != _UINT32 or not words.shape or words.shape[-1] != 2:
        raise TypeError(f"keys are uint32 arrays whose last dimension has size 2, got {words.type}")
    return words


def key_impl(keys: ArrayLike) -> str:
    """Name of the generator of keys."""
    return "threefry2x32"


def clone(key: ArrayLike) -> Array:
    """The same key again."""
    return creation.copy(key)


# --- bits and uniform numbers ---------------------------------------------------------


def _float_dtype(name: str, dtype: Any, complex_too: bool = False) -> np.dtype:
    """Floating dtype of a sampler, float32 by default.

    Raises:
        ValueError: it is no floating dtype.
    """
    kind = DEFAULTS[float] if dtype is None else canonicalize_dtype(dtype)
    if not issubdtype(kind, np.inexact if complex_too else np.floating):
        raise ValueError(f"dtype argument to `{name}` must be a float dtype, got {kind.name}")
    return kind


def _joint_shape(name: str, shape: Any, *args: Any) -> tuple[int, ...]:
    """`shape`, or that of the broadcast arguments.

    Raises:
        ValueError: the arguments do not broadcast to `shape`.
    """
    own = manipulation.broadcast_shapes(*(np.shape(a) for a in args))
    if shape is None:
        return own
    found = shape_tuple(name, shape)
    if manipulation.broadcast_shapes(found, own) != found:
        raise ValueError(
            f"{name} parameter shapes must be broadcast-compatible with shape argument, and the "
            f"result of broadcasting the shapes must equal the shape argument, but got {own} and "
            f"{found}"
        )
    return found


def bits(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Uniform unsigned integers over all values of `dtype`, uint32 by default.

    Raises:
        ValueError: `dtype` is no unsigned integer.
    """
    kind = _UINT32 if dtype is None else canonicalize_dtype(dtype)
    if not issubdtype(kind, np.unsignedinteger):
        raise ValueError(f"dtype argument to `bits` must be an unsigned int dtype, got {kind.name}")
    return random_bits(_checked("bits", key), 8 * kind.itemsize, shape_tuple("bits", shape))


def uniform(
    key: ArrayLike, shape: Shape = (), dtype: Any = None, minval: ArrayLike = 0.0,
    maxval: ArrayLike = 1.0,
) -> Array:  # fmt: skip
    """Uniform numbers in `[minval, maxval)`."""
    kind = _float_dtype("uniform", dtype)
    shape = _joint_shape("uniform", shape, minval, maxval)
    key = _checked("uniform", key)
    bounds = [convert(operand("uniform", v), kind) for v in (minval, maxval)]
    return run(_uniform, (key, *bounds), shape, kind)


def _uniform(key: Any, minval: Any, maxval: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    """Random mantissas in [1, 2), shifted to [0, 1), scaled; rounding may not go below."""
    info = ml_dtypes.finfo(kind)
    width, mantissa = 8 * kind.itemsize, info.nmant
    drawn = 8 if mantissa < 8 else width
    uint = np.dtype(f"u{kind.itemsize}")
    words = convert(random_bits(key, drawn, shape), uint)
    words = logic.right_shift(words, np.asarray(drawn - mantissa, uint)[()])
    one = np.asarray(1, kind).view(uint)[()]
    floats = cast.bitcast_convert_type(logic.bitwise_or(words, one), kind)
    unit = ar.subtract(floats, np.asarray(1, kind)[()])
    return ar.maximum(minval, ar.add(ar.multiply(unit, ar.subtract(maxval, minval)), minval))


def _unit(key: Any, shape: tuple[int, ...], kind: np.dtype, low: float = 0.0) -> Any:
    """Uniform numbers in `[low, 1)` inside of another sampler."""
    return _uniform(key, np.asarray(low, kind)[()], np.asarray(1, kind)[()], shape, kind)


def randint(
    key: ArrayLike, shape: Shape, minval: ArrayLike, maxval: ArrayLike, dtype: Any = None
) -> Array:
    """Uniform integers in `[minval, maxval)`; all `minval` where the range is empty.

    Raises:
        TypeError: `dtype` or a bound is no integer.
    """
    kind = DEFAULTS[int] if dtype is None else canonicalize_dtype(dtype)
    if not issubdtype(kind, np.integer):
        raise TypeError(f"randint only accepts integer dtypes, got {kind.name}")
    minval, maxval = (v if type(v) is int else operand("randint", v) for v in (minval, maxval))
    for v in (minval, maxval):
        if type(v) is not int and not issubdtype(typeof(v).dtype, np.integer):
            raise TypeError(f"randint requires minval and maxval of an integer dtype, got {v!r}")
    shape = _joint_shape("randint", shape, minval, maxval)
    info = ml_dtypes.iinfo(kind)
    wide = kind if kind.itemsize >= 4 else DEFAULTS[int]
    low = _into(minval, wide, int(info.min), int(info.max))
    high = _into(maxval, wide, int(info.min), int(info.max) + (wide != kind))
    above = _beyond(maxval, int(info.max)) if wide == kind else np.bool_(False)
    out = run(_randint, (_checked("randint", key), low, high, above), shape, wide)
    return convert(out, kind)


def _beyond(v: Any, top: int) -> Any:
    """Whether a bound lies above the values of the dtype: the range then reaches its end."""
    if type(v) is int:
        return np.bool_(v > top)
    if np.iinfo(typeof(v).dtype).max <= top:
        return np.bool_(False)
    return logic.greater(v, top)


def _into(v: Any, kind: np.dtype, low: int, high: int) -> Any:
    """A bound moved into `[low, high]`, in the dtype of the computation."""
    if type(v) is int:
        return np.asarray(min(max(v, low), high), kind)[()]
    own = np.iinfo(typeof(v).dtype)
    return convert(ar.clip(v, max(low, own.min), min(high, own.max)), kind)


def _randint(
    key: Any, minval: Any, maxval: Any, above: Any, shape: tuple[int, ...], kind: np.dtype
) -> Any:
    """Two draws joined to a number of twice the width, modulo the size of the range."""
    width = 8 * kind.itemsize
    uint = np.dtype(f"u{kind.itemsize}")
    keys = random_split(key, (2,))
    high, low = random_bits(keys[0], width, shape), random_bits(keys[1], width, shape)
    span = convert(ar.subtract(maxval, minval), uint)
    span = searching.where(logic.less_equal(maxval, minval), np.ones((), uint)[()], span)
    wider = logic.logical_and(above, logic.greater(maxval, minval))
    span = searching.where(wider, ar.add(span, np.ones((), uint)[()]), span)
    half = np.asarray(1 << (width // 2), uint)[()]
    factor = ar.fmod(half, span)
    factor = ar.fmod(ar.multiply(factor, factor), span)
    offset = ar.add(ar.multiply(ar.fmod(high, span), factor), ar.fmod(low, span))
    return ar.add(minval, convert(ar.fmod(offset, span), kind))


# --- normal numbers -------------------------------------------------------------------


def normal(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Normal numbers of mean 0 and variance 1; complex ones have independent parts."""
    kind = _float_dtype("normal", dtype, complex_too=True)
    return run(_normal, (_checked("normal", key),), shape_tuple("normal", shape), kind)


def _normal(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    if kind.kind == "c":
        part = np.dtype(f"f{kind.itemsize // 2}")
        keys = random_split(key, (2,))
        real, imag = (_normal(keys[i], shape, part) for i in range(2))
        return ar.divide(cast.complex(real, imag), np.asarray(math.sqrt(2), kind)[()])
    low = np.nextafter(np.asarray(-1, kind), np.asarray(0, kind))
    u = _uniform(key, low[()], np.asarray(1, kind)[()], shape, kind)
    return ar.multiply(np.asarray(math.sqrt(2), kind)[()], pe.erf_inv(u))


def truncated_normal(
    key: ArrayLike, lower: ArrayLike, upper: ArrayLike, shape: Shape | None = None,
    dtype: Any = None,
) -> Array:  # fmt: skip
    """Normal numbers between `lower` and `upper`."""
    kind = _float_dtype("truncated_normal", dtype)
    shape = _joint_shape("truncated_normal", shape, lower, upper)
    bounds = [convert(operand("truncated_normal", v), kind) for v in (lower, upper)]
    return run(_truncated, (_checked("truncated_normal", key), *bounds), shape, kind)


def _truncated(key: Any, lower: Any, upper: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    root = np.asarray(math.sqrt(2), kind)[()]
    a, b = (pe.erf(ar.divide(v, root)) for v in (lower, upper))
    out = ar.multiply(root, pe.erf_inv(_uniform(key, a, b, shape, kind)))
    inner = el.nextafter(lower, np.asarray(math.inf, kind)[()])
    outer = el.nextafter(upper, np.asarray(-math.inf, kind)[()])
    return ar.minimum(ar.maximum(out, inner), outer)


def lognormal(
    key: ArrayLike, sigma: ArrayLike = 1.0, shape: Shape | None = None, dtype: Any = None
) -> Array:
    """Exponentials of normal numbers of standard deviation `sigma`."""
    kind = _float_dtype("lognormal", dtype)
    shape = _joint_shape("lognormal", shape, sigma)
    sigma = convert(operand("lognormal", sigma), kind)
    return el.exp(ar.multiply(normal(key, shape, kind), sigma))


# --- choices --------------------------------------------------------------------------


def bernoulli(
    key: ArrayLike, p: ArrayLike = 0.5, shape: Shape | None = None, mode: str = "low"
) -> Array:
    """True with probability `p`.

    Args:
        key: key.
        p: probability.
        shape: of the result; that of `p` by default.
        mode: "low" draws 23 bits (of float32), "high" 46, for very small `p`.

    Raises:
        TypeError: `p` is no float.
        ValueError: there is no such mode.
    """
    if mode not in ("low", "high"):
        raise ValueError(f"got mode={mode!r}, expected 'low' or 'high'")
    p = operand("bernoulli", p)
    kind = to_inexact(typeof(p).dtype)
    if kind.kind == "c":
        raise TypeError(f"bernoulli probability `p` must have a floating dtype, got {kind.name}.")
    shape = _joint_shape("bernoulli", shape, p)
    return run(_bernoulli, (_checked("bernoulli", key), convert(p, kind)), shape, kind, mode)


def _bernoulli(key: Any, p: Any, shape: tuple[int, ...], kind: np.dtype, mode: str) -> Any:
    if mode == "low":
        return logic.less(_unit(key, shape, kind), p)
    coarse, fine = manipulation.unstack(_unit(key, (2, *shape), kind))
    step = float(ml_dtypes.finfo(kind).eps)
    return logic.less(ar.multiply(fine, step), ar.subtract(p, coarse))


def rademacher(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """-1 or 1 with equal probability, int32 by default."""
    kind = DEFAULTS[int] if dtype is None else canonicalize_dtype(dtype)
    coins = convert(bernoulli(key, 0.5, shape_tuple("rademacher", shape)), kind)
    return ar.subtract(ar.multiply(coins, 2), 1)


def permutation(
    key: ArrayLike, x: int | ArrayLike, axis: int = 0, independent: bool = False
) -> Array:
    """`x` in random order along a dimension; an integer stands for `arange(x)`.

    Args:
        key: key.
        x: array, or a number of elements.
        axis: dimension.
        independent: whether each vector along it gets an order of its own.
    """
    key = _checked("permutation", key)
    if not np.ndim(x):
        if not issubdtype(typeof(operand("permutation", x)).dtype, np.integer):
            raise TypeError("x must be an integer or at least 1-dimensional")
        return run(_shuffled, (key, creation.arange(x)), 0)
    x = operand("permutation", x)
    axis = manipulation.axis_index(axis, typeof(x).ndim)
    if independent or typeof(x).ndim == 1:
        return run(_shuffled, (key, x), axis)
    order = run(_shuffled, (key, creation.arange(typeof(x).shape[axis])), 0)
    return searching.take(x, order, axis, mode="clip")


def _shuffled(key: Any, x: Any, axis: int) -> Any:
    """Sort by random 32-bit numbers, often enough that ties hardly matter."""
    size = max(1, typeof(x).size)
    rounds = math.ceil(3 * math.log(size) / math.log(2**32 - 1))
    for _ in range(rounds):
        keys = random_split(key, (2,))
        key, weights = keys[0], random_bits(keys[1], 32, typeof(x).shape)
        x = sort((weights, x), dimension=axis, is_stable=True, num_keys=1)[1]
    return x


def choice(
    key: ArrayLike, a: int | ArrayLike, shape: Shape = (), replace: bool = True,
    p: ArrayLike | None = None, axis: int = 0, mode: str | None = None,
) -> Array:  # fmt: skip
    """Random elements of `a` along a dimension; an integer stands for `arange(a)`.

    Args:
        key: key.
        a: array, or a number of elements.
        shape: of the sample, in place of the dimension.
        replace: whether an element may be chosen again.
        p: probability of each element; equal by default.
        axis: dimension.
        mode: precision of the draws, as for `gumbel`.

    Raises:
        ValueError: the sample is larger than the population without replacement, or `p` does
            not fit.
    """
    sizes = shape_tuple("choice", shape)
    draws = math.prod(sizes)
    population = operand("choice", a)
    axis = manipulation.axis_index(axis, max(typeof(population).ndim, 1))
    n = int(a) if not np.ndim(a) else typeof(population).shape[axis]  # type: ignore[arg-type]
    if n <= 0 and draws:
        raise ValueError("a must be greater than 0 unless no samples are taken")
    if not replace and draws > n:
        raise ValueError(
            f"Cannot take a larger sample (size {draws}) than population (size {n}) when "
            "'replace=False'"
        )
    if p is not None and np.shape(p) != (n,):
        raise ValueError(
            f"p must be None or a 1D vector with the same size as a.shape[axis]; got {np.shape(p)}"
        )
    if p is None and not replace:
        mixed = permutation(key, a, axis)
        index: Any = (slice(None),) * axis + (slice(0, draws),)
        taken = mixed[index]
        rest = taken.shape[axis + 1 :]
        return manipulation.reshape(taken, (*taken.shape[:axis], *sizes, *rest))
    if p is None:
        places = randint(key, sizes, 0, n)
    elif replace:
        total = reductions.cumsum(operand("choice", p), 0)
        u = uniform(key, sizes, to_inexact(total.dtype))
        places = sorting.searchsorted(total, ar.multiply(total[-1], ar.subtract(1, u)))
    else:
        scores = ar.add(gumbel(key, (n,), to_inexact(typeof(operand("choice", p)).dtype), mode),
                        el.log(p))  # fmt: skip
        places = manipulation.reshape(sorting.argsort(scores, descending=True)[:draws], sizes)
    if not np.ndim(a):
        return places
    return searching.take(population, places, axis, mode="clip")


def categorical(
    key: ArrayLike, logits: ArrayLike, axis: int = -1, shape: Shape | None = None,
    replace: bool = True, mode: str | None = None,
) -> Array:  # fmt: skip
    """Random indices along a dimension, by unnormalised log probabilities.

    Args:
        key: key.
        logits: log probabilities, up to a constant for each distribution.
        axis: dimension of the categories.
        shape: of the result; its last dimensions are those of `logits` without `axis`.
        replace: whether the samples of one distribution are independent.
        mode: precision of the draws, as for `gumbel`.

    Raises:
        ValueError: `shape` does not end with the shape of the distributions, or there are not
            enough categories without replacement.
    """
    key, logits = _checked("categorical", key), convert_inexact("categorical", logits)
    t = typeof(logits)
    axis = manipulation.axis_index(axis, t.ndim)
    batch = t.shape[:axis] + t.shape[axis + 1 :]
    sizes = batch if shape is None else _joint_shape("categorical", shape, np.empty(batch))
    prefix = sizes[: len(sizes) - len(batch)]
    if replace:
        row = [*sizes[len(prefix) :]]
        row.insert(axis, t.shape[axis])
        noise = gumbel(key, (*prefix, *row), t.dtype, mode)
        return searching.argmax(ar.add(noise, logits), axis - t.ndim)
    count = math.prod(prefix)
    if count > t.shape[axis]:
        raise ValueError(
            f"Number of samples without replacement ({count}) cannot exceed number of categories "
            f"({t.shape[axis]})."
        )
    noisy = manipulation.moveaxis(ar.add(logits, gumbel(key, t.shape, t.dtype, mode)), axis, -1)
    best = sorting.argsort(noisy, -1, descending=True)[..., :count]
    return manipulation.reshape(manipulation.moveaxis(best, -1, 0), (*prefix, *batch))


def convert_inexact(name: str, x: Any) -> Any:
    """`x` as floats."""
    x = operand(name, x)
    return convert(x, to_inexact(typeof(x).dtype))


# --- other distributions --------------------------------------------------------------


def gumbel(key: ArrayLike, shape: Shape = (), dtype: Any = None, mode: str | None = None) -> Array:
    """Numbers of the standard Gumbel distribution.

    Args:
        key: key.
        shape: of the result.
        dtype: floating dtype.
        mode: "low" (the default) draws one uniform number for each, "high" also samples the
            far tail exactly.
    """
    kind = _float_dtype("gumbel", dtype)
    if mode not in (None, "low", "high"):
        raise ValueError(f"Must provide valid mode for gumbel got: {mode}")
    return run(_gumbel, (_checked("gumbel", key),), shape_tuple("gumbel", shape), kind, mode)


def _gumbel(key: Any, shape: tuple[int, ...], kind: np.dtype, mode: str | None) -> Any:
    info = ml_dtypes.finfo(kind)
    if mode == "high":
        high, low = manipulation.unstack(_unit(key, (2, *shape), kind))
        fine = ar.add(ar.add(high, ar.multiply(low, float(info.eps))), float(info.tiny))
        total = searching.where(logic.greater_equal(high, 0.5), high, fine)
        return ar.negative(el.log(ar.negative(el.log1p(ar.negative(total)))))
    u = _unit(key, shape, kind, float(info.tiny))
    return ar.negative(el.log(ar.negative(el.log(u))))


def exponential(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Exponentially distributed numbers of mean 1."""
    kind = _float_dtype("exponential", dtype)
    return run(_exponential, (_checked("exponential", key),), shape_tuple("e", shape), kind)


def _exponential(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    return ar.negative(el.log1p(ar.negative(_unit(key, shape, kind))))


def laplace(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Numbers of the standard Laplace distribution."""
    kind = _float_dtype("laplace", dtype)
    return run(_laplace, (_checked("laplace", key),), shape_tuple("laplace", shape), kind)


def _laplace(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    u = _unit(key, shape, kind, -1 + float(ml_dtypes.finfo(kind).epsneg))
    return ar.multiply(el.sign(u), el.log1p(ar.negative(el.abs(u))))


def logistic(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Numbers of the standard logistic distribution."""
    kind = _float_dtype("logistic", dtype)
    return run(_logistic, (_checked("logistic", key),), shape_tuple("logistic", shape), kind)


def _logistic(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    u = _unit(key, shape, kind, float(ml_dtypes.finfo(kind).tiny))
    return ar.subtract(el.log(u), el.log1p(ar.negative(u)))


def cauchy(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Numbers of the standard Cauchy distribution."""
    kind = _float_dtype("cauchy", dtype)
    return run(_cauchy, (_checked("cauchy", key),), shape_tuple("cauchy", shape), kind)


def _cauchy(key: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    u = _unit(key, shape, kind, float(ml_dtypes.finfo(kind).eps))
    return el.tan(ar.multiply(math.pi, ar.subtract(u, 0.5)))


def rayleigh(
    key: ArrayLike, scale: ArrayLike, shape: Shape | None = None, dtype: Any = None
) -> Array:
    """Lengths of normal vectors of two components of standard deviation `scale`."""
    kind = _float_dtype("rayleigh", dtype)
    shape = _joint_shape("rayleigh", shape, scale)
    scale = convert(operand("rayleigh", scale), kind)
    return run(_rayleigh, (_checked("rayleigh", key), scale), shape, kind)


def _rayleigh(key: Any, scale: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    return ar.multiply(scale, el.sqrt(ar.multiply(el.log(_unit(key, shape, kind)), -2.0)))


def pareto(key: ArrayLike, b: ArrayLike, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Numbers of the Pareto distribution with density `b / x ** (b + 1)` above 1."""
    kind = _float_dtype("pareto", dtype)
    shape = _joint_shape("pareto", shape, b)
    return el.exp(ar.divide(exponential(key, shape, kind), convert(operand("pareto", b), kind)))


def weibull_min(
    key: ArrayLike, scale: ArrayLike, concentration: ArrayLike, shape: Shape = (),
    dtype: Any = None,
) -> Array:  # fmt: skip
    """Numbers of the Weibull distribution."""
    kind = _float_dtype("weibull_min", dtype)
    drawn = exponential(key, shape, kind)
    exponent = ar.divide(1, convert(operand("weibull_min", concentration), kind))
    return ar.multiply(ar.power(drawn, exponent), convert(operand("weibull_min", scale), kind))


def maxwell(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Lengths of standard normal vectors of three components."""
    kind = _float_dtype("maxwell", dtype)
    vectors = normal(key, (*shape_tuple("maxwell", shape), 3), kind)
    return el.sqrt(reductions.sum(ar.square(vectors), -1))


def double_sided_maxwell(
    key: ArrayLike, loc: ArrayLike, scale: ArrayLike, shape: Shape = (), dtype: Any = None
) -> Array:
    """`loc + scale` times a Maxwell number with a random sign."""
    kind = _float_dtype("double_sided_maxwell", dtype)
    own = manipulation.broadcast_shapes(np.shape(loc), np.shape(scale))
    sizes = (*shape_tuple("double_sided_maxwell", shape), *own)
    keys = split(key)
    length = maxwell(keys[0], sizes, kind)
    turned = ar.multiply(rademacher(keys[1], sizes, kind), length)
    loc, scale = (convert(operand("double_sided_maxwell", v), kind) for v in (loc, scale))
    return ar.add(ar.multiply(turned, scale), loc)


def triangular(
    key: ArrayLike, left: ArrayLike, mode: ArrayLike, right: ArrayLike,
    shape: Shape | None = None, dtype: Any = None,
) -> Array:  # fmt: skip
    """Numbers whose density rises from `left` to `mode` and falls to `right`."""
    kind = _float_dtype("triangular", dtype)
    shape = _joint_shape("triangular", shape, left, mode, right)
    points = [convert(operand("triangular", v), kind) for v in (left, mode, right)]
    return run(_triangular, (_checked("triangular", key), *points), shape, kind)


def _triangular(
    key: Any, left: Any, mode: Any, right: Any, shape: tuple[int, ...], kind: np.dtype
) -> Any:
    u = _unit(key, shape, kind)
    width, rise, fall = (ar.subtract(a, b) for a, b in ((right, left), (mode, left), (right, mode)))
    low = ar.add(left, el.sqrt(ar.multiply(ar.multiply(u, width), rise)))
    rest = ar.multiply(ar.multiply(ar.subtract(1, u), width), fall)
    return searching.where(logic.less(u, ar.divide(rise, width)), low,
                           ar.subtract(right, el.sqrt(rest)))  # fmt: skip


def geometric(key: ArrayLike, p: ArrayLike, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Number of trials of probability `p` up to the first success, int32 by default."""
    kind = DEFAULTS[int] if dtype is None else canonicalize_dtype(dtype)
    shape = _joint_shape("geometric", shape, p)
    p = convert_inexact("geometric", p)
    return run(_geometric, (_checked("geometric", key), p), shape, kind)


def _geometric(key: Any, p: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    u = _unit(key, shape, typeof(p).dtype)
    trials = ar.divide(el.log(u), el.log1p(ar.negative(p)))
    return convert(ar.add(el.floor(trials), 1.0), kind)


def wald(key: ArrayLike, mean: ArrayLike, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Numbers of the inverse Gaussian distribution of shape 1.

    Reference:
        Michael, Schucany, Haas, "Generating random variates using transformations with
        multiple roots", The American Statistician 30(2), 1976.
    """
    kind = _float_dtype("wald", dtype)
    shape = _joint_shape("wald", shape, mean)
    mean = convert(operand("wald", mean), kind)
    return run(_wald, (_checked("wald", key), mean), shape, kind)


def _wald(key: Any, mean: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    keys = random_split(key, (2,))
    v, z = _normal(keys[0], shape, kind), _unit(keys[1], shape, kind)
    y = ar.square(v)
    m2 = ar.square(mean)
    root = el.sqrt(ar.add(ar.multiply(ar.multiply(4.0, mean), y), ar.multiply(m2, ar.square(y))))
    half = ar.divide(mean, 2.0)
    x = ar.subtract(ar.add(mean, ar.divide(ar.multiply(m2, y), 2.0)), ar.multiply(half, root))
    test = logic.less_equal(z, ar.divide(mean, ar.add(mean, x)))
    return searching.where(test, x, ar.divide(m2, x))
