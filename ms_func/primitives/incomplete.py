"""Incomplete gamma and beta functions: series and continued fractions run until they settle.

The formulas are those of Abramowitz and Stegun, Handbook of Mathematical Functions, 6.5.29
(series), 6.5.31 (continued fraction) and 26.5.8 (beta function, evaluated by Lentz's
method). Gamma functions of large order have a closed form, in `incomplete_far.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from ms_func.errors import UnsupportedError
from ms_func.ir.primitive import NotSupported, Primitive, Zero
from ms_func.ir.types import typeof
from ms_func.primitives.arithmetic import add, div, max, mul, neg, product_rule, sub
from ms_func.primitives.bits import bitwise_and, bitwise_not, bitwise_or
from ms_func.primitives.compare import eq, gt, le, lt, ne, select
from ms_func.primitives.elementwise import abs, exp, log1p, sqrt
from ms_func.primitives.families import nary, operands
from ms_func.primitives.incomplete_far import far, is_far, without_log
from ms_func.primitives.powers import log
from ms_func.primitives.settling import Iteration, eps_of, filled, until_settled
from ms_func.primitives.special import digamma, lgamma, log_beta, stirling_rest

# --- incomplete gamma function: the two expansions ----------------------------------------------


def _takes_fraction(a: Any, x: Any) -> Any:
    """Where the continued fraction settles sooner than the series."""
    return bitwise_and(gt(x, 1.0), gt(x, a))


def _is_ordinary(a: Any, x: Any) -> Any:
    """Where neither a limit nor an error nor the closed form is the answer."""
    positive = bitwise_and(bitwise_and(gt(x, 0.0), lt(x, np.inf)), gt(a, 0.0))
    return bitwise_and(positive, bitwise_not(is_far(a)))


def _series_start(a: Any, x: Any) -> tuple[Any, Sequence[Any]]:
    active = bitwise_and(_is_ordinary(a, x), bitwise_not(_takes_fraction(a, x)))
    return active, (a, filled(1, x), filled(1, x))


def _series_step(xs: Sequence[Any], state: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """Add the next term."""
    (_, x), (r, term, total) = xs, state
    r = add(r, 1.0)
    term = div(mul(term, x), r)
    total = add(total, term)
    return le(term, mul(abs(total), eps_of(x))), (r, term, total)


def _series_slope_start(a: Any, x: Any) -> tuple[Any, Sequence[Any]]:
    active, state = _series_start(a, x)
    return active, (*state, filled(0, x), filled(0, x))


def _series_slope_step(xs: Sequence[Any], state: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """Add the next term to the derivative by `a`, too, whose terms shrink more slowly."""
    x, (dterm, dtotal) = xs[1], state[3:]
    settled, new = _series_step(xs, state[:3])
    r, term, _ = new
    dterm = div(sub(mul(dterm, x), term), r)
    dtotal = add(dtotal, dterm)
    dsettled = le(abs(dterm), mul(abs(dtotal), eps_of(x)))
    return bitwise_and(settled, dsettled), (*new, dterm, dtotal)


def _fraction_start(a: Any, x: Any) -> tuple[Any, Sequence[Any]]:
    active = bitwise_and(_is_ordinary(a, x), _takes_fraction(a, x))
    one = filled(1, x)
    y = sub(1.0, a)
    z = add(add(x, y), 1.0)
    p, q = add(x, 1.0), mul(z, x)
    return active, (filled(0, x), y, z, one, x, p, q, div(p, q))


class _Convergent(NamedTuple):
    """The next convergent p / q, and what led to it."""

    c: Any
    y: Any
    z: Any
    p: Any
    q: Any
    known: Any
    safe: Any
    value: Any
    scale: Any


def _convergent(x: Any, state: Sequence[Any]) -> _Convergent:
    c, y, z, p2, q2, p1, q1, ans = state
    c, y, z = add(c, 1.0), add(y, 1.0), add(z, 2.0)
    yc = mul(y, c)
    p, q = sub(mul(p1, z), mul(p2, yc)), sub(mul(q1, z), mul(q2, yc))
    known = ne(q, 0.0)
    safe = select(known, q, 1.0)
    scale = select(gt(abs(p), 1 / eps_of(x)), eps_of(x), filled(1, x))
    return _Convergent(c, y, z, p, q, known, safe, select(known, div(p, safe), ans), scale)


def _fraction_step(xs: Sequence[Any], state: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    x, (*_, p1, q1, ans) = xs[1], state
    n = _convergent(x, state)
    settled = le(abs(sub(ans, n.value)), mul(abs(n.value), eps_of(x)))
    rows = [mul(v, n.scale) for v in (p1, q1, n.p, n.q)]
    return bitwise_and(n.known, settled), (n.c, n.y, n.z, *rows, n.value)


def _fraction_slope_start(a: Any, x: Any) -> tuple[Any, Sequence[Any]]:
    active, state = _fraction_start(a, x)
    zero = filled(0, x)  # p has no derivative by a, q has -x
    return active, (*state, zero, zero, zero, neg(x), div(mul(state[7], x), state[6]))


def _fraction_slope_step(xs: Sequence[Any], state: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """The derivative of the next convergent by `a`, too."""
    x, own, (dp2, dq2, dp1, dq1, dans) = xs[1], state[:8], state[8:]
    _, _, _, p2, q2, p1, q1, _ = own
    settled, new = _fraction_step(xs, own)
    n = _convergent(x, own)
    yc = mul(n.y, n.c)
    dp = add(sub(sub(mul(dp1, n.z), p1), mul(dp2, yc)), mul(p2, n.c))
    dq = add(sub(sub(mul(dq1, n.z), q1), mul(dq2, yc)), mul(q2, n.c))
    dnew = select(n.known, div(sub(dp, mul(n.value, dq)), n.safe), dans)
    eps = eps_of(x)
    dsettled = le(abs(sub(dans, dnew)), max(mul(abs(dnew), eps), filled(eps, x)))
    drows = [mul(v, n.scale) for v in (dp1, dq1, dp, dq)]
    return bitwise_and(settled, dsettled), (*new, *drows, dnew)


VALUES = (Iteration(_series_start, _series_step, 2), Iteration(_fraction_start, _fraction_step, 2))
"""Both expansions; which elements each takes is its own affair."""
SLOPES = (
    Iteration(_series_slope_start, _series_slope_step, 2),
    Iteration(_fraction_slope_start, _fraction_slope_step, 2),
)
"""Both with their derivatives by `a`, which take longer to settle."""


def _common_factor(a: Any, x: Any) -> Any:
    """x^a exp(-x) / gamma(a), for large a by Stirling's series (6.1.40).

    The series spares the difference of large logarithms.
    """
    plain = exp(sub(sub(mul(a, log(x)), x), lgamma(a)))
    large = gt(a, 10.0)
    order = select(large, a, 10.0)
    off = div(sub(x, order), order)
    exponent = neg(add(mul(order, without_log(off)), stirling_rest(order)))
    scaled = mul(sqrt(mul(order, 1 / (2 * np.pi))), exp(exponent))
    return select(large, scaled, plain)


def _slopes(a: Any, x: Any, series: Sequence[Any], fraction: Sequence[Any]) -> tuple[Any, Any]:
    """dP/da where the series holds and dQ/da where the fraction does, over the common factor."""
    slope = sub(log(x), digamma(a))
    total, dtotal, ans, dans = series[2], series[4], fraction[7], fraction[12]
    dp = sub(div(add(dtotal, mul(total, slope)), a), div(total, mul(a, a)))
    return dp, add(dans, mul(ans, slope))


def _with_limits(a: Any, x: Any, y: Any, at_zero: float, at_infinity: float) -> Any:
    """`y`, and its limits where one of a and x is 0 or infinite; NaN where one is below 0."""
    low, high = (bitwise_or(eq(p, 0.0), eq(q, np.inf)) for p, q in ((x, a), (a, x)))
    y = select(high, at_infinity, select(low, at_zero, y))
    wrong = bitwise_or(bitwise_or(lt(x, 0.0), lt(a, 0.0)), bitwise_and(low, high))
    unknown = bitwise_or(ne(x, x), ne(a, a))
    return select(bitwise_or(wrong, unknown), np.nan, y)


def _igamma_finish(a: Any, x: Any, series: Sequence[Any], fraction: Sequence[Any]) -> Any:
    p, q, ax = div(series[2], a), fraction[7], _common_factor(a, x)
    lower = select(_takes_fraction(a, x), sub(1.0, mul(q, ax)), mul(p, ax))
    return _with_limits(a, x, select(is_far(a), far(a, x).lower, lower), 0.0, 1.0)


def _igammac_finish(a: Any, x: Any, series: Sequence[Any], fraction: Sequence[Any]) -> Any:
    p, q, ax = div(series[2], a), fraction[7], _common_factor(a, x)
    upper = select(_takes_fraction(a, x), mul(q, ax), sub(1.0, mul(p, ax)))
    return _with_limits(a, x, select(is_far(a), far(a, x).upper, upper), 1.0, 0.0)


def _grad_a_finish(a: Any, x: Any, series: Sequence[Any], fraction: Sequence[Any]) -> Any:
    dp, dq = _slopes(a, x, series, fraction)
    slope = mul(select(_takes_fraction(a, x), neg(dq), dp), _common_factor(a, x))
    return _with_limits(a, x, select(is_far(a), far(a, x).slope, slope), 0.0, 0.0)


def _sample_finish(a: Any, x: Any, series: Sequence[Any], fraction: Sequence[Any]) -> Any:
    """dx/da at constant P: minus dP/da over the density, in which the common factor cancels."""
    dp, dq = _slopes(a, x, series, fraction)
    slope = mul(select(_takes_fraction(a, x), dq, neg(dp)), x)
    return _with_limits(a, x, select(is_far(a), far(a, x).sample, slope), 0.0, np.inf)


# --- references ---------------------------------------------------------------------------------


def _scipy(name: str) -> Callable[..., np.ndarray]:
    """Function of `scipy.special` in double precision, imported when a reference is asked for."""

    def ref(*arrays: np.ndarray) -> np.ndarray:
        function = getattr(importlib.import_module("scipy.special"), name)
        return function(*(a.astype(np.float64) for a in arrays))

    return ref


def _grad_a_ref(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dP/da by the series alone, whose terms are all positive."""
    a, x = np.broadcast_arrays(a.astype(np.float64), x.astype(np.float64))
    special = importlib.import_module("scipy.special")
    term, total = 1 / a, 1 / a
    dterm = dtotal = -1 / a**2
    for n in range(1, 400 + int(4 * np.max(x, initial=0, where=np.isfinite(x)))):
        dterm = (dterm * x - term * x / (a + n)) / (a + n)
        term = term * x / (a + n)
        total, dtotal = total + term, dtotal + dterm
    ax = np.exp(a * np.log(x) - x - special.gammaln(a))
    return ax * (dtotal + total * (np.log(x) - special.digamma(a)))


def _sample_ref(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    a, x = a.astype(np.float64), x.astype(np.float64)
    special = importlib.import_module("scipy.special")
    density = np.exp((a - 1) * np.log(x) - x - special.gammaln(a))
    return -_grad_a_ref(a, x) / density


# --- incomplete gamma function: the primitives --------------------------------------------------


def _density(a: Any, x: Any) -> Any:
    """Derivative of the lower function by x; at 0 the power alone counts, at infinity it is 0."""
    finite = lt(x, np.inf)
    alone = bitwise_or(bitwise_and(eq(a, 1.0), eq(x, 0.0)), bitwise_not(finite))
    power = mul(sub(a, 1.0), log(select(alone, 1.0, x)))
    plain = exp(sub(sub(power, x), lgamma(a)))
    large = bitwise_and(gt(a, 10.0), bitwise_and(gt(x, 0.0), finite))
    far_x = select(large, x, 1.0)  # where it is not asked for, the factor has a derivative too
    return select(large, div(_common_factor(select(large, a, 11.0), far_x), far_x), plain)


def _igamma_jvp(primitive: Callable[[], Primitive], sign: int) -> Callable[..., Any]:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        (a, x), (ta, tx) = primals, tangents
        out = primitive().bind(a, x)
        terms = [
            None if type(ta) is Zero else mul(ta, igamma_grad_a(a, x)),
            None if type(tx) is Zero else mul(tx, _density(a, x)),
        ]
        if sign < 0:
            terms = [None if t is None else neg(t) for t in terms]
        return out, product_rule(out, *terms)

    return jvp


def _gamma_primitive(
    name: str, *, ref: Any, iterations: Sequence[Iteration], finish: Any, jvp: Any
) -> Primitive:
    return nary(name, ref=ref, lower=until_settled(iterations, finish), jvp=jvp, accepts="floating",
                transcendental=True)  # fmt: skip


igamma_p = _gamma_primitive(
    "igamma", ref=_scipy("gammainc"), iterations=VALUES, finish=_igamma_finish,
    jvp=_igamma_jvp(lambda: igamma_p, 1),
)  # fmt: skip
igammac_p = _gamma_primitive(
    "igammac", ref=_scipy("gammaincc"), iterations=VALUES, finish=_igammac_finish,
    jvp=_igamma_jvp(lambda: igammac_p, -1),
)  # fmt: skip
igamma_grad_a_p = _gamma_primitive(
    "igamma_grad_a", ref=_grad_a_ref, iterations=SLOPES, finish=_grad_a_finish,
    jvp=NotSupported("the expansion of the second derivative is not at hand"),
)  # fmt: skip
random_gamma_grad_p = _gamma_primitive(
    "random_gamma_grad", ref=_sample_ref, iterations=SLOPES, finish=_sample_finish,
    jvp=NotSupported("the expansion of the second derivative is not at hand"),
)  # fmt: skip


def igamma(a: Any, x: Any) -> Any:
    """Elementwise regularised lower incomplete gamma function P(a, x).

    Args:
        a: array or number of a floating dtype, at least 0.
        x: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands; NaN where an operand is negative.

    Raises:
        TypeError: the dtypes differ, they are not floating, or the shapes do not fit.

    Reference:
        DLMF 8.2, 8.9.

    Example:
        >>> lax.igamma(np.array([1.0, 1.0]), np.array([0.0, 1.0])).round(4)  # 1 - exp(-x)
        Array([0.    , 0.6321], dtype=float32)
    """
    return igamma_p.bind(*operands(a, x))


def igammac(a: Any, x: Any) -> Any:
    """Elementwise regularised upper incomplete gamma function, 1 - P(a, x).

    Args:
        a: array or number of a floating dtype, at least 0.
        x: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands, accurate where P is nearly 1.

    Raises:
        TypeError: the dtypes differ, they are not floating, or the shapes do not fit.

    Reference:
        DLMF 8.2, 8.9.

    Example:
        >>> lax.igammac(np.array([1.0, 1.0]), np.array([0.0, 1.0])).round(4)  # exp(-x)
        Array([1.    , 0.3679], dtype=float32)
    """
    return igammac_p.bind(*operands(a, x))


def igamma_grad_a(a: Any, x: Any) -> Any:
    """Elementwise derivative of `igamma` by `a`.

    Args:
        a: array or number of a floating dtype, above 0.
        x: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.

    Raises:
        TypeError: the dtypes differ, they are not floating, or the shapes do not fit.

    Reference:
        DLMF 8.7, 8.9.

    Example:
        >>> lax.igamma_grad_a(np.array([1.0]), np.array([2.0])).round(4)
        Array([-0.2208], dtype=float32)
    """
    return igamma_grad_a_p.bind(*operands(a, x))


def random_gamma_grad(a: Any, x: Any) -> Any:
    """Elementwise derivative by `a` of a sample `x` of the gamma distribution of order `a`.

    It is the derivative of `x` at a fixed P(a, x), so that samples can be differentiated.

    Args:
        a: array or number of a floating dtype, above 0.
        x: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.

    Returns:
        Array of the joint shape and the dtype of the operands.

    Raises:
        TypeError: the dtypes differ, they are not floating, or the shapes do not fit.

    Reference:
        Figurnov, Mohamed and Mnih, "Implicit Reparameterization Gradients", NeurIPS 2018.

    Example:
        >>> lax.random_gamma_grad(np.array([1.0]), np.array([1.0])).round(4)
        Array([1.1736], dtype=float32)
    """
    return random_gamma_grad_p.bind(*operands(a, x))


# --- incomplete beta function -------------------------------------------------------------------


def _swapped(a: Any, b: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """Operands as they are, or those of the complement where its fraction settles sooner."""
    swap = gt(x, div(add(a, 1.0), add(add(a, b), 2.0)))
    return swap, select(swap, b, a), select(swap, a, b), select(swap, sub(1.0, x), x)


def _beta_start(a: Any, b: Any, x: Any) -> tuple[Any, Sequence[Any]]:
    active = bitwise_and(bitwise_and(gt(a, 0.0), gt(b, 0.0)), bitwise_and(gt(x, 0.0), lt(x, 1.0)))
    _, p, q, z = _swapped(a, b, x)
    one = filled(1, x)
    d = div(1.0, _away(sub(1.0, div(mul(add(p, q), z), add(p, 1.0)))))
    return active, (filled(0, x), one, d, d)


def _away(x: Any) -> Any:
    """`x` kept away from 0, where Lentz's method divides by it."""
    tiny = float(ml_dtypes.finfo(typeof(x).dtype).smallest_normal) * 16
    return select(lt(abs(x), tiny), tiny, x)


def _beta_step(xs: Sequence[Any], state: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """Two coefficients of the continued fraction."""
    _, p, q, z = _swapped(*xs)
    m, c, d, h = state
    m = add(m, 1.0)
    twice = add(m, m)
    even = div(mul(mul(m, sub(q, m)), z), mul(sub(add(p, twice), 1.0), add(p, twice)))
    d = div(1.0, _away(add(1.0, mul(even, d))))
    c = _away(add(1.0, div(even, c)))
    h = mul(h, mul(c, d))
    odd = neg(div(
        mul(mul(add(p, m), add(add(p, q), m)), z), mul(add(p, twice), add(add(p, twice), 1.0))
    ))  # fmt: skip
    d = div(1.0, _away(add(1.0, mul(odd, d))))
    c = _away(add(1.0, div(odd, c)))
    change = mul(c, d)
    return le(abs(sub(change, 1.0)), eps_of(z)), (m, c, d, mul(h, change))


BETA = Iteration(_beta_start, _beta_step, 3)


def _log_density(a: Any, b: Any, x: Any) -> Any:
    """Logarithm of x^a (1 - x)^b / B(a, b)."""
    return sub(add(mul(a, log(x)), mul(b, log1p(neg(x)))), log_beta(a, b))


def _all_at_an_end(small: Any, large: Any) -> Any:
    """Whether the beta distribution has degenerated to the end that `small` pulls to."""
    return bitwise_or(eq(small, 0.0), eq(large, np.inf))


def _beta_finish(a: Any, b: Any, x: Any, state: Sequence[Any]) -> Any:
    swap, p, _, _ = _swapped(a, b, x)
    part = div(mul(exp(_log_density(a, b, x)), state[3]), p)
    y = select(swap, sub(1.0, part), part)
    left, right = _all_at_an_end(a, b), _all_at_an_end(b, a)
    y = select(left, 1.0, select(right, 0.0, y))
    y = select(eq(x, 0.0), 0.0, select(eq(x, 1.0), 1.0, y))
    wrong = bitwise_or(bitwise_or(lt(a, 0.0), lt(b, 0.0)), bitwise_or(lt(x, 0.0), gt(x, 1.0)))
    wrong = bitwise_or(wrong, bitwise_and(left, right))  # both zero, or both infinite
    unknown = bitwise_or(bitwise_or(ne(a, a), ne(b, b)), ne(x, x))
    return select(bitwise_or(wrong, unknown), np.nan, y)


def _betainc_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (a, b, x), (ta, tb, tx) = primals, tangents
    if type(ta) is not Zero or type(tb) is not Zero:
        raise UnsupportedError(
            "`betainc` has no derivative by `a` and `b`: their series are not at hand\n"
            "fix: keep them out of the differentiation, with stop_gradient if needed"
        )
    out = betainc_p.bind(a, b, x)
    ends = (bitwise_and(eq(c, 1.0), eq(x, end)) for c, end in ((a, 0.0), (b, 1.0)))
    left, right = (select(end, 0.5, x) for end in ends)  # a power of 0 whose exponent is 0 is 1
    left = mul(sub(a, 1.0), log(left))
    right = mul(sub(b, 1.0), log1p(neg(right)))
    slope = exp(sub(add(left, right), log_beta(a, b)))
    return out, product_rule(out, None if type(tx) is Zero else mul(tx, slope))


betainc_p = nary(
    "betainc", ref=_scipy("betainc"), lower=until_settled((BETA,), _beta_finish), jvp=_betainc_jvp,
    accepts="floating", transcendental=True,
)  # fmt: skip


def betainc(a: Any, b: Any, x: Any) -> Any:
    """Elementwise regularised incomplete beta function I_x(a, b).

    Args:
        a: array or number of a floating dtype, above 0.
        b: array of the same dtype, above 0.
        x: array of the same dtype in [0, 1]. Dtypes are not promoted; shapes are equal, or have
            rank 0.

    Returns:
        Array of the joint shape and the dtype of the operands; NaN outside of these ranges.

    Raises:
        TypeError: the dtypes differ, they are not floating, or the shapes do not fit.

    Reference:
        DLMF 8.17.

    Example:
        >>> lax.betainc(1.0, 2.0, np.array([0.0, 0.5, 1.0])).round(4)  # 1 - (1 - x) ** 2
        Array([0.  , 0.75, 1.  ], dtype=float32)
    """
    return betainc_p.bind(*operands(a, b, x))
