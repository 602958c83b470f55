"""Elementwise operations: arithmetic, comparison, mathematical functions, conversions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func_ascend.emitter import BOOL, F32, F64, Emitter, Unsupported
from ms_func_ascend.graph import Tensor
from ms_func_ascend.legalize import is_float, signed_twin, unsigned_twin
from ms_func_ascend.operators import arithmetic as a
from ms_func_ascend.operators.registry import rule
from ms_func_ascend.prototypes import BFLOAT16


def _plain(name: str, function: Callable[..., Tensor], *extra: Any) -> None:
    """Register a function of the emitter and the operands."""

    def emit(t: Any, op: Any, *xs: Tensor) -> Tensor:
        return function(t.e, *extra, *xs)

    rule(name, compact=True)(emit)


for _name, _function, *_extra in (
    ("add", a.add), ("subtract", a.subtract), ("multiply", a.multiply), ("divide", a.divide),
    ("remainder", a.remainder), ("maximum", a.maximum), ("minimum", a.minimum),
    ("negate", a.negate), ("abs", a.absolute), ("sign", a.sign), ("clamp", a.clamp),
    ("not", a.logical_not), ("and", a.bitwise, "And"), ("or", a.bitwise, "Or"),
    ("xor", a.bitwise, "Xor"), ("shift_left", a.shift, "left"),
    ("shift_right_logical", a.shift, "right"),
    ("shift_right_arithmetic", a.shift, "right_arithmetic"),
    ("popcnt", a.population_count), ("count_leading_zeros", a.leading_zeros),
    ("select", Emitter.select), ("complex", Emitter.complex),
):  # fmt: skip
    _plain(_name, _function, *_extra)


_FUNCTIONS = {
    "exponential": "Exp", "exponential_minus_one": "Expm1", "log": "Log", "log_plus_one": "Log1p",
    "sqrt": "Sqrt", "rsqrt": "Rsqrt", "tanh": "Tanh", "logistic": "Sigmoid", "sine": "Sin",
    "cosine": "Cos", "tan": "Tan", "atan2": "Atan2", "floor": "Floor", "ceil": "Ceil",
    "round_nearest_even": "Rint", "chlo.tan": "Tan", "chlo.asin": "Asin", "chlo.acos": "Acos",
    "chlo.atan": "Atan", "chlo.sinh": "Sinh", "chlo.cosh": "Cosh", "chlo.asinh": "Asinh",
    "chlo.acosh": "Acosh", "chlo.atanh": "Atanh", "chlo.erf": "Erf", "chlo.erfc": "Erfc",
    "chlo.lgamma": "Lgamma", "chlo.digamma": "Digamma",
    "chlo.bessel_i1e": "BesselI1e", "chlo.zeta": "Zeta",
}  # fmt: skip
for _name, _operator in _FUNCTIONS.items():
    _plain(_name, a.exact, _operator)


@rule("is_finite", compact=True)
def _is_finite(t: Any, op: Any, x: Tensor) -> Tensor:
    return a.exact(t.e, "IsFinite", x, dtype=BOOL)


@rule("chlo.is_inf", compact=True)
def _is_inf(t: Any, op: Any, x: Tensor) -> Tensor:
    return a.exact(t.e, "IsInf", x, dtype=BOOL)


@rule("chlo.is_pos_inf", "chlo.is_neg_inf", compact=True)
def _is_signed_inf(t: Any, op: Any, x: Tensor) -> Tensor:
    limit = np.inf if op.name == "chlo.is_pos_inf" else -np.inf
    return a.compare(t.e, "EQ", x, t.e.like(limit, x))


@rule("compare", compact=True)
def _compare(t: Any, op: Any, x: Tensor, y: Tensor) -> Tensor:
    if op.attrs.get("compare_type") == "TOTALORDER" and is_float(x.dtype):
        x, y = a.sort_key(t.e, x, canonical=False), a.sort_key(t.e, y, canonical=False)
    return a.compare(t.e, op.attrs["comparison_direction"], x, y)


@rule("cbrt", compact=True)
def _cbrt(t: Any, op: Any, x: Tensor) -> Tensor:
    """Cube root: sign(x) |x|^(1/3), then one Newton step where it is finite and not zero."""
    e = t.e
    wide = x if x.dtype in (F32, F64) else e.cast(x, F32)
    magnitude = a.absolute(e, wide)
    root = e.elementwise("Pow", magnitude, e.like(1 / 3, wide))
    square = a.multiply(e, root, root)
    step = a.subtract(e, a.divide(e, magnitude, square), root)
    better = a.add(e, root, a.multiply(e, step, e.like(1 / 3, wide)))
    usable = e.elementwise("LogicalAnd", e.elementwise("IsFinite", magnitude, dtype=BOOL),
                           a.compare(e, "GT", square, e.like(0, wide)))  # fmt: skip
    better = e.select(usable, better, root)
    return e.cast(a.multiply(e, a.sign(e, wide), better), x.dtype)


@rule("round_nearest_afz", compact=True)
def _round_away(t: Any, op: Any, x: Tensor) -> Tensor:
    """Nearest integer, halves away from zero: by the fraction, since x + 0.5 may round up."""
    e = t.e
    magnitude = a.absolute(e, x)
    whole = a.exact(e, "Floor", magnitude)
    half = a.compare(e, "GE", a.subtract(e, magnitude, whole), e.like(0.5, x))
    up = e.select(half, a.add(e, whole, e.like(1, x)), whole)
    return a.multiply(e, a.sign(e, x), up)


@rule("power", compact=True)
def _power(t: Any, op: Any, x: Tensor, y: Tensor) -> Tensor:
    if x.dtype.kind not in "iu":
        return a.exact(t.e, "Pow", x, y)
    return _integer_power(t.e, x, y)


def _integer_power(e: Emitter, x: Tensor, y: Tensor) -> Tensor:
    """Power by squaring, modulo 2**width: exact where a kernel may go through floats.

    A negative exponent gives 0 except for bases 1 and -1, as the reciprocal truncates. Like XLA
    it reads six bits of the exponent (more overflows for every base but 0, 1 and -1), and
    takes the top bit of an unsigned exponent for a sign.
    """
    value = y.value
    top = 6 if value is None else min(6, max(1, int(np.max(value, initial=0)).bit_length()))
    result, base = e.like(1, x), x
    for k in range(top):
        bit = e.elementwise("BitwiseAnd", y, e.like(1 << k, y))
        taken = a.compare(e, "NE", bit, e.like(0, y))
        result = e.select(taken, a.multiply(e, result, base), result)
        if k + 1 < top:
            base = a.multiply(e, base, base)
    if value is not None and ((value >= 0) & (value < 64)).all():
        return result
    if x.dtype.kind == "u":
        signed = [e.bitcast(v, signed_twin(x.dtype)) for v in (x, y, result)]
        return e.bitcast(_negative_exponent(e, *signed), x.dtype)
    return _negative_exponent(e, x, y, result)


def _negative_exponent(e: Emitter, x: Tensor, y: Tensor, result: Tensor) -> Tensor:
    one, zero = e.like(1, x), e.like(0, x)
    odd = a.compare(e, "NE", e.elementwise("BitwiseAnd", y, one), zero)
    minus = a.compare(e, "EQ", x, e.like(-1, x))
    unit = e.select(a.compare(e, "EQ", x, one), one, zero)
    unit = e.select(minus, e.select(odd, e.like(-1, x), one), unit)
    return e.select(a.compare(e, "LT", y, zero), unit, result)


@rule("real", "imag", compact=True)
def _part(t: Any, op: Any, x: Tensor) -> Tensor:
    real = op.name == "stablehlo.real"
    if x.dtype.kind != "c":
        return x if real else t.e.like(0, x)
    return t.e.parts(x)[0 if real else 1]


@rule("chlo.next_after", compact=True)
def _next_after(t: Any, op: Any, x: Tensor, y: Tensor) -> Tensor:
    """The operator for 32 and 64 bits; else the bits of 16 taken one further or one back."""
    e = t.e
    if x.dtype.itemsize > 2:
        return a.exact(e, "NextAfter", x, y)
    wide = e.cast(x, F32) if x.dtype == BFLOAT16 else x
    twin = signed_twin(wide.dtype)
    bits, least = e.bitcast(wide, twin), 1 << (8 * (wide.dtype.itemsize - 2))
    one, zero = e.const(np.array(least, twin)), e.like(0, x)
    up, down = a.compare(e, "LT", x, y), a.compare(e, "GT", x, y)
    grows = a.compare(e, "EQ", up, a.compare(e, "GT", x, zero))
    further = e.select(grows, a.add(e, bits, one), a.subtract(e, bits, one))
    minus = e.const(np.array(np.iinfo(twin).min + least, twin))
    moved = e.select(a.compare(e, "EQ", x, zero), e.select(up, one, minus), further)
    made = e.cast(e.bitcast(moved, wide.dtype), x.dtype)
    made = e.select(e.elementwise("LogicalOr", up, down), made, y)
    return e.select(e.is_nan(x), x, made)


@rule("chlo.erf_inv", compact=True)
def _erf_inv(t: Any, op: Any, x: Tensor) -> Tensor:
    """The operator; for 64 bits, which it does not take, Newton steps from a formula near it.

    The start is Winitzki's, 0.002 off at most. Far from 0 what is left to 1 is compared, by
    `Erfc`, since there `Erf` has no digits left.
    """
    e = t.e
    if x.dtype != F64:
        return a.exact(e, "Erfinv", x)

    def number(value: float) -> Tensor:
        return e.like(value, x)

    size = a.absolute(e, x)
    rest = a.subtract(e, number(1), size)
    log = a.exact(e, "Log", a.multiply(e, rest, a.add(e, number(1), size)))
    half = a.add(e, number(2 / (math.pi * 0.147)), a.multiply(e, log, number(0.5)))
    root = a.subtract(e, a.multiply(e, half, half), a.multiply(e, log, number(1 / 0.147)))
    y = a.exact(e, "Sqrt", a.subtract(e, a.exact(e, "Sqrt", root), half))
    far = a.compare(e, "GT", size, number(0.5))
    for _ in range(4):
        near_miss = a.subtract(e, size, a.exact(e, "Erf", y))
        miss = e.select(far, a.subtract(e, a.exact(e, "Erfc", y), rest), near_miss)
        slope = a.exact(e, "Exp", a.multiply(e, y, y))
        step = a.multiply(e, a.multiply(e, miss, slope), number(math.sqrt(math.pi) / 2))
        y = a.add(e, y, step)
    one = a.compare(e, "EQ", size, number(1))
    y = e.select(one, number(math.inf), y)
    return a.multiply(e, a.sign(e, x), y)


@rule("chlo.conj", compact=True)
def _conj(t: Any, op: Any, x: Tensor) -> Tensor:
    return t.e.elementwise("Conj", x) if x.dtype.kind == "c" else x


@rule("chlo.square", compact=True)
def _square(t: Any, op: Any, x: Tensor) -> Tensor:
    return a.multiply(t.e, x, x)


@rule("chlo.polygamma", compact=True)
def _polygamma(t: Any, op: Any, n: Tensor, x: Tensor) -> Tensor:
    """(-1)^(n+1) n! zeta(n+1, x); the digamma function for n = 0."""
    e = t.e
    one = e.like(1, n)
    order = a.add(e, n, one)
    factorial = a.exact(e, "Exp", a.exact(e, "Lgamma", order))
    even = a.compare(e, "EQ", a.remainder(e, n, e.like(2, n)), e.like(0, n))
    signed = e.select(even, a.negate(e, factorial), factorial)
    general = a.multiply(e, signed, a.exact(e, "Zeta", order, x))
    zero = a.compare(e, "EQ", n, e.like(0, n))
    return e.select(zero, a.exact(e, "Digamma", x), general)


@rule("convert", compact=True)
def _convert(t: Any, op: Any, x: Tensor) -> Tensor:
    return a.convert(t.e, x, op.results[0].type.dtype)


@rule("bitcast_convert")
def _bitcast(t: Any, op: Any, x: Tensor) -> Tensor:
    e, (shape, dtype) = t.e, op.results[0].type
    if BOOL in (x.dtype, dtype):
        raise Unsupported("the bits of booleans", "cast to uint8 first")
    if x.dtype == BFLOAT16 and dtype != BFLOAT16:
        wide = e.bitcast(e.cast(x, F32), np.dtype(np.uint32))
        half = e.elementwise("RightShift", wide, e.like(16, wide))
        x = e.cast(half, np.dtype(np.uint16))
    elif dtype == BFLOAT16 and x.dtype != BFLOAT16:
        half = _bits(e, x, shape, np.dtype(np.uint16))
        wide = e.cast(half, np.dtype(np.uint32))
        raised = e.elementwise("LeftShift", wide, e.like(16, wide))
        return e.cast(e.bitcast(raised, F32), BFLOAT16)
    return _bits(e, x, shape, dtype)


def _bits(e: Emitter, x: Tensor, shape: tuple[int, ...], dtype: np.dtype) -> Tensor:
    """The bits of `x`; a wider or narrower dtype folds or adds the last dimension."""
    if x.dtype.itemsize == dtype.itemsize:
        return e.bitcast(x, dtype)
    return e.one("Bitcast", [x], shape, dtype, type=dtype)


@rule("reduce_precision", compact=True)
def _reduce_precision(t: Any, op: Any, x: Tensor) -> Tensor:
    e = t.e
    exponent, mantissa = op.attrs["exponent_bits"], op.attrs["mantissa_bits"]
    if x.dtype == F64:
        made = _rounded(e, x, exponent, mantissa, 11, 52)
    elif x.dtype.kind == "f" and x.dtype.itemsize == 2:
        made = _rounded(e, x, exponent, mantissa, 5, 10)
    else:
        made = _rounded(e, e.cast(x, F32), exponent, mantissa, 8, 23)
    return e.cast(made, x.dtype)


def _rounded(e: Emitter, x: Tensor, exponent: int, mantissa: int, own_e: int, own_m: int) -> Tensor:
    """`x` rounded to even at `mantissa` bits, then kept within the range of `exponent` bits."""
    uint = unsigned_twin(x.dtype)

    def bits(value: int) -> Tensor:
        return e.const(np.array(value, uint))

    raw = e.bitcast(x, uint)
    if mantissa < own_m:
        drop = own_m - mantissa
        last = e.elementwise("RightShift", e.elementwise("BitwiseAnd", raw, bits(1 << drop)),
                             bits(drop))  # fmt: skip
        bias = a.add(e, last, bits((1 << (drop - 1)) - 1))
        keep = bits((1 << (8 * uint.itemsize)) - (1 << drop))
        raw = e.elementwise("BitwiseAnd", a.add(e, raw, bias), keep)
    if exponent < own_e:
        raw = _within_range(e, raw, exponent, own_e, own_m, bits)
    return e.select(e.is_nan(x), x, e.bitcast(raw, x.dtype))


def _within_range(
    e: Emitter, raw: Tensor, exponent: int, own_e: int, own_m: int, bits: Callable[[int], Tensor]
) -> Tensor:
    """Too small becomes zero, too large infinity, both with the sign kept."""
    sign_bit, field = 1 << (own_e + own_m), ((1 << own_e) - 1) << own_m
    own_bias, bias = (1 << (own_e - 1)) - 1, (1 << (exponent - 1)) - 1
    size = e.elementwise("BitwiseAnd", raw, bits(field))
    sign = e.elementwise("BitwiseAnd", raw, bits(sign_bit))
    over = e.elementwise("Greater", size, bits((own_bias + bias) << own_m), dtype=BOOL)
    under = e.elementwise("LessEqual", size, bits((own_bias - bias) << own_m), dtype=BOOL)
    raw = e.select(over, e.elementwise("BitwiseOr", sign, bits(field)), raw)
    return e.select(under, sign, raw)


@rule("constant", "chlo.constant", compact=True)
def _constant(t: Any, op: Any) -> Tensor:
    value = op.attrs["value"]
    if value.size and (value.tobytes() == value.reshape(-1)[:1].tobytes() * value.size):
        return t.e.const(value.reshape(-1)[0])
    return t.e.const(value)


@rule("iota", compact=True)
def _iota(t: Any, op: Any) -> Tensor:
    """A vector along its dimension; from `Range` where a constant would be large."""
    e, (shape, dtype) = t.e, op.results[0].type
    axis = op.attrs["iota_dimension"]
    n = shape[axis]
    if n * dtype.itemsize <= 1 << 16:
        values = e.const(np.arange(n).astype(dtype))
    else:
        start, limit, step = (e.const(np.int32(v)) for v in (0, n, 1))
        values = a.convert(e, e.one("Range", [start, limit, step], (n,), np.dtype(np.int32)), dtype)
    return e.reshape(values, [n if d == axis else 1 for d in range(len(shape))])


@rule("optimization_barrier", "sdy.sharding_constraint", "mhlo.copy", compact=True)
def _identity(t: Any, op: Any, *xs: Tensor) -> list[Tensor]:
    return list(xs)


@rule("rng_bit_generator", "rng")
def _random(t: Any, op: Any, *xs: Tensor) -> Tensor:
    raise Unsupported("device random numbers", "use keys and ms_func.random, which are portable")
