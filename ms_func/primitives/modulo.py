"""Remainders with the sign of the dividend (C) and of the divisor (Python's `//` and `%`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ms_func.dtypes import is_inexact
from ms_func.ir.function import Function
from ms_func.ir.primitive import PIECEWISE_LINEAR, ZERO, Zero
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add, div, div_p, mul, mul_p, neg, product_rule, sub
from ms_func.primitives.bits import bitwise_and, bitwise_xor
from ms_func.primitives.compare import eq, gt, is_finite, lt, ne, select
from ms_func.primitives.complex_forms import with_sign
from ms_func.primitives.families import in_float32, nary, operands, unbroadcast
from ms_func.primitives.rounding import floor, trunc
from ms_func.tracing.tracer import build


def _rem_ref(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "iu":
        return np.fmod(x, y)
    return np.where(y == 0, x, np.fmod(x, np.where(y == 0, 1, y)))


def _rem_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (x, y), (tx, ty) = primals, tangents
    out = rem_p.bind(x, y)
    if type(ty) is not Zero:
        whole = div_p.bind(x, y)
        ty = mul_p.bind(neg(ty), trunc(whole))
    return out, product_rule(
        out, None if type(tx) is Zero else tx, None if type(ty) is Zero else ty
    )


rem_p = nary("rem", ref=_rem_ref, lower="remainder", jvp=_rem_jvp, accepts="real",
             jet=PIECEWISE_LINEAR,
             transpose=lambda ct, x, y: [unbroadcast(ct, x), None])  # fmt: skip


def rem(x: Any, y: Any) -> Any:
    """Remainder of `x / y` with the sign of `x` (C's `fmod`); `x` where an integer `y` is 0.

    Args:
        x: array or number of an integer or floating dtype.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands; NaN where a floating `y` is 0.

    Raises:
        TypeError: the dtypes differ, they are bool or complex, or the shapes do not fit.

    Reference:
        StableHLO `remainder`.

    Example:
        >>> lax.rem(np.array([-7, 7, 5]), np.array([3, -3, 0]))
        Array([-1,  1,  5], dtype=int32)
    """
    return rem_p.bind(*operands(x, y))


def _off(left: Any, y: Any) -> Any:
    """Whether a remainder with the sign of the dividend has to move by the divisor."""
    return bitwise_and(ne(left, 0), bitwise_xor(lt(left, 0), lt(y, 0)))


def _mod(x: Any, y: Any) -> Any:
    left = rem(x, y)
    if typeof(x).dtype.kind == "u":
        return left
    moved = select(_off(left, y), add(left, y), left)
    if not is_inexact(typeof(x).dtype):
        return moved
    return select(eq(left, 0.0), with_sign(left, y), moved)


def _floor_div(x: Any, y: Any) -> Any:
    if typeof(x).dtype.kind == "u":
        return div(x, y)
    left, quotient = rem(x, y), div(x, y)
    if not is_inexact(typeof(x).dtype):
        return select(_off(left, y), sub(quotient, 1), quotient)
    whole = div(sub(x, left), y)  # nearly a whole number
    whole = select(_off(left, y), sub(whole, 1.0), whole)
    down = floor(whole)
    whole = select(gt(sub(whole, down), 0.5), add(down, 1.0), down)
    whole = select(eq(whole, 0.0), with_sign(whole, quotient), whole)
    plain = bitwise_and(bitwise_and(is_finite(x), is_finite(y)), ne(y, 0.0))
    return select(plain, whole, floor(quotient))


@cache
def _program(body: Callable[..., Any], kind: ArrayType) -> Function:
    return build(body.__name__.strip("_"), [kind, kind], lambda x, y: [body(x, y)])


def _lower(body: Callable[..., Any]) -> Callable[..., Any]:
    def lower(b: Any, eqn: Any, x: Any, y: Any) -> Any:
        out = eqn.outputs[0].type
        kind = ArrayType(out.shape, out.dtype)
        values = b.full_shape(eqn, (x, y))
        return in_float32(b, kind, values, lambda k: _program(body, k))

    return lower


def _mod_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (x, y), (tx, ty) = primals, tangents
    out = mod_p.bind(x, y)
    return out, product_rule(
        out,
        None if type(tx) is Zero else tx,
        None if type(ty) is Zero else mul(neg(ty), floor_div_p.bind(x, y)),
    )


def _mod_ref(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """NumPy's remainder; integers modulo 0 stay as they are."""
    if x.dtype.kind not in "iu":
        return np.remainder(x, y)
    return np.where(y == 0, x, np.remainder(x, np.where(y == 0, 1, y)))


def _floor_div_ref(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """NumPy's floor division; the quotient's floor where an operand is infinite."""
    if x.dtype.kind in "iu":
        quotient = np.floor_divide(x, np.where(y == 0, 1, y))
        by_zero = np.where((x < 0) & (y == 0), -2, -1).astype(x.dtype)
        return np.where(y == 0, by_zero, quotient)
    ordinary = np.isfinite(x) & np.isfinite(y)
    return np.where(ordinary, np.floor_divide(x, y), np.floor(np.divide(x, y)))


mod_p = nary("mod", ref=_mod_ref, lower=_lower(_mod), jvp=_mod_jvp, accepts="real")
floor_div_p = nary("floor_div", ref=_floor_div_ref, lower=_lower(_floor_div), jvp=ZERO,
                   accepts="real")  # fmt: skip


def mod(x: Any, y: Any) -> Any:
    """Elementwise remainder of `x / y` with the sign of `y`; a zero has that sign too.

    Its derivative is that of `x - y * floor(x / y)` with the floor held constant.
    """
    return mod_p.bind(*operands(x, y))
