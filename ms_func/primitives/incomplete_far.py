"""The incomplete gamma function of large order, in closed form: Temme's uniform expansion.

Series and continued fraction take some ten roots of the order in rounds, and counters of the
rounds have no digit left beside an order of 2 ** 24 in float32. The expansion (DLMF 8.12) joins
the complementary error function of an angle `eta` with powers of 1 / a; its coefficients are
analytic in `eta`, and follow from `eta**2 / 2 = mu - log(1 + mu)` for `mu = (x - a) / a`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.primitives.arithmetic import add, div, max, min, mul, neg, sub
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.compare import eq, ge, gt, lt, select
from ms_func.primitives.elementwise import abs, erfc, exp, log1p, sqrt
from ms_func.primitives.special import stirling_rest

FAR = 1e5
"""Orders from here on: as many coefficients as give all digits of float64."""
_REACH = 0.15
"""Angles beyond it leave nothing of the smaller function."""
_COEFFICIENTS = (
    (-1 / 3, 1 / 12, -2 / 135, 1 / 864, 0.0003527336860670194, -0.0001787551440329218,
     3.919263178522438e-05, -2.185448510679992e-06, -1.85406221071516e-06, 8.296711340953087e-07,
     -1.7665952736826078e-07, 6.707853543401498e-09),
    (-1 / 540, -1 / 288, 1 / 378, -0.0009902263374485596, 0.00020576131687242798,
     -4.018775720164609e-07, -1.8098550334489977e-05, 7.64916091608111e-06,
     -1.6120900894563446e-06),
    (0.004133597883597883, -0.0026813271604938273, 1 / 1296, 2.0093878600823047e-06,
     -0.0001073665322636516, 5.2923448829120125e-05),
    (0.0006494341563786008, 0.00022947209362139917, -0.0004691894943952557),
)  # fmt: skip
"""Of the powers of `eta`, a row for each power of 1 / a."""


class Far(NamedTuple):
    """Values for large orders.

    Attributes:
        lower: P(a, x).
        upper: Q(a, x).
        slope: dP/da.
        sample: derivative of x by a where P stays.
    """

    lower: Any
    upper: Any
    slope: Any
    sample: Any


def is_far(a: Any) -> Any:
    """Whether an order is large enough for `far`."""
    return bitwise_and(ge(a, FAR), lt(a, np.inf))


def without_log(mu: Any) -> Any:
    """`mu - log(1 + mu)` without the cancellation at small `mu`.

    There log(1 + mu) is 2 artanh(r) for r = mu / (2 + mu), and mu - 2 r is mu r.
    """
    near = lt(abs(mu), 0.2)
    small = select(near, mu, 0.0)
    r = div(small, add(small, 2.0))
    square = mul(r, r)
    total = _sum([1 / n for n in range(3, 19, 2)], square)
    plain = sub(mu, log1p(select(near, 0.0, mu)))
    return select(near, mul(r, sub(small, mul(mul(square, 2.0), total))), plain)


def far(a: Any, x: Any) -> Far:
    """All that is asked of the incomplete gamma function, for orders that are `is_far`."""
    a = select(is_far(a), a, FAR)
    mu = div(sub(x, a), a)
    half = max(without_log(mu), 0.0)  # eta**2 / 2
    root = sqrt(mul(half, 2.0))
    eta = select(lt(mu, 0.0), neg(root), root)
    z = mul(eta, sqrt(mul(a, 0.5)))
    size = div(exp(neg(mul(a, half))), sqrt(mul(a, 2 * np.pi)))
    rest, by_eta, by_a = _rest(a, min(max(eta, -_REACH), _REACH))
    zero = eq(eta, 0.0)
    ratio = select(zero, 1.0, div(mu, select(zero, 1.0, eta)))
    turn = div(neg(ratio), a)  # of eta, by a
    bracket = sub(mul(eta, 0.5), ratio)
    bracket = add(bracket, mul(rest, add(sub(half, mu), div(0.5, a))))
    bracket = sub(bracket, add(mul(by_eta, turn), by_a))
    sample = mul(neg(bracket), mul(div(x, a), exp(stirling_rest(a))))
    rest, slope = mul(rest, size), select(gt(size, 0.0), mul(size, bracket), 0.0)
    lower = sub(mul(erfc(neg(z)), 0.5), rest)
    return Far(lower, add(mul(erfc(z), 0.5), rest), slope, sample)


def _rest(a: Any, eta: Any) -> tuple[Any, Any, Any]:
    """The sum of the expansion, and its derivatives by `eta` and by `a`."""
    rows = [_sum(row, eta) for row in _COEFFICIENTS]
    slopes = [_sum([n * c for n, c in enumerate(row)][1:], eta) for row in _COEFFICIENTS]
    inverse = div(1.0, a)
    falling = [mul(row, float(-k)) for k, row in enumerate(rows)]
    by_a = mul(_sum(falling, inverse), inverse)
    return _sum(rows, inverse), _sum(slopes, inverse), by_a


def _sum(coefficients: Sequence[Any], x: Any) -> Any:
    """Polynomial by Horner's rule."""
    total = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        total = add(mul(total, x), c)
    return total
