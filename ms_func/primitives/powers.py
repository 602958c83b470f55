"""Powers and logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.errors import ShapeError
from ms_func.ir.primitive import Zero
from ms_func.ir.types import typeof
from ms_func.primitives.arithmetic import mul_p, product_rule, smooth, sub_p
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import eq, select
from ms_func.primitives.families import formula, literal, nary, operands, unary

log_p = smooth("log", ref=np.log, lower=formula("log", "log"),
               inverse=lambda x, y: x)  # fmt: skip


def log(x: Any) -> Any:
    """Elementwise natural logarithm."""
    return log_p.bind(x)


def _pow_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Two-sided guarded formula: no NaN at x = 0 with y = 0, nor in log of x = 0."""
    (x, y), (tx, ty) = primals, tangents
    out = pow_p.bind(x, y)
    one, zero = literal(1, out), literal(0, out)
    dx = dy = None
    if type(tx) is not Zero:
        lowered = pow_p.bind(x, sub_p.bind(y, one))
        dx = mul_p.bind(tx, select(eq(y, zero), zero, mul_p.bind(y, lowered)))
    if type(ty) is not Zero:
        safe = log(select(eq(x, zero), one, x))
        dy = mul_p.bind(ty, mul_p.bind(safe, out))
    return out, product_rule(out, dx, dy)


pow_p = nary("pow", ref=np.power, lower="power", jvp=_pow_jvp, accepts="inexact",
             transcendental=True)  # fmt: skip


def pow(x: Any, y: Any) -> Any:
    """Elementwise `x ** y` of floating `x`; a Python int as `y` makes it `integer_pow`.

    Args:
        x: array or number of a floating or complex dtype.
        y: array of the same dtype, or of integers, which are converted; its shape is equal, or one
            of both has rank 0.

    Returns:
        Array of the joint shape and the dtype of `x`; NaN where a negative number is raised to a
        power that is not whole.

    Raises:
        TypeError: `x` holds integers (and `y` is not a Python int), the dtypes differ, or the
            shapes do not fit.

    Reference:
        StableHLO `power`.

    Example:
        >>> lax.pow(np.float32(2), np.int32(-1))
        Array(0.5, dtype=float32)
        >>> lax.pow(np.array([4.0, -1.0, 0.0]), np.array([0.5, 0.5, 0.0]))
        Array([ 2., nan,  1.], dtype=float32)
    """
    if type(y) is int:
        return integer_pow(x, y)
    x, y = operands(x, y)
    base, exponent = typeof(x).dtype, typeof(y).dtype
    if exponent.kind in "iu" and is_inexact(base):
        y = convert_element_type(y, base)
    return pow_p.bind(x, y)


def _integer_pow_lower(b: Any, eqn: Any, x: Any) -> Any:
    """Repeated squaring, as few products as the binary digits of the exponent need."""
    out, n = eqn.outputs[0].type, eqn.params["y"]
    power, result, left = x, None, abs(n)
    while left:
        if left & 1:
            result = power if result is None else b.op("stablehlo.multiply", [out], [result, power])
        left >>= 1
        if left:
            power = b.op("stablehlo.multiply", [out], [power, power])
    if result is None:
        return b.constant(1, out)
    return b.op("stablehlo.divide", [out], [b.constant(1, out), result]) if n < 0 else result


def _integer_pow_ref(x: np.ndarray, *, y: int) -> np.ndarray:
    return np.power(x, np.asarray(y, x.dtype) if x.dtype.kind in "iu" else y)


integer_pow_p = unary(
    "integer_pow", ref=_integer_pow_ref, lower=_integer_pow_lower, accepts="number",
    jvp=lambda primals, tangents, *, y: _integer_pow_jvp(*primals, *tangents, y=y),
)  # fmt: skip


def _integer_pow_jvp(x: Any, t: Any, y: int) -> Any:
    out = integer_pow(x, y)
    if type(t) is Zero or y == 0:
        return out, Zero(typeof(out).tangent)
    return out, mul_p.bind(t, mul_p.bind(literal(y, out), integer_pow(x, y - 1)))


def integer_pow(x: Any, y: int) -> Any:
    """Elementwise `x ** y` for a Python int `y`, by repeated multiplication.

    Args:
        x: array or number of any dtype but bool.
        y: exponent, a Python int.

    Returns:
        Array of the shape and dtype of `x`; integers wrap around.

    Raises:
        TypeError: `x` holds integers and `y` is negative.

    Reference:
        StableHLO `multiply`; Knuth, The Art of Computer Programming, volume 2, 4.6.3.

    Example:
        >>> lax.integer_pow(np.array([2.0, 0.0]), -2)
        Array([0.25,  inf], dtype=float32)
        >>> lax.integer_pow(np.array([-3, 5]), 3)
        Array([-27, 125], dtype=int32)
    """
    if y < 0 and not is_inexact(typeof(x).dtype):
        raise ShapeError(f"integers cannot be raised to negative powers, got {typeof(x)} ** {y}")
    if y == 1:
        return x
    if y == 2:
        return mul_p.bind(x, x)
    return integer_pow_p.bind(x, y=y)
