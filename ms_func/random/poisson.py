"""The Poisson distribution.

References:
    Knuth, "The Art of Computer Programming", volume 2, section 3.4.1: small rates.
    Hoermann, "The transformed rejection method for generating Poisson random variables",
    Insurance: Mathematics and Economics 12(1), 1993, algorithm PTRS: large rates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.control_flow.while_loop import while_loop
from ms_func.execution.array import Array
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import logic, manipulation, reductions
from ms_func.numpy.fusion import run
from ms_func.numpy.promotion import ArrayLike, convert, fill, operand
from ms_func.numpy.rounding import floor
from ms_func.numpy.searching import where
from ms_func.primitives.keys import random_split
from ms_func.primitives.special import lgamma
from ms_func.random.keys import checked_key
from ms_func.random.placing import placed
from ms_func.random.uniform import Shape, integer_dtype, joint_shape, unit

_FLOAT, _INT = np.dtype(np.float32), np.dtype(np.int32)
_LARGE = 10.0
"""Rates from here on are drawn by rejection."""


@placed
def poisson(key: ArrayLike, lam: ArrayLike, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Numbers of events that occur at a mean rate `lam`: `k` with `lam**k * exp(-lam) / k!`.

    Args:
        key: single key, not used for anything else.
        lam: rates, not negative; below 0 and for NaN the result is -1. No derivative passes.
        shape: of the result, which `lam` broadcasts to; by default, that of `lam`.
        dtype: of the result, integer; int32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: `lam` does not broadcast to `shape`, or the dtype holds no integers.

    Reference:
        Knuth, "The Art of Computer Programming", volume 2, section 3.4.1, below a rate of 10;
        Hoermann, Insurance: Mathematics and Economics 12(1), 1993, above.

    Example:
        >>> from ms_func import random
        >>> random.poisson(random.key(0), np.array([0.0, 1.0, 100.0]), (2, 3))
        Array([[  0,   0,  87],
               [  0,   0, 104]], dtype=int32)
    """
    kind = integer_dtype("poisson", dtype)
    shape = joint_shape("poisson", shape, lam)
    rate = convert(operand("poisson", lam), _FLOAT)
    return convert(run(_poisson, (checked_key("poisson", key), rate), shape), kind)


def _poisson(key: Any, rate: Any, shape: tuple[int, ...]) -> Any:
    rate = manipulation.broadcast_to(rate, shape)
    small = logic.logical_or(logic.isnan(rate), logic.less(rate, _LARGE))
    few = _counted(key, where(small, rate, 0.0))
    many = _rejected(key, where(small, 1e5, rate))
    return where(logic.equal(rate, 0), 0, where(small, few, many))


def _counted(key: Any, rate: Any) -> Any:
    """Uniform numbers multiplied until the product is below `exp(-rate)`."""
    shape = typeof(rate).shape
    low = ar.negative(rate)

    def step(state: Any) -> Any:
        key, count, total = state
        pair = random_split(key, (2,))
        count = where(logic.greater(total, low), ar.add(count, 1), count)
        return pair[0], count, ar.add(total, el.log(unit(pair[1], shape, _FLOAT)))

    start = key, fill(0, ArrayType(shape, _INT)), fill(0, ArrayType(shape, _FLOAT))
    _, count, _ = while_loop(lambda s: reductions.any(logic.greater(s[2], low)), step, start)
    return ar.subtract(count, 1)


def _rejected(key: Any, rate: Any) -> Any:
    """Algorithm PTRS in every lane at once; its constants are those of the paper."""
    shape = typeof(rate).shape
    log_rate = el.log(rate)
    b = ar.add(0.931, ar.multiply(2.53, el.sqrt(rate)))
    a = ar.add(-0.059, ar.multiply(0.02483, b))
    inverse = ar.add(1.1239, ar.divide(1.1328, ar.subtract(b, 3.4)))
    squeeze = ar.subtract(0.9277, ar.divide(3.6224, ar.subtract(b, 2.0)))

    def step(state: Any) -> Any:
        key, out, done = state
        three = random_split(key, (3,))
        u = ar.subtract(unit(three[1], shape, _FLOAT), 0.5)
        v = unit(three[2], shape, _FLOAT)
        us = ar.subtract(0.5, el.abs(u))
        scale = ar.add(ar.divide(ar.multiply(2.0, a), us), b)
        k = floor(ar.add(ar.add(ar.multiply(scale, u), rate), 0.43))
        ratio = ar.divide(ar.multiply(v, inverse), ar.add(ar.divide(a, ar.multiply(us, us)), b))
        likely = ar.subtract(ar.add(ar.negative(rate), ar.multiply(k, log_rate)),
                             lgamma(ar.add(k, 1.0)))  # fmt: skip
        quick = logic.logical_and(logic.greater_equal(us, 0.07), logic.less_equal(v, squeeze))
        thin = logic.logical_and(logic.less(us, 0.013), logic.greater(v, us))
        bad = logic.logical_or(logic.less(k, 0), thin)
        exact = logic.logical_and(logic.logical_not(bad), logic.less_equal(el.log(ratio), likely))
        accept = logic.logical_or(quick, exact)
        return three[0], where(accept, k, out), logic.logical_or(done, accept)

    start = key, fill(-1, ArrayType(shape, _FLOAT)), fill(False, ArrayType(shape, np.bool_))
    _, out, _ = while_loop(lambda s: reductions.any(logic.logical_not(s[2])), step, start)
    return convert(out, _INT)
