"""Bits, uniform floats, uniform integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.dtypes import DEFAULTS, canonicalize_dtype, is_inexact, issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import bitwise, logic, manipulation, searching
from ms_func.numpy.filled import shape_tuple
from ms_func.numpy.fusion import run
from ms_func.numpy.promotion import ArrayLike, convert, operand
from ms_func.primitives import cast
from ms_func.primitives.keys import random_bits, random_split
from ms_func.random.keys import checked_key
from ms_func.random.placing import placed

Shape = Sequence[int] | int


def float_dtype(name: str, dtype: Any, complex_too: bool = False) -> np.dtype:
    """Floating dtype of a sampler, float32 by default.

    Raises:
        ValueError: it is no floating dtype.
    """
    kind = DEFAULTS[float] if dtype is None else canonicalize_dtype(dtype)
    if not issubdtype(kind, np.inexact if complex_too else np.floating):
        raise ArgumentValueError(
            f"dtype argument to `{name}` must be a float dtype, got {kind.name}"
        )
    return kind


def joint_shape(name: str, shape: Any, *args: Any) -> tuple[int, ...]:
    """`shape`, or that of the broadcast arguments.

    Raises:
        ValueError: the arguments do not broadcast to `shape`.
    """
    own = manipulation.broadcast_shapes(*(np.shape(a) for a in args))
    if shape is None:
        return own
    found = shape_tuple(name, shape)
    if manipulation.broadcast_shapes(found, own) != found:
        raise ArgumentValueError(
            f"{name} parameter shapes must be broadcast-compatible with shape argument, and the "
            f"result of broadcasting the shapes must equal the shape argument, but got {own} and "
            f"{found}"
        )
    return found


@placed
def bits(key: ArrayLike, shape: Shape = (), dtype: Any = None) -> Array:
    """Uniform unsigned integers over all values of `dtype`.

    Args:
        key: single key, not used for anything else.
        shape: of the result.
        dtype: unsigned, of 8 to 64 bits; by default uint32 (uint64 where integers have 64 bits).
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: `dtype` is no unsigned integer.

    Example:
        >>> from ms_func import random
        >>> random.bits(random.key(0), (3,), np.uint8)
        Array([167, 146,  40], dtype=uint8)
    """
    default = np.dtype(f"u{DEFAULTS[int].itemsize}")
    kind = default if dtype is None else canonicalize_dtype(dtype)
    if not issubdtype(kind, np.unsignedinteger):
        raise ArgumentValueError(
            f"dtype argument to `bits` must be an unsigned int dtype, got {kind.name}"
        )
    return random_bits(checked_key("bits", key), 8 * kind.itemsize, shape_tuple("bits", shape))


@placed
def uniform(
    key: ArrayLike, shape: Shape = (), dtype: Any = None, minval: ArrayLike = 0.0,
    maxval: ArrayLike = 1.0,
) -> Array:  # fmt: skip
    """Uniform numbers in `[minval, maxval)`.

    Multiples of `2**-23` (float32) of the width above `minval`. Rounding of `minval + u * (maxval
    - minval)` can reach `maxval` where the width has few digits.

    Args:
        key: single key, not used for anything else.
        shape: of the result, which the bounds broadcast to.
        dtype: floating; float32 by default.
        minval: bound below, which is included; differentiable.
        maxval: bound above, which is not; differentiable.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        ValueError: the dtype is not floating, or the bounds do not broadcast to `shape`.
        TypeError: `key` is no key.

    Example:
        >>> from ms_func import random
        >>> x = random.uniform(random.key(0), (1000,), minval=-1.0)
        >>> (x.min() >= -1).item(), (x.max() < 1).item(), (abs(x.mean()) < 0.1).item()
        (True, True, True)
    """
    kind = float_dtype("uniform", dtype)
    single = shape == () and math.prod(np.shape(minval) + np.shape(maxval)) == 1
    asked: Shape | None = None if single else shape
    shape = joint_shape("uniform", asked, minval, maxval)
    key = checked_key("uniform", key)
    if type(minval) is float and type(maxval) is float and (minval, maxval) == (0.0, 1.0):
        return run(unit, (key,), shape, kind)
    bounds = [convert(operand("uniform", v), kind) for v in (minval, maxval)]
    return run(scaled, (key, *bounds), shape, kind)


def scaled(key: Any, minval: Any, maxval: Any, shape: tuple[int, ...], kind: np.dtype) -> Any:
    """Random mantissas in [1, 2), shifted to [0, 1), scaled; rounding may not go below."""
    info = ml_dtypes.finfo(kind)
    width, mantissa = 8 * kind.itemsize, info.nmant
    drawn = 8 if mantissa < 8 else width
    uint = np.dtype(f"u{kind.itemsize}")
    words = convert(random_bits(key, drawn, shape), uint)
    words = bitwise.right_shift(words, np.asarray(drawn - mantissa, uint)[()])
    one = np.asarray(1, kind).view(uint)[()]
    floats = cast.bitcast_convert_type(bitwise.bitwise_or(words, one), kind)
    unit = ar.subtract(floats, np.asarray(1, kind)[()])
    return ar.maximum(minval, ar.add(ar.multiply(unit, ar.subtract(maxval, minval)), minval))


def unit(key: Any, shape: tuple[int, ...], kind: np.dtype, low: float = 0.0) -> Any:
    """Uniform numbers in `[low, 1)` inside of another sampler."""
    return scaled(key, np.asarray(low, kind)[()], np.asarray(1, kind)[()], shape, kind)


@placed
def randint(
    key: ArrayLike, shape: Shape, minval: ArrayLike, maxval: ArrayLike, dtype: Any = None
) -> Array:
    """Uniform integers in `[minval, maxval)`; all `minval` where the range is empty.

    Args:
        key: single key, not used for anything else.
        shape: of the result, which the bounds broadcast to.
        minval: bound below, which is included; floats lose their fraction, bounds beyond the
            dtype are moved into it.
        maxval: bound above, which is not; a bound above the dtype's greatest value includes that.
        dtype: integer, int32 by default.
        out_sharding: sharding of the result; left to the compiler by default.

    Raises:
        TypeError: `dtype` is no integer, or a bound no real number.
        ValueError: the bounds do not broadcast to `shape`.

    Example:
        >>> from ms_func import random
        >>> random.randint(random.key(0), (2, 3), 0, np.array([1, 10, 100]))
        Array([[ 0,  0, 12],
               [ 0,  1, 47]], dtype=int32)
    """
    kind = DEFAULTS[int] if dtype is None else canonicalize_dtype(dtype)
    if not issubdtype(kind, np.integer):
        raise ArgumentTypeError(f"randint only accepts integer dtypes, got {kind.name}")
    minval, maxval = (v if type(v) is int else operand("randint", v) for v in (minval, maxval))
    minval, maxval = (v if type(v) is int else _whole(v) for v in (minval, maxval))
    shape = joint_shape("randint", shape, minval, maxval)
    info = ml_dtypes.iinfo(kind)
    wide = kind if kind.itemsize >= 4 else np.dtype(np.int32)
    low = _into(minval, wide, int(info.min), int(info.max))
    high = _into(maxval, wide, int(info.min), int(info.max) + (wide != kind))
    above = _beyond(maxval, int(info.max)) if wide == kind else np.bool_(False)
    out = run(_randint, (checked_key("randint", key), low, high, above), shape, wide)
    return convert(out, kind)


def _whole(v: Any) -> Any:
    """A bound as an integer; floats lose their fraction."""
    dtype = typeof(v).dtype
    if issubdtype(dtype, np.integer):
        return v
    if not (is_inexact(dtype) or dtype.kind == "b") or dtype.kind == "c":
        raise ArgumentTypeError(
            f"randint requires minval and maxval to be real numbers, got {typeof(v)}"
        )
    return convert(v, DEFAULTS[int])


def integer_dtype(name: str, dtype: Any) -> np.dtype:
    """Integer dtype of a sampler, int32 by default.

    Raises:
        ValueError: it is no integer dtype.
    """
    kind = DEFAULTS[int] if dtype is None else canonicalize_dtype(dtype)
    if not issubdtype(kind, np.integer):
        raise ArgumentValueError(
            f"dtype argument to `{name}` must be an int dtype, got {kind.name}"
        )
    return kind


def _beyond(v: Any, top: int) -> Any:
    """Whether a bound lies above the values of the dtype: the range then reaches its end."""
    if type(v) is int:
        return np.bool_(v > top)
    if np.iinfo(typeof(v).dtype).max <= top:
        return np.bool_(False)
    return logic.greater(v, top)


def _into(v: Any, kind: np.dtype, low: int, high: int) -> Any:
    """A bound moved into `[low, high]`, in the dtype of the computation."""
    if type(v) is int:
        return np.asarray(min(max(v, low), high), kind)[()]
    own = np.iinfo(typeof(v).dtype)
    return convert(ar.clip(v, max(low, own.min), min(high, own.max)), kind)


def _randint(
    key: Any, minval: Any, maxval: Any, above: Any, shape: tuple[int, ...], kind: np.dtype
) -> Any:
    """Two draws joined to a number of twice the width, modulo the size of the range."""
    width = 8 * kind.itemsize
    uint = np.dtype(f"u{kind.itemsize}")
    keys = random_split(key, (2,))
    high, low = random_bits(keys[0], width, shape), random_bits(keys[1], width, shape)
    span = convert(ar.subtract(maxval, minval), uint)
    span = searching.where(logic.less_equal(maxval, minval), np.ones((), uint)[()], span)
    wider = logic.logical_and(above, logic.greater(maxval, minval))
    span = searching.where(wider, ar.add(span, np.ones((), uint)[()]), span)
    half = np.asarray(1 << (width // 2), uint)[()]
    factor = ar.fmod(half, span)
    factor = ar.fmod(ar.multiply(factor, factor), span)
    offset = ar.add(ar.multiply(ar.fmod(high, span), factor), ar.fmod(low, span))
    every = logic.equal(span, 0)  # as many values as the dtype has
    return ar.add(minval, convert(searching.where(every, low, ar.fmod(offset, span)), kind))
