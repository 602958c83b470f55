"""Modified Bessel functions of the orders 0 and 1, which grow as the exponential does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes

from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import logic, searching
from ms_func.primitives.special import bessel_i0e, bessel_i1e, first_slope


@custom_jvp
def order_zero(x: Any) -> Any:
    """`I0(x)` of floats; its derivative is `I1(x)` (DLMF 10.29.3)."""
    return _grown(x, bessel_i0e, el.abs(x))


@order_zero.defjvp
def _order_zero_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (x,), (t,) = primals, tangents
    return order_zero(x), ar.multiply(t, order_one(x))


@custom_jvp
def order_one(x: Any) -> Any:
    """`I1(x)` of floats; its derivative is `I0(x) - I1(x) / x` (DLMF 10.29.1)."""
    return _grown(x, bessel_i1e, x)


@order_one.defjvp
def _order_one_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    (x,), (t,) = primals, tangents
    y = order_one(x)
    return y, ar.multiply(t, first_slope(x, order_zero(x), y))


def _grown(x: Any, scaled: Callable[[Any], Any], limit: Any) -> Any:
    """`exp(|x|) * scaled(x)`; what the exponential alone cannot hold is multiplied first.

    At infinity it is `limit`: there the product would be of infinity and 0.
    """
    size = el.abs(x)
    most = ar.minimum(size, math.floor(math.log(float(ml_dtypes.finfo(size.dtype).max))))
    rest = el.exp(ar.subtract(size, most))
    product = ar.multiply(el.exp(most), ar.multiply(rest, scaled(x)))
    return searching.where(logic.isinf(x), limit, product)
