"""Divisors and multiples of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.control_flow.while_loop import while_loop
from ms_func.dtypes import issubdtype
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion
from ms_func.numpy.promotion import (
    ArrayLike,
    common_shape,
    lay,
    numbers,
    promote,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import compare, modulo, reduce
from ms_func.primitives import elementwise as el


@fusion.whole(2)
def gcd(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Elementwise greatest common divisor of integers, by Euclid's algorithm.

    Args:
        x1: integers.
        x2: integers; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype, not negative; `gcd(0, 0)` is 0.

    Raises:
        ValueError: an operand holds no integers, or the shapes do not broadcast.

    Example:
        >>> np.gcd(np.array([12, -18, 0]), 30)
        Array([ 6,  6, 30], dtype=int32)
    """
    x, y = _integers("gcd", x1, x2)
    x, y = (v if typeof(v).dtype.kind == "u" else el.abs(v) for v in (x, y))
    shape = common_shape("gcd", [typeof(v).shape for v in (x, y)])
    x, y = (lay(v, shape, ()) if not typeof(v).shape else v for v in (x, y))

    def step(pair: Any) -> Any:
        a, b = pair
        done = compare.eq(b, 0)
        left = modulo.rem_p.bind(a, compare.select(done, 1, b))
        return compare.select(done, a, b), compare.select(done, b, left)

    return while_loop(lambda p: _any(compare.ne(p[1], 0)), step, (x, y))[0]


def _any(mask: Any) -> Any:
    """Whether an element is true."""
    return reduce.reduce_or(mask, tuple(range(typeof(mask).ndim)))


@fusion.whole(2)
def lcm(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Elementwise least common multiple of integers; 0 where either is 0.

    Args:
        x1: integers.
        x2: integers; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype, not negative. It wraps around where the dtype does not
        hold it.

    Raises:
        ValueError: an operand holds no integers, or the shapes do not broadcast.

    Example:
        >>> np.lcm(np.array([4, -6, 0]), 10)
        Array([20, 30,  0], dtype=int32)
    """
    x, y = _integers("lcm", x1, x2)
    x, y = (v if typeof(v).dtype.kind == "u" else el.abs(v) for v in (x, y))
    divisor = gcd(x, y)
    safe = compare.select(compare.eq(divisor, 0), 1, divisor)
    return ar.mul_p.bind(*promote("lcm", x, ar.div_p.bind(*promote("lcm", y, safe))))


def _integers(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    x, y = numbers(name, x, y)
    if not issubdtype(typeof(x).dtype, np.integer):
        raise ArgumentValueError(f"Arguments to {name} must be integers.")
    return x, y
