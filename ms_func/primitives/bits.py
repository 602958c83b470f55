"""Operations on the bits of integers, logic of booleans."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.ir.function import Literal
from ms_func.ir.primitive import ZERO
from ms_func.primitives.families import fold, made_by, nary, operands, same_operands, unary

_LOGICAL = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}
and_p, or_p, xor_p = (
    nary(name, ref=ref, lower=name, jvp=ZERO, accepts="bits", commutative=True,
         simplify=None if name == "xor" else same_operands)
    for name, ref in _LOGICAL.items()
)  # fmt: skip


def _not_simplify(producer: Any, x: Any) -> Any:
    inner = made_by(producer, not_p, x)
    return fold(not_p, x) if type(x) is Literal else None if inner is None else inner[0]


not_p = unary("not", ref=np.invert, lower="not", accepts="bits", transcendental=False,
              simplify=_not_simplify)  # fmt: skip


def bitwise_and(x: Any, y: Any) -> Any:
    """Bitwise and of integers, logical and of booleans.

    Args:
        x: array of integers or booleans.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.

    Raises:
        TypeError: the dtypes differ, they are neither integers nor booleans, or the shapes do not
            fit.

    Reference:
        StableHLO `and`.

    Example:
        >>> lax.bitwise_and(np.array([6, 5]), 3)
        Array([2, 1], dtype=int32)
    """
    return and_p.bind(*operands(x, y))


def bitwise_or(x: Any, y: Any) -> Any:
    """Bitwise or of integers, logical or of booleans.

    Args:
        x: array of integers or booleans.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.

    Raises:
        TypeError: the dtypes differ, they are neither integers nor booleans, or the shapes do not
            fit.

    Reference:
        StableHLO `or`.

    Example:
        >>> lax.bitwise_or(np.array([6, 5]), 3)
        Array([7, 7], dtype=int32)
    """
    return or_p.bind(*operands(x, y))


def bitwise_xor(x: Any, y: Any) -> Any:
    """Bitwise exclusive or of integers, logical one of booleans.

    Args:
        x: array of integers or booleans.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.

    Raises:
        TypeError: the dtypes differ, they are neither integers nor booleans, or the shapes do not
            fit.

    Reference:
        StableHLO `xor`.

    Example:
        >>> lax.bitwise_xor(np.array([True, False]), True)
        Array([False,  True], dtype=bool)
    """
    return xor_p.bind(*operands(x, y))


def bitwise_not(x: Any) -> Any:
    """Bitwise complement of integers, logical not of booleans.

    Args:
        x: array of integers or booleans.

    Returns:
        Array of the shape and dtype of `x`.

    Raises:
        TypeError: `x` has another dtype.

    Reference:
        StableHLO `not`.

    Example:
        >>> lax.bitwise_not(np.array([0, 5])), lax.bitwise_not(np.array([True]))
        (Array([-1, -6], dtype=int32), Array([False], dtype=bool))
    """
    return not_p.bind(x)


def _shift_ref(kind: str) -> Any:
    def ref(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        width = 8 * x.dtype.itemsize
        unsigned = np.dtype(f"u{x.dtype.itemsize}")
        amount = y.astype(np.int64) if y.dtype.itemsize < 8 else y
        over = (amount < 0) | (amount >= width)
        safe = np.where(over, 0, amount)
        if kind == "left":
            return np.where(over, 0, np.left_shift(x, safe.astype(x.dtype))).astype(x.dtype)
        if kind == "logical":
            bits = np.right_shift(x.view(unsigned), safe.astype(unsigned)).view(x.dtype)
            return np.where(over, 0, bits).astype(x.dtype)
        signed = x.view(np.dtype(f"i{x.dtype.itemsize}"))  # the top bit fills, whatever it means
        amount = np.where(over, width - 1, amount).astype(signed.dtype)
        return np.right_shift(signed, amount).view(x.dtype)

    return ref


shift_left_p = nary("shift_left", ref=_shift_ref("left"), lower="shift_left", jvp=ZERO,
                    accepts="integer")  # fmt: skip
shift_right_logical_p = nary(
    "shift_right_logical", ref=_shift_ref("logical"), lower="shift_right_logical", jvp=ZERO,
    accepts="integer",
)  # fmt: skip
shift_right_arithmetic_p = nary(
    "shift_right_arithmetic", ref=_shift_ref("arithmetic"), lower="shift_right_arithmetic",
    jvp=ZERO, accepts="integer",
)  # fmt: skip


def shift_left(x: Any, y: Any) -> Any:
    """Elementwise `x << y`; 0 where `y` is not smaller than the width.

    Args:
        x: array of integers.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.
        Negative distances count as too large.

    Raises:
        TypeError: the dtypes differ, they are not integers, or the shapes do not fit.

    Reference:
        StableHLO `shift_left`.

    Example:
        >>> lax.shift_left(np.array([1, 64], np.int8), np.array([8, 1], np.int8))
        Array([   0, -128], dtype=int8)
    """
    return shift_left_p.bind(*operands(x, y))


def shift_right_logical(x: Any, y: Any) -> Any:
    """Elementwise `x >> y` filling with zeros.

    Args:
        x: array of integers.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.
        A distance that is negative or not smaller than the width gives 0.

    Raises:
        TypeError: the dtypes differ, they are not integers, or the shapes do not fit.

    Reference:
        StableHLO `shift_right_logical`.

    Example:
        >>> lax.shift_right_logical(np.array([-1, 8], np.int8), np.array([1, 9], np.int8))
        Array([127,   0], dtype=int8)
    """
    return shift_right_logical_p.bind(*operands(x, y))


def shift_right_arithmetic(x: Any, y: Any) -> Any:
    """Elementwise `x >> y` filling with the top bit, of unsigned integers too.

    Args:
        x: array of integers.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.
        A distance that is negative or not smaller than the width gives copies of the top bit.

    Raises:
        TypeError: the dtypes differ, they are not integers, or the shapes do not fit.

    Reference:
        StableHLO `shift_right_arithmetic`.

    Example:
        >>> lax.shift_right_arithmetic(np.array([-4, 8], np.int8), np.array([1, 9], np.int8))
        Array([-2,  0], dtype=int8)
    """
    return shift_right_arithmetic_p.bind(*operands(x, y))


popcnt_p = unary(
    "population_count", lower="popcnt", accepts="integer", transcendental=False,
    ref=lambda x: np.bitwise_count(x.view(f"u{x.dtype.itemsize}")),  # NumPy counts those of |x|
)  # fmt: skip


def population_count(x: Any) -> Any:
    """Number of bits set in each integer.

    Args:
        x: array of integers; negative ones count as two's complement.

    Returns:
        Array of the shape and dtype of `x`.

    Raises:
        TypeError: `x` does not hold integers.

    Reference:
        StableHLO `popcnt`.

    Example:
        >>> lax.population_count(np.array([7, 8, -1], np.int8))
        Array([3, 1, 8], dtype=int8)
    """
    return popcnt_p.bind(x)


def _clz_ref(x: np.ndarray) -> np.ndarray:
    width = 8 * x.dtype.itemsize
    bits = x.view(np.dtype(f"u{x.dtype.itemsize}")).astype(np.uint64)
    left = np.full(x.shape, width, np.int64)
    for k in range(width):
        left = np.where(bits >> np.uint64(k) & np.uint64(1), width - 1 - k, left)
    return left


clz_p = unary("clz", ref=_clz_ref, lower="count_leading_zeros", accepts="integer",
              transcendental=False)  # fmt: skip


def clz(x: Any) -> Any:
    """Number of zero bits before the first one bit of each integer.

    Args:
        x: array of integers.

    Returns:
        Array of the shape and dtype of `x`; the width where `x` is 0.

    Raises:
        TypeError: `x` does not hold integers.

    Reference:
        StableHLO `count_leading_zeros`.

    Example:
        >>> lax.clz(np.array([0, 1, -1], np.int8))
        Array([8, 7, 0], dtype=int8)
    """
    return clz_p.bind(x)
