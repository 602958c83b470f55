"""Sine and cosine of many short floats on CPU, as one vectorised formula.

XLA calls a function of the C library for each element there, which takes more than twice as
long. The angle is brought to [-pi/4, pi/4] in double precision, for every finite argument, and a
polynomial in double precision gives results within 0.51 ulp of the exact ones.

Reference:
    Payne, Hanek, "Radian reduction for trigonometric functions", SIGNUM Newsletter 18, 1983,
    here with products of 24 by 29 bits, which double precision holds exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ms_func.ir.function import Function
from ms_func.ir.types import ArrayType, typeof
from ms_func.primitives.arithmetic import add, div, mul, sub
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import eq, ge, ne, select
from ms_func.primitives.families import literal
from ms_func.primitives.rounding import floor, round_even_p
from ms_func.tracing.tracer import build

FEWEST = 4096
"""With fewer elements the time of a call is that of starting it."""

_BITS = 0xA2F9836E4E441529FC2757D1F534DDC0DB6295993C439041FE5163ABDEBBC561
"""The first 256 bits of 2/pi behind the point."""
_QUARTER = np.pi / 2
_QUARTER_HIGH = float.fromhex("0x1.921fb54p+0")
"""pi/2 to 29 bits: its products with whole numbers below 2**24 are exact."""
_QUARTER_LOW = float.fromhex("0x1.10b4611a62633p-30")

# Least squares on Chebyshev nodes of [-pi/4, pi/4]: relative errors below 2**-35 and 2**-31.
_SINE = (-0.1666666666380047, 0.008333331853167637, -0.00019840075037295648, 2.7248405062064515e-06)
_COSINE = (-0.49999999968523084, 0.04166665040965462, -0.001388757638403218, 2.4462126459307907e-05)


def fast_on_cpu(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """Lowering rule: the formula for many short floats on CPU, `plain` for everything else."""

    def lower(b: Any, eqn: Any, x: Any) -> Any:
        kind = eqn.inputs[0].type
        if b.lowerer.platform != "cpu" or kind.size < FEWEST or kind.dtype not in _SHORT:
            return plain(b, eqn, x)
        (out,) = b.call(_program(name, ArrayType(eqn.outputs[0].type.shape, kind.dtype)), [x])
        return out

    return lower


_SHORT = frozenset({np.dtype(np.float32)})


@cache
def _program(name: str, kind: ArrayType) -> Function:
    return build(name, [kind], lambda x: [_formula(x, {"sin": 0, "cos": 1}[name])])


def _formula(x: Any, ahead: int) -> Any:
    """Sine of `x` and so many quarters of a turn.

    The last step is a division by 1 or -1. XLA takes cheap operations into every loop that reads
    their result, and so would compute them again for each element that it is repeated over, as a
    table of sines is over a batch; divisions count as too dear for that.
    """
    turn, rest = _reduced(convert_element_type(x, np.float64))
    quarter = add(convert_element_type(turn, np.int32), ahead)
    square = mul(rest, rest)
    sine = add(rest, mul(mul(rest, square), _polynomial(square, _SINE)))
    cosine = add(mul(square, _polynomial(square, _COSINE)), 1.0)
    size = select(ne(bitwise_and(quarter, 1), 0), cosine, sine)
    sign = select(ne(bitwise_and(quarter, 2), 0), literal(-1.0, x), literal(1.0, x))
    size = convert_element_type(size, typeof(x).dtype)
    if not ahead:
        size = select(eq(x, 0.0), x, size)  # keeps the sign of zero
    return div(size, sign)


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Horner's scheme, constant term first."""
    out = literal(coefficients[-1], x)
    for c in coefficients[-2::-1]:
        out = add(mul(out, x), c)
    return out


def _reduced(x: Any) -> tuple[Any, Any]:
    """Whole quarters of a turn, up to multiples of four, and the rest of the angle."""
    near = round_even_p.bind(mul(x, 1 / _QUARTER))
    rest = sub(sub(x, mul(near, _QUARTER_HIGH)), mul(near, _QUARTER_LOW))
    far, far_rest = _reduced_far(x)
    large = ge(mul(x, x), 2.0**48)
    turn = select(large, far, near)
    return sub(turn, mul(floor(mul(turn, 0.25)), 4.0)), select(large, far_rest, rest)


def _reduced_far(x: Any) -> tuple[Any, Any]:
    """The same from 2**24 on, where `x` is a whole number of 24 bits times a power of two.

    The power is taken to the constant: modulo four quarters, `x * 2/pi` is
    `(x / 2**k) * (2**k * 2/pi mod 4)`, whose second factor comes in pieces of 29 bits.
    """
    size = mul(x, x)
    ranges = [ge(size, 4.0 ** (24 + 32 * i)) for i in (1, 2, 3)]

    def chosen(values: Sequence[float]) -> Any:
        out = literal(values[0], x)
        for r, v in zip(ranges, values[1:], strict=True):
            out = select(r, literal(v, x), out)
        return out

    y = mul(x, chosen([2.0 ** (-32 * k) for k in range(4)]))
    total: Any = None
    for i in range(4):
        part = mul(y, chosen([_piece(k, i) for k in range(4)]))
        if i < 3:  # the last is small
            part = sub(part, mul(round_even_p.bind(mul(part, 0.25)), 4.0))
        total = part if total is None else add(total, part)
    turn = round_even_p.bind(total)
    return turn, mul(sub(total, turn), _QUARTER)


def _piece(k: int, i: int) -> float:
    """Bits `29 i` to `29 i + 28` of `2**(32 k) * 2/pi` modulo 4, the first of which counts 2."""
    places = 29 * (i + 1) - 2
    bits = (_BITS >> (256 - 32 * k - places)) & (2**29 - 1)
    return bits * 2.0**-places
