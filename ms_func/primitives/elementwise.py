"""Elementwise functions of one operand: exponentials, logarithms, trigonometry, errors, signs.

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
from ms_func.primitives.families import check_dtype, formula, literal, nary, operands, unary
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
                 inverse=lambda x, y: add(x, _one(x)))  # fmt: skip


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
    derivative=lambda x, y: div(div(literal(1 / 3, y), y), y),
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
                inverse=lambda x, y: add(_square(x), _one(x)))  # fmt: skip


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
    """Elementwise inverse sine, in radians.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`, real ones in [-pi/2, pi/2]; NaN for
        real numbers outside [-1, 1].

    Raises:
        TypeError: `x` has an integer or boolean dtype.

    Reference:
        CHLO `asin`; DLMF 4.23.

    Example:
        >>> lax.asin(np.array([0.0, 1.0, 2.0])).round(4)
        Array([0.    , 1.5708,    nan], dtype=float32)
    """
    return asin_p.bind(x)


def acos(x: Any) -> Any:
    """Elementwise inverse cosine, in radians.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`, real ones in [0, pi]; NaN for real
        numbers outside [-1, 1].

    Raises:
        TypeError: `x` has an integer or boolean dtype.

    Reference:
        CHLO `acos`; DLMF 4.23.

    Example:
        >>> lax.acos(np.array([1.0, 0.0, 2.0])).round(4)
        Array([0.    , 1.5708,    nan], dtype=float32)
    """
    return acos_p.bind(x)


def atan(x: Any) -> Any:
    """Elementwise inverse tangent, in radians.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`, real ones in [-pi/2, pi/2].

    Raises:
        TypeError: `x` has an integer or boolean dtype.

    Reference:
        CHLO `atan`; DLMF 4.23.

    Example:
        >>> lax.atan(np.array([0.0, 1.0, np.inf])).round(4)
        Array([0.    , 0.7854, 1.5708], dtype=float32)
    """
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


def _angle(y: Any, x: Any) -> Any:
    if y.dtype.kind != "c":
        return np.arctan2(y, x)
    return -1j * np.log((x + 1j * y) / np.sqrt(x * x + y * y))


atan2_p = nary("atan2", ref=_angle, lower="atan2", jvp=_atan2_jvp, accepts="inexact",
               transcendental=True)  # fmt: skip


def atan2(x: Any, y: Any) -> Any:
    """Elementwise angle of the point with ordinate `x` and abscissa `y`, in radians.

    Args:
        x: array or number of a floating or complex dtype.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands, in [-pi, pi]. The signs of zeros
        count. Of complex numbers it is `-1j * log((y + 1j * x) / sqrt(y**2 + x**2))`.

    Raises:
        TypeError: the dtypes differ, they are not floating, or the shapes do not fit.

    Reference:
        StableHLO `atan2`; DLMF 4.23.

    Example:
        >>> lax.atan2(np.array([1.0, 0.0, -0.0]), np.array([0.0, -1.0, -1.0])).round(4)
        Array([ 1.5708,  3.1416, -3.1416], dtype=float32)
    """
    return atan2_p.bind(*operands(x, y))


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
    """Elementwise error function.

    Args:
        x: array or number of a floating dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`, between -1 and 1.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.

    Reference:
        CHLO `erf`; DLMF 7.2.

    Example:
        >>> lax.erf(np.array([-np.inf, 0.0, 0.5])).round(4)
        Array([-1.    ,  0.    ,  0.5205], dtype=float32)
    """
    return erf_p.bind(x)


def erfc(x: Any) -> Any:
    """Elementwise complementary error function, `1 - erf(x)`.

    Args:
        x: array or number of a floating dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`, accurate where `erf(x)` is nearly 1.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.

    Reference:
        CHLO `erfc`; DLMF 7.2.

    Example:
        >>> lax.erfc(np.array([-np.inf, 0.0, 0.5])).round(4)
        Array([2.    , 1.    , 0.4795], dtype=float32)
        >>> float(lax.erfc(np.float32(5))) > 0, float(1 - lax.erf(np.float32(5))) > 0
        (True, False)
    """
    return erfc_p.bind(x)


def erf_inv(x: Any) -> Any:
    """Elementwise inverse of the error function.

    Args:
        x: array or number of a floating dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`: infinite at -1 and 1, NaN outside.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.

    Reference:
        CHLO `erf_inv`; DLMF 7.17.

    Example:
        >>> lax.erf_inv(np.array([0.0, 1.0, 2.0]))
        Array([ 0., inf, nan], dtype=float32)
        >>> lax.erf_inv(lax.erf(np.array([0.25, -1.0]))).round(4)
        Array([ 0.25, -1.  ], dtype=float32)
    """
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
    """Elementwise next number after `x1` in the direction of `x2`.

    Args:
        x1: array or number of a floating dtype.
        x2: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands. The derivative is 0.

    Raises:
        TypeError: the dtypes differ, they are not floating, or the shapes do not fit.

    Reference:
        CHLO `next_after`.

    Example:
        >>> lax.nextafter(np.float32(1), np.float32(2)) - 1 == np.finfo(np.float32).eps
        Array(True, dtype=bool)
        >>> lax.nextafter(np.float32(1), np.float32(1))
        Array(1., dtype=float32)
    """
    return nextafter_p.bind(*operands(x1, x2))


def abs(x: Any) -> Any:
    """Elementwise magnitude; real for complex operands. The derivative at 0 is 0.

    Args:
        x: array or number of any dtype but bool.

    Returns:
        Array of the shape of `x`, of its dtype or of that of the parts of complex numbers. The
        least
        signed integer has no positive counterpart and stays as it is.

    Raises:
        TypeError: `x` is boolean.

    Reference:
        StableHLO `abs`.

    Example:
        >>> lax.abs(np.array([-128, 127], np.int8))
        Array([-128,  127], dtype=int8)
        >>> lax.abs(np.array([3 + 4j]))
        Array([5.], dtype=float32)
    """
    return abs_p.bind(x)


def sign(x: Any) -> Any:
    """Elementwise sign: -1, 0 or 1, NaN for NaN; `x / |x|` for complex operands.

    Args:
        x: array or number of any dtype but bool.

    Returns:
        Array of the shape and dtype of `x`; -0.0 keeps its sign. The derivative is 0.

    Raises:
        TypeError: `x` is boolean.

    Reference:
        StableHLO `sign`.

    Example:
        >>> lax.sign(np.array([-2.5, -0.0, np.nan]))
        Array([-1.,  0., nan], dtype=float32)
        >>> lax.sign(np.array([3j, 0j]))
        Array([0.+1.j, 0.+0.j], dtype=complex64)
    """
    return sign_p.bind(x)


# --- short forms ----------------------------------------------------------------------------


def square(x: Any) -> Any:
    """Elementwise `x * x`.

    Args:
        x: array or number of any dtype but bool.

    Returns:
        Array of the shape and dtype of `x`; integers wrap around.

    Raises:
        TypeError: `x` is not a number or an array.

    Reference:
        StableHLO `multiply`.

    Example:
        >>> lax.square(np.array([-3, 16], np.int8))
        Array([9, 0], dtype=int8)
        >>> float(ms.grad(lax.square)(3.0))
        6.0
    """
    return _square(x)


def reciprocal(x: Any) -> Any:
    """Elementwise `1 / x`.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`; infinite at 0, with the sign of the zero.

    Raises:
        TypeError: `x` is boolean.

    Reference:
        StableHLO `divide`.

    Example:
        >>> lax.reciprocal(np.array([2.0, -0.0]))
        Array([ 0.5, -inf], dtype=float32)
    """
    check_dtype("reciprocal", "inexact", typeof(x).dtype)
    return div(_one(x), x)
