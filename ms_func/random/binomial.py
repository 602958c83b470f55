"""The binomial and the multinomial distribution.

References:
    Devroye, "Non-Uniform Random Variate Generation", 1986, section X.4.3: waiting times, for
    few expected successes.
    Hoermann, "The generation of binomial random variates", Journal of Statistical Computation
    and Simulation 46, 1993, algorithm BTRS: transformed rejection, for many.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.control_flow.identities import stop_gradient
from ms_func.control_flow.scan import scan
from ms_func.control_flow.while_loop import while_loop
from ms_func.dtypes import canonicalize_dtype, issubdtype
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import logic, manipulation, reductions, reordering, running
from ms_func.numpy.creation import asarray
from ms_func.numpy.filled import shape_tuple
from ms_func.numpy.fusion import run, whole
from ms_func.numpy.promotion import ArrayLike, convert, fill, operand
from ms_func.numpy.rounding import ceil, floor
from ms_func.numpy.searching import where
from ms_func.primitives.keys import random_split
from ms_func.random.keys import checked_key, split
from ms_func.random.uniform import Shape, float_dtype, joint_shape, unit

_FEW = 10.0
"""Up to so many expected successes waiting times are added up."""


@whole(3)
def binomial(
    key: ArrayLike, n: ArrayLike, p: ArrayLike, shape: Shape | None = None, dtype: Any = None
) -> Array:
    """Numbers of successes in `n` trials that each succeed with probability `p`.

    Args:
        key: single key, not used for anything else.
        n: number of trials, not negative; NaN else.
        p: probability of success; NaN outside of [0, 1]. Neither has a derivative.
        shape: of the result; that of `n` and `p` broadcast by default.
        dtype: floating dtype of the result, float32 by default.

    Raises:
        ValueError: `shape` does not fit, or `dtype` is no floating dtype.

    Reference:
        Devroye, "Non-Uniform Random Variate Generation", 1986, section X.4.3, up to 10 expected
        successes; Hoermann, Journal of Statistical Computation and Simulation 46, 1993, above.

    Example:
        >>> from ms_func import random
        >>> random.binomial(random.key(0), 100, np.array([0.0, 0.01, 0.5, 2.0]))
        Array([ 0.,  0., 57., nan], dtype=float32)
    """
    kind = float_dtype("binomial", dtype)
    shape = joint_shape("binomial", shape, n, p)
    wide = kind if kind.itemsize > 2 else np.dtype(np.float32)  # waiting may not end in 8 bits
    n, p = (stop_gradient(convert(operand("binomial", v), wide)) for v in (n, p))
    return convert(run(_binomial, (checked_key("binomial", key), n, p), shape, wide), kind)


def _binomial(key: Any, n: Any, p: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    n, p = (manipulation.broadcast_to(v, shape) for v in (n, p))
    rare = logic.less(p, 0.5)
    q = where(rare, p, ar.subtract(1, p))
    endless = logic.isinf(n)
    many = logic.logical_and(logic.greater(ar.multiply(n, q), _FEW), logic.logical_not(endless))
    few = logic.logical_not(many)  # that is where loops end for parameters that mean nothing, too
    odd = logic.logical_or(logic.isnan(q), logic.less(q, 0))
    waited = _by_waiting(
        key,
        where(logic.logical_or(many, endless), 0.0, n),
        where(few, where(odd, 0.5, q), 0.5),
        kind,
    )
    drawn = _by_rejection(key, where(few, 1e4, n), where(few, 0.5, q), kind)
    count = where(few, waited, drawn)
    count = where(rare, count, ar.subtract(n, count))
    count = where(logic.logical_and(endless, logic.greater(p, 0)), n, count)
    bad = logic.logical_or(odd, logic.logical_or(logic.isnan(n), logic.less(n, 0)))
    return where(bad, np.asarray(math.nan, kind)[()], count)


def _by_waiting(key: Any, n: Any, q: Any, kind: np.dtype) -> Any:
    """How many geometric waiting times fit into `n` trials."""
    shape = typeof(n).shape
    log_failure = el.log1p(ar.negative(q))

    def step(state: Any) -> Any:
        key, count, total = state
        pair = random_split(key, (2,))
        count = where(logic.less_equal(total, n), ar.add(count, 1), count)
        wait = ceil(ar.divide(el.log(unit(pair[0], shape, kind)), log_failure))
        return pair[1], count, ar.add(total, wait)

    zeros = fill(0, ArrayType(shape, kind))
    _, count, _ = while_loop(
        lambda s: reductions.any(logic.less_equal(s[2], n)), step, (key, zeros, zeros)
    )
    return ar.subtract(count, 1)


def _by_rejection(key: Any, n: Any, q: Any, kind: np.dtype) -> Any:
    """Algorithm BTRS in every lane at once; its constants are those of the paper."""
    shape = typeof(n).shape
    deviation = el.sqrt(ar.multiply(ar.multiply(n, q), ar.subtract(1, q)))
    b = ar.add(1.15, ar.multiply(2.53, deviation))
    a = ar.add(ar.add(-0.0873, ar.multiply(0.0248, b)), ar.multiply(0.01, q))
    c = ar.add(ar.multiply(n, q), 0.5)
    quick = ar.subtract(0.92, ar.divide(4.2, b))
    odds = ar.divide(q, ar.subtract(1, q))
    alpha = ar.multiply(ar.add(2.83, ar.divide(5.1, b)), deviation)
    mode = floor(ar.multiply(ar.add(n, 1), q))

    def step(state: Any) -> Any:
        key, out, done = state
        three = random_split(key, (3,))
        u = ar.subtract(unit(three[1], shape, kind), 0.5)
        v = unit(three[2], shape, kind)
        us = ar.subtract(0.5, el.abs(u))
        steep = ar.add(ar.divide(ar.multiply(2, a), us), b)
        k = floor(ar.add(ar.multiply(steep, u), c))
        inside = logic.logical_and(logic.greater_equal(k, 0), logic.less_equal(k, n))
        at_once = logic.logical_and(logic.greater_equal(us, 0.07), logic.less_equal(v, quick))
        density = ar.add(ar.divide(a, ar.multiply(us, us)), b)
        v = el.log(ar.divide(ar.multiply(v, alpha), density))
        accept = logic.logical_or(
            at_once, logic.logical_and(inside, logic.less_equal(v, _bound(n, k, mode, odds)))
        )
        return three[0], where(accept, k, out), logic.logical_or(done, accept)

    start = key, fill(-1, ArrayType(shape, kind)), fill(False, ArrayType(shape, np.bool_))
    return while_loop(lambda s: reductions.any(logic.logical_not(s[2])), step, start)[1]


def _bound(n: Any, k: Any, mode: Any, odds: Any) -> Any:
    """Logarithm of the probability of `k` successes over that of the mode."""
    rest, rest_k = (ar.add(ar.subtract(n, v), 1) for v in (mode, k))
    terms = [
        ar.multiply(ar.add(mode, 0.5), el.log(ar.divide(ar.add(mode, 1), ar.multiply(odds, rest)))),
        ar.multiply(ar.add(n, 1), el.log(ar.divide(rest, rest_k))),
        ar.multiply(ar.add(k, 0.5), el.log(ar.divide(ar.multiply(odds, rest_k), ar.add(k, 1)))),
        _stirling_error(mode),
        _stirling_error(ar.subtract(n, mode)),
    ]
    total = terms[0]
    for term in terms[1:]:
        total = ar.add(total, term)
    return ar.subtract(ar.subtract(total, _stirling_error(k)), _stirling_error(ar.subtract(n, k)))


_EXACT = [
    math.lgamma(k + 1) - (k + 0.5) * math.log(k + 1) + (k + 1) - 0.5 * math.log(2 * math.pi)
    for k in range(10)
]


def _stirling_error(k: Any) -> Any:
    """Error of Stirling's formula for `log(k!)`: from a table below 10, by its series above."""
    table = asarray(np.asarray(_EXACT, typeof(k).dtype))
    small = logic.less(k, 10)
    square = ar.square(ar.add(k, 1))
    series = ar.subtract(1 / 360, ar.divide(1 / 1260, square))
    series = ar.divide(ar.subtract(1 / 12, ar.divide(series, square)), ar.add(k, 1))
    place = convert(ar.clip(where(small, k, 0), 0, 9), np.dtype(np.int32))
    return where(small, table[place], series)


@whole(3)
def multinomial(
    key: ArrayLike, n: ArrayLike, p: ArrayLike, *, shape: Shape | None = None, dtype: Any = None,
    unroll: int | bool = 1,
) -> Array:  # fmt: skip
    """How often each category comes up in `n` draws with probabilities `p`.

    Drawn category by category, each by `binomial` from those that are left.

    Args:
        key: single key, not used for anything else.
        n: number of draws; its dimensions broadcast with those of `p` without the last.
        p: `[..., k]`, probabilities that add up to 1 along the last dimension; other sums are
            divided out.
        shape: of the result, ending in `k`; by default that of `n` and `p` broadcast.
        dtype: dtype of the result, a floating one or of integers, float32 by default.
        unroll: steps of the loop over categories to lay out at once.

    Returns:
        Array `[..., k]`, whose sums along the last dimension are `n`.

    Raises:
        ValueError: `shape` does not fit, or `p` has no dimension.

    Example:
        >>> from ms_func import random
        >>> p = np.array([0.2, 0.3, 0.5])
        >>> ms.eval_shape(lambda k: random.multinomial(k, 10, p), random.key(0))
        ShapeDtypeStruct(shape=(3,), dtype=float32)
    """
    whole = dtype is not None and issubdtype(dtype, np.integer)
    kind = float_dtype("multinomial", None if whole else dtype)
    n, p = (convert(operand("multinomial", v), kind) for v in (n, p))
    t = typeof(p)
    if not t.ndim:
        raise ArgumentValueError("multinomial requires p of at least one dimension")
    key = checked_key("multinomial", key)
    lead = _leading(typeof(n).shape, t.shape, shape)
    p = manipulation.broadcast_to(p, (*lead, t.shape[-1]))
    left = reordering.flip(running.cumsum(reordering.flip(p, -1), -1), -1)
    ratios = ar.divide(p, where(logic.equal(left, 0), 1, left))

    def step(remaining: Any, row: Any) -> Any:
        ratio, key = row
        count = binomial(key, remaining, ar.clip(ratio, 0, 1), dtype=kind)
        return ar.subtract(remaining, count), count

    rows = manipulation.moveaxis(ratios, -1, 0), split(key, t.shape[-1])
    _, counts = scan(step, manipulation.broadcast_to(n, lead), rows, unroll=unroll)
    counts = manipulation.moveaxis(counts, 0, -1)
    return convert(counts, canonicalize_dtype(dtype)) if whole else counts


def _leading(n: tuple[int, ...], p: tuple[int, ...], shape: Shape | None) -> tuple[int, ...]:
    """Dimensions of a sample but the last, from the shapes of its parameters and the one wanted."""
    lead = manipulation.broadcast_shapes(n, p[:-1])
    if shape is None:
        return lead
    wanted = shape_tuple("multinomial", shape)
    fits = manipulation.broadcast_shapes(lead, wanted[:-1]) == wanted[:-1]
    if wanted[-1:] != p[-1:] or not fits:
        raise ArgumentValueError(
            f"multinomial parameter shapes must be broadcast-compatible with shape argument, "
            f"got n {n}, p {p} and shape {wanted}"
        )
    return wanted[:-1]
