"""Elementwise functions of one operand: exponentials, logarithms, trigonometry, rounding.

Derivatives follow Abramowitz and Stegun, Handbook of Mathematical Functions, chapters 4
and 7; each is written from the input x and the output y.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import dtype_name, is_inexact
from ms_func.ir.primitive import ZERO, Zero
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import parsed
from ms_func.primitives.arithmetic import add, div, mul, neg, product_rule, smooth, sub
from ms_func.primitives.cast import complex, conj, imag, real
from ms_func.primitives.compare import eq, ge, select
from ms_func.primitives.families import formula, literal, nary, operands, unary
from ms_func.primitives.trigonometry import fast_on_cpu


def _math(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """NumPy function from one of the math module, element by element in double precision."""
    fn = np.vectorize(getattr(math, name), otypes=[np.float64])

    def apply(x: np.ndarray) -> np.ndarray:
        return fn(x.astype(np.float64)) if x.size else x

    return apply


def _one(x: Any) -> Any:
    return literal(1, x)


def _square(x: Any) -> Any:
    return mul(x, x)


# --- exponentials and logarithms ------------------------------------------------------------

exp_p = smooth("exp", ref=np.exp, lower=formula("exp", "exponential"),
               derivative=lambda x, y: y)  # fmt: skip
exp2_p = smooth("exp2", ref=np.exp2, lower=formula("exp2", None),
                derivative=lambda x, y: mul(y, literal(math.log(2), y)))  # fmt: skip
expm1_p = smooth("expm1", ref=np.expm1, lower=formula("expm1", "exponential_minus_one"),
                 derivative=lambda x, y: add(y, _one(y)))  # fmt: skip
log1p_p = smooth("log1p", ref=np.log1p, lower=formula("log1p", "log_plus_one"),
                 derivative=lambda x, y: div(_one(x), add(x, _one(x))))  # fmt: skip


def exp(x: Any) -> Any:
    """Elementwise exponential."""
    return exp_p.bind(x)


def exp2(x: Any) -> Any:
    """Elementwise `2 ** x`."""
    return exp2_p.bind(x)


def expm1(x: Any) -> Any:
    """Elementwise `exp(x) - 1`, accurate near 0."""
    return expm1_p.bind(x)


def log1p(x: Any) -> Any:
    """Elementwise `log(1 + x)`, accurate near 0."""
    return log1p_p.bind(x)


# --- roots ----------------------------------------------------------------------------------

sqrt_p = smooth("sqrt", ref=np.sqrt, lower=formula("sqrt", "sqrt"),
                derivative=lambda x, y: div(literal(0.5, y), y))  # fmt: skip
rsqrt_p = smooth("rsqrt", ref=lambda x: 1 / np.sqrt(x), lower="rsqrt",
                 derivative=lambda x, y: mul(literal(-0.5, y), div(y, x)))  # fmt: skip
cbrt_p = smooth(
    "cbrt", ref=np.cbrt, lower="cbrt", accepts="floating",
    derivative=lambda x, y: div(literal(1 / 3, y), _square(y)),
)  # fmt: skip


def sqrt(x: Any) -> Any:
    """Elementwise square root; its derivative at 0 is infinite."""
    return sqrt_p.bind(x)


def rsqrt(x: Any) -> Any:
    """Elementwise `1 / sqrt(x)`."""
    return rsqrt_p.bind(x)


def cbrt(x: Any) -> Any:
    """Elementwise real cube root."""
    return cbrt_p.bind(x)


# --- trigonometric --------------------------------------------------------------------------

sin_p = smooth("sin", ref=np.sin, lower=fast_on_cpu("sin", formula("sin", "sine")),
               derivative=lambda x, y: cos(x))  # fmt: skip
cos_p = smooth("cos", ref=np.cos, lower=fast_on_cpu("cos", formula("cos", "cosine")),
               derivative=lambda x, y: neg(sin(x)))  # fmt: skip
tan_p = smooth(
    "tan",
    ref=np.tan,
    lower=formula("tan", "tan"),
    derivative=lambda x, y: add(_square(y), _one(y)),
)
asin_p = smooth("asin", ref=np.arcsin, lower=formula("asin", "chlo.asin"),
                derivative=lambda x, y: rsqrt(sub(_one(x), _square(x))))  # fmt: skip
acos_p = smooth("acos", ref=np.arccos, lower=formula("acos", "chlo.acos"),
                derivative=lambda x, y: neg(rsqrt(sub(_one(x), _square(x)))))  # fmt: skip
atan_p = smooth("atan", ref=np.arctan, lower=formula("atan", "chlo.atan"),
                derivative=lambda x, y: div(_one(x), add(_square(x), _one(x))))  # fmt: skip


def sin(x: Any) -> Any:
    """Elementwise sine of radians."""
    return sin_p.bind(x)


def cos(x: Any) -> Any:
    """Elementwise cosine of radians."""
    return cos_p.bind(x)


def tan(x: Any) -> Any:
    """Elementwise tangent of radians."""
    return tan_p.bind(x)


def asin(x: Any) -> Any:
    """Elementwise inverse sine, in radians."""
    return asin_p.bind(x)


def acos(x: Any) -> Any:
    """Elementwise inverse cosine, in radians."""
    return acos_p.bind(x)


def atan(x: Any) -> Any:
    """Elementwise inverse tangent, in radians."""
    return atan_p.bind(x)


def _atan2_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (y, x), (ty, tx) = primals, tangents
    out = atan2_p.bind(y, x)
    norm = add(_square(y), _square(x))
    return out, product_rule(
        out,
        None if type(ty) is Zero else mul(ty, div(x, norm)),
        None if type(tx) is Zero else mul(tx, div(neg(y), norm)),
    )


atan2_p = nary("atan2", ref=np.arctan2, lower="atan2", jvp=_atan2_jvp, accepts="floating",
               transcendental=True)  # fmt: skip


def atan2(x: Any, y: Any) -> Any:
    """Elementwise angle of the point with ordinate `x` and abscissa `y`, in radians."""
    return atan2_p.bind(*operands(x, y))


# --- hyperbolic -----------------------------------------------------------------------------

sinh_p = smooth("sinh", ref=np.sinh, lower=formula("sinh", None), derivative=lambda x, y: cosh(x))
cosh_p = smooth("cosh", ref=np.cosh, lower=formula("cosh", None), derivative=lambda x, y: sinh(x))
tanh_p = smooth("tanh", ref=np.tanh, lower=formula("tanh", "tanh"),
                derivative=lambda x, y: sub(_one(y), _square(y)))  # fmt: skip
asinh_p = smooth("asinh", ref=np.arcsinh, lower=formula("asinh", "chlo.asinh"),
                 derivative=lambda x, y: rsqrt(add(_square(x), _one(x))))  # fmt: skip
acosh_p = smooth(
    "acosh", ref=np.arccosh, lower=formula("acosh", "chlo.acosh"),
    derivative=lambda x, y: mul(rsqrt(sub(x, _one(x))), rsqrt(add(x, _one(x)))),
)  # fmt: skip
atanh_p = smooth("atanh", ref=np.arctanh, lower=formula("atanh", "chlo.atanh"),
                 derivative=lambda x, y: div(_one(x), sub(_one(x), _square(x))))  # fmt: skip
logistic_p = smooth(
    "logistic", ref=lambda x: np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))),
                                       np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))
    if x.dtype.kind != "c" else 1 / (1 + np.exp(-x)),
    lower="logistic", derivative=lambda x, y: mul(y, sub(_one(y), y)),
)  # fmt: skip


def sinh(x: Any) -> Any:
    """Elementwise hyperbolic sine."""
    return sinh_p.bind(x)


def cosh(x: Any) -> Any:
    """Elementwise hyperbolic cosine."""
    return cosh_p.bind(x)


def tanh(x: Any) -> Any:
    """Elementwise hyperbolic tangent."""
    return tanh_p.bind(x)


def asinh(x: Any) -> Any:
    """Elementwise inverse hyperbolic sine."""
    return asinh_p.bind(x)


def acosh(x: Any) -> Any:
    """Elementwise inverse hyperbolic cosine."""
    return acosh_p.bind(x)


def atanh(x: Any) -> Any:
    """Elementwise inverse hyperbolic tangent."""
    return atanh_p.bind(x)


def logistic(x: Any) -> Any:
    """Elementwise `1 / (1 + exp(-x))`, the sigmoid function."""
    return logistic_p.bind(x)


# --- error functions ------------------------------------------------------------------------

_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


def _gauss(x: Any) -> Any:
    return mul(literal(_TWO_OVER_SQRT_PI, x), exp(neg(_square(x))))


erf_p = smooth("erf", ref=_math("erf"), lower="chlo.erf", accepts="floating",
               derivative=lambda x, y: _gauss(x))  # fmt: skip
erfc_p = smooth("erfc", ref=_math("erfc"), lower="chlo.erfc", accepts="floating",
                derivative=lambda x, y: neg(_gauss(x)))  # fmt: skip


def _erf_inv_ref(x: np.ndarray) -> np.ndarray:
    from scipy.special import erfinv  # only the reference needs scipy

    return erfinv(x.astype(np.float64))


erf_inv_p = smooth(
    "erf_inv", ref=_erf_inv_ref, lower="chlo.erf_inv", accepts="floating",
    derivative=lambda x, y: mul(literal(1 / _TWO_OVER_SQRT_PI, y), exp(_square(y))),
)  # fmt: skip


def erf(x: Any) -> Any:
    """Elementwise error function."""
    return erf_p.bind(x)


def erfc(x: Any) -> Any:
    """Elementwise complementary error function, `1 - erf(x)`."""
    return erfc_p.bind(x)


def erf_inv(x: Any) -> Any:
    """Elementwise inverse of the error function."""
    return erf_inv_p.bind(x)


# --- magnitude and sign -----------------------------------------------------------------------


def _abs_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The derivative at 0 is 1, as in JAX; of a complex x it is Re(conj(t) x) / |x|, there 0."""
    (x,), (t,) = primals, tangents
    out = abs_p.bind(x)
    if type(t) is Zero or not is_inexact(typeof(x).dtype):
        return out, Zero(typeof(out).tangent)
    if typeof(x).dtype.kind != "c":
        return out, select(ge(x, literal(0, x)), t, neg(t))
    safe = select(eq(out, 0.0), literal(1, out), out)
    return out, real(mul(t, conj(_scaled(x, safe))))


def _scaled(x: Any, by: Any) -> Any:
    """Complex x divided by a real number."""
    return complex(div(real(x), by), div(imag(x), by))


_complex_abs = formula("abs", None)


def _abs_lower(b: Any, eqn: Any, x: Any) -> Any:
    """StableHLO's abs, which unsigned integers do not have and complex numbers overflow in."""
    kind = eqn.inputs[0].type.dtype.name
    if kind.startswith("c"):
        return _complex_abs(b, eqn, x)
    return x if kind.startswith("u") else b.op("stablehlo.abs", [eqn.outputs[0].type], [x])


abs_p = unary(
    "abs", ref=np.abs, lower=_abs_lower, accepts="number", jvp=_abs_jvp, transcendental=False,
    result=lambda d: np.dtype(f"f{d.itemsize // 2}") if d.kind == "c" else d,
)  # fmt: skip


def _sign_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """0 for real numbers; a complex x / |x| turns by the part of t that is across it."""
    (x,), (t,) = primals, tangents
    y = sign_p.bind(x)
    if type(t) is Zero or typeof(x).dtype.kind != "c":
        return y, Zero(typeof(y).tangent)
    size = abs_p.bind(x)
    safe = select(eq(size, 0.0), literal(1, size), size)
    across = div(imag(mul(conj(y), t)), safe)
    return y, mul(y, complex(literal(0, across), across))


def _sign_lower(b: Any, eqn: Any, x: Any) -> Any:
    """StableHLO's sign, made 0 at -0; for unsigned integers, which it lacks, `min(x, 1)`."""
    out = eqn.outputs[0].type
    kind = dtype_name(out.dtype)[0]  # NumPy takes integers of 4 bits for neither
    if kind == "u":
        return b.op("stablehlo.minimum", [out], [x, b.constant(1, out)])
    sign = b.op("stablehlo.sign", [out], [x])
    if kind == "i":
        return sign
    attributes = {"comparison_direction": parsed("#stablehlo<comparison_direction EQ>")}
    zero = b.constant(0, out)
    at_zero = b.op("stablehlo.compare", [ArrayType(out.shape, np.bool_)], [x, zero], attributes)
    return b.op("stablehlo.select", [out], [at_zero, zero, sign])


sign_p = unary("sign", ref=np.sign, accepts="number", transcendental=False, jvp=_sign_jvp,
               lower=_sign_lower)  # fmt: skip


nextafter_p = nary("nextafter", ref=np.nextafter, lower="chlo.next_after", jvp=ZERO,
                   accepts="floating")  # fmt: skip


def nextafter(x1: Any, x2: Any) -> Any:
    """Elementwise next number after `x1` in the direction of `x2`."""
    return nextafter_p.bind(*operands(x1, x2))


def abs(x: Any) -> Any:
    """Elementwise magnitude; real for complex operands. The derivative at 0 is 0."""
    return abs_p.bind(x)


def sign(x: Any) -> Any:
    """Elementwise sign: -1, 0 or 1, NaN for NaN; `x / |x|` for complex operands."""
    return sign_p.bind(x)


# --- short forms ----------------------------------------------------------------------------


def square(x: Any) -> Any:
    """Elementwise `x * x`."""
    return _square(x)


def reciprocal(x: Any) -> Any:
    """Elementwise `1 / x`."""
    return div(_one(x), x)
