"""Complex elementary functions as formulas of real and imaginary parts.

StableHLO's own complex forms lose signs of zero, turn infinities into NaN and overflow
early. The values here at zeros, infinities and NaN are those of ISO/IEC 9899 (C), annex G,
which NumPy and the array API standard ask for. The formulas are W. Kahan's, "Branch cuts for
complex elementary functions" (1987). Each form takes the parts `(a, b)` of `z = a + ib`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np

from ms_func.ir.function import Function
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import bits, cast, compare, powers, rounding
from ms_func.primitives import elementwise as el
from ms_func.primitives.arithmetic import add, div, mul, neg, sub
from ms_func.primitives.compare import eq, gt, lt, ne, select
from ms_func.primitives.families import formulas, literal
from ms_func.tracing.tracer import build

Parts = tuple[Any, Any]

# --- small tools ------------------------------------------------------------------------------


def _info(x: Any) -> Any:
    return ml_dtypes.finfo(typeof(x).dtype)


def _either(p: Any, q: Any) -> Any:
    return bits.bitwise_or(p, q)


def _both(p: Any, q: Any) -> Any:
    return bits.bitwise_and(p, q)


def _infinite(x: Any) -> Any:
    return eq(el.abs(x), math.inf)


def _nan(x: Any) -> Any:
    return ne(x, x)


def _finite(x: Any) -> Any:
    return compare.is_finite(x)


def negative_sign(x: Any) -> Any:
    """Whether the sign bit of a float is set."""
    return lt(cast.bitcast_convert_type(x, np.dtype(f"i{typeof(x).dtype.itemsize}")), 0)


def with_sign(size: Any, of: Any) -> Any:
    """The magnitude of `size` with the sign of `of`, zeros and NaN included."""
    size = el.abs(size)
    return select(negative_sign(of), neg(size), size)


def _two_sum(x: Any, y: Any) -> Parts:
    """`x + y` rounded, and what rounding lost (Knuth)."""
    s = add(x, y)
    t = sub(s, x)
    return s, add(sub(x, sub(s, t)), sub(y, t))


def _two_square(x: Any) -> Parts:
    """`x * x` rounded, and what rounding lost (Dekker), for x that is not huge."""
    digits = (int(_info(x).nmant) + 2) // 2
    c = mul(x, float(2**digits + 1))
    high = sub(c, sub(c, x))
    low = sub(x, high)
    p = mul(x, x)
    return p, add(sub(mul(high, high), p), add(mul(mul(high, low), 2.0), mul(low, low)))


# --- exponential and hyperbolic functions -------------------------------------------------------


def _scaled_exp(a: Any) -> Parts:
    """`(e, f)` with `exp(a) = e * f`, where `e` does not overflow before a product with it."""
    limit = float(np.floor(np.log(float(_info(a).max))))
    over = gt(a, limit)
    shift = select(over, limit, literal(0.0, a))
    return el.exp(sub(a, shift)), select(over, math.exp(limit), literal(1.0, a))


def exp(a: Any, b: Any) -> Parts:
    """`exp(a) cis(b)`."""
    e, f = _scaled_exp(a)
    re, im = mul(mul(e, el.cos(b)), f), mul(mul(e, el.sin(b)), f)
    endless = _both(_infinite(a), bits.bitwise_not(_finite(b)))
    up = gt(a, 0.0)
    re = select(endless, select(up, a, literal(0.0, a)), re)
    im = select(endless, select(up, literal(math.nan, b), with_sign(literal(0.0, b), b)), im)
    return re, select(eq(b, 0.0), b, im)


def exp2(a: Any, b: Any) -> Parts:
    """`exp(z log 2)`."""
    factor = math.log(2)
    return exp(mul(a, factor), mul(b, factor))


def expm1(a: Any, b: Any) -> Parts:
    """`exp(z) - 1`, with `cos b - 1` as `-2 sin(b / 2)**2`."""
    re, im = exp(a, b)
    half = el.sin(mul(b, 0.5))
    near = sub(mul(el.expm1(a), el.cos(b)), mul(mul(half, half), 2.0))
    small = lt(el.abs(a), 30.0)
    return select(small, near, sub(re, 1.0)), im


def _hyperbolic(a: Any) -> tuple[Any, Any, Any]:
    """`sinh |a| / h`, `cosh |a| / h` and `h`, a scale that keeps both finite."""
    size = el.abs(a)
    large = gt(size, 20.0)
    m = el.expm1(select(large, literal(1.0, a), size))
    e = add(m, 1.0)
    sinh_small, cosh_small = mul(add(m, div(m, e)), 0.5), mul(add(e, div(literal(1.0, a), e)), 0.5)
    h = el.exp(mul(select(large, size, literal(0.0, a)), 0.5))
    return (
        select(large, mul(h, 0.5), sinh_small),
        select(large, mul(h, 0.5), cosh_small),
        select(large, h, literal(1.0, a)),
    )


def real_sinh(a: Any) -> Any:
    """`sinh` of real numbers without the rounding error of a shifted exponent."""
    s, _, h = _hyperbolic(a)
    return with_sign(mul(s, h), a)


def real_cosh(a: Any) -> Any:
    """`cosh` of real numbers without the rounding error of a shifted exponent."""
    _, c, h = _hyperbolic(a)
    return mul(c, h)


def sinh(a: Any, b: Any) -> Parts:
    """`sinh a cos b + i cosh a sin b`."""
    s, c, h = _hyperbolic(a)
    re = mul(mul(with_sign(s, a), el.cos(b)), h)
    im = mul(mul(c, el.sin(b)), h)
    wild = bits.bitwise_not(_finite(b))
    re = select(_both(wild, _either(_infinite(a), eq(a, 0.0))), a, re)
    whole = eq(b, 0.0)
    return select(whole, with_sign(mul(s, h), a), re), select(whole, b, im)


def cosh(a: Any, b: Any) -> Parts:
    """`cosh a cos b + i sinh a sin b`."""
    s, c, h = _hyperbolic(a)
    re = mul(mul(c, el.cos(b)), h)
    im = mul(mul(with_sign(s, a), el.sin(b)), h)
    wild = bits.bitwise_not(_finite(b))
    re = select(_both(wild, _infinite(a)), literal(math.inf, a), re)
    zero = with_sign(with_sign(literal(0.0, b), a), b)
    zero = select(negative_sign(a), neg(with_sign(literal(0.0, b), b)), with_sign(zero, b))
    whole = eq(b, 0.0)
    im = select(_either(whole, _both(wild, eq(a, 0.0))), zero, im)
    return select(whole, mul(c, h), re), im


def tanh(a: Any, b: Any) -> Parts:
    """Kahan's form in `t = tan b` and `s = sinh a`; its limit where `|a|` is large.

    At infinite `a` the zero takes the sign of `b`, as the array API standard has it; annex G of C
    gives it that of `sin 2b`.
    """
    size = el.abs(a)
    large = gt(size, 22.0 if _info(a).bits == 64 else 11.0)
    t = el.tan(b)
    s = real_sinh(select(large, literal(0.0, a), a))
    beta, rho = add(mul(t, t), 1.0), el.sqrt(add(mul(s, s), 1.0))
    below = add(mul(beta, mul(s, s)), 1.0)
    re, im = div(mul(mul(beta, rho), s), below), div(t, below)
    far = mul(mul(mul(el.sin(b), el.cos(b)), 4.0), el.exp(mul(size, -2.0)))
    wild = bits.bitwise_not(_finite(b))
    far = select(_either(wild, _infinite(a)), with_sign(literal(0.0, b), b), far)
    re = select(large, with_sign(literal(1.0, a), a), re)
    im = select(large, far, im)
    re = select(_both(wild, eq(a, 0.0)), a, re)
    lost = _both(large, _both(wild, _finite(a)))
    nan = literal(math.nan, a)
    re, im = select(lost, nan, re), select(lost, nan, im)
    whole = eq(b, 0.0)
    return re, select(whole, b, im)


def sin(a: Any, b: Any) -> Parts:
    """`-i sinh(iz)`."""
    u, v = sinh(neg(b), a)
    return v, neg(u)


def cos(a: Any, b: Any) -> Parts:
    """`cosh(iz)`."""
    return cosh(neg(b), a)


def tan(a: Any, b: Any) -> Parts:
    """`-i tanh(iz)`."""
    u, v = tanh(neg(b), a)
    return v, neg(u)


# --- logarithms and the square root --------------------------------------------------------------


def _log_size(a: Any, b: Any) -> Any:
    """`log |z|`; where `|z|` is about 1, from `|z|**2 - 1` computed in twice the precision."""
    x, y = el.abs(a), el.abs(b)
    big, small = ar.max(x, y), ar.min(x, y)
    near = _both(gt(big, 0.5), lt(big, 2.0))
    p, p_lost = _two_square(select(near, big, literal(1.0, a)))
    q, q_lost = _two_square(select(near, small, literal(0.0, a)))
    s, s_lost = _two_sum(sub(p, 1.0), q)
    close = mul(el.log1p(add(s, add(s_lost, add(p_lost, q_lost)))), 0.5)
    plain = _either(eq(big, 0.0), _infinite(big))
    ratio = div(small, select(plain, literal(1.0, a), big))
    ratio = select(plain, literal(0.0, a), ratio)
    far = add(powers.log(big), mul(el.log1p(mul(ratio, ratio)), 0.5))
    return _endless(a, b, select(near, close, far))


def _endless(a: Any, b: Any, size: Any) -> Any:
    """`size`, and infinity where either part is infinite."""
    return select(_either(_infinite(a), _infinite(b)), literal(math.inf, a), size)


def log(a: Any, b: Any) -> Parts:
    """`log |z| + i arg z`."""
    return _log_size(a, b), el.atan2(b, a)


def log1p(a: Any, b: Any) -> Parts:
    """`log(1 + z)`; near 0 from `|1 + z|**2 - 1 = 2a + a**2 + b**2` in twice the precision."""
    near = _both(lt(el.abs(a), 0.5), lt(el.abs(b), 0.5))
    x, y = (select(near, v, literal(0.0, a)) for v in (a, b))
    (p, p_lost), (q, q_lost) = _two_square(x), _two_square(y)
    s, s_lost = _two_sum(mul(x, 2.0), q)
    t, t_lost = _two_sum(s, p)
    lost = add(add(s_lost, t_lost), add(p_lost, q_lost))
    close = mul(el.log1p(add(t, lost)), 0.5)
    above = add(a, 1.0)
    return select(near, close, _log_size(above, b)), el.atan2(b, above)


def sqrt(a: Any, b: Any) -> Parts:
    """The root in the right half plane, of a scaled argument so that `|z|` does not overflow."""
    x, y = el.abs(a), el.abs(b)
    big = ar.max(x, y)
    info = _info(a)
    huge, tiny = gt(big, float(info.max) / 4), lt(big, float(info.smallest_normal) * 2**30)
    scale = select(huge, 0.0625, select(tiny, float(2**54), literal(1.0, a)))
    back = select(huge, 4.0, select(tiny, float(2**-27), literal(1.0, a)))
    x, y = mul(x, scale), mul(y, scale)
    t = el.sqrt(mul(add(x, hypotenuse(x, y)), 0.5))
    other = select(eq(t, 0.0), t, div(mul(y, 0.5), select(eq(t, 0.0), literal(1.0, a), t)))
    t, other = mul(t, back), mul(other, back)
    left = negative_sign(a)
    re, im = select(left, other, t), with_sign(select(left, t, other), b)
    endless, nan = _infinite(a), _nan(b)
    lost = literal(math.nan, a)
    flat = select(nan, lost, literal(0.0, a))
    re = select(endless, select(left, flat, a), re)
    im = select(endless, with_sign(select(left, literal(math.inf, a), flat), b), im)
    re, im = select(_nan(a), lost, re), select(_nan(a), lost, im)
    re = select(_infinite(b), literal(math.inf, a), re)
    return re, select(_infinite(b), b, im)


def hypotenuse(x: Any, y: Any) -> Any:
    """`sqrt(x**2 + y**2)` of numbers that are not negative; infinite where either is."""
    big, small = ar.max(x, y), ar.min(x, y)
    plain = _either(eq(big, 0.0), _infinite(big))
    ratio = div(small, select(plain, literal(1.0, x), big))
    ratio = select(plain, literal(0.0, x), ratio)
    size = mul(big, el.sqrt(add(mul(ratio, ratio), 1.0)))
    return _endless(x, y, size)


def _size(a: Any, b: Any) -> Any:
    """`|z|`."""
    return hypotenuse(el.abs(a), el.abs(b))


# --- inverse functions: the compiler's value in the first quadrant, reflected ---------------------


def fold_in(a: Any, b: Any) -> Parts:
    """The point of the first quadrant from which the symmetries give the value at `a + ib`."""
    return el.abs(a), el.abs(b)


def asinh(a: Any, b: Any, u: Any, v: Any) -> Parts:
    """From `u + iv`, the value at `|a| + i|b|`: odd in both parts."""
    u = select(_both(_nan(a), _infinite(b)), literal(math.inf, a), u)
    v = select(_both(_nan(a), eq(b, 0.0)), literal(0.0, a), v)
    u = select(_both(_infinite(a), _nan(b)), literal(math.inf, a), u)
    return with_sign(u, a), with_sign(v, b)


def asin(a: Any, b: Any, u: Any, v: Any) -> Parts:
    """`-i asinh(iz)`, from the value in the first quadrant."""
    v = select(_either(_both(_nan(b), _infinite(a)), _both(_nan(a), _infinite(b))),
               literal(math.inf, a), v)  # fmt: skip
    u = select(_both(_nan(b), eq(a, 0.0)), literal(0.0, a), u)
    return with_sign(u, a), with_sign(v, b)


def _mirrored(a: Any, u: Any) -> Any:
    """`pi - u` in the left half plane."""
    return select(negative_sign(a), sub(literal(math.pi, a), u), u)


def acos(a: Any, b: Any, u: Any, v: Any) -> Parts:
    """`acos(-z) = pi - acos z`, `acos(conj z) = conj(acos z)`."""
    half = _both(eq(a, 0.0), _nan(b))
    u = select(half, literal(math.pi / 2, a), _mirrored(a, u))
    endless = _either(_both(_infinite(a), _nan(b)), _both(_nan(a), _infinite(b)))
    v = select(endless, literal(math.inf, a), v)
    u = select(endless, literal(math.nan, a), u)
    v = with_sign(v, b)
    return u, neg(v)


def acosh(a: Any, b: Any, u: Any, v: Any) -> Parts:
    """`acosh(-z) = i pi - acosh z` above the real axis."""
    endless = _either(_both(_infinite(a), _nan(b)), _both(_nan(a), _infinite(b)))
    u = select(endless, literal(math.inf, a), u)
    v = select(endless, literal(math.nan, a), _mirrored(a, v))
    v = select(_both(eq(a, 0.0), _nan(b)), literal(math.pi / 2, a), v)
    return u, with_sign(v, b)


def atanh(a: Any, b: Any) -> Parts:
    """`log1p(4a / ((1 - a)**2 + b**2)) / 4` and half of `arg((1 - a)(1 + a) - b**2 + 2ib)`."""
    x, y = el.abs(a), el.abs(b)
    limit = math.sqrt(float(_info(a).max)) / 4
    far = _either(gt(x, limit), gt(y, limit))
    p, q = (select(far, literal(0.0, a), w) for w in (x, y))
    less = sub(literal(1.0, a), p)
    tiny = math.sqrt(float(_info(a).smallest_normal))
    q_safe = select(lt(q, tiny), literal(0.0, a), q)
    below = add(mul(less, less), mul(q_safe, q_safe))
    pole = eq(below, 0.0)
    ratio = div(mul(p, 4.0), select(pole, literal(1.0, a), below))
    u = mul(el.log1p(ratio), 0.25)
    at_pole = select(
        eq(q, 0.0), literal(math.inf, a), mul(sub(math.log(4.0) / 2, powers.log(q)), 0.5)
    )
    u = select(pole, at_pole, u)
    v = mul(el.atan2(mul(q, 2.0), sub(mul(less, add(p, 1.0)), mul(q_safe, q_safe))), 0.5)
    big, small = ar.max(x, y), ar.min(x, y)
    ratio = div(small, select(_infinite(big), literal(1.0, a), big))
    ratio = select(_infinite(big), literal(0.0, a), ratio)
    above = div(div(x, big), mul(big, add(mul(ratio, ratio), 1.0)))
    u = select(far, select(_either(_infinite(x), _infinite(y)), literal(0.0, a), above), u)
    v = select(far, literal(math.pi / 2, a), v)
    nan = literal(math.nan, a)
    v = select(_nan(b), nan, v)
    u = select(_both(_nan(a), _infinite(b)), literal(0.0, a), select(_nan(a), nan, u))
    u = select(_both(_nan(b), _finite(a)), select(eq(a, 0.0), literal(0.0, a), nan), u)
    u = select(_both(_nan(b), _infinite(a)), literal(0.0, a), u)
    v = select(_both(_nan(a), _finite(b)), nan, v)
    return with_sign(u, a), with_sign(v, b)


def atan(a: Any, b: Any) -> Parts:
    """`-i atanh(iz)`."""
    u, v = atanh(neg(b), a)
    return v, neg(u)


# --- real functions ------------------------------------------------------------------------------


def real_exp2(x: Any) -> Any:
    """`2 ** x` of real numbers: exact at whole ones, whose power is built from its bits."""
    info = _info(x)
    whole = rounding.round_even_p.bind(x)
    rest = sub(x, select(_finite(x), whole, x))
    rest = el.exp(mul(select(_infinite(x), 0.0, rest), math.log(2)))
    n = compare.clamp(float(2 * info.minexp), whole, float(2 * info.maxexp))
    half = rounding.floor(mul(n, 0.5))
    return mul(mul(rest, _power_of_two(half)), _power_of_two(sub(n, half)))


def _power_of_two(n: Any) -> Any:
    """`2 ** n` of whole floats; 0 and infinity beyond the range of exponents."""
    info, dtype = _info(n), typeof(n).dtype
    field = add(cast.convert_element_type(n, f"int{info.bits}"), int(info.maxexp) - 1)
    field = compare.clamp(0, field, 2 * int(info.maxexp) - 1)
    pattern = bits.shift_left(field, literal(int(info.nmant), field))
    return cast.bitcast_convert_type(pattern, dtype)


# --- as programs ----------------------------------------------------------------------------------

_REFLECTED = {"asinh": asinh, "asin": asin, "acos": acos, "acosh": acosh}
_DIRECT: dict[str, Callable[..., Parts]] = {
    f.__name__: f
    for f in (exp, exp2, expm1, log, log1p, sqrt, sin, cos, tan, sinh, cosh, tanh, atan, atanh)
}
_REAL = {"sinh": real_sinh, "cosh": real_cosh, "exp2": real_exp2}


def _build(name: str, types: list[ArrayType], form: Callable[..., Parts]) -> Function:
    def body(*values: Any) -> list[Any]:
        parts = [part for z in values for part in (cast.real(z), cast.imag(z))]
        return [cast.complex(*form(*parts))]

    return build(name, types, body)


@cache
def direct(name: str, kind: ArrayType) -> Function | None:
    """Program of a complex function that is a formula throughout, if `name` is one."""
    if name == "abs":
        return build(name, [kind], lambda z: [_size(cast.real(z), cast.imag(z))])
    return _build(name, [kind], _DIRECT[name]) if name in _DIRECT else None


@cache
def reflected(name: str, kind: ArrayType) -> tuple[Function, Function]:
    """Programs before and after the compiler's own function, which sees the first quadrant."""
    return (
        _build(f"{name}_fold", [kind], fold_in),
        _build(f"{name}_reflect", [kind, kind], _REFLECTED[name]),
    )


@cache
def real(name: str, kind: ArrayType) -> Function:
    """Program of a real function whose StableHLO form is less exact than it could be."""
    return build(name, [kind], lambda x: [_REAL[name](x)])


formulas.real, formulas.direct, formulas.reflected = real, direct, reflected
