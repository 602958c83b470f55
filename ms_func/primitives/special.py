"""Special functions: gamma function and its relatives, zeta function, Bessel functions.

Derivatives follow Abramowitz and Stegun, Handbook of Mathematical Functions, chapters 6, 9
and 23. References are SciPy's functions.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.errors import UnsupportedError
from ms_func.ir.primitive import Primitive, Zero
from ms_func.ir.types import ArrayType
from ms_func.lowering.context import parsed
from ms_func.primitives.arithmetic import add, div, mul, neg, product_rule, smooth, sub
from ms_func.primitives.compare import eq, select
from ms_func.primitives.elementwise import sign
from ms_func.primitives.families import literal, nary, operands


def _scipy(name: str) -> Callable[..., np.ndarray]:
    """Function of `scipy.special` in double precision, imported when a reference is asked for."""

    def ref(*arrays: np.ndarray) -> np.ndarray:
        function = getattr(importlib.import_module("scipy.special"), name)
        return function(*(a.astype(np.float64) for a in arrays))

    return ref


# --- gamma function -------------------------------------------------------------------------

lgamma_p = smooth("lgamma", ref=_scipy("gammaln"), lower="chlo.lgamma", accepts="floating",
                  derivative=lambda x, y: digamma(x))  # fmt: skip
digamma_p = smooth("digamma", ref=_scipy("digamma"), lower="chlo.digamma", accepts="floating",
                   derivative=lambda x, y: polygamma(literal(1, x), x))  # fmt: skip


def lgamma(x: Any) -> Any:
    """Elementwise logarithm of the magnitude of the gamma function.

    Args:
        x: array or number of a floating dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`; infinite at 0 and negative whole numbers.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.

    Reference:
        CHLO `lgamma`; DLMF 5.2.

    Example:
        >>> lax.lgamma(np.array([1.0, 3.0, 0.0])).round(4)
        Array([0.    , 0.6931,    inf], dtype=float32)
    """
    return lgamma_p.bind(x)


def digamma(x: Any) -> Any:
    """Elementwise derivative of `lgamma`.

    Args:
        x: array or number of a floating dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`; NaN at negative whole numbers.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.

    Reference:
        CHLO `digamma`; DLMF 5.2.

    Example:
        >>> lax.digamma(np.array([1.0, -1.0])).round(4)
        Array([-0.5772,     nan], dtype=float32)
    """
    return digamma_p.bind(x)


def _by_second(
    primitive: Callable[[], Primitive], derivative: Callable[[Any, Any], Any], why: str
) -> Callable[..., Any]:
    """Derivative rule of a function of two numbers that has a derivative by the second only."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        (x, y), (tx, ty) = primals, tangents
        if type(tx) is not Zero:
            raise UnsupportedError(
                f"`{primitive().name}` has no derivative by its first operand: {why}\n"
                "fix: keep that operand out of the differentiation, with stop_gradient if needed"
            )
        out = primitive().bind(x, y)
        return out, product_rule(out, None if type(ty) is Zero else mul(ty, derivative(x, y)))

    return jvp


def _polygamma_ref(m: np.ndarray, x: np.ndarray) -> np.ndarray:
    return _scipy("polygamma")(np.rint(m.astype(np.float64)), x)


polygamma_p = nary(
    "polygamma", ref=_polygamma_ref, lower="chlo.polygamma", accepts="floating",
    transcendental=True,
    jvp=_by_second(lambda: polygamma_p, lambda m, x: polygamma(add(m, literal(1, m)), x),
                   "it is defined for whole orders"),
)  # fmt: skip


def polygamma(m: Any, x: Any) -> Any:
    """Elementwise derivative of order `m` of `digamma` at `x`; `m` holds whole numbers.

    Args:
        m: array or number of a floating dtype; NaN results where it is no whole number.
        x: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.

    Raises:
        TypeError: the dtypes differ, they are not floating, or the shapes do not fit.

    Reference:
        CHLO `polygamma`; DLMF 5.15.

    Example:
        >>> lax.polygamma(1.0, np.array([1.0])).round(4)  # pi ** 2 / 6
        Array([1.6449], dtype=float32)
    """
    return polygamma_p.bind(*operands(m, x))


zeta_p = nary(
    "zeta", ref=_scipy("zeta"), lower="chlo.zeta", accepts="floating", transcendental=True,
    jvp=_by_second(lambda: zeta_p, lambda x, q: neg(mul(x, zeta(add(x, literal(1, x)), q))),
                   "the series for it is not at hand"),
)  # fmt: skip


def zeta(x: Any, q: Any) -> Any:
    """Elementwise Hurwitz zeta function: the sum of `(k + q) ** -x` over k = 0, 1, ...

    Args:
        x: array or number of a floating dtype, above 1.
        q: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands; infinite at the pole `x == 1`, NaN
        below.

    Raises:
        TypeError: the dtypes differ, they are not floating, or the shapes do not fit.

    Reference:
        CHLO `zeta`; DLMF 25.11.

    Example:
        >>> lax.zeta(np.array([2.0, 1.0]), 1.0).round(4)  # pi ** 2 / 6
        Array([1.6449,    inf], dtype=float32)
    """
    return zeta_p.bind(*operands(x, q))


# --- Bessel functions -----------------------------------------------------------------------

# Chebyshev series of exp(-x) I0(x) in x / 4 - 1 for 0 <= x <= 8, and of sqrt(x) exp(-x) I0(x) in
# 16 / x - 1 for x >= 8, fitted to the power series and the asymptotic series (Abramowitz and
# Stegun 9.6.12 and 9.7.1) in extended precision; relative error below 1e-15.
_I0E_SMALL = (
    0.33839763720473803, -0.3046826723431984, 0.17162090152220877, -0.09490109704804764,
    0.04930528423967071, -0.02373741480589947, 0.010546460394594998, -0.004324309995050576,
    0.001639475616941336, -0.0005763755745385825, 0.00018850288509584173, -5.7541950100821094e-05,
    1.644844807072883e-05, -4.416738358458745e-06, 1.1173875391200808e-06, -2.6707938539416215e-07,
    6.04699502254998e-08, -1.3000250099950289e-08, 2.659823724745575e-09, -5.189795604035189e-10,
    9.675809055004528e-11, -1.726826318453078e-11, 2.955053131649377e-12, -4.856450934757547e-13,
    7.676191191745892e-14, -1.1685359914393421e-14, 1.7153382799459452e-15,
    -2.4309337366430067e-16, 3.340359130792059e-17, -4.4181238528784306e-18,
)  # fmt: skip
_I0E_LARGE = (
    0.4022452055070544, 0.0033691164782556943, 6.889758346916825e-05, 2.891370520834717e-06,
    2.048918589469437e-07, 2.266668990498735e-08, 3.396232025688955e-09, 4.940602387975239e-10,
    1.1889147131774992e-11, -3.149916534677939e-11, -1.3215811816361891e-11,
    -1.7941785345832253e-12, 7.180124125901298e-13, 3.852778691785033e-13, 1.5400852255711636e-14,
    -4.1505752827741826e-14, -9.554775590517317e-15, 3.811607605062883e-15, 1.7725606494888935e-15,
    -3.4259772211005235e-16, -2.8269894021201725e-16, 3.4448829964832395e-17,
    4.4935415489195853e-17, -5.050010431530139e-18, -7.259072357969354e-18,
)  # fmt: skip


def _i0e_lower(b: Any, eqn: Any, x: Any) -> Any:
    out = eqn.outputs[0].type
    kind = out if out.dtype.itemsize >= 4 else ArrayType(out.shape, np.float32)
    x = b.op("stablehlo.abs", [kind], [x if kind is out else b.convert(x, kind)])

    def op(name: str, *values: Any) -> Any:
        return b.op(f"stablehlo.{name}", [kind], [*values])

    def number(value: float) -> Any:
        return b.constant(value, kind)

    def series(coefficients: Sequence[float], t: Any) -> Any:
        """Clenshaw's recurrence."""
        twice, first, second = op("add", t, t), number(0), number(0)
        for c in reversed(coefficients[1:]):
            step = op("subtract", op("multiply", twice, first), second)
            first, second = op("add", step, number(c)), first
        rest = op("subtract", op("multiply", t, first), second)
        return op("add", rest, number(coefficients[0]))

    eight = number(8)
    inner = op("minimum", x, eight)  # each series sees arguments of its own range only
    outer = op("maximum", x, eight)
    one = number(1)
    small = series(_I0E_SMALL, op("subtract", op("multiply", inner, number(0.25)), one))
    large = series(_I0E_LARGE, op("subtract", op("divide", number(16), outer), one))
    large = op("multiply", large, op("rsqrt", outer))
    flag = ArrayType(kind.shape, np.bool_)
    below = {"comparison_direction": parsed("#stablehlo<comparison_direction LE>")}
    is_small = b.op("stablehlo.compare", [flag], [x, eight], below)
    y = op("select", is_small, small, large)
    return y if kind is out else b.convert(y, out)


def _i1e_derivative(x: Any, y: Any) -> Any:
    """Derivative of exp(-|x|) I1(x), which is 1/2 at 0."""
    at_zero = eq(x, literal(0, x))
    safe = select(at_zero, literal(1, x), x)
    slope = sub(bessel_i0e(x), mul(y, add(sign(x), div(literal(1, x), safe))))
    return select(at_zero, literal(0.5, x), slope)


bessel_i0e_p = smooth(
    "bessel_i0e", ref=_scipy("i0e"), lower=_i0e_lower, accepts="floating",
    derivative=lambda x, y: sub(bessel_i1e(x), mul(sign(x), y)),
)  # fmt: skip
bessel_i1e_p = smooth(
    "bessel_i1e", ref=_scipy("i1e"), lower="chlo.bessel_i1e", accepts="floating",
    derivative=_i1e_derivative,
)  # fmt: skip


def bessel_i0e(x: Any) -> Any:
    """Elementwise `exp(-|x|) I0(x)`, the modified Bessel function of order 0, scaled.

    Args:
        x: array or number of a floating dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`, which never overflows.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.

    Reference:
        DLMF 10.25; Chebyshev series, summed by Clenshaw's recurrence.

    Example:
        >>> lax.bessel_i0e(np.array([0.0, 1.0, -1.0])).round(4)
        Array([1.    , 0.4658, 0.4658], dtype=float32)
    """
    return bessel_i0e_p.bind(x)


def bessel_i1e(x: Any) -> Any:
    """Elementwise `exp(-|x|) I1(x)`, the modified Bessel function of order 1, scaled.

    Args:
        x: array or number of a floating dtype; integers are not converted.

    Returns:
        Array of the shape and dtype of `x`, odd in `x`, which never overflows.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.

    Reference:
        CHLO `bessel_i1e`; DLMF 10.25.

    Example:
        >>> lax.bessel_i1e(np.array([0.0, 2.0, -2.0])).round(4)
        Array([ 0.    ,  0.2153, -0.2153], dtype=float32)
    """
    return bessel_i1e_p.bind(x)
