"""Arithmetic of arrays, with promotion and broadcasting, under NumPy's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func import config
from ms_func.dtypes import is_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.function import Literal
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion, logic
from ms_func.numpy.promotion import (
    ArrayLike,
    as_handle,
    convert,
    fill,
    inexact,
    no_out,
    numbers,
    operand,
    promote,
    promote_inexact,
    strong,
)
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import bits, compare, modulo, powers, rounding
from ms_func.primitives import elementwise as el
from ms_func.primitives.complex_forms import with_sign
from ms_func.primitives.families import literal
from ms_func.tracing.tracer import Tracer


@fusion.two
def add(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x + y`; of booleans, their logical or.

    Args:
        x: array or number.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype. Integers wrap around.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.
        OverflowError: a Python integer does not fit the dtype of the other operand.

    Example:
        >>> np.add(np.array([[1], [2]]), np.array([10.5, 20.0]))
        Array([[11.5, 21. ],
               [12.5, 22. ]], dtype=float32)
        >>> np.add(np.uint8(250), 10)
        Array(4, dtype=uint8)
    """
    return ar.add_p.bind(*promote("add", x, y))


@fusion.two
def subtract(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x - y`.

    Args:
        x: array or number.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype. Integers wrap around, unsigned ones below 0.

    Raises:
        TypeError: both operands are booleans, or one is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.subtract(np.array([1.5, 2.0]), 1)
        Array([0.5, 1. ], dtype=float32)
        >>> np.subtract(np.uint8(0), np.uint8(1))
        Array(255, dtype=uint8)
    """
    return ar.sub_p.bind(*promote("subtract", x, y))


@fusion.two
def multiply(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x * y`; of booleans, their logical and.

    Args:
        x: array or number.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype. Integers wrap around.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.multiply(np.array([[1], [2]]), np.array([3, 4]))
        Array([[3, 4],
               [6, 8]], dtype=int32)
    """
    return ar.mul_p.bind(*promote("multiply", x, y))


@fusion.two
def divide(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise true division; `true_divide` is the same.

    Args:
        x: array or number.
        y: array or number; the two promote to one floating dtype and broadcast.

    Returns:
        Array of the common shape: integers become floats. By 0 it gives infinities and NaN, without
        a warning.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.divide(np.array([1, -1, 0, 3]), np.array([0, 0, 0, 2]))
        Array([ inf, -inf,  nan,  1.5], dtype=float32)
    """
    return ar.div_p.bind(*promote_inexact("divide", x, y))


true_divide = divide


@fusion.two
def floor_divide(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise largest whole number not above `x / y`, as Python's `//`.

    Args:
        x: array or number.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype: floats stay floats. What an integer by 0 gives has no
        meaning.

    Raises:
        TypeError: an operand is complex, a list, or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.floor_divide(np.array([7, -7]), 2)
        Array([ 3, -4], dtype=int32)
        >>> np.floor_divide(np.array([7.5, -7.5]), 2.0)
        Array([ 3., -4.], dtype=float32)
    """
    x, y = numbers("floor_divide", x, y)
    if typeof(x).dtype.kind == "c":
        raise ArgumentTypeError("floor_divide does not support complex-valued inputs")
    return modulo.floor_div_p.bind(x, y)


@fusion.two
def remainder(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise remainder with the sign of `y`, as Python's `%`; `mod` is the same.

    Args:
        x: array or number.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype: 0 where an integer `y` is 0, NaN where a float is.

    Raises:
        TypeError: an operand is complex, a list, or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.remainder(np.array([7, -7, 7]), np.array([3, 3, -3]))
        Array([ 1,  2, -2], dtype=int32)
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
    """Elementwise remainder with the sign of `x`, as C's `fmod`.

    Args:
        x: array or number.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype: 0 where an integer `y` is 0, NaN where a float is.

    Raises:
        TypeError: an operand is complex, a list, or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.fmod(np.array([7, -7, 7]), np.array([3, 3, -3]))
        Array([ 1, -1,  1], dtype=int32)
    """
    return modulo.rem_p.bind(*_divisible(*numbers("fmod", x, y)))


@fusion.two
def divmod(x: ArrayLike, y: ArrayLike, /) -> tuple[Array, Array]:
    """`floor_divide(x, y), remainder(x, y)`, as Python's `divmod`.

    Args:
        x: array or number.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Quotients and remainders, both of the common shape and dtype.

    Raises:
        TypeError: an operand is complex, a list, or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.divmod(np.array([7, -7]), 4)
        (Array([ 1, -2], dtype=int32), Array([3, 1], dtype=int32))
    """
    return floor_divide(x, y), remainder(x, y)


def power(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise `x ** y`; `pow` is the same.

    Args:
        x: array or number.
        y: exponents. A Python integer means repeated multiplication, exact for integers, and
            has a derivative for negative `x`. Otherwise the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype. Integers wrap around, and their negative powers are
        rounded towards 0; a negative real number to a power that is not whole is NaN.

    Raises:
        TypeError: an integer is raised to a negative Python integer.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.power(np.array([2, -3]), 3)
        Array([  8, -27], dtype=int32)
        >>> np.power(np.array([4.0, -4.0]), 0.5).round(4)
        Array([ 2., nan], dtype=float32)
    """
    if type(y) is not int and config.jax_rules() and _is_known_integer(y):
        y = int(y)  # pyright: ignore[reportArgumentType]
    if type(y) is int:
        x = operand("power", x)
        dtype = typeof(x).dtype
        if dtype.kind == "b":
            x = convert(x, np.dtype(np.int32), False)
        elif y < 0 and not is_inexact(dtype):
            raise ArgumentTypeError(
                f"Integers cannot be raised to negative powers, got power(x, {y})"
            )
        if y == 0:
            return fill(1, typeof(x))
        return as_handle(x) if y == 1 else powers.integer_pow(x, y)
    return _power(x, y)


def _is_known_integer(y: Any) -> bool:
    """Whether `y` is one integer with a value, which decides no dtype in JAX."""
    if isinstance(y, Tracer) or not isinstance(y, (Array, np.ndarray, np.generic)):
        return False
    return y.shape == () and y.dtype.kind in "iu"


pow = power


@fusion.two
def _power(x: Any, y: Any) -> Any:
    base, exponent = numbers("power", x, y)
    if not is_inexact(typeof(base).dtype):
        return _integer_power(base, exponent)
    settles = typeof(y).dtype.kind in "iu" and not typeof(y).weak_type
    return powers.pow_p.bind(strong(base) if settles else base, exponent)


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
    """Elementwise `x ** y` of floats: integers become floats first, so negative powers are defined.

    Args:
        x: array or number.
        y: exponents; the two promote to one floating dtype and broadcast.

    Returns:
        Array of the common shape.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.float_power(np.array([2, 4]), -1)
        Array([0.5 , 0.25], dtype=float32)
    """
    return powers.pow_p.bind(*promote_inexact("float_power", x, y))


@fusion.one
def negative(x: ArrayLike, /) -> Array:
    """Elementwise `-x`.

    Args:
        x: array or number; not of booleans, for which `logical_not` is meant.

    Returns:
        Array of the shape and dtype of `x`. Unsigned integers, and the smallest signed one, wrap
        around.

    Raises:
        TypeError: `x` is of booleans, a list, or holds no numbers.

    Example:
        >>> np.negative(np.array([1.5, -2.0]))
        Array([-1.5,  2. ], dtype=float32)
        >>> np.negative(np.uint8(1))
        Array(255, dtype=uint8)
    """
    return ar.neg_p.bind(operand("negative", x))


def positive(x: ArrayLike, /) -> Array:
    """`x` itself, as an array.

    Args:
        x: array or number.

    Returns:
        Array of the shape and dtype of `x`.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.positive(np.array([-1.5, 2.0]))
        Array([-1.5,  2. ], dtype=float32)
    """
    return as_handle(operand("positive", x))


@fusion.one
def reciprocal(x: ArrayLike, /) -> Array:
    """Elementwise `1 / x`.

    Args:
        x: array or number; integers and booleans become floats.

    Returns:
        Array of the shape of `x`: infinite at 0, with the sign of the zero.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.reciprocal(np.array([2.0, 0.0, -0.0]))
        Array([ 0.5,  inf, -inf], dtype=float32)
    """
    return el.reciprocal(inexact("reciprocal", x))


@fusion.one
def square(x: ArrayLike, /) -> Array:
    """Elementwise `x * x`.

    Args:
        x: array or number; booleans become int32.

    Returns:
        Array of the shape and dtype of `x`. Integers wrap around.

    Raises:
        TypeError: `x` is a list or holds no numbers.

    Example:
        >>> np.square(np.array([-1.5, 2.0]))
        Array([2.25, 4.  ], dtype=float32)
        >>> np.square(np.array([1 + 1j]))
        Array([0.+2.j], dtype=complex64)
    """
    x = operand("square", x)
    if typeof(x).dtype.kind == "b":
        x = convert(x, np.dtype(np.int32))
    return ar.mul_p.bind(x, x)


@fusion.two
def maximum(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise maximum; NaN wins, and `fmax` prefers the number.

    Args:
        x: array or number; complex numbers compare by real, then by imaginary part.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.maximum(np.array([1.0, 5.0, np.nan]), 2.0)
        Array([ 2.,  5., nan], dtype=float32)
    """
    return ar.max_p.bind(*promote("maximum", x, y))


@fusion.two
def minimum(x: ArrayLike, y: ArrayLike, /) -> Array:
    """Elementwise minimum; NaN wins, and `fmin` prefers the number.

    Args:
        x: array or number; complex numbers compare by real, then by imaginary part.
        y: array or number; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.minimum(np.array([1.0, 5.0, np.nan]), 2.0)
        Array([ 1.,  2., nan], dtype=float32)
    """
    return ar.min_p.bind(*promote("minimum", x, y))


@fusion.whole(2)
def fmax(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Elementwise maximum that prefers a number to NaN.

    Args:
        x1: array or number.
        x2: array or number; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype: NaN only where both are.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.fmax(np.array([1.0, np.nan, np.nan]), np.array([3.0, 2.0, np.nan]))
        Array([ 3.,  2., nan], dtype=float32)
    """
    x, y = promote("fmax", x1, x2)
    return compare.select_p.bind(bits.or_p.bind(logic.greater(x, y), logic.isnan(y)), x, y)


@fusion.whole(2)
def fmin(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Elementwise minimum that prefers a number to NaN.

    Args:
        x1: array or number.
        x2: array or number; the two promote to one dtype and broadcast.

    Returns:
        Array of the common shape and dtype: NaN only where both are.

    Raises:
        TypeError: an operand is a list or holds no numbers.
        ValueError: the shapes do not broadcast.

    Example:
        >>> np.fmin(np.array([1.0, np.nan, np.nan]), np.array([3.0, 2.0, np.nan]))
        Array([ 1.,  2., nan], dtype=float32)
    """
    x, y = promote("fmin", x1, x2)
    return compare.select_p.bind(bits.or_p.bind(logic.less(x, y), logic.isnan(y)), x, y)


@fusion.whole(3)
def clip(arr: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Array:
    """`arr` limited to `[min, max]`.

    Args:
        arr: array or number; NaN stays NaN.
        min: lower bounds, broadcast against `arr`; None for no bound.
        max: upper bounds; as `min`. Where it is below `min`, it wins.

    Returns:
        Array of the common shape, in the dtype that the three promote to.

    Raises:
        ValueError: an operand is complex, or the shapes do not broadcast.

    Example:
        >>> np.clip(np.array([-2, 0, 7]), 0, 5)
        Array([0, 0, 5], dtype=int32)
        >>> np.clip(np.array([-2.0, 7.0]), max=np.array([1.0, 3.5]))
        Array([-2. ,  3.5], dtype=float32)
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


@fusion.whole(1)
def modf(x: ArrayLike, /, out: None = None) -> tuple[Array, Array]:
    """Fractional and integral parts, both with the sign of `x`.

    Args:
        x: array or number; integers and booleans become floats.
        out: not supported.

    Returns:
        Fractions and whole numbers, both of the shape of `x` and with a floating dtype. An infinity
        has the fraction 0.

    Raises:
        NotImplementedError: `out` is given.
        TypeError: `x` is complex, a list, or holds no numbers.

    Example:
        >>> np.modf(np.array([2.25, -2.25, np.inf]))
        (Array([ 0.25, -0.25,  0.  ], dtype=float32), Array([ 2., -2., inf], dtype=float32))
    """
    no_out("modf", out)
    x = inexact("modf", x)
    rest = modulo.rem_p.bind(x, literal(1, x))
    return compare.select(logic.isinf(x), with_sign(literal(0, x), x), rest), rounding.trunc(x)
