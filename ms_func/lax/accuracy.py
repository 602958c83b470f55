"""Elementwise functions that take a wish for accuracy, as StableHLO's `result_accuracy`.

Every backend here has one implementation of each function. It is the most accurate one
there is, so `AccuracyMode.HIGHEST` is always met; bounds of one's own are refused, because nothing
would check them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from ms_func.errors import ArgumentTypeError, UnsupportedError
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import elementwise as el
from ms_func.primitives import powers
from ms_func.primitives.cast import convert_element_type


class AccuracyMode(enum.Enum):
    """How accurate a function should be where there are several implementations."""

    HIGHEST = 1
    DEFAULT = 2


@dataclass(frozen=True)
class Tolerance:
    """Bounds on the error of a function: absolute, relative, and in units of the last place."""

    atol: float = 0.0
    rtol: float = 0.0
    ulps: int = 0


def _checked(name: str, accuracy: Any) -> None:
    if accuracy is None or isinstance(accuracy, AccuracyMode):
        return
    if isinstance(accuracy, Tolerance):
        raise UnsupportedError(
            f"{name} cannot promise {accuracy}: no backend chooses an implementation by bounds\n"
            "fix: leave accuracy out, or pass AccuracyMode.HIGHEST"
        )
    raise ArgumentTypeError(
        f"{name}: accuracy must be an AccuracyMode or a Tolerance, got {accuracy!r}"
    )


def cbrt(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise real cube root."""
    _checked("cbrt", accuracy)
    return el.cbrt_p.bind(x)


def cos(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise cosine of radians."""
    _checked("cos", accuracy)
    return el.cos_p.bind(x)


def exp(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise exponential."""
    _checked("exp", accuracy)
    return el.exp_p.bind(x)


def exp2(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise `2 ** x`; exact where `x` is a whole number."""
    _checked("exp2", accuracy)
    return el.exp2_p.bind(x)


def expm1(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise `exp(x) - 1`, accurate near 0."""
    _checked("expm1", accuracy)
    return el.expm1_p.bind(x)


def log(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise natural logarithm."""
    _checked("log", accuracy)
    return powers.log_p.bind(x)


def log1p(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise `log(1 + x)`, accurate near 0."""
    _checked("log1p", accuracy)
    return el.log1p_p.bind(x)


def logistic(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise `1 / (1 + exp(-x))`, the sigmoid function."""
    _checked("logistic", accuracy)
    return el.logistic_p.bind(x)


def rsqrt(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise `1 / sqrt(x)`."""
    _checked("rsqrt", accuracy)
    return el.rsqrt_p.bind(x)


def sin(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise sine of radians."""
    _checked("sin", accuracy)
    return el.sin_p.bind(x)


def sqrt(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise square root; its derivative at 0 is infinite."""
    _checked("sqrt", accuracy)
    return el.sqrt_p.bind(x)


def tan(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise tangent of radians."""
    _checked("tan", accuracy)
    return el.tan_p.bind(x)


def tanh(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise hyperbolic tangent."""
    _checked("tanh", accuracy)
    return el.tanh_p.bind(x)


def mul(x: Any, y: Any, *, out_dtype: Any = None) -> Any:
    """Elementwise `x * y`, in the wider `out_dtype` where one is given."""
    if out_dtype is not None:
        x, y = convert_element_type(x, out_dtype), convert_element_type(y, out_dtype)
    return ar.mul(x, y)
