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
from ms_func.primitives import hyperbolic, powers
from ms_func.primitives.cast import convert_element_type


class AccuracyMode(enum.Enum):
    """How accurate a function should be where there are several implementations.

    Attributes:
        HIGHEST: the most accurate one there is.
        DEFAULT: what the backend prefers; here the same.

    Example:
        >>> float(lax.exp(0.0, accuracy=lax.AccuracyMode.HIGHEST))
        1.0
    """

    HIGHEST = 1
    DEFAULT = 2


@dataclass(frozen=True)
class Tolerance:
    """Bounds on the error of a function: absolute, relative, and in units of the last place.

    No backend here promises to keep such bounds, so that functions refuse them.

    Attributes:
        atol: absolute error.
        rtol: relative error.
        ulps: units of the last place.

    Example:
        >>> lax.Tolerance(rtol=1e-3)
        Tolerance(atol=0.0, rtol=0.001, ulps=0)
    """

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
    """Elementwise real cube root.

    Args:
        x: array or number of a floating dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`; negative for negative numbers.

    Raises:
        TypeError: `x` has an integer, boolean or complex dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `cbrt`.

    Example:
        >>> lax.cbrt(np.array([-8.0, 0.0, 27.0])).round(4)
        Array([-2.,  0.,  3.], dtype=float32)
    """
    _checked("cbrt", accuracy)
    return el.cbrt_p.bind(x)


def cos(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise cosine of radians.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`; NaN where a real `x` is infinite.

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `cosine`; DLMF 4.14.

    Example:
        >>> lax.cos(np.array([0.0, np.pi, np.inf]))
        Array([ 1., -1., nan], dtype=float32)
    """
    _checked("cos", accuracy)
    return el.cos_p.bind(x)


def exp(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise exponential.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`; infinite where it overflows.

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `exponential`; DLMF 4.2.

    Example:
        >>> lax.exp(np.array([-np.inf, 0.0, 1000.0]))
        Array([ 0.,  1., inf], dtype=float32)
    """
    _checked("exp", accuracy)
    return el.exp_p.bind(x)


def exp2(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise `2 ** x`; exact where `x` is a whole number.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`.

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `exponential`.

    Example:
        >>> lax.exp2(np.array([-1.0, 0.0, 10.0]))
        Array([5.000e-01, 1.000e+00, 1.024e+03], dtype=float32)
    """
    _checked("exp2", accuracy)
    return el.exp2_p.bind(x)


def expm1(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise `exp(x) - 1`, accurate near 0.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`.

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `exponential_minus_one`; DLMF 4.2.

    Example:
        >>> tiny = np.float32(1e-10)
        >>> float(lax.exp(tiny) - 1)
        0.0
        >>> float(lax.expm1(tiny)) > 9e-11
        True
    """
    _checked("expm1", accuracy)
    return el.expm1_p.bind(x)


def log(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise natural logarithm.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`: minus infinity at 0, NaN for negative
        real numbers, and for complex ones the branch with an imaginary part in [-pi, pi].

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `log`; DLMF 4.2.

    Example:
        >>> lax.log(np.array([1.0, 0.0, -1.0]))
        Array([  0., -inf,  nan], dtype=float32)
        >>> lax.log(np.array([-1 + 0j])).round(4)
        Array([0.+3.1416j], dtype=complex64)
    """
    _checked("log", accuracy)
    return powers.log_p.bind(x)


def log1p(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise `log(1 + x)`, accurate near 0.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`: minus infinity at -1, NaN below.

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `log_plus_one`; DLMF 4.2.

    Example:
        >>> lax.log1p(np.array([0.0, -1.0, -2.0]))
        Array([  0., -inf,  nan], dtype=float32)
        >>> float(lax.log1p(np.float32(1e-10))) > 9e-11
        True
    """
    _checked("log1p", accuracy)
    return el.log1p_p.bind(x)


def logistic(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise `1 / (1 + exp(-x))`, the sigmoid function.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`, between 0 and 1 where that is real.

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `logistic`.

    Example:
        >>> lax.logistic(np.array([-np.inf, 0.0, np.inf]))
        Array([0. , 0.5, 1. ], dtype=float32)
        >>> float(ms.grad(lax.logistic)(0.0))
        0.25
    """
    _checked("logistic", accuracy)
    return hyperbolic.logistic_p.bind(x)


def rsqrt(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise `1 / sqrt(x)`.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`: infinite at 0, NaN for negative real numbers.

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `rsqrt`.

    Example:
        >>> lax.rsqrt(np.array([4.0, 0.0, -1.0]))
        Array([0.5, inf, nan], dtype=float32)
    """
    _checked("rsqrt", accuracy)
    return el.rsqrt_p.bind(x)


def sin(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise sine of radians.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`; NaN where a real `x` is infinite.

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `sine`; DLMF 4.14.

    Example:
        >>> lax.sin(np.array([0.0, np.pi / 2, np.inf]))
        Array([ 0.,  1., nan], dtype=float32)
    """
    _checked("sin", accuracy)
    return el.sin_p.bind(x)


def sqrt(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise square root; its derivative at 0 is infinite.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`: NaN for negative real numbers, for complex
        ones the root whose real part is not negative.

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `sqrt`; DLMF 4.2.

    Example:
        >>> lax.sqrt(np.array([4.0, 0.0, -1.0]))
        Array([ 2.,  0., nan], dtype=float32)
        >>> lax.sqrt(np.array([-4 + 0j])).round(4)
        Array([0.+2.j], dtype=complex64)
        >>> float(ms.grad(lax.sqrt)(0.0))
        inf
    """
    _checked("sqrt", accuracy)
    return el.sqrt_p.bind(x)


def tan(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise tangent of radians.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`; NaN where a real `x` is infinite.

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `tan`; DLMF 4.14.

    Example:
        >>> lax.tan(np.array([0.0, np.pi / 4])).round(4)
        Array([0., 1.], dtype=float32)
    """
    _checked("tan", accuracy)
    return el.tan_p.bind(x)


def tanh(x: Any, *, accuracy: Any = None) -> Any:
    """Elementwise hyperbolic tangent.

    Args:
        x: array or number of a floating or complex dtype; integers are not converted.
        accuracy: None or an `AccuracyMode`; there is one implementation, the most accurate.

    Returns:
        Array of the shape and dtype of `x`, between -1 and 1 where that is real.

    Raises:
        TypeError: `x` has an integer or boolean dtype.
        NotImplementedError: `accuracy` is a `Tolerance`, which no backend promises to keep.

    Reference:
        StableHLO `tanh`; DLMF 4.28.

    Example:
        >>> lax.tanh(np.array([-np.inf, 0.0, 20.0]))
        Array([-1.,  0.,  1.], dtype=float32)
    """
    _checked("tanh", accuracy)
    return hyperbolic.tanh_p.bind(x)


def mul(x: Any, y: Any, *, out_dtype: Any = None) -> Any:
    """Elementwise `x * y`, in the wider `out_dtype` where one is given.

    Args:
        x: array or number of any dtype; booleans give their logical and.
        y: array of the same dtype, which is not promoted; its shape is equal, or one of both has
            rank 0, or dimensions of size 1 where the other's are larger.
        out_dtype: dtype that both operands are converted to first; None leaves them as they are.

    Returns:
        Array of the joint shape and the dtype of the operands, or `out_dtype`; integers wrap
        around.

    Raises:
        TypeError: the dtypes differ, or the shapes do not fit.

    Reference:
        StableHLO `multiply`.

    Example:
        >>> a = np.array([100, 2], np.int8)
        >>> lax.mul(a, a)
        Array([16,  4], dtype=int8)
        >>> lax.mul(a, a, out_dtype=np.int32)
        Array([10000,     4], dtype=int32)
    """
    if out_dtype is not None:
        x, y = convert_element_type(x, out_dtype), convert_element_type(y, out_dtype)
    return ar.mul(x, y)
