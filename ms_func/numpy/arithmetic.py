"""Arithmetic of arrays, with promotion and broadcasting, under NumPy's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.control_flow.while_loop import while_loop
from ms_func.dtypes import is_inexact, issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
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
from ms_func.primitives import bits, compare, modulo, powers, reduce, rounding
from ms_func.primitives import elementwise as el
from ms_func.primitives.complex_forms import hypotenuse, with_sign
from ms_func.primitives.families import literal

# --- arithmetic -----------------------------------------------------------------------


@fusion.two
def add(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x + y`; logical or of booleans."""
    return ar.add_p.bind(*promote("add", x, y))


@fusion.two
def subtract(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x - y`; not defined on booleans."""
    return ar.sub_p.bind(*promote("subtract", x, y))


@fusion.two
def multiply(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x * y`; logical and of booleans."""
    return ar.mul_p.bind(*promote("multiply", x, y))


@fusion.two
def divide(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise true division; integers become floats."""
    return ar.div_p.bind(*promote_inexact("divide", x, y))


true_divide = divide


@fusion.two
def floor_divide(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise largest whole number not above `x / y`.

    Raises:
        TypeError: an operand is complex.
    """
    x, y = numbers("floor_divide", x, y)
    if typeof(x).dtype.kind == "c":
        raise ArgumentTypeError("floor_divide does not support complex-valued inputs")
    return modulo.floor_div_p.bind(x, y)


@fusion.two
def remainder(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise remainder with the sign of `y`, as Python's `%`; 0 where an integer `y` is 0.

    Raises:
        TypeError: an operand is complex.
    """
    return modulo.mod_p.bind(*_divisible(*numbers("remainder", x, y)))


def _divisible(x: Any, y: Any) -> tuple[Any, Any]:
    """`x` and `y` with 1 for an integer `y` of 0, which leaves no remainder."""
    if is_inexact(typeof(y).dtype) or (type(y) is Literal and y.value):
        return x, y
    return x, compare.select(compare.eq(y, 0), literal(1, y), y)


mod = remainder


@fusion.two
def fmod(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise remainder with the sign of `x`, as C's `fmod`; 0 where an integer `y` is 0."""
    return modulo.rem_p.bind(*_divisible(*numbers("fmod", x, y)))


@fusion.two
def divmod(x: ArrayLike, y: ArrayLike, /) -> tuple[Array, Array]:
    """`floor_divide(x, y), remainder(x, y)`."""
    return floor_divide(x, y), remainder(x, y)


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
            raise ArgumentTypeError(
                f"Integers cannot be raised to negative powers, got power(x, {y})"
            )
        return fill(1, typeof(x)) if y == 0 else powers.integer_pow(x, y)
    return _power(x, y)


pow = power


@fusion.two
def _power(x: Any, y: Any) -> Any:
    x, y = numbers("power", x, y)
    return powers.pow_p.bind(x, y) if is_inexact(typeof(x).dtype) else _integer_power(x, y)


def _integer_power(x: Any, y: Any) -> Any:
    """Square and multiply over the bits of `y`; 0 for negative exponents of |x| > 1 as div is."""
    dtype = typeof(x).dtype
    result = Literal(1, ArrayType((), dtype))
    digits = 8 * dtype.itemsize - (dtype.kind == "i")
    for k in range(digits):
        odd = compare.ne(bits.bitwise_and(bits.shift_right_logical(y, k), 1), 0)
        result = compare.select(odd, ar.mul_p.bind(result, x), result)
        if k + 1 < digits:
            x = ar.mul_p.bind(x, x)
    return result


@fusion.two
def float_power(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x ** y` of floats; integers become floats first."""
    return powers.pow_p.bind(*promote_inexact("float_power", x, y))


@fusion.one
def negative(x: ArrayLike, /) -> Array:
    """Elementwise `-x`."""
    return ar.neg_p.bind(operand("negative", x))


def positive(x: ArrayLike, /) -> Array:
    """`x` itself, as an array."""
    return as_handle(operand("positive", x))


@fusion.one
def reciprocal(x: ArrayLike, /) -> Array:
    """Elementwise `1 / x`; integers become floats."""
    return el.reciprocal(inexact("reciprocal", x))


@fusion.one
def square(x: ArrayLike, /) -> Array:
    """Elementwise `x * x`."""
    x = operand("square", x)
    if typeof(x).dtype.kind == "b":
        x = convert(x, np.dtype(np.int32))
    return ar.mul_p.bind(x, x)


@fusion.two
def maximum(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise maximum; NaN wins; complex numbers compare by real, then imaginary part."""
    return ar.max_p.bind(*promote("maximum", x, y))


@fusion.two
def minimum(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise minimum; NaN wins; complex numbers compare by real, then imaginary part."""
    return ar.min_p.bind(*promote("minimum", x, y))


@fusion.whole(2)
def fmax(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Elementwise maximum that prefers a number to NaN."""
    x, y = promote("fmax", x1, x2)
    return compare.select_p.bind(bits.or_p.bind(logic.greater(x, y), logic.isnan(y)), x, y)


@fusion.whole(2)
def fmin(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Elementwise minimum that prefers a number to NaN."""
    x, y = promote("fmin", x1, x2)
    return compare.select_p.bind(bits.or_p.bind(logic.less(x, y), logic.isnan(y)), x, y)


@fusion.whole(3)
def clip(arr: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Array:
    """`arr` limited to `[min, max]`; either bound may be None.

    Raises:
        ValueError: an operand is complex.
    """
    arr = operand("clip", arr)
    if any(v is not None and typeof(v).dtype.kind == "c" for v in (arr, min, max)):
        raise ArgumentValueError(
            "Clip received a complex value either through the input or the min/max keywords. "
            "Complex values have no ordering and cannot be clipped."
        )
    if min is not None:
        arr = maximum(min, arr)
    if max is not None:
        arr = minimum(max, arr)
    return as_handle(arr)


@fusion.two
def hypot(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `sqrt(x**2 + y**2)` without overflow.

    Raises:
        ValueError: an operand is complex.
    """
    x, y = promote_inexact("hypot", x, y)
    if typeof(x).dtype.kind == "c":
        raise ArgumentValueError("hypot does not support complex-valued inputs")
    return fusion.run(_hypot, (x, y))


def _hypot(x: Any, y: Any) -> Any:
    """The smaller over the larger, so that no square overflows."""
    return hypotenuse(el.abs(x), el.abs(y))


@fusion.whole(1)
def modf(x: ArrayLike, /, out: None = None) -> tuple[Array, Array]:
    """Fractional and integral parts, both with the sign of `x`."""
    no_out("modf", out)
    x = inexact("modf", x)
    rest = modulo.rem_p.bind(x, literal(1, x))
    return compare.select(logic.isinf(x), with_sign(literal(0, x), x), rest), rounding.trunc(x)


@fusion.whole(2)
def gcd(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Elementwise greatest common divisor of integers, by Euclid's algorithm.

    Raises:
        ValueError: an operand is no integer.
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

    Raises:
        ValueError: an operand is no integer.
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
