"""Coins, integers, permutations and choices."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.dtypes import DEFAULTS, canonicalize_dtype, is_inexact, issubdtype, to_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import (
    intervals,
    joining,
    logic,
    manipulation,
    running,
    searching,
    sorting,
    taking,
)
from ms_func.numpy.axes import axis_index
from ms_func.numpy.filled import shape_tuple
from ms_func.numpy.fusion import run
from ms_func.numpy.promotion import ArrayLike, convert, operand
from ms_func.numpy.rounding import floor
from ms_func.primitives.keys import random_bits, random_split
from ms_func.primitives.sort import sort
from ms_func.random.keys import checked_key
from ms_func.random.placing import placed
from ms_func.random.uniform import (
    Shape,
    float_dtype,
    integer_dtype,
    joint_shape,
    randint,
    uniform,
    unit,
)


@placed
def bernoulli(
    key: ArrayLike, p: ArrayLike = 0.5, shape: Shape | None = None, mode: str = "low"
) -> Array:
    """Booleans that are True with probability `p`.

    Args:
        key: single key, not used for anything else.
        p: probability, floating; below 0 and for NaN never, above 1 always. No derivative passes.
        shape: of the result, which `p` broadcasts to; that of `p` by default.
        mode: "low" draws 23 bits (of float32), "high" 46, for very small `p`.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        TypeError: `p` is no float.
        ValueError: there is no such mode, or `p` does not broadcast to `shape`.

    Example:
        >>> from ms_func import random
        >>> random.bernoulli(random.key(0), np.array([0.0, 0.5, 1.0]), (2, 3))
        Array([[False, False,  True],
               [False, False,  True]], dtype=bool)
    """
    if mode not in ("low", "high"):
        raise ArgumentValueError(f"got mode={mode!r}, expected 'low' or 'high'")
    p = operand("bernoulli", p)
    kind = typeof(p).dtype
    if not is_inexact(kind) or kind.kind == "c":
        raise ArgumentTypeError(
            f"bernoulli probability `p` must have a floating dtype, got {kind.name}."
        )
    shape = joint_shape("bernoulli", shape, p)
    return run(_bernoulli, (checked_key("bernoulli", key), convert(p, kind)), shape, kind, mode)


def _bernoulli(key: Any, p: Any, shape: tuple[int, ...], kind: np.dtype, mode: str) -> Any:
    if mode == "low":
        return logic.less(unit(key, shape, kind), p)
    coarse, fine = joining.unstack(unit(key, (2, *shape), kind))
    step = float(ml_dtypes.finfo(kind).eps)
    return logic.less(ar.multiply(fine, step), ar.subtract(p, coarse))


@placed
def rademacher(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Signs: -1 or 1 with equal probability.

    Args:
        key: single key, not used for anything else.
        shape: of the result.
        dtype: any numeric one, int32 by default; unsigned ones wrap -1 to their greatest value.
        out_sharding: sharding of the result; left to the compiler by default.

    Example:
        >>> from ms_func import random
        >>> random.rademacher(random.key(0), (4,))
        Array([-1, -1,  1,  1], dtype=int32)
    """
    kind = DEFAULTS[int] if dtype is None else canonicalize_dtype(dtype)
    coins = convert(bernoulli(key, 0.5, shape_tuple("rademacher", shape)), kind)
    return convert(ar.subtract(ar.multiply(coins, 2), 1), kind)


@placed
def permutation(
    key: ArrayLike, x: int | ArrayLike, axis: int = 0, independent: bool = False
) -> Array:
    """`x` in random order along a dimension; an integer stands for `arange(x)`.

    Args:
        key: single key, not used for anything else.
        x: array, or a number of elements, which is known while tracing.
        axis: dimension; negative ones count from the end.
        independent: whether each vector along it gets an order of its own. Otherwise they move
            together, as rows of a table.
        out_sharding: sharding of the result; left to the compiler by default.

    Returns:
        Array of the shape and dtype of `x`; derivatives go with the elements.

    Raises:
        TypeError: `x` is a scalar and no integer.
        ValueError: there is no such dimension.

    Example:
        >>> from ms_func import random
        >>> random.permutation(random.key(0), 5)
        Array([0, 1, 4, 3, 2], dtype=int32)
        >>> table = np.array([[1, 10], [2, 20], [3, 30]])
        >>> random.permutation(random.key(3), table)
        Array([[ 1, 10],
               [ 3, 30],
               [ 2, 20]], dtype=int32)
    """
    key = checked_key("permutation", key)
    if not np.ndim(x):
        if not issubdtype(typeof(operand("permutation", x)).dtype, np.integer):
            raise ArgumentTypeError("x must be an integer or at least 1-dimensional")
        return run(_shuffled, (key, intervals.arange(x)), 0)
    x = operand("permutation", x)
    axis = axis_index(axis, typeof(x).ndim)
    plain = typeof(x).key is None  # keys are no operands of a sort
    if independent or (plain and typeof(x).ndim == 1):
        return run(_shuffled, (key, x), axis)
    order = run(_shuffled, (key, intervals.arange(typeof(x).shape[axis])), 0)
    return taking.take(x, order, axis, mode="clip")


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
        key: single key, not used for anything else.
        a: array, or a number of elements.
        shape: of the sample, in place of the dimension.
        replace: whether an element may be chosen again.
        p: probability of each element, `[n]`; equal by default. They are divided by their sum.
        axis: dimension.
        mode: precision of the draws without replacement by `p`, as for `gumbel`.

    Returns:
        Array of the dtype of `a` and its shape with `axis` replaced by `shape`.

    Raises:
        ValueError: the sample is larger than the population without replacement, there is nothing
            to choose from, or `p` does not fit.

    Example:
        >>> from ms_func import random
        >>> random.choice(random.key(0), np.array([10, 20, 30]), (2, 4))
        Array([[20, 10, 30, 20],
               [30, 10, 10, 30]], dtype=int32)
        >>> random.choice(random.key(0), 3, (4,), replace=False)
        Traceback (most recent call last):
            ...
        ms_func.errors.ArgumentValueError: ...
    """
    sizes = shape_tuple("choice", shape)
    draws = math.prod(sizes)
    population = operand("choice", a)
    axis = axis_index(axis, max(typeof(population).ndim, 1))
    n = int(a) if not np.ndim(a) else typeof(population).shape[axis]  # type: ignore[arg-type]
    if n <= 0 and draws:
        raise ArgumentValueError("a must be greater than 0 unless no samples are taken")
    if not replace and draws > n:
        raise ArgumentValueError(
            f"Cannot take a larger sample (size {draws}) than population (size {n}) when "
            "'replace=False'"
        )
    if p is not None and np.shape(p) != (n,):
        raise ArgumentValueError(
            f"p must be None or a 1D vector with the same size as a.shape[axis]; got {np.shape(p)}"
        )
    if p is None and not replace:
        mixed = permutation(key, a, axis)
        index: Any = (slice(None),) * axis + (slice(0, draws),)
        taken = mixed[index]
        rest = taken.shape[axis + 1 :]
        return manipulation.reshape(taken, (*taken.shape[:axis], *sizes, *rest))
    places = randint(key, sizes, 0, n) if p is None else _likely(key, p, sizes, replace, mode)
    if not np.ndim(a):
        return places
    return taking.take(population, places, axis, mode="clip")


def _likely(key: Any, p: Any, sizes: tuple[int, ...], replace: bool, mode: str | None) -> Any:
    """Places drawn with probabilities `p`; each one once at most without replacement."""
    if replace:
        total = running.cumsum(operand("choice", p), 0)
        u = uniform(key, sizes, to_inexact(total.dtype))
        places = sorting.searchsorted(total, ar.multiply(total[-1], ar.subtract(1, u)))
        return convert(places, DEFAULTS[int])
    noise = gumbel(key, np.shape(p), to_inexact(typeof(operand("choice", p)).dtype), mode)
    order = sorting.argsort(ar.add(noise, el.log(p)), descending=True)
    return manipulation.reshape(order[: math.prod(sizes)], sizes)


@placed
def categorical(
    key: ArrayLike, logits: ArrayLike, axis: int = -1, shape: Shape | None = None,
    replace: bool = True, mode: str | None = None,
) -> Array:  # fmt: skip
    """Random indices along a dimension, by unnormalised log probabilities.

    Index `i` has the probability `softmax(logits)[i]`; logits of -inf never come up. Drawn as the
    greatest of `logits + gumbel`, which needs no normalisation.

    Args:
        key: single key, not used for anything else.
        logits: log probabilities, floating, up to a constant for each distribution.
        axis: dimension of the categories.
        shape: of the result; its last dimensions are those of `logits` without `axis`, which is
            what the default is.
        replace: whether the samples of one distribution are independent. Without, the leading
            dimensions of `shape` hold different categories.
        mode: precision of the draws, as for `gumbel`.
        out_sharding: sharding of the result; left to the compiler by default.

    Returns:
        int32 array of shape `shape`.

    Raises:
        ValueError: `shape` does not end with the shape of the distributions, there are not
            enough categories without replacement, or the dtype is not floating.

    Reference:
        Kool, van Hoof, Welling, "Stochastic beams and where to find them", ICML 2019: the
        greatest `k` are a sample without replacement.

    Example:
        >>> from ms_func import random
        >>> logits = np.log(np.array([0.1, 0.0, 0.9]))
        >>> random.categorical(random.key(0), logits, shape=(8,))
        Array([0, 2, 2, 2, 2, 2, 2, 2], dtype=int32)
    """
    key, logits = checked_key("categorical", key), operand("categorical", logits)
    t = typeof(logits)
    float_dtype("categorical", t.dtype)
    axis = axis_index(axis, t.ndim)
    batch = t.shape[:axis] + t.shape[axis + 1 :]
    sizes = batch if shape is None else joint_shape("categorical", shape, np.empty(batch))
    prefix = sizes[: len(sizes) - len(batch)]
    if replace:
        row = [*sizes[len(prefix) :]]
        row.insert(axis, t.shape[axis])
        noise = gumbel(key, (*prefix, *row), t.dtype, mode)
        return searching.argmax(ar.add(noise, logits), axis - t.ndim)
    count = math.prod(prefix)
    if count > t.shape[axis]:
        raise ArgumentValueError(
            f"Number of samples without replacement ({count}) cannot exceed number of categories "
            f"({t.shape[axis]})."
        )
    noisy = manipulation.moveaxis(ar.add(logits, gumbel(key, t.shape, t.dtype, mode)), axis, -1)
    best = sorting.argsort(noisy, -1, descending=True)[..., :count]
    best = convert(best, np.dtype(np.int32))  # as `top_k` counts
    return manipulation.reshape(manipulation.moveaxis(best, -1, 0), (*prefix, *batch))


def convert_inexact(name: str, x: Any) -> Any:
    """`x` as floats."""
    x = operand(name, x)
    return convert(x, to_inexact(typeof(x).dtype))


@placed
def gumbel(key: ArrayLike, shape: Shape = (), dtype: Any = None, mode: str | None = None) -> Array:
    """Numbers of the standard Gumbel distribution, of density `exp(-x - exp(-x))`.

    Its mean is Euler's constant, 0.5772. The greatest of `logits + gumbel` is a sample of
    `softmax(logits)`.

    Args:
        key: single key, not used for anything else.
        shape: of the result.
        dtype: floating; float32 by default.
        mode: "low" (the default) draws one uniform number for each, "high" also samples the
            far tail exactly.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the dtype is not floating, or there is no such mode.

    Example:
        >>> from ms_func import random
        >>> x = random.gumbel(random.key(0), (3,))
        >>> print(np.array_str(x, precision=2))
        [ 2.92  3.83 -0.1 ]
    """
    kind = float_dtype("gumbel", dtype)
    if mode not in (None, "low", "high"):
        raise ArgumentValueError(f"Must provide valid mode for gumbel got: {mode}")
    return run(_gumbel, (checked_key("gumbel", key),), shape_tuple("gumbel", shape), kind, mode)


def _gumbel(key: Any, shape: tuple[int, ...], kind: np.dtype, mode: str | None) -> Any:
    info = ml_dtypes.finfo(kind)
    if mode == "high":
        high, low = joining.unstack(unit(key, (2, *shape), kind))
        fine = ar.add(ar.add(high, ar.multiply(low, float(info.eps))), float(info.tiny))
        total = searching.where(logic.greater_equal(high, 0.5), high, fine)
        return ar.negative(el.log(ar.negative(el.log1p(ar.negative(total)))))
    u = unit(key, shape, kind, float(info.tiny))
    return ar.negative(el.log(ar.negative(el.log(u))))


@placed
def geometric(key: ArrayLike, p: ArrayLike, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Number of trials up to and including the first success: `k >= 1` with `p * (1 - p)**(k - 1)`.

    Args:
        key: single key, not used for anything else.
        p: probability of success, in (0, 1]; not checked. No derivative passes.
        shape: of the result, which `p` broadcasts to; that of `p` by default.
        dtype: of the result, integer; int32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: `p` does not broadcast to `shape`, or the dtype is no integer.

    Example:
        >>> from ms_func import random
        >>> random.geometric(random.key(0), np.array([1.0, 0.5, 0.01]))
        Array([  1,   1, 110], dtype=int32)
    """
    kind = integer_dtype("geometric", dtype)
    shape = joint_shape("geometric", shape, p)
    p = convert_inexact("geometric", p)
    return run(_geometric, (checked_key("geometric", key), p), shape, kind)


def _geometric(key: Any, p: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    u = unit(key, shape, typeof(p).dtype)
    trials = ar.divide(el.log(u), el.log1p(ar.negative(p)))
    return convert(ar.add(floor(trials), 1.0), kind)
