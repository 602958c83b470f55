"""Arithmetic of arrays, with promotion and broadcasting, under NumPy's names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.control_flow.while_loop import while_loop
from ms_func.dtypes import is_inexact, issubdtype
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion, logic
from ms_func.numpy.promotion import (
    ArrayLike,
    as_handle,
    common_shape,
    convert,
    fill,
    inexact,
    lay,
    no_out,
    numbers,
    operand,
    promote,
    promote_inexact,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import compare, reduce
from ms_func.primitives import elementwise as el
from ms_func.primitives.families import literal

# --- arithmetic -----------------------------------------------------------------------


def add(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x + y`; logical or of booleans."""
    return ar.add_p.bind(*promote("add", x, y))


def subtract(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x - y`; not defined on booleans."""
    return ar.sub_p.bind(*promote("subtract", x, y))


def multiply(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x * y`; logical and of booleans."""
    return ar.mul_p.bind(*promote("multiply", x, y))


def divide(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise true division; integers become floats."""
    return ar.div_p.bind(*promote_inexact("divide", x, y))


true_divide = divide


def floor_divide(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise largest whole number not above `x / y`.

    Raises:
        TypeError: an operand is complex.
    """
    x, y = promote("floor_divide", *numbers("floor_divide", x, y))
    kind = typeof(x).dtype.kind
    if kind == "c":
        raise TypeError("floor_divide does not support complex-valued inputs")
    if kind == "u":
        return ar.div_p.bind(x, y)
    return fusion.run(_floor_divide, (x, y))


def _floor_divide(x: Any, y: Any) -> Any:
    if is_inexact(typeof(x).dtype):
        return _float_divmod(x, y)[0]
    quotient, left = ar.div_p.bind(x, y), ar.rem_p.bind(x, y)
    down = ar.bitwise_and(compare.ne(left, 0), compare.ne(el.sign(left), el.sign(y)))
    return compare.select(down, ar.sub(quotient, 1), quotient)


def remainder(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise remainder with the sign of `y`, as Python's `%`."""
    x, y = promote("remainder", *numbers("remainder", x, y))
    if typeof(x).dtype.kind == "u":
        return ar.rem_p.bind(x, y)
    return fusion.run(_remainder, (x, y))


def _remainder(x: Any, y: Any) -> Any:
    left = ar.rem_p.bind(x, y)
    wrong = ar.bitwise_xor(compare.lt(left, 0), compare.lt(y, 0))
    return compare.select(ar.bitwise_and(wrong, compare.ne(left, 0)), ar.add(left, y), left)


mod = remainder


def fmod(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise remainder with the sign of `x`, as C's `fmod`."""
    return ar.rem_p.bind(*promote("fmod", *numbers("fmod", x, y)))


def divmod(x: ArrayLike, y: ArrayLike, /) -> tuple[Array, Array]:
    """`floor_divide(x, y), remainder(x, y)`."""
    x, y = promote("divmod", *numbers("divmod", x, y))
    if is_inexact(typeof(x).dtype) and typeof(x).dtype.kind != "c":
        return fusion.run(_float_divmod, (x, y))
    return floor_divide(x, y), remainder(x, y)


def _float_divmod(x: Any, y: Any) -> tuple[Any, Any]:
    """Quotient and remainder that satisfy `q * y + r == x` as far as rounding allows."""
    left = ar.rem_p.bind(x, y)
    quotient = ar.div(ar.sub(x, left), y)
    wrong = ar.bitwise_and(compare.ne(left, 0), compare.ne(el.sign(left), el.sign(y)))
    left = compare.select(wrong, ar.add(left, y), left)
    quotient = compare.select(wrong, ar.sub(quotient, 1), quotient)
    return el.round(quotient, 1), left


def power(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x ** y`.

    A Python integer as exponent means repeated multiplication. Integers wrap around.

    Raises:
        TypeError: an integer is raised to a negative Python integer.
    """
    if type(y) is int:
        x = operand("power", x)
        dtype = typeof(x).dtype
        if dtype.kind == "b":
            x = convert(x, np.dtype(np.int32), True)
        elif y < 0 and not is_inexact(dtype):
            raise TypeError(f"Integers cannot be raised to negative powers, got power(x, {y})")
        return fill(1, typeof(x)) if y == 0 else ar.integer_pow(x, y)
    x, y = promote("power", *numbers("power", x, y))
    if is_inexact(typeof(x).dtype):
        return ar.pow_p.bind(x, y)
    return fusion.run(_integer_power, (x, y))


pow = power


def _integer_power(x: Any, y: Any) -> Any:
    """Square and multiply over the bits of `y`; 0 for negative exponents of |x| > 1 as div is."""
    dtype = typeof(x).dtype
    result = Literal(1, ArrayType((), dtype))
    bits = 8 * dtype.itemsize - (dtype.kind == "i")
    for k in range(bits):
        odd = compare.ne(ar.bitwise_and(ar.shift_right_logical(y, k), 1), 0)
        result = compare.select(odd, ar.mul_p.bind(result, x), result)
        if k + 1 < bits:
            x = ar.mul_p.bind(x, x)
    return result


def float_power(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x ** y` of floats; integers become floats first."""
    return ar.pow_p.bind(*promote_inexact("float_power", x, y))


def negative(x: ArrayLike, /) -> Array:
    """Elementwise `-x`."""
    return ar.neg_p.bind(operand("negative", x))


def positive(x: ArrayLike, /) -> Array:
    """`x` itself, as an array."""
    return as_handle(operand("positive", x))


def reciprocal(x: ArrayLike, /) -> Array:
    """Elementwise `1 / x`; integers become floats."""
    return el.reciprocal(inexact("reciprocal", x))


def square(x: ArrayLike, /) -> Array:
    """Elementwise `x * x`."""
    x = operand("square", x)
    return ar.mul_p.bind(x, x)


def maximum(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise maximum; NaN wins; complex numbers compare by real, then imaginary part."""
    x, y = promote("maximum", x, y)
    if typeof(x).dtype.kind == "c":
        return compare.select_p.bind(ar.or_p.bind(logic.greater(x, y), logic.isnan(x)), x, y)
    return ar.max_p.bind(x, y)


def minimum(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise minimum; NaN wins; complex numbers compare by real, then imaginary part."""
    x, y = promote("minimum", x, y)
    if typeof(x).dtype.kind == "c":
        return compare.select_p.bind(ar.or_p.bind(logic.less(x, y), logic.isnan(x)), x, y)
    return ar.min_p.bind(x, y)


def fmax(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise maximum that prefers a number to NaN."""
    x, y = promote("fmax", x, y)
    return compare.select_p.bind(ar.or_p.bind(logic.greater(x, y), logic.isnan(y)), x, y)


def fmin(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise minimum that prefers a number to NaN."""
    x, y = promote("fmin", x, y)
    return compare.select_p.bind(ar.or_p.bind(logic.less(x, y), logic.isnan(y)), x, y)


def clip(arr: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Array:
    """`arr` limited to `[min, max]`; either bound may be None.

    Raises:
        ValueError: an operand is complex.
    """
    arr = operand("clip", arr)
    if any(v is not None and typeof(v).dtype.kind == "c" for v in (arr, min, max)):
        raise ValueError(
            "Clip received a complex value either through the input or the min/max keywords. "
            "Complex values have no ordering and cannot be clipped."
        )
    if min is not None:
        arr = maximum(min, arr)
    if max is not None:
        arr = minimum(max, arr)
    return as_handle(arr)


def hypot(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `sqrt(x**2 + y**2)` without overflow.

    Raises:
        ValueError: an operand is complex.
    """
    x, y = promote_inexact("hypot", x, y)
    if typeof(x).dtype.kind == "c":
        raise ValueError("hypot does not support complex-valued inputs")
    return fusion.run(_hypot, (x, y))


def _hypot(x: Any, y: Any) -> Any:
    """The smaller over the larger, so that no square overflows."""
    x, y = el.abs(x), el.abs(y)
    big, small = ar.max_p.bind(x, y), ar.min_p.bind(x, y)
    safe = compare.select(ar.or_p.bind(compare.eq(big, 0.0), logic.isinf(big)), 1.0, big)
    ratio = ar.div(small, safe)
    length = ar.mul(big, el.sqrt(ar.add(ar.mul(ratio, ratio), 1.0)))
    infinite = ar.or_p.bind(logic.isinf(x), logic.isinf(y))
    return compare.select(infinite, math.inf, compare.select(compare.eq(big, 0.0), big, length))


def modf(x: ArrayLike, /, out: None = None) -> tuple[Array, Array]:
    """Fractional and integral parts, both with the sign of `x`."""
    no_out("modf", out)
    x = inexact("modf", x)
    whole = el.trunc(x)
    rest = compare.select(logic.isinf(x), literal(0, x), ar.sub_p.bind(x, whole))
    return rest, whole


def gcd(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise greatest common divisor of integers, by Euclid's algorithm.

    Raises:
        ValueError: an operand is no integer.
    """
    x, y = _integers("gcd", x, y)
    x, y = (v if typeof(v).dtype.kind == "u" else el.abs(v) for v in (x, y))
    shape = common_shape("gcd", [typeof(v).shape for v in (x, y)])
    x, y = (lay(v, shape, ()) if not typeof(v).shape else v for v in (x, y))

    def step(pair: Any) -> Any:
        a, b = pair
        done = compare.eq(b, 0)
        left = ar.rem_p.bind(a, compare.select(done, 1, b))
        return compare.select(done, a, b), compare.select(done, b, left)

    return while_loop(lambda p: _any(compare.ne(p[1], 0)), step, (x, y))[0]


def _any(mask: Any) -> Any:
    """Whether an element is true."""
    return reduce.reduce_or(mask, tuple(range(typeof(mask).ndim)))


def lcm(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise least common multiple of integers; 0 where either is 0.

    Raises:
        ValueError: an operand is no integer.
    """
    x, y = _integers("lcm", x, y)
    x, y = (v if typeof(v).dtype.kind == "u" else el.abs(v) for v in (x, y))
    divisor = gcd(x, y)
    safe = compare.select(compare.eq(divisor, 0), 1, divisor)
    return ar.mul_p.bind(*promote("lcm", x, ar.div_p.bind(*promote("lcm", y, safe))))


def _integers(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    x, y = promote(name, *numbers(name, x, y))
    if not issubdtype(typeof(x).dtype, np.integer):
        raise ValueError(f"Arguments to {name} must be integers.")
    return x, y
